//! Times 6,000 runs of one fixed job and writes wall and CPU time of each, in microseconds, a line a run:
//! the noise of a machine, which the tests of the gate replay (`bench/tests/noise`).
//!
//! ```text
//! cargo run --release -p bench --example record_noise > bench/tests/noise/busy.txt
//! ```

#![expect(clippy::print_stdout, reason = "what it writes is its purpose")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// As many as the trace that `facts/loadtest.md` tells of.
const N_RUNS: usize = 6_000;
/// Rounds of the job: 0.02 to 0.03 s of CPU on the machine where it was recorded.
const N_ROUNDS: u64 = 4_000_000;
/// Words that the job goes through: 256 KiB, which stay in the second-level cache if neighbours let them.
const N_WORDS: usize = 1 << 15;

/// Mixes words of a table in an order that depends on them: arithmetic and memory, no system call.
fn job(table: &mut [u64]) -> u64 {
    let mut word = 1_u64;
    for round in 0..N_ROUNDS {
        word = (word ^ round).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let place = (word >> 49) as usize;
        word ^= table[place].rotate_left(7);
        table[place] = word;
    }
    word
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn main() {
    let mut table = vec![0_u64; N_WORDS];
    black_box(job(&mut table));
    for _ in 0..N_RUNS {
        table.fill(0);
        let (wall, used) = (Instant::now(), cpu());
        black_box(job(black_box(&mut table)));
        println!("{} {}", wall.elapsed().as_micros(), (cpu() - used).as_micros());
    }
}
