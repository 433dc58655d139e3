//! espeak-ng by way of the program `espeak-words` (`src/bin/espeak-words/main.rs` says why it is one).

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::dispatch::LocalEngine;
use super::wav::Wav;
use super::words::{Event, without_silence, words_from_events};
use super::{SpeechError, SpeechRequest};
use crate::artefacts::TimedWord;
use serde::{Deserialize, Serialize};

/// Words a minute of an espeak-ng voice at its own speed.
const NORMAL_RATE_WPM: f64 = 175.0;

#[derive(Serialize)]
struct HelperRequest<'a> {
    text: &'a str,
    voice: &'a str,
    rate_wpm: i32,
    out: &'a Path,
}

#[derive(Deserialize)]
struct HelperReply {
    samples: usize,
    events: Vec<Event>,
}

/// Speaks into the WAV file `out`; the sound and the words with their times.
///
/// A text of any length is one call: 102,000 characters (2 h 12 min of speech) take 10 s and keep one
/// event for each word (espeak-ng 1.51).
///
/// # Errors
///
/// [`SpeechError::Process`] and [`SpeechError::Engine`] where the program or the library is missing or
/// the voice is unknown; [`SpeechError::BadAudio`] where what was written is not what was reported.
pub(super) async fn speak(
    engine: &LocalEngine,
    request: &SpeechRequest,
    timeout: Duration,
    out: &Path,
) -> Result<(Wav, Vec<TimedWord>), SpeechError> {
    let question = HelperRequest {
        text: &request.text,
        voice: &request.voice.name,
        rate_wpm: rate_wpm(request.rate),
        out,
    };
    let from = || engine.program().display().to_string();
    let bad = |reason: String| SpeechError::BadAudio { from: from(), reason };
    let question = serde_json::to_vec(&question).map_err(|error| bad(error.to_string()))?;
    let answer = engine.ask(question, timeout).await?;
    let reply: HelperReply = serde_json::from_slice(&answer)
        .map_err(|error| bad(format!("cannot read its answer: {error}")))?;

    let wav =
        Wav::read(fs_err::tokio::read(out).await?.as_slice()).map_err(|e| bad(e.to_string()))?;
    if wav.samples.len() != reply.samples {
        let found = wav.samples.len();
        return Err(bad(format!("expected {} samples, found {found}", reply.samples)));
    }
    let mut words = words_from_events(&request.text, &reply.events, wav.duration_ms());
    without_silence(&mut words, &wav.samples, wav.sample_rate);
    Ok((wav, words))
}

/// `rate` times the voice's own speed, within what espeak-ng can do without changing the sound.
fn rate_wpm(rate: f64) -> i32 {
    (NORMAL_RATE_WPM * rate).round().clamp(80.0, 450.0) as i32
}

/// The program `espeak-words`: both programs are installed in one folder. Else the one on the `PATH`.
pub fn helper_beside_this_program() -> PathBuf {
    let name = format!("espeak-words{EXE_SUFFIX}");
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name(&name));
    beside.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_bounded() {
        for (rate, expected) in
            [(1.0, 175), (0.5, 88), (2.0, 350), (0.0, 80), (99.0, 450), (f64::NAN, 0)]
        {
            assert_eq!(rate_wpm(rate), expected, "{rate}");
        }
    }
}
