//! Any OpenAI-compatible chat endpoint
//! (<https://platform.openai.com/docs/api-reference/chat/create>).

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs, ResponseFormat,
    ResponseFormatJsonSchema,
};
use serde_json::Value;

use super::{ATTEMPTS, ProviderError, ask, shorten};
use crate::settings;

/// A client of one endpoint and model.
#[derive(Clone, Debug)]
pub struct Llm {
    client: Client<OpenAIConfig>,
    url: String,
    model: String,
    key_env: String,
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

impl Llm {
    /// A client with the key from `settings.api_key_env`; without one, for endpoints that need none.
    ///
    /// # Errors
    ///
    /// The HTTP client cannot be built.
    pub fn new(settings: &settings::Llm) -> Result<Self, reqwest::Error> {
        let key = std::env::var(&settings.api_key_env).unwrap_or_default();
        let url = settings.base_url.trim_end_matches('/').to_owned();
        let config = OpenAIConfig::new().with_api_base(&url).with_api_key(key);
        let http =
            reqwest::Client::builder().timeout(settings::seconds(settings.timeout_s)).build()?;
        Ok(Self {
            client: Client::build(http, config),
            url: format!("{url}/chat/completions"),
            model: settings.model.clone(),
            key_env: settings.api_key_env.clone(),
        })
    }

    /// Asks and gives the answer's text, never empty.
    ///
    /// # Errors
    ///
    /// [`ProviderError`]. async-openai itself asks again on 429, 5xx and refused connections, honouring
    /// `Retry-After`; connections that break in the middle are asked again here.
    pub async fn answer(&self, question: &Question) -> Result<String, ProviderError> {
        ask(|_| self.answer_once(question)).await
    }

    async fn answer_once(&self, question: &Question) -> Result<String, ProviderError> {
        let mut request = CreateChatCompletionRequestArgs::default();
        request.model(&self.model).messages(messages(question));
        if let Some((name, schema)) = &question.schema {
            request.response_format(ResponseFormat::JsonSchema {
                json_schema: ResponseFormatJsonSchema {
                    description: None,
                    name: (*name).to_owned(),
                    schema: schema.clone(),
                    strict: Some(true),
                },
            });
        }
        request.seed(question.seed.cast_signed());
        let request = request.build().map_err(|error| self.error(&error))?;
        let answer =
            self.client.chat().create(request).await.map_err(|error| self.error(&error))?;
        let text = answer.choices.into_iter().next().and_then(|choice| choice.message.content);
        text.filter(|text| !text.trim().is_empty()).ok_or_else(|| ProviderError::BadAnswer {
            url: self.url.clone(),
            expected: "a message with content",
            found: "an empty one".to_owned(),
        })
    }

    fn error(&self, error: &OpenAIError) -> ProviderError {
        let (url, reason) = (self.url.clone(), shorten(&error.to_string()));
        match error {
            OpenAIError::ApiError(answer) => {
                let status = answer.status_code.as_u16();
                match status {
                    401 | 403 => {
                        let key_env = self.key_env.clone();
                        ProviderError::Unauthorised { url, key_env, status, reason }
                    }
                    // The client has waited and asked again itself: what is left is a refusal for now.
                    429 => ProviderError::Unavailable { url, attempts: ATTEMPTS, reason },
                    500.. => ProviderError::Unavailable { url, attempts: ATTEMPTS, reason },
                    _ => ProviderError::Refused { url, status, reason },
                }
            }
            OpenAIError::Reqwest(_) => {
                ProviderError::Unavailable { url, attempts: ATTEMPTS, reason }
            }
            _ => ProviderError::BadAnswer { url, expected: "a chat completion", found: reason },
        }
    }
}

fn messages(question: &Question) -> Vec<ChatCompletionRequestMessage> {
    vec![
        ChatCompletionRequestSystemMessage::from(question.system.as_str()).into(),
        ChatCompletionRequestUserMessage::from(question.user.as_str()).into(),
    ]
}
