use super::*;
use protocol::{Outcome, Priority, Stage};

fn spec(subject: &str, priority: Priority) -> JobSpec {
    JobSpec { video_subject: subject.to_owned(), priority, ..JobSpec::default() }
}

async fn submit(store: &Store, subject: &str, priority: Priority) -> String {
    store.submit(&spec(subject, priority), 2, 100).await.expect("taken")
}

async fn claim(store: &Store) -> Option<Claim> {
    store.claim().await.expect("answer")
}

async fn state(store: &Store, id: &str) -> (JobState, u32) {
    let status = store.status(id).await.expect("answer").expect("known");
    (status.state, status.attempt)
}

#[tokio::test]
async fn urgent_goes_first_and_within_a_priority_the_first_one() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(folder.path()).await.expect("a database");
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

#[tokio::test]
async fn a_folder_has_one_pipeline_and_a_dead_one_leaves_its_jobs_waiting() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(folder.path()).await.expect("a database");
    let id = submit(&store, "sea", Priority::Normal).await;
    let first = claim(&store).await.expect("a job");
    store.stage_started(&first, Stage::Script).await.expect("written");
    let refused = Store::open(folder.path()).await.expect_err("in use").to_string();
    assert!(refused.ends_with("is in use by another pipeline"), "{refused}");
    drop(store);

    let store = Store::open(folder.path()).await.expect("opened again");
    assert_eq!(state(&store, &id).await, (JobState::Queued, 1));
    let second = claim(&store).await.expect("the job again");
    assert_eq!(second.attempt, 2);
    assert!(!store.succeed(&first, &Outcome::default()).await.expect("answer"), "fenced");
    drop(store);

    // The second of two attempts died too.
    let store = Store::open(folder.path()).await.expect("opened again");
    assert_eq!(state(&store, &id).await, (JobState::Failed, 2));
    let status = store.status(&id).await.expect("answer").expect("known");
    assert_eq!(status.error.map(|error| error.code).as_deref(), Some("worker_died"));
    assert_eq!(status.stages.len(), 1, "the stage of the first attempt is remembered");
    assert!(claim(&store).await.is_none());
}

#[tokio::test]
async fn a_job_ends_once() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(folder.path()).await.expect("a database");
    let id = submit(&store, "sea", Priority::Normal).await;
    let claim = claim(&store).await.expect("a job");
    assert!(store.succeed(&claim, &Outcome::default()).await.expect("answer"));
    let late = JobError { code: "late".to_owned(), stage: None, message: String::new() };
    assert!(!store.fail(&claim, &late).await.expect("answer"));
    assert!(!store.cancelled(&claim).await.expect("answer"));
    assert!(!store.requeue(&claim, 0).await.expect("no effect"));
    store.hand_back(&claim).await.expect("no effect");
    assert_eq!(state(&store, &id).await, (JobState::Succeeded, 1));
}

#[tokio::test]
async fn a_job_that_waits_for_its_time_is_not_claimed_before() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(folder.path()).await.expect("a database");
    submit(&store, "sea", Priority::Normal).await;
    let claimed = claim(&store).await.expect("a job");
    let due = now_us() + 3_600_000_000;
    store.requeue(&claimed, due).await.expect("written");
    assert!(claim(&store).await.is_none());
    assert_eq!(store.next_due_us().await.expect("answer"), Some(due));
}

#[tokio::test]
async fn progress_is_the_share_of_stages_that_ended() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(folder.path()).await.expect("a database");
    let spec = JobSpec { stop_at: Some(Stage::Subtitles), ..spec("sea", Priority::Normal) };
    let id = store.submit(&spec, 2, 100).await.expect("taken");
    let claim = claim(&store).await.expect("a job");
    for stage in [Stage::Script, Stage::Narration] {
        store.stage_started(&claim, stage).await.expect("written");
        store.stage_finished(&claim, stage).await.expect("written");
    }
    store.stage_started(&claim, Stage::Subtitles).await.expect("written");
    let status = store.status(&id).await.expect("answer").expect("known");
    assert!((status.progress - 2.0 / 3.0).abs() < 1e-9, "{}", status.progress);
    let begun: Vec<Stage> = status.stages.iter().map(|time| time.stage).collect();
    assert_eq!(begun, [Stage::Script, Stage::Narration, Stage::Subtitles]);
}

