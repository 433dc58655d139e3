use serde_json::Value;

use crate::Sample;

/// What a sample is counted by, besides its stages.
///
/// The scenario is that of the mix. The others a target tells in a sample's `extra`, under `class` and
/// `priority`: the native one keeps the job's status there, which has the priority. Where nobody says any of
/// them there is one group, of all jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels<'a> {
    /// Which scenario of the mix it asks for.
    pub scenario: Option<&'a str>,
    /// What kind of job it is, such as `heavy`.
    pub class: Option<&'a str>,
    /// How urgent it is, such as `HIGH`.
    pub priority: Option<&'a str>,
}

impl<'a> Labels<'a> {
    /// Those of `sample`. A label that is no text, or none at all, is no label.
    pub fn of(sample: &'a Sample) -> Self {
        let label =
            |name| sample.extra.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        Self {
            scenario: sample.scenario.as_deref(),
            class: label("class"),
            priority: sample.priority.as_deref().or_else(|| label("priority")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample::tests::sample;

    #[track_caller]
    fn check(extra: Value, class: Option<&str>, priority: Option<&str>) {
        let sample = Sample { extra, ..sample(0, 1) };
        assert_eq!(Labels::of(&sample), Labels { scenario: None, class, priority });
    }

    #[test]
    fn what_was_asked_for_is_known_better_than_what_the_target_told() {
        let extra = json!({ "priority": "NORMAL", "scenario": "x" });
        let (scenario, priority) = (Some("sea".to_owned()), Some("HIGH".to_owned()));
        let sample = Sample { extra, scenario, priority, ..sample(0, 1) };
        let labels = Labels::of(&sample);
        assert_eq!((labels.scenario, labels.priority), (Some("sea"), Some("HIGH")));
    }

    #[test]
    fn labels_are_what_the_target_told() {
        check(Value::Null, None, None);
        check(json!("HIGH"), None, None);
        check(json!({ "id": "a", "priority": "HIGH" }), None, Some("HIGH"));
        check(json!({ "class": "heavy", "priority": 3 }), Some("heavy"), None);
        check(json!({ "class": "", "priority": null }), None, None);
    }
}
