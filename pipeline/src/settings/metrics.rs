use serde::Deserialize;

/// What the service counts and times.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Whether it does (claim 003-11: false before). The jobs are counted in any case: they are in the
    /// database.
    pub record: bool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { record: true }
    }
}
