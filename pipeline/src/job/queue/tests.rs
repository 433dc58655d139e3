//! The queue on a real database, with work that does what the subject of the job says.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::job::Place;
use crate::job::test_database::{TestDatabase, on_both};
use protocol::JobStatus;

/// Work told by the subject: `ok`, `slow`, `wait`, `panic`, `permanent`, `transient`, `twice` (fails once).
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
    fn room(&self) -> BoxFuture<'_, Room> {
        Box::pin(std::future::ready(Box::new(()) as Room))
    }

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
                "slow" => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Ok(Outcome::default())
                }
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

    fn forget(&self, _: &str) {}
}

fn limits(concurrency: usize) -> settings::Jobs {
    settings::Jobs {
        concurrency,
        max_attempts: 3,
        retry_after_s: 0.01,
        max_queued: 20,
        ..settings::Jobs::default()
    }
}

fn spec(subject: &str) -> JobSpec {
    JobSpec { video_subject: subject.to_owned(), ..JobSpec::default() }
}

/// A queue on the database, as the worker of `folder`.
async fn start(
    database: &TestDatabase,
    folder: &str,
    work: &Told,
    jobs: settings::Jobs,
) -> (Queue, Arc<Store>) {
    let store = database.open(folder, settings::seconds(jobs.lease_s)).await;
    let notices = store.notices(&database.place).await.expect("notices");
    let places = jobs.concurrency;
    let lanes = Lanes { video: places, light: places, heavy: 1, comic: 1, shared: None };
    (Queue::start(Arc::clone(&store), notices, work.clone(), jobs, lanes), store)
}

