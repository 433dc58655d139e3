//! `subtitles`: when each word is said, in cues, as SRT and as ASS.

use protocol::{JobSpec, TimingSource};

use crate::artefacts::{Narration, Script, Subtitles, TimedWord};
use crate::captions::ass::{self, Colour, Style};
use crate::captions::layout::Layout;
use crate::captions::{cues, srt, timing};
use crate::error::StageError;
use crate::job::JobFolder;
use crate::media;
use crate::ml::WHISPER;
use crate::parts::Parts;

const SRT: &str = "subtitles.srt";
const ASS: &str = "subtitles.ass";

/// Runs the stage.
///
/// # Errors
///
/// `font_unknown`, `whisper_failed`, `media`, `disk`.
pub async fn run(
    parts: &Parts,
    spec: &JobSpec,
    script: &Script,
    narration: &Narration,
    folder: &JobFolder,
) -> Result<Subtitles, StageError> {
    let font = parts.fonts.choose(&spec.font_name, &script.text);
    let font = font.map_err(|error| StageError::permanent("font_unknown", error))?;
    if let Some((asked, lacking)) = &font.instead_of {
        tracing::warn!(asked, ?lacking, font = font.family, "another font has more of the letters");
    }
    if !font.missing.is_empty() {
        tracing::warn!(font = font.family, missing = ?font.missing, "no installed font has these");
    }
    let (words, timing) = timed_words(parts, spec, script, narration, folder).await?;
    let size = spec.size();
    let layout = Layout::for_picture(size, spec.font_size).with_advances(font.advances);
    let cues = cues::cues(&words, &layout);
    let style = Style {
        font: font.family.clone(),
        font_size: spec.font_size,
        line_height: font.line_height,
        colour: colour(&spec.text_fore_color)?,
        outline_colour: colour(&spec.stroke_color)?,
        outline: spec.stroke_width,
        position: spec.subtitle_position,
    };
    let disk = |error| StageError::transient("disk", error);
    folder.write(SRT, srt::srt(&cues).as_bytes()).map_err(disk)?;
    folder.write(ASS, ass::ass(&cues, &style, size).as_bytes()).map_err(disk)?;
    Ok(Subtitles { srt: SRT.to_owned(), ass: ASS.to_owned(), cues, timing, font: font.family })
}

/// The request was checked: this fails for a job of an older version only.
fn colour(text: &str) -> Result<Colour, StageError> {
    text.parse().map_err(|error| StageError::permanent("spec_unreadable", error))
}

/// The timing ladder: what the engine said, else what Whisper hears, aligned to the known text, else by
/// length of the words inside the parts where there is sound. Fixture weights hear nothing.
async fn timed_words(
    parts: &Parts,
    spec: &JobSpec,
    script: &Script,
    narration: &Narration,
    folder: &JobFolder,
) -> Result<(Vec<TimedWord>, TimingSource), StageError> {
    if let Some(words) = &narration.words {
        return Ok((words.clone(), TimingSource::Engine));
    }
    let sound = folder.file(&narration.file);
    if parts.trusts(WHISPER) {
        let heard = parts.models.transcribe(&sound, &spec.video_language).await;
        let heard = heard.map_err(|error| StageError::transient("whisper_failed", error))?;
        let (text, duration_ms) = (script.text.clone(), narration.duration_ms);
        // Some seconds for a long text: not on a thread that serves others.
        let aligned =
            tokio::task::spawn_blocking(move || timing::align(&text, &heard, duration_ms));
        let words = aligned.await.map_err(|error| StageError::transient("panic", error))?;
        return Ok((words, TimingSource::Whisper));
    }
    let voiced = media::voiced(&sound, narration.duration_ms).await;
    let voiced = voiced.map_err(|error| StageError::transient("media", error))?;
    let words = timing::proportional(&script.text, narration.duration_ms, &voiced);
    Ok((words, TimingSource::Proportional))
}
