//! Sentences a second through MiniLM, one by one and in batches (claim 001-3a).
//!
//! Needs the real weights: `REELBENCH_MODELS` names the folder of `cargo xtask fetch-models`.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pipeline::ml::{Batching, ModelSettings, Models, StartOrder};

const N_SENTENCES: usize = 64;

fn embeddings(criterion: &mut Criterion) {
    let dir = std::env::var_os("REELBENCH_MODELS").map(PathBuf::from);
    let dir = dir.expect("REELBENCH_MODELS names the folder of the models");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("embeddings");
    group.sample_size(10).throughput(Throughput::Elements(N_SENTENCES as u64));
    for threads in [1, 2] {
        for batch in [1, 8, 32] {
            let settings = ModelSettings {
                dir: dir.clone(),
                preload: true,
                order: StartOrder::Parallel,
                keep_loaded: true,
                max_resident_bytes: None,
                pictures: false,
                batching: Batching { batch, wait: Duration::ZERO, delay: Duration::ZERO, threads },
                cache: None,
            };
            let models = runtime.block_on(Models::start(&settings)).expect("the models are whole");
            runtime.block_on(models.wait_ready()).expect("the models can be loaded");
            group.bench_function(format!("batch {batch}, threads {threads}"), |bencher| {
                bencher.iter(|| runtime.block_on(models.embed(black_box(sentences()))));
            });
        }
    }
    group.finish();
}

/// Of 4 to 40 words, as narrations and descriptions of clips have them.
fn sentences() -> Vec<String> {
    let words = "the quiet harbour wakes slowly while fishermen mend their nets under grey clouds";
    let words: Vec<&str> = words.split(' ').collect();
    let sentence = |i: usize| -> String {
        let n_words = 4 + i * 7 % 37;
        (0..n_words).map(|word| words[(i + word) % words.len()]).collect::<Vec<_>>().join(" ")
    };
    (0..N_SENTENCES).map(sentence).collect()
}

criterion_group!(benches, embeddings);
criterion_main!(benches);
