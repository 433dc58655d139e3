use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::PlanError;
use crate::{Ending, Mix, Plan, Sample, Scenario, Share, Usage};

/// Version of the document; raised when a field changes its meaning.
const FORMAT: u32 = 2;

/// The version before: its plan was always a closed loop. It is still read.
const CLOSED_ONLY: u32 = 1;

/// All samples of one load, and what explains them. A report is a pure function of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    format: u32,
    /// What was asked for.
    pub scenario: Scenario,
    /// The scenarios and priorities that were asked for by weight, where there are several; then
    /// `scenario` only names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mix: Vec<Share>,
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
    /// Its plan cannot be followed.
    #[error("the plan: {0}")]
    Plan(#[from] PlanError),
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
            mix: Vec::new(),
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

    /// What its jobs ask for.
    pub fn asked(&self) -> Mix {
        Mix::new(self.mix.clone()).unwrap_or_else(|| self.scenario.clone().into())
    }

    /// Samples of the jobs that count, in the order in which they ended.
    pub fn measured(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(|sample| sample.phase.is_measured())
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
        let run: Self = match head.format {
            FORMAT => serde_json::from_str(text)?,
            CLOSED_ONLY => match serde_json::from_str::<serde_json::Value>(text)? {
                old if old["plan"].is_object() => serde_json::from_value(lifted(old))?,
                // The error names the place in the text.
                _ => serde_json::from_str(text)?,
            },
            other => return Err(RunError::Format(other)),
        };
        run.plan.check(run.mix.len())?;
        for sample in &run.samples {
            if let Some(disorder) = sample.disorder() {
                return Err(RunError::Sample { job: sample.job, disorder });
            }
        }
        Ok(run)
    }
}

/// A document of format 1 as one of format 2: `{"load":"closed","workers":10,"jobs":80}` was a plan.
fn lifted(mut document: serde_json::Value) -> serde_json::Value {
    let old = document["plan"].take();
    document["plan"] = serde_json::json!({
        "load": { "closed": { "workers": old["workers"], "until": { "jobs": old["jobs"] } } },
    });
    document["format"] = FORMAT.into();
    document
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::sample::tests::{sample, span};
    use crate::{Load, Outcome};

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
        check_refused(r#"{"format":2}"#, "missing field `scenario`");
        check_refused(r#"{"format":1}"#, "missing field `scenario` at line 1");
        check_refused(r#"{"format":3}"#, "expected a run of format 2, found format 3");
        let backwards = run(vec![Sample { job: 7, ..sample(20, 10) }]);
        let text = backwards.to_json().expect("a document");
        check_refused(&text, "job 7: sent at 20 us is after finished at 10 us");
    }

    #[test]
    fn a_run_of_a_mix_says_what_was_asked_for() {
        let mut mixed = run(vec![sample(0, 5)]);
        assert_eq!(mixed.asked(), mixed.scenario.clone().into());
        let share = |priority: Option<&str>, weight| Share {
            scenario: mixed.scenario.clone(),
            priority: priority.map(str::to_owned),
            weight: NonZeroU32::new(weight).expect("not zero"),
        };
        mixed.mix = vec![share(None, 7), share(Some("HIGH"), 2)];
        let text = mixed.to_json().expect("a document");
        let read = Run::from_json(&text).expect("a run");
        assert_eq!(read, mixed);
        let shares: Vec<String> = read.asked().shares().map(ToString::to_string).collect();
        assert_eq!(shares, ["7 x sea", "2 x sea (HIGH)"]);
    }

    #[test]
    fn a_run_of_the_format_before_is_read() {
        let mut old: serde_json::Value =
            serde_json::from_str(&run(vec![sample(0, 5)]).to_json().expect("a document"))
                .expect("JSON");
        old["format"] = 1.into();
        old["plan"] = serde_json::json!({ "load": "closed", "workers": 10, "jobs": 80 });
        let some = |n| NonZeroU32::new(n).expect("not zero");
        let read = Run::from_json(&old.to_string()).expect("a run");
        assert_eq!((read.format, read.plan), (2, Plan::closed(some(10), some(80))));
        old["plan"]["workers"] = 0.into();
        check_refused(&old.to_string(), "expected a nonzero u32");
    }

    #[test]
    fn a_plan_that_cannot_be_followed_is_refused() {
        let mut backwards = run(Vec::new());
        let arrivals = crate::Arrivals::Trace { at_us: vec![5, 4] };
        let load = Load::Open { arrivals, until: None, max_in_flight: NonZeroU32::MIN };
        backwards.plan = Plan::of(load);
        let text = backwards.to_json().expect("a document");
        check_refused(&text, "the plan: instant 1 of the trace is before the one before it");
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
                    sent_us: instants[1],
                    accepted_us: known[0].then_some(instants[2]),
                    started_us: known[1].then_some(instants[3]),
                    stages: vec![span(&text, instants[3], instants[4])],
                    outcome,
                    extra: serde_json::json!({ "text": text }),
                    ..Sample::new(job, instants[0], instants[4])
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
