use serde::Deserialize;

use super::SettingsError;

/// No machine does more at once.
const MAX_COUNT: usize = 1024;

/// How much happens at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Texts, searches and small pictures that providers are asked for at once (claim 003-1).
    pub light: usize,
    /// Pictures and videos of large models (claim 003-2).
    pub heavy: usize,
    /// Comics (claim 003-3).
    pub comic: usize,
    /// One limit for the three classes together, in place of theirs: 2 before. 0: each has its own.
    pub shared: usize,
    /// Clips and pictures that are looked at and made smaller at once, over all jobs (claim 002-3:
    /// unlimited before, 4 after).
    pub visual: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { light: 8, heavy: 4, comic: 2, shared: 0, visual: 4 }
    }
}

/// Refuses what can mean nothing.
pub(super) fn validate(limits: &Limits) -> Result<(), SettingsError> {
    let counts = [
        ("limits.light", limits.light, 1, "1 to 1024"),
        ("limits.heavy", limits.heavy, 1, "1 to 1024"),
        ("limits.comic", limits.comic, 1, "1 to 1024"),
        ("limits.shared", limits.shared, 0, "0 to 1024"),
        ("limits.visual", limits.visual, 1, "1 to 1024"),
    ];
    for (key, value, least, expected) in counts {
        if !(least..=MAX_COUNT).contains(&value) {
            return Err(SettingsError::OutOfRange { key, value: value.to_string(), expected });
        }
    }
    Ok(())
}
