//! `selection`: which clip is shown when.

use protocol::{ConcatMode, JobSpec, SelectionInfo};

use crate::artefacts::{Clip, ClipKind, Materials, Narration, Script, Selection};
use crate::error::StageError;
use crate::ml::{CLIP, Footage, MINILM};
use crate::parts::Parts;
use crate::selection::{
    ClipFacts, Fit, Likeness, Order, Reel, Segment, Slot, plan_shots, segments, videos,
};
use crate::settings::Similarity;
use crate::speech::spoken_language;

/// MiniLM was trained on English alone: what it says of another language is noise.
const MINILM_LANGUAGE: &str = "en";

/// Runs the stage: by chance, in the order of the terms (which is the script's), or by likeness of what
/// is said to what is seen. Likeness needs trained weights that know the language; without them the
/// clips follow in the order of their terms, and the result says why.
///
/// # Errors
///
/// `embedding_failed`.
pub async fn run(
    parts: &Parts,
    spec: &JobSpec,
    script: &Script,
    narration: &Narration,
    materials: &Materials,
) -> Result<Selection, StageError> {
    let segments = segments(narration.words.as_deref(), &script.text, narration.duration_ms);
    let slots = plan_shots(narration.duration_ms, spec.longest_shot_ms(), &segments);
    let clips: Vec<ClipFacts> =
        materials.clips.iter().map(|clip| ClipFacts { duration_ms: clip.media.video_ms }).collect();
    let settings = parts.settings.similarity.clone();
    let info = mode(spec, &script.text, parts.trusts(MINILM));
    let info = with_pictures(info, settings.clip_weight, parts.trusts(CLIP));
    if let Some(warning) = &info.warning {
        tracing::warn!("{warning}");
    }
    let compared = match info.mode {
        ConcatMode::Semantic => {
            Some(compared(parts, &segments, &materials.clips, info.pictures).await?)
        }
        ConcatMode::Random | ConcatMode::Sequential => None,
    };
    let spec = spec.clone();
    // Ten videos of some hundred shots each take seconds: not on a thread that serves others.
    let chosen = tokio::task::spawn_blocking(move || {
        let likeness = compared.map(|compared| compared.joined(settings.clip_weight));
        let order = order(info.mode, likeness.as_ref(), &settings);
        select(&spec, &slots, &clips, order, info)
    });
    chosen.await.map_err(|error| StageError::transient("panic", error))
}

fn order<'a>(mode: ConcatMode, likeness: Option<&'a Likeness>, settings: &Similarity) -> Order<'a> {
    let (lambda, min_score) = (settings.mmr_lambda, settings.min_score);
    match (mode, likeness) {
        (ConcatMode::Random, _) => Order::Random,
        (ConcatMode::Semantic, Some(likeness)) => {
            Order::Semantic(Fit { likeness, lambda, min_score })
        }
        (ConcatMode::Semantic | ConcatMode::Sequential, _) => Order::Sequential,
    }
}

/// The shots of every video that is asked for.
fn select(
    spec: &JobSpec,
    slots: &[Slot],
    clips: &[ClipFacts],
    order: Order<'_>,
    info: SelectionInfo,
) -> Selection {
    let reel = Reel { slots, clips, order, speed: spec.video_clip_speed, seed: spec.seed };
    let mut videos = videos(&reel, spec.video_count.max(1)).into_iter();
    let shots = videos.next().unwrap_or_default();
    Selection { shots, more: videos.collect(), info: Some(info) }
}

