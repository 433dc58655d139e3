//! espeak-ng speaks for real; the library must be installed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pipeline::artefacts::{Narration, TimedWord};
use pipeline::speech::{
    Dispatch, Event, LocalEngine, SpeechError, SpeechRequest, SpeechSettings, Turns, Voice, Wav,
    speak, voice_for, words_from_events,
};
use protocol::TimingSource;

fn settings_of(program: &str, dispatch: Dispatch) -> SpeechSettings {
    SpeechSettings {
        espeak: Arc::new(LocalEngine::new(PathBuf::from(program), dispatch, 2)),
        openai: None,
        timeout: Duration::from_secs(60),
        turns: Turns::new(16),
    }
}

fn settings() -> SpeechSettings {
    settings_of(env!("CARGO_BIN_EXE_espeak-words"), Dispatch::Pool)
}

fn request(voice_name: &str, text: &str) -> SpeechRequest {
    let voice: Voice = voice_for(voice_name, "", text).expect("a voice");
    SpeechRequest { text: text.to_owned(), voice, rate: 1.0 }
}

/// Names of the files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).expect("folder");
    entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect()
}

#[track_caller]
fn check_words(words: &[TimedWord], text: &str, duration_ms: u64) {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(texts, pipeline::timeline::tokens(text).collect::<Vec<_>>());
    assert!(words.iter().all(|word| word.start_ms < word.end_ms), "{words:?}");
    assert!(words.is_sorted_by(|a, b| a.end_ms <= b.start_ms), "{words:?}");
    // Nobody says two letters in less: such a word was squeezed in where it was not spoken.
    let letters = |word: &TimedWord| word.text.chars().filter(|c| c.is_alphanumeric()).count();
    let squeezed = |word: &&TimedWord| letters(word) > 1 && word.end_ms - word.start_ms < 40;
    assert_eq!(words.iter().find(squeezed), None);
    assert!(words.last().is_none_or(|word| word.end_ms <= duration_ms), "{words:?}");
}

/// Speaks; the narration and its sound.
async fn spoken(request: &SpeechRequest) -> (Narration, Wav) {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("narration.wav");
    let narration = speak(&settings(), request, &out).await.expect("espeak-ng is installed");
    assert_eq!(files(folder.path()), ["narration.wav"], "a part file is left");
    let wav = Wav::read(&fs_err::read(&out).expect("file")).expect("wav");
    assert_eq!(narration.duration_ms, wav.duration_ms());
    assert_eq!(narration.file, "narration.wav");
    (narration, wav)
}

/// Every word is there with its time, and something is heard.
async fn check(voice_name: &str, text: &str, engine: &str) {
    let (narration, wav) = spoken(&request(voice_name, text)).await;
    assert_eq!(narration.engine, engine);
    check_words(&narration.words.expect("espeak-ng tells times"), text, narration.duration_ms);
    assert!(wav.samples.iter().any(|sample| sample.unsigned_abs() > 1000), "silence");
}

#[tokio::test]
async fn english_words_have_their_times() {
    let text =
        "Dr. Smith paid 25 dollars — or 1,000.50, e.g. more 😀 😀. Well-known (really)! Yes.";
    check("", text, "espeak:en-us").await;
    check(
        "espeak:en-gb",
        "“Quoted” ‘it’s’ fine:\n\nnext\tparagraph at 10:30, 12/11/2026.",
        "espeak:en-gb",
    )
    .await;
}

