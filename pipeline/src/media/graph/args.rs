//! ffmpeg's command line, part by part.

use std::ffi::OsString;
use std::path::Path;

use super::super::probe::{SAFE_INPUT, file_url};
use super::super::{RenderPlan, ShotInput};

/// Lines from which on a picture that says nothing of its colours is taken for BT.709.
const HD_LINES: u32 = 720;

/// Arguments in the making.
#[derive(Default)]
pub(super) struct Args(pub Vec<OsString>);

impl Args {
    pub fn add<T: Into<OsString>>(&mut self, args: impl IntoIterator<Item = T>) -> &mut Self {
        self.0.extend(args.into_iter().map(Into::into));
        self
    }

    pub fn input(&mut self, path: &Path) -> &mut Self {
        self.add([OsString::from("-i"), file_url(path)])
    }

    /// What comes before the inputs.
    pub fn begin(plan: &RenderPlan) -> Self {
        let threads = plan.encoding.threads.to_string();
        let mut args = Self::default();
        args.add(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "error", "-y"]);
        args.add(["-progress", "pipe:1", "-stats_period", "0.5"]);
        args.add(["-filter_complex_threads", &threads]);
        args
    }

    /// A shot's input: sought before it is opened, and read a little longer than it is shown, so that
    /// the last frame is the clip's own and not a repeated one.
    pub fn clip(&mut self, plan: &RenderPlan, shot: &ShotInput, frames: u64, threads: &str) {
        if shot.is_still {
            self.add(["-protocol_whitelist", SAFE_INPUT[1], "-f", "image2"]);
            self.add(["-pattern_type", "none", "-framerate", &plan.fps.to_string()]);
            self.input(&shot.path);
            return;
        }
        self.add(["-threads", threads]);
        if shot.source_size.height.min(shot.source_size.width) >= HD_LINES {
            // A default: what the stream says of itself goes before it.
            self.add(["-colorspace", "bt709"]);
        }
        if shot.source_start_ms > 0 {
            self.add(["-ss", &seconds(shot.source_start_ms)]);
        }
        let shown_ms = (frames * 1000).div_ceil(u64::from(plan.fps));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates"
        )]
        let length_ms = (shown_ms as f64 * plan.speed).ceil() as u64 + 100;
        self.add(["-t", &seconds(length_ms)]).add(SAFE_INPUT).input(&shot.path);
    }

    /// The speech, and after it the music.
    pub fn sounds(&mut self, plan: &RenderPlan) -> &mut Self {
        self.add(SAFE_INPUT).input(&plan.narration);
        if let Some(music) = &plan.music {
            let length = seconds(plan.total_ms() + 1000);
            self.add(["-stream_loop", "-1", "-t", &length]).add(SAFE_INPUT).input(&music.path);
        }
        self
    }

    /// How the picture is encoded.
    pub fn picture(&mut self, plan: &RenderPlan) -> &mut Self {
        let encoding = &plan.encoding;
        self.add(encoding.encoder.args(&encoding.preset, encoding.quality, encoding.threads));
        self.add(["-r", &plan.fps.to_string()])
    }

    /// How many frames there are: only where there is no sound, which ffmpeg would end with them.
    pub fn frames(&mut self, frames: u64) -> &mut Self {
        self.add(["-frames:v", &frames.to_string()])
    }

    /// How the sound is encoded.
    pub fn sound(&mut self) -> &mut Self {
        self.add(["-c:a", "aac", "-b:a", "192k"])
    }

    /// An MP4 that is `target`. The time base holds whole frames, so that files can be joined.
    pub fn mp4(&mut self, plan: &RenderPlan, target: &Path) -> &mut Self {
        self.add(["-map_metadata", "-1", "-map_chapters", "-1"]);
        self.add(["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]);
        self.add(["-video_track_timescale", &(plan.fps * 512).to_string()]);
        self.add(["-movflags", "+faststart", "-f", "mp4"]).target(target)
    }

    /// The picture `[cover]` as a JPEG that is `target`.
    pub fn jpeg(&mut self, target: &Path) -> &mut Self {
        self.add(["-map", "[cover]", "-frames:v", "1", "-c:v", "mjpeg", "-q:v", "2"]);
        self.add(["-fflags", "+bitexact", "-flags:v", "+bitexact"]);
        self.add(["-f", "image2", "-update", "1"]).target(target)
    }

    pub fn target(&mut self, path: &Path) -> &mut Self {
        self.0.push(file_url(path));
        self
    }
}

/// Milliseconds as ffmpeg reads them.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// A value inside a filter graph, which is unquoted twice: as an option of its filter, and before that
/// as a part of the graph (<https://ffmpeg.org/ffmpeg-filters.html#Notes-on-filtergraph-escaping>).
pub(super) fn escape(value: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_as_ffmpeg_reads_them() {
        for (ms, expected) in [(0, "0.000"), (7, "0.007"), (61_250, "61.250")] {
            assert_eq!(seconds(ms), expected);
        }
    }
}
