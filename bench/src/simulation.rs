//! Services whose truth is known, for tests: servers that take jobs in order, by a discrete-event
//! simulation.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::{NonZeroU32, NonZeroU64};

use crate::plan::Random;
use crate::{Arrivals, Due, Ending, Load, Plan, Rate, Run, Sample, Scenario, Until};

pub fn some(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not zero")
}

pub fn rate(per_s: f64) -> Rate {
    Rate::try_from(per_s).expect("a rate")
}

pub fn scenario() -> Scenario {
    Scenario {
        name: "simulated".to_owned(),
        title: String::new(),
        payload: serde_json::Value::Null,
    }
}

/// `jobs` jobs at `per_s` as `arrivals` makes them.
pub fn open(arrivals: Arrivals, jobs: u32, seed: u64) -> Plan {
    let until = Some(Until::Jobs(some(jobs)));
    let load = Load::Open { arrivals, until, max_in_flight: NonZeroU32::MAX };
    Plan { seed, ..Plan::of(load) }
}

pub fn poisson(per_s: f64, jobs: u32, seed: u64) -> Plan {
    open(Arrivals::Poisson { rate: rate(per_s) }, jobs, seed)
}

pub fn duration_us(us: u64) -> Until {
    Until::DurationUs(NonZeroU64::new(us).expect("not zero"))
}

/// What `servers` servers make of an open loop, first come first served; `service_us` says how long a job
/// takes that begins at an instant.
pub fn serve(
    schedule: &[Due],
    servers: usize,
    mut service_us: impl FnMut(u64) -> u64,
) -> Vec<Sample> {
    let mut free: BinaryHeap<Reverse<u64>> = std::iter::repeat_n(Reverse(0), servers).collect();
    let job = |(number, due): (usize, &Due)| {
        let Reverse(free_us) = free.pop().expect("a server");
        let started = free_us.max(due.planned_us);
        let finished = started + service_us(started);
        free.push(Reverse(finished));
        job(number as u64, *due, started, finished)
    };
    schedule.iter().enumerate().map(job).collect()
}

fn job(number: u64, due: Due, started: u64, finished: u64) -> Sample {
    Sample {
        phase: due.phase,
        accepted_us: Some(due.planned_us),
        started_us: Some(started),
        observed_us: Some(finished),
        ..Sample::new(number, due.planned_us, finished)
    }
}

/// What `servers` servers make of `workers` workers in a closed loop.
pub fn serve_closed(
    [workers, jobs, servers]: [u32; 3],
    mut service_us: impl FnMut(u64) -> u64,
) -> Vec<Sample> {
    let heap = |n: u32| -> BinaryHeap<Reverse<u64>> {
        std::iter::repeat_n(Reverse(0), n as usize).collect()
    };
    let (mut free, mut ready) = (heap(servers), heap(workers));
    let job = |number| {
        let Reverse(planned_us) = ready.pop().expect("a worker");
        let Reverse(free_us) = free.pop().expect("a server");
        let started = free_us.max(planned_us);
        let finished = started + service_us(started);
        free.push(Reverse(finished));
        ready.push(Reverse(finished));
        job(number, Due { planned_us, phase: crate::Phase::Measured }, started, finished)
    };
    (0..u64::from(jobs)).map(job).collect()
}

/// A run of these samples, which came to its end.
pub fn run(plan: Plan, samples: Vec<Sample>) -> Run {
    let mut run = Run::new(scenario(), plan, "simulated", 0);
    (run.ending, run.samples) = (Ending::Complete, samples);
    run
}

/// Log-normal times around `median_us`, with `sigma` as the deviation of their logarithm.
pub fn lognormal(median_us: u64, sigma: f64, seed: u64) -> impl FnMut(u64) -> u64 {
    let mut random = Random::new(seed, 99);
    move |_| (median_us as f64 * (sigma * random.normal()).exp()) as u64
}
