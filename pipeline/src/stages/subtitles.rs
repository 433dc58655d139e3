//! `subtitles`: when each word is said, in cues, as SRT, as WebVTT and as ASS.

use protocol::{JobSpec, TimingSource};

use super::heard;
use crate::artefacts::{Narration, Script, Subtitles, TimedWord};
use crate::captions::ass::{self, Style};
use crate::captions::backdrop::Backdrop;
use crate::captions::colour::Colour;
use crate::captions::fonts::FontChoice;
use crate::captions::layout::Layout;
use crate::captions::placement::Place;
use crate::captions::{cues, srt, timing, vtt};
use crate::error::StageError;
use crate::job::JobFolder;
use crate::media::{self, BurnIn};
use crate::ml::WHISPER;
use crate::parts::Parts;

const SRT: &str = "subtitles.srt";
const VTT: &str = "subtitles.vtt";
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
    let mut notes = font_notes(&font);
    let timed = timed_words(parts, spec, script, narration, folder).await?;
    notes.extend(timed.note);
    for note in &notes {
        tracing::warn!(note, "subtitles");
    }
    let size = spec.size();
    let style = style(spec, &font)?;
    let layout = Layout::for_picture(size, spec.font_size).with_advances(font.advances);
    let cues = cues::cues(&script.text, &timed.words, &layout);
    let disk = |error| StageError::transient("disk", error);
    folder.write(SRT, srt::srt(&cues).as_bytes()).map_err(disk)?;
    folder.write(VTT, vtt::vtt(&cues).as_bytes()).map_err(disk)?;
    let drawn = ass::ass(&cues, &timed.words, &style, &layout, size);
    folder.write(ASS, drawn.as_bytes()).map_err(disk)?;
    Ok(Subtitles {
        srt: SRT.to_owned(),
        vtt: VTT.to_owned(),
        ass: ASS.to_owned(),
        cues,
        timing: timed.source,
        font: font.family,
        font_stands_in_for: font.stands_in.map(|stands_in| stands_in.asked().to_owned()),
        notes,
    })
}

/// What of them is drawn into the picture: nothing where the request wants none. The files are there in
/// any case.
pub fn burn_in(spec: &JobSpec, subtitles: &Subtitles) -> Option<BurnIn> {
    spec.subtitle_enabled.then(|| BurnIn { ass: subtitles.ass.clone(), fonts_dir: None })
}

/// How the request wants them to look.
fn style(spec: &JobSpec, font: &FontChoice) -> Result<Style, StageError> {
    let backdrop = spec.text_background_color.colour().map(colour).transpose()?;
    let highlight = spec.enable_word_highlighting.then(|| colour(&spec.word_highlight_color));
    Ok(Style {
        font: font.family.clone(),
        weight: font.weight,
        font_size: spec.font_size,
        line_height: font.line_height,
        colour: colour(&spec.text_fore_color)?,
        outline_colour: colour(&spec.stroke_color)?,
        outline: spec.stroke_width,
        place: Place { position: spec.subtitle_position, custom_percent: spec.custom_position },
        backdrop: backdrop
            .map(|colour| Backdrop { colour, rounded: spec.rounded_subtitle_background }),
        animation: spec.subtitle_animation,
        highlight: highlight.transpose()?,
    })
}

fn font_notes(font: &FontChoice) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(stands_in) = &font.stands_in {
        notes.push(format!("font {stands_in}: {} stands in for it", font.family));
    }
    if !font.missing.is_empty() {
        let missing: Vec<String> = font.missing.iter().map(char::to_string).collect();
        notes.push(format!("font {} has no {}", font.family, missing.join(" ")));
    }
    notes
}

/// The request was checked: this fails for a job of an older version only.
fn colour(text: &str) -> Result<Colour, StageError> {
    text.parse().map_err(|error| StageError::permanent("spec_unreadable", error))
}

/// Words with their times, and where these are from.
struct Timed {
    words: Vec<TimedWord>,
    source: TimingSource,
    note: Option<String>,
}

/// The timing ladder: what the engine said, else what Whisper hears, aligned to the known text, else by
/// length of the words inside the parts where there is sound. Fixture weights hear nothing; and where
/// Whisper heard next to nothing of the text, that is the last step too.
async fn timed_words(
    parts: &Parts,
    spec: &JobSpec,
    script: &Script,
    narration: &Narration,
    folder: &JobFolder,
) -> Result<Timed, StageError> {
    if let Some(words) = &narration.words {
        return Ok(Timed { words: words.clone(), source: narration.timing, note: None });
    }
    let sound = folder.file(&narration.file);
    let mut note = None;
    if parts.trusts(WHISPER) {
        let heard = heard::words(parts, spec, &sound, folder).await?;
        let (text, duration_ms) = (script.text.clone(), narration.duration_ms);
        let aligned = aside(move || timing::align(&text, &heard, duration_ms)).await?;
        if aligned.heard_share >= parts.settings.subtitles.min_heard_share {
            let words = aligned.words;
            return Ok(Timed { words, source: TimingSource::Whisper, note: None });
        }
        note = Some(format!(
            "Whisper heard {:.0} % of the words: their times are guessed from their lengths",
            100.0 * aligned.heard_share
        ));
    }
    let voiced = media::voiced(&sound, narration.duration_ms).await;
    let voiced = voiced.map_err(|error| StageError::transient("media", error))?;
    let (text, duration_ms) = (script.text.clone(), narration.duration_ms);
    let words = aside(move || timing::proportional(&text, duration_ms, &voiced)).await?;
    Ok(Timed { words, source: TimingSource::Proportional, note })
}

