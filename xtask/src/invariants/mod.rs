//! What must be true of every finished video (`facts/claims.md`, section 4): pure checks over evidence
//! that was collected from outside, with other tools than the pipeline's own.

mod evidence;
mod srt;

use std::collections::HashSet;

use protocol::{ClipUse, JobState, JobStatus};

pub use self::evidence::{Evidence, Footage, collect};
pub use self::srt::SrtCue;

/// How far the picture may end before the sound does (invariant 1).
const COVER_TOLERANCE_MS: u64 = 100;
/// How far the picture may outlast the narration: more is a still or silent tail.
const TAIL_TOLERANCE_MS: u64 = 500;

/// One invariant and whether it holds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What must be true.
    pub invariant: &'static str,
    /// What is wrong. None: it holds.
    pub broken: Option<String>,
}

/// Checks every invariant that the evidence speaks of.
pub fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = vec![
        finding("the job succeeded", succeeded(&evidence.status)),
        finding("no temporary file is left", nothing_left(&evidence.leftovers)),
        finding("every clip's bytes are the ones that were hashed", hashed(&evidence.wrong_clips)),
        finding("the job counters add up", reconcile(&evidence.job_counts)),
    ];
    let outcome = evidence.status.outcome.as_ref();
    if let (Some(outcome), Some(footage)) = (outcome, &evidence.footage) {
        let narration_ms = outcome.narration.as_ref().map_or(0, |narration| narration.duration_ms);
        findings.push(finding(
            "the video covers the audio within 0.1 s",
            covers(footage, narration_ms),
        ));
        findings.push(finding("the picture is of the size asked for", fits(footage, evidence)));
        findings.push(finding("no frame is black", nothing_black(footage)));
    }
    if let (Some(outcome), Some(cues)) = (outcome, &evidence.cues) {
        let end_ms = evidence.footage.as_ref().map(|footage| footage.video_ms);
        findings.push(finding("subtitles are monotone and never empty", timeline(cues, end_ms)));
        let script = outcome.script.as_deref().unwrap_or_default();
        findings.push(finding("subtitles have every word of the script", words(cues, script)));
    }
    if let Some(outcome) = outcome.filter(|outcome| !outcome.clips.is_empty()) {
        let repeated = repeated(&outcome.clips, outcome.clips_available);
        findings.push(finding("no clip twice in a row while unused ones remain", repeated));
    }
    findings
}

fn finding(invariant: &'static str, result: Result<(), String>) -> Finding {
    Finding { invariant, broken: result.err() }
}

fn succeeded(status: &JobStatus) -> Result<(), String> {
    match (status.state, &status.error) {
        (JobState::Succeeded, _) => Ok(()),
        (state, Some(error)) => {
            let stage = error.stage.map(|stage| format!(" in {stage}")).unwrap_or_default();
            Err(format!("{}{stage}: {}: {}", state.as_str(), error.code, error.message))
        }
        (state, None) => Err(state.as_str().to_owned()),
    }
}

fn nothing_left(leftovers: &[String]) -> Result<(), String> {
    if leftovers.is_empty() { Ok(()) } else { Err(leftovers.join(", ")) }
}

fn hashed(wrong_clips: &[String]) -> Result<(), String> {
    if wrong_clips.is_empty() { Ok(()) } else { Err(wrong_clips.join(", ")) }
}

/// One job was submitted to a fresh service: the states it counts add up to one.
fn reconcile(counts: &[(String, u64)]) -> Result<(), String> {
    match counts.iter().map(|(_, count)| count).sum() {
        1 => Ok(()),
        total => Err(format!("expected 1 job in all, found {total} in {counts:?}")),
    }
}

fn covers(footage: &Footage, narration_ms: u64) -> Result<(), String> {
    let Footage { video_ms, audio_ms, .. } = *footage;
    if video_ms + COVER_TOLERANCE_MS < audio_ms || video_ms < narration_ms {
        return Err(format!(
            "picture {video_ms} ms, sound {audio_ms} ms, narration {narration_ms} ms"
        ));
    }
    if video_ms > narration_ms + TAIL_TOLERANCE_MS {
        return Err(format!("picture {video_ms} ms outlasts the narration of {narration_ms} ms"));
    }
    Ok(())
}

fn fits(footage: &Footage, evidence: &Evidence) -> Result<(), String> {
    let (found, expected) = (footage.size, evidence.expected_size);
    if found == expected { Ok(()) } else { Err(format!("expected {expected}, found {found}")) }
}

fn nothing_black(footage: &Footage) -> Result<(), String> {
    let spans: Vec<String> =
        footage.black.iter().map(|(start, end)| format!("{start:.2}–{end:.2} s")).collect();
    if spans.is_empty() { Ok(()) } else { Err(format!("black at {}", spans.join(", "))) }
}

fn timeline(cues: &[SrtCue], end_ms: Option<u64>) -> Result<(), String> {
    if cues.is_empty() {
        return Err("there is no cue".to_owned());
    }
    for (index, cue) in cues.iter().enumerate() {
        let place = format!("cue {} at {} ms", index + 1, cue.start_ms);
        if cue.text.trim().is_empty() {
            return Err(format!("{place} is empty"));
        }
        if cue.end_ms <= cue.start_ms {
            return Err(format!("{place} ends at {} ms", cue.end_ms));
        }
        if cues.get(index + 1).is_some_and(|next| next.start_ms < cue.end_ms) {
            return Err(format!("{place} overlaps the next one"));
        }
    }
    let last_ms = cues.last().map_or(0, |cue| cue.end_ms);
    match end_ms {
        Some(end_ms) if last_ms > end_ms => {
            Err(format!("the last cue ends at {last_ms} ms, the picture at {end_ms} ms"))
        }
        _ => Ok(()),
    }
}

/// Lines may be broken anywhere: white space does not count, nor does the word joiner that keeps a
/// player from reading text as a command.
fn words(cues: &[SrtCue], script: &str) -> Result<(), String> {
    let dense = |text: &str| text.replace('\u{2060}', "").split_whitespace().collect::<String>();
    let shown: String = cues.iter().map(|cue| dense(&cue.text)).collect();
    let script = dense(script);
    if shown == script {
        return Ok(());
    }
    let same = shown.chars().zip(script.chars()).take_while(|(a, b)| a == b).count();
    let rest = |text: &str| text.chars().skip(same).take(20).collect::<String>();
    Err(format!("expected {:?} at character {same}, found {:?}", rest(&script), rest(&shown)))
}

fn repeated(clips: &[ClipUse], available: usize) -> Result<(), String> {
    let mut used = HashSet::new();
    for (index, clip) in clips.iter().enumerate() {
        let previous = index.checked_sub(1).map(|previous| &clips[previous]);
        if previous.is_some_and(|previous| previous.id == clip.id) && used.len() < available {
            let place = format!("{} at {} ms", clip.id, clip.start_ms);
            return Err(format!("{place} follows itself; {} of {available} were used", used.len()));
        }
        used.insert(&clip.id);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
