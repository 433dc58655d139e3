//! Speaks a text with espeak-ng and says when each word begins.
//!
//! espeak-ng is under GPL-3-or-later, and the command line of it reports no word times: only its
//! library does. So the library has this small program of its own. It shares no code with the rest of
//! the pipeline, loads `libespeak-ng` when it runs, and talks JSON over its pipes: who hands out
//! this program together with the library hands out a work under the GPL; the pipeline stays under
//! its own licence.
//!
//! One request on stdin, `{"text", "voice", "rate_wpm", "out"}`; a mono 16-bit WAV at `out`; one
//! line on stdout, `{"sample_rate", "samples", "version", "events": [{"kind", "text_position",
//! "length", "audio_ms"}]}`. On an error: one line on stderr, exit status 1.

mod library;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use library::{Espeak, Event};
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Deserialize)]
struct Request {
    text: String,
    voice: String,
    rate_wpm: i32,
    out: PathBuf,
}

/// What is answered.
#[derive(Serialize)]
struct Reply {
    sample_rate: u32,
    samples: usize,
    version: String,
    events: Vec<Event>,
}

/// Why nothing was spoken.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read the request: {0}")]
    Request(#[from] serde_json::Error),
    #[error(transparent)]
    Library(#[from] library::Error),
    #[error("cannot write {}: {reason}", path.display())]
    Wav { path: PathBuf, reason: hound::Error },
    #[error("cannot answer: {0}")]
    Answer(#[from] io::Error),
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let request: Request = serde_json::from_reader(io::stdin().lock())?;
    let espeak = Espeak::load()?;
    let (sample_rate, version) = espeak.initialize()?;
    espeak.set_voice(&request.voice)?;
    espeak.set_rate(request.rate_wpm)?;
    let recording = espeak.speak(&request.text)?;
    write_wav(&request.out, sample_rate, &recording.samples)?;
    let reply =
        Reply { sample_rate, samples: recording.samples.len(), version, events: recording.events };
    let mut line = serde_json::to_vec(&reply)?;
    line.push(b'\n');
    io::stdout().write_all(&line)?;
    Ok(())
}

fn write_wav(path: &Path, sample_rate: u32, samples: &[i16]) -> Result<(), Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let write = || {
        let mut writer = hound::WavWriter::create(path, spec)?;
        for piece in samples.chunks(1 << 16) {
            let mut at_once = writer.get_i16_writer(piece.len() as u32);
            piece.iter().for_each(|&sample| at_once.write_sample(sample));
            at_once.flush()?;
        }
        writer.finalize()
    };
    write().map_err(|reason| Error::Wav { path: path.to_owned(), reason })
}
