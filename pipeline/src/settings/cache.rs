use std::path::PathBuf;

use serde::Deserialize;

use super::SettingsError;

/// Results and answers that later jobs may take.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// Keep narrations and subtitles for jobs with the same inputs (claim 001-7c).
    pub stages: bool,
    /// How many bytes of them.
    pub max_bytes: u64,
    /// Bytes of answers of one kind (`llm.cache`, `stock.search_cache_h`) in memory.
    pub memory_bytes: u64,
    /// Answers of one kind in memory (claim 003-9: 100). 0: as many as `memory_bytes` holds.
    pub memory_entries: u64,
    /// Which answers go first where there are too many.
    pub eviction: Eviction,
    /// Answers of one kind in files; the oldest go first.
    pub max_files: usize,
    /// Environment variable that holds the address of a Redis, `redis://:password@host:6379/0`, that
    /// several services share their answers by. None: there is none.
    pub redis_url_env: Option<String>,
    /// Longest wait for one answer of that Redis, milliseconds: then it counts as gone, and everything
    /// as not kept.
    pub redis_timeout_ms: u64,
    /// Longest time, seconds, that a service waits for what another one is already asking.
    pub flight_s: f64,
    /// Answers to begin with, as `pipeline cache export` writes them. None: those of `data_dir`.
    pub warm_up: Option<PathBuf>,
}

/// Which answers stay in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Eviction {
    /// Those that are asked often: what is asked once does not drive them out.
    #[default]
    TinyLfu,
    /// Those that were asked last (claim 003-9).
    Lru,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            stages: true,
            max_bytes: 1 << 30,
            memory_bytes: 32 << 20,
            memory_entries: 0,
            eviction: Eviction::default(),
            max_files: 20_000,
            redis_url_env: None,
            redis_timeout_ms: 250,
            flight_s: 60.0,
            warm_up: None,
        }
    }
}

/// Refuses what can mean nothing, and makes paths absolute.
pub(super) fn validate(cache: &mut Cache) -> Result<(), SettingsError> {
    if !(1..=60_000).contains(&cache.redis_timeout_ms) {
        let (key, value) = ("cache.redis_timeout_ms", cache.redis_timeout_ms.to_string());
        return Err(SettingsError::OutOfRange { key, value, expected: "1 to 60000" });
    }
    if !(cache.flight_s > 0.0 && cache.flight_s <= 3_600.0) {
        let (value, expected) = (cache.flight_s.to_string(), "seconds above 0, up to an hour");
        return Err(SettingsError::OutOfRange { key: "cache.flight_s", value, expected });
    }
    if let Some(file) = &mut cache.warm_up {
        *file = std::path::absolute(&file)?;
        if !file.is_file() {
            let (key, value) = ("cache.warm_up", file.display().to_string());
            return Err(SettingsError::OutOfRange { key, value, expected: "a file that is there" });
        }
    }
    Ok(())
}
