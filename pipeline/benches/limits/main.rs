//! What a backlog of heavy calls does to light ones, with a limit for each class and with one for all
//! (claims 003-1 to 003-3): a table in Markdown.
//!
//! The clients are the ones that jobs use; the providers are on loopback and do nothing but wait, so
//! that the table shows who waits for whom and no processor. A light call (a text, 50 ms) is due every
//! 40 ms whatever became of the ones before; its time counts from that instant. Twelve clients make one
//! heavy prediction (1 s) after the other meanwhile (`heavy=1`: one client).
//!
//! ```text
//! cargo bench -p pipeline --no-default-features --profile dev --bench limits
//! cargo bench -p pipeline --no-default-features --profile dev --bench limits -- calls=1000 rounds=5 heavy=1
//! ```

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

mod providers;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fetch::{Fetcher, Policy, Silent, Store};
use pipeline::providers::Common;
use pipeline::providers::generated::replicate::Replicate;
use pipeline::providers::generated::{Transfer, Wish};
use pipeline::providers::llm::{Llm, Question};
use pipeline::settings::{self, Settings};
use protocol::{Class, Size};
use tokio::task::JoinSet;
use tokio::time::Instant;

const DUE_EVERY: Duration = Duration::from_millis(40);
/// `limits.shared`, and whether there is a backlog.
const ARMS: [(&str, usize, bool); 4] = [
    ("a limit for each class", 0, false),
    ("a limit for each class", 0, true),
    ("`limits.shared = 2`", 2, false),
    ("`limits.shared = 2`", 2, true),
];

fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let words: Vec<String> = std::env::args().collect();
    let number = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.parse().ok());
    let (calls, rounds) = (number("calls=").unwrap_or(300), number("rounds=").unwrap_or(2));
    let n_heavy = number("heavy=").unwrap_or(12);
    let heavy_of = |has_backlog| if has_backlog { n_heavy } else { 0 };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut took_by_arm: [Vec<Duration>; ARMS.len()] = Default::default();
    for _ in 0..rounds {
        for ((_, shared, has_backlog), took) in ARMS.into_iter().zip(&mut took_by_arm) {
            took.extend(runtime.block_on(light_calls(shared, heavy_of(has_backlog), calls))?);
        }
    }
    println!("| limits | heavy clients | light calls | p50, ms | p95, ms | p95 against alone |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (place, ((name, _, has_backlog), took)) in ARMS.into_iter().zip(&took_by_arm).enumerate() {
        let heavy = heavy_of(has_backlog);
        let (n, [p50, p95]) = (took.len(), [50, 95].map(|p| percentile_ms(took, p)));
        // Each second arm has the heavy calls beside it.
        let ratio = p95 / percentile_ms(&took_by_arm[place / 2 * 2], 95);
        println!("| {name} | {heavy} | {n} | {p50:.1} | {p95:.1} | {ratio:.2} |");
    }
    Ok(())
}

/// How long `calls` light calls took, each from the instant it was due.
async fn light_calls(shared: usize, heavy: u64, calls: u64) -> anyhow::Result<Vec<Duration>> {
    let folder = tempfile::tempdir()?;
    let base_url = providers::serve().await?;
    let limits = settings::Limits { shared, ..settings::Limits::default() };
    let common = Common::new(&Settings { limits, ..Settings::default() })?;
    let llm = settings::Llm {
        base_url: format!("{base_url}/v1"),
        cache: false,
        ..settings::Llm::default()
    };
    let llm = Llm::new(&llm, folder.path(), &common)?;
    let model = Some("owner/name".to_owned());
    let replicate =
        settings::Replicate { base_url, model, poll_s: 0.05, ..settings::Replicate::default() };
    let replicate = Arc::new(Replicate::new(&replicate, &common)?.context("a model is named")?);
    let policy = Policy::default();
    let store = Store::open(folder.path().join("store"))?;
    let fetcher = Fetcher::new(policy.client()?, store, policy);
    let transfer = Transfer { fetcher, progress: Arc::new(Silent) };

    let mut backlog = JoinSet::new();
    for seed in 0..heavy {
        let (replicate, transfer) = (Arc::clone(&replicate), transfer.clone());
        let size = Size { width: 540, height: 960 };
        let wish = Wish { prompt: "waves".to_owned(), seed, size, class: Class::Heavy };
        backlog.spawn(async move {
            loop {
                replicate.make(&wish, &transfer).await.expect("a picture");
            }
        });
    }
    // The backlog is there before the first light call is due.
    let begin = Instant::now() + Duration::from_millis(500);
    let mut light = JoinSet::new();
    for number in 0..calls {
        let llm = llm.clone();
        light.spawn(async move {
            let due = begin + DUE_EVERY * u32::try_from(number).unwrap_or(u32::MAX);
            tokio::time::sleep_until(due).await;
            let question = Question {
                system: String::new(),
                user: number.to_string(),
                schema: None,
                seed: number,
            };
            llm.ask(&question, |_| Ok(())).await.map(|()| due.elapsed())
        });
    }
    let took = light.join_all().await.into_iter().collect::<Result<_, _>>()?;
    backlog.shutdown().await;
    Ok(took)
}

fn percentile_ms(took: &[Duration], percent: usize) -> f64 {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
}
