use std::path::Path;
use std::time::Duration;

use super::MediaError;
use super::tool::{SAFE_INPUT, ffmpeg, file_url};
use crate::process;

/// A narration is listened to within this time.
const LIMIT: Duration = Duration::from_secs(120);

/// What is quieter is silence, and stays it (EBU R 128 leaves it out too).
const SILENCE_LUFS: f64 = -60.0;

/// No more is added: below it there is more noise than speech.
const MOST_DB: f64 = 30.0;

/// Integrated loudness of the speech at `path` as it is in a video, the same on both sides, in LUFS
/// (EBU R 128, ITU-R BS.1770). Silence is negative infinity.
///
/// # Errors
///
/// ffmpeg did not do its work.
pub async fn loudness(path: &Path) -> Result<f64, MediaError> {
    let key = "lavfi.r128.I";
    let mut command = ffmpeg();
    command.args(["-v", "error"]).args(SAFE_INPUT);
    command.arg("-i").arg(file_url(path)).args(["-vn", "-af"]).arg(format!(
        "aformat=channel_layouts=mono,pan=stereo|c0=c0|c1=c0,ebur128=metadata=1,\
         ametadata=print:key={key}:file=-"
    ));
    command.args(["-f", "null", "-"]);
    let mut last = f64::NEG_INFINITY;
    process::lines(command, LIMIT, |line| {
        // Each line tells of all that was heard before it.
        let value = line.strip_prefix(key).and_then(|rest| rest.strip_prefix('='));
        last = value.and_then(|value| value.parse().ok()).unwrap_or(last);
    })
    .await?;
    Ok(if last > SILENCE_LUFS { last } else { f64::NEG_INFINITY })
}

/// The gain that brings speech of `loudness` (LUFS) to `target`, in decibels. Silence stays silent.
pub fn gain_db(loudness: f64, target: f64) -> f64 {
    if loudness.is_finite() { (target - loudness).min(MOST_DB) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gain_makes_up_the_difference() {
        for (loudness, expected) in
            [(-20.0, 4.0), (-10.0, -6.0), (-16.0, 0.0), (-55.0, 30.0), (f64::NEG_INFINITY, 0.0)]
        {
            assert!((gain_db(loudness, -16.0) - expected).abs() < 1e-9, "{loudness}");
        }
    }
}