/// Does what takes up to some seconds for a long text: not on a thread that serves others.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StageError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StageError::transient("panic", error))
}

#[cfg(test)]
mod tests {
    use protocol::{Background, SubtitleAnimation, SubtitlePosition};

    use super::*;
    use crate::captions::fonts::StandsIn;

    fn font() -> FontChoice {
        FontChoice {
            family: "Open Sans".to_owned(),
            weight: 700,
            missing: Vec::new(),
            stands_in: None,
            advances: Vec::new(),
            line_height: 1.2,
        }
    }

    /// Every field of a request that says how subtitles look, in the place where it has its effect.
    #[test]
    fn a_request_is_a_style() {
        let by_default = style(&JobSpec::default(), &font()).expect("valid");
        let white = Colour { red: 255, green: 255, blue: 255 };
        assert_eq!(
            by_default,
            Style {
                font: "Open Sans".to_owned(),
                weight: 700,
                font_size: 60.0,
                line_height: 1.2,
                colour: white,
                outline_colour: Colour { red: 0, green: 0, blue: 0 },
                outline: 1.5,
                place: Place { position: SubtitlePosition::Bottom, custom_percent: 70.0 },
                backdrop: None,
                animation: SubtitleAnimation::None,
                highlight: None,
            }
        );
        let spec = JobSpec {
            font_size: 72.0,
            text_fore_color: "#010203".to_owned(),
            stroke_color: "#040506".to_owned(),
            stroke_width: 2.5,
            subtitle_position: SubtitlePosition::Custom,
            custom_position: 33.0,
            text_background_color: Background::Colour("#070809".to_owned()),
            rounded_subtitle_background: true,
            subtitle_animation: SubtitleAnimation::PopSpring,
            enable_word_highlighting: true,
            word_highlight_color: "#0a0b0c".to_owned(),
            ..JobSpec::default()
        };
        assert_eq!(
            style(&spec, &font()).expect("valid"),
            Style {
                font_size: 72.0,
                colour: Colour { red: 1, green: 2, blue: 3 },
                outline_colour: Colour { red: 4, green: 5, blue: 6 },
                outline: 2.5,
                place: Place { position: SubtitlePosition::Custom, custom_percent: 33.0 },
                backdrop: Some(Backdrop {
                    colour: Colour { red: 7, green: 8, blue: 9 },
                    rounded: true,
                }),
                animation: SubtitleAnimation::PopSpring,
                highlight: Some(Colour { red: 10, green: 11, blue: 12 }),
                ..by_default
            }
        );
    }

    #[test]
    fn subtitles_are_drawn_unless_the_request_wants_none() {
        let subtitles = Subtitles {
            srt: SRT.to_owned(),
            vtt: VTT.to_owned(),
            ass: ASS.to_owned(),
            cues: Vec::new(),
            timing: TimingSource::Engine,
            font: "Open Sans".to_owned(),
            font_stands_in_for: None,
            notes: Vec::new(),
        };
        let drawn = |subtitle_enabled| {
            let spec = JobSpec { subtitle_enabled, ..JobSpec::default() };
            burn_in(&spec, &subtitles).map(|burn_in| burn_in.ass)
        };
        assert_eq!((drawn(true).as_deref(), drawn(false)), (Some(ASS), None));
    }

    #[track_caller]
    fn check_backdrop(background: Background, expected: Option<(u8, bool)>) {
        let spec = JobSpec { text_background_color: background, ..JobSpec::default() };
        let found = style(&spec, &font()).expect("valid").backdrop;
        let found = found.map(|backdrop| (backdrop.colour.red, backdrop.rounded));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_background_is_a_flag_or_a_colour() {
        check_backdrop(Background::Flag(false), None);
        check_backdrop(Background::Flag(true), Some((0, false)));
        check_backdrop(Background::Colour("#112233".to_owned()), Some((0x11, false)));
    }

    #[test]
    fn notes_say_what_is_not_as_it_was_asked_for() {
        assert_eq!(font_notes(&font()), [""; 0]);
        let asked = "STHeitiMedium.ttc".to_owned();
        let stands_in = Some(StandsIn::NotInstalled { asked });
        let other = FontChoice { stands_in, missing: vec!['🦑', '🐙'], ..font() };
        assert_eq!(
            font_notes(&other),
            [
                "font \"STHeitiMedium.ttc\" is not installed: Open Sans stands in for it",
                "font Open Sans has no 🦑 🐙",
            ]
        );
    }
}
