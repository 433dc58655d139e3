use serde::{Deserialize, Serialize};

/// Search terms as one string separated by commas (also `，`), or as a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Terms {
    /// `"sea, night sky"`.
    Joined(String),
    /// `["sea", "night sky"]`.
    List(Vec<String>),
}

impl Terms {
    /// The terms, trimmed, without empty ones.
    pub fn to_vec(&self) -> Vec<String> {
        let parts: Vec<&str> = match self {
            Self::Joined(joined) => joined.split([',', '，']).collect(),
            Self::List(list) => list.iter().map(String::as_str).collect(),
        };
        parts
            .into_iter()
            .map(str::trim)
            .filter(|term| !term.is_empty())
            .map(str::to_owned)
            .collect()
    }
}
