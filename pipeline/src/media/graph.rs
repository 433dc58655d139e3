use std::ffi::OsString;
use std::path::Path;

use super::probe::{SAFE_INPUT, file_url};
use super::{BurnIn, Cut, Music, RenderPlan, ShotInput};

/// How long the music takes to fade out at the end of the video.
const FADE_MS: u64 = 3000;

/// Lines from which on a picture that says nothing of its colours is taken for BT.709.
const HD_LINES: u32 = 720;

/// The colours of the video: what every player assumes, said in the file all the same.
const BT709: &str = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709";

/// ffmpeg's arguments for the video of `plan`, written to `target`: every shot an input of its own, one
/// filter graph, one encode. ffmpeg runs in the folder that holds the subtitles.
///
/// The same arguments give the same bytes: nothing is taken from the clock, the build of ffmpeg or the
/// metadata of the inputs.
pub fn arguments(plan: &RenderPlan, target: &Path) -> Vec<OsString> {
    let cuts = plan.cuts();
    let mut chains: Vec<String> = (cuts.iter().enumerate())
        .map(|(input, cut)| format!("[{input}:V:0]{}[shot{input}]", shot_filters(plan, cut.frames)))
        .collect();
    let shots: String = (0..cuts.len()).map(|input| format!("[shot{input}]")).collect();
    chains.push(picture_chain(plan, &format!("{shots}concat=n={}:v=1:a=0", cuts.len())));
    chains.extend(sound_chains(plan, cuts.len()));

    let mut args = Args::encode(plan);
    for cut in &cuts {
        // All clips are open at once, each with the frames its decoder holds. One thread holds least.
        args.clip(&plan.shots[cut.shot], cut.frames, plan.fps, "1");
    }
    args.sounds(plan).output(plan, &chains.join(";"), target);
    args.0
}

/// As [`arguments`], with the finished frames of all shots read from `frames`, where
/// [`shot_arguments`] puts them.
pub(super) fn relay_arguments(plan: &RenderPlan, frames: &Path, target: &Path) -> Vec<OsString> {
    let mut chains = vec![picture_chain(plan, &format!("[0:v:0]setsar=1,{BT709}"))];
    chains.extend(sound_chains(plan, 1));
    let (size, fps) = (plan.size.to_string(), plan.fps.to_string());
    let mut args = Args::encode(plan);
    args.add(["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", &size]);
    args.add(["-framerate", &fps]).input(frames);
    args.sounds(plan).output(plan, &chains.join(";"), target);
    args.0
}

/// ffmpeg's arguments that append the raw frames of one shot to `frames`.
pub(super) fn shot_arguments(plan: &RenderPlan, cut: Cut, frames: &Path) -> Vec<OsString> {
    let threads = plan.encoding.threads.to_string();
    let n_frames = cut.frames.to_string();
    let mut args = Args::default();
    args.add(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "error", "-y"]);
    args.add(["-filter_threads", &threads]);
    args.clip(&plan.shots[cut.shot], cut.frames, plan.fps, &threads);
    args.add(["-map", "0:V:0", "-vf", &shot_filters(plan, cut.frames)]);
    args.add(["-frames:v", &n_frames, "-r", &plan.fps.to_string(), "-f", "rawvideo"]);
    args.0.push(file_url(frames));
    args.0
}

#[derive(Default)]
struct Args(Vec<OsString>);

impl Args {
    fn add<T: Into<OsString>>(&mut self, args: impl IntoIterator<Item = T>) -> &mut Self {
        self.0.extend(args.into_iter().map(Into::into));
        self
    }

    fn input(&mut self, path: &Path) -> &mut Self {
        self.add([OsString::from("-i"), file_url(path)])
    }

