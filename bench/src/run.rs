use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Ending, Plan, Sample, Scenario, Usage};

/// Version of the document; raised when a field changes its meaning.
const FORMAT: u32 = 1;

/// All samples of one load, and what explains them. A report is a pure function of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    format: u32,
    /// What was asked for.
    pub scenario: Scenario,
    /// When each job was due.
    pub plan: Plan,
    /// What was driven, in a few words.
    pub target: String,
    /// When the run began, microseconds since the Unix epoch.
    pub began_unix_us: u64,
    /// What may explain the numbers: machine, versions, whether weights are real or fixtures.
    pub environment: BTreeMap<String, serde_json::Value>,
    /// How it came to its end.
    #[serde(default)]
    pub ending: Ending,
    /// What the driven processes used, in order of time. Empty: nobody looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<Usage>,
    /// In the order in which jobs ended.
    pub samples: Vec<Sample>,
}

/// Why a document is no run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It is no JSON, or not a run's.
    #[error("not a run: {0}")]
    Document(#[from] serde_json::Error),
    /// It was written by another version.
    #[error("expected a run of format {FORMAT}, found format {0}")]
    Format(u32),
    /// A sample contradicts itself.
    #[error("job {job}: {disorder}")]
    Sample {
        /// Its number.
        job: u64,
        /// What is wrong with it.
        disorder: String,
    },
}

impl Run {
    /// A run without samples.
    pub fn new(
        scenario: Scenario,
        plan: Plan,
        target: impl Into<String>,
        began_unix_us: u64,
    ) -> Self {
        Self {
            format: FORMAT,
            scenario,
            plan,
            target: target.into(),
            began_unix_us,
            environment: BTreeMap::new(),
            ending: Ending::default(),
            usage: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// The document.
    ///
    /// # Errors
    ///
    /// Never with values that JSON has; serde asks for it.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// [`RunError`]: no run, of another version, or with instants in the wrong order.
    pub fn from_json(text: &str) -> Result<Self, RunError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_str(text)?;
        if head.format != FORMAT {
            return Err(RunError::Format(head.format));
        }
        let run: Self = serde_json::from_str(text)?;
        for sample in &run.samples {
            if let Some(disorder) = sample.disorder() {
                return Err(RunError::Sample { job: sample.job, disorder });
            }
        }
        Ok(run)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Outcome;
    use crate::sample::tests::{sample, span};

    fn run(samples: Vec<Sample>) -> Run {
        let payload = serde_json::json!({ "video_subject": "sea \"}%" });
        let scenario = Scenario { name: "sea".to_owned(), title: "The sea".to_owned(), payload };
        let mut run = Run::new(scenario, Plan::single(), "native", 1_795_000_000_000_000);
        run.environment.insert("weights".to_owned(), "fixture".into());
        run.samples = samples;
        run
    }

    #[track_caller]
    fn check_refused(text: &str, reason: &str) {
        let error = Run::from_json(text).expect_err("must be refused").to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn what_is_no_run_is_refused() {
        check_refused("", "not a run: EOF");
        check_refused(r#"{"format":1}"#, "missing field `scenario`");
        check_refused(r#"{"format":2}"#, "expected a run of format 1, found format 2");
        let backwards = run(vec![Sample { job: 7, ..sample(20, 10) }]);
        let text = backwards.to_json().expect("a document");
        check_refused(&text, "job 7: sent at 20 us is after finished at 10 us");
    }

    fn any_sample() -> impl Strategy<Value = Sample> {
        let instants = proptest::collection::vec(0_u64..1 << 50, 5);
        let outcome = prop_oneof![
            Just(Outcome::Ok),
            Just(Outcome::Cancelled),
            ".*".prop_map(Outcome::Failed),
        ];
        (any::<u64>(), instants, any::<[bool; 2]>(), outcome, ".*").prop_map(
            |(job, mut instants, known, outcome, text)| {
                instants.sort_unstable();
                Sample {
                    job,
                    planned_us: instants[0],
                    sent_us: instants[1],
                    accepted_us: known[0].then_some(instants[2]),
                    started_us: known[1].then_some(instants[3]),
                    finished_us: instants[4],
                    observed_us: None,
                    stages: vec![span(&text, instants[3], instants[4])],
                    outcome,
                    extra: serde_json::json!({ "text": text }),
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_run_read_back_is_the_run_written(samples in proptest::collection::vec(any_sample(), 0..5)) {
            let run = run(samples);
            let text = run.to_json().expect("a document");
            prop_assert_eq!(Run::from_json(&text).expect("a run"), run);
        }
    }
}
