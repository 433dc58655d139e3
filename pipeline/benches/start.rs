//! From the start of the program until it is ready, with the two values of `models.start` (claim 000-3.2).
//!
//! ```text
//! cargo bench -p pipeline --bench start -- models=FOLDER [pairs=8]
//! ```
//!
//! Pairs in alternating order, each start in a folder of its own. What is seen from outside: the first time
//! that `/readyz` says yes, asked every 5 ms.

#![expect(clippy::print_stdout, reason = "the figures are what it is run for")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const ORDERS: [&str; 2] = ["serial", "parallel"];

fn main() {
    let argument = |name: &str| {
        let prefix = format!("{name}=");
        std::env::args().find_map(|argument| argument.strip_prefix(&prefix).map(str::to_owned))
    };
    let Some(models) = argument("models") else {
        println!("skipped: models=FOLDER names a folder of models; `cargo xtask run` makes one");
        return;
    };
    let n_pairs: usize = argument("pairs").map_or(8, |n| n.parse().expect("a number"));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // Its files come into the memory of the machine.
    runtime.block_on(started(&models, ORDERS[0]));
    let mut seconds = [Vec::new(), Vec::new()];
    for pair in 0..n_pairs {
        for place in [pair % 2, 1 - pair % 2] {
            let (took, phases) = runtime.block_on(started(&models, ORDERS[place]));
            println!("{:8} {took:.3} s {phases}", ORDERS[place]);
            seconds[place].push(took);
        }
    }
    let [serial, parallel] = seconds.map(median);
    println!("median of {n_pairs}: serial {serial:.3} s, parallel {parallel:.3} s");
    println!("ratio {:.3}", parallel / serial);
}

/// A program that ends with us.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Seconds until it is ready, and what it says of them.
async fn started(models: &str, order: &str) -> (f64, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = [
        format!("models.start='{order}'"),
        "models.preload=true".to_owned(),
        format!("models.dir='{models}'"),
        format!("data_dir='{}'", folder.path().display()),
        "listen='127.0.0.1:0'".to_owned(),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    command.args(["serve", "--exit-with-stdin"]);
    command.args(settings.iter().flat_map(|setting| ["--set", setting]));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut program = Program(command.spawn().expect("it starts"));
    let mut line = String::new();
    let output = program.0.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let listening: Value = serde_json::from_str(&line).expect("where it listens");
    let base = listening["listening"].as_str().expect("an address");
    let client = reqwest::Client::new();
    let ask = async |path| client.get(format!("{base}{path}")).send().await.expect("an answer");
    while !ask("/readyz").await.status().is_success() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = begun.elapsed().as_secs_f64();
    let metrics: Value = ask("/metrics.json").await.json().await.expect("metrics");
    (took, metrics["start"]["phases_s"].clone())
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    let lower = seconds[(seconds.len() - 1) / 2];
    f64::midpoint(lower, seconds[middle])
}
