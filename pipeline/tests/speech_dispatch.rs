//! Every way of calling espeak-ng gives the same sound, and leaves neither process nor file.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pipeline::artefacts::Narration;
use pipeline::speech::{
    Dispatch, LocalEngine, SpeechError, SpeechRequest, SpeechSettings, Turns, speak, voice_for,
};
use rustix::process::{Pid, Signal, kill_process};

const LONG: Duration = Duration::from_secs(60);

fn settings(dispatch: Dispatch) -> SpeechSettings {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_espeak-words"));
    SpeechSettings {
        espeak: Arc::new(LocalEngine::new(program, dispatch, 2)),
        openai: None,
        timeout: LONG,
        turns: Turns::new(16),
    }
}

fn request(voice_name: &str, rate: f64, text: &str) -> SpeechRequest {
    let voice = voice_for(voice_name, "", text).expect("a voice");
    SpeechRequest { text: text.to_owned(), voice, rate }
}

/// Some seconds of work.
fn long() -> SpeechRequest {
    request("espeak:en-us", 1.0, &"The sea keeps 25 secrets, and nobody counted them. ".repeat(600))
}

fn short() -> SpeechRequest {
    request("espeak:vi", 1.0, "Biển giữ bí mật của nó.")
}

/// Speaks; the narration and the bytes of its file. Nothing else may be in the folder, whatever happens.
async fn spoken(
    settings: &SpeechSettings,
    request: &SpeechRequest,
) -> Result<(Narration, Vec<u8>), SpeechError> {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("narration.wav");
    let spoken = speak(settings, request, &out).await;
    assert_eq!(files(folder.path()).len(), usize::from(spoken.is_ok()));
    Ok((spoken?, fs_err::read(&out).expect("file")))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).expect("folder");
    entries.map(|entry| entry.expect("entry").path()).collect()
}

/// Children of this process, zombies too: a test is a process of its own.
fn children() -> Vec<Pid> {
    let own = std::process::id().to_string();
    processes(|[_, parent, _]| parent == own)
}

/// Processes of the group that a child leads: itself, and what it has started.
fn group_of(child: Pid) -> Vec<Pid> {
    let leader = child.as_raw_nonzero().to_string();
    processes(|[_, _, group]| group == leader)
}

/// Processes whose state, parent and group are as wanted.
fn processes(are: impl Fn([&str; 3]) -> bool) -> Vec<Pid> {
    let processes = fs_err::read_dir("/proc").expect("/proc").flatten();
    let found = processes.filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let stat = fs_err::read_to_string(process.path().join("stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let fields = [fields.next()?, fields.next()?, fields.next()?];
        are(fields).then(|| Pid::from_raw(pid)).flatten()
    });
    found.collect()
}

