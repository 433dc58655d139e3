//! What the driver itself costs: how late it sends jobs, its CPU and its memory, over a target that does
//! nothing but wait. `cargo run --release -p bench --example driver`; `reports/load` has a result.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bench::{Arrivals, Driven, Job, Load, Outcome, Plan, Rate, Scenario, Target, Until, load};

/// Jobs a second, seconds a job, jobs in all: 10, 100 and 1,000 in flight, and 1,000 sent at once.
const CASES: [(f64, u64, u32); 4] =
    [(10.0, 1, 200), (100.0, 1, 2_000), (100.0, 10, 3_000), (1e3, 1, 5_000)];

struct Waits(Duration);

impl Target for Waits {
    async fn drive(&self, _: Job) -> Driven {
        tokio::time::sleep(self.0).await;
        Driven::new(Outcome::Ok)
    }
}

/// Seconds of CPU and MiB of memory at most, of this process, as Linux tells.
fn used() -> Option<(f64, u64)> {
    let stat = fs_err::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = most.trim().trim_end_matches(" kB").parse().ok()?;
    // A tick is 10 ms on every Linux of today.
    Some((ticks as f64 / 100.0, kib / 1024))
}

#[expect(clippy::print_stdout, reason = "it tells a person")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "| jobs a second | in flight | jobs | lag p50 | lag p99 | lag most | CPU of one core | memory |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (per_s, seconds, jobs) in CASES {
        let plan = Plan {
            seed: 1,
            ..Plan::of(Load::Open {
                arrivals: Arrivals::Poisson { rate: Rate::try_from(per_s)? },
                until: NonZeroU32::new(jobs).map(Until::Jobs),
                max_in_flight: NonZeroU32::MAX,
            })
        };
        let payload = serde_json::Value::Null;
        let scenario = Scenario { name: "wait".to_owned(), title: String::new(), payload };
        let (before, began) = (used().unwrap_or_default(), Instant::now());
        let target = Arc::new(Waits(Duration::from_secs(seconds)));
        let loaded = load(&plan, scenario, target, std::future::pending(), |_| {}).await;
        let (after, wall_s) = (used().unwrap_or_default(), began.elapsed().as_secs_f64());
        let mut lags: Vec<u64> =
            loaded.samples.iter().map(|sample| sample.sent_us - sample.planned_us).collect();
        lags.sort_unstable();
        let lag = |q: f64| bench::text::duration(lags[((lags.len() - 1) as f64 * q) as usize]);
        println!(
            "| {per_s} | {} | {jobs} | {} | {} | {} | {:.2} % | {} MiB |",
            per_s * seconds as f64,
            lag(0.5),
            lag(0.99),
            lag(1.0),
            (after.0 - before.0) / wall_s * 100.0,
            after.1
        );
    }
    Ok(())
}
