use std::path::Path;
use std::time::Duration;

use super::MediaError;
use super::tool::{SAFE_INPUT, ffmpeg, file_url};
use crate::process;

/// A narration is listened to within this time.
const LIMIT: Duration = Duration::from_secs(120);
/// Quieter than this for 0.15 s is a pause between words.
const SILENCE: &str = "silencedetect=noise=-38dB:d=0.15";

/// Where there is sound in the first `duration_ms` of a file: from and to, in milliseconds, in order.
/// At least one span, the whole where everything is silent.
///
/// # Errors
///
/// ffmpeg did not do its work.
pub async fn voiced(path: &Path, duration_ms: u64) -> Result<Vec<(u64, u64)>, MediaError> {
    let mut command = ffmpeg();
    command.args(["-v", "error"]).args(SAFE_INPUT);
    command.arg("-i").arg(file_url(path)).args(["-vn", "-af"]);
    command.arg(format!("{SILENCE},ametadata=print:file=-")).args(["-f", "null", "-"]);
    let mut borders = Vec::new();
    process::lines(command, LIMIT, |line| borders.extend(border(line))).await?;
    Ok(spans(&borders, duration_ms))
}

/// Where silence begins or ends, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Border {
    Start(u64),
    End(u64),
}

fn border(line: &str) -> Option<Border> {
    let value = |key: &str| -> Option<u64> {
        let seconds: f64 = line.strip_prefix(key)?.parse().ok()?;
        Some(Duration::try_from_secs_f64(seconds).unwrap_or_default().as_millis() as u64)
    };
    let start = value("lavfi.silence_start=").map(Border::Start);
    start.or_else(|| value("lavfi.silence_end=").map(Border::End))
}

fn spans(borders: &[Border], duration_ms: u64) -> Vec<(u64, u64)> {
    let mut spans = Vec::new();
    let mut sound_from = Some(0);
    for border in borders {
        match *border {
            Border::Start(start) => spans.extend(sound_from.take().map(|from| (from, start))),
            Border::End(end) => sound_from = Some(end),
        }
    }
    spans.extend(sound_from.map(|from| (from, duration_ms)));
    spans.retain(|&(from, to)| from < to && to <= duration_ms);
    if spans.is_empty() { vec![(0, duration_ms)] } else { spans }
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: &[(u64, u64)]) {
        let borders: Vec<Border> = lines.iter().filter_map(|line| border(line)).collect();
        assert_eq!(spans(&borders, 3_000), expected, "{lines:?}");
    }

    #[test]
    fn sound_is_what_is_not_silence() {
        check(&[], &[(0, 3_000)]);
        check(&["lavfi.silence_start=0", "lavfi.silence_end=0.5"], &[(500, 3_000)]);
        check(
            &[
                "lavfi.silence_start=1",
                "x",
                "lavfi.silence_end=1.25",
                "lavfi.silence_duration=0.25",
            ],
            &[(0, 1_000), (1_250, 3_000)],
        );
        check(&["lavfi.silence_start=2.5"], &[(0, 2_500)]);
        check(&["lavfi.silence_start=0"], &[(0, 3_000)]);
    }

    #[tokio::test]
    async fn the_pause_in_a_sound_is_found() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("a pause.wav");
        let mut ffmpeg = Command::new("ffmpeg");
        let tone = "sine=f=300:d=3,volume='if(between(t,1,2),0,1)':eval=frame";
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", tone]).arg(&file);
        process::output(ffmpeg, &[], LIMIT).await.expect("ffmpeg");
        let found = voiced(&file, 3_000).await.expect("heard");
        let near = |a: u64, b: u64| a.abs_diff(b) < 60;
        let [(0, to), (from, 3_000)] = found[..] else { panic!("{found:?}") };
        assert!(near(to, 1_000) && near(from, 2_000), "{found:?}");
    }
}
