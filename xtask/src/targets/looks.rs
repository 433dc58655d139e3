//! When a job is looked at that tells nothing by itself: as those before it foretell
//! ([`bench::Looks`]).
//!
//! Jobs of one scenario and priority are alike, so each such kind is foretold by itself. Where a service
//! tells when work began, that counts and not when the job was sent: queue waits are not alike.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bench::{Clock, Driven, Job, Looks, Outcome};

/// Looks a second at one service, of all its jobs together: RunPod takes 2,000 of an endpoint in 10 s
/// (<https://docs.runpod.io/serverless/references/operations>).
const MOST_PER_S: f64 = 150.0;

/// What is known of the jobs of one service.
#[derive(Debug, Default)]
pub struct Lookout {
    kinds: Mutex<BTreeMap<Kind, Known>>,
    /// Jobs that are looked at.
    n_watched: AtomicU32,
}

/// Scenario and priority.
type Kind = (String, Option<String>);

/// Jobs of one kind.
#[derive(Debug, Default)]
struct Known {
    /// From sent to finished.
    whole: Looks,
    /// From started to finished.
    work: Looks,
}

/// Whether work on a job has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The service does not say.
    Untold,
    /// It had not when the service was asked.
    Not,
    /// It did then, in microseconds of the run.
    At(u64),
}

/// A job that is looked at.
#[derive(Debug)]
pub struct Watch<'a> {
    lookout: &'a Lookout,
    kind: Kind,
    clock: Clock,
    sent_us: u64,
}

impl Lookout {
    /// Begins to look at `job`, which was sent at `sent_us`.
    pub fn watch(&self, job: &Job, sent_us: u64) -> Watch<'_> {
        self.n_watched.fetch_add(1, Ordering::Relaxed);
        let kind = (job.scenario.name.clone(), job.priority.as_deref().map(str::to_owned));
        Watch { lookout: self, kind, clock: job.clock, sent_us }
    }

    /// The share of one job of the looks a second that the service is asked for.
    fn per_s(&self) -> f64 {
        let n_watched = self.n_watched.load(Ordering::Relaxed).max(1);
        Looks::PER_S.min(MOST_PER_S / f64::from(n_watched))
    }

    fn with<T>(&self, kind: &Kind, of: impl FnOnce(&mut Known) -> T) -> T {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        of(kinds.entry(kind.clone()).or_default())
    }
}