    /// What comes before the inputs of an encode.
    fn encode(plan: &RenderPlan) -> Self {
        let threads = plan.encoding.threads.to_string();
        let mut args = Self::default();
        args.add(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "error", "-y"]);
        args.add(["-progress", "pipe:1", "-stats_period", "0.5"]);
        args.add(["-filter_complex_threads", &threads]);
        args.add(plan.encoding.encoder.device_args());
        args
    }

    /// A shot's input: sought before it is opened, and read a little longer than it is shown, so that
    /// the last frame is the clip's own and not a repeated one.
    fn clip(&mut self, shot: &ShotInput, frames: u64, fps: u32, threads: &str) {
        self.add(["-threads", threads]);
        if shot.source_size.height.min(shot.source_size.width) >= HD_LINES {
            // A default: what the stream says of itself goes before it.
            self.add(["-colorspace", "bt709"]);
        }
        if shot.source_start_ms > 0 {
            self.add(["-ss", &seconds(shot.source_start_ms)]);
        }
        let length_ms = (frames * 1000).div_ceil(u64::from(fps)) + 100;
        self.add(["-t", &seconds(length_ms)]).add(SAFE_INPUT).input(&shot.path);
    }

    /// The speech, and after it the music.
    fn sounds(&mut self, plan: &RenderPlan) -> &mut Self {
        self.add(SAFE_INPUT).input(&plan.narration);
        if let Some(music) = &plan.music {
            let length = seconds(plan.total_ms() + 1000);
            self.add(["-stream_loop", "-1", "-t", &length]).add(SAFE_INPUT).input(&music.path);
        }
        self
    }

    /// What comes after the inputs of an encode.
    fn output(&mut self, plan: &RenderPlan, graph: &str, target: &Path) {
        let encoding = &plan.encoding;
        self.add(["-filter_complex", graph, "-map", "[picture]", "-map", "[sound]"]);
        self.add(encoding.encoder.args(&encoding.preset, encoding.quality, encoding.threads));
        self.add(["-r", &plan.fps.to_string(), "-frames:v", &plan.total_frames().to_string()]);
        self.add(["-c:a", "aac", "-b:a", "192k"]);
        self.add(["-map_metadata", "-1", "-map_chapters", "-1"]);
        self.add(["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]);
        self.add(["-movflags", "+faststart", "-f", "mp4"]);
        self.0.push(file_url(target));
    }
}

/// One shot, at the size, rate and colours of the video, exactly `frames` long.
///
/// It is cropped before it is scaled: the other way round a landscape clip for a portrait video is
/// scaled to three times the pixels that are shown. Frames are counted and given their times anew, so
/// no rounding of a clip's own times can move a border.
fn shot_filters(plan: &RenderPlan, frames: u64) -> String {
    let (width, height, fps) = (plan.size.width, plan.size.height, plan.fps);
    let crop = format!(
        "crop=w='min(iw,ih*{width}/{height}/sar+0.01)':h='min(ih,iw*sar*{height}/{width}+0.01)'"
    );
    format!(
        "fps={fps}:start_time=0,{crop},\
         scale={width}:{height}:out_color_matrix=bt709:out_range=tv,setsar=1,format=yuv420p,{BT709},\
         tpad=stop_mode=clone:stop={frames},trim=end_frame={frames},setpts=N/({fps}*TB)"
    )
}

/// The shots one after the other, with what is drawn over them.
fn picture_chain(plan: &RenderPlan, shots: &str) -> String {
    let subtitles = plan.subtitles.as_ref().map(subtitle_filter).unwrap_or_default();
    let upload = plan.encoding.encoder.upload();
    format!("{shots},{subtitles}{upload}[picture]")
}

fn subtitle_filter(subtitles: &BurnIn) -> String {
    let fonts = subtitles
        .fonts_dir
        .as_ref()
        .map(|folder| format!(":fontsdir={}", escape(&folder.to_string_lossy())));
    format!("ass=filename={}{},", escape(&subtitles.ass), fonts.unwrap_or_default())
}

/// The speech, and the music below it.
///
/// The speech is made mono and put on both sides: ffmpeg's own way from mono to stereo takes 3 dB off.
/// There is no loudness normalisation: it would undo `voice_volume`, and in one pass it pumps. Peaks
/// above -1.5 dB are limited, because two gains of up to 2 add up here.
fn sound_chains(plan: &RenderPlan, narration: usize) -> Vec<String> {
    let end = seconds(plan.total_ms());
    let volume = plan.voice_volume;
    let voice = format!(
        "[{narration}:a:0]aresample=48000,aformat=sample_fmts=fltp:channel_layouts=mono,\
         pan=stereo|c0=c0|c1=c0,volume={volume},apad,atrim=end={end}"
    );
    let limit = "alimiter=limit=0.84:level=disabled:latency=1[sound]";
    let Some(Music { volume, .. }) = plan.music else {
        return vec![format!("{voice},{limit}")];
    };
    let fade_ms = FADE_MS.min(plan.total_ms());
    let (from, fade) = (seconds(plan.total_ms() - fade_ms), seconds(fade_ms));
    let input = narration + 1;
    vec![
        format!("{voice}[voice]"),
        format!(
            "[{input}:a:0]aresample=48000,aformat=sample_fmts=fltp:channel_layouts=stereo,\
             volume={volume},afade=t=out:st={from}:d={fade}[music]"
        ),
        format!("[voice][music]amix=inputs=2:duration=first:normalize=0,{limit}"),
    ]
}

/// A value inside a filter graph, which is unquoted twice: as an option of its filter, and before that
/// as a part of the graph (<https://ffmpeg.org/ffmpeg-filters.html#Notes-on-filtergraph-escaping>).
fn escape(value: &str) -> String {
    let before = |special: &'static str| {
        move |mut text: String, letter: char| {
            if special.contains(letter) {
                text.push('\\');
            }
            text.push(letter);
            text
        }
    };
    let option = value.chars().fold(String::new(), before("\\': \t\r\n"));
    option.chars().fold(String::new(), before("\\'[],; \t\r\n"))
}

/// Milliseconds as ffmpeg reads them.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
