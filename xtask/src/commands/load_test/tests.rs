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
    let args = || Args { input: Some("body.json".into()), ..args() };
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
    let input = Some("body.json".into());
    let mut remote = Args { url: "http://a.example".parse().ok(), input, jobs: Some(1), ..args() };
    assert!(remote.check().is_ok());
    remote.flags.set.push("jobs.concurrency=1".to_owned());
    check(&remote, "are for a pipeline that is started here");
    remote.flags = Flags { no_build: true, ..Flags::default() };
    check(&remote, "are for a pipeline that is started here");
}

#[test]
fn a_mix_is_refused_where_it_cannot_be_followed() {
    let parts = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a part")).collect();
    let url: Option<Url> = "http://a.example".parse().ok();
    let remote = Args { url, jobs: Some(1), mix: parts(&["a.json=1", "b.json:low=2"]), ..args() };
    assert!(remote.check().is_ok(), "bodies of a mix are bodies");
    check(&Args { mix: Vec::new(), ..remote.clone() }, "expected the body of its requests");
    let runpod = Args { speaks: Speaks::Runpod, ..remote };
    check(&runpod, "--mix: what speaks runpod has no priorities");
    let mut cold = Args { mix: parts(&["short=1", "english=1"]), ..args() };
    cold.shape.warm_up = Some(bench::Until::Jobs(NonZeroU32::MIN));
    check(&cold, "a warm-up of 1 jobs does not touch each of 2 scenarios and priorities");
    cold.shape.warm_up = Some(bench::Until::Jobs(NonZeroU32::new(2).expect("not zero")));
    assert!(cold.check().is_ok());
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
    let slo = |quantile| bench::Slo { quantile, at_most_us: std::num::NonZeroU64::MIN };
    (args.jobs, args.sweep.slo) = (Some(99), vec![slo(0.5)]);
    check(&args, "100 jobs a probe can show it at the earliest, found 99");
    (args.jobs, args.sweep.slo) = (Some(367), vec![slo(0.5), slo(0.99)]);
    check(&args, "368 jobs a probe can show it at the earliest, found 367");
    (args.jobs, args.sweep.slo) = (None, vec![slo(0.999)]);
    check(&args, "3688 jobs a probe can show it at the earliest, found 400");
    args.sweep.slo = Vec::new();
    args.shape.arrivals = Some(shape::Kind::Ramp(3.0));
    check(&args, "a probe of a sweep has one rate");
}
