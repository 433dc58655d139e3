//! `--mix SCENARIO[:PRIORITY]=WEIGHT`: jobs of several scenarios and priorities at once, by weight.

use std::num::NonZeroU32;
use std::path::Path;
use std::str::FromStr;

use bench::{Mix, Scenario, Share};
use serde_json::Value;

use crate::commands::stand::Prepared;
use crate::exit::Failure;
use crate::paths::Paths;
use crate::targets::Speaks;

/// What a run of a mix is called.
const NAME: &str = "mix";
/// The pipeline's own ([`protocol::Priority`]).
const PRIORITIES: [&str; 4] = ["LOW", "NORMAL", "HIGH", "URGENT"];
/// Where the scenarios of the fixtures stand in a checkout.
const SCENARIOS: &str = "fixtures/scenarios";

/// A part of a mix, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// A scenario of the fixtures or a file.
    pub scenario: String,
    /// One of [`PRIORITIES`]. None: the service's own.
    pub priority: Option<&'static str>,
    /// How often, by the weights of all parts together.
    pub weight: NonZeroU32,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, weight) = text.rsplit_once('=').ok_or("expected SCENARIO[:PRIORITY]=WEIGHT")?;
        let weight = weight.parse().map_err(|_| {
            format!("expected a weight of 1 or more, a whole number, found {weight:?}")
        })?;
        let (scenario, priority) = match what.rsplit_once(':') {
            Some((scenario, priority)) => (scenario, Some(known(priority)?)),
            None => (what, None),
        };
        if scenario.is_empty() {
            return Err("expected a scenario before its weight".to_owned());
        }
        Ok(Self { scenario: scenario.to_owned(), priority, weight })
    }
}

fn known(priority: &str) -> Result<&'static str, String> {
    let found = PRIORITIES.into_iter().find(|known| known.eq_ignore_ascii_case(priority));
    found.ok_or_else(|| {
        let allowed = PRIORITIES.map(str::to_lowercase).join(", ");
        format!("unknown priority {priority:?}, expected one of {allowed}")
    })
}

/// # Errors
///
/// [`Failure::Usage`]: a priority for a service that knows none.
pub fn check_priorities(parts: &[Part], speaks: Speaks) -> Result<(), Failure> {
    if speaks == Speaks::Native || parts.iter().all(|part| part.priority.is_none()) {
        return Ok(());
    }
    let message = format!("--mix: what speaks {} has no priorities", speaks.name());
    Err(Failure::usage(message).with_hint("they are for --speaks native"))
}

