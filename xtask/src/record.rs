//! The folder of a run: the run file, the samples as they come, and the report.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bench::{Run, Sample};

use crate::paths::Paths;

/// Everything of a run, as one document.
pub const RUN: &str = "run.json";
/// One sample a line.
const SAMPLES: &str = "samples.jsonl";

/// `reports/runs/<time>-<scenario>`, or where the user wants it.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder: `out`, which may be there already, or a new one.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn create(out: Option<&Path>, paths: &Paths, scenario: &str) -> anyhow::Result<Self> {
        if let Some(out) = out {
            fs_err::create_dir_all(out)?;
            // The report of another run would be taken for that of this one.
            for name in bench::report::NAMES {
                match fs_err::remove_file(out.join(name)) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                    _ => {}
                }
            }
            return Ok(Self { path: out.to_owned() });
        }
        let runs = runs(paths);
        fs_err::create_dir_all(&runs)?;
        let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
        Ok(Self { path: fresh(&runs, &format!("{now}-{scenario}"))? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the run file: the one before stays until this one is whole.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn save(&self, run: &Run) -> anyhow::Result<()> {
        self.replace(RUN, &run.to_json()?)
    }

    /// Writes the files of the report, a pure function of `run`; gives the path of its Markdown.
    ///
    /// # Errors
    ///
    /// One of them cannot be written.
    pub fn report(&self, run: &Run) -> anyhow::Result<PathBuf> {
        for (name, text) in bench::report::files(run) {
            self.replace(name, &text)?;
        }
        Ok(self.path.join(bench::report::REPORT))
    }

    /// A file that takes one sample after the other.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn samples(&self) -> anyhow::Result<SampleLog> {
        Ok(SampleLog { file: fs_err::File::create(self.path.join(SAMPLES))? })
    }

    fn replace(&self, name: &str, text: &str) -> anyhow::Result<()> {
        replace(&self.path.join(name), text)
    }
}

/// Where runs are kept that nobody gave another place.
pub fn runs(paths: &Paths) -> PathBuf {
    paths.root.join("reports/runs")
}

/// Writes `text` to `path`: what stood there stays until this is whole.
///
/// # Errors
///
/// It cannot be written.
pub fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut begun = path.as_os_str().to_owned();
    begun.push(".part");
    fs_err::write(&begun, text)?;
    Ok(fs_err::rename(&begun, path)?)
}

/// A folder of that name or, where another run of the same second has it, with a number behind.
fn fresh(parent: &Path, name: &str) -> anyhow::Result<PathBuf> {
    for number in 1..=99 {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let path = parent.join(format!("{name}{suffix}"));
        match fs_err::create_dir(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path).map_err(Into::into),
        }
    }
    anyhow::bail!("{}: 99 runs have that name", parent.join(name).display())
}

/// Samples as they come: what is finished is on disk whatever happens afterwards.
#[derive(Debug)]
pub struct SampleLog {
    file: fs_err::File,
}

impl SampleLog {
    /// Adds a line.
    ///
    /// # Errors
    ///
    /// The disk does not take it.
    pub fn add(&mut self, sample: &Sample) -> anyhow::Result<()> {
        let line = bench::raw::line(sample)?;
        // One write: a line is there whole or not at all.
        self.file.write_all(line.as_bytes()).context("a sample cannot be kept")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_of_one_second_have_two_folders() {
        let parent = tempfile::tempdir().expect("a temp folder");
        let names: Vec<String> = (0..3)
            .map(|_| fresh(parent.path(), "a").expect("a folder"))
            .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["a", "a-2", "a-3"]);
    }

    #[test]
    fn a_report_is_whole_and_leaves_nothing_begun() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let paths = Paths::from_env().expect("a checkout");
        let out = folder.path().join("new/run");
        let record = RunFolder::create(Some(&out), &paths, "short").expect("a folder");
        let scenario = bench::Scenario {
            name: "short".to_owned(),
            title: String::new(),
            payload: serde_json::Value::Null,
        };
        let run = Run::new(scenario, bench::Plan::single(), "native", 0);
        record.save(&run).expect("saved");
        fs_err::write(out.join("latency.svg"), "of another run").expect("written");
        let record = RunFolder::create(Some(&out), &paths, "short").expect("the same folder");
        assert!(!out.join("latency.svg").exists(), "another run's picture is gone");
        let report = record.report(&run).expect("written");
        let report = fs_err::read_to_string(report).expect("Markdown");
        assert!(
            report.starts_with("**INVALID") && report.contains("# Load test: short"),
            "{report}"
        );
        let saved = fs_err::read_to_string(out.join(RUN)).expect("a run file");
        assert_eq!(Run::from_json(&saved).expect("a run"), run);
        let begun = fs_err::read_dir(&out).expect("the folder").flatten();
        assert_eq!(begun.filter(|e| e.path().extension().is_some_and(|x| x == "part")).count(), 0);
    }
}
