//! What it costs to compare what is said with what is seen: 40 segments and 200 clips as one matrix,
//! against pairs as the measured programs encode them (10 segments and 20 clips, scaled by pairs).
//!
//! `rounds=5` does each five times, forwards and backwards in turn; `measures=FILE` writes a document a way and round
//! (`bench::ways`; what `cargo xtask bench selection` reads): there the pairs are scaled up.
//!
//! CPU seconds of this process (user and system), so that a busy machine counts little. Needs the real
//! weights: `REELBENCH_MODELS` names the folder of `cargo xtask fetch-models`.

#[path = "../tests/common/labelled.rs"]
mod labelled;

use std::path::PathBuf;
use std::time::Duration;

use labelled::labelled;
use pipeline::ml::{Batching, Comparison, ModelSettings, Models, StartOrder};
use pipeline::selection::{ClipFacts, Fit, Likeness, Order, Reel, Slot, assign};
use rustix::time::{ClockId, clock_gettime};

/// Segments and clips of the matrix.
const LARGE: (usize, usize) = (40, 200);
/// Segments and clips that are compared pair by pair.
const SMALL: (usize, usize) = (10, 20);

fn main() {
    let dir = std::env::var_os("REELBENCH_MODELS").map(PathBuf::from);
    let dir = dir.expect("REELBENCH_MODELS names the folder of the models");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let set = labelled();
    let (said, seen) = (&set.said[..LARGE.0], clips(&set.descriptions()));

    let scale = (LARGE.0 * LARGE.1) as f64 / (SMALL.0 * SMALL.1) as f64;
    let mut lines = String::new();
    for round in 0..argument("rounds=").map_or(1, |n| n.parse().expect("a number")) {
        // The baseline encodes text after text; its sleep between them is left out here.
        let pairwise = || {
            measured(&runtime, &dir, 1, &said[..SMALL.0], &seen[..SMALL.1], Comparison::Pairwise)
        };
        let whole = || measured(&runtime, &dir, 32, said, &seen, Comparison::Matrix);
        let (pairs, matrix) = if round % 2 == 0 {
            let pairs = pairwise();
            (pairs, whole())
        } else {
            let matrix = whole();
            (pairwise(), matrix)
        };
        if round == 0 {
            let (_, _, small) = measured(
                &runtime,
                &dir,
                32,
                &said[..SMALL.0],
                &seen[..SMALL.1],
                Comparison::Matrix,
            );
            assert_eq!(picks(&pairs.2), picks(&small), "the same picks");
            tell(&pairs, &matrix, scale);
        }
        for (way, cpu_s) in [("pair by pair, scaled", pairs.0 * scale), ("matrix", matrix.0)] {
            let values = serde_json::json!({ "cpu_us": cpu_s * 1e6 });
            let line = serde_json::json!({ "way": way, "round": round, "values": values });
            lines.push_str(&format!("{line}\n"));
        }
    }
    if let Some(file) = argument("measures=") {
        fs_err::write(file, lines).expect("written");
    }
}

fn argument(name: &str) -> Option<String> {
    std::env::args().find_map(|argument| argument.strip_prefix(name).map(str::to_owned))
}

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn tell(pairs: &(f64, u64, Likeness), matrix: &(f64, u64, Likeness), scale: f64) {
    let ((cpu_pairs, n_pairs, _), (cpu_matrix, n_matrix, _)) = (pairs, matrix);
    let n_scaled = 2 * LARGE.0 * LARGE.1;
    println!("| way | segments x clips | encodings | CPU seconds |\n|---|---|---|---|");
    println!("| pairwise | {} x {} | {n_pairs} | {cpu_pairs:.2} |", SMALL.0, SMALL.1);
    println!(
        "| pairwise, scaled by pairs | {} x {} | {n_scaled} | {:.1} |",
        LARGE.0,
        LARGE.1,
        cpu_pairs * scale
    );
    println!("| matrix | {} x {} | {n_matrix} | {cpu_matrix:.2} |", LARGE.0, LARGE.1);
    let ratio = cpu_pairs * scale / cpu_matrix;
    println!(
        "\nThe matrix takes 1/{ratio:.0} of the CPU time; the picks of both ways are the same."
    );
    assert!(ratio >= 20.0, "at least 20 times less work is wanted, found {ratio:.1}");
}

/// CPU seconds, encodings, and what they found. The model is loaded, and warm, before.
fn measured(
    runtime: &tokio::runtime::Runtime,
    dir: &std::path::Path,
    batch: usize,
    said: &[String],
    seen: &[String],
    way: Comparison,
) -> (f64, u64, Likeness) {
    let (wait, delay) = (Duration::ZERO, Duration::ZERO);
    let settings = ModelSettings {
        dir: dir.to_owned(),
        preload: true,
        order: StartOrder::Parallel,
        keep_loaded: true,
        max_resident_bytes: None,
        pictures: false,
        batching: Batching { batch, wait, delay, threads: 1 },
        cache: None,
    };
    let models = runtime.block_on(Models::start(&settings)).expect("the models are whole");
    runtime.block_on(models.embed(vec!["warm".to_owned()])).expect("a vector");
    let (cpu, n_encoded) = (cpu_seconds(), models.n_encoded());
    let found = runtime.block_on(models.compare(said, seen, way)).expect("a comparison");
    // Choosing is part of it.
    picks(&found);
    (cpu_seconds() - cpu, models.n_encoded() - n_encoded, found)
}

/// The labelled set's clips, and some of them again in other words, until there are enough.
fn clips(descriptions: &[String]) -> Vec<String> {
    let others = descriptions.iter().map(|text| format!("{text}, filmed in slow motion"));
    descriptions.iter().cloned().chain(others).take(LARGE.1).collect()
}

fn picks(likeness: &Likeness) -> Vec<usize> {
    let (n_segments, n_clips) = (likeness.scores.len(), likeness.alike.len());
    let slots: Vec<Slot> =
        (0..n_segments).map(|segment| Slot { segment, duration_ms: 4_000 }).collect();
    let clips = vec![ClipFacts { duration_ms: 9_000 }; n_clips];
    let order = Order::Semantic(Fit { likeness, lambda: 0.8, min_score: 0.15 });
    let shots = assign(&Reel { slots: &slots, clips: &clips, order, speed: 1.0, seed: 0 }, &[]);
    shots.iter().map(|shot| shot.clip).collect()
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