#[tokio::test]
async fn a_render_counts_as_far_as_it_has_come() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(folder.path()).await.expect("a database");
    let id = store.submit(&spec("sea", Priority::Normal), 2, 100).await.expect("taken");
    let claim = claim(&store).await.expect("a job");
    let progress = async || store.status(&id).await.expect("answer").expect("known").progress;
    store.stage_started(&claim, Stage::Render).await.expect("written");
    store.rendered(&claim, 0.5);
    assert!((progress().await - 0.5 / 8.0).abs() < 1e-9);
    store.stage_finished(&claim, Stage::Render).await.expect("written");
    assert!((progress().await - 1.0 / 8.0).abs() < 1e-9, "not counted twice");
}

#[tokio::test]
async fn what_an_attempt_has_rendered_ends_with_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(folder.path()).await.expect("a database");
    let id = store.submit(&spec("sea", Priority::Normal), 9, 100).await.expect("taken");
    let progress = async || store.status(&id).await.expect("answer").expect("known").progress;
    let rendering = async || {
        let claim = claim(&store).await.expect("a job");
        store.stage_started(&claim, Stage::Render).await.expect("written");
        store.rendered(&claim, 0.5);
        assert!(progress().await > 0.0);
        claim
    };
    store.requeue(&rendering().await, 0).await.expect("written");
    assert_eq!(progress().await, 0.0, "it failed");
    store.hand_back(&rendering().await).await.expect("written");
    assert_eq!(progress().await, 0.0, "the service stopped");
    let claimed = rendering().await;
    store.cancel(&id).await.expect("answer");
    assert!(store.requeue(&claimed, 0).await.expect("answer"));
    assert_eq!(progress().await, 0.0, "it was cancelled");
}

#[tokio::test]
async fn an_attempt_that_was_handed_back_can_be_made_again() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(folder.path()).await.expect("a database");
    let id = submit(&store, "sea", Priority::Normal).await;
    let first = claim(&store).await.expect("a job");
    store.stage_started(&first, Stage::Script).await.expect("written");
    store.stage_finished(&first, Stage::Script).await.expect("written");
    store.stage_started(&first, Stage::Render).await.expect("written");
    store.hand_back(&first).await.expect("written");
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

#[tokio::test]
async fn a_wish_to_cancel_is_kept_when_an_attempt_fails_first() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(folder.path()).await.expect("a database");
    let id = submit(&store, "sea", Priority::Normal).await;
    let claimed = claim(&store).await.expect("a job");
    assert_eq!(store.cancel(&id).await.expect("answer"), CancelAnswer::Requested);
    assert!(store.requeue(&claimed, 0).await.expect("answer"), "it ends here");
    assert_eq!(state(&store, &id).await, (JobState::Cancelled, 1));
}

#[tokio::test]
async fn a_job_of_another_version_fails_by_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(folder.path()).await.expect("a database");
    let id = submit(&store, "sea", Priority::Normal).await;
    sqlx::query("UPDATE jobs SET spec = '{\"colour\": 1}'")
        .execute(&store.pool)
        .await
        .expect("written");
    let refused = store.claim().await.expect_err("unreadable").to_string();
    assert!(refused.contains(&id) && refused.contains("unknown field `colour`"), "{refused}");
    assert!(claim(&store).await.is_none());
    let row: (String, String) = sqlx::query_as("SELECT state, error FROM jobs")
        .fetch_one(&store.pool)
        .await
        .expect("a row");
    assert_eq!(row.0, "failed");
    assert!(row.1.contains("spec_unreadable"), "{}", row.1);
}
