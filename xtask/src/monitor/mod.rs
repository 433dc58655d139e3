//! What a process tree, the machine's network and the cards do while a run goes on.
//!
//! A look costs a few milliseconds of the machine that is measured, so there are two a second.

mod cards;
mod counters;
mod tree;

use std::time::Duration;

use bench::Usage;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::cards::Cards;
use self::counters::Counters;
use self::tree::Tree;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// Looks at a process tree until it is asked for what it saw.
#[derive(Debug)]
pub struct Monitor {
    enough: CancellationToken,
    looking: JoinHandle<Vec<Usage>>,
}

impl Monitor {
    /// Looks at the process `root` and everything that it starts. Times count from now.
    pub fn start(root: u32) -> Self {
        let enough = CancellationToken::new();
        let looking = tokio::spawn(look(root, enough.clone()));
        Self { enough, looking }
    }

    /// What it saw, in order of time. The last look is of now.
    pub async fn stop(self) -> Vec<Usage> {
        self.enough.cancel();
        self.looking.await.unwrap_or_default()
    }
}

async fn look(root: u32, enough: CancellationToken) -> Vec<Usage> {
    let began = Instant::now();
    let cards = Cards::find();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = Vec::new();
    let mut before: Option<(Instant, Tree, Counters)> = None;
    loop {
        let is_last = tokio::select! {
            _ = ticks.tick() => false,
            () = enough.cancelled() => true,
        };
        // Reading /proc blocks, for less than a job waits for anything.
        let seen = tokio::task::spawn_blocking(move || Some((Tree::of(root)?, Counters::of(root))))
            .await
            .ok()
            .flatten();
        let now = Instant::now();
        if let Some((tree, counters)) = seen {
            if let Some((then, earlier, counted)) = &before {
                let passed = now - *then;
                looks.push(Usage {
                    at_us: u64::try_from((now - began).as_micros()).unwrap_or(u64::MAX),
                    cpu_cores: tree.busy_since(earlier, passed),
                    memory_bytes: tree.memory_bytes,
                    n_processes: tree.n_processes,
                    disk: tree.disk_since(earlier, passed),
                    network: counters.network_since(counted, passed),
                    throttled: counters.throttled_since(counted, passed),
                    gpus: cards.look(),
                });
            }
            before = Some((now, tree, counters));
        }
        if is_last {
            return looks;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two processes keep up to two cores busy, the second as a child of a child that comes and goes.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_work_of_children_that_are_gone_is_seen() {
        let script = "for i in 1 2 3 4 5 6; do timeout 0.25 sh -c 'while :; do :; done'; done";
        let mut command = tokio::process::Command::new("sh");
        let mut child = command.args(["-c", script]).kill_on_drop(true).spawn().expect("sh");
        let monitor = Monitor::start(child.id().expect("it runs"));
        tokio::time::sleep(Duration::from_millis(1400)).await;
        let looks = monitor.stop().await;
        child.kill().await.expect("killed");

        assert!(looks.len() >= 2, "{looks:?}");
        assert!(looks.windows(2).all(|pair| pair[0].at_us < pair[1].at_us), "{looks:?}");
        let busy: f64 = looks.iter().map(|look| look.cpu_cores).sum::<f64>() / looks.len() as f64;
        // A whole core on a quiet machine; tests run beside each other.
        assert!((0.1..1.3).contains(&busy), "{busy} cores: {looks:?}");
        assert!(looks.iter().all(|look| look.memory_bytes > 100_000), "{looks:?}");
        assert!(looks.iter().any(|look| look.n_processes > 1), "{looks:?}");
    }

    #[tokio::test]
    async fn a_process_that_is_gone_is_no_look() {
        let mut child = tokio::process::Command::new("true").spawn().expect("true");
        let pid = child.id().expect("a process");
        child.wait().await.expect("it ended");
        assert_eq!(Monitor::start(pid).stop().await, []);
    }
}
