//! What values the fields of a job can have.

use protocol::{BgmType, FieldError, JobSpec, VideoSource};

use crate::providers::stock::MAX_TERM_CHARS;
use crate::speech::voice_for;

/// Longest script, in characters. Ten minutes of speech are about 10,000.
pub const MAX_SCRIPT_CHARS: usize = 50_000;
const MAX_SUBJECT_CHARS: usize = 1_000;
const MAX_WISH_CHARS: usize = 2_000;
const MAX_SYSTEM_CHARS: usize = 8_000;
const MAX_MATERIALS: usize = 200;
const MAX_TERMS: usize = 50;
const MAX_SIDE: u32 = 4096;
/// Longest part of a wrong value that is told back.
const MAX_ECHO_CHARS: usize = 80;

/// Every field whose value is beyond its range, or does not go with the others.
pub(super) fn out_of_range(spec: &JobSpec) -> Vec<FieldError> {
    let mut errors = Errors::default();
    text(spec, &mut errors);
    picture(spec, &mut errors);
    sound(spec, &mut errors);
    subtitles(spec, &mut errors);
    errors.0
}

fn text(spec: &JobSpec, errors: &mut Errors) {
    let has_subject = !spec.video_subject.trim().is_empty();
    let has_script = !spec.video_script.trim().is_empty();
    errors.check("video_subject", &spec.video_subject, has_subject || has_script, || {
        "not empty, or a video_script".to_owned()
    });
    for (field, text, most) in [
        ("video_subject", &spec.video_subject, MAX_SUBJECT_CHARS),
        ("video_script", &spec.video_script, MAX_SCRIPT_CHARS),
        ("video_script_prompt", &spec.video_script_prompt, MAX_WISH_CHARS),
        ("custom_system_prompt", &spec.custom_system_prompt, MAX_SYSTEM_CHARS),
    ] {
        errors.longest(field, text, most);
        // It ends a text for speech engines and databases, and can be seen nowhere.
        errors.check(field, text, !text.contains('\0'), || "a text without U+0000".to_owned());
    }
    if has_script {
        let speakable = spec.video_script.chars().any(char::is_alphanumeric);
        errors.check("video_script", &spec.video_script, speakable, || {
            "at least one letter or digit".to_owned()
        });
    }
    if let Some(terms) = &spec.video_terms {
        let terms = terms.to_vec();
        let shown = terms.join(", ");
        let is_short = terms.iter().all(|term| term.chars().count() <= MAX_TERM_CHARS);
        let right = is_short && (1..=MAX_TERMS).contains(&terms.len());
        errors.check("video_terms", &shown, right, || {
            format!("1 to {MAX_TERMS} terms of 1 to {MAX_TERM_CHARS} characters")
        });
    }
    errors.range("paragraph_number", f64::from(spec.paragraph_number), 1.0, 10.0);
}

fn picture(spec: &JobSpec, errors: &mut Errors) {
    let size = spec.size();
    let even = size.width.is_multiple_of(2) && size.height.is_multiple_of(2);
    let sides = [size.width, size.height];
    let in_range = sides.iter().all(|side| (128..=MAX_SIDE).contains(side));
    errors.check("video_size", &size.to_string(), even && in_range, || {
        format!("even sides from 128 to {MAX_SIDE}")
    });
    errors.range("video_clip_duration", spec.video_clip_duration, 1.0, 60.0);
    errors.range("video_clip_speed", spec.video_clip_speed, 0.5, 2.0);
    errors.range("video_clip_concurrency", f64::from(spec.video_clip_concurrency), 1.0, 8.0);
    errors.range("video_count", f64::from(spec.video_count), 1.0, 10.0);
    errors.range("n_threads", f64::from(spec.n_threads), 1.0, 64.0);
    let materials = spec.video_materials.as_deref().unwrap_or_default();
    if spec.video_source == VideoSource::Local {
        let right = (1..=MAX_MATERIALS).contains(&materials.len());
        errors.check("video_materials", &materials.len().to_string(), right, || {
            format!("1 to {MAX_MATERIALS} files, because video_source is local")
        });
    }
    for material in materials {
        let right = matches!(material.provider.as_str(), "" | "local");
        errors.check("video_materials", &material.provider, right, || {
            "the provider local, or none".to_owned()
        });
        errors.check("video_materials", &material.url, !material.url.trim().is_empty(), || {
            "the name of a file in the folder of local materials".to_owned()
        });
    }
}

fn sound(spec: &JobSpec, errors: &mut Errors) {
    errors.range("voice_rate", spec.voice_rate, 0.5, 2.0);
    errors.range("voice_volume", spec.voice_volume, 0.0, 2.0);
    errors.range("bgm_volume", spec.bgm_volume, 0.0, 1.0);
    let voice = voice_for(&spec.voice_name, &spec.video_language, &spec.video_script);
    errors.check("voice_name", &spec.voice_name, voice.is_ok(), || {
        "empty, no-voice, espeak:<voice> or openai:<voice>".to_owned()
    });
    let named = spec.bgm_type != BgmType::Custom || is_file_name(&spec.bgm_file);
    errors.check("bgm_file", &spec.bgm_file, named, || {
        "the name of a file in the music folder, without a path".to_owned()
    });
    for (field, prompt) in [
        ("video_music_prompt", &spec.video_music_prompt),
        ("sonilo_bgm_prompt", &spec.sonilo_bgm_prompt),
    ] {
        errors.check(field, prompt, prompt.is_empty(), || {
            "nothing: no music generator is supported".to_owned()
        });
    }
}

fn subtitles(spec: &JobSpec, errors: &mut Errors) {
    errors.range("custom_position", spec.custom_position, 0.0, 100.0);
    errors.range("font_size", spec.font_size, 8.0, 300.0);
    errors.range("stroke_width", spec.stroke_width, 0.0, 20.0);
    let background = spec.text_background_color.colour().unwrap_or("#000000");
    for (field, colour) in [
        ("text_fore_color", spec.text_fore_color.as_str()),
        ("text_background_color", background),
        ("stroke_color", &spec.stroke_color),
        ("word_highlight_color", &spec.word_highlight_color),
    ] {
        errors.check(field, colour, is_colour(colour), || "a colour as #RRGGBB".to_owned());
    }
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_file_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\', '\0'])
}

#[derive(Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn check(&mut self, field: &str, value: &str, right: bool, expected: impl FnOnce() -> String) {
        if !right {
            let (field, value) = (field.to_owned(), echo(value));
            self.0.push(FieldError { field, value, expected: expected() });
        }
    }

    fn range(&mut self, field: &str, value: f64, least: f64, most: f64) {
        let right = (least..=most).contains(&value);
        self.check(field, &value.to_string(), right, || format!("{least} to {most}"));
    }

    fn longest(&mut self, field: &str, value: &str, most: usize) {
        let n_chars = value.chars().count();
        let shown = format!("{n_chars} characters");
        self.check(field, &shown, n_chars <= most, || format!("at most {most} characters"));
    }
}

/// A wrong value as it is told back: short enough to read.
pub(super) fn echo(value: &str) -> String {
    match value.char_indices().nth(MAX_ECHO_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}
