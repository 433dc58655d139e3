//! What holds for jobs, whatever database they are in.

mod leases;
mod submits;
mod views;

use super::*;
use crate::job::Lane;
use crate::job::test_database::{LEASE, TestDatabase, on_both};
use protocol::{JobError, JobSpec, JobState, Outcome, Priority, Stage};

/// Every lane: most cases are not about them.
const ANY: &[Lane] = &Lane::ALL;

fn spec(subject: &str, priority: Priority) -> JobSpec {
    JobSpec { video_subject: subject.to_owned(), priority, ..JobSpec::default() }
}

fn terms() -> Terms {
    Terms { max_attempts: 2, max_queued: 100, ageing: Duration::from_secs(600) }
}

async fn submit_spec(store: &Store, spec: &JobSpec) -> String {
    let taken = store.submit(&[Request::new(spec)], None, terms()).await.expect("taken");
    taken.into_iter().next().expect("one").id
}

async fn submit(store: &Store, subject: &str, priority: Priority) -> String {
    submit_spec(store, &spec(subject, priority)).await
}

async fn claim(store: &Store) -> Option<Claim> {
    store.claim(ANY).await.expect("answer")
}

async fn state(store: &Store, id: &str) -> (JobState, u32) {
    let status = store.status(id).await.expect("answer").expect("known");
    (status.state, status.attempt)
}

on_both![
    urgent_goes_first_and_within_a_priority_the_first_one,
    a_lane_does_not_see_the_jobs_of_another,
    a_job_ends_once,
    a_job_that_waits_for_its_time_is_not_claimed_before,
    an_attempt_that_was_handed_back_can_be_made_again,
    a_wish_to_cancel_is_kept_when_an_attempt_fails_first,
    a_job_of_another_version_fails_by_name,
    a_queue_that_is_held_gives_nothing,
    what_waits_is_purged_and_what_runs_stays,
    only_a_job_that_failed_is_tried_again,
    the_times_of_a_job_add_up,
];

async fn urgent_goes_first_and_within_a_priority_the_first_one(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let order = [
        ("l1", Priority::Low),
        ("n1", Priority::Normal),
        ("n2", Priority::Normal),
        ("u1", Priority::Urgent),
        ("h1", Priority::High),
        ("l2", Priority::Low),
    ];
    for (subject, priority) in order {
        submit(&store, subject, priority).await;
    }
    let mut claimed = Vec::new();
    while let Some(claim) = claim(&store).await {
        claimed.push(claim.spec.video_subject);
    }
    assert_eq!(claimed, ["u1", "h1", "n1", "n2", "l1", "l2"]);
}

async fn a_lane_does_not_see_the_jobs_of_another(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let video = submit(&store, "sea", Priority::Urgent).await;
    let script = JobSpec { stop_at: Some(Stage::Script), ..spec("sea", Priority::Low) };
    let light = submit_spec(&store, &script).await;
    let next = async |lanes: &[Lane]| store.claim(lanes).await.expect("answer").map(|job| job.id);
    assert_eq!(next(&[Lane::Heavy, Lane::Comic]).await, None);
    assert_eq!(next(&[Lane::Light, Lane::Heavy]).await, Some(light));
    assert_eq!(next(&[Lane::Light]).await, None);
    assert_eq!(store.next_due(&[Lane::Light]).await.expect("answer"), None);
    assert_eq!(store.next_due(&[Lane::Video]).await.expect("answer"), Some(Duration::ZERO));
    let open = store.open_by_lane().await.expect("answer");
    let expected = [("light", JobState::Running, 1), ("video", JobState::Queued, 1)];
    assert_eq!(open, expected.map(|(lane, state, n)| (lane.to_owned(), state, n)));
    assert_eq!(next(&[Lane::Video]).await, Some(video));
}

async fn a_job_ends_once(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    let claim = claim(&store).await.expect("a job");
    let spent = claim.spent();
    assert!(store.succeed(&claim, spent, &Outcome::default()).await.expect("answer"));
    let late = JobError { code: "late".to_owned(), stage: None, message: String::new() };
    assert!(!store.fail(&claim, spent, &late).await.expect("answer"));
    assert!(!store.cancelled(&claim, spent).await.expect("answer"));
    assert!(!store.requeue(&claim, spent, Duration::ZERO).await.expect("no effect"));
    store.hand_back(&claim, spent).await.expect("no effect");
    assert_eq!(state(&store, &id).await, (JobState::Succeeded, 1));
    let status = store.status(&id).await.expect("answer").expect("known");
    assert_eq!((status.error, status.outcome.is_some()), (None, true));
}

async fn a_job_that_waits_for_its_time_is_not_claimed_before(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    submit(&store, "sea", Priority::Normal).await;
    let claimed = claim(&store).await.expect("a job");
    let hour = Duration::from_secs(3600);
    store.requeue(&claimed, claimed.spent(), hour).await.expect("written");
    assert!(claim(&store).await.is_none());
    let due = store.next_due(ANY).await.expect("answer").expect("it waits");
    assert!(due > hour / 2 && due <= hour, "{due:?}");
}

