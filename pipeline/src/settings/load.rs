//! Where settings come from, and what is no setting.

use std::path::Path;

use toml::{Table, Value};

use super::{Settings, api, cache, limits, media, render};

/// Longer than anything is kept.
const MAX_SPAN: f64 = 1e9;
/// No machine does more at once.
const MAX_COUNT: usize = 1024;
/// A year: what a site said before that is history.
const MAX_CACHE_H: f64 = 8_760.0;
/// A job waits this long for sentences of other jobs at most.
const MAX_BATCH_WAIT_MS: u64 = 10_000;
/// Nothing is waited for longer.
const MAX_WAIT_S: f64 = 86_400.0;
/// Nothing is kept longer.
const MAX_TTL_S: f64 = 365.0 * 86_400.0;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No profile of that name is shipped.
    #[error("unknown profile {0:?}, expected `baseline` or `optimized`")]
    UnknownProfile(String),
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// The file is no TOML.
    #[error("{path}: {source}")]
    Syntax {
        /// Where.
        path: String,
        /// What is wrong, with line and column.
        source: toml::de::Error,
    },
    /// `--set` without `=`, or its value is no TOML.
    #[error("--set {0:?}: expected KEY=VALUE with a TOML value, such as downloads.concurrency=1")]
    Override(String),
    /// A key that is unknown, or a value of the wrong type.
    #[error("settings: {}", .0.to_string().trim())]
    Invalid(toml::de::Error),
    /// A value that can mean nothing.
    #[error("settings: {key} is {value}, expected {expected}")]
    OutOfRange {
        /// Which.
        key: &'static str,
        /// What was found.
        value: String,
        /// What would do.
        expected: &'static str,
    },
}

/// Reads the settings: defaults, then `profile`, then `file`, then each `KEY=VALUE` of `overrides`.
///
/// # Errors
///
/// [`SettingsError`]; an unknown key is refused wherever it comes from.
pub fn load(
    profile: &str,
    file: Option<&Path>,
    overrides: &[String],
) -> Result<Settings, SettingsError> {
    let shipped = match profile {
        "baseline" => include_str!("../../profiles/baseline.toml"),
        "optimized" => include_str!("../../profiles/optimized.toml"),
        other => return Err(SettingsError::UnknownProfile(other.to_owned())),
    };
    let mut table = parse(&format!("profile {profile}"), shipped)?;
    if let Some(path) = file {
        let text = fs_err::read_to_string(path)?;
        merge(&mut table, parse(&path.display().to_string(), &text)?);
    }
    for pair in overrides {
        merge(&mut table, override_table(pair)?);
    }
    let mut settings: Settings = Value::Table(table).try_into().map_err(SettingsError::Invalid)?;
    validate(&settings)?;
    cache::validate(&mut settings.cache)?;
    // ffmpeg works in the folder of a job: a relative path would be looked for there.
    settings.data_dir = std::path::absolute(&settings.data_dir)?;
    settings.models.dir = std::path::absolute(&settings.models.dir)?;
    if let Some(workflow) = &mut settings.comfyui.workflow {
        *workflow = std::path::absolute(&workflow)?;
        if !workflow.is_file() {
            let (value, expected) = (workflow.display().to_string(), "a file that is there");
            let key = "comfyui.workflow";
            return Err(SettingsError::OutOfRange { key, value, expected });
        }
    }
    for (key, folder) in
        [("music.dir", &mut settings.music.dir), ("local.dir", &mut settings.local.dir)]
    {
        let Some(folder) = folder else { continue };
        *folder = std::path::absolute(&folder)?;
        if !folder.is_dir() {
            let (value, expected) = (folder.display().to_string(), "a folder that is there");
            return Err(SettingsError::OutOfRange { key, value, expected });
        }
    }
    Ok(settings)
}

fn parse(path: &str, text: &str) -> Result<Table, SettingsError> {
    text.parse().map_err(|source| SettingsError::Syntax { path: path.to_owned(), source })
}

/// `a.b=1` as a table. A value that is no TOML is taken as a string, so `data_dir=/x` works.
fn override_table(pair: &str) -> Result<Table, SettingsError> {
    let wrong = || SettingsError::Override(pair.to_owned());
    let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
    let quoted = || format!("{key} = {}", Value::String(value.to_owned()));
    format!("{key} = {value}").parse().or_else(|_| quoted().parse()).map_err(|_| wrong())
}

fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

