//! What choosing clips costs once their vectors are there: 40 slots, 200 clips.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pipeline::selection::{ClipFacts, Fit, Likeness, Order, Reel, Slot, assign};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const N_SLOTS: usize = 40;
const N_CLIPS: usize = 200;
/// As MiniLM's.
const N_DIMENSIONS: usize = 384;

fn selection(criterion: &mut Criterion) {
    let mut random = StdRng::seed_from_u64(1);
    let segments = vectors(&mut random, N_SLOTS);
    let clip_vectors = vectors(&mut random, N_CLIPS);
    criterion.bench_function("likeness 40 x 200", |bencher| {
        bencher.iter(|| Likeness::of(black_box(&segments), black_box(&clip_vectors)));
    });

    let slots: Vec<Slot> =
        (0..N_SLOTS).map(|segment| Slot { segment, duration_ms: 4_000 }).collect();
    let likeness = Likeness::of(&segments, &clip_vectors);
    // With clips that are long enough one round does; each short clip asks for another.
    for (name, duration_ms) in [("long clips", 9_000), ("short clips", 3_000)] {
        for lambda in [1.0, 0.8] {
            let clips = vec![ClipFacts { duration_ms }; N_CLIPS];
            let order = Order::Semantic(Fit { likeness: &likeness, lambda, min_score: -1.0 });
            let reel = Reel { slots: &slots, clips: &clips, order, speed: 1.0, seed: 1 };
            criterion.bench_function(
                &format!("assign 40 x 200, {name}, lambda {lambda}"),
                |bencher| {
                    bencher.iter(|| assign(black_box(&reel), &[]));
                },
            );
        }
    }
}

fn vectors(random: &mut StdRng, n: usize) -> Vec<Vec<f32>> {
    let vector = |_| {
        let vector: Vec<f32> = (0..N_DIMENSIONS).map(|_| random.random_range(-1.0..1.0)).collect();
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.into_iter().map(|value| value / norm).collect()
    };
    (0..n).map(vector).collect()
}

criterion_group!(benches, selection);
criterion_main!(benches);