/// In which order clips are shown, and why it is not the one that was asked for.
fn mode(spec: &JobSpec, text: &str, knows_likeness: bool) -> SelectionInfo {
    let instead = |warning| info(ConcatMode::Sequential, Some(warning));
    if spec.match_materials_to_script {
        // Its terms are in the order of the script, and so are the clips.
        return info(ConcatMode::Sequential, None);
    }
    if spec.video_concat_mode != ConcatMode::Semantic {
        return info(spec.video_concat_mode, None);
    }
    let language = spoken_language(&spec.video_language, text);
    if language != MINILM_LANGUAGE {
        return instead(format!(
            "{MINILM} was trained on English and the script is {language:?}: clips follow in the \
             order of their terms"
        ));
    }
    if !knows_likeness {
        return instead(format!(
            "no trained {MINILM} weights: clips follow in the order of their terms"
        ));
    }
    info(ConcatMode::Semantic, None)
}

fn info(mode: ConcatMode, warning: Option<String>) -> SelectionInfo {
    SelectionInfo { mode, warning, pictures: false }
}

/// Weights that were not trained see nothing: without trained ones the words count alone.
fn with_pictures(info: SelectionInfo, weight: f32, is_trained: bool) -> SelectionInfo {
    if info.mode != ConcatMode::Semantic || weight <= 0.0 {
        return info;
    }
    let warning =
        || format!("no trained {CLIP} weights: what is written of the clips counts alone");
    SelectionInfo { pictures: is_trained, warning: (!is_trained).then(warning), ..info }
}

/// How like the clips are to what is said.
struct Compared {
    /// By what is written of them.
    words: Likeness,
    /// By what is seen in them. None: that does not count.
    pictures: Option<Likeness>,
}

impl Compared {
    fn joined(self, weight: f32) -> Likeness {
        match self.pictures {
            Some(pictures) => self.words.mixed(&pictures, weight),
            None => self.words,
        }
    }
}

async fn compared(
    parts: &Parts,
    segments: &[Segment],
    clips: &[Clip],
    has_pictures: bool,
) -> Result<Compared, StageError> {
    let said: Vec<String> = segments.iter().map(|segment| segment.text.clone()).collect();
    let seen: Vec<String> = clips.iter().map(seen).collect();
    let failed = |error| StageError::transient("embedding_failed", error);
    let way = parts.settings.similarity.mode;
    let words = parts.models.compare(&said, &seen, way).await.map_err(failed)?;
    let pictures = if has_pictures {
        let footage: Vec<Footage> = clips.iter().map(footage).collect();
        Some(parts.models.compare_pictures(&said, &footage).await.map_err(failed)?)
    } else {
        None
    };
    Ok(Compared { words, pictures })
}

fn footage(clip: &Clip) -> Footage {
    Footage {
        path: clip.path.clone(),
        sha256: clip.sha256.clone(),
        duration_ms: clip.media.video_ms,
        is_still: clip.kind == ClipKind::Image,
    }
}

