//! Which steps a test run has. Pure.

/// What the user asked for, and what there is to do it with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// Only tests whose name contains this, and no other checks.
    pub filter: Option<&'a str>,
    /// Leave out end-to-end tests.
    pub no_e2e: bool,
    /// cargo-nextest is installed.
    pub nextest: bool,
    /// cargo-deny is installed.
    pub deny: bool,
    /// On a build server (`CI` is set).
    pub ci: bool,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What people call it.
    pub name: &'static str,
    /// What is done.
    pub work: Work,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Installs what the tests need.
    Setup,
    /// Makes media and models for the tests.
    Prepare,
    /// Runs cargo with these arguments.
    Cargo(Vec<String>),
    /// Nothing, for this reason.
    Skip(&'static str),
}

/// The steps of `request` in their order: cheap checks first, and last the tests, so that what their
/// runner closes with stands at the end. All of them look at the whole workspace, so that everything
/// is built once with one set of features.
pub fn plan(request: Request<'_>) -> Vec<Step> {
    let everything = request.filter.is_none();
    let mut steps = vec![step("setup", Work::Setup)];
    if everything {
        steps.push(step("format", cargo("fmt --all --check")));
        steps.push(step("licences", licences(request.deny)));
        steps.push(step("clippy", cargo("clippy --workspace --all-targets -- -D warnings")));
    }
    steps.push(step("build", cargo("build --workspace --all-targets")));
    steps.push(step("fixtures", Work::Prepare));
    if everything {
        steps.push(step("doc tests", cargo("test --workspace --doc")));
    }
    steps.push(step("tests", tests(request)));
    steps
}

const fn step(name: &'static str, work: Work) -> Step {
    Step { name, work }
}

fn cargo(arguments: &str) -> Work {
    Work::Cargo(arguments.split(' ').map(str::to_owned).collect())
}

fn tests(request: Request<'_>) -> Work {
    let mut arguments = Vec::new();
    let mut add = |more: &[&str]| arguments.extend(more.iter().map(|&text| text.to_owned()));
    if request.nextest {
        add(&["nextest", "run", "--workspace", "--no-fail-fast"]);
        if request.ci {
            add(&["--profile", "ci"]);
        }
        if request.no_e2e {
            add(&["-E", "not test(e2e)"]);
        }
        add(request.filter.as_slice());
    } else {
        // Doc tests are a step of their own; benches are built, and measured elsewhere.
        add(&["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast", "--"]);
        if request.no_e2e {
            add(&["--skip", "e2e"]);
        }
        add(request.filter.as_slice());
    }
    Work::Cargo(arguments)
}

fn licences(deny: bool) -> Work {
    if deny {
        cargo("deny check licenses bans sources")
    } else {
        Work::Skip("cargo-deny is not installed; the tidy tests read licences and sources")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plan as lines, as a user would type them.
    fn lines(request: Request<'_>) -> Vec<String> {
        plan(request)
            .into_iter()
            .map(|step| match step.work {
                Work::Setup => "(setup)".to_owned(),
                Work::Prepare => "(fixtures)".to_owned(),
                Work::Cargo(arguments) => arguments.join(" "),
                Work::Skip(_) => format!("({} skipped)", step.name),
            })
            .collect()
    }

    #[test]
    fn everything_with_all_tools() {
        let request = Request { nextest: true, deny: true, ci: true, ..Request::default() };
        let expected = [
            "(setup)",
            "fmt --all --check",
            "deny check licenses bans sources",
            "clippy --workspace --all-targets -- -D warnings",
            "build --workspace --all-targets",
            "(fixtures)",
            "test --workspace --doc",
            "nextest run --workspace --no-fail-fast --profile ci",
        ];
        assert_eq!(lines(request), expected);
    }

    #[test]
    fn without_tools_cargo_tests_and_the_licence_check_is_skipped_aloud() {
        let lines = lines(Request::default());
        let tests = "test --workspace --lib --bins --tests --no-fail-fast --";
        assert!(lines.contains(&tests.to_owned()), "{lines:?}");
        assert!(lines.contains(&"(licences skipped)".to_owned()), "{lines:?}");
    }

    #[track_caller]
    fn check_tests(request: Request<'_>, expected: &str) {
        let expected = expected.to_owned();
        assert!(lines(request).contains(&expected), "{:?}", lines(request));
    }

    #[test]
    fn end_to_end_tests_are_left_out_by_name() {
        let request = Request { no_e2e: true, ..Request::default() };
        let tests = "test --workspace --lib --bins --tests --no-fail-fast -- --skip e2e";
        check_tests(request, tests);
        let nextest = Request { nextest: true, ..request };
        check_tests(nextest, "nextest run --workspace --no-fail-fast -E not test(e2e)");
    }

    #[test]
    fn a_filter_runs_tests_and_no_other_checks() {
        let request =
            Request { filter: Some("percentile"), nextest: true, deny: true, ..Request::default() };
        let expected = [
            "(setup)",
            "build --workspace --all-targets",
            "(fixtures)",
            "nextest run --workspace --no-fail-fast percentile",
        ];
        assert_eq!(lines(request), expected);
    }
}
