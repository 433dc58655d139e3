//! How the last starts of this service ended, in a file of its data folder: a service that is started
//! again and again says why, and not only that it has started.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Starts that are remembered.
const KEPT: usize = 10;
/// Starts within so long are a loop, where none of them ended in order.
const LOOP: Duration = Duration::from_secs(15 * 60);

/// One start, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Start {
    /// Microseconds since the Unix epoch.
    at_us: u64,
    version: String,
    /// None: it goes on, or nobody was left to say.
    end: Option<Ended>,
    /// The last panic that was said. Most are the end of a job, and not of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    panic: Option<String>,
}

/// How a start ended, as it said itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It was told to.
    InOrder,
    /// By this error.
    Error(String),
}

/// Why the start before this one ended, and how often that was so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Starts in a row, within a quarter of an hour, that did not end in order.
    pub starts: usize,
    /// When the last of them was, microseconds since the Unix epoch.
    pub at_us: u64,
    /// What is known of its end.
    pub cause: String,
}

/// The diary of a data folder. Clones write the same.
#[derive(Clone, Debug)]
pub struct Diary {
    path: PathBuf,
    starts: Arc<Mutex<Vec<Start>>>,
    before: Option<Cause>,
}

impl Diary {
    /// Reads the diary of `data_dir`, and writes that this start has begun. `at_us` is now. One that cannot be
    /// read or written is a warning.
    pub fn begin(data_dir: &Path, at_us: u64) -> Self {
        let path = data_dir.join("starts.json");
        let text = fs_err::read_to_string(&path).unwrap_or_default();
        let mut starts: Vec<Start> = serde_json::from_str(&text).unwrap_or_default();
        let before = cause(&starts, at_us);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        starts.push(Start { at_us, version, end: None, panic: None });
        starts.drain(..starts.len().saturating_sub(KEPT));
        let diary = Self { path, starts: Arc::new(Mutex::new(starts)), before };
        diary.write();
        diary
    }

    /// Why the start before this one ended out of order. `ran` are the jobs that were running. None: it
    /// ended in order, or there was none.
    pub fn before(&self, ran: &[String]) -> Option<Cause> {
        let mut before = self.before.clone()?;
        if !ran.is_empty() {
            before.cause += &format!("; jobs that were running: {}", ran.join(", "));
        }
        Some(before)
    }

    /// Remembers what panics say from now on, beside saying it as before.
    pub fn hear_panics(&self) {
        let (diary, said) = (self.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            said(panic);
            let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
            let text = panic.payload_as_str().unwrap_or("something that is no text");
            diary.change(|start| start.panic = Some(format!("{text}{place}")));
        }));
    }

    /// This start ends.
    pub fn end(&self, ended: Ended) {
        self.change(|start| start.end = Some(ended));
    }

    fn change(&self, change: impl FnOnce(&mut Start)) {
        if let Some(start) = self.starts().last_mut() {
            change(start);
        }
        self.write();
    }

    fn starts(&self) -> MutexGuard<'_, Vec<Start>> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) {
        let text = serde_json::to_vec(&*self.starts()).unwrap_or_default();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let written = fs_err::create_dir_all(folder)
            .and_then(|()| tempfile::NamedTempFile::new_in(folder))
            .and_then(|file| {
                fs_err::write(file.path(), text)?;
                file.persist(&self.path).map_err(Into::into)
            });
        if let Err(error) = written {
            tracing::warn!(%error, "how this start ends will not be known to the next one");
        }
    }
}

/// What the starts before `now_us` say of why there is another one.
fn cause(starts: &[Start], now_us: u64) -> Option<Cause> {
    let last = starts.last().filter(|start| start.end != Some(Ended::InOrder))?;
    let recent = |start: &&Start| now_us.saturating_sub(start.at_us) < micros(LOOP);
    let broken = |start: &&Start| start.end != Some(Ended::InOrder);
    let starts = starts.iter().rev().take_while(|start| broken(start) && recent(start)).count();
    let cause = match (&last.end, &last.panic) {
        (Some(Ended::Error(error)), _) => error.clone(),
        (_, Some(panic)) => format!("it ended without a word; its last panic was: {panic}"),
        (_, None) => {
            "it ended without a word: kill -9, out of memory, a crash of a library, or the \
                      machine went down"
                .to_owned()
        }
    };
    Some(Cause { starts: starts.max(1), at_us: last.at_us, cause })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000;

    fn start(minute: u64, end: Option<Ended>, panic: Option<&str>) -> Start {
        let (version, panic) = ("1".to_owned(), panic.map(str::to_owned));
        Start { at_us: minute * MINUTE, version, end, panic }
    }

    fn error() -> Option<Ended> {
        Some(Ended::Error("no database".to_owned()))
    }

    #[test]
    fn the_cause_is_that_of_the_last_start_and_a_loop_is_counted() {
        let check = |starts: &[Start], expected: Option<(usize, &str)>| {
            let found = cause(starts, 100 * MINUTE);
            let found = found.as_ref().map(|found| (found.starts, found.cause.as_str()));
            let begins = |(n, text): (usize, &str)| {
                expected
                    .is_some_and(|(n_expected, start)| n == n_expected && text.starts_with(start))
            };
            assert!(found.map_or(expected.is_none(), begins), "{found:?}, expected {expected:?}");
        };
        let in_order = || start(99, Some(Ended::InOrder), None);
        check(&[], None);
        check(&[in_order()], None);
        check(&[start(98, error(), None), in_order()], None);
        check(&[in_order(), start(99, error(), None)], Some((1, "no database")));
        check(
            &[start(98, None, None), start(99, None, None)],
            Some((2, "it ended without a word: ")),
        );
        check(
            &[start(99, None, Some("a defect at a.rs:1"))],
            Some((1, "it ended without a word; its last panic was: a defect at a.rs:1")),
        );
        // Long ago is no loop.
        check(&[start(2, None, None), start(99, error(), None)], Some((1, "no database")));
        check(&[start(2, error(), None)], Some((1, "no database")));
    }

    #[test]
    fn the_next_start_knows_how_this_one_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let begin = |minute: u64| Diary::begin(folder.path(), minute * MINUTE);
        let first = begin(1);
        assert_eq!(first.before(&[]), None);
        first.end(Ended::InOrder);
        let second = begin(2);
        assert_eq!(second.before(&[]), None);
        second.end(Ended::Error("no database".to_owned()));
        let third = begin(3);
        let cause = "no database".to_owned();
        assert_eq!(third.before(&[]), Some(Cause { starts: 1, at_us: 2 * MINUTE, cause }));
        // It is killed.
        let fourth = begin(4).before(&["a".to_owned(), "b".to_owned()]).expect("out of order");
        assert_eq!(fourth.starts, 2);
        assert!(fourth.cause.ends_with("; jobs that were running: a, b"), "{}", fourth.cause);
        for minute in 5..30 {
            begin(minute);
        }
        let text = fs_err::read_to_string(folder.path().join("starts.json")).expect("a diary");
        assert_eq!(serde_json::from_str::<Vec<Start>>(&text).expect("starts").len(), KEPT);
        fs_err::write(folder.path().join("starts.json"), "{").expect("written");
        assert_eq!(begin(40).before(&[]), None, "one that cannot be read says nothing");
    }
}
