//! `selection`: which clip is shown when.

use protocol::JobSpec;

use crate::artefacts::{Clip, Materials, Narration, Script, Selection};
use crate::error::StageError;
use crate::ml::MINILM;
use crate::parts::Parts;
use crate::selection::{ClipFacts, Segment, assign, plan_shots, scores, segments};
use crate::speech::language_of;

/// MiniLM was trained on English alone: what it says of another language is noise.
const MINILM_LANGUAGE: &str = "en";

/// Runs the stage: by likeness of what is said to what is seen, where trained weights are there that
/// know the language; else the clips follow in the order of their terms, which is the script's.
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
    let scores = if language_of(&script.text) == MINILM_LANGUAGE {
        likeness(parts, &segments, &materials.clips).await?
    } else {
        None
    };
    let clips: Vec<ClipFacts> =
        materials.clips.iter().map(|clip| ClipFacts { duration_ms: clip.media.video_ms }).collect();
    Ok(Selection { shots: assign(&slots, &clips, scores.as_deref(), spec.seed) })
}

async fn likeness(
    parts: &Parts,
    segments: &[Segment],
    clips: &[Clip],
) -> Result<Option<Vec<Vec<f32>>>, StageError> {
    if !parts.trusts(MINILM) {
        tracing::warn!("no trained {MINILM} weights: clips follow in the order of their terms");
        return Ok(None);
    }
    // N + M encodings in one request, where the measured services do N times M.
    let said = segments.iter().map(|segment| segment.text.clone());
    let texts: Vec<String> = said.chain(clips.iter().map(seen)).collect();
    let vectors = parts.models.embed(texts).await;
    let vectors = vectors.map_err(|error| StageError::transient("embedding_failed", error))?;
    let (said, seen) = vectors.split_at(segments.len());
    Ok(Some(scores(said, seen)))
}

/// What is known of a clip's content: the site's words, else the term that found it.
fn seen(clip: &Clip) -> String {
    if clip.description.trim().is_empty() { clip.term.clone() } else { clip.description.clone() }
}
