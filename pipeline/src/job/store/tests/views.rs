//! What is seen of jobs, and for how long.

use super::*;

on_both![
    progress_is_the_share_of_stages_that_ended,
    a_render_counts_as_far_as_it_has_come,
    what_an_attempt_has_rendered_ends_with_it,
    pages_are_young_first_and_without_gaps,
    files_go_first_and_then_the_job,
    an_end_is_told_by_one_until_it_is_told,
    who_watches_hears_of_each_stage,
];

async fn who_watches_hears_of_each_stage(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    let claim = claim(&store).await.expect("a job");
    let mut changes = store.changes();
    store.stage_started(&claim, Stage::Script).await.expect("written");
    store.stage_finished(&claim, Stage::Script).await.expect("written");
    for _ in 0..2 {
        assert_eq!(&*changes.try_recv().expect("heard"), id);
    }
    assert!(changes.try_recv().is_err());
}

async fn an_end_is_told_by_one_until_it_is_told(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let sea = spec("sea", Priority::Normal);
    let request = Request { webhook: Some("https://example.org/hook"), ..Request::new(&sea) };
    let taken = store.submit(&[request], None, terms()).await.expect("taken");
    let due = async || store.due_webhooks().await.expect("answer");
    assert_eq!((due().await, store.next_webhook().await.expect("answer")), (vec![], None));
    let claimed = claim(&store).await.expect("a job");
    store.succeed(&claimed, claimed.spent(), &Outcome::default()).await.expect("written");
    assert_eq!(store.next_webhook().await.expect("answer"), Some(Duration::ZERO));
    let told = |attempt| DueWebhook {
        id: taken[0].id.clone(),
        url: "https://example.org/hook".to_owned(),
        attempt,
    };
    assert_eq!(due().await, [told(1)]);
    assert_eq!(due().await, [], "somebody is at it");
    store.webhook_again(&taken[0].id, Duration::ZERO).await.expect("written");
    assert_eq!(due().await, [told(2)]);
    store.webhook_is_done(&taken[0].id).await.expect("written");
    store.webhook_again(&taken[0].id, Duration::ZERO).await.expect("no effect");
    assert_eq!((due().await, store.next_webhook().await.expect("answer")), (vec![], None));
}

async fn progress_is_the_share_of_stages_that_ended(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let spec = JobSpec { stop_at: Some(Stage::Subtitles), ..spec("sea", Priority::Normal) };
    let id = submit_spec(&store, &spec).await;
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

async fn a_render_counts_as_far_as_it_has_come(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    let claim = claim(&store).await.expect("a job");
    let progress = async || store.status(&id).await.expect("answer").expect("known").progress;
    store.stage_started(&claim, Stage::Render).await.expect("written");
    store.rendered(&claim, 0.5);
    assert!((progress().await - 0.5 / 8.0).abs() < 1e-9);
    store.stage_finished(&claim, Stage::Render).await.expect("written");
    assert!((progress().await - 1.0 / 8.0).abs() < 1e-9, "not counted twice");
}

async fn what_an_attempt_has_rendered_ends_with_it(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let spec = spec("sea", Priority::Normal);
    let many = Terms { max_attempts: 9, ..terms() };
    let taken = store.submit(&[Request::new(&spec)], None, many).await.expect("taken");
    let id = taken[0].id.clone();
    let progress = async || store.status(&id).await.expect("answer").expect("known").progress;
    let rendering = async || {
        let claim = claim(&store).await.expect("a job");
        store.stage_started(&claim, Stage::Render).await.expect("written");
        store.rendered(&claim, 0.5);
        assert!(progress().await > 0.0);
        claim
    };
    let claimed = rendering().await;
    store.requeue(&claimed, claimed.spent(), Duration::ZERO).await.expect("written");
    assert_eq!(progress().await, 0.0, "it failed");
    let claimed = rendering().await;
    store.hand_back(&claimed, claimed.spent()).await.expect("written");
    assert_eq!(progress().await, 0.0, "the service stopped");
    let claimed = rendering().await;
    store.cancel(&id).await.expect("answer");
    assert!(store.requeue(&claimed, claimed.spent(), Duration::ZERO).await.expect("answer"));
    assert_eq!(progress().await, 0.0, "it was cancelled");
}

async fn pages_are_young_first_and_without_gaps(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let mut ids = Vec::new();
    for subject in ["a", "b", "c", "d", "e"] {
        ids.insert(0, submit(&store, subject, Priority::Normal).await);
    }
    let running = claim(&store).await.expect("a job");
    store.stage_started(&running, Stage::Script).await.expect("written");
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = Filter { before, limit: 2, ..Filter::default() };
        let page = store.list(&page).await.expect("answer");
        seen.extend(page.jobs);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen.iter().map(|job| &job.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    assert_eq!(seen[4].stages.len(), 1, "the oldest one runs");
    assert!(seen[..4].iter().all(|job| job.stages.is_empty()));
    let running = Filter { state: Some(JobState::Running), limit: 2, ..Filter::default() };
    let listed = store.list(&running).await.expect("answer");
    assert_eq!((listed.jobs.len(), listed.next), (1, None));
}

async fn files_go_first_and_then_the_job(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    submit(&store, "waits", Priority::Low).await;
    let claimed = claim(&store).await.expect("a job");
    store.stage_started(&claimed, Stage::Script).await.expect("written");
    store.succeed(&claimed, claimed.spent(), &Outcome::default()).await.expect("written");
    let (hour, none) = (Duration::from_secs(3600), Duration::ZERO);
    assert_eq!(store.forget_files(hour).await.expect("answer"), [""; 0], "too young");
    assert_eq!(store.forget_jobs(none).await.expect("answer"), 0, "its files are there");
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(store.forget_files(none).await.expect("answer"), std::slice::from_ref(&id));
    assert_eq!(store.forget_files(none).await.expect("answer"), [""; 0]);
    assert!(store.status(&id).await.expect("answer").expect("known").files_gone);
    assert_eq!(store.forget_jobs(hour).await.expect("answer"), 0, "too young");
    assert_eq!(store.forget_jobs(none).await.expect("answer"), 1);
    assert_eq!(store.status(&id).await.expect("answer"), None);
}