impl Watch<'_> {
    /// Waits until the job, which had not ended when it was asked for at `asked_us`, is to be looked at
    /// next.
    pub async fn pause(&self, asked_us: u64, begun: Begun) {
        let wait_us = self.next_us(asked_us, begun).saturating_sub(self.clock.now_us());
        tokio::time::sleep(Duration::from_micros(wait_us)).await;
    }

    /// When it is to be looked at next.
    fn next_us(&self, asked_us: u64, begun: Begun) -> u64 {
        let per_s = self.lookout.per_s();
        let after = |looks: &Looks, from_us: u64| {
            from_us + looks.next_us(asked_us.saturating_sub(from_us), per_s)
        };
        self.lookout.with(&self.kind, |known| match begun {
            Begun::Untold => after(&known.whole, self.sent_us),
            // It begins now at the earliest. Whatever is said of a look at work that has just begun is said
            // again and again of a job that waits: evenly at the most.
            Begun::Not => after(&known.work, asked_us).max(asked_us + (1e6 / per_s) as u64),
            // What began later, by a clock of the service's, than it was asked for is as young as can be.
            Begun::At(us) => after(&known.work, us.min(asked_us)),
        })
    }

    /// Learns from the end of the job. One that did not end well took another time than those that do.
    pub fn learn(&self, driven: &Driven) {
        let (Outcome::Ok, Some(finished_us)) = (&driven.outcome, driven.finished_us) else {
            return;
        };
        let since = |us: u64| finished_us.saturating_sub(us);
        self.lookout.with(&self.kind, |known| {
            known.whole.ended(since(self.sent_us));
            if let Some(started_us) = driven.started_us {
                known.work.ended(since(started_us));
            }
        });
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.lookout.n_watched.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    fn watch<'a>(lookout: &'a Lookout, scenario: &str, sent_us: u64) -> Watch<'a> {
        lookout.n_watched.fetch_add(1, Ordering::Relaxed);
        Watch { lookout, kind: (scenario.to_owned(), None), clock: Clock::start(), sent_us }
    }

    /// A job that was sent at 0.
    fn ended(started_us: Option<u64>, finished_us: u64, outcome: Outcome) -> Driven {
        Driven { started_us, finished_us: Some(finished_us), ..Driven::new(outcome) }
    }

    /// Knows jobs of `short` that wait for 2 s and work for 1 s, and others of `long` of which nothing is
    /// told and which take 9 s.
    fn lookout() -> Lookout {
        let lookout = Lookout::default();
        for _ in 0..6 {
            let job = ended(Some(2_000 * MS), 3_000 * MS, Outcome::Ok);
            watch(&lookout, "short", 0).learn(&job);
            watch(&lookout, "long", 0).learn(&ended(None, 9_000 * MS, Outcome::Ok));
            // These say nothing.
            let failed = ended(Some(0), 5, Outcome::Failed("x".to_owned()));
            watch(&lookout, "short", 0).learn(&failed);
            watch(&lookout, "long", 0).learn(&Driven::new(Outcome::Cancelled));
        }
        lookout
    }

    #[track_caller]
    fn check(scenario: &str, asked_ms: u64, begun: Begun, expected_ms: u64) {
        let lookout = lookout();
        let next_us = watch(&lookout, scenario, 0).next_us(asked_ms * MS, begun);
        assert_eq!(next_us, expected_ms * MS, "{scenario} at {asked_ms} ms, {begun:?}");
    }

    #[test]
    fn a_look_comes_when_the_end_of_such_a_job_is_near() {
        // Work that began at 7 s ends at 8 s, whatever the wait was.
        check("short", 7_600, Begun::At(7_000 * MS), 7_980);
        check("short", 7_980, Begun::At(7_000 * MS), 8_000);
        check("short", 8_420, Begun::At(7_000 * MS), 8_520);
        // What waits may begin at once.
        check("short", 7_000, Begun::Not, 7_500);
        check("short", 7_000, Begun::At(9_000 * MS), 7_500);
        check("long", 8_700, Begun::Untold, 8_980);
    }

    #[test]
    fn of_a_job_of_another_kind_nothing_is_known() {
        let even_ms = 20 * MS;
        for begun in [Begun::Untold, Begun::Not, Begun::At(0)] {
            let lookout = lookout();
            assert_eq!(watch(&lookout, "new", 0).next_us(0, begun), even_ms, "{begun:?}");
        }
    }

    #[test]
    fn a_service_is_asked_no_more_often_however_many_jobs_it_has() {
        let kinds = [("short", Begun::At(0)), ("tiny", Begun::Not), ("new", Begun::Untold)];
        for ((kind, begun), n_jobs) in
            kinds.iter().flat_map(|kind| [1_u32, 10, 64, 500].map(|n| (*kind, n)))
        {
            let lookout = lookout();
            let tiny = ended(Some(0), 21 * MS, Outcome::Ok);
            (0..6).for_each(|_| watch(&lookout, "tiny", 0).learn(&tiny));
            let watches: Vec<Watch<'_>> = (0..n_jobs).map(|_| watch(&lookout, kind, 0)).collect();
            // Nobody ends for a minute: nothing comes of it but looks.
            let n_looks: u32 = watches
                .iter()
                .map(|watch| {
                    let (mut at_us, mut n) = (0, 0);
                    while at_us < 60_000 * MS {
                        at_us = watch.next_us(at_us, begun);
                        n += 1;
                    }
                    n
                })
                .sum();
            let allowed = 60.0 * MOST_PER_S.min(Looks::PER_S * f64::from(n_jobs));
            // The last look at each job may come after the minute.
            assert!(
                f64::from(n_looks) <= allowed + f64::from(n_jobs),
                "{n_jobs} {kind}: {n_looks}"
            );
        }
        let lookout = lookout();
        drop((0..500).map(|_| watch(&lookout, "short", 0)).collect::<Vec<_>>());
        assert!((lookout.per_s() - Looks::PER_S).abs() < 1e-9, "they have ended");
    }
}
