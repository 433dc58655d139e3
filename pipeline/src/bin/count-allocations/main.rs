//! Counts the allocations of what the pipeline does by itself for a job, on one thread and without a model or
//! another program: `{"settings": 1234, "subtitles": …}`. The same build gives the same numbers on any machine,
//! so one more is a change of the program and no noise. `cargo xtask gate` runs it for both of its arms.
//!
//! A program of its own, because counting needs an allocator that counts, which the service should not pay for.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pipeline::artefacts::{Cue, TimedWord};
use pipeline::captions::cues::cues;
use pipeline::captions::layout::Layout;
use pipeline::captions::srt::srt;
use pipeline::captions::timing::proportional;
use pipeline::media::{BurnIn, RenderPlan, ShotInput, Targets, arguments};
use pipeline::selection::{ClipFacts, Fit, Likeness, Order, Reel, assign, plan_shots, segments};
use pipeline::settings;
use protocol::Size;

/// A minute of speech in two languages, from sentences of several lengths.
const SENTENCES: [&str; 4] = [
    "The sea is quiet in the morning.",
    "Before the first boats leave the harbour, a man walks along the pier, counts the nets, and waits for the light.",
    "Buổi sáng ở vùng biển rất yên tĩnh, chỉ có tiếng sóng vỗ vào bờ cát.",
    "Then everything begins.",
];
const REPEATED: usize = 4;
const LENGTH_MS: u64 = 60_000;
const SHOT_MS: u64 = 4_000;
const N_CLIPS: usize = 30;
const SIZE: Size = Size { width: 1080, height: 1920 };

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln_to(std::io::stderr(), &format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    Ok(writeln_to(std::io::stdout(), &serde_json::to_string(&counted()?)?)?)
}

fn writeln_to(mut to: impl std::io::Write, text: &str) -> std::io::Result<()> {
    writeln!(to, "{text}")
}

/// Allocations of each kind of work. What one kind gives the next is made outside of the counting.
fn counted() -> anyhow::Result<BTreeMap<&'static str, u64>> {
    let text = vec![SENTENCES.join(" "); REPEATED].join("\n\n");
    let words = proportional(&text, LENGTH_MS, &[]);
    let (settings, loaded) = count(|| settings::load("optimized", None, &[]));
    loaded?;
    let (subtitles, _) = count(|| subtitles(&text, &words));
    let (selection, shots) = count(|| chosen(&text, &words));
    let plan = plan(&shots);
    let targets = Targets { video: Path::new("video.mp4"), cover: None };
    let (graph, _) = count(|| arguments(&plan, targets));
    Ok([
        ("render graph", graph),
        ("selection", selection),
        ("settings", settings),
        ("subtitles", subtitles),
    ]
    .into())
}

/// Allocations of doing it once more: what is made at the first time and kept for good belongs to no job.
fn count<T>(work: impl Fn() -> T) -> (u64, T) {
    let made = work();
    let allocations = allocation_counter::measure(|| drop(black_box(work())));
    (allocations.count_total, made)
}

fn subtitles(text: &str, words: &[TimedWord]) -> (Vec<Cue>, String) {
    let cues = cues(text, words, &Layout::for_picture(SIZE, 60.0));
    let srt = srt(&cues);
    (cues, srt)
}

/// Lengths of the shots, and the clip of each. The likeness is given: it is made on many threads.
fn chosen(text: &str, words: &[TimedWord]) -> Vec<(usize, u64)> {
    let segments = segments(Some(words), text, LENGTH_MS);
    let slots = plan_shots(LENGTH_MS, SHOT_MS, &segments);
    let likeness = Likeness {
        scores: table(segments.len(), |row, clip| (row * 7 + clip * 13) % 101),
        alike: table(N_CLIPS, |row, clip| if row == clip { 100 } else { (row + clip) % 50 }),
    };
    let clips = vec![ClipFacts { duration_ms: 9_000 }; N_CLIPS];
    let order = Order::Semantic(Fit { likeness: &likeness, lambda: 0.8, min_score: -1.0 });
    let reel = Reel { slots: &slots, clips: &clips, order, speed: 1.0, seed: 1 };
    assign(&reel, &[]).into_iter().map(|shot| (shot.clip, shot.duration_ms)).collect()
}

fn table(n_rows: usize, percent: impl Fn(usize, usize) -> usize) -> Vec<Vec<f32>> {
    #[expect(clippy::cast_precision_loss, reason = "percents")]
    let cell = |row, clip| percent(row, clip) as f32 / 100.0;
    (0..n_rows).map(|row| (0..N_CLIPS).map(|clip| cell(row, clip)).collect()).collect()
}

fn plan(shots: &[(usize, u64)]) -> RenderPlan {
    let shot = |&(clip, duration_ms): &(usize, u64)| ShotInput {
        path: PathBuf::from(format!("/clips/{clip}.mp4")),
        is_still: false,
        source_size: Size { width: 1920, height: 1080 },
        source_fps: 30.0,
        source_start_ms: 0,
        duration_ms,
    };
    let shots = shots.iter().map(shot).collect();
    let mut plan = RenderPlan::new(SIZE, shots, "/job/narration.wav".into(), LENGTH_MS);
    plan.subtitles = Some(BurnIn { ass: "subtitles.ass".to_owned(), fonts_dir: None });
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_work_has_the_same_count_and_more_work_has_more() {
        let once = counted().expect("counted");
        assert_eq!(once, counted().expect("counted"));
        let kinds: Vec<_> = once.keys().copied().collect();
        assert_eq!(kinds, ["render graph", "selection", "settings", "subtitles"]);
        assert!(once.values().all(|&n| n > 10), "{once:?}");
        assert_eq!([3, 4].map(|n| count(|| vec![vec![0_u8; 8]; n]).0), [4, 5]);
    }
}
