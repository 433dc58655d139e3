//! What the queue itself costs: jobs without work, from the submit to their end.
//!
//! ```text
//! cargo bench -p pipeline --bench queue -- [jobs=3000] [postgres=URL]
//! ```
//!
//! SQLite's folder is on the disk of the target folder: every submit and every end is on it (`fsync`)
//! before it is answered. PostgreSQL is as its server is set.

#![expect(clippy::print_stdout, reason = "the figures are what it is run for")]

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use pipeline::job::{Claim, Failure, Lanes, Place, Queue, Request, Room, Store, Work};
use pipeline::settings;
use protocol::{JobSpec, Outcome};

/// Clients that submit at once.
const CLIENTS: usize = 16;
/// Jobs that are submitted one by one to an idle queue.
const SINGLE: usize = 500;

/// No work; notes when it begins.
#[derive(Clone, Default)]
struct Nothing {
    begun: Arc<Mutex<Vec<(String, Instant)>>>,
}

impl Work for Nothing {
    fn room(&self) -> BoxFuture<'_, Room> {
        Box::pin(std::future::ready(Box::new(()) as Room))
    }

    fn run(&self, claim: Claim) -> BoxFuture<'static, Result<Outcome, Failure>> {
        self.begun.lock().expect("no panic").push((claim.id, Instant::now()));
        Box::pin(std::future::ready(Ok(Outcome::default())))
    }

    fn ended(&self, _: &str) {}

    fn forget(&self, _: &str) {}
}

fn main() {
    let argument = |name: &str| {
        let prefix = format!("{name}=");
        std::env::args().find_map(|argument| argument.strip_prefix(&prefix).map(str::to_owned))
    };
    let n_jobs = argument("jobs").map_or(3000, |n| n.parse().expect("a number"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
        measure("SQLite", &Place::Folder, disk, n_jobs).await;
        if let Some(address) = argument("postgres") {
            measure("PostgreSQL", &Place::Postgres(address.into()), disk, n_jobs).await;
        }
    });
}

async fn measure(name: &str, place: &Place, disk: &Path, n_jobs: usize) {
    let folder = tempfile::tempdir_in(disk).expect("a folder");
    let store = Store::open(place, folder.path(), Duration::from_secs(60)).await;
    let store = Arc::new(store.expect("a database"));
    let notices = store.notices(place).await.expect("notices");
    let jobs = settings::Jobs { max_queued: u64::MAX >> 1, ..settings::Jobs::default() };
    let lanes = Lanes { video: 3, light: 8, heavy: 4, comic: 2, shared: None };
    let work = Nothing::default();
    let queue = Queue::start(Arc::clone(&store), notices, work.clone(), jobs, lanes);
    let spec = JobSpec { video_subject: "nothing".to_owned(), ..JobSpec::default() };

    let mut waits = Vec::with_capacity(SINGLE);
    for _ in 0..SINGLE {
        let sent = Instant::now();
        let id = queue.submit(&spec).await.expect("taken");
        queue.ended(&id).await.expect("it ends");
        let begun = work.begun.lock().expect("no panic");
        let (_, at) = begun.iter().rev().find(|(name, _)| *name == id).expect("it began");
        waits.push(at.duration_since(sent).as_secs_f64() * 1000.0);
    }
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share).round() as usize];
    println!(
        "{name}: submit to start on an idle queue, {SINGLE} jobs: p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );

    let begun = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let (queue, spec) = (queue.clone(), spec.clone());
        tokio::spawn(async move {
            for _ in (client..n_jobs).step_by(CLIENTS) {
                let request = Request::new(&spec);
                let taken = queue.submit_all(std::slice::from_ref(&request), None).await;
                queue.ended(&taken.expect("taken")[0].id).await.expect("it ends");
            }
        })
    });
    for client in futures::future::join_all(clients).await {
        client.expect("no panic");
    }
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{name}: {n_jobs} jobs of {CLIENTS} clients that wait for the end of each: {:.0} jobs/s",
        n_jobs as f64 / took
    );
    queue.stop().await;
}
