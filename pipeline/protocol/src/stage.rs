use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One step of a job. The order of the variants is the order of [`Stage::ALL`] and of reports; what
/// may run beside what is said by [`Stage::needs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The narration text, from a language model or from the request.
    Script,
    /// Search terms for stock clips.
    Terms,
    /// Speech with word timings. MoneyPrinterTurbo calls it `audio`.
    #[serde(alias = "audio")]
    Narration,
    /// Search and verified download of clips.
    Materials,
    /// Timed cues as SRT and ASS. MoneyPrinterTurbo calls it `subtitle`.
    #[serde(alias = "subtitle")]
    Subtitles,
    /// Which clip is shown when.
    Selection,
    /// One filter graph, one encode.
    Render,
    /// The artefacts are where their reader looks for them. MoneyPrinterTurbo calls it `video`.
    #[serde(alias = "video")]
    Publish,
}

impl Stage {
    /// Every stage, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Script,
        Self::Terms,
        Self::Narration,
        Self::Materials,
        Self::Subtitles,
        Self::Selection,
        Self::Render,
        Self::Publish,
    ];

    /// The name in documents, flags and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Terms => "terms",
            Self::Narration => "narration",
            Self::Materials => "materials",
            Self::Subtitles => "subtitles",
            Self::Selection => "selection",
            Self::Render => "render",
            Self::Publish => "publish",
        }
    }

    /// The stages whose results this one reads.
    pub const fn needs(self) -> &'static [Self] {
        match self {
            Self::Script => &[],
            Self::Terms | Self::Narration => &[Self::Script],
            Self::Materials => &[Self::Terms],
            Self::Subtitles => &[Self::Narration],
            Self::Selection => &[Self::Materials, Self::Narration],
            Self::Render => &[Self::Selection, Self::Subtitles],
            Self::Publish => &[Self::Render],
        }
    }

    /// Whether a job that stops at `last` runs this stage: it is `last`, or `last` needs it.
    pub fn runs_until(self, last: Self) -> bool {
        self == last || last.needs().iter().any(|&needed| self.runs_until(needed))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A stage name that is neither ours nor an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStage(pub String);

impl fmt::Display for UnknownStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown stage {:?}, expected one of", self.0)?;
        for stage in Stage::ALL {
            write!(f, " {stage}")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownStage {}

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(name: &str) -> Result<Self, UnknownStage> {
        let alias = match name {
            "audio" => Some(Self::Narration),
            "subtitle" => Some(Self::Subtitles),
            "video" => Some(Self::Publish),
            _ => None,
        };
        alias
            .or_else(|| Self::ALL.into_iter().find(|stage| stage.as_str() == name))
            .ok_or_else(|| UnknownStage(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_stop_at(last: Stage, expected: &[Stage]) {
        let run: Vec<Stage> =
            Stage::ALL.into_iter().filter(|stage| stage.runs_until(last)).collect();
        assert_eq!(run, expected, "stop_at {last}");
    }

    #[test]
    fn stop_at_runs_only_what_the_last_stage_needs() {
        use Stage::{Materials, Narration, Publish, Render, Script, Selection, Subtitles, Terms};
        check_stop_at(Script, &[Script]);
        check_stop_at(Terms, &[Script, Terms]);
        check_stop_at(Narration, &[Script, Narration]);
        check_stop_at(Materials, &[Script, Terms, Materials]);
        check_stop_at(Subtitles, &[Script, Narration, Subtitles]);
        check_stop_at(Selection, &[Script, Terms, Narration, Materials, Selection]);
        check_stop_at(Render, &[Script, Terms, Narration, Materials, Subtitles, Selection, Render]);
        check_stop_at(Publish, &Stage::ALL);
    }

    #[test]
    fn a_name_is_read_back_and_money_printer_turbo_names_are_aliases() {
        for stage in Stage::ALL {
            assert_eq!(stage.as_str().parse(), Ok(stage));
            let json = serde_json::to_string(&stage).expect("a stage is a string");
            assert_eq!(json, format!("\"{stage}\""));
        }
        for (alias, stage) in
            [("audio", Stage::Narration), ("subtitle", Stage::Subtitles), ("video", Stage::Publish)]
        {
            assert_eq!(alias.parse(), Ok(stage));
            assert_eq!(serde_json::from_str::<Stage>(&format!("\"{alias}\"")).ok(), Some(stage));
        }
        assert_eq!(
            "film".parse::<Stage>().expect_err("no such stage").to_string(),
            "unknown stage \"film\", expected one of script terms narration materials subtitles \
             selection render publish"
        );
    }
}
