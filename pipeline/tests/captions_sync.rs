//! Subtitles against a voice that says when it says what: espeak-ng, which must be installed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pipeline::artefacts::TimedWord;
use pipeline::captions::cues::cues;
use pipeline::captions::layout::Layout;
use pipeline::captions::timing;
use pipeline::media::voiced;
use pipeline::speech::{
    Dispatch, LocalEngine, SpeechRequest, SpeechSettings, Turns, speak, voice_for,
};
use protocol::Size;

const ENGLISH: &str = "The sea keeps 25 secrets, and nobody has ever counted them. Some say an old \
    man did: he sat by the harbour, night after night, and wrote them down. Nobody knows where his \
    book is now! Perhaps the tide took it. Perhaps it never was.";
const VIETNAMESE: &str = "Biển giữ hai mươi lăm bí mật, và chưa ai từng đếm hết. Người ta kể rằng có \
    một ông lão ngồi bên bến cảng, đêm này qua đêm khác, và chép lại tất cả. Không ai biết cuốn sách \
    của ông ở đâu! Có lẽ thủy triều đã cuốn nó đi.";

/// A text with the times at which each word is spoken, and where something is heard.
struct Heard {
    words: Vec<TimedWord>,
    duration_ms: u64,
    ranges: Vec<(u64, u64)>,
}

async fn heard(voice: &str, text: &str) -> Heard {
    let settings = SpeechSettings {
        espeak: Arc::new(LocalEngine::new(
            PathBuf::from(env!("CARGO_BIN_EXE_espeak-words")),
            Dispatch::Executor,
            1,
        )),
        openai: None,
        timeout: Duration::from_secs(60),
        turns: Turns::new(16),
    };
    let voice = voice_for(voice, "", text).expect("a voice");
    let request = SpeechRequest { text: text.to_owned(), voice, rate: 1.0 };
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("narration.wav");
    let narration = speak(&settings, &request, &out).await.expect("espeak-ng is installed");
    let ranges = voiced(&out, narration.duration_ms).await.expect("ffmpeg is installed");
    let words = narration.words.expect("espeak-ng tells times");
    Heard { words, duration_ms: narration.duration_ms, ranges }
}

fn starts(text: &str, words: &[TimedWord]) -> Vec<u64> {
    let layout = Layout::for_picture(Size { width: 1080, height: 1920 }, 60.0);
    cues(text, words, &layout).iter().map(|cue| cue.start_ms).collect()
}

/// With the engine's times a subtitle that follows a pause is there within 80 ms of the sound.
async fn check_engine(voice: &str, text: &str) {
    let heard = heard(voice, text).await;
    let starts = starts(text, &heard.words);
    let onsets: Vec<u64> = heard.ranges.iter().map(|(start, _)| *start).collect();
    let after_pause = starts.iter().filter_map(|start| {
        let nearest = onsets.iter().map(|onset| onset.abs_diff(*start)).min()?;
        (nearest < 300).then_some(nearest)
    });
    let off: Vec<u64> = after_pause.collect();
    assert!(off.len() >= 3, "{starts:?} {onsets:?}");
    assert!(off.iter().all(|off| *off <= 80), "{off:?}: {starts:?} {onsets:?}");
}

#[tokio::test]
async fn subtitles_appear_with_the_sound() {
    check_engine("espeak:en", ENGLISH).await;
    check_engine("espeak:vi", VIETNAMESE).await;
}

/// Without the engine's times, by the lengths of the words between the pauses that are heard: how far off
/// a word's beginning is on average.
async fn check_proportional(voice: &str, text: &str) {
    let heard = heard(voice, text).await;
    let guessed = timing::proportional(text, heard.duration_ms, &heard.ranges);
    let off: Vec<u64> = guessed
        .iter()
        .zip(&heard.words)
        .map(|(guessed, word)| guessed.start_ms.abs_diff(word.start_ms))
        .collect();
    let mean = off.iter().sum::<u64>() / off.len() as u64;
    assert!(mean <= 80, "{mean} ms off: {off:?}");
}

#[tokio::test]
async fn words_that_nobody_timed_are_near_their_sound() {
    check_proportional("espeak:en", ENGLISH).await;
    check_proportional("espeak:vi", VIETNAMESE).await;
}
