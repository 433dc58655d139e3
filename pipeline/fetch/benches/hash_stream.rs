//! What a byte costs on its way into the store: hashed alone, and hashed, written, synced and named.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fetch::{Digest, Store};

const SIZE: usize = 16 * 1024 * 1024;

fn hash_stream(criterion: &mut Criterion) {
    let content: Vec<u8> = (0..SIZE).map(|i| (i * 31).to_le_bytes()[0]).collect();
    let mut group = criterion.benchmark_group("hash_stream");
    group.throughput(Throughput::Bytes(SIZE as u64)).sample_size(10);
    group.bench_function("hash", |bencher| bencher.iter(|| Digest::of(black_box(&content))));

    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("store");
    group.bench_function("insert", |bencher| {
        bencher.iter(|| {
            let blob = store.insert(black_box(&content[..]), None, "the bench").expect("insert");
            store.evict(&blob.digest).expect("evict"); // or the next one finds it there
        });
    });
    group.finish();
}

criterion_group!(benches, hash_stream);
criterion_main!(benches);
