//! A job on the command line: one flag for each field of [`JobSpec`], in MoneyPrinterTurbo's spelling.
//!
//! Flags become the same document that HTTP brings, and are read by the same code: a wrong value is
//! refused with the same words.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use protocol::JobSpec;
use serde_json::{Map, Value, json};

/// Each field with what its flag takes, and what it is for.
const FLAGS: &[(&str, Takes, &str)] = &[
    ("video_subject", Takes::Text, "What the video is about"),
    ("video_script", Takes::Text, "The narration; without it one is asked of the language model"),
    ("video_script_prompt", Takes::Text, "Further wishes for the script"),
    (
        "custom_system_prompt",
        Takes::Text,
        "Role and rules for the language model, in place of ours",
    ),
    ("video_terms", Takes::Text, "Search terms, separated by commas"),
    ("video_aspect", Takes::Text, "9:16, 16:9 or 1:1"),
    ("video_size", Takes::Text, "Exact size in place of the aspect's, such as 540x960"),
    ("video_fit_mode", Takes::Text, "cover (cut off what is too much) or contain (black bars)"),
    ("video_concat_mode", Takes::Text, "random, sequential or semantic"),
    (
        "video_transition_mode",
        Takes::Text,
        "none, shuffle, fade-in, fade-out, slide-in, slide-out, zoom-in, zoom-out or cross-fade",
    ),
    ("video_clip_duration", Takes::Number, "Longest time of one clip, seconds (1 to 60)"),
    ("video_clip_speed", Takes::Number, "Speed of the clips (0.5 to 2)"),
    (
        "video_clip_concurrency",
        Takes::Number,
        "Clips encoded at once in concat-copy and per-clip (1 to 8)",
    ),
    ("match_materials_to_script", Takes::Flag, "Clips in the order of the script"),
    ("video_count", Takes::Number, "Videos of the same narration (1 to 10)"),
    ("video_source", Takes::Text, "pexels, pixabay, coverr, local, comfyui or replicate"),
    ("generation", Takes::Text, "light, heavy or comic: what comfyui and replicate make"),
    (
        "video_materials",
        Takes::Files,
        "Local files, separated by commas, with --video-source local",
    ),
    ("custom_audio_file", Takes::Text, "A ready narration: nothing is spoken"),
    (
        "video_language",
        Takes::Text,
        "Language of the script, such as vi; told from the text without it",
    ),
    ("paragraph_number", Takes::Number, "Paragraphs of the script (1 to 10)"),
    ("voice_name", Takes::Text, "espeak:<voice>, openai:<voice> or no-voice"),
    ("voice_rate", Takes::Number, "Speed of the speech (0.5 to 2)"),
    ("voice_volume", Takes::Number, "Gain of the speech (0 to 2)"),
    ("bgm_type", Takes::Text, "random, custom or none"),
    ("bgm_file", Takes::Text, "Track in the music folder, with --bgm-type custom"),
    ("bgm_volume", Takes::Number, "Gain of the music (0 to 1)"),
    ("bgm_ducking", Takes::Flag, "The music steps back while somebody speaks"),
    ("video_music_prompt", Takes::Text, "Refused: no music generator is supported"),
    ("sonilo_bgm_prompt", Takes::Text, "Refused: no music generator is supported"),
    ("subtitle_enabled", Takes::Flag, "Subtitles in the picture"),
    ("subtitle_position", Takes::Text, "top, center, two_thirds, bottom or custom"),
    (
        "custom_position",
        Takes::Number,
        "Free height above the subtitles, percent, with position custom",
    ),
    ("font_name", Takes::Text, "Font family of the subtitles"),
    ("font_size", Takes::Number, "Height of the font at 1080 pixels across (8 to 300)"),
    ("text_fore_color", Takes::Text, "Colour of the letters, #RRGGBB"),
    ("text_background_color", Takes::FlagOrText, "Box behind the letters: true, false or #RRGGBB"),
    (
        "rounded_subtitle_background",
        Takes::Flag,
        "That box is rounded and lets the picture through",
    ),
    ("stroke_color", Takes::Text, "Colour of the outline, #RRGGBB"),
    ("stroke_width", Takes::Number, "Width of the outline at 1080 pixels across (0 to 20)"),
    ("subtitle_animation", Takes::Text, "none or pop_spring"),
    ("enable_word_highlighting", Takes::Flag, "The spoken word is drawn in another colour"),
    ("word_highlight_color", Takes::Text, "That colour, #RRGGBB"),
    ("n_threads", Takes::Number, "Threads of the encoder (1 to 64)"),
    (
        "social_platforms",
        Takes::Words,
        "Title, caption and hashtags for tiktok, youtube_shorts, instagram_reels, facebook_reels",
    ),
    (
        "stop_at",
        Takes::Text,
        "Last stage: script, terms, audio, subtitle, materials, video, or ours",
    ),
    ("priority", Takes::Text, "LOW, NORMAL, HIGH or URGENT, among waiting jobs"),
    ("seed", Takes::Number, "Seed of everything that is chosen by chance"),
];

