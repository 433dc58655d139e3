//! How well the real MiniLM finds the clip for what is said, and what it costs in encodings.
//!
//! `REELBENCH_MODELS` names the folder with the models, as in `ml.rs`.
#![cfg(feature = "ml")]

#[path = "common/labelled.rs"]
mod labelled;

use std::path::{Path, PathBuf};
use std::time::Duration;

use labelled::labelled;
use pipeline::ml::{
    Batching, CacheSettings, Comparison, MINILM, ModelSettings, Models, StartOrder,
};
use pipeline::selection::{ClipFacts, Fit, Likeness, Order, Reel, Slot, assign};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The folder with the models, if MiniLM is on this machine.
#[expect(clippy::print_stderr, reason = "a test that tests nothing says so")]
fn models_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("REELBENCH_MODELS").map(PathBuf::from);
    let dir = dir.filter(|dir| dir.join(MINILM).exists());
    if dir.is_none() {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "in CI the models must be there: set REELBENCH_MODELS");
        eprintln!("\n!!! NOT TESTED: REELBENCH_MODELS is not set, or has no {MINILM} in it !!!\n");
    }
    dir
}

async fn start(dir: &Path, cache: Option<CacheSettings>) -> Models {
    let (wait, delay) = (Duration::ZERO, Duration::ZERO);
    let settings = ModelSettings {
        dir: dir.to_owned(),
        preload: true,
        order: StartOrder::Parallel,
        keep_loaded: true,
        max_resident_bytes: None,
        pictures: false,
        batching: Batching { batch: 32, wait, delay, threads: 1 },
        cache,
    };
    let models = Models::start(&settings).await.expect("the models are whole");
    models.wait_ready().await.expect("the models can be loaded");
    models
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn picks(likeness: &Likeness, lambda: f32) -> Vec<usize> {
    let (n_segments, n_clips) = (likeness.scores.len(), likeness.alike.len());
    let slots: Vec<Slot> =
        (0..n_segments).map(|segment| Slot { segment, duration_ms: 4_000 }).collect();
    let clips = vec![ClipFacts { duration_ms: 9_000 }; n_clips];
    let order = Order::Semantic(Fit { likeness, lambda, min_score: -1.0 });
    let shots = assign(&Reel { slots: &slots, clips: &clips, order, speed: 1.0, seed: 0 }, &[]);
    shots.iter().map(|shot| shot.clip).collect()
}

#[tokio::test]
async fn the_matrix_takes_n_plus_m_encodings_and_picks_as_the_pairs_do() {
    let Some(dir) = models_dir() else { return };
    let models = start(&dir, None).await;
    let set = labelled();
    let (said, seen) = (&set.said[..6], &set.descriptions()[..16]);
    let matrix = models.compare(said, seen, Comparison::Matrix).await.expect("a comparison");
    assert_eq!(models.n_encoded(), 6 + 16);
    let pairs = models.compare(said, seen, Comparison::Pairwise).await.expect("a comparison");
    assert_eq!(models.n_encoded(), 6 + 16 + 2 * 6 * 16);
    for (matrix, pairs) in matrix.scores.iter().flatten().zip(pairs.scores.iter().flatten()) {
        assert!((matrix - pairs).abs() < 1e-4, "{matrix}, pairwise {pairs}");
    }
    for lambda in [1.0, 0.8] {
        assert_eq!(picks(&matrix, lambda), picks(&pairs, lambda));
    }
}

#[tokio::test]
async fn known_texts_are_not_encoded_again_not_even_by_the_next_process() {
    let Some(dir) = models_dir() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let cache = CacheSettings { max_bytes: 1 << 20, dir: Some(folder.path().to_owned()) };
    let clips = texts(&["a cat on a sofa", "traffic at night", "a cat on a sofa"]);
    let first = start(&dir, Some(cache.clone())).await;
    let said = texts(&["The cat sleeps."]);
    let alone = first.compare(&said, &clips, Comparison::Matrix).await.expect("a comparison");
    assert_eq!(first.n_encoded(), 3, "one of the clips is there twice");
    assert_eq!(first.compare(&said, &clips, Comparison::Matrix).await, Ok(alone.clone()));
    assert_eq!(first.n_encoded(), 3);
    // Another job on the same clips: only what is said is new.
    let other = texts(&["Cars, everywhere cars.", "The cat sleeps."]);
    first.compare(&other, &clips, Comparison::Matrix).await.expect("a comparison");
    assert_eq!(first.n_encoded(), 4);
    drop(first);
    let second = start(&dir, Some(cache)).await;
    assert_eq!(second.compare(&said, &clips, Comparison::Matrix).await, Ok(alone));
    assert_eq!(second.n_encoded(), 0);
    // The baseline knows no cache.
    second.compare(&said, &clips, Comparison::Pairwise).await.expect("a comparison");
    assert_eq!(second.n_encoded(), 6);
}

/// Share of segments whose clip comes first, and mean of 1 / its rank.
struct Quality {
    recall_at_1: f64,
    reciprocal_rank: f64,
}

/// Of clips with the same score, each order is as likely as another.
fn quality(scores: &[Vec<f32>], right: &[usize]) -> Quality {
    let (mut recall, mut reciprocal) = (0.0, 0.0);
    for (row, &right) in scores.iter().zip(right) {
        let n_better = row.iter().filter(|&&score| score > row[right]).count();
        let n_equal = row.iter().filter(|&&score| score >= row[right]).count() - n_better;
        let ranks = n_better + 1..=n_better + n_equal;
        recall += if n_better == 0 { 1.0 / n_equal as f64 } else { 0.0 };
        reciprocal += ranks.map(|rank| 1.0 / rank as f64).sum::<f64>() / n_equal as f64;
    }
    let n = right.len() as f64;
    Quality { recall_at_1: recall / n, reciprocal_rank: reciprocal / n }
}

#[test]
fn quality_counts_ties_as_chance() {
    let found = quality(&[vec![0.9, 0.1], vec![0.5, 0.5], vec![0.9, 0.1]], &[0, 0, 1]);
    assert!((found.recall_at_1 - 0.5).abs() < 1e-9);
    assert!((found.reciprocal_rank - (1.0 + 0.75 + 0.5) / 3.0).abs() < 1e-9);
}

#[tokio::test]
async fn the_right_clip_is_found_far_more_often_than_by_terms_or_by_chance() {
    let Some(dir) = models_dir() else { return };
    let models = start(&dir, None).await;
    let set = labelled();
    let compare = async |seen: Vec<String>| {
        models.compare(&set.said, &seen, Comparison::Matrix).await.expect("a comparison")
    };
    let clips = compare(set.descriptions()).await;
    let terms = compare(set.clips.iter().map(|clip| clip.term.clone()).collect()).await;
    let mut random = StdRng::seed_from_u64(1);
    let n_clips = set.clips.len();
    let chance: Vec<Vec<f32>> = set
        .said
        .iter()
        .map(|_| (0..n_clips).map(|_| random.random_range(0.0..1.0)).collect())
        .collect();
    let even = vec![vec![0.0; n_clips]; set.said.len()];

    println!("| compared | recall@1 | mean reciprocal rank |\n|---|---|---|");
    let [clips_found, terms_found, _, _] = [
        ("segment with the clip's description (ours)", &clips.scores),
        ("segment with the search term (MoneyPrinterTurbo-Extended)", &terms.scores),
        ("chance, seed 1", &chance),
        ("chance, expected", &even),
    ]
    .map(|(name, scores)| {
        let found = quality(scores, &set.right);
        println!("| {name} | {:.3} | {:.3} |", found.recall_at_1, found.reciprocal_rank);
        found
    });

    println!(
        "\n| order over the whole video | right clips | mean likeness of neighbours |\n|---|---|---|"
    );
    let mut n_right = Vec::new();
    for lambda in [1.0, 0.9, 0.8, 0.7, 0.5] {
        let picks = picks(&clips, lambda);
        let n = picks.iter().zip(&set.right).filter(|(pick, right)| pick == right).count();
        let near: f32 = picks.windows(2).map(|pair| clips.alike[pair[0]][pair[1]]).sum();
        let near = near / (picks.len() - 1) as f32;
        println!("| lambda {lambda} | {n} of {} | {near:.3} |", picks.len());
        n_right.push(n);
    }
    println!("\n| likeness to the segment | its clip | clips of no segment |\n|---|---|---|");
    let mut rights: Vec<f32> =
        clips.scores.iter().zip(&set.right).map(|(row, &right)| row[right]).collect();
    let mut others: Vec<f32> = clips
        .scores
        .iter()
        .flat_map(|row| {
            let right = &set.right;
            row.iter().enumerate().filter(|(clip, _)| !right.contains(clip)).map(|(_, &s)| s)
        })
        .collect();
    rights.sort_by(f32::total_cmp);
    others.sort_by(f32::total_cmp);
    for percent in [5, 10, 25, 50, 75, 90, 95] {
        let at = |values: &[f32]| values[(values.len() - 1) * percent / 100];
        println!("| {percent} % are below | {:.2} | {:.2} |", at(&rights), at(&others));
    }

    // Found: 0.525 and 0.658. A segment is 0.016.
    assert!(clips_found.recall_at_1 > 0.45, "{}", clips_found.recall_at_1);
    assert!(clips_found.reciprocal_rank > 0.6, "{}", clips_found.reciprocal_rank);
    assert!(clips_found.recall_at_1 > 2.0 * terms_found.recall_at_1);
    assert!(clips_found.reciprocal_rank > 1.5 * terms_found.reciprocal_rank);
    // Found: 35, and 36 with looks: they do not cost the right clips.
    assert!(n_right[0] > set.said.len() / 2 && n_right[2] >= n_right[0], "{n_right:?}");
}