fn validate(settings: &Settings) -> Result<(), SettingsError> {
    let counts = [
        ("jobs.concurrency", settings.jobs.concurrency),
        ("jobs.max_attempts", settings.jobs.max_attempts as usize),
        ("downloads.concurrency", settings.downloads.concurrency.get()),
        ("similarity.batch", settings.similarity.batch),
        ("models.threads", settings.models.threads),
        ("publish.concurrency", settings.publish.concurrency),
        ("speech.concurrency", settings.speech.concurrency),
        ("speech.instances", settings.speech.instances),
        ("render.encoders", settings.render.encoders.len()),
    ];
    for (key, value) in counts {
        if !(1..=MAX_COUNT).contains(&value) {
            let (value, expected) = (value.to_string(), "1 to 1024");
            return Err(SettingsError::OutOfRange { key, value, expected });
        }
    }
    let similarity = &settings.similarity;
    let shares = [
        ("similarity.mmr_lambda", similarity.mmr_lambda, 0.0, "0 to 1"),
        ("similarity.clip_weight", similarity.clip_weight, 0.0, "0 to 1"),
        ("similarity.min_score", similarity.min_score, -1.0, "-1 to 1"),
    ];
    for (key, value, least, expected) in shares {
        if !(least..=1.0).contains(&value) {
            return Err(SettingsError::OutOfRange { key, value: value.to_string(), expected });
        }
    }
    if similarity.batch_wait_ms > MAX_BATCH_WAIT_MS {
        return Err(SettingsError::OutOfRange {
            key: "similarity.batch_wait_ms",
            value: similarity.batch_wait_ms.to_string(),
            expected: "0 to 10000",
        });
    }
    let addresses = [
        ("llm.base_url", &settings.llm.base_url),
        ("speech.base_url", &settings.speech.base_url),
        ("stock.pexels.base_url", &settings.stock.pexels.base_url),
        ("stock.pixabay.base_url", &settings.stock.pixabay.base_url),
        ("stock.coverr.base_url", &settings.stock.coverr.base_url),
        ("comfyui.base_url", &settings.comfyui.base_url),
        ("replicate.base_url", &settings.replicate.base_url),
    ];
    for (key, address) in addresses {
        let is_http =
            url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_http {
            let (value, expected) = (address.clone(), "an http or https address");
            return Err(SettingsError::OutOfRange { key, value, expected });
        }
        // Errors and logs name the address: it holds no secret. What is wrong with it is not told.
        let is_bare = url::Url::parse(address).is_ok_and(|url| {
            url.username().is_empty() && url.password().is_none() && url.query().is_none()
        });
        if !is_bare {
            let value = "an address with a user name, a password or a query".to_owned();
            let expected = "one without: keys are in environment variables";
            return Err(SettingsError::OutOfRange { key, value, expected });
        }
    }
    let share = settings.subtitles.min_heard_share;
    if !(0.0..=1.0).contains(&share) {
        let (key, value) = ("subtitles.min_heard_share", share.to_string());
        return Err(SettingsError::OutOfRange { key, value, expected: "0 to 1" });
    }
    let jobs = &settings.jobs;
    let spans = [
        ("jobs.ageing_s", jobs.ageing_s),
        ("jobs.drain_s", jobs.drain_s),
        ("jobs.keep_h", jobs.keep_h),
        ("jobs.history_d", jobs.history_d),
    ];
    for (key, value) in spans {
        if !(0.0..=MAX_SPAN).contains(&value) {
            let (value, expected) = (value.to_string(), "0 to 1000000000");
            return Err(SettingsError::OutOfRange { key, value, expected });
        }
    }
    let waits = [
        ("jobs.lease_s", jobs.lease_s),
        ("jobs.retry_after_s", jobs.retry_after_s),
        ("llm.timeout_s", settings.llm.timeout_s),
        ("llm.budget_s", settings.llm.budget_s),
        ("speech.timeout_s", settings.speech.timeout_s),
        ("downloads.stall_s", settings.downloads.stall_s),
        ("comfyui.timeout_s", settings.comfyui.timeout_s),
        ("comfyui.poll_s", settings.comfyui.poll_s),
        ("replicate.timeout_s", settings.replicate.timeout_s),
        ("replicate.poll_s", settings.replicate.poll_s),
    ];
    for (key, value) in waits {
        if !(value > 0.0 && value <= MAX_WAIT_S) {
            let (value, expected) = (value.to_string(), "seconds above 0, up to a day");
            return Err(SettingsError::OutOfRange { key, value, expected });
        }
    }
    // It becomes part of an address.
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    let is_model =
        |model: &str| !model.is_empty() && model.chars().all(is_name) && !model.contains("..");
    let replicate = &settings.replicate;
    let models = [
        ("replicate.model", &replicate.model),
        ("replicate.models.light", &replicate.models.light),
        ("replicate.models.heavy", &replicate.models.heavy),
        ("replicate.models.comic", &replicate.models.comic),
    ];
    for (key, model) in models {
        if let Some(value) = model.clone().filter(|model| !is_model(model)) {
            let expected = "owner/name, owner/name:version, or a version";
            return Err(SettingsError::OutOfRange { key, value, expected });
        }
    }
    let age = settings.stock.search_cache_h;
    if !(0.0..=MAX_CACHE_H).contains(&age) {
        let (key, value) = ("stock.search_cache_h", age.to_string());
        return Err(SettingsError::OutOfRange { key, value, expected: "hours, 0 to 8760" });
    }
    let ttl_s = settings.llm.cache_ttl_s;
    if !(ttl_s > 0.0 && ttl_s <= MAX_TTL_S) {
        let (value, expected) = (ttl_s.to_string(), "seconds above 0, up to a year");
        return Err(SettingsError::OutOfRange { key: "llm.cache_ttl_s", value, expected });
    }
    if let Some(value) = settings.llm.temperature.filter(|value| !(0.0..=2.0).contains(value)) {
        let (value, expected) = (value.to_string(), "0 to 2");
        return Err(SettingsError::OutOfRange { key: "llm.temperature", value, expected });
    }
    limits::validate(&settings.limits)?;
    api::validate(&settings.api)?;
    media::validate(&settings.media)?;
    render::validate(&settings.render)
}

#[cfg(test)]
mod tests;
