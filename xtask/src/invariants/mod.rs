//! What must be true of every finished video (the acceptance invariants of the design): pure checks over evidence
//! that was collected from outside, with other tools than the pipeline's own.

mod evidence;
mod srt;

use std::collections::HashSet;

use protocol::{ClipUse, JobState, JobStatus, NarrationInfo, Outcome, Size};

use crate::services::Expect;

pub use self::evidence::{Fetched, collect};
pub use self::srt::SrtCue;

/// How far the picture may end before the sound does (invariant 1).
const COVER_TOLERANCE_MS: u64 = 100;
/// How far the picture may outlast the narration: more is a still or silent tail.
const TAIL_TOLERANCE_MS: u64 = 500;

/// Everything the checks look at. An inner error is a file that is there and cannot be read, with the
/// reason.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What the service says.
    pub status: JobStatus,
    /// What was asked for.
    pub asked: Asked,
    /// Names of the files that were fetched.
    pub fetched: Vec<String>,
    /// The video, where there is one.
    pub footage: Option<Result<Footage, String>>,
    /// The subtitles, where there are any.
    pub cues: Option<Result<Vec<SrtCue>, String>>,
    /// Files in the job folder that must not outlive the job.
    pub leftovers: Vec<String>,
    /// Clips whose file does not have the digest that the outcome names.
    pub wrong_clips: Vec<String>,
    /// Jobs by state, as `/metrics` has them.
    pub job_counts: Vec<(String, u64)>,
}

/// What the result is measured against.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Size of the picture.
    pub size: Size,
    /// The scenario's own bounds.
    pub expect: Expect,
}

/// What is seen of the video file.
#[derive(Clone, Debug)]
pub struct Footage {
    /// Pixels.
    pub size: Size,
    /// Length of the picture.
    pub video_ms: u64,
    /// Length of the sound.
    pub audio_ms: u64,
    /// Black spans in seconds.
    pub black: Vec<(f64, f64)>,
}

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
    let unreadable = |reason: &String| Err(reason.clone());
    let footage = evidence.footage.as_ref();
    if let Some(footage) = footage {
        let readable = footage.as_ref().map_or_else(unreadable, |_| Ok(()));
        findings.push(finding("the video can be read", readable));
    }
    let cues = evidence.cues.as_ref();
    if let Some(cues) = cues {
        let readable = cues.as_ref().map_or_else(unreadable, |_| Ok(()));
        findings.push(finding("the subtitles can be read", readable));
    }
    if let Some(outcome) = &evidence.status.outcome {
        let footage = footage.and_then(|footage| footage.as_ref().ok());
        let cues = cues.and_then(|cues| cues.as_ref().ok());
        findings.extend(of_outcome(outcome, evidence));
        findings.extend(footage.iter().flat_map(|footage| of_video(outcome, footage, evidence)));
        findings.extend(cues.iter().flat_map(|cues| of_subtitles(outcome, cues, footage)));
    }
    findings
}

fn of_outcome(outcome: &Outcome, evidence: &Evidence) -> Vec<Finding> {
    let expect = &evidence.asked.expect;
    let mut findings =
        vec![finding("what the outcome names is there", there(outcome, &evidence.fetched))];
    if expect.narration_min_s.is_some() || expect.narration_max_s.is_some() {
        let spoken = spoken(outcome.narration.as_ref(), expect);
        findings.push(finding("the narration is as long as the scenario expects", spoken));
    }
    if let Some(least) = expect.clips_min {
        findings.push(finding("enough clips were shown", enough(&outcome.clips, least)));
    }
    if !outcome.clips.is_empty() {
        let repeated = repeated(&outcome.clips, outcome.clips_available);
        findings.push(finding("no clip twice in a row while unused ones remain", repeated));
    }
    findings
}

fn of_video(outcome: &Outcome, footage: &Footage, evidence: &Evidence) -> [Finding; 3] {
    let narration_ms = outcome.narration.as_ref().map_or(0, |narration| narration.duration_ms);
    [
        finding("the video covers the audio within 0.1 s", covers(footage, narration_ms)),
        finding("the picture is of the size asked for", fits(footage, evidence.asked.size)),
        finding("no frame is black", nothing_black(footage)),
    ]
}

fn of_subtitles(outcome: &Outcome, cues: &[SrtCue], footage: Option<&Footage>) -> [Finding; 2] {
    let end_ms = footage.map(|footage| footage.video_ms);
    let script = outcome.script.as_deref().unwrap_or_default();
    [
        finding("subtitles are monotone and never empty", timeline(cues, end_ms)),
        finding("subtitles have every word of the script", words(cues, script)),
    ]
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

fn there(outcome: &Outcome, fetched: &[String]) -> Result<(), String> {
    let video = outcome.video.iter().map(|video| &video.file);
    let narration = outcome.narration.iter().map(|narration| &narration.file);
    let subtitles =
        outcome.subtitles.iter().flat_map(|written| [&written.srt, &written.vtt, &written.ass]);
    let videos = outcome.videos.iter().map(|video| &video.file).chain(&outcome.cover);
    let named = video.chain(videos).chain(narration).chain(subtitles);
    let missing: Vec<&str> =
        named.filter(|name| !fetched.contains(name)).map(String::as_str).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("missing: {}", missing.join(", "))) }
}

fn spoken(narration: Option<&NarrationInfo>, expect: &Expect) -> Result<(), String> {
    let expected = match (expect.narration_min_s, expect.narration_max_s) {
        (Some(least_s), Some(most_s)) => format!("{least_s} s to {most_s} s"),
        (Some(least_s), None) => format!("at least {least_s} s"),
        (None, Some(most_s)) => format!("at most {most_s} s"),
        (None, None) => return Ok(()),
    };
    let Some(narration) = narration else {
        return Err(format!("expected {expected}, found none"));
    };
    let found_s = narration.duration_ms as f64 / 1000.0;
    let too_short = expect.narration_min_s.is_some_and(|least_s| found_s < least_s);
    let too_long = expect.narration_max_s.is_some_and(|most_s| found_s > most_s);
    if too_short || too_long {
        return Err(format!("expected {expected}, found {found_s} s"));
    }
    Ok(())
}

/// A clip that is shown twice counts once.
fn enough(clips: &[ClipUse], least: u32) -> Result<(), String> {
    let distinct: HashSet<&str> = clips.iter().map(|clip| clip.id.as_str()).collect();
    if distinct.len() >= least as usize {
        return Ok(());
    }
    Err(format!("expected at least {least}, found {}", distinct.len()))
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

fn fits(footage: &Footage, expected: Size) -> Result<(), String> {
    let found = footage.size;
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