/// What is spoken as several words is one word of the text, and each of them has a share of the sound
/// that one can hear.
#[tokio::test]
async fn numbers_abbreviations_and_addresses_are_one_word_each() {
    let check_long = async |voice_name: &str, word: &str, at_least_ms: u64| {
        let text = format!("we say {word} today");
        let (narration, _) = spoken(&request(voice_name, &text)).await;
        let words = narration.words.expect("times");
        check_words(&words, &text, narration.duration_ms);
        let from = words[2].start_ms;
        let until = words[words.len() - 1].start_ms;
        assert!(until - from >= at_least_ms, "{word}: {words:?}");
        assert!(words[0].end_ms - words[0].start_ms < 400, "{word}: {words:?}");
    };
    let english = "espeak:en-us";
    for (word, at_least_ms) in [
        ("25", 400),
        ("3.5", 600),
        ("10,000", 500),
        ("Dr. Smith", 500),
        ("U.S.A.", 300),
        ("2026-11-21", 1200),
        ("e.g.", 300),
        ("https://sea.example/a?b=1", 1500),
        ("who@sea.example", 900),
        ("100%", 700),
        ("$5.99", 700),
    ] {
        check_long(english, word, at_least_ms).await;
    }
    for (word, at_least_ms) in
        [("25%", 500), ("1.000.000", 300), ("21/11/2026", 800), ("v.v.", 300)]
    {
        check_long("espeak:vi", word, at_least_ms).await;
    }
}

#[tokio::test]
async fn nobody_speaks_and_the_words_have_their_times() {
    let text = "Biển đêm rất yên tĩnh. Sóng vỗ vào bờ cát trắng mịn.";
    let (narration, wav) = spoken(&request("no-voice", text)).await;
    assert_eq!(
        (narration.engine.as_str(), narration.timing),
        ("no-voice", TimingSource::Proportional)
    );
    check_words(&narration.words.expect("times"), text, narration.duration_ms);
    assert!(wav.samples.iter().all(|sample| *sample == 0));
    assert_eq!(narration.duration_ms, 4795); // 12 words, one pause
}

#[tokio::test]
async fn vietnamese_words_have_their_times() {
    let text = "Có 1.000.000 người, vân vân… Tiến sĩ ăn 25 quả. Đúng thế — được lắm!";
    check("", text, "espeak:vi").await;
    let text =
        "Tiến sĩ Nguyễn đã ngắm chúng suốt 25 năm — và bà vẫn nín thở. Biển sáng, lặng — lạ.";
    check("", text, "espeak:vi").await;
}

#[tokio::test]
async fn hostile_text_is_read_out() {
    let text = "{\\an8} [[h@loU]] <b>bold</b> 100% \u{1}90P 'x' \"y\" مرحبا 👨‍👩‍👧 end";
    check("espeak:en-us", text, "espeak:en-us").await;
}

/// The time at which somebody would say the word begins: the sound before it is a pause.
#[tokio::test]
async fn a_word_starts_where_its_sound_starts() {
    let (narration, wav) = spoken(&request("espeak:en-us", "Hello there. Next one.")).await;
    let words = narration.words.expect("times");
    let index = |ms: u64| (ms * u64::from(wav.sample_rate) / 1000) as usize;
    let pause = &wav.samples[index(words[1].end_ms) + 1..index(words[2].start_ms)];
    assert!(words[2].start_ms - words[1].end_ms > 100, "no pause between sentences: {words:?}");
    assert!(pause.iter().all(|sample| sample.unsigned_abs() <= 32), "sound in the pause");
    let begins = &wav.samples[index(words[2].start_ms)..index(words[2].start_ms + 60)];
    assert!(begins.iter().any(|sample| sample.unsigned_abs() > 500), "no sound at the start");
}

#[tokio::test]
async fn the_same_request_makes_the_same_file() {
    let request = request("espeak:vi", "Biển giữ bí mật của nó, 25 lần.");
    let (first, second) = (spoken(&request).await, spoken(&request).await);
    assert_eq!(first, second);
}

#[tokio::test]
async fn the_rate_changes_the_length() {
    let normal = request("espeak:en-us", "The sea keeps its secrets, and nobody counted them.");
    let (slow, fast) = (
        SpeechRequest { rate: 0.5, ..normal.clone() },
        SpeechRequest { rate: 2.0, ..normal.clone() },
    );
    let mut lengths = Vec::new();
    for request in [slow, normal, fast] {
        lengths.push(spoken(&request).await.0.duration_ms as f64);
    }
    assert!(lengths[0] > 1.6 * lengths[1] && lengths[1] > 1.6 * lengths[2], "{lengths:?}");
}

