use serde::Deserialize;

/// An OpenAI-compatible chat endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Llm {
    /// Such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// Name of the model.
    pub model: String,
    /// Environment variable that holds the key.
    pub api_key_env: String,
    /// Time for one attempt at an answer.
    pub timeout_s: f64,
    /// Time for all attempts at an answer: none begins after it.
    pub budget_s: f64,
    /// How freely the model chooses its words, 0 to 2. None: as the endpoint likes.
    pub temperature: Option<f32>,
    /// Keep answers, in memory and in `<data_dir>/cache/llm`, for the same question (claim 001-7a).
    pub cache: bool,
    /// How long an answer is kept.
    pub cache_ttl_s: f64,
}

impl Default for Llm {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            model: "gpt-4o-mini".to_owned(),
            api_key_env: "OPENAI_API_KEY".to_owned(),
            timeout_s: 60.0,
            budget_s: 180.0,
            temperature: None,
            cache: true,
            cache_ttl_s: 86_400.0,
        }
    }
}
