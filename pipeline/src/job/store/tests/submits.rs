//! Batches, idempotency keys, limits of time and number.

use super::*;

on_both![
    a_batch_is_taken_whole_or_not_at_all,
    a_request_that_is_sent_again_is_the_same_job,
    jobs_that_do_not_begin_in_time_fail,
    a_storm_of_submits_stays_within_the_limit,
];

async fn a_batch_is_taken_whole_or_not_at_all(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let specs = ["a", "b", "c"].map(|subject| spec(subject, Priority::Normal));
    let requests: Vec<Request<'_>> = specs.iter().map(Request::new).collect();
    let few = Terms { max_queued: 2, ..terms() };
    let refused = store.submit(&requests, Some("b1"), few).await.expect_err("too many");
    assert_eq!(refused.to_string(), "0 jobs are waiting, at most 2 may");
    assert!(claim(&store).await.is_none(), "nothing was taken");

    let taken = store.submit(&requests, Some("b1"), terms()).await.expect("taken");
    submit(&store, "another", Priority::Normal).await;
    let of_batch = Filter { batch: Some("b1".to_owned()), limit: 10, ..Filter::default() };
    let listed = store.list(&of_batch).await.expect("answer").jobs;
    let mut names: Vec<&str> = listed.iter().map(|job| job.id.as_str()).collect();
    names.reverse();
    assert_eq!(names, taken.iter().map(|job| job.id.as_str()).collect::<Vec<_>>());
    assert!(listed.iter().all(|job| job.batch.as_deref() == Some("b1")));
}

async fn a_request_that_is_sent_again_is_the_same_job(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let (sea, hill) = (spec("sea", Priority::Normal), spec("hill", Priority::Normal));
    let request = |spec| Request { idempotency_key: Some("k1"), ..Request::new(spec) };
    let send = async |spec| store.submit(&[request(spec)], None, terms()).await;
    let first = send(&sea).await.expect("taken").remove(0);
    let again = send(&sea).await.expect("known").remove(0);
    assert_eq!((first.existed, again.existed), (false, true));
    assert_eq!(first.id, again.id);
    let refused = send(&hill).await.expect_err("another job").to_string();
    assert!(refused.contains("\"k1\"") && refused.contains(&first.id), "{refused}");
    let full = Terms { max_queued: 0, ..terms() };
    let known = store.submit(&[request(&sea)], None, full).await.expect("no new job waits");
    assert_eq!(known[0].id, first.id);
}

async fn jobs_that_do_not_begin_in_time_fail(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let sea = spec("sea", Priority::Normal);
    let request = Request {
        ttl: Some(Duration::from_millis(20)),
        timeout: Some(Duration::from_secs(7)),
        ..Request::new(&sea)
    };
    let id = store.submit(std::slice::from_ref(&request), None, terms()).await.expect("taken");
    let id = id[0].id.clone();
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert!(claim(&store).await.is_none(), "it is too late");
    assert_eq!(store.expire().await.expect("answer"), std::slice::from_ref(&id));
    assert_eq!(store.expire().await.expect("answer"), [""; 0]);
    let status = store.status(&id).await.expect("answer").expect("known");
    assert_eq!(status.error.map(|error| error.code).as_deref(), Some("expired"));

    let request = Request { ttl: Some(Duration::from_secs(60)), ..request };
    store.submit(&[request], None, terms()).await.expect("taken");
    assert!(store.expire().await.expect("answer").is_empty());
    assert_eq!(claim(&store).await.expect("a job").timeout, Some(Duration::from_secs(7)));
}

async fn a_storm_of_submits_stays_within_the_limit(database: TestDatabase) {
    let store = database.open("a", LEASE).await;
    let sea = spec("sea", Priority::Normal);
    let ten = Terms { max_queued: 10, ..terms() };
    let submits = (0..40).map(|_| async {
        let request = Request::new(&sea);
        store.submit(std::slice::from_ref(&request), None, ten).await.is_ok()
    });
    let taken = futures::future::join_all(submits).await;
    assert_eq!(taken.iter().filter(|&&taken| taken).count(), 10);
    let mut claimed = std::collections::HashSet::new();
    let claims = (0..40).map(|_| claim(&store));
    for claim in futures::future::join_all(claims).await.into_iter().flatten() {
        assert!(claimed.insert(claim.id), "given to two");
    }
    while let Some(claim) = claim(&store).await {
        assert!(claimed.insert(claim.id), "given to two");
    }
    assert_eq!(claimed.len(), 10);
}
