//! What the result of each stage follows from, as a key: a result is taken again only where its key is
//! the same. Pure.

use std::fmt;

use fetch::Digest;
use protocol::{JobSpec, Stage};
use serde::Serialize;
use serde_json::{Value, json};

use crate::artefacts::{Materials, Narration, Script, SearchTerms, Selection, Subtitles};
use crate::settings::Settings;

/// Raised whenever a stage makes something else of the same inputs.
const FORMAT: u32 = 1;

/// Names everything that a result follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    fn of(stage: Stage, inputs: &impl Serialize) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let document = json!([FORMAT, version, stage, inputs]);
        Self(Digest::of(document.to_string().as_bytes()).to_string())
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

const SCRIPT: &[&str] = &[
    "video_subject",
    "video_script",
    "video_script_prompt",
    "custom_system_prompt",
    "video_language",
    "paragraph_number",
    "custom_audio_file",
    "seed",
];
const TERMS: &[&str] =
    &["video_subject", "video_terms", "match_materials_to_script", "social_platforms", "seed"];
const NARRATION: &[&str] = &["voice_name", "voice_rate", "video_language", "custom_audio_file"];
const MATERIALS: &[&str] = &[
    "video_source",
    "video_materials",
    "video_aspect",
    "video_size",
    "video_clip_duration",
    "video_clip_speed",
    "video_count",
    "match_materials_to_script",
    "voice_rate",
    "seed",
];
const SUBTITLES: &[&str] = &[
    "subtitle_enabled",
    "subtitle_position",
    "custom_position",
    "font_name",
    "font_size",
    "text_fore_color",
    "text_background_color",
    "rounded_subtitle_background",
    "stroke_color",
    "stroke_width",
    "subtitle_animation",
    "enable_word_highlighting",
    "word_highlight_color",
    "video_aspect",
    "video_size",
    "video_language",
];
const SELECTION: &[&str] = &[
    "video_concat_mode",
    "match_materials_to_script",
    "video_clip_duration",
    "video_clip_speed",
    "video_count",
    "video_transition_mode",
    "seed",
];
const RENDER: &[&str] = &[
    "video_aspect",
    "video_size",
    "video_fit_mode",
    "video_transition_mode",
    "video_clip_speed",
    "video_clip_concurrency",
    "video_count",
    "voice_volume",
    "bgm_type",
    "bgm_file",
    "bgm_volume",
    "bgm_ducking",
    "video_music_prompt",
    "sonilo_bgm_prompt",
    "subtitle_enabled",
    "n_threads",
    "seed",
];

/// The request and the settings of a job: with the results of earlier stages they give the keys.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What is asked for.
    pub spec: &'a JobSpec,
    /// What the operator decided.
    pub settings: &'a Settings,
}

impl Inputs<'_> {
    /// Of the script.
    pub fn script(&self) -> Key {
        let llm = &self.settings.llm;
        Key::of(Stage::Script, &(self.fields(SCRIPT), &llm.base_url, &llm.model))
    }

    /// Of the search terms.
    pub fn terms(&self, script: &Script) -> Key {
        let llm = &self.settings.llm;
        Key::of(Stage::Terms, &(self.fields(TERMS), script, &llm.base_url, &llm.model))
    }

    /// Of the narration: of nothing that is one job's alone.
    pub fn narration(&self, script: &Script) -> Key {
        let speech = &self.settings.speech;
        Key::of(
            Stage::Narration,
            &(self.fields(NARRATION), script, &speech.base_url, &speech.model),
        )
    }

    /// Of the clips.
    pub fn materials(&self, script: &Script, terms: &SearchTerms) -> Key {
        Key::of(Stage::Materials, &(self.fields(MATERIALS), script, terms))
    }

    /// Of the subtitles; `sound` is the digest of the narration's file.
    pub fn subtitles(&self, script: &Script, narration: &Narration, sound: &str) -> Key {
        Key::of(Stage::Subtitles, &(self.fields(SUBTITLES), script, narration, sound))
    }

    /// Of the choice of clips.
    pub fn selection(&self, script: &Script, narration: &Narration, materials: &Materials) -> Key {
        Key::of(Stage::Selection, &(self.fields(SELECTION), script, narration, materials))
    }

    /// Of the videos.
    pub fn render(
        &self,
        narration: &Narration,
        selection: &Selection,
        materials: &Materials,
        subtitles: &Subtitles,
    ) -> Key {
        let settings = format!("{:?}", self.settings.render);
        let made = (narration, selection, materials, subtitles);
        Key::of(Stage::Render, &(self.fields(RENDER), made, settings))
    }

    /// Of what is published.
    pub fn publish(&self, files: &[String]) -> Key {
        Key::of(Stage::Publish, &(files, &self.settings.publish.url))
    }

    fn fields(&self, names: &[&str]) -> Value {
        let all = serde_json::to_value(self.spec).unwrap_or_default();
        names.iter().map(|name| all.get(name).cloned().unwrap_or_default()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What nothing that is made follows from.
    const OF_NO_STAGE: [&str; 2] = ["stop_at", "priority"];

    #[test]
    fn every_field_of_a_job_is_an_input_of_a_stage() {
        let stages = [SCRIPT, TERMS, NARRATION, MATERIALS, SUBTITLES, SELECTION, RENDER];
        let mut named: Vec<&str> = stages.concat();
        named.extend(OF_NO_STAGE);
        named.sort_unstable();
        named.dedup();
        let spec = serde_json::to_value(JobSpec::default()).expect("a spec is a document");
        let mut fields: Vec<&String> = spec.as_object().expect("an object").keys().collect();
        fields.sort();
        assert_eq!(named, fields);
    }

    #[test]
    fn a_key_changes_with_what_the_result_follows_from_and_with_nothing_else() {
        let settings = Settings::default();
        let script = Script { text: "The sea.".to_owned() };
        let key = |change: &dyn Fn(&mut JobSpec)| {
            let mut spec = JobSpec { video_subject: "sea".to_owned(), ..JobSpec::default() };
            change(&mut spec);
            Inputs { spec: &spec, settings: &settings }.narration(&script)
        };
        let same = key(&|_| ());
        assert_eq!(key(&|spec| spec.seed = 1), same);
        assert_eq!(key(&|spec| spec.font_size = 20.0), same);
        assert_ne!(key(&|spec| spec.voice_rate = 1.5), same);
        assert_ne!(key(&|spec| spec.voice_name = "espeak:vi".to_owned()), same);
        assert_eq!(same.as_str().len(), 64);

        let spec = JobSpec::default();
        let inputs = Inputs { spec: &spec, settings: &settings };
        let other = Script { text: "The night.".to_owned() };
        assert_ne!(inputs.narration(&other), inputs.narration(&script));
        assert_ne!(inputs.terms(&script), inputs.script());
        let mut model = Settings::default();
        model.llm.model = "another".to_owned();
        assert_ne!(Inputs { spec: &spec, settings: &model }.script(), inputs.script());
    }
}
