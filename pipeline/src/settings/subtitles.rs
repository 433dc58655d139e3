use serde::Deserialize;

/// Subtitles.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subtitles {
    /// Share of the words that Whisper must have heard, 0 to 1. Where it heard fewer, most times would be
    /// guesses between a few accidents, and the words are spread over the speech by their lengths
    /// instead. 0: whatever Whisper heard is used.
    pub min_heard_share: f64,
}

impl Default for Subtitles {
    fn default() -> Self {
        Self { min_heard_share: 0.3 }
    }
}
