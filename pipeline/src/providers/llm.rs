//! Any OpenAI-compatible chat endpoint
//! (<https://platform.openai.com/docs/api-reference/chat/create>).

mod ask;
mod cache;
pub mod document;
mod format;
mod thoughts;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use ask::AskError;
use async_openai::types::chat::{
    ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest,
};
use format::{Accepted, Format, may_be_the_format};
use protocol::Class;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::http::{Call, MAX_JSON_BYTES};
use super::kept::Kept;
use super::{Client, Common, Key, ProviderError, SetupError};
use crate::limits::Slots;
use crate::settings;
pub use thoughts::{tag_name, without_thoughts};

/// A client of one endpoint and model.
#[derive(Clone, Debug)]
pub struct Llm {
    client: Client,
    url: String,
    model: String,
    key: Key,
    temperature: Option<f32>,
    /// Time for all attempts at one answer.
    budget: Duration,
    slots: Slots,
    formats: Arc<Accepted>,
    kept: Option<Kept<String>>,
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
    content: Option<Content>,
    refusal: Option<String>,
}

/// A text, or, as Mistral's thinking models answer, a list of parts of which some are thoughts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl Content {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }
}

impl Llm {
    /// A client with the key from `settings.api_key_env`; without one, for endpoints that need none.
    /// Answers are kept in `data_dir`, where they are kept.
    ///
    /// # Errors
    ///
    /// The variable holds what is no key, or the HTTP client cannot be built.
    pub fn new(
        settings: &settings::Llm,
        data_dir: &Path,
        common: &Common,
    ) -> Result<Self, SetupError> {
        let timeout = settings::seconds(settings.timeout_s);
        Ok(Self {
            client: Client::new(common, &settings.base_url, Some(timeout))?,
            url: format!("{}/chat/completions", settings.base_url.trim_end_matches('/')),
            model: settings.model.clone(),
            key: Key::from_env(&settings.api_key_env)?,
            temperature: settings.temperature,
            budget: settings::seconds(settings.budget_s),
            slots: common.limits.of(Class::Light).clone(),
            formats: Arc::default(),
            kept: cache::kept(settings, data_dir, &common.keeping),
        })
    }

    /// Asks and gives the answer's text, never blank. An endpoint that refuses a JSON schema is asked
    /// without it, now and from then on.
    ///
    /// # Errors
    ///
    /// [`ProviderError`].
    async fn answer(&self, question: &Question) -> Result<String, ProviderError> {
        if question.schema.is_none() {
            return self.answer_in(Format::Text, question).await;
        }
        let mut format = self.formats.get();
        loop {
            match (self.answer_in(format, question).await, format.next()) {
                (Err(error), Some(next)) if may_be_the_format(&error) => {
                    tracing::warn!(%error, ?format, "asking in another format");
                    format = next;
                }
                (Err(error), _) => return Err(error),
                (Ok(answer), _) => {
                    self.formats.learn(format);
                    return Ok(answer);
                }
            }
        }
    }

    async fn answer_in(
        &self,
        format: Format,
        question: &Question,
    ) -> Result<String, ProviderError> {
        let mut request =
            self.client.requests().post(&self.url).json(&self.request(format, question));
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
            patience: self.budget,
            slots: Some(&self.slots),
        };
        let answer: Answer = call.json("a chat completion").await?;
        let found = match answer.choices.into_iter().next().map(|choice| choice.message) {
            None => "no choice".to_owned(),
            Some(Message { content, refusal }) => {
                let text = content.map(Content::into_text).unwrap_or_default();
                if !text.trim().is_empty() {
                    return Ok(text);
                }
                refusal
                    .map_or("an empty one".to_owned(), |refusal| format!("the refusal {refusal:?}"))
            }
        };
        Err(call.bad_answer("a message with content", &found))
    }

    #[expect(deprecated, reason = "servers that can repeat an answer do it by `seed`")]
    fn request(&self, format: Format, question: &Question) -> CreateChatCompletionRequest {
        let schema = question.schema.as_ref();
        let advice = schema.map(|(_, schema)| format.advice(schema)).unwrap_or_default();
        CreateChatCompletionRequest {
            model: self.model.clone(),
            messages: messages(&format!("{}{advice}", question.system), &question.user),
            response_format: schema.and_then(|(name, schema)| format.field(name, schema)),
            seed: Some(question.seed.cast_signed()),
            temperature: self.temperature,
            ..CreateChatCompletionRequest::default()
        }
    }
}

fn messages(system: &str, user: &str) -> Vec<ChatCompletionRequestMessage> {
    vec![
        ChatCompletionRequestSystemMessage::from(system).into(),
        ChatCompletionRequestUserMessage::from(user).into(),
    ]
}

#[cfg(test)]
mod burst;
#[cfg(test)]
mod tests;
