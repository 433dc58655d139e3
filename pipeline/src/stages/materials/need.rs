//! How much of the videos is to be covered, and with what.

use protocol::{ConcatMode, JobSpec};
use tokio::sync::watch;

use crate::selection::{plan_shots, segments};
use crate::speech::seconds_of;

/// The estimate of the narration's length is rather too long: half a clip more is no harm.
const ESTIMATE_MARGIN: f64 = 1.25;

/// Clips for each shot where the best one is to be found: some to choose from.
const CHOICE_MARGIN: f64 = 1.25;

/// The length to be covered, known better with time.
#[derive(Debug)]
pub(super) struct Need {
    estimate_ms: u64,
    length: watch::Receiver<Option<u64>>,
    is_open: bool,
    n_videos: u64,
    longest_shot_ms: u64,
    speed: f64,
    text: String,
    margin: f64,
    /// Clips that are wanted, for the length that is known now.
    n_clips: (u64, usize),
}

impl Need {
    pub(super) fn new(text: &str, spec: &JobSpec, length: watch::Receiver<Option<u64>>) -> Self {
        let is_chosen =
            spec.video_concat_mode == ConcatMode::Semantic && !spec.match_materials_to_script;
        let is_open = length.borrow().is_none();
        let mut need = Self {
            estimate_ms: estimated_ms(text, spec.voice_rate),
            length,
            is_open,
            n_videos: u64::from(spec.video_count),
            longest_shot_ms: spec.longest_shot_ms(),
            speed: spec.video_clip_speed,
            text: text.to_owned(),
            margin: if is_chosen { CHOICE_MARGIN } else { 1.0 },
            n_clips: (0, 0),
        };
        need.refresh();
        need
    }

    /// Counts the shots anew where another length is known: one begins with each sentence.
    pub(super) fn refresh(&mut self) {
        let length_ms = self.length.borrow().unwrap_or(self.estimate_ms);
        if self.n_clips.0 == length_ms {
            return;
        }
        let segments = segments(None, &self.text, length_ms);
        let n_shots = plan_shots(length_ms, self.longest_shot_ms, &segments).len();
        // By letters: spoken, a sentence may take a shot more.
        let n_shots = if segments.len() > 1 { n_shots + 1 } else { n_shots };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "as many shots as an hour has seconds at most"
        )]
        let n_clips = (n_shots as f64 * self.n_videos as f64 * self.margin).ceil() as usize;
        self.n_clips = (length_ms, n_clips);
    }

    /// Clips that are wanted: one of its own for each shot, and some to choose from where likeness chooses.
    pub(super) fn n_clips(&self) -> usize {
        self.n_clips.1
    }

    /// Whether so many clips that cover so much are enough: each shot has one of its own.
    pub(super) fn is_met(&self, covered_ms: u64, n_clips: usize) -> bool {
        covered_ms >= self.ms() && n_clips >= self.n_clips()
    }

    /// Whether the length of the narration may still become known.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// All videos of the job, one after the other: each has clips of its own where there are enough.
    pub(super) fn ms(&self) -> u64 {
        self.length.borrow().unwrap_or(self.estimate_ms).saturating_mul(self.n_videos)
    }

    /// Ends when the length of the narration is known, or never will be; never once that was told.
    pub(super) async fn changed(&mut self) {
        if !self.is_open {
            std::future::pending::<()>().await;
        }
        self.is_open = self.length.changed().await.is_ok() && self.length.borrow().is_none();
        self.refresh();
    }

    /// How much of the narration a clip of `clip_ms` covers: it is shown at its speed, once, and not
    /// longer than a shot is.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the length of a clip in milliseconds; `as` saturates"
    )]
    pub(super) fn covered_ms(&self, clip_ms: u64) -> u64 {
        ((clip_ms as f64 / self.speed) as u64).min(self.longest_shot_ms)
    }

    /// Longest time one clip is shown.
    pub(super) fn longest_shot_ms(&self) -> u64 {
        self.longest_shot_ms
    }
}

/// How long a text takes to say at most: MoneyPrinterTurbo's rates, and a margin.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of a text of at most 50,000 characters"
)]
fn estimated_ms(text: &str, rate: f64) -> u64 {
    (seconds_of(text) / rate * ESTIMATE_MARGIN * 1000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(spec: &JobSpec, length: Option<u64>) -> Need {
        Need::new("One two three.", spec, watch::channel(length).1)
    }

    #[test]
    fn the_need_is_that_of_all_videos_at_their_speed() {
        let spec = JobSpec { video_count: 3, video_clip_speed: 2.0, ..JobSpec::default() };
        assert_eq!(need(&spec, None).ms(), 3 * 1388, "estimated");
        let known = need(&spec, Some(20_000));
        assert_eq!(known.ms(), 60_000);
        assert_eq!((known.covered_ms(6_000), known.covered_ms(60_000)), (3_000, 5_000));
        let slow = JobSpec { video_clip_speed: 0.5, ..JobSpec::default() };
        assert_eq!(need(&slow, None).covered_ms(2_000), 4_000);
    }

    #[tokio::test]
    async fn a_length_that_becomes_known_is_told_once() {
        let (known, length) = watch::channel(None);
        let mut need = Need::new("", &JobSpec::default(), length);
        known.send_replace(Some(7));
        need.changed().await;
        assert_eq!(need.ms(), 7);
        drop(known);
        assert!(futures::poll!(Box::pin(need.changed())).is_pending(), "nothing more comes");
    }

    #[track_caller]
    fn check_estimate(text: &str, rate: f64, expected_ms: u64) {
        assert_eq!(estimated_ms(text, rate), expected_ms, "{text:?} at {rate}");
    }

    #[test]
    fn speech_is_estimated_from_words_and_characters() {
        check_estimate("", 1.0, 0);
        check_estimate("One two three — four five, six seven eight nine.", 1.0, 4166);
        check_estimate("One two three — four five, six seven eight nine.", 2.0, 2083);
        check_estimate(&"바".repeat(21), 1.0, 6250);
        check_estimate(&"ก".repeat(20), 1.0, 6250);
        check_estimate("夜の海夜の海夜の海夜の海夜の海夜の海夜の海", 1.0, 6250);
    }
}
