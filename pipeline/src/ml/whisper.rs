//! Words and their times by whisper.cpp. <https://github.com/ggml-org/whisper.cpp>

use std::ffi::{c_int, c_void};

use tracing::subscriber::{NoSubscriber, with_default};
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError,
    WhisperState,
};

use super::audio::{SAMPLE_RATE, Speech};
use super::owner::{Model, Request};
use super::words::{self, Piece};
use super::{Compute, MlError, ModelDir, compute};
use crate::artefacts::TimedWord;

/// whisper.cpp hears nothing in less than a second: shorter sound is followed by silence.
const SHORTEST: usize = SAMPLE_RATE as usize * 11 / 10;

/// The loaded model.
pub(super) struct Whisper {
    name: String,
    context: WhisperContext,
    state: Option<WhisperState>,
    threads: usize,
}

impl Whisper {
    /// Loads the one `.bin` file of the folder, in whisper.cpp's ggml format.
    ///
    /// # Errors
    ///
    /// [`MlError`]: there is no such file, or whisper.cpp cannot read it.
    pub(super) fn load(dir: &ModelDir, threads: usize) -> Result<Self, MlError> {
        // What whisper.cpp would print goes to `tracing`, under the target `whisper_rs`.
        whisper_rs::install_logging_hooks();
        let failed = |error: WhisperError| MlError::Load {
            name: dir.name().to_owned(),
            reason: error.to_string(),
        };
        let weights = dir.file_with_extension("bin")?;
        let compute = compute();
        if let Compute::Cpu { no_card: Some(_) } = compute {
            // whisper.cpp looks for cards itself when it is first asked anything, and calls it an error
            // that there is none. Why there is none was said already.
            with_default(NoSubscriber::new(), whisper_rs::print_system_info);
        }
        let mut parameters = WhisperContextParameters::default();
        parameters.use_gpu(matches!(compute, Compute::Cuda { .. }));
        let context = WhisperContext::new_with_params(weights, parameters).map_err(failed)?;
        let state = Some(context.create_state().map_err(failed)?);
        Ok(Self { name: dir.name().to_owned(), context, state, threads })
    }

    /// `None` when `is_unwanted` said so before the end.
    fn transcribe(
        &mut self,
        speech: Speech,
        is_unwanted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Vec<TimedWord>>, WhisperError> {
        // A state that failed or was stopped is in the middle of something: it is not used again.
        let mut state = match self.state.take() {
            Some(state) => state,
            None => self.context.create_state()?,
        };
        let duration_ms = speech.duration_ms();
        let Speech { mut samples, language } = speech;
        samples.resize(samples.len().max(SHORTEST), 0.0);
        let mut parameters = parameters(&language, self.threads);
        // whisper-rs 0.16 has `set_abort_callback_safe`, which hands its closure over as another
        // type than the one it is called as.
        // SAFETY: the data is what `abort` reads, and it outlives the one call that is given it.
        unsafe {
            parameters.set_abort_callback(Some(abort));
            parameters.set_abort_callback_user_data((&raw const is_unwanted).cast_mut().cast());
        }
        match state.full(parameters, &samples) {
            Err(_) if is_unwanted() => return Ok(None),
            other => other?,
        }
        let pieces = pieces(&state, self.context.token_eot())?;
        self.state = Some(state);
        Ok(Some(words::join(&pieces, duration_ms)))
    }
}

impl Model for Whisper {
    type Input = Speech;
    type Output = Vec<TimedWord>;

    /// One sound after the other: whisper.cpp has no batches, and one sound uses every thread.
    fn serve(&mut self, waiting: Vec<Request<Speech, Vec<TimedWord>>>) {
        for Request { input, reply } in waiting {
            let answer = match self.transcribe(input, &|| reply.is_closed()) {
                Ok(Some(words)) => Ok(words),
                Ok(None) => continue,
                Err(error) => {
                    Err(MlError::Inference { name: self.name.clone(), reason: error.to_string() })
                }
            };
            let _ = reply.send(answer);
        }
    }
}

/// Greedy decoding with times for each token.
fn parameters(language: &str, threads: usize) -> FullParams<'_, 'static> {
    let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    parameters.set_n_threads(c_int::try_from(threads.max(1)).unwrap_or(c_int::MAX));
    parameters.set_language(language_code(language));
    parameters.set_token_timestamps(true);
    // No second try at a higher temperature: it takes up to five times as long, and what it hears is
    // only laid over a text that is known.
    parameters.set_temperature_inc(0.0);
    parameters.set_no_context(true);
    parameters.set_print_progress(false);
    parameters.set_print_realtime(false);
    parameters.set_print_timestamps(false);
    parameters.set_print_special(false);
    parameters
}

/// whisper.cpp asks between the nodes of its graph whether to stop.
unsafe extern "C" fn abort(is_unwanted: *mut c_void) -> bool {
    // SAFETY: `transcribe` gave the pointer, to a reference that outlives the call.
    let is_unwanted = unsafe { *is_unwanted.cast::<&(dyn Fn() -> bool + Sync)>() };
    is_unwanted()
}

/// Whisper's code of a language tag: `vi-VN` is `vi`. None, which lets Whisper listen for it, where
/// it knows no such language.
fn language_code(tag: &str) -> Option<&str> {
    let code = tag.split(['-', '_']).next().unwrap_or_default();
    let is_plain = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_plain && whisper_rs::get_lang_id(code).is_some()).then_some(code)
}

/// The tokens that are text: ids from `end_of_text` on are marks.
fn pieces(state: &WhisperState, end_of_text: c_int) -> Result<Vec<Piece>, WhisperError> {
    let mut pieces = Vec::new();
    for segment in state.as_iter() {
        for token in (0..segment.n_tokens()).filter_map(|i| segment.get_token(i)) {
            let data = token.token_data();
            if data.id < end_of_text {
                pieces.push(Piece {
                    bytes: token.to_bytes()?.to_vec(),
                    start_ms: milliseconds(data.t0),
                    end_ms: milliseconds(data.t1),
                });
            }
        }
    }
    Ok(pieces)
}

/// whisper.cpp counts in hundredths of a second, and -1 is a token without a time.
fn milliseconds(hundredths: i64) -> u64 {
    u64::try_from(hundredths).unwrap_or(0) * 10
}

#[cfg(test)]
mod tests;
