//! ffmpeg's command line, part by part.

use std::ffi::OsString;
use std::path::Path;

use super::super::tool::{BEGIN, SAFE_INPUT, SAFE_STILL, file_url};
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
        args.add(BEGIN).add(["-nostats", "-loglevel", "error", "-y"]);
        args.add(["-progress", "pipe:1", "-stats_period", "0.5"]);
        args.add(["-filter_complex_threads", &threads]);
        args
    }

    /// A shot's input: sought before it is opened, and read a little longer than it is shown, so that
    /// the last frame is the clip's own and not a repeated one.
    pub fn clip(&mut self, plan: &RenderPlan, shot: &ShotInput, frames: u64, threads: &str) {
        if shot.is_still {
            self.add(SAFE_STILL).add(["-framerate", &plan.fps.to_string()]);
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
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPACE: [char; 4] = [' ', '\n', '\t', '\r'];

    /// Names of files and folders: letters of every kind, and what means something to a filter graph.
    pub fn name() -> impl Strategy<Value = String> {
        let special = proptest::sample::select(
            "\\'\"[](),;:=%$@!#&*?<>|{}~`- \t\n\r.".chars().collect::<Vec<_>>(),
        );
        let letter = prop_oneof![3 => special, 1 => proptest::char::any(), 1 => Just('a')];
        let name = proptest::collection::vec(letter, 1..24).prop_map(String::from_iter);
        name.prop_filter("a name", |name| {
            !name.contains(['/', '\0']) && name != "." && name != ".."
        })
    }

    /// What stands in `text` up to one of `ends`, and the rest: ffmpeg's `av_get_token`.
    fn token<'a>(text: &'a str, ends: &[char]) -> (String, &'a str) {
        let text = text.trim_start_matches(SPACE);
        let (mut found, mut n_kept, mut letters) = (String::new(), 0, text.char_indices());
        let mut is_quoted = false;
        let rest = loop {
            match letters.next() {
                None => break "",
                Some((at, letter)) if !is_quoted && ends.contains(&letter) => break &text[at..],
                Some((_, '\'')) => {
                    is_quoted = !is_quoted;
                    n_kept = found.len();
                }
                Some((_, '\\')) if !is_quoted => {
                    found.extend(letters.next().map(|(_, letter)| letter));
                    n_kept = found.len();
                }
                Some((_, letter)) => {
                    found.push(letter);
                    n_kept =
                        if is_quoted || !SPACE.contains(&letter) { found.len() } else { n_kept };
                }
            }
        };
        found.truncate(n_kept);
        (found, rest)
    }

    /// The filters of a chain, each with its options.
    pub fn filters(mut chain: &str) -> Vec<(String, Vec<(String, String)>)> {
        let mut filters = Vec::new();
        loop {
            let (name, rest) = token(chain, &['=', ',', ';', '[']);
            let (options, rest) = match rest.strip_prefix('=') {
                Some(rest) => token(rest, &['[', ']', ',', ';']),
                None => (String::new(), rest),
            };
            let (mut left, mut pairs) = (options.as_str(), Vec::new());
            while !left.is_empty() {
                let (key, value) = left.split_once('=').unwrap_or(("", left));
                let (value, rest) = token(value, &[':']);
                pairs.push((key.to_owned(), value));
                left = rest.strip_prefix(':').unwrap_or(rest);
            }
            filters.push((name, pairs));
            match rest.strip_prefix(',') {
                Some(rest) => chain = rest,
                None => {
                    assert_eq!(rest, "", "a chain of filters and nothing else");
                    return filters;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_value_is_one_value_whatever_is_in_it(file in "[^\0]{1,30}", folder in name()) {
            let chain = format!("ass=filename={}:fontsdir={},null", escape(&file), escape(&folder));
            let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
            let options = vec![pair("filename", &file), pair("fontsdir", &folder)];
            prop_assert_eq!(filters(&chain), [("ass".to_owned(), options), ("null".to_owned(), vec![])]);
        }
    }

    #[test]
    fn seconds_are_written_as_ffmpeg_reads_them() {
        for (ms, expected) in [(0, "0.000"), (7, "0.007"), (61_250, "61.250")] {
            assert_eq!(seconds(ms), expected);
        }
    }
}
