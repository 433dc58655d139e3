use crate::commands::load_test::Args;

fn parsed(flags: &str) -> Result<Args, clap::Error> {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }
    let line = std::iter::once("load-test").chain(flags.split_whitespace());
    clap::Parser::try_parse_from(line).map(|line: Line| line.args)
}

/// What the plan of these flags says, or why there is none.
fn said(flags: &str) -> String {
    match parsed(flags) {
        Ok(args) => match args.check() {
            Ok(plan) => {
                let facts = plan.facts().into_iter().map(|(name, fact)| format!("{name}: {fact}"));
                facts.collect::<Vec<String>>().join("; ")
            }
            Err(error) => format!("{error:#}"),
        },
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(flags: &str, expected: &str) {
    let said = said(flags);
    assert!(said.contains(expected), "{flags}: expected {expected:?}, found {said:?}");
}

#[test]
fn flags_are_plans() {
    check("", "workers: 10; jobs: 120");
    check("--concurrency 2 --duration 10m", "workers: 2; duration: 10 min 0 s");
    check("--think-time 2s", "think time: 2.00 s on average");
    check(
        "--rate 0.5 --jobs 60 --seed 7",
        "arrivals: 0.5 jobs a second on average, Poisson; jobs: 60;",
    );
    check("--rate 0.5 --seed 7", "jobs: 120; jobs in flight, at most: 256; seed: 7");
    check(
        "--rate 2 --arrivals constant --duration 45s",
        "2 jobs a second, evenly; duration: 45.0 s",
    );
    check("--rate 2 --arrivals gamma:0.5", "gamma gaps of shape 0.5");
    check("--rate 2 --arrivals bursts:5", "5 jobs at once every 2.50 s");
    check("--rate 1 --arrivals ramp:4 --duration 60s", "a ramp from 1 to 4 jobs a second");
    check("--rate 1 --max-in-flight 5", "jobs in flight, at most: 5");
    check("--warm-up 12 --cool-down 30s", "warm-up: 12 jobs; cool-down: 30.0 s");
    check("--timeout 1500ms --max-jobs 120", "timeout: 1.50 s; jobs in all, at most: 120");
    check("--abort-failed 10", "aborted when: more than 10 % of the last 20 jobs failed");
    check("--abort-p95 8s", "more than 5 % of the last 20 jobs failed or took longer than 8.00 s");
}

#[test]
fn what_cannot_be_is_refused_before_any_work() {
    check("--rate 0", "expected more than 0");
    check("--rate fast", "expected a number");
    check("--rate 1 --concurrency 3", "cannot be used with");
    check("--rate 1 --think-time 2s", "cannot be used with");
    check("--jobs 5 --duration 5s", "cannot be used with");
    check("--arrivals constant", "--rate");
    check("--rate 1 --arrivals sometimes", "expected constant, poisson, gamma:SHAPE");
    check("--rate 1 --arrivals gamma:0", "expected more than 0");
    check("--rate 1 --arrivals ramp:4", "a ramp goes on for a time, not for a number of jobs");
    check("--duration 10", "expected a time with its unit");
    check("--duration 0s", "expected a time with its unit");
    check("--warm-up soon", "or a number of jobs");
    check("--abort-failed 100", "expected a percentage");
    check(
        "--rate 100 --duration 1m --max-jobs 9",
        "jobs would be sent to the pipeline, the guard allows 9",
    );
    check("--trace missing.txt", "missing.txt");
}

#[test]
fn a_trace_is_a_file_of_seconds() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let file = folder.path().join("trace.txt");
    let flags = format!("--trace {}", file.display());
    fs_err::write(&file, "# seconds\n0\n0.5\n\n 2.25 \n").expect("written");
    let plan = parsed(&flags).expect("flags").plan().expect("a plan");
    let at_us: Vec<u64> = plan.schedule().iter().map(|due| due.planned_us).collect();
    assert_eq!(at_us, [0, 500_000, 2_250_000]);
    fs_err::write(&file, "0\nsoon\n").expect("written");
    check(&flags, "trace.txt:2: expected seconds since the beginning, found \"soon\"");
    fs_err::write(&file, "3\n2\n").expect("written");
    check(&flags, "instant 1 of the trace is before the one before it");
    fs_err::write(&file, "").expect("written");
    check(&flags, "the schedule has no job that is measured");
}
