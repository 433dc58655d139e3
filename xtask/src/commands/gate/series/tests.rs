//! With runs that are made up, and all else as it is: folders, files, pages.

use std::num::NonZeroU32;
use std::path::PathBuf;

use bench::{Ending, Plan, Sample, Scenario};

use super::*;
use crate::commands::gate::kept::kept;
use crate::commands::gate::tell::Gated;
use crate::exit::{Exit, Failure};
use crate::paths::Paths;
use crate::ui::{Output, Ui};

/// What becomes of a run.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It ends, and each job took so many times as long as in the base.
    Ends(f64),
    /// The driver is late in it.
    Late,
    /// What is driven dies in it.
    Dies,
    /// What is driven does not start.
    Fails,
    /// The user stops the gate while it is made.
    Stopped,
}

/// Makes runs up: each side has its fate, but for one of them.
struct MadeUp {
    n_made: usize,
    /// The number of the run, from 1, from which so many have another fate.
    odd: (usize, Fate),
    n_odd: usize,
    stop: CancellationToken,
}

impl Measure for MadeUp {
    async fn measure(&mut self, side: Side, _: &RunFolder) -> anyhow::Result<Run> {
        self.n_made += 1;
        let usual = Fate::Ends(if side == Side::Candidate { 1.3 } else { 1.0 });
        let (odd, fate) = self.odd;
        let number = self.n_made;
        match if (odd..odd + self.n_odd).contains(&number) { fate } else { usual } {
            Fate::Ends(slow) => Ok(run(number, slow, Ending::Complete)),
            Fate::Late => {
                let mut late = run(number, 1.0, Ending::Complete);
                late.samples.iter_mut().for_each(|job| job.sent_us += 40_000);
                Ok(late)
            }
            Fate::Dies => Ok(run(number, 1.0, Ending::TargetDied("killed by signal 9".to_owned()))),
            Fate::Fails => Err(Failure::environment("it does not listen within 30 s").into()),
            Fate::Stopped => {
                self.stop.cancel();
                Ok(run(number, 1.0, Ending::CutShort))
            }
        }
    }
}

fn run(number: usize, slow: f64, ending: Ending) -> Run {
    let one = NonZeroU32::MIN;
    let scenario = Scenario {
        name: "short".to_owned(),
        title: "Short".to_owned(),
        payload: serde_json::json!({ "video_subject": "the sea" }),
    };
    let jobs = NonZeroU32::new(8).expect("not zero");
    let mut run = Run::new(scenario, Plan::closed(one, jobs), "made up", number as u64 * 1_000_000);
    let mut at_us = 0;
    for job in 0..8 {
        // Runs and jobs differ a little, each in its own way.
        let noise = 1.0 + 0.002 * ((number * 7 + job * 3) % 5) as f64;
        let end_us = at_us + (100_000.0 * slow * noise) as u64;
        run.samples.push(Sample::new(job as u64, at_us, end_us));
        at_us = end_us;
    }
    run.ending = ending;
    run
}

struct World {
    folder: tempfile::TempDir,
    policy: Policy,
}