/// What is known of a clip's content: the site's words, else the term that found it.
fn seen(clip: &Clip) -> String {
    if clip.description.trim().is_empty() { clip.term.clone() } else { clip.description.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        asked: ConcatMode,
        (matched, language, text, has_weights): (bool, &str, &str, bool),
        expected: ConcatMode,
        warning: Option<&str>,
    ) {
        let spec = JobSpec {
            video_concat_mode: asked,
            match_materials_to_script: matched,
            video_language: language.to_owned(),
            ..JobSpec::default()
        };
        let found = mode(&spec, text, has_weights);
        assert_eq!(found.mode, expected);
        match (found.warning, warning) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn the_order_is_the_one_asked_for_where_that_can_be() {
        use ConcatMode::{Random, Semantic, Sequential};
        let (english, vietnamese, german) = ("The sea.", "Biển giữ bí mật.", "Das Meer.");
        check(Random, (false, "en", english, true), Random, None);
        check(Sequential, (false, "vi", vietnamese, true), Sequential, None);
        check(Semantic, (false, "", english, true), Semantic, None);
        check(Semantic, (false, "en-GB", english, true), Semantic, None);
        check(
            Semantic,
            (false, "en", english, false),
            Sequential,
            Some("no trained minilm weights"),
        );
        check(Semantic, (false, "", vietnamese, true), Sequential, Some("the script is \"vi\""));
        check(Semantic, (false, "de-AT", german, true), Sequential, Some("the script is \"de\""));
        check(Random, (true, "en", english, true), Sequential, None);
        check(Semantic, (true, "en", english, false), Sequential, None);
    }

    #[test]
    fn pictures_count_where_they_have_a_weight_and_a_trained_model() {
        use ConcatMode::{Random, Semantic};
        for (mode, weight, is_trained, counts, warns) in [
            (Semantic, 0.5, true, true, false),
            (Semantic, 0.0, true, false, false),
            (Semantic, 0.5, false, false, true),
            (Semantic, 0.0, false, false, false),
            (Random, 0.5, true, false, false),
        ] {
            let found = with_pictures(info(mode, None), weight, is_trained);
            assert_eq!((found.pictures, found.warning.is_some()), (counts, warns), "{mode:?}");
        }
    }

    fn chosen(spec: &JobSpec, order: Order<'_>) -> Vec<Vec<(usize, u64)>> {
        let slots = [0, 1].map(|segment| Slot { segment, duration_ms: 2_000 });
        let clips = [ClipFacts { duration_ms: 5_000 }; 4];
        let info = info(spec.video_concat_mode, None);
        let selection = select(spec, &slots, &clips, order, info);
        let videos = std::iter::once(selection.shots).chain(selection.more);
        let part = |shot: crate::artefacts::Shot| (shot.clip, shot.source_start_ms);
        videos.map(|shots| shots.into_iter().map(part).collect()).collect()
    }

    #[test]
    fn the_request_says_how_many_videos_at_which_speed_and_by_which_chance() {
        let default = JobSpec::default();
        let sequential = |spec| chosen(&spec, Order::Sequential);
        assert_eq!(sequential(default.clone()), [[(0, 0), (1, 0)]]);
        let two = JobSpec { video_count: 2, ..default.clone() };
        assert_eq!(sequential(two), [[(0, 0), (1, 0)], [(2, 0), (3, 0)]]);
        // At double speed a clip of 5 s covers 2.5 s: in the third video each begins anew.
        let fast = JobSpec { video_count: 3, video_clip_speed: 2.0, ..default.clone() };
        assert_eq!(sequential(fast)[2], [(0, 0), (1, 0)]);
        let random = |seed| chosen(&JobSpec { seed, ..default.clone() }, Order::Random);
        assert!((1..9).any(|seed| random(seed) != random(0)));
    }

    #[test]
    fn the_settings_say_what_looks_count_and_what_is_no_likeness() {
        // Two beaches and a market, as in the tests of a round.
        let likeness = Likeness {
            scores: vec![vec![0.70, 0.69, 0.10, 0.0], vec![0.60, 0.60, 0.55, 0.0]],
            alike: vec![
                vec![1.0, 0.95, 0.1, 0.1],
                vec![0.95, 1.0, 0.1, 0.1],
                vec![0.1, 0.1, 1.0, 0.1],
                vec![0.1, 0.1, 0.1, 1.0],
            ],
        };
        let clips = |mmr_lambda, min_score| {
            let settings = Similarity { mmr_lambda, min_score, ..Similarity::default() };
            let order = order(ConcatMode::Semantic, Some(&likeness), &settings);
            chosen(&JobSpec::default(), order).remove(0).into_iter().map(|(clip, _)| clip).collect()
        };
        let found: [Vec<usize>; 3] = [clips(1.0, -1.0), clips(0.8, -1.0), clips(1.0, 0.65)];
        assert_eq!(found[..2], [vec![0, 1], vec![0, 2]]);
        // Above 0.65 there is only the first slot's likeness; for the second all clips are the same.
        assert_eq!(found[2][0], 0);
        let order = order(ConcatMode::Semantic, None, &Similarity::default());
        assert!(matches!(order, Order::Sequential));
    }
}
