//! The sound of a video.

use super::super::{Music, RenderPlan};
use super::args::seconds;

/// How long the music takes to fade out at the end of the video.
const FADE_MS: u64 = 3000;

/// Music steps back by up to 15 dB when speech is louder than -30 dB: at once, and for 0.4 s after.
const DUCKING: &str = "sidechaincompress=threshold=0.03:ratio=8:attack=20:release=400";

/// The speech, and the music below it, from the inputs `narration` and the one after it to `[sound]`.
///
/// The speech is made mono and put on both sides: ffmpeg's own way from mono to stereo takes 3 dB off.
/// It comes to its loudness by one gain for all of it, found beforehand: normalising in one pass pumps.
/// Peaks above -1.5 dB are limited, because two gains of up to 2 add up here.
pub(super) fn chains(plan: &RenderPlan, narration: usize) -> Vec<String> {
    let end = seconds(plan.total_ms());
    let to_loudness = if plan.voice_gain_db == 0.0 {
        String::new()
    } else {
        format!("volume={:.2}dB,", plan.voice_gain_db)
    };
    let volume = plan.voice_volume;
    let voice = format!(
        "[{narration}:a:0]aresample=48000,aformat=sample_fmts=fltp:channel_layouts=mono,\
         pan=stereo|c0=c0|c1=c0,{to_loudness}volume={volume},apad,atrim=end={end}"
    );
    let limit = "alimiter=limit=0.84:level=disabled:latency=1[sound]";
    let Some(Music { volume, ducking, .. }) = plan.music else {
        return vec![format!("{voice},{limit}")];
    };
    let fade_ms = FADE_MS.min(plan.total_ms());
    let (from, fade) = (seconds(plan.total_ms() - fade_ms), seconds(fade_ms));
    let input = narration + 1;
    let music = format!(
        "[{input}:a:0]aresample=48000,aformat=sample_fmts=fltp:channel_layouts=stereo,\
         volume={volume},afade=t=out:st={from}:d={fade}"
    );
    let mix = format!("[voice][music]amix=inputs=2:duration=first:normalize=0,{limit}");
    if ducking {
        let ducked = format!("[track][key]{DUCKING}[music]");
        vec![format!("{voice},asplit[voice][key]"), format!("{music}[track]"), ducked, mix]
    } else {
        vec![format!("{voice}[voice]"), format!("{music}[music]"), mix]
    }
}
