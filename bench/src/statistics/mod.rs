//! The statistics of the gate, and nothing of gates: values in, values out.
//!
//! Exact where an exact answer is known: null distributions are counted, not approximated, so that eight
//! pairs are judged as rightly as eighty. Each function is held to scipy's answer within 1e-9 on committed
//! cases (`bench/tests/scipy`).

mod bootstrap;
mod clusters;
mod holm;
mod rank_sum;
#[cfg(test)]
pub(crate) mod scipy_tests;
mod series;
mod signed_rank;
#[cfg(test)]
pub(crate) mod simulated;
mod student;

pub use self::bootstrap::{Bootstrap, PooledRatio};
pub use self::clusters::{Cluster, worth};
pub use self::holm::holm;
pub use self::rank_sum::RankSum;
pub use self::series::{lag_1, mean, median, sd};
pub use self::signed_rank::{SignedRank, least_n, walsh_averages};
pub use self::student::{normal_cdf, normal_quantile, student_cdf, student_quantile};