async fn an_attempt_that_was_handed_back_can_be_made_again(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    let first = claim(&store).await.expect("a job");
    store.stage_started(&first, Stage::Script).await.expect("written");
    store.stage_finished(&first, Stage::Script).await.expect("written");
    store.stage_started(&first, Stage::Render).await.expect("written");
    store.hand_back(&first, first.spent()).await.expect("written");
    assert_eq!(state(&store, &id).await, (JobState::Queued, 0));

    let second = claim(&store).await.expect("the job again");
    assert_eq!(second.attempt, 1);
    store.stage_finished(&first, Stage::Render).await.expect("fenced");
    for _ in 0..2 {
        // Its result may be lost while its time is not: then it is run again.
        store.stage_started(&second, Stage::Render).await.expect("written");
    }
    let status = store.status(&id).await.expect("answer").expect("known");
    let stages: Vec<_> =
        status.stages.iter().map(|time| (time.stage, time.finished_us.is_some())).collect();
    assert_eq!(stages, [(Stage::Script, true), (Stage::Render, false)]);
}

async fn a_wish_to_cancel_is_kept_when_an_attempt_fails_first(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    let claimed = claim(&store).await.expect("a job");
    assert_eq!(store.cancel(&id).await.expect("answer"), CancelAnswer::Requested);
    assert!(store.cancel_requested(&id).await.expect("answer"));
    let spent = claimed.spent();
    assert!(store.requeue(&claimed, spent, Duration::ZERO).await.expect("answer"), "it ends here");
    assert_eq!(state(&store, &id).await, (JobState::Cancelled, 1));
    let again = store.cancel(&id).await.expect("answer");
    assert_eq!(again, CancelAnswer::AlreadyEnded(JobState::Cancelled));
    for nobody in ["nobody", "no\0body", ""] {
        assert_eq!(store.cancel(nobody).await.expect("answer"), CancelAnswer::Unknown);
        assert_eq!(store.retry(nobody).await.expect("answer"), RetryAnswer::Unknown);
        assert_eq!(store.status(nobody).await.expect("answer"), None);
        let of_batch = store.counts_of_batch(nobody).await.expect("answer");
        assert!(of_batch.iter().all(|(_, n)| *n == 0), "{of_batch:?}");
    }
}

async fn a_job_of_another_version_fails_by_name(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    sqlx::query("UPDATE jobs SET spec = '{\"colour\": 1}'")
        .execute(&store.database.writer)
        .await
        .expect("written");
    let refused = store.claim(ANY).await.expect_err("unreadable").to_string();
    assert!(refused.contains(&id) && refused.contains("unknown field `colour`"), "{refused}");
    assert!(claim(&store).await.is_none());
    let row: (String, String) = sqlx::query_as("SELECT state, error FROM jobs")
        .fetch_one(&store.database.reader)
        .await
        .expect("a row");
    assert_eq!(row.0, "failed");
    assert!(row.1.contains("spec_unreadable"), "{}", row.1);
}

async fn a_queue_that_is_held_gives_nothing(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    assert!(!store.is_held().await.expect("answer"));
    store.hold(true).await.expect("written");
    assert!(store.is_held().await.expect("answer"));
    assert!(claim(&store).await.is_none());
    assert_eq!(store.next_due(ANY).await.expect("answer"), None);
    store.hold(false).await.expect("written");
    assert_eq!(claim(&store).await.expect("a job").id, id);
}

async fn what_waits_is_purged_and_what_runs_stays(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let running = submit(&store, "first", Priority::Normal).await;
    claim(&store).await.expect("a job");
    let waiting = submit(&store, "second", Priority::Normal).await;
    assert_eq!(store.purge().await.expect("answer"), std::slice::from_ref(&waiting));
    assert_eq!(state(&store, &running).await, (JobState::Running, 1));
    assert_eq!(state(&store, &waiting).await, (JobState::Cancelled, 0));
    assert_eq!(store.purge().await.expect("answer"), [""; 0]);
}

async fn only_a_job_that_failed_is_tried_again(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    let queued = RetryAnswer::NotFailed(JobState::Queued);
    assert_eq!(store.retry(&id).await.expect("answer"), queued);
    assert_eq!(store.retry("nobody").await.expect("answer"), RetryAnswer::Unknown);
    let claimed = claim(&store).await.expect("a job");
    let error = JobError { code: "no".to_owned(), stage: None, message: String::new() };
    store.fail(&claimed, claimed.spent(), &error).await.expect("written");
    assert_eq!(store.retry(&id).await.expect("answer"), RetryAnswer::Queued);
    assert_eq!(store.retried().await.expect("answer"), 0, "not begun again yet");
    let again = claim(&store).await.expect("the job again");
    assert_eq!(store.retried().await.expect("answer"), 1);
    assert_eq!((again.attempt, again.max_attempts), (2, 3), "all its attempts again");
    store.succeed(&again, again.spent(), &Outcome::default()).await.expect("written");
    let status = store.status(&id).await.expect("answer").expect("known");
    assert_eq!((status.state, status.error), (JobState::Succeeded, None));
}

async fn the_times_of_a_job_add_up(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    let pause = || tokio::time::sleep(Duration::from_millis(30));
    pause().await;
    let first = claim(&store).await.expect("a job");
    let at_work = first.stages.enter();
    pause().await;
    drop(at_work);
    store.requeue(&first, first.spent(), Duration::ZERO).await.expect("written");
    pause().await;
    let second = claim(&store).await.expect("the job again");
    pause().await;
    store.succeed(&second, second.spent(), &Outcome::default()).await.expect("written");
    let status = store.status(&id).await.expect("answer").expect("known");
    let times = status.times;
    for (part, least) in
        [(times.waited_us, 60_000), (times.worked_us, 30_000), (times.overhead_us, 30_000)]
    {
        assert!(part >= least, "{times:?}");
    }
    let whole = status.finished_us.expect("ended") - status.submitted_us;
    // What is missing is the time of the two writes after the sums were taken.
    assert!(times.sum_us() <= whole && whole - times.sum_us() < 30_000, "{whole}: {times:?}");
}
