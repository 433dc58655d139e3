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
//! "length", "audio_ms"}]}`. On an error: one line on stderr, exit status 1 (3: no such voice).
//!
//! With `--has-voice NAME` nothing is spoken: exit status 0 where there is such a voice, 3 where there is
//! none.
//!
//! With `--serve` it stays: a request on each line of stdin, an answer on each line of stdout, which is
//! `{"error"}` for a request that cannot be followed, until stdin ends. Each request is followed by a
//! fork of the process with the engine started: the sound of espeak-ng depends on what it said before
//! (it keeps the state of its filters, and of `rand`), and the same request must give the same sound.

mod fork;
mod library;

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use library::{Espeak, Event};
use serde::{Deserialize, Serialize};

/// Exit status where there is no such voice.
const NO_VOICE: u8 = 3;

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

/// What is answered where nothing was spoken.
#[derive(Serialize)]
struct Refusal {
    error: String,
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
    let mut args = std::env::args().skip(1);
    let done = match (args.next().as_deref(), args.next()) {
        (Some("--serve"), None) => serve(),
        (Some("--has-voice"), Some(voice)) => has_voice(&voice),
        _ => once(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ Error::Library(library::Error::Voice { .. })) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(NO_VOICE)
        }
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn has_voice(voice: &str) -> Result<(), Error> {
    Ok(Engine::start()?.espeak.set_voice(voice)?)
}

fn once() -> Result<(), Error> {
    let request: Request = serde_json::from_reader(io::stdin().lock())?;
    Ok(say(&Engine::start()?.follow(&request)?)?)
}

fn serve() -> Result<(), Error> {
    // Started with the first request: who asks is told where it cannot be.
    let mut engine = None;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let started = match &engine {
            Some(engine) => Ok(engine),
            None => Engine::start().map(|started| &*engine.insert(started)),
        };
        match started {
            Ok(engine) => fork::in_a_child(|| answer(engine.follow_line(&line)))?,
            Err(error) => answer(Err(error))?,
        }
    }
    Ok(())
}

fn answer(reply: Result<Reply, Error>) -> io::Result<()> {
    match reply {
        Ok(reply) => say(&reply),
        Err(error) => say(&Refusal { error: error.to_string() }),
    }
}

/// Writes one line to stdout.
fn say(answer: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

/// The engine, ready to speak.
struct Engine {
    espeak: Espeak,
    sample_rate: u32,
    version: String,
}

impl Engine {
    fn start() -> Result<Self, Error> {
        let espeak = Espeak::load()?;
        let (sample_rate, version) = espeak.initialize()?;
        Ok(Self { espeak, sample_rate, version })
    }

    fn follow_line(&self, line: &str) -> Result<Reply, Error> {
        self.follow(&serde_json::from_str(line)?)
    }

    fn follow(&self, request: &Request) -> Result<Reply, Error> {
        self.espeak.set_voice(&request.voice)?;
        self.espeak.set_rate(request.rate_wpm)?;
        let recording = self.espeak.speak(&request.text)?;
        write_wav(&request.out, self.sample_rate, &recording.samples)?;
        Ok(Reply {
            sample_rate: self.sample_rate,
            samples: recording.samples.len(),
            version: self.version.clone(),
            events: recording.events,
        })
    }
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
