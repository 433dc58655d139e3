use super::*;

fn args() -> Args {
    Args::of("short", 10, 80)
}

#[track_caller]
fn check(args: &Args, expected: &str) {
    let error = args.check().expect_err("must be refused");
    assert!(error.to_string().contains(expected), "{error:#}");
}

#[test]
fn more_jobs_than_the_guard_allows_are_refused_before_any_work() {
    let url: Url = "https://videos.example.com".parse().expect("a URL");
    let remote = Args { url: Some(url.clone()), ..args() };
    check(&remote, "80 jobs would be sent to https://videos.example.com/, the guard allows 10");
    check(&Args { max_jobs: Some(79), ..args() }, "80 jobs would be sent to the pipeline");
    let mut open = remote.clone();
    (open.jobs, open.shape.duration) = (None, Some(Duration::from_secs(60)));
    open.shape.rate = bench::Rate::try_from(2.0).ok();
    check(&open, "jobs would be sent to https://videos.example.com/, the guard allows 10");
    // How many jobs a closed loop sends in a time is not known before: the guard ends it.
    open.shape.rate = None;
    let guarded = open.check().expect("a plan").max_jobs;
    assert_eq!(guarded, NonZeroU32::new(10));
    for allowed in [
        args(),
        Args { url: Some(url.clone()), jobs: Some(10), ..args() },
        Args { url: Some(url), max_jobs: Some(80), ..args() },
        Args { max_jobs: Some(80), ..args() },
    ] {
        assert!(allowed.check().is_ok(), "{allowed:?}");
    }
}

#[test]
fn flags_of_a_pipeline_of_ours_are_refused_with_a_service_of_theirs() {
    let mut remote = Args { url: "http://a.example".parse().ok(), jobs: Some(1), ..args() };
    assert!(remote.check().is_ok());
    remote.flags.set.push("jobs.concurrency=1".to_owned());
    check(&remote, "are for a pipeline that is started here");
    remote.flags = Flags { no_build: true, ..Flags::default() };
    check(&remote, "are for a pipeline that is started here");
}

#[test]
fn jobs_that_ask_for_the_same_are_made_anew_unless_the_user_says_otherwise() {
    let flags = Flags { set: vec!["cache.stages=true".to_owned()], ..Flags::default() };
    let set = cold(&flags).set;
    // Whatever serves a job with what an earlier one has asked.
    for kept in ["cache.stages", "llm.cache", "stock.search_cache_h", "similarity.cache"] {
        assert!(set.iter().any(|setting| setting.starts_with(&format!("{kept}="))), "{kept}");
    }
    assert_eq!(set[COLD.len()..], flags.set, "the user's come last: they count");
}

#[test]
fn a_sweep_has_one_rate_a_probe_and_its_jobs_are_guarded() {
    let rate = |per_s| bench::Rate::try_from(per_s).expect("a rate");
    let mut args = Args { jobs: None, ..args() };
    args.sweep.sweep = Some((rate(1.0), rate(10.0)));
    let plan = args.sweep.plan(&args, rate(2.0)).expect("a plan");
    assert_eq!((plan.is_open(), plan.n_jobs()), (true, Some(400)));
    assert!(args.check().is_ok());
    args.max_jobs = Some(3_199);
    check(&args, "3200 jobs would be sent to the pipeline, the guard allows 3199");
    args.max_jobs = None;
    args.shape.arrivals = Some(shape::Kind::Ramp(3.0));
    check(&args, "a probe of a sweep has one rate");
}
