//! What differs between two runs, other than the times.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::{COUNTERS, Run};

/// One thing that is not the same in both runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is.
    pub name: String,
    /// What it was. None: nothing is known of it.
    pub before: Option<String>,
    /// What it is now.
    pub after: Option<String>,
    /// What is no longer the same thing by it, such as `machine`. None: it may be what was changed on
    /// purpose.
    pub breaks: Option<String>,
}

/// Facts that are new in each run and say nothing.
const ALWAYS_NEW: [&str; 3] = ["began", "command", "findings"];

/// What comes first on the page, and what a difference in it breaks. Facts that are not here come last.
const KNOWN: [(&str, Option<&str>); 27] = [
    ("scenario", Some("scenario")),
    ("mix", Some("scenario")),
    ("job", Some("scenario")),
    ("arrivals", Some("plan")),
    ("workers", Some("plan")),
    ("jobs", Some("plan")),
    ("duration", Some("plan")),
    ("seed", Some("plan")),
    ("think time", Some("plan")),
    ("warm-up", Some("plan")),
    ("cool-down", Some("plan")),
    ("timeout", Some("plan")),
    ("target", None),
    ("profile", None),
    ("set", None),
    ("build", None),
    ("revision", None),
    ("behaviour", Some("providers")),
    ("weights", Some("weights")),
    ("cores", Some("machine")),
    ("cpu", Some("machine")),
    ("cards", Some("machine")),
    ("memory", Some("machine")),
    ("os", Some("machine")),
    ("kernel", Some("machine")),
    ("ffmpeg", None),
    ("load before", None),
];

/// Everything that differs, what matters most first.
pub(super) fn differences(before: &Run, after: &Run) -> Vec<Difference> {
    let (before, after) = (facts(before), facts(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut found: Vec<Difference> = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            let (before, after) = (before.get(name).cloned(), after.get(name).cloned());
            let breaks = breaks(name, before.is_some() && after.is_some()).map(str::to_owned);
            Difference { name: name.clone(), before, after, breaks }
        })
        .collect();
    found.sort_by_key(|difference| (place(&difference.name), difference.name.clone()));
    found
}

/// All that is known of a run by name, as people read it.
fn facts(run: &Run) -> BTreeMap<String, String> {
    let mut facts: BTreeMap<String, String> = run
        .environment
        .iter()
        // What was counted is a result, with a table of its own.
        .filter(|(name, _)| !ALWAYS_NEW.contains(&name.as_str()) && *name != COUNTERS)
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect();
    facts.insert("scenario".to_owned(), run.scenario.name.clone());
    facts.insert("target".to_owned(), run.target.clone());
    facts.extend(run.plan.facts().into_iter().map(|(name, fact)| (name.to_owned(), fact)));
    flatten("job", &run.scenario.payload, &mut facts);
    for share in &run.mix {
        let name = format!("job.{}", share.scenario.name);
        flatten(&name, &share.scenario.payload, &mut facts);
    }
    if !run.mix.is_empty() {
        let shares: Vec<String> = run.mix.iter().map(ToString::to_string).collect();
        facts.insert("mix".to_owned(), shares.join(", "));
    }
    facts
}

/// Each value inside `value` under a name of its own, such as `job.script`.
fn flatten(name: &str, value: &Value, facts: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                flatten(&format!("{name}.{field}"), value, facts);
            }
        }
        Value::Null => {}
        value => {
            facts.entry(name.to_owned()).or_insert_with(|| plain(value));
        }
    }
}

/// A value as people write it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn known(name: &str) -> Option<usize> {
    let whole = name.split('.').next().unwrap_or(name);
    KNOWN.iter().position(|(known, _)| *known == whole)
}

fn place(name: &str) -> usize {
    known(name).unwrap_or(KNOWN.len())
}

/// What a difference in `name` breaks. A machine or weights that only one run knows of may be the same;
/// a field of the job or a behaviour that only one run has is a difference.
fn breaks(name: &str, is_known: bool) -> Option<&'static str> {
    let breaks = KNOWN[known(name)?].1?;
    (is_known || !["machine", "weights"].contains(&breaks)).then_some(breaks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::sample_runs::{self, Shape};

    #[track_caller]
    fn check(change: impl FnOnce(&mut Run), expected: &[(&str, &str, &str, Option<&str>)]) {
        let mut before = sample_runs::run(Shape { jobs: 20, ..Shape::default() });
        for (name, value) in [("began", "yesterday"), ("command", "a"), ("cores", "2"), ("os", "x")]
        {
            before.environment.insert(name.to_owned(), value.into());
        }
        let mut after = before.clone();
        change(&mut after);
        let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let found = differences(&before, &after);
        let found: Vec<_> = found
            .iter()
            .map(|found| {
                let Difference { name, before, after, breaks } = found;
                (name.as_str(), known(before), known(after), breaks.as_deref())
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(name, before, after, breaks)| {
                (name, before.to_owned(), after.to_owned(), breaks)
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_new_in_every_run_is_no_difference() {
        check(|_| {}, &[]);
        let change = |run: &mut Run| {
            run.environment.insert("began".to_owned(), "today".into());
            run.environment.insert("command".to_owned(), "b".into());
            run.environment.insert(COUNTERS.to_owned(), serde_json::json!({ "encodes": 24 }));
            run.began_unix_us += 1;
        };
        check(change, &[]);
    }

    #[test]
    fn another_mix_is_another_thing() {
        let share = |weight, payload| crate::Share {
            scenario: crate::Scenario { name: "sea".to_owned(), title: String::new(), payload },
            priority: Some("HIGH".to_owned()),
            weight: std::num::NonZeroU32::new(weight).expect("not zero"),
        };
        let change = |run: &mut Run| run.mix = vec![share(2, serde_json::json!({ "n": 1 }))];
        let expected = [
            ("mix", "nothing", "2 x sea (HIGH)", Some("scenario")),
            ("job.sea.n", "nothing", "1", Some("scenario")),
        ];
        check(change, &expected);
    }

    #[test]
    fn what_breaks_the_comparison_comes_first_and_what_is_unknown_last() {
        let change = |run: &mut Run| {
            run.environment.insert("zoo".to_owned(), "open".into());
            run.environment.insert("cores".to_owned(), 4.into());
            run.environment.insert("weights".to_owned(), "real".into());
            run.environment.insert("set".to_owned(), serde_json::json!(["a=1", "b=2"]));
            run.environment.remove("os");
            run.environment.insert("behaviour".to_owned(), "slow.toml".into());
            run.plan = crate::Plan::single();
            run.scenario.payload =
                serde_json::json!({ "video_subject": "the sea", "size": { "w": 9 } });
        };
        let expected = [
            ("job.size.w", "nothing", "9", Some("scenario")),
            ("workers", "10", "1", Some("plan")),
            ("jobs", "20", "1", Some("plan")),
            ("set", "nothing", "a=1, b=2", None),
            ("behaviour", "nothing", "slow.toml", Some("providers")),
            ("weights", "fixture", "real", Some("weights")),
            ("cores", "2", "4", Some("machine")),
            ("os", "x", "nothing", None),
            ("zoo", "nothing", "open", None),
        ];
        check(change, &expected);
    }
}
