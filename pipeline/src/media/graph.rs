use std::ffi::OsString;
use std::path::Path;

mod args;
mod picture;
mod sound;

use self::args::Args;
use self::picture::BT709;
use super::tool::{SAFE_INPUT, file_url};
use super::{Cut, RenderPlan};

/// Where the parts of a video are written, relative to the folder.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// The picture, with or without sound.
    pub video: &'a Path,
    /// The cover, where it is made by the same process.
    pub cover: Option<&'a Path>,
}

/// ffmpeg's arguments for the video of `plan`, written to `targets`: every shot an input of its own,
/// one filter graph, one encode. ffmpeg runs in the folder that holds the subtitles.
///
/// The same arguments give the same frames to the encoder, and with one thread the same bytes: nothing
/// is taken from the clock, the build of ffmpeg or the metadata of the inputs.
pub fn arguments(plan: &RenderPlan, targets: Targets<'_>) -> Vec<OsString> {
    let cuts = plan.cuts();
    let mut chains = picture::all_shots(plan, &cuts, targets.cover.is_some());
    chains.push(picture::finish(plan, "[shots]"));
    chains.extend(sound::chains(plan, cuts.len()));

    let mut args = Args::begin(plan);
    args.add(plan.encoding.encoder.device_args());
    for (i, cut) in cuts.iter().enumerate() {
        let frames = cut.frames + cuts.get(i + 1).map_or(0, |next| next.blend);
        // All clips are open at once, each with the frames its decoder holds. One thread holds least.
        args.clip(plan, &plan.shots[cut.shot], frames, "1");
    }
    args.sounds(plan).add(["-filter_complex", &chains.join(";")]);
    args.add(["-map", "[picture]", "-map", "[sound]"]);
    args.picture(plan).sound().mp4(plan, targets.video);
    if let Some(cover) = targets.cover {
        args.jpeg(cover);
    }
    args.0
}

/// As [`arguments`], with the finished frames of all shots read from `frames`, where
/// [`shot_arguments`] puts them.
pub(super) fn relay_arguments(plan: &RenderPlan, frames: &Path, target: &Path) -> Vec<OsString> {
    let mut chains = vec![picture::finish(plan, &format!("[0:v:0]setsar=1,{BT709},"))];
    chains.extend(sound::chains(plan, 1));
    let (size, fps) = (plan.size.to_string(), plan.fps.to_string());
    let mut args = Args::begin(plan);
    args.add(plan.encoding.encoder.device_args());
    args.add(["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", &size]);
    args.add(["-framerate", &fps]).add(&SAFE_INPUT[..2]).input(frames);
    args.sounds(plan).add(["-filter_complex", &chains.join(";")]);
    args.add(["-map", "[picture]", "-map", "[sound]"]);
    args.picture(plan).sound().mp4(plan, target);
    args.0
}

/// ffmpeg's arguments that append the raw frames of one shot to `targets`.
pub(super) fn shot_arguments(
    plan: &RenderPlan,
    number: usize,
    targets: Targets<'_>,
) -> Vec<OsString> {
    let (mut args, cut) = piece(plan, number, targets, |_| None);
    args.add(["-map", "[shots]", "-frames:v", &cut.frames.to_string()]);
    args.add(["-r", &plan.fps.to_string(), "-f", "rawvideo"]).target(targets.video);
    if let Some(cover) = targets.cover {
        args.jpeg(cover);
    }
    args.0
}

/// ffmpeg's arguments for an encode of one shot alone, with its part of the subtitles where the video
/// is joined of such pieces as they are.
pub(super) fn piece_arguments(
    plan: &RenderPlan,
    number: usize,
    targets: Targets<'_>,
) -> Vec<OsString> {
    let (mut args, cut) =
        piece(plan, number, targets, |cut| Some(picture::finish_piece(plan, cut.start)));
    args.add(["-map", "[picture]"]).picture(plan).frames(cut.frames).mp4(plan, targets.video);
    if let Some(cover) = targets.cover {
        args.jpeg(cover);
    }
    args.0
}

/// Everything before the output of a process that makes the shot `number` alone.
fn piece(
    plan: &RenderPlan,
    number: usize,
    targets: Targets<'_>,
    finish: impl FnOnce(&Cut) -> Option<String>,
) -> (Args, Cut) {
    let cuts = plan.cuts();
    let cut = cuts[number];
    let before = number.checked_sub(1).map(|before| cuts[before]).filter(|_| cut.blend > 0);
    let mut chains = picture::one_shot(plan, &cut, before.as_ref(), targets.cover.is_some());
    chains.extend(finish(&cut));
    let threads = plan.encoding.threads.to_string();
    let mut args = Args::begin(plan);
    args.add(plan.encoding.encoder.device_args());
    if let Some(before) = before {
        args.clip(plan, &plan.shots[before.shot], before.frames + cut.blend, &threads);
    }
    args.clip(plan, &plan.shots[cut.shot], cut.frames, &threads);
    args.add(["-filter_complex", &chains.join(";")]);
    (args, cut)
}

/// ffmpeg's arguments that join the pieces named in `list` as they are, and add the sound.
pub(super) fn join_arguments(plan: &RenderPlan, list: &Path, target: &Path) -> Vec<OsString> {
    let mut args = Args::begin(plan);
    joined(&mut args, list).sounds(plan);
    args.add(["-filter_complex", &sound::chains(plan, 1).join(";")]);
    args.add(["-map", "0:v:0", "-map", "[sound]", "-c:v", "copy"]);
    args.sound().mp4(plan, target);
    args.0
}

/// ffmpeg's arguments that join the clips named in `list` by encoding them again: the second
/// generation of three.
pub(super) fn rejoin_arguments(plan: &RenderPlan, list: &Path, target: &Path) -> Vec<OsString> {
    let mut args = Args::begin(plan);
    args.add(plan.encoding.encoder.device_args());
    let upload = format!("[0:v:0]{}[picture]", plan.encoding.encoder.upload());
    joined(&mut args, list).add(["-filter_complex", &upload, "-map", "[picture]"]);
    args.picture(plan).frames(plan.total_frames()).mp4(plan, target);
    args.0
}

/// ffmpeg's arguments that add subtitles and sound to the picture at `joined`: the last generation.
pub(super) fn final_arguments(plan: &RenderPlan, joined: &Path, target: &Path) -> Vec<OsString> {
    let mut chains = vec![picture::finish(plan, &format!("[0:v:0]{BT709},"))];
    chains.extend(sound::chains(plan, 1));
    let mut args = Args::begin(plan);
    args.add(plan.encoding.encoder.device_args());
    args.add(SAFE_INPUT).input(joined).sounds(plan).add(["-filter_complex", &chains.join(";")]);
    args.add(["-map", "[picture]", "-map", "[sound]"]);
    args.picture(plan).sound().mp4(plan, target);
    args.0
}

/// The files of `list` as one input. Their names are ours.
fn joined<'a>(args: &'a mut Args, list: &Path) -> &'a mut Args {
    let args = args.add(["-f", "concat", "-safe", "0"]).add(&SAFE_INPUT[..2]);
    args.add([OsString::from("-i"), file_url(list)])
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
