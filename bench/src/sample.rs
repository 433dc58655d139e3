use serde::{Deserialize, Serialize};

/// One job's times, in microseconds since the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Number of the job in the run, from 0.
    pub job: u64,
    /// When it was due. Its latency starts here, however late it was sent.
    pub planned_us: u64,
    /// When it was handed to the target.
    pub sent_us: u64,
    /// When the target took it.
    pub accepted_us: Option<u64>,
    /// When work on it began.
    pub started_us: Option<u64>,
    /// When it ended.
    pub finished_us: u64,
    /// When the driver saw that it had ended: later than it did, by as much as it looks seldom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_us: Option<u64>,
    /// What was done when; stages may overlap.
    pub stages: Vec<StageSpan>,
    /// How it ended.
    pub outcome: Outcome,
    /// What else the target told, in its own terms.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub extra: serde_json::Value,
}

/// When a stage ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSpan {
    /// Its name.
    pub name: String,
    /// When it began.
    pub start_us: u64,
    /// When it ended.
    pub end_us: u64,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It gave what was asked for.
    Ok,
    /// It did not, for this reason: a stable word to count by.
    Failed(String),
    /// The run ended first.
    Cancelled,
}

/// How far two clocks that were brought together may be apart: the time of an exchange, and their drift
/// during a job.
const CLOCKS_US: u64 = 100_000;

impl Sample {
    /// From the planned instant to the end.
    pub const fn latency_us(&self) -> u64 {
        self.finished_us.saturating_sub(self.planned_us)
    }

    /// When work began: as the target says, or else with the first stage. None: it says neither.
    pub fn began_us(&self) -> Option<u64> {
        self.started_us.or_else(|| self.stages.iter().map(|stage| stage.start_us).min())
    }

    /// The first two instants that are in the wrong order, if any. Clocks that disagree show here.
    pub fn disorder(&self) -> Option<String> {
        let instants = [
            ("planned", Some(self.planned_us)),
            ("sent", Some(self.sent_us)),
            ("accepted", self.accepted_us),
            ("started", self.started_us),
            ("finished", Some(self.finished_us)),
        ];
        let known: Vec<(&str, u64)> =
            instants.into_iter().filter_map(|(name, at)| Some((name, at?))).collect();
        let crossed = known.windows(2).find(|pair| pair[0].1 > pair[1].1);
        if let Some([(first, early), (second, late)]) = crossed {
            return Some(format!("{first} at {early} us is after {second} at {late} us"));
        }
        if let Some(observed) = self.observed_us.filter(|seen| seen + CLOCKS_US < self.finished_us)
        {
            let finished = self.finished_us;
            return Some(format!(
                "seen to have ended at {observed} us, before finished at {finished} us"
            ));
        }
        let backwards = self.stages.iter().find(|stage| stage.start_us > stage.end_us)?;
        Some(format!("stage {} ends before it starts", backwards.name))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A job that was due at `planned_us` and ended well at `finished_us`, with nothing between.
    pub(crate) fn sample(planned_us: u64, finished_us: u64) -> Sample {
        Sample {
            job: 0,
            planned_us,
            sent_us: planned_us,
            accepted_us: None,
            started_us: None,
            finished_us,
            observed_us: None,
            stages: Vec::new(),
            outcome: Outcome::Ok,
            extra: serde_json::Value::Null,
        }
    }

    pub(crate) fn span(name: &str, start_us: u64, end_us: u64) -> StageSpan {
        StageSpan { name: name.to_owned(), start_us, end_us }
    }

    #[test]
    fn instants_in_the_wrong_order_are_named() {
        let late = Sample { started_us: Some(50), ..sample(0, 40) };
        assert_eq!(late.disorder().as_deref(), Some("started at 50 us is after finished at 40 us"));
        let early = Sample { planned_us: 10, accepted_us: Some(5), ..sample(0, 40) };
        assert_eq!(early.disorder().as_deref(), Some("planned at 10 us is after sent at 0 us"));
        let future = Sample { observed_us: Some(300_000), ..sample(0, 400_001) };
        let said = "seen to have ended at 300000 us, before finished at 400001 us";
        assert_eq!(future.disorder().as_deref(), Some(said));
        assert_eq!(Sample { observed_us: Some(40), ..sample(0, 90_000) }.disorder(), None);
        let stage = Sample { stages: vec![span("render", 9, 8)], ..sample(0, 40) };
        assert_eq!(stage.disorder().as_deref(), Some("stage render ends before it starts"));
        assert_eq!(sample(0, 40).disorder(), None);
    }

    #[test]
    fn work_begins_with_the_first_stage_where_nothing_else_is_said() {
        let stages = vec![span("render", 60, 90), span("script", 40, 50)];
        let staged = Sample { stages, ..sample(10, 100) };
        assert_eq!(staged.began_us(), Some(40));
        assert_eq!(Sample { started_us: Some(30), ..staged }.began_us(), Some(30));
        assert_eq!(sample(10, 100).began_us(), None);
    }

    #[test]
    fn an_outcome_is_one_word_or_a_reason() {
        let text = |outcome| serde_json::to_string(&outcome).expect("a document");
        assert_eq!(text(Outcome::Ok), r#""ok""#);
        assert_eq!(text(Outcome::Failed("timeout".to_owned())), r#"{"failed":"timeout"}"#);
    }
}
