//! The action that other workflows use: it is sound YAML, runs what it says, and takes nothing as a
//! script that is an argument.

use std::collections::BTreeSet;

use yaml_rust2::{Yaml, YamlLoader};

use crate::root;

const ACTION: &str = ".github/actions/reelbench-gate/action.yml";

fn action() -> (String, Yaml) {
    let text = fs_err::read_to_string(root().join(ACTION)).expect("the action");
    let mut documents = YamlLoader::load_from_str(&text).expect("YAML");
    assert_eq!(documents.len(), 1);
    (text, documents.remove(0))
}

/// The names behind `prefix` in all expressions of `text`.
fn named<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.split(prefix)
        .skip(1)
        .map(|rest| rest.split(|c| !is_name(c)).next().unwrap_or_default())
        .collect()
}

#[test]
fn the_gate_action_runs_the_gate_and_tells_what_it_said() {
    let (text, action) = action();
    assert_eq!(action["runs"]["using"].as_str(), Some("composite"));
    let steps = action["runs"]["steps"].as_vec().expect("steps");
    let scripts: Vec<&str> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    for wanted in ["cargo xtask gate --base", "GITHUB_STEP_SUMMARY", "annotations.txt", "exit "] {
        assert!(scripts.iter().any(|script| script.contains(wanted)), "no {wanted}");
    }
    let used = steps.iter().filter_map(|step| step["uses"].as_str());
    assert_eq!(used.collect::<Vec<_>>(), ["actions/upload-artifact@v4"]);
    for step in steps {
        assert!(step["name"].as_str().is_some(), "a step without a name");
        let is_one = step["run"].as_str().is_some() != step["uses"].as_str().is_some();
        assert!(is_one, "a step runs or uses: {step:?}");
        if let Some(script) = step["run"].as_str() {
            assert_eq!(step["shell"].as_str(), Some("bash"), "composite steps name their shell");
            assert!(!script.contains("${{"), "an argument would be a script: {script}");
        }
    }
    let declared = |section: &str| -> BTreeSet<&str> {
        let names = action[section].as_hash().expect("a section").keys();
        names.filter_map(Yaml::as_str).collect()
    };
    assert_eq!(named(&text, "inputs."), declared("inputs"), "declared and used");
    assert_eq!(named(&text, "steps.gate.outputs."), declared("outputs"), "declared and used");
    for (name, input) in action["inputs"].as_hash().expect("inputs") {
        assert!(input["description"].as_str().is_some(), "{name:?} has no description");
        assert!(input["default"].as_str().is_some(), "{name:?} has no default text");
    }
}