/// Waits until so many of the jobs run.
async fn run(told: &Told, n: usize) {
    let wait = async {
        while told.running.load(Ordering::SeqCst) != n {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("in time");
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

on_both![
    each_way_to_end_is_written_down_once,
    a_job_is_cancelled_while_it_waits_and_while_it_runs,
    no_more_than_allowed_run_at_once,
    what_runs_when_the_service_stops_is_done_after_the_next_start,
    what_runs_may_end_within_the_grace,
    a_queue_that_is_full_says_so,
    a_job_that_has_no_more_time_fails,
    a_heavy_backlog_does_not_hold_up_a_light_job,
    a_queue_that_is_let_go_on_begins_at_once,
    workers_of_one_database_hear_of_each_other,
    the_jobs_of_a_worker_that_hangs_are_done_by_another,
    a_job_that_is_lost_and_claimed_again_is_worked_on_once_at_a_time,
];

async fn a_job_that_is_lost_and_claimed_again_is_worked_on_once_at_a_time(database: TestDatabase) {
    if matches!(database.place, Place::Folder) {
        return; // nobody takes it away
    }
    let told = Told::default();
    let long = settings::Jobs { lease_s: 600.0, ..limits(2) };
    let (queue, _store) = start(&database, "a", &told, long).await;
    let id = queue.submit(&spec("wait")).await.expect("taken");
    run(&told, 1).await;
    let other = database.open("b", Duration::from_secs(600)).await;
    database.run_out_leases().await;
    let taken = other.take_back(crate::job::store::Dead::Others).await.expect("answer");
    assert_eq!(taken.queued, std::slice::from_ref(&id));
    other.tell(&Notice::Queued).await;
    let again = async {
        while told.log.lock().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("it is claimed again");
    run(&told, 1).await;
    assert_eq!(*told.log.lock().unwrap(), ["wait#1", "wait#2"]);
    queue.cancel(&id).await.expect("answer");
    check_end(&ended(&queue, &id).await, JobState::Cancelled, 2, None);
    queue.stop().await;
}

async fn each_way_to_end_is_written_down_once(database: TestDatabase) {
    let told = Told::default();
    let (queue, store) = start(&database, "a", &told, limits(2)).await;
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
    assert_eq!(told.ended.lock().unwrap().len(), 5, "each is told once");
    queue.stop().await;
}

async fn a_job_is_cancelled_while_it_waits_and_while_it_runs(database: TestDatabase) {
    let told = Told::default();
    let (queue, _store) = start(&database, "a", &told, limits(1)).await;
    let running = queue.submit(&spec("wait")).await.expect("taken");
    let waiting = queue.submit(&spec("ok")).await.expect("taken");
    run(&told, 1).await;
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

async fn no_more_than_allowed_run_at_once(database: TestDatabase) {
    let told = Told::default();
    let (queue, _store) = start(&database, "a", &told, limits(3)).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(queue.submit(&spec("slow")).await.expect("taken"));
    }
    for id in &ids {
        check_end(&ended(&queue, id).await, JobState::Succeeded, 1, None);
    }
    assert_eq!(told.most.load(Ordering::SeqCst), 3);
    queue.stop().await;
}

async fn what_runs_when_the_service_stops_is_done_after_the_next_start(database: TestDatabase) {
    let told = Told::default();
    let (queue, store) = start(&database, "a", &told, limits(1)).await;
    let id = queue.submit(&spec("wait")).await.expect("taken");
    run(&told, 1).await;
    queue.stop().await;
    let status = store.status(&id).await.expect("answer").expect("known");
    assert_eq!((status.state, status.attempt), (JobState::Queued, 0), "the attempt does not count");
    drop((queue, store));
    let (queue, _store) = start(&database, "a", &told, limits(1)).await;
    run(&told, 1).await;
    assert_eq!(*told.log.lock().unwrap(), ["wait#1", "wait#1"]);
    queue.cancel(&id).await.expect("answer");
    check_end(&ended(&queue, &id).await, JobState::Cancelled, 1, None);
    queue.stop().await;
}

async fn what_runs_may_end_within_the_grace(database: TestDatabase) {
    let told = Told::default();
    let jobs = settings::Jobs { drain_s: 20.0, ..limits(1) };
    let (queue, store) = start(&database, "a", &told, jobs).await;
    let running = queue.submit(&spec("slow")).await.expect("taken");
    run(&told, 1).await;
    let waiting = queue.submit(&spec("slow")).await.expect("taken");
    queue.stop().await;
    let state = async |id: &str| store.status(id).await.expect("answer").expect("known").state;
    assert_eq!(state(&running).await, JobState::Succeeded);
    assert_eq!(state(&waiting).await, JobState::Queued, "nothing is begun any more");
}

async fn a_queue_that_is_full_says_so(database: TestDatabase) {
    let jobs = settings::Jobs { max_queued: 1, ..limits(1) };
    let told = Told::default();
    let (queue, _store) = start(&database, "a", &told, jobs).await;
    queue.submit(&spec("wait")).await.expect("taken");
    run(&told, 1).await;
    queue.submit(&spec("ok")).await.expect("waits");
    let refused = queue.submit(&spec("ok")).await.expect_err("full").to_string();
    assert_eq!(refused, "1 jobs are waiting, at most 1 may");
    assert_eq!(queue.purge().await.expect("answer"), 1);
    queue.submit(&spec("ok")).await.expect("there is room again");
    queue.stop().await;
}

async fn a_job_that_has_no_more_time_fails(database: TestDatabase) {
    let told = Told::default();
    let (queue, _store) = start(&database, "a", &told, limits(1)).await;
    let spec = spec("wait");
    let request = Request { timeout: Some(Duration::from_millis(30)), ..Request::new(&spec) };
    let taken = queue.submit_all(&[request], None).await.expect("taken");
    check_end(&ended(&queue, &taken[0].id).await, JobState::Failed, 1, Some("timed_out"));
    queue.stop().await;
}

async fn a_heavy_backlog_does_not_hold_up_a_light_job(database: TestDatabase) {
    let told = Told::default();
    let (queue, _store) = start(&database, "a", &told, limits(1)).await;
    let materials = Some(Stage::Materials);
    let heavy = JobSpec {
        stop_at: materials,
        video_source: protocol::VideoSource::Replicate,
        ..spec("wait")
    };
    for _ in 0..5 {
        queue.submit(&heavy).await.expect("taken");
    }
    run(&told, 1).await;
    let light = JobSpec { stop_at: Some(Stage::Script), ..spec("ok") };
    let light = queue.submit(&light).await.expect("taken");
    check_end(&ended(&queue, &light).await, JobState::Succeeded, 1, None);
    run(&told, 1).await;
    queue.stop().await;
}

async fn a_queue_that_is_let_go_on_begins_at_once(database: TestDatabase) {
    let told = Told::default();
    let (queue, _store) = start(&database, "a", &told, limits(1)).await;
    queue.hold(true).await.expect("held");
    let id = queue.submit(&spec("ok")).await.expect("taken");
    let early = tokio::time::timeout(Duration::from_millis(50), queue.ended(&id)).await;
    assert!(early.is_err(), "{early:?}");
    queue.hold(false).await.expect("let go");
    check_end(&ended(&queue, &id).await, JobState::Succeeded, 1, None);
    queue.stop().await;
}

async fn workers_of_one_database_hear_of_each_other(database: TestDatabase) {
    if matches!(database.place, Place::Folder) {
        return; // it has one worker
    }
    let (told, idle) = (Told::default(), Told::default());
    // Leases are long: what is heard is heard by notices alone.
    let long = settings::Jobs { lease_s: 600.0, ..limits(1) };
    let (worker, _a) = start(&database, "a", &told, long.clone()).await;
    let nobody = settings::Jobs { concurrency: 0, ..long };
    let (front, _b) = start(&database, "b", &idle, nobody).await;
    let done = front.submit(&spec("ok")).await.expect("taken");
    check_end(&ended(&front, &done).await, JobState::Succeeded, 1, None);
    let running = front.submit(&spec("wait")).await.expect("taken");
    run(&told, 1).await;
    assert_eq!(front.cancel(&running).await.expect("answer"), CancelAnswer::Requested);
    check_end(&ended(&front, &running).await, JobState::Cancelled, 1, None);
    run(&told, 0).await;
    assert_eq!(idle.log.lock().unwrap().len(), 0);
    worker.stop().await;
    front.stop().await;
}

async fn the_jobs_of_a_worker_that_hangs_are_done_by_another(database: TestDatabase) {
    if matches!(database.place, Place::Folder) {
        return; // it has one worker
    }
    let short = settings::Jobs { lease_s: 0.3, ..limits(1) };
    // It claims, and is not heard of again.
    let hung = database.open("hung", settings::seconds(0.3)).await;
    let submit = |store: Arc<Store>| async move {
        let terms = Terms { max_attempts: 3, max_queued: 9, ageing: Duration::ZERO };
        let taken = store.submit(&[Request::new(&spec("ok"))], None, terms).await.expect("taken");
        taken[0].id.clone()
    };
    let id = submit(Arc::clone(&hung)).await;
    let claim = hung.claim(&[Lane::Video]).await.expect("answer").expect("a job");
    let told = Told::default();
    let (worker, _store) = start(&database, "a", &told, short).await;
    check_end(&ended(&worker, &id).await, JobState::Succeeded, 2, None);
    assert!(!hung.succeed(&claim, claim.spent(), &Outcome::default()).await.expect("answer"));
    assert_eq!(*told.log.lock().unwrap(), ["ok#2"]);
    worker.stop().await;
}
