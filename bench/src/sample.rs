use serde::{Deserialize, Serialize};

use crate::Phase;

/// One job's times, in microseconds since the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Number of the job in the run, from 0.
    pub job: u64,
    /// What it is for. Only measured jobs are in the statistics.
    #[serde(default, skip_serializing_if = "Phase::is_measured")]
    pub phase: Phase,
    /// Which scenario it is of, where the run has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// The priority that was asked for, in the target's own terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// When it was due. Its latency starts here, however late it was sent.
    pub planned_us: u64,
    /// When it was handed to the target.
    pub sent_us: u64,
    /// When the target took it.
    pub accepted_us: Option<u64>,
    /// When it entered the target's queue, where that is not the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_us: Option<u64>,
    /// When work on it began.
    pub started_us: Option<u64>,
    /// When it ended.
    pub finished_us: u64,
    /// When the driver last saw that it had not ended yet: what was seen lies between this and
    /// `observed_us`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_us: Option<u64>,
    /// When the driver saw that it had ended: later than it did, by as much as it looks seldom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_us: Option<u64>,
    /// When what it made was here, where it was fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downloaded_us: Option<u64>,
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
pub(crate) const CLOCKS_US: u64 = 100_000;

impl Sample {
    /// A measured job that was due and sent at `planned_us` and ended well at `finished_us`; nothing
    /// else is known of it.
    pub const fn new(job: u64, planned_us: u64, finished_us: u64) -> Self {
        Self {
            job,
            phase: Phase::Measured,
            scenario: None,
            priority: None,
            planned_us,
            sent_us: planned_us,
            accepted_us: None,
            queued_us: None,
            started_us: None,
            finished_us,
            running_us: None,
            observed_us: None,
            downloaded_us: None,
            stages: Vec::new(),
            outcome: Outcome::Ok,
            extra: serde_json::Value::Null,
        }
    }

    /// How long it took to fetch what it made: from the end, or the moment at which that was seen, to the
    /// moment at which it was here. It is no part of the latency.
    pub fn transfer_us(&self) -> Option<u64> {
        let began = self.observed_us.unwrap_or(0).max(self.finished_us);
        self.downloaded_us.map(|downloaded| downloaded.saturating_sub(began))
    }

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
            ("sent", Some(self.sent_us)),
            ("accepted", self.accepted_us),
            ("queued", self.queued_us),
            ("started", self.started_us),
            ("finished", Some(self.finished_us)),
        ];
        // Every job of a run is asked this, so nothing is put into a list.
        let (mut first, mut early) = ("planned", self.planned_us);
        for (second, late) in instants.into_iter().filter_map(|(name, at)| Some((name, at?))) {
            if early > late {
                return Some(format!("{first} at {early} us is after {second} at {late} us"));
            }
            (first, early) = (second, late);
        }
        self.contradiction().or_else(|| self.backwards())
    }

    /// What the driver saw by its own clock against the end that the target tells by its.
    fn contradiction(&self) -> Option<String> {
        let finished = self.finished_us;
        let before_the_end =
            [("seen to have ended", self.observed_us), ("downloaded", self.downloaded_us)];
        let early = before_the_end
            .into_iter()
            .find_map(|(what, at)| Some((what, at.filter(|at| at + CLOCKS_US < finished)?)));
        if let Some((what, at)) = early {
            return Some(format!("{what} at {at} us, before finished at {finished} us"));
        }
        let running = self.running_us.filter(|&at| at > finished + CLOCKS_US)?;
        Some(format!("seen not to have ended at {running} us, after finished at {finished} us"))
    }

    fn backwards(&self) -> Option<String> {
        let backwards = self.stages.iter().find(|stage| stage.start_us > stage.end_us)?;
        Some(format!("stage {} ends before it starts", backwards.name))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A job that was due at `planned_us` and ended well at `finished_us`, with nothing between.
    pub(crate) const fn sample(planned_us: u64, finished_us: u64) -> Sample {
        Sample::new(0, planned_us, finished_us)
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
        let fetched = Sample { downloaded_us: Some(1), ..sample(0, 100_002) };
        let said = "downloaded at 1 us, before finished at 100002 us";
        assert_eq!(fetched.disorder().as_deref(), Some(said));
        let fetched = Sample { downloaded_us: Some(60), ..sample(0, 40) };
        assert_eq!(fetched.transfer_us(), Some(20));
        assert_eq!(Sample { observed_us: Some(45), ..fetched }.transfer_us(), Some(15));
        assert_eq!(sample(0, 40).transfer_us(), None);
        let past = Sample { running_us: Some(100_041), ..sample(0, 40) };
        let said = "seen not to have ended at 100041 us, after finished at 40 us";
        assert_eq!(past.disorder().as_deref(), Some(said));
        let queued = Sample { accepted_us: Some(9), queued_us: Some(8), ..sample(0, 40) };
        assert_eq!(queued.disorder().as_deref(), Some("accepted at 9 us is after queued at 8 us"));
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
