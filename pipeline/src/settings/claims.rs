//! Which setting each claim of speed or cost is: its value as the measured services have it (profile
//! `baseline`), and as the claim wants it or measurement found best (profile `optimized`). The claims
//! are numbered as in the project's list of claims.

use toml::{Table, Value};

/// Claim, setting, before, after.
const CLAIMS: &[(&str, &str, &str, &str)] = &[
    ("000-1.1", "comfyui.parse_once", "false", "true"),
    ("000-3.2", "models.start", "'serial'", "'parallel'"),
    ("000-4.1", "api.validate", "'after-images'", "'first'"),
    ("001-0", "jobs.overlap", "false", "true"),
    ("001-1", "downloads.concurrency", "1", "5"),
    ("001-1", "downloads.early_stop", "false", "true"),
    ("001-3a", "similarity.batch", "1", "32"),
    ("001-3b", "similarity.delay_ms", "150", "0"),
    ("001-3c", "similarity.mode", "'pairwise'", "'matrix'"),
    ("001-4a", "render.mode", "'per-clip'", "'single-pass'"),
    ("001-5a", "models.keep_loaded", "false", "true"),
    ("001-5d", "models.preload", "false", "true"),
    ("001-7a", "llm.cache", "false", "true"),
    ("001-7b", "similarity.cache", "false", "true"),
    ("001-7b", "stock.search_cache_h", "0", "24"),
    ("001-7c", "cache.stages", "false", "true"),
    ("002-10", "jobs.ageing_s", "0", "600"),
    ("002-11", "jobs.max_attempts", "1", "3"),
    ("002-2", "speech.concurrency", "1024", "2"),
    ("002-1", "jobs.concurrency", "1024", "3"),
    ("002-3", "limits.visual", "1024", "4"),
    ("002-4", "limits.cpu_percent", "100", "100"),
    ("002-5", "limits.memory_percent", "100", "85"),
    ("002-6", "limits.cleanup_percent", "100", "70"),
    ("002-7", "limits.sample_s", "30", "1"),
    ("002-8", "http.client", "'per-request'", "'shared'"),
    ("002-9", "api.bodies", "'whole'", "'streamed'"),
    ("003-1", "limits.light", "2", "8"),
    ("003-1", "limits.shared", "2", "0"),
    ("003-2", "limits.heavy", "2", "4"),
    ("003-2", "replicate.poll_inside_limiter", "false", "true"),
    ("003-3", "limits.comic", "2", "2"),
    ("003-7", "pictures.prescale", "'side'", "'both'"),
    ("003-10", "publish.concurrency", "1", "4"),
    ("004-4", "speech.dispatch", "'executor'", "'pool'"),
    ("004-5", "speech.instances", "2", "2"),
];

/// Other legal values of settings that are claims.
const VALUES: &[(&str, &str, &[&str])] = &[
    ("001-4b", "render.mode", &["concat-copy"]),
    ("004-4", "speech.dispatch", &["direct", "executor"]),
    ("004-5", "speech.dispatch", &["pool"]),
    ("004-6", "speech.dispatch", &["lock"]),
    ("002-4", "limits.cpu_percent", &["80", "100"]),
    ("002-5", "limits.memory_percent", &["70", "85"]),
    ("003-7", "pictures.prescale", &["megapixels", "none"]),
    ("003-11", "metrics.record", &["false", "true"]),
    ("003-9", "llm.cache_ttl_s", &["300"]),
    ("003-9", "cache.memory_entries", &["100"]),
    ("003-9", "cache.eviction", &["lru", "tiny-lfu"]),
];

fn profile(text: &str) -> Table {
    text.parse().expect("a shipped profile is TOML")
}

fn at(profile: &Table, key: &str) -> Option<Value> {
    let (room, name) = key.split_once('.').expect("room.name");
    profile.get(room)?.get(name).cloned()
}

fn value(text: &str) -> Value {
    let table: Table = format!("value = {text}").parse().expect("a TOML value");
    table["value"].clone()
}

#[test]
fn every_claim_is_a_setting_with_both_of_its_values_in_the_profiles() {
    let baseline = profile(include_str!("../../profiles/baseline.toml"));
    let optimized = profile(include_str!("../../profiles/optimized.toml"));
    for (claim, key, before, after) in CLAIMS {
        assert_eq!(at(&baseline, key), Some(value(before)), "{claim}: {key} in baseline");
        assert_eq!(at(&optimized, key), Some(value(after)), "{claim}: {key} in optimized");
    }
    for (room, settings) in &baseline {
        for name in settings.as_table().expect("a room").keys() {
            let key = format!("{room}.{name}");
            assert!(at(&optimized, &key).is_some(), "{key} is in one profile alone");
        }
    }
}

#[test]
fn the_other_values_of_a_claim_are_legal() {
    for (claim, key, values) in VALUES {
        for value in *values {
            let overrides = [format!("{key}={value}")];
            let loaded = super::load("optimized", None, &overrides);
            assert!(loaded.is_ok(), "{claim}: {key}={value}: {:?}", loaded.err());
        }
    }
    let wrong = super::load("optimized", None, &["render.mode=quick".to_owned()]);
    assert!(wrong.is_err_and(|error| error.to_string().contains("single-pass")));
}
