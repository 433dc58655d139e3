//! Progress of one piece of work, behind a trait: code reports, this module draws.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Where a piece of work stands. What draws it goes away when it is dropped.
pub trait Progress: Send + Sync {
    /// What is being done now.
    fn message(&self, text: &str);
    /// How much there is to do, in bytes.
    fn total_bytes(&self, total: u64);
    /// How much of it is done, in bytes.
    fn done_bytes(&self, done: u64);
    /// How many of so many jobs have ended.
    fn jobs(&self, ended: u64, total: u64);
}

/// A spinner that becomes a bar once the total is known.
pub fn bar(title: &str) -> Box<dyn Progress> {
    let bar = ProgressBar::new_spinner().with_style(style("{spinner} {prefix} {wide_msg}"));
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    Box::new(Bar(bar))
}

/// Draws nothing.
pub fn silent() -> Box<dyn Progress> {
    Box::new(Silent)
}

/// The templates are constants, so a wrong one is found by the test below.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

const JOBS: &str = "{spinner} {prefix} {bar:24} {pos}/{len} {elapsed} {wide_msg}";
const BYTES: &str = "{spinner} {prefix} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {wide_msg}";

struct Bar(ProgressBar);

impl Progress for Bar {
    fn message(&self, text: &str) {
        self.0.set_message(text.to_owned());
    }

    fn total_bytes(&self, total: u64) {
        self.0.set_style(style(BYTES));
        self.0.set_length(total);
    }

    fn done_bytes(&self, done: u64) {
        self.0.set_position(done);
    }

    fn jobs(&self, ended: u64, total: u64) {
        if self.0.length() != Some(total) {
            self.0.set_style(style(JOBS));
            self.0.set_length(total);
        }
        self.0.set_position(ended);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

struct Silent;

impl Progress for Silent {
    fn message(&self, _: &str) {}
    fn total_bytes(&self, _: u64) {}
    fn done_bytes(&self, _: u64) {}
    fn jobs(&self, _: u64, _: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_sound() {
        for template in [BYTES, JOBS] {
            ProgressStyle::with_template(template).expect("a template");
        }
    }
}
