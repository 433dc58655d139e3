//! What the result of each stage follows from, as a key: a result is taken again only where its key is
//! the same. Pure.

use std::fmt;

use fetch::Digest;
use protocol::{JobSpec, ModelUse, Stage, VideoSource};
use serde::Serialize;
use serde_json::{Value, json};

use crate::artefacts::{Materials, Narration, Script, SearchTerms, Selection, Subtitles};
use crate::ml::{CLIP, MINILM, WHISPER};
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
const TERMS: &[&str] = &[
    "video_subject",
    "video_terms",
    "video_source",
    "match_materials_to_script",
    "stop_at",
    "seed",
];
const NARRATION: &[&str] = &["voice_name", "voice_rate", "video_language", "custom_audio_file"];
const MATERIALS: &[&str] = &[
    "video_source",
    "generation",
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
    "video_language",
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

/// The request, the settings and the models of a job: with the results of earlier stages they give the
/// keys.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What is asked for.
    pub spec: &'a JobSpec,
    /// What the operator decided.
    pub settings: &'a Settings,
    /// The models that may decide anything here.
    pub models: &'a [ModelUse],
}

impl Inputs<'_> {
    /// Of the script: a ready narration may be heard out.
    pub fn script(&self) -> Key {
        let llm = &self.settings.llm;
        let heard_by = self.spec.custom_audio_file.as_ref().and_then(|_| self.model(WHISPER));
        let asked = (&llm.base_url, &llm.model, llm.temperature);
        Key::of(Stage::Script, &(self.fields(SCRIPT), asked, heard_by))
    }

    /// Of the search terms.
    pub fn terms(&self, script: &Script) -> Key {
        let llm = &self.settings.llm;
        let asked = (&llm.base_url, &llm.model, llm.temperature);
        Key::of(Stage::Terms, &(self.fields(TERMS), script, asked))
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
        let settings = self.settings;
        let source = match self.spec.video_source {
            VideoSource::Pexels | VideoSource::Pixabay | VideoSource::Coverr => {
                format!("{:?} {:?}", settings.stock, settings.downloads)
            }
            VideoSource::Local => format!("{:?}", settings.local),
            VideoSource::Comfyui => format!("{:?}", settings.comfyui),
            VideoSource::Replicate => format!("{:?}", settings.replicate),
        };
        let pictures = format!("{:?}", settings.pictures);
        Key::of(Stage::Materials, &(self.fields(MATERIALS), script, terms, source, pictures))
    }

    /// Of the subtitles; `sound` is the digest of the narration's file, `font` what the letters are
    /// drawn with. Where the narration tells no times, Whisper listens if it may: a result without it
    /// is another one.
    pub fn subtitles(
        &self,
        script: &Script,
        narration: &Narration,
        sound: &str,
        font: &str,
    ) -> Key {
        let min_heard_share = self.settings.subtitles.min_heard_share;
        let listens = narration.words.is_none();
        let listener = listens.then(|| (self.model(WHISPER), min_heard_share));
        let spoken = (script, narration, sound);
        Key::of(Stage::Subtitles, &(self.fields(SUBTITLES), spoken, font, listener))
    }

    /// Of the choice of clips.
    pub fn selection(&self, script: &Script, narration: &Narration, materials: &Materials) -> Key {
        let similarity = format!("{:?}", self.settings.similarity);
        let models = [MINILM, CLIP].map(|name| self.model(name));
        let made = (script, narration, materials);
        Key::of(Stage::Selection, &(self.fields(SELECTION), made, similarity, models))
    }

    /// Of the videos.
    pub fn render(
        &self,
        narration: &Narration,
        selection: &Selection,
        materials: &Materials,
        subtitles: &Subtitles,
    ) -> Key {
        let settings = format!("{:?} {:?}", self.settings.render, self.settings.music);
        let made = (narration, selection, materials, subtitles);
        Key::of(Stage::Render, &(self.fields(RENDER), made, settings))
    }

    /// Of what is published.
    pub fn publish(&self, files: &[String]) -> Key {
        Key::of(Stage::Publish, &(files, &self.settings.publish.url))
    }

    /// The weights of the model `name`. None: it decides nothing.
    fn model(&self, name: &str) -> Option<&str> {
        self.models.iter().find(|model| model.name == name).map(|model| model.sha256.as_str())
    }

    fn fields(&self, names: &[&str]) -> Value {
        let all = serde_json::to_value(self.spec).unwrap_or_default();
        names.iter().map(|name| all.get(name).cloned().unwrap_or_default()).collect()
    }
}

#[cfg(test)]
mod tests;