/// Waits until so many children are left, at most.
async fn check_children(dispatch: Dispatch, at_most: usize) {
    for _ in 0..150 {
        if children().len() <= at_most {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{dispatch:?}: expected at most {at_most} children, found {:?}", children());
}

/// How many processes stay when the work is done.
fn n_staying(dispatch: Dispatch) -> usize {
    match dispatch {
        Dispatch::Direct | Dispatch::Executor => 0,
        Dispatch::Pool => 2,
        Dispatch::Lock => 1,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_gives_the_same_sound_whatever_was_said_before() {
    let requests = [
        short(),
        request("espeak:en-us", 2.0, "Dr. Smith paid 25 dollars — or 1,000.50, e.g. more."),
        request("espeak:en-us+f3", 1.0, "The sea {keeps} [[its]] secrets."),
        request("espeak:de", 0.5, "Das Meer."),
        short(),
    ];
    let mut expected = Vec::new();
    for request in &requests {
        expected.push(spoken(&settings(Dispatch::Executor), request).await.expect("spoken"));
    }
    assert!(expected[0] == expected[4], "not the same sound");
    for dispatch in Dispatch::ALL {
        let settings = settings(dispatch);
        for (request, expected) in requests.iter().zip(&expected) {
            let found = spoken(&settings, request).await.expect("spoken");
            assert!(&found == expected, "{dispatch:?}: another sound of {:?}", request.text);
        }
        // And all of them at once.
        let all = futures::future::join_all(requests.iter().map(|r| spoken(&settings, r))).await;
        for (found, expected) in all.into_iter().zip(&expected) {
            assert!(&found.expect("spoken") == expected, "{dispatch:?}: another sound");
        }
        check_children(dispatch, n_staying(dispatch)).await;
        drop(settings);
        check_children(dispatch, 0).await;
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_nothing() {
    for dispatch in [Dispatch::Executor, Dispatch::Pool, Dispatch::Lock] {
        let settings = settings(dispatch);
        let folder = tempfile::tempdir().expect("folder");
        let out = folder.path().join("narration.wav");
        let long = long();
        let at_work = async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            children()
        };
        let at_work = tokio::select! {
            spoken = speak(&settings, &long, &out) => panic!("{dispatch:?}: {spoken:?}"),
            at_work = at_work => at_work,
        };
        let [child] = at_work[..] else { panic!("{dispatch:?}: {at_work:?}") };
        check_children(dispatch, 0).await;
        // What the helper forked for the request is gone too.
        for _ in 0..100 {
            if group_of(child).is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(group_of(child), [], "{dispatch:?}");
        assert!(files(folder.path()).is_empty(), "{dispatch:?}");
        spoken(&settings, &short()).await.expect("the next one is spoken");
    }
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_killed() {
    for dispatch in Dispatch::ALL {
        let settings = SpeechSettings { timeout: Duration::from_millis(150), ..settings(dispatch) };
        let error = spoken(&settings, &long()).await.expect_err("too little time");
        let message = error.to_string();
        assert!(message.contains("did not end within") && error.is_transient(), "{message}");
        check_children(dispatch, 0).await;
        let settings = SpeechSettings { timeout: LONG, ..settings };
        spoken(&settings, &short()).await.expect("the next one is spoken");
    }
}

#[tokio::test]
async fn a_refusal_costs_no_process() {
    for dispatch in Dispatch::ALL {
        let settings = settings(dispatch);
        spoken(&settings, &short()).await.expect("spoken");
        let before = children();
        let error =
            spoken(&settings, &request("espeak:tlh", 1.0, "text")).await.expect_err("no voice");
        let message = error.to_string();
        assert!(message.contains("espeak-ng has no voice \"tlh\""), "{dispatch:?}: {message}");
        assert!(message.contains("espeak-words") && !error.is_transient(), "{message}");
        spoken(&settings, &short()).await.expect("spoken");
        assert_eq!(children(), before, "{dispatch:?}");
    }
}

#[tokio::test]
async fn a_helper_that_died_is_replaced() {
    for dispatch in [Dispatch::Pool, Dispatch::Lock] {
        let settings = settings(dispatch);
        spoken(&settings, &short()).await.expect("spoken");
        let [helper] = children()[..] else { panic!("{dispatch:?}: {:?}", children()) };
        kill_process(helper, Signal::KILL).expect("killed");
        spoken(&settings, &short()).await.expect("spoken by another");
        let now = children();
        assert!(now.len() == 1 && now[0] != helper, "{dispatch:?}: {now:?}");
    }
}

/// Bytes that were written into a folder when the call was polled once.
async fn written_at_the_first_poll(dispatch: Dispatch) -> u64 {
    let settings = settings(dispatch);
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("narration.wav");
    let request = short();
    let size = async {
        let sizes = files(folder.path()).into_iter();
        sizes.map(|file| fs_err::metadata(file).expect("file").len()).sum()
    };
    tokio::select! {
        biased;
        spoken = speak(&settings, &request, &out) => panic!("{spoken:?}"),
        size = size => size,
    }
}

/// The direct call has done its work before anything else on its thread goes on: that is what it is.
#[tokio::test]
async fn a_direct_call_holds_its_thread() {
    assert!(written_at_the_first_poll(Dispatch::Direct).await > 10_000);
    for dispatch in [Dispatch::Executor, Dispatch::Pool, Dispatch::Lock] {
        assert_eq!(written_at_the_first_poll(dispatch).await, 0, "{dispatch:?}");
    }
}
