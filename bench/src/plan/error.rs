/// Why a plan cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A ramp that has no end has no slope.
    #[error("a ramp goes on for a time, not for a number of jobs")]
    RampWithoutDuration,
    /// Nothing would ever come.
    #[error("a ramp from 0 to 0 sends nothing")]
    RampOfNothing,
    /// It would wait for ever.
    #[error("a ramp {0} has no rate for its {1}")]
    RampWithoutRate(&'static str, &'static str),
    /// Only a trace ends by itself.
    #[error("{0} arrivals go on for ever: say how many jobs or for how long")]
    Endless(&'static str),
    /// Nothing comes after all of a trace.
    #[error(
        "all of a trace is measured: say how many of its jobs are, then a cool-down can follow"
    )]
    NothingToCoolDown,
    /// A trace goes forward.
    #[error("instant {index} of the trace is before the one before it")]
    TraceBackwards {
        /// From 0.
        index: usize,
    },
    /// A trace without jobs, or one whose end is before the first measured job.
    #[error("the schedule has no job that is measured")]
    Nothing,
    /// The trace is shorter than what is asked of it.
    #[error("{asked} jobs are asked for, the trace has {found}")]
    TraceTooShort {
        /// Warm-up and measured jobs.
        asked: u64,
        /// Instants of the trace.
        found: u64,
    },
    /// More jobs than the plan allows.
    #[error("the schedule has {jobs} jobs, at most {most} are allowed")]
    TooMany {
        /// Jobs of the schedule, as far as it was made.
        jobs: u64,
        /// The cap.
        most: u32,
    },
    /// A warm-up that leaves scenarios cold.
    #[error("a warm-up of {jobs} jobs does not touch each of {shares} scenarios and priorities")]
    ColdShares {
        /// Jobs of the warm-up.
        jobs: u32,
        /// Shares of the mix.
        shares: usize,
    },
    /// A share is no share.
    #[error("an abort at a share of {0}: expected more than 0 and less than 1")]
    Share(String),
}
