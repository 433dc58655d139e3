//! In which form an endpoint can be asked for JSON.
//!
//! OpenAI takes a JSON schema; others take `json_object` alone, and some refuse `response_format` as a
//! whole with a 400. What an endpoint can is learned from its refusals, once in a process.

use std::sync::atomic::{AtomicU8, Ordering};

use async_openai::types::chat::{ResponseFormat, ResponseFormatJsonSchema};
use serde_json::Value;

use crate::providers::ProviderError;

/// How JSON is asked for, the strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `json_schema`: the endpoint holds the model to the schema.
    Schema,
    /// `json_object`: it holds it to JSON; the schema is in the prompt.
    Object,
    /// Nothing but the prompt.
    Text,
}

impl Format {
    const ALL: [Self; 3] = [Self::Schema, Self::Object, Self::Text];

    /// What may be tried where this one is refused.
    pub(super) fn next(self) -> Option<Self> {
        let place = Self::ALL.iter().position(|format| *format == self)?;
        Self::ALL.get(place + 1).copied()
    }

    /// The field `response_format` of a request.
    pub(super) fn field(self, name: &str, schema: &Value) -> Option<ResponseFormat> {
        match self {
            Self::Schema => Some(ResponseFormat::JsonSchema {
                json_schema: ResponseFormatJsonSchema {
                    description: None,
                    name: name.to_owned(),
                    schema: schema.clone(),
                    strict: Some(true),
                },
            }),
            Self::Object => Some(ResponseFormat::JsonObject),
            Self::Text => None,
        }
    }

    /// What is added to the prompt: the schema, where the endpoint is not told of it.
    pub(super) fn advice(self, schema: &Value) -> String {
        match self {
            Self::Schema => String::new(),
            Self::Object | Self::Text => {
                format!(
                    "\nAnswer with one JSON document that follows this JSON schema:\n{schema}\n"
                )
            }
        }
    }
}

/// Whether a refusal may be one of the format: a status for a request that was read and not liked.
pub(super) fn may_be_the_format(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Refused { status: 400 | 415 | 422 | 501, .. })
        || matches!(error, ProviderError::Unavailable { status: 501, .. })
}

/// The strictest format that an endpoint has not refused.
#[derive(Debug, Default)]
pub(super) struct Accepted(AtomicU8);

impl Accepted {
    pub(super) fn get(&self) -> Format {
        let place = usize::from(self.0.load(Ordering::Relaxed));
        Format::ALL.get(place).copied().unwrap_or(Format::Text)
    }

    /// Remembers the format of a request that was answered. A stricter one is not tried again.
    pub(super) fn learn(&self, format: Format) {
        let place = Format::ALL.iter().position(|known| *known == format).unwrap_or_default();
        self.0.fetch_max(place as u8, Ordering::Relaxed);
    }
}
