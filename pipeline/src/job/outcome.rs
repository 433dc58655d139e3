//! From what the stages made to what the client is told.

use protocol::{ClipUse, ModelUse, NarrationInfo, Outcome, SubtitleInfo, TimingSource};

use crate::artefacts::{
    Materials, Narration, Published, Rendered, Script, SearchTerms, Selection, Shot, Subtitles,
};
use crate::ml::{MINILM, WHISPER};

/// The results of the stages that ran.
#[derive(Clone, Debug)]
pub struct Made {
    pub script: Script,
    pub terms: Option<SearchTerms>,
    pub materials: Option<Materials>,
    pub narration: Option<Narration>,
    pub subtitles: Option<Subtitles>,
    pub selection: Option<Selection>,
    pub rendered: Option<Rendered>,
    pub published: Option<Published>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            script: Script { text: String::new() },
            terms: None,
            materials: None,
            narration: None,
            subtitles: None,
            selection: None,
            rendered: None,
            published: None,
        }
    }
}

impl Made {
    /// Names of the files in the job folder that a user wants.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        files.extend(self.rendered.iter().map(|rendered| rendered.video.file.clone()));
        files.extend(self.subtitles.iter().map(|subtitles| subtitles.srt.clone()));
        files
    }

    /// What the client is told. `models` are those that are there; only those that had a part in it
    /// are named.
    pub fn outcome(self, mut models: Vec<ModelUse>) -> Outcome {
        models.retain(|model| self.has_used(&model.name));
        let materials = self.materials.as_ref();
        let shots = self.selection.as_ref().map_or(&[][..], |selection| &selection.shots);
        Outcome {
            clips: materials.map(|materials| clip_uses(materials, shots)).unwrap_or_default(),
            clips_available: materials.map_or(0, |materials| materials.clips.len()),
            rejected: self.materials.map(|materials| materials.rejected).unwrap_or_default(),
            script: Some(self.script.text),
            terms: self.terms.map(|terms| terms.terms).unwrap_or_default(),
            narration: self.narration.map(|narration| NarrationInfo {
                file: narration.file,
                duration_ms: narration.duration_ms,
                engine: narration.engine,
            }),
            subtitles: self.subtitles.map(|subtitles| SubtitleInfo {
                srt: subtitles.srt,
                ass: subtitles.ass,
                cues: subtitles.cues.len(),
                timing: subtitles.timing,
                font: subtitles.font,
            }),
            video: self.rendered.map(|rendered| rendered.video),
            published: self.published.map(|published| published.urls).unwrap_or_default(),
            models,
        }
    }
}

impl Made {
    fn has_used(&self, model: &str) -> bool {
        let chose = self.selection.iter().flat_map(|selection| &selection.shots);
        let heard = self.subtitles.as_ref().map(|subtitles| subtitles.timing);
        match model {
            MINILM => chose.into_iter().any(|shot| shot.score.is_some()),
            WHISPER => heard == Some(TimingSource::Whisper),
            _ => false,
        }
    }
}

fn clip_uses(materials: &Materials, shots: &[Shot]) -> Vec<ClipUse> {
    let mut start_ms = 0;
    let mut uses = Vec::with_capacity(shots.len());
    for shot in shots {
        let Some(clip) = materials.clips.get(shot.clip) else { continue };
        uses.push(ClipUse {
            id: clip.id.clone(),
            sha256: clip.sha256.clone(),
            page_url: clip.page_url.clone(),
            creator: clip.creator.clone(),
            licence: clip.licence.clone(),
            start_ms,
            duration_ms: shot.duration_ms,
            score: shot.score,
        });
        start_ms += shot.duration_ms;
    }
    uses
}
