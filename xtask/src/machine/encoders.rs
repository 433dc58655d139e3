//! Encoders that really encode. `ffmpeg -encoders` lists what it was built with, also where the
//! hardware is not there, so each is asked for two frames.

use std::process::Stdio;
use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;
use tokio::process::Command;

/// A driver that hangs counts as one that does not work.
const LIMIT: Duration = Duration::from_secs(20);

/// An encoder that was tried.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Encoder {
    /// ffmpeg's name of it.
    pub name: &'static str,
    /// Whether it encoded two frames.
    pub works: bool,
    /// Why it did not; empty where it did.
    pub reason: String,
}

/// Name, options before the input, filter.
const ENCODERS: &[(&str, &[&str], &str)] = &[
    ("libx264", &[], "null"),
    ("h264_nvenc", &[], "null"),
    ("h264_qsv", &[], "null"),
    ("h264_vaapi", &["-vaapi_device", "/dev/dri/renderD128"], "format=nv12,hwupload"),
];

/// Tries every encoder, all at once.
pub async fn look() -> Vec<Encoder> {
    join_all(ENCODERS.iter().map(|&(name, options, filter)| attempt(name, options, filter))).await
}

async fn attempt(name: &'static str, options: &[&str], filter: &str) -> Encoder {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error"]).args(options);
    command.args(["-f", "lavfi", "-i", "color=black:s=256x256:r=30", "-vf", filter]);
    command.args(["-frames:v", "2", "-c:v", name, "-f", "null", "-"]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let reason = match tokio::time::timeout(LIMIT, command.output()).await {
        Ok(Ok(output)) if output.status.success() => String::new(),
        Ok(Ok(output)) => reason(&String::from_utf8_lossy(&output.stderr)),
        Ok(Err(error)) => format!("cannot start ffmpeg: {error}"),
        Err(_) => format!("no answer within {} s", LIMIT.as_secs()),
    };
    Encoder { name, works: reason.is_empty(), reason }
}

/// The first line of what ffmpeg says names the cause; its `[codec @ address]` is left out.
fn reason(stderr: &str) -> String {
    let line =
        stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("ffmpeg failed silently");
    let text = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    text.map_or(line, |(_, text)| text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_first_thing_ffmpeg_says() {
        let cases = [
            ("", "ffmpeg failed silently"),
            ("Unknown encoder 'h264_qsv'\n", "Unknown encoder 'h264_qsv'"),
            (
                "[h264_nvenc @ 0x555948ee44c0] Cannot load libcuda.so.1\nError initializing",
                "Cannot load libcuda.so.1",
            ),
            ("\n[AVHWDeviceContext @ 0x5] No VA display found\n", "No VA display found"),
        ];
        for (stderr, expected) in cases {
            assert_eq!(reason(stderr), expected);
        }
    }

    #[tokio::test]
    async fn x264_encodes_and_an_unknown_encoder_does_not() {
        let good = attempt("libx264", &[], "null").await;
        assert!(good.works, "{good:?}");
        let bad = attempt("h264_no_such", &[], "null").await;
        assert!(!bad.works && bad.reason.contains("h264_no_such"), "{bad:?}");
    }
}
