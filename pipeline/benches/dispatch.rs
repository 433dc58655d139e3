//! What each way of calling the local speech engine costs (claims 004-4 to 004-7): a table in Markdown.
//!
//! CPU time is that of this process and its children; it is what can be compared on a machine that has
//! other work to do. The stall is how late a timer of 5 ms is on the two threads that serve everything,
//! while eight clients want a narration: what a health check would wait.

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pipeline::speech::{
    Dispatch, LocalEngine, SpeechRequest, SpeechSettings, Turns, speak, voice_for,
};

/// Calls one after the other, to see the overhead of a call.
const N_SHORT: u32 = 100;
/// Calls at once, to see what they do to each other.
const N_CLIENTS: u32 = 8;
const TICK: Duration = Duration::from_millis(5);
/// Of `/proc/self/stat`: `sysconf(_SC_CLK_TCK)`, 100 wherever Linux runs.
const TICKS_A_SECOND: f64 = 100.0;

/// What was measured of one way.
struct Cost {
    dispatch: Dispatch,
    /// Milliseconds a short call, waited and computed.
    wall_ms: f64,
    cpu_ms: f64,
    /// Narrations a second of eight clients, CPU seconds of each, and the longest stall meanwhile.
    per_second: f64,
    cpu_s: f64,
    stall_ms: f64,
}

fn main() -> std::io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // Once for the page cache, which is nobody's cost.
    runtime.block_on(measure(Dispatch::Executor));
    let costs = Dispatch::ALL.map(|dispatch| runtime.block_on(measure(dispatch)));
    println!(
        "| dispatch | ms a short call | CPU ms a short call | narrations/s, 8 clients | CPU s each | longest stall, ms |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for Cost { dispatch, wall_ms, cpu_ms, per_second, cpu_s, stall_ms } in costs {
        let name = dispatch.as_str();
        println!(
            "| {name} | {wall_ms:.1} | {cpu_ms:.1} | {per_second:.1} | {cpu_s:.3} | {stall_ms:.0} |"
        );
    }
    Ok(())
}

async fn measure(dispatch: Dispatch) -> Cost {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let short = Arc::new(request("Hi."));
    let long = Arc::new(request(&"The sea keeps 25 secrets, and nobody counted them. ".repeat(8)));

    let (settings, cpu, began) = (settings(dispatch), cpu_s(), Instant::now());
    for _ in 0..N_SHORT {
        speak(&settings, &short, &folder.path().join("a.wav")).await.expect("spoken");
    }
    let wall_ms = began.elapsed().as_secs_f64() * 1000.0 / f64::from(N_SHORT);
    drop(settings);
    let cpu_ms = (cpu_s_of_all().await - cpu) * 1000.0 / f64::from(N_SHORT);

    let (settings, cpu, began) = (self::settings(dispatch), cpu_s(), Instant::now());
    let stop = Arc::new(AtomicBool::new(false));
    let stall = tokio::spawn(longest_stall(Arc::clone(&stop)));
    let clients: Vec<_> = (0..N_CLIENTS)
        .map(|client| {
            let (settings, long) = (settings.clone(), Arc::clone(&long));
            let out = folder.path().join(format!("{client}.wav"));
            tokio::spawn(async move { speak(&settings, &long, &out).await })
        })
        .collect();
    for client in clients {
        client.await.expect("no panic").expect("spoken");
    }
    let per_second = f64::from(N_CLIENTS) / began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    let stall_ms = stall.await.expect("no panic");
    drop(settings);
    let cpu_s = (cpu_s_of_all().await - cpu) / f64::from(N_CLIENTS);
    Cost { dispatch, wall_ms, cpu_ms, per_second, cpu_s, stall_ms }
}

/// Measures until it is told to stop.
async fn longest_stall(stop: Arc<AtomicBool>) -> f64 {
    let mut longest_ms = 0.0_f64;
    while !stop.load(Ordering::Relaxed) {
        let due = Instant::now() + TICK;
        tokio::time::sleep(TICK).await;
        longest_ms = longest_ms.max(due.elapsed().as_secs_f64() * 1000.0);
    }
    longest_ms
}

fn settings(dispatch: Dispatch) -> SpeechSettings {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_espeak-words"));
    SpeechSettings {
        espeak: Arc::new(LocalEngine::new(program, dispatch, 2)),
        openai: None,
        timeout: Duration::from_secs(60),
        turns: Turns::new(64),
    }
}

fn request(text: &str) -> SpeechRequest {
    let voice = voice_for("espeak:en-us", "", text).expect("a voice");
    SpeechRequest { text: text.to_owned(), voice, rate: 1.0 }
}

/// CPU seconds of this process and of its children that were waited for.
fn cpu_s() -> f64 {
    let stat = fs_err::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
    // utime, stime, cutime, cstime: fields 14 to 17 of proc_pid_stat(5), the state being the third.
    fields.skip(11).take(4).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>()
        / TICKS_A_SECOND
}

/// The same when the helpers that stayed are gone and counted.
async fn cpu_s_of_all() -> f64 {
    tokio::time::sleep(Duration::from_millis(300)).await;
    cpu_s()
}
