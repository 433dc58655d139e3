//! The samples of a run as lines of JSON: one job a line, in the order in which they ended.
//!
//! A line is a [`Sample`] with these fields; instants are microseconds since the run began, on one
//! monotonic clock:
//!
//! | field | what |
//! | --- | --- |
//! | `job` | number of the job in the run, from 0 |
//! | `planned_us` | when it was due: its latency starts here |
//! | `sent_us` | when it was handed to the target |
//! | `accepted_us` | when the target took it, or null |
//! | `started_us` | when work on it began, or null |
//! | `finished_us` | when work on it ended |
//! | `running_us` | when the driver last saw that it had not ended; absent where nobody noted it |
//! | `observed_us` | when the driver saw that it had ended; absent where nobody noted it |
//! | `downloaded_us` | when what it made was here; absent where it was not fetched after the end |
//! | `stages` | `name`, `start_us`, `end_us` of each; they may overlap |
//! | `outcome` | `"ok"`, `"cancelled"`, or `{"failed": "reason"}` |
//! | `extra` | what else the target told, in its own terms; absent where it told nothing |
//!
//! A driver that was killed may leave the last line unfinished; everything before it is whole.

use crate::Sample;

/// Lines of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines {
    /// The samples, in the order of their lines.
    pub samples: Vec<Sample>,
    /// Whether the last line is unfinished, and so no sample.
    pub is_cut_off: bool,
}

/// Why text is not the samples of a run.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is no sample: {reason}")]
pub struct LineError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: serde_json::Error,
}

/// One sample as a line, with its end.
///
/// # Errors
///
/// Never with values that JSON has; serde asks for it.
pub fn line(sample: &Sample) -> serde_json::Result<String> {
    let mut line = serde_json::to_string(sample)?;
    line.push('\n');
    Ok(line)
}

/// Reads lines back.
///
/// # Errors
///
/// [`LineError`]: a line that is no sample, other than an unfinished last one.
pub fn read(text: &str) -> Result<Lines, LineError> {
    let mut lines = Lines { samples: Vec::new(), is_cut_off: false };
    for (index, line) in text.split_inclusive('\n').enumerate() {
        match serde_json::from_str(line) {
            Ok(sample) => lines.samples.push(sample),
            Err(_) if line.trim().is_empty() => {}
            Err(_) if !line.ends_with('\n') => lines.is_cut_off = true,
            Err(reason) => return Err(LineError { line: index + 1, reason }),
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::picture::tests::any_sample;
    use crate::sample::tests::{sample, span};

    #[test]
    fn a_line_has_these_fields() {
        let sample = Sample {
            accepted_us: Some(3),
            stages: vec![span("render", 4, 9)],
            extra: serde_json::json!({ "priority": "LOW" }),
            ..sample(1, 10)
        };
        let expected = concat!(
            r#"{"job":0,"planned_us":1,"sent_us":1,"accepted_us":3,"started_us":null,"finished_us":10,"#,
            r#""stages":[{"name":"render","start_us":4,"end_us":9}],"outcome":"ok","#,
            r#""extra":{"priority":"LOW"}}"#,
            "\n"
        );
        assert_eq!(line(&sample).expect("a line"), expected);
    }

    #[test]
    fn only_the_last_line_may_be_unfinished() {
        let whole = line(&sample(0, 5)).expect("a line");
        let half = &whole[..20];
        let lines = read(&format!("{whole}{whole}{half}")).expect("lines");
        assert_eq!((lines.samples.len(), lines.is_cut_off), (2, true));
        let broken = read(&format!("{whole}{half}\n{whole}")).expect_err("no sample");
        assert!(broken.to_string().starts_with("line 2 is no sample: "), "{broken}");
        assert_eq!(read("").expect("no lines").samples, []);
    }

    proptest! {
        #[test]
        fn what_is_read_back_is_what_was_written(
            samples in proptest::collection::vec(any_sample(), 0..6),
        ) {
            let text: String = samples.iter().map(|it| line(it).expect("a line")).collect();
            prop_assert_eq!(text.lines().count(), samples.len());
            prop_assert_eq!(read(&text).expect("lines"), Lines { samples, is_cut_off: false });
        }
    }
}