/// Flags that MoneyPrinterTurbo's command line has under another name.
const ALIASES: [(&str, &str); 2] = [
    ("text_background_color", "subtitle-background-color"),
    ("rounded_subtitle_background", "rounded-background"),
];

/// What stands after a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Text,
    Number,
    /// `--x`, `--x true`, `--x=false` and `--no-x`.
    Flag,
    FlagOrText,
    /// Words separated by commas.
    Words,
    /// Paths separated by commas.
    Files,
}

/// The fields of a job that were given as flags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobFlags {
    fields: Map<String, Value>,
}

impl JobFlags {
    /// Whether no field was given.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The given fields over those of `document`, which is JSON; no document is an empty one.
    ///
    /// # Errors
    ///
    /// The document is no JSON object.
    pub fn over(&self, document: Option<&[u8]>) -> serde_json::Result<Vec<u8>> {
        let mut fields: Map<String, Value> =
            document.map(serde_json::from_slice).transpose()?.unwrap_or_default();
        fields.extend(self.fields.clone());
        serde_json::to_vec(&fields)
    }
}

impl Args for JobFlags {
    fn augment_args(command: Command) -> Command {
        let defaults = serde_json::to_value(JobSpec::default()).unwrap_or_default();
        FLAGS.iter().fold(command, |command, &(field, takes, help)| {
            let mut flag = Arg::new(field)
                .long(kebab(field))
                .help(with_default(help, &defaults[field]))
                .help_heading("The job, field by field (over the document)")
                .value_name(value_name(takes))
                .action(ArgAction::Set)
                .allow_hyphen_values(takes == Takes::Number);
            if let Some((_, alias)) = ALIASES.iter().find(|(name, _)| *name == field) {
                flag = flag.visible_alias(*alias);
            }
            if matches!(takes, Takes::Flag | Takes::FlagOrText) {
                flag = flag.num_args(0..=1).default_missing_value("true");
            }
            let command = command.arg(flag);
            if takes == Takes::Flag {
                let no = Arg::new(format!("no_{field}")).long(format!("no-{}", kebab(field)));
                command.arg(no.action(ArgAction::SetTrue).hide(true).conflicts_with(field))
            } else {
                command
            }
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for JobFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut fields = Map::new();
        for &(field, takes, _) in FLAGS {
            if let Some(text) = matches.get_one::<String>(field) {
                fields.insert(field.to_owned(), value(takes, text));
            }
            if takes == Takes::Flag && matches.get_flag(&format!("no_{field}")) {
                fields.insert(field.to_owned(), json!(false));
            }
        }
        Ok(Self { fields })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.fields.extend(Self::from_arg_matches(matches)?.fields);
        Ok(())
    }
}

/// The JSON of what stands after a flag. What is no number stays text: the field's own error tells it.
fn value(takes: Takes, text: &str) -> Value {
    let words = || text.split(',').map(str::trim).filter(|word| !word.is_empty());
    match takes {
        Takes::Text => json!(text),
        Takes::Number | Takes::Flag | Takes::FlagOrText => {
            let read = serde_json::from_str(text).ok();
            read.filter(|value: &Value| value.is_number() || value.is_boolean())
                .unwrap_or_else(|| json!(text))
        }
        Takes::Words => words().map(Value::from).collect(),
        Takes::Files => words().map(|path| json!({"provider": "local", "url": path})).collect(),
    }
}

/// What a field is for, and what it is where nobody says.
fn with_default(help: &str, default: &Value) -> String {
    match default {
        Value::Bool(_) | Value::Number(_) => format!("{help} [default: {default}]"),
        Value::String(text) if !text.is_empty() => format!("{help} [default: {text}]"),
        _ => help.to_owned(), // nothing, or a list of nothing
    }
}

fn kebab(field: &str) -> String {
    field.replace('_', "-")
}

const fn value_name(takes: Takes) -> &'static str {
    match takes {
        Takes::Text => "TEXT",
        Takes::Number => "NUMBER",
        Takes::Flag => "true|false",
        Takes::FlagOrText => "true|false|COLOUR",
        Takes::Words => "A,B",
        Takes::Files => "FILES",
    }
}

/// A job of the command line names files as the shell does: absolute, or from the working directory.
///
/// # Errors
///
/// The working directory is not known.
pub fn absolute_files(spec: &mut JobSpec) -> std::io::Result<()> {
    let absolute = |name: &mut String| -> std::io::Result<()> {
        *name = std::path::absolute(&*name)?.to_string_lossy().into_owned();
        Ok(())
    };
    for material in spec.video_materials.iter_mut().flatten() {
        absolute(&mut material.url)?;
    }
    spec.custom_audio_file.iter_mut().try_for_each(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(args: &[&str]) -> Result<JobFlags, String> {
        let command = JobFlags::augment_args(Command::new("make").no_binary_name(true));
        let matches = command.try_get_matches_from(args).map_err(|error| error.to_string())?;
        JobFlags::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(args: &[&str], expected: &Value) {
        let found = flags(args).expect("flags");
        assert_eq!(&Value::Object(found.fields), expected, "{args:?}");
    }

    #[test]
    fn every_field_has_a_flag_and_every_flag_a_field() {
        let fields = serde_json::to_value(JobSpec::default()).expect("a spec is a document");
        let mut fields: Vec<&String> = fields.as_object().expect("an object").keys().collect();
        let mut flags: Vec<&str> = FLAGS.iter().map(|(field, ..)| *field).collect();
        fields.sort();
        flags.sort_unstable();
        assert_eq!(flags, fields);
    }

    #[test]
    fn flags_become_the_document_that_http_brings() {
        check(&[], &json!({}));
        check(
            &[
                "--video-subject",
                "Biển đêm",
                "--video-clip-duration=3",
                "--video-terms",
                "sea, sky",
            ],
            &json!({"video_subject": "Biển đêm", "video_clip_duration": 3, "video_terms": "sea, sky"}),
        );
        check(&["--no-subtitle-enabled"], &json!({"subtitle_enabled": false}));
        check(&["--subtitle-enabled", "false"], &json!({"subtitle_enabled": false}));
        check(&["--bgm-ducking", "--seed", "7"], &json!({"bgm_ducking": true, "seed": 7}));
        check(
            &["--subtitle-background-color", "#112233"],
            &json!({"text_background_color": "#112233"}),
        );
        check(&["--text-background-color"], &json!({"text_background_color": true}));
        check(&["--social-platforms", "tiktok,"], &json!({"social_platforms": ["tiktok"]}));
        check(
            &["--video-materials", "a.mp4,b c.png"],
            &json!({"video_materials": [
                {"provider": "local", "url": "a.mp4"}, {"provider": "local", "url": "b c.png"}
            ]}),
        );
        // Refused where every document is read, with the words that every client gets.
        check(&["--n-threads", "two"], &json!({"n_threads": "two"}));
        check(&["--custom-position", "-1"], &json!({"custom_position": -1}));
        let unknown = flags(&["--video-subjekt", "sea"]).expect_err("no such flag");
        assert!(unknown.contains("--video-subject"), "{unknown}");
    }

    #[test]
    fn the_help_says_what_is_taken_where_nobody_says() {
        for (default, expected) in [
            (json!("9:16"), "Shape [default: 9:16]"),
            (json!(1.5), "Shape [default: 1.5]"),
            (json!(false), "Shape [default: false]"),
            (json!(""), "Shape"),
            (json!(null), "Shape"),
        ] {
            assert_eq!(with_default("Shape", &default), expected);
        }
        let help = JobFlags::augment_args(Command::new("make")).render_long_help().to_string();
        assert!(help.contains("9:16, 16:9 or 1:1 [default: 9:16]"), "{help}");
    }

    #[test]
    fn flags_go_before_the_document() {
        let flags = flags(&["--seed", "2"]).expect("flags");
        let over = flags.over(Some(br#"{"seed": 1, "video_subject": "sea"}"#)).expect("an object");
        let over: Value = serde_json::from_slice(&over).expect("JSON");
        assert_eq!(over, json!({"seed": 2, "video_subject": "sea"}));
        assert_eq!(flags.over(None).expect("nothing below"), br#"{"seed":2}"#);
        assert!(flags.over(Some(b"[]")).is_err());
    }
}