#[tokio::test]
async fn a_long_text_is_one_call() {
    let text = "The sea keeps 25 secrets, and nobody counted them. ".repeat(200);
    check("espeak:en-us", &text, "espeak:en-us").await;
}

#[track_caller]
fn check_error(result: Result<Narration, SpeechError>, expected: &[&str]) {
    let message = result.expect_err("must fail").to_string();
    assert!(expected.iter().all(|part| message.contains(part)), "{message}");
}

#[tokio::test]
async fn a_failure_names_its_reason_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("narration.wav");
    let unknown = request("espeak:tlh", "text");
    let listing = "espeak-ng has no voice \"tlh\"; `espeak-ng --voices` lists them";
    check_error(speak(&settings(), &unknown, &out).await, &["espeak-words", listing]);
    check_error(speak(&settings(), &request("", " \n"), &out).await, &["nothing to say"]);
    let server = speak(&settings(), &request("openai:alloy", "text"), &out).await;
    check_error(server, &["no OpenAI-compatible speech server is configured"]);
    for dispatch in Dispatch::ALL {
        let missing = settings_of("no-such-helper", dispatch);
        check_error(speak(&missing, &request("", "text"), &out).await, &["no-such-helper"]);
    }
    let lies = settings_of("cat", Dispatch::Executor);
    check_error(speak(&lies, &request("", "text"), &out).await, &["unusable sound from cat"]);
    let hurry = SpeechSettings { timeout: Duration::from_millis(1), ..settings() };
    check_error(speak(&hurry, &request("", "text"), &out).await, &["did not end within"]);
    let nowhere = folder.path().join("none").join("narration.wav");
    check_error(
        speak(&settings(), &request("", "text"), &nowhere).await,
        &["cannot write", "none"],
    );
    assert_eq!(files(folder.path()), Vec::<String>::new());
}

/// Where the library is missing, the message names the package. Run with a search path that has a
/// broken library in front of the real one.
#[cfg(target_os = "linux")]
#[test]
fn a_missing_library_names_the_package() {
    let folder = tempfile::tempdir().expect("folder");
    for name in ["libespeak-ng.so.1", "libespeak-ng.so"] {
        fs_err::write(folder.path().join(name), "not a library").expect("file");
    }
    let request = folder.path().join("request.json");
    fs_err::write(&request, r#"{"text": "a", "voice": "vi", "rate_wpm": 175, "out": "x.wav"}"#)
        .expect("request");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_espeak-words"))
        .env("LD_LIBRARY_PATH", folder.path())
        .stdin(std::process::Stdio::from(
            fs_err::File::open(request).expect("request").into_parts().0,
        ))
        .output()
        .expect("starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{stderr}");
    assert!(stderr.contains("libespeak-ng1"), "{stderr}");
}

/// What the helper prints is a contract: other programs may read it.
#[test]
fn the_helper_answers_with_documented_json() {
    use std::io::Write;
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("a.wav");
    let text = "One, two.";
    let request = serde_json::json!({"text": text, "voice": "en-us", "rate_wpm": 175, "out": &out});
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_espeak-words"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    child.stdin.take().expect("stdin").write_all(request.to_string().as_bytes()).expect("request");
    let output = child.wait_with_output().expect("ends");
    let reply: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON line");
    let keys: Vec<&String> = reply.as_object().expect("object").keys().collect();
    assert_eq!(keys, ["events", "sample_rate", "samples", "version"]);
    let events: Vec<Event> = serde_json::from_value(reply["events"].clone()).expect("events");
    let kinds: Vec<String> = events.iter().map(|event| format!("{:?}", event.kind)).collect();
    assert_eq!(kinds, ["Sentence", "Word", "End", "Word", "End"]);
    let wav = Wav::read(&fs_err::read(&out).expect("file")).expect("wav");
    assert_eq!(reply["samples"], wav.samples.len());
    assert_eq!(reply["sample_rate"], wav.sample_rate);
    check_words(&words_from_events(text, &events, wav.duration_ms()), text, wav.duration_ms());
}