/// What is known of the names in `parts` before anything is built: each is a file, or a scenario of the
/// fixtures in this checkout.
///
/// # Errors
///
/// [`Failure::Usage`], with the names that are there.
pub fn check_names(parts: &[Part], paths: &Paths) -> Result<(), Failure> {
    let folder = paths.root.join(SCENARIOS);
    let is_there = |name: &str| {
        Path::new(name).is_file() || folder.join(name).with_extension("toml").is_file()
    };
    let Some(unknown) = parts.iter().find(|part| !is_there(&part.scenario)) else { return Ok(()) };
    let files = fs_err::read_dir(&folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    let (name, names) = (&unknown.scenario, names.join(", "));
    let message = format!("--mix: unknown scenario {name:?}, expected {names} or a TOML file");
    Err(Failure::usage(message))
}

/// What a load over the pipeline asks for: the mix of `parts`, or the scenario of `prepared` where there
/// are none.
///
/// # Errors
///
/// A scenario that is not there, and parts that are no mix.
pub async fn of_scenarios(parts: &[Part], prepared: &Prepared) -> anyhow::Result<Mix> {
    if parts.is_empty() {
        return Ok(prepared.asked()?.into());
    }
    let mut shares = Vec::new();
    for part in parts {
        shares.push(share(part, prepared.asked_as(&part.scenario).await?));
    }
    Ok(mixed(shares)?)
}

/// The mix of bodies that `read` finds in the files of `parts`.
///
/// # Errors
///
/// A file that is no body, and parts that are no mix.
pub fn of_bodies(
    parts: &[Part],
    read: impl Fn(&Path) -> anyhow::Result<Scenario>,
) -> anyhow::Result<Mix> {
    let of = |part: &Part| Ok(share(part, read(Path::new(&part.scenario))?));
    Ok(mixed(parts.iter().map(of).collect::<anyhow::Result<_>>()?)?)
}

fn share(part: &Part, scenario: Scenario) -> Share {
    Share { scenario, priority: part.priority.map(str::to_owned), weight: part.weight }
}

/// Samples name a scenario and a priority: two shares with the same names could not be told apart.
fn mixed(shares: Vec<Share>) -> Result<Mix, Failure> {
    for (index, share) in shares.iter().enumerate() {
        let name = &share.scenario.name;
        let mut before = shares[..index].iter().filter(|other| other.scenario.name == *name);
        if before.clone().any(|other| other.scenario.payload != share.scenario.payload) {
            let message = format!("--mix: two different scenarios are called {name:?}");
            return Err(Failure::usage(message).with_hint("give one of the files another name"));
        }
        if before.any(|other| other.priority == share.priority) {
            let message = format!("--mix: {name:?} is there twice with the same priority");
            return Err(Failure::usage(message).with_hint("one part with both weights"));
        }
    }
    Mix::new(shares).ok_or_else(|| Failure::usage("--mix: no part"))
}

/// How a run file names what is asked for: the scenario, or a mix with its shares.
pub fn named(mix: &Mix) -> (Scenario, Vec<Share>) {
    let shares: Vec<Share> = mix.shares().cloned().collect();
    match &shares[..] {
        [only] if only.priority.is_none() => (only.scenario.clone(), Vec::new()),
        _ => {
            let title = shares.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            (Scenario { name: NAME.to_owned(), title, payload: Value::Null }, shares)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, Option<&str>, u32), &str>) {
        let found = text.parse::<Part>();
        let found = found.as_ref().map(|part| {
            let Part { scenario, priority, weight } = part;
            (scenario.as_str(), *priority, weight.get())
        });
        match (found, expected) {
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{text}: {found}"),
            (found, expected) => assert_eq!(found.map_err(String::as_str), expected, "{text}"),
        }
    }

    #[test]
    fn a_part_is_a_scenario_a_priority_and_a_weight() {
        check("short=7", Ok(("short", None, 7)));
        check("english:high=2", Ok(("english", Some("HIGH"), 2)));
        check("english:URGENT=1", Ok(("english", Some("URGENT"), 1)));
        check("my=own/a.toml:low=3", Ok(("my=own/a.toml", Some("LOW"), 3)));
        check("bodies/a.json=1", Ok(("bodies/a.json", None, 1)));
        check("short", Err("expected SCENARIO[:PRIORITY]=WEIGHT"));
        check("short=0", Err("a weight of 1 or more, a whole number, found \"0\""));
        check("short=1.5", Err("a whole number, found \"1.5\""));
        check("short=", Err("found \"\""));
        check("=2", Err("expected a scenario"));
        check(":high=2", Err("expected a scenario"));
        check(
            "short:now=2",
            Err("unknown priority \"now\", expected one of low, normal, high, urgent"),
        );
        check("short:=2", Err("unknown priority \"\""));
    }

    #[test]
    fn priorities_are_those_of_the_protocol() {
        for name in PRIORITIES {
            let known: protocol::Priority = serde_json::from_value(name.into()).expect("known");
            assert_eq!(serde_json::to_value(known).expect("a word"), name);
        }
        let next = serde_json::from_value::<protocol::Priority>("now".into()).expect_err("unknown");
        let said = next.to_string();
        assert_eq!(said.matches('`').count(), 2 * (1 + PRIORITIES.len()), "no other: {said}");
    }

    fn parts(texts: &[&str]) -> Vec<Part> {
        texts.iter().map(|text| text.parse().expect("a part")).collect()
    }

    #[test]
    fn a_scenario_that_is_not_there_is_told_from_those_that_are() {
        let paths = Paths::from_env().expect("a checkout");
        let file = paths.root.join("fixtures/scenarios/short.toml=1").display().to_string();
        assert!(check_names(&parts(&["short=1", "english:low=2", &file]), &paths).is_ok());
        let error = check_names(&parts(&["short=1", "shrot=2"]), &paths).expect_err("unknown");
        let said = error.to_string();
        assert!(said.contains("unknown scenario \"shrot\", expected english, hostile"), "{said}");
        assert!(said.contains("short, vietnamese or a TOML file"), "{said}");
    }

    #[test]
    fn a_priority_is_for_a_service_that_has_them() {
        let (plain, urgent) = (parts(&["a.json=1"]), parts(&["a.json=1", "b.json:high=1"]));
        assert!(check_priorities(&urgent, Speaks::Native).is_ok());
        assert!(check_priorities(&plain, Speaks::Runpod).is_ok());
        let error = check_priorities(&urgent, Speaks::Runpod).expect_err("none").to_string();
        assert_eq!(error, "--mix: what speaks runpod has no priorities");
    }

    /// Bodies that say what their file is called; those of one name and another folder differ.
    fn body(file: &Path) -> anyhow::Result<Scenario> {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        Ok(Scenario { name, title: String::new(), payload: json!(file.display().to_string()) })
    }

    #[track_caller]
    fn check_mix(texts: &[&str], expected: Result<&[&str], &str>) {
        let found = of_bodies(&parts(texts), body);
        match (found, expected) {
            (Ok(mix), Ok(expected)) => {
                let shares: Vec<String> = mix.shares().map(ToString::to_string).collect();
                assert_eq!(shares, expected);
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, expected) => panic!("{texts:?}: expected {expected:?}, found {found:?}"),
        }
    }

    #[test]
    fn parts_that_cannot_be_told_apart_are_no_mix() {
        check_mix(&["a.json=7", "b.json:high=2"], Ok(&["7 x a", "2 x b (HIGH)"]));
        check_mix(&["a.json=7", "a.json:high=2"], Ok(&["7 x a", "2 x a (HIGH)"]));
        check_mix(&["a.json=7", "a.json=2"], Err("\"a\" is there twice with the same priority"));
        check_mix(&["a.json=7", "b/a.json:low=2"], Err("two different scenarios are called \"a\""));
    }

    #[test]
    fn a_run_of_one_scenario_is_no_mix() {
        let named = |texts: &[&str]| named(&of_bodies(&parts(texts), body).expect("a mix"));
        let (scenario, shares) = named(&["a.json=7"]);
        assert_eq!((scenario.name.as_str(), shares.len()), ("a", 0));
        let (scenario, shares) = named(&["a.json:low=7"]);
        assert_eq!((scenario.name.as_str(), scenario.title.as_str()), ("mix", "7 x a (LOW)"));
        assert_eq!((shares.len(), scenario.payload), (1, Value::Null));
        assert_eq!(named(&["a.json=7", "b.json:high=2"]).0.title, "7 x a, 2 x b (HIGH)");
    }
}