impl World {
    fn new() -> Self {
        let text = "[run]\njobs = 8\n[gate]\nlooks = [{ pairs = 5, alarm = 0.04, fail = 0.04, pass = 0.04 }]\n";
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("policy.toml");
        fs_err::write(&file, text).expect("written");
        let paths = Paths::from_env().expect("a checkout");
        let policy = Policy::read(Some(&file), &paths).expect("a policy");
        Self { folder, policy }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn file(&self, name: &str) -> String {
        fs_err::read_to_string(self.out().join(name)).unwrap_or_default()
    }

    /// What a gate tells whose run `number` has another fate than the others.
    async fn gate(&self, number: usize, fate: Fate) -> anyhow::Result<Gated> {
        self.gate_of(number, 1, fate).await
    }

    /// The same where `n_odd` runs from that one on have another fate.
    async fn gate_of(&self, number: usize, n_odd: usize, fate: Fate) -> anyhow::Result<Gated> {
        let ui = Ui::from_env(Output { quiet: true, ..Output::default() });
        let cx = Context { ui: &ui, paths: Paths::from_env().expect("a checkout") };
        let stop = CancellationToken::new();
        let arms = MadeUp { n_made: 0, odd: (number, fate), n_odd, stop: stop.clone() };
        fs_err::create_dir_all(self.out()).expect("made");
        let judged = measured(arms, &self.policy, &self.out(), &cx, &stop).await?;
        Gated::new(judged, &self.policy, &self.out())
    }

    fn n_runs(&self) -> usize {
        fs_err::read_dir(self.out().join(RUNS)).expect("runs").count()
    }

    /// What the runs say that were kept.
    fn again(&self) -> anyhow::Result<Gated> {
        let series = Series::kept(kept(&self.out(), &self.out())?);
        let folder = self.folder.path().join("again");
        fs_err::create_dir_all(&folder)?;
        Gated::new(series.judged(&self.policy)?, &self.policy, &folder)
    }
}

#[tokio::test]
async fn a_gate_of_whole_pairs_is_judged_and_its_folder_says_the_same_again() {
    let world = World::new();
    let gated = world.gate(0, Fate::Dies).await.expect("a gate");
    assert_eq!((gated.exit, gated.n_pairs, world.n_runs()), (Exit::Failed, 5, 15));
    assert!(gated.verdict.starts_with("REGRESSION: latency p50 +"), "{}", gated.verdict);
    let again = world.again().expect("judged again");
    assert_eq!((&again.verdict, again.exit), (&gated.verdict, Exit::Failed));
    let null = |gated: &Gated| gated.judgement.as_ref().and_then(|judged| judged.null.clone());
    assert!(null(&again).is_some(), "with the null runs");
    assert_eq!(null(&again), null(&gated));
}

#[tokio::test]
async fn a_run_that_is_no_measurement_ends_the_gate_and_the_page_says_so() {
    for number in [1, 7] {
        let world = World::new();
        let gated = world.gate(number, Fate::Dies).await.expect("a gate");
        assert_eq!((gated.exit, world.n_runs()), (Exit::Invalid, number), "{}", gated.verdict);
        assert!(
            gated.verdict.ends_with(": the target died: killed by signal 9"),
            "{}",
            gated.verdict
        );
        assert_eq!(gated.report, Some(world.out().join("gate.md")));
        for file in ["gate.md", "gate.html", "gate.json", "summary.md", "comment.md"] {
            assert!(world.file(file).contains("killed by signal 9"), "{file}");
        }
        assert!(
            world.file("annotations.txt").starts_with("::"),
            "{}",
            world.file("annotations.txt")
        );
    }
}

#[tokio::test]
async fn a_run_in_which_the_driver_was_late_is_made_again_and_not_for_ever() {
    let world = World::new();
    let gated = world.gate_of(6, 3, Fate::Late).await.expect("a gate");
    assert_eq!((gated.exit, gated.n_pairs, world.n_runs()), (Exit::Failed, 5, 18));
    assert!(world.file("gate.md").contains("made again, for the driver was late in them: 3"));
    assert_eq!(world.again().expect("judged").n_pairs, 5, "late runs are of no pair");
    let late = World::new();
    let gated = late.gate_of(6, 4, Fate::Late).await.expect("a gate");
    assert_eq!((gated.exit, late.n_runs()), (Exit::Invalid, 9), "{}", gated.verdict);
    assert!(gated.verdict.contains(": the driver "), "{}", gated.verdict);
}

#[tokio::test]
async fn a_run_that_cannot_be_made_keeps_those_before_it() {
    let world = World::new();
    let error = world.gate(10, Fate::Fails).await.expect_err("it does not start");
    assert_eq!(Exit::of(&error), Exit::Environment);
    let text = format!("{error:#}");
    assert!(text.contains("the runs that were made are kept: ") && text.contains("30 s"), "{text}");
    assert!(world.file("gate.md").contains("it does not listen within 30 s"));
    assert!(world.file("comment.md").contains("INVALID: pair 4"), "{}", world.file("comment.md"));
    // Three whole pairs: too few for a look, and judged as what they are.
    let again = world.again().expect("judged");
    assert_eq!((again.exit, again.n_pairs), (Exit::Inconclusive, 3));
}

#[tokio::test]
async fn a_gate_that_is_stopped_says_what_its_whole_pairs_say() {
    let world = World::new();
    let gated = world.gate(8, Fate::Stopped).await.expect("a gate");
    assert_eq!((gated.exit, gated.n_pairs), (Exit::Interrupted, 2), "{}", gated.verdict);
    assert!(world.file("gate.md").contains("the first look takes 5 pairs"));
    // In the last place of a pair: what was stopped there is of no pair, also when it is judged again.
    let last = World::new();
    let gated = last.gate(9, Fate::Stopped).await.expect("a gate");
    assert_eq!((gated.exit, gated.n_pairs), (Exit::Interrupted, 2), "{}", gated.verdict);
    let again = last.again().expect("judged");
    assert_eq!((again.exit, again.n_pairs), (Exit::Inconclusive, 2), "{}", again.verdict);
    let first = World::new();
    let gated = first.gate(1, Fate::Stopped).await.expect("a gate");
    assert_eq!((gated.exit, gated.n_pairs), (Exit::Interrupted, 0));
    assert_eq!(gated.verdict, "INTERRUPTED: no pair of runs is whole");
    assert!(first.file("gate.md").contains("| pair 1, "), "{}", first.file("gate.md"));
}

#[test]
fn kept_runs_are_those_of_two_folders_or_of_one_gate() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let keep = |name: &str, number: usize| {
        let file = at(name);
        fs_err::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs_err::write(file, run(number, 1.0, Ending::Complete).to_json().expect("JSON"))
            .expect("written");
    };
    keep("a/1.json", 1);
    keep("a/2.json", 4);
    keep("b/1.json", 2);
    keep("b/2.json", 3);
    let pairs = kept(&at("a"), &at("b")).expect("pairs");
    let orders: Vec<Order> = pairs.iter().map(|pair| pair.order).collect();
    assert_eq!(orders, [Order::BaseFirst, Order::CandidateFirst]);
    let refused =
        |before: &str, after: &str| kept(&at(before), &at(after)).expect_err("refused").to_string();
    assert!(refused("a", "a").ends_with("expected two folders, found one twice"));
    assert!(refused("a", "b/../a").ends_with("expected two folders, found one twice"));
    keep("c/1.json", 9);
    assert!(refused("a", "c").starts_with("expected as many runs on either side, found 2"));
    // A gate that was ended in its second pair, and whose folder holds something else.
    for (name, number) in [("01-base", 1), ("01-candidate", 2), ("02-candidate", 3)] {
        keep(&format!("gate/{RUNS}/{name}/run.json"), number);
    }
    keep(&format!("gate/{RUNS}/notes/run.json"), 8);
    let pairs = kept(&at("gate"), &at("gate")).expect("pairs");
    assert_eq!(
        pairs.iter().map(|pair| pair.candidate.began_unix_us).collect::<Vec<_>>(),
        [2_000_000]
    );
}
