//! The queue on a real database, with work that does what the subject of the job says.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use protocol::JobStatus;

/// Work told by the subject: `ok`, `wait`, `panic`, `permanent`, `transient`, `twice` (fails once).
#[derive(Clone, Default)]
struct Told {
    log: Arc<Mutex<Vec<String>>>,
    ended: Arc<Mutex<Vec<String>>>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Work for Told {
    fn run(&self, claim: Claim) -> BoxFuture<'static, Result<Outcome, Failure>> {
        let told = self.clone();
        Box::pin(async move {
            let subject = claim.spec.video_subject.clone();
            told.log.lock().unwrap().push(format!("{subject}#{}", claim.attempt));
            told.most.fetch_max(told.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let _running = Running(Arc::clone(&told.running));
            let fail = |error| Err(Failure { stage: Some(Stage::Script), error });
            match subject.as_str() {
                "wait" => std::future::pending().await,
                "panic" => panic!("told to"),
                "permanent" => fail(StageError::permanent("told", "no")),
                "transient" => fail(StageError::transient("told", "not now")),
                "twice" if claim.attempt == 1 => fail(StageError::transient("told", "not now")),
                _ => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    Ok(Outcome { script: Some(subject), ..Outcome::default() })
                }
            }
        })
    }

    fn ended(&self, id: &str) {
        self.ended.lock().unwrap().push(id.to_owned());
    }
}

fn limits(concurrency: usize) -> settings::Jobs {
    settings::Jobs {
        concurrency,
        max_attempts: 3,
        retry_after_s: 0.01,
        max_queued: 20,
        overlap: true,
    }
}

fn spec(subject: &str) -> JobSpec {
    JobSpec { video_subject: subject.to_owned(), ..JobSpec::default() }
}

async fn open(folder: &Path) -> Arc<Store> {
    Arc::new(Store::open(folder).await.expect("a database"))
}

async fn ended(queue: &Queue, id: &str) -> JobStatus {
    let wait = queue.ended(id);
    let status = tokio::time::timeout(Duration::from_secs(20), wait).await.expect("in time");
    status.expect("answer").expect("known")
}

#[track_caller]
fn check_end(status: &JobStatus, state: JobState, attempt: u32, code: Option<&str>) {
    assert_eq!((status.state, status.attempt), (state, attempt), "{status:?}");
    assert_eq!(status.error.as_ref().map(|error| error.code.as_str()), code);
    assert!(status.finished_us >= Some(status.submitted_us));
}

#[tokio::test]
async fn each_way_to_end_is_written_down_once() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = open(folder.path()).await;
    let queue = Queue::start(Arc::clone(&store), Told::default(), limits(2));
    let cases = [
        ("ok", JobState::Succeeded, 1, None),
        ("permanent", JobState::Failed, 1, Some("told")),
        ("transient", JobState::Failed, 3, Some("told")),
        ("twice", JobState::Succeeded, 2, None),
        ("panic", JobState::Failed, 3, Some("panic")),
    ];
    for (subject, state, attempt, code) in cases {
        let id = queue.submit(&spec(subject)).await.expect("taken");
        check_end(&ended(&queue, &id).await, state, attempt, code);
    }
    let counts = store.counts().await.expect("counts");
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    assert_eq!(total, 5, "{counts:?}");
    queue.stop().await;
}

#[tokio::test]
async fn a_job_is_cancelled_while_it_waits_and_while_it_runs() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let told = Told::default();
    let queue = Queue::start(open(folder.path()).await, told.clone(), limits(1));
    let running = queue.submit(&spec("wait")).await.expect("taken");
    let waiting = queue.submit(&spec("ok")).await.expect("taken");
    while told.running.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(queue.cancel(&waiting).await.expect("answer"), CancelAnswer::Cancelled);
    assert_eq!(queue.cancel(&running).await.expect("answer"), CancelAnswer::Requested);
    check_end(&ended(&queue, &running).await, JobState::Cancelled, 1, None);
    check_end(&ended(&queue, &waiting).await, JobState::Cancelled, 0, None);
    assert_eq!(told.running.load(Ordering::SeqCst), 0, "the work was dropped");
    let answer = queue.cancel(&running).await.expect("answer");
    assert_eq!(answer, CancelAnswer::AlreadyEnded(JobState::Cancelled));
    assert_eq!(queue.cancel("nobody").await.expect("answer"), CancelAnswer::Unknown);
    queue.stop().await;
}

#[tokio::test]
async fn no_more_than_allowed_run_at_once() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let told = Told::default();
    let queue = Queue::start(open(folder.path()).await, told.clone(), limits(3));
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(queue.submit(&spec("ok")).await.expect("taken"));
    }
    for id in &ids {
        check_end(&ended(&queue, id).await, JobState::Succeeded, 1, None);
    }
    assert_eq!(told.most.load(Ordering::SeqCst), 3);
    queue.stop().await;
}

#[tokio::test]
async fn what_runs_when_the_service_stops_is_done_after_the_next_start() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let told = Told::default();
    let queue = Queue::start(open(folder.path()).await, told.clone(), limits(1));
    let id = queue.submit(&spec("wait")).await.expect("taken");
    while told.running.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    queue.stop().await;
    drop(queue);
    let store = open(folder.path()).await;
    let status = store.status(&id).await.expect("answer").expect("known");
    assert_eq!((status.state, status.attempt), (JobState::Queued, 0), "the attempt does not count");
    let queue = Queue::start(store, told.clone(), limits(1));
    while told.log.lock().unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(*told.log.lock().unwrap(), ["wait#1", "wait#1"]);
    queue.cancel(&id).await.expect("answer");
    check_end(&ended(&queue, &id).await, JobState::Cancelled, 1, None);
    queue.stop().await;
}

#[tokio::test]
async fn a_queue_that_is_full_says_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let limits = settings::Jobs { max_queued: 1, ..limits(1) };
    let told = Told::default();
    let queue = Queue::start(open(folder.path()).await, told.clone(), limits);
    queue.submit(&spec("wait")).await.expect("taken");
    while told.running.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    queue.submit(&spec("ok")).await.expect("waits");
    let refused = queue.submit(&spec("ok")).await.expect_err("full").to_string();
    assert_eq!(refused, "1 jobs are waiting, at most 1 may");
    queue.stop().await;
}
