//! Workers that die, hang, or are cut off.

use super::*;

on_both![
    a_folder_has_one_worker_and_a_dead_one_leaves_its_jobs_waiting,
    a_worker_that_says_nothing_loses_its_jobs_and_can_write_no_more,
    a_worker_that_says_it_is_there_keeps_its_jobs,
    the_job_of_a_dead_worker_that_was_to_end_is_cancelled,
];

const SHORT: Duration = Duration::from_millis(30);

async fn a_folder_has_one_worker_and_a_dead_one_leaves_its_jobs_waiting(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    let first = claim(&store).await.expect("a job");
    store.stage_started(&first, Stage::Script).await.expect("written");
    let again = Store::open(&database.place, &database.path().join("a"), LEASE).await;
    let refused = again.expect_err("in use").to_string();
    assert!(refused.ends_with("is in use by another pipeline"), "{refused}");
    drop(store);

    let store = database.open("a", LEASE).await;
    assert_eq!(state(&store, &id).await, (JobState::Queued, 1));
    let second = claim(&store).await.expect("the job again");
    assert_eq!(second.attempt, 2);
    let late = store.succeed(&first, first.spent(), &Outcome::default()).await;
    assert!(!late.expect("answer"), "fenced");
    drop(store);

    // The second of two attempts died too.
    let store = database.open("a", LEASE).await;
    assert_eq!(state(&store, &id).await, (JobState::Failed, 2));
    let status = store.status(&id).await.expect("answer").expect("known");
    assert_eq!(status.error.map(|error| error.code).as_deref(), Some("worker_died"));
    assert_eq!(status.stages.len(), 1, "the stage of the first attempt is remembered");
    assert!(status.times.lost_us > 0, "{:?}", status.times);
    assert!(claim(&store).await.is_none());
}

async fn a_worker_that_says_nothing_loses_its_jobs_and_can_write_no_more(database: TestDatabase) {
    let Some((hung, other)) = two_workers(&database).await else { return };
    let id = submit(&hung, "sea", Priority::Normal).await;
    let first = claim(&hung).await.expect("a job");
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(hung.take_back(Dead::Others).await.expect("answer"), TakenBack::default());
    let taken = other.take_back(Dead::Others).await.expect("answer");
    assert_eq!(taken, TakenBack { queued: vec![id.clone()], ended: Vec::new() });
    let second = claim(&other).await.expect("the job again");
    assert_eq!((second.attempt, &second.id), (2, &id));

    // The first one wakes up: it has nothing, and nothing that it writes counts.
    assert_eq!(hung.renew().await.expect("answer"), []);
    hung.stage_started(&first, Stage::Render).await.expect("fenced");
    assert!(!hung.succeed(&first, first.spent(), &Outcome::default()).await.expect("answer"));
    assert!(!hung.requeue(&first, first.spent(), Duration::ZERO).await.expect("fenced"));
    assert_eq!(state(&other, &id).await, (JobState::Running, 2));
    assert!(other.succeed(&second, second.spent(), &Outcome::default()).await.expect("answer"));
    let status = hung.status(&id).await.expect("answer").expect("known");
    assert_eq!((status.state, status.stages.len()), (JobState::Succeeded, 0));
}

async fn a_worker_that_says_it_is_there_keeps_its_jobs(database: TestDatabase) {
    let Some((busy, other)) = two_workers(&database).await else { return };
    let id = submit(&busy, "sea", Priority::Normal).await;
    let claimed = claim(&busy).await.expect("a job");
    for _ in 0..5 {
        tokio::time::sleep(SHORT / 3).await;
        let held = busy.renew().await.expect("answer");
        assert_eq!((held.len(), held[0].id.as_str(), held[0].epoch), (1, id.as_str(), 1));
    }
    let long = database.open("long", LEASE).await;
    assert_eq!(long.renew().await.expect("answer"), [], "it has none");
    busy.renew().await.expect("answer");
    assert_eq!(other.take_back(Dead::Others).await.expect("answer"), TakenBack::default());
    other.cancel(&id).await.expect("answer");
    assert!(busy.renew().await.expect("answer")[0].cancel_requested, "it hears of it");
    assert!(busy.cancelled(&claimed, claimed.spent()).await.expect("answer"));
}

async fn the_job_of_a_dead_worker_that_was_to_end_is_cancelled(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let id = submit(&store, "sea", Priority::Normal).await;
    claim(&store).await.expect("a job");
    assert_eq!(store.cancel(&id).await.expect("answer"), CancelAnswer::Requested);
    drop(store);
    let store = database.open("a", LEASE).await;
    assert_eq!(state(&store, &id).await, (JobState::Cancelled, 1));
}

/// Two workers of one database, with short leases. SQLite has one.
async fn two_workers(database: &TestDatabase) -> Option<(Arc<Store>, Arc<Store>)> {
    match database.place {
        Place::Folder => None,
        Place::Postgres(_) => {
            Some((database.open("a", SHORT).await, database.open("b", SHORT).await))
        }
    }
}
