//! From what the stages made to what the client is told.

use protocol::{ClipUse, ModelUse, NarrationInfo, Outcome, SocialPost, SubtitleInfo, TimingSource};

use crate::artefacts::{
    Materials, Narration, Published, Rendered, Script, SearchTerms, Selection, Shot, Subtitles,
};
use crate::ml::{CLIP, MINILM, WHISPER};

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
    pub social: Vec<SocialPost>,
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
            social: Vec::new(),
        }
    }
}

impl Made {
    /// Names of the files in the job folder that a user wants.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        if let Some(rendered) = &self.rendered {
            files.extend(rendered.videos().map(|video| video.file.clone()));
            files.extend(rendered.cover.clone());
        }
        if let Some(Subtitles { srt, vtt, ass, .. }) = &self.subtitles {
            files.extend([srt.clone(), vtt.clone(), ass.clone()]);
        }
        files
    }

    /// The same, and what is given out beside them.
    pub fn given_out(&self) -> Vec<String> {
        let mut files = self.files();
        files.extend(self.narration.as_ref().map(|narration| narration.file.clone()));
        files
    }

    /// What the client is told. `models` are those that are there; only those that had a part in it
    /// are named.
    pub fn outcome(self, mut models: Vec<ModelUse>) -> Outcome {
        models.retain(|model| self.has_used(&model.name));
        let materials = self.materials.as_ref();
        let videos = self.rendered.iter().flat_map(Rendered::videos).cloned().collect();
        let cover = self.rendered.as_ref().and_then(|rendered| rendered.cover.clone());
        let told = materials.map(|materials| &materials.warnings);
        let told = told.into_iter().chain(self.rendered.as_ref().map(|made| &made.warnings));
        let warnings = told.flatten().cloned().collect();
        let shots =
            self.selection.iter().flat_map(|made| std::iter::once(&made.shots).chain(&made.more));
        let mut uses = shots.map(|shots| materials.map(|clips| clip_uses(clips, shots)));
        Outcome {
            clips: uses.next().flatten().unwrap_or_default(),
            more_clips: uses.flatten().collect(),
            selection: self.selection.as_ref().and_then(|selection| selection.info.clone()),
            clips_available: materials.map_or(0, |materials| materials.clips.len()),
            downloads: materials.map(|materials| materials.downloads).unwrap_or_default(),
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
                vtt: subtitles.vtt,
                ass: subtitles.ass,
                cues: subtitles.cues.len(),
                timing: subtitles.timing,
                font: subtitles.font,
                font_stands_in_for: subtitles.font_stands_in_for,
                notes: subtitles.notes,
            }),
            video: self.rendered.map(|rendered| rendered.video),
            videos,
            cover,
            warnings,
            published: self.published.map(|published| published.urls).unwrap_or_default(),
            social: self.social,
            models,
            elsewhere_us: 0,
        }
    }
}

impl Made {
    fn has_used(&self, model: &str) -> bool {
        let chose = self
            .selection
            .iter()
            .flat_map(|selection| selection.shots.iter().chain(selection.more.iter().flatten()));
        let heard = self.subtitles.as_ref().map(|subtitles| subtitles.timing);
        match model {
            CLIP => self
                .selection
                .as_ref()
                .and_then(|selection| selection.info.as_ref())
                .is_some_and(|info| info.pictures),
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

#[cfg(test)]
mod tests {
    use protocol::VideoInfo;

    use super::*;

    #[test]
    fn every_video_and_the_cover_are_told_of() {
        let video = |file: &str| VideoInfo {
            file: file.to_owned(),
            url: String::new(),
            bytes: 1,
            width: 2,
            height: 2,
            fps: 30.0,
            duration_ms: 1,
            encoder: String::new(),
        };
        let rendered = Rendered {
            video: video("video.mp4"),
            more: vec![video("video-2.mp4")],
            cover: Some("cover.jpg".to_owned()),
            warnings: vec!["no music".to_owned()],
        };
        let materials = Materials {
            clips: Vec::new(),
            rejected: Vec::new(),
            downloads: protocol::Downloads::default(),
            warnings: vec!["no clips for \"sea\"".to_owned()],
        };
        let made = Made { rendered: Some(rendered), materials: Some(materials), ..Made::default() };
        assert_eq!(made.files(), ["video.mp4", "video-2.mp4", "cover.jpg"]);
        let outcome = made.outcome(Vec::new());
        let files: Vec<&str> = outcome.videos.iter().map(|video| video.file.as_str()).collect();
        assert_eq!(files, ["video.mp4", "video-2.mp4"]);
        assert_eq!(outcome.video.as_ref(), outcome.videos.first());
        assert_eq!(outcome.cover.as_deref(), Some("cover.jpg"));
        assert_eq!(outcome.warnings, ["no clips for \"sea\"", "no music"]);
    }
}
