//! Two clocks: the service's, and that of the run.

/// When the driver sent a job and had the answer, on the clock of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Sent.
    pub sent_us: u64,
    /// Answered.
    pub answered_us: u64,
}

impl Exchange {
    /// How far the service's clock is ahead, given when it says that it took the job, brought to the
    /// clock of the run as if both were one.
    ///
    /// The service took the job between the two instants, so anything else is the clocks' difference; it
    /// is known to half the time between them (RFC 5905, section 8, for one exchange).
    pub fn skew_us(self, taken_us: i64) -> i64 {
        let (sent, answered) = (signed(self.sent_us), signed(self.answered_us));
        if (sent..=answered).contains(&taken_us) {
            return 0;
        }
        taken_us - (sent + (answered - sent) / 2)
    }
}

/// Microseconds of any run fit.
fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_may_agree_are_left_alone() {
        let exchange = Exchange { sent_us: 1_000, answered_us: 3_000 };
        for (taken, expected) in [
            (1_000, 0),
            (3_000, 0),
            (2_500, 0),
            (999, -1_001),
            (3_001, 1_001),
            (7_200_002_000, 7_200_000_000),
            (-2_000, -4_000),
        ] {
            assert_eq!(exchange.skew_us(taken), expected, "{taken}");
        }
    }
}
