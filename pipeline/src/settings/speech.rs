use serde::Deserialize;

use crate::speech::Dispatch;

/// Speech engines.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Speech {
    /// An OpenAI-compatible endpoint for voices `openai:<voice>`.
    pub base_url: String,
    /// Name of its model.
    pub model: String,
    /// Environment variable that holds its key.
    pub api_key_env: String,
    /// Time for one piece of speech, from when it is its turn: for all of it with espeak-ng, for up to
    /// 4,096 characters with a server.
    pub timeout_s: f64,
    /// Pieces that are spoken at once, over all jobs (claim 002-2: unlimited before, 2 after).
    pub concurrency: usize,
    /// How espeak-ng is called (claims 004-4 to 004-6).
    pub dispatch: Dispatch,
    /// Processes of espeak-ng that stay, where `dispatch` is `pool` (claim 004-5). It has one thread each.
    pub instances: usize,
}

impl Default for Speech {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            model: "gpt-4o-mini-tts".to_owned(),
            api_key_env: "OPENAI_API_KEY".to_owned(),
            timeout_s: 120.0,
            concurrency: 2,
            dispatch: Dispatch::Pool,
            instances: 2,
        }
    }
}
