//! Any OpenAI-compatible chat endpoint
//! (<https://platform.openai.com/docs/api-reference/chat/create>).

use std::time::Duration;

use async_openai::types::chat::{
    ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest, ResponseFormat,
    ResponseFormatJsonSchema,
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::http::{Call, MAX_JSON_BYTES};
use super::{Key, ProviderError, SetupError};
use crate::settings;

/// A client of one endpoint and model.
#[derive(Clone, Debug)]
pub struct Llm {
    client: reqwest::Client,
    url: String,
    model: String,
    key: Key,
}

/// What is asked of the model.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who it is and what it must keep to.
    pub system: String,
    /// What it is asked.
    pub user: String,
    /// Name and JSON schema of the answer. None: text.
    pub schema: Option<(&'static str, Value)>,
    /// Makes the answer repeatable where the endpoint can.
    pub seed: u64,
}

/// What is read of an answer. async-openai's type wants every field as OpenAI has it: Groq's
/// `"service_tier": "on_demand"` would be no chat completion.
#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

impl Llm {
    /// A client with the key from `settings.api_key_env`; without one, for endpoints that need none.
    ///
    /// # Errors
    ///
    /// The variable holds what is no key, or the HTTP client cannot be built.
    pub fn new(settings: &settings::Llm) -> Result<Self, SetupError> {
        let timeout = settings::seconds(settings.timeout_s);
        Ok(Self {
            client: reqwest::Client::builder().timeout(timeout).build()?,
            url: format!("{}/chat/completions", settings.base_url.trim_end_matches('/')),
            model: settings.model.clone(),
            key: Key::from_env(&settings.api_key_env)?,
        })
    }

    /// Asks and gives the answer's text, never blank.
    ///
    /// # Errors
    ///
    /// [`ProviderError`].
    pub async fn answer(&self, question: &Question) -> Result<String, ProviderError> {
        let mut request = self.client.post(&self.url).json(&self.request(question));
        if let Some(key) = self.key.secret() {
            request = request.bearer_auth(key.expose_secret());
        }
        let call = Call {
            client: &self.client,
            request: request.build(),
            url: &self.url,
            key: self.key.secret(),
            key_env: self.key.env(),
            max_bytes: MAX_JSON_BYTES,
            patience: Duration::MAX,
        };
        let answer: Answer = call.json("a chat completion").await?;
        let found = match answer.choices.into_iter().next().map(|choice| choice.message) {
            None => "no choice".to_owned(),
            Some(Message { content: Some(text), .. }) if !text.trim().is_empty() => {
                return Ok(text);
            }
            Some(Message { refusal: Some(refusal), .. }) => format!("the refusal {refusal:?}"),
            Some(_) => "an empty one".to_owned(),
        };
        Err(call.bad_answer("a message with content", &found))
    }

    #[expect(deprecated, reason = "servers that can repeat an answer do it by `seed`")]
    fn request(&self, question: &Question) -> CreateChatCompletionRequest {
        let format = |(name, schema): &(&str, Value)| ResponseFormat::JsonSchema {
            json_schema: ResponseFormatJsonSchema {
                description: None,
                name: (*name).to_owned(),
                schema: schema.clone(),
                strict: Some(true),
            },
        };
        CreateChatCompletionRequest {
            model: self.model.clone(),
            messages: messages(question),
            response_format: question.schema.as_ref().map(format),
            seed: Some(question.seed.cast_signed()),
            ..CreateChatCompletionRequest::default()
        }
    }
}

fn messages(question: &Question) -> Vec<ChatCompletionRequestMessage> {
    vec![
        ChatCompletionRequestSystemMessage::from(question.system.as_str()).into(),
        ChatCompletionRequestUserMessage::from(question.user.as_str()).into(),
    ]
}

#[cfg(test)]
mod tests;
