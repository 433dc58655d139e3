//! A load of a few jobs, for the tests of targets.

use std::num::NonZeroU32;
use std::sync::Arc;

use bench::{Plan, Sample, Scenario, Target};
use serde_json::Value;

/// Drives `jobs` jobs with the body `payload`, `workers` at a time.
pub async fn load(
    target: impl Target,
    [workers, jobs]: [u32; 2],
    payload: Value,
    stop: impl Future<Output = ()>,
) -> Vec<Sample> {
    let [workers, jobs] = [workers, jobs].map(|n| NonZeroU32::new(n).expect("some"));
    let plan = Plan::closed(workers, jobs);
    let scenario = Scenario { name: "s".to_owned(), title: String::new(), payload };
    bench::load(&plan, scenario, Arc::new(target), stop, |_| ()).await.samples
}
