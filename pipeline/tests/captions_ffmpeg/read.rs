//! Readers of others find the same cues in the files.

use pipeline::captions::srt::srt;
use pipeline::captions::vtt::vtt;

use super::*;

/// An SRT file as ffmpeg writes it: times in milliseconds, and lines without the font's tags.
fn read_srt(file: &str) -> Vec<(u64, u64, Vec<String>)> {
    let time = |text: &str| -> u64 {
        let digits = text.replace([':', ','], " ");
        let parts: Vec<u64> = digits.split(' ').map(|part| part.parse().expect("digits")).collect();
        ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000 + parts[3]
    };
    let file = file.replace("\r\n", "\n");
    file.split_terminator("\n\n")
        .map(|block| {
            let mut lines = block.lines().skip(1);
            let (start, end) =
                lines.next().and_then(|times| times.split_once(" --> ")).expect("times");
            let text = lines.collect::<Vec<_>>().join("\n");
            let text = text.strip_suffix("</font>").unwrap_or(&text);
            let text = match text.starts_with("<font face=") {
                true => text.split_once('>').map_or(text, |(_, text)| text),
                false => text,
            };
            // The alignment of an ASS.
            let text = text.strip_prefix("{\\an5}").unwrap_or(text);
            (time(start), time(end), text.lines().map(str::to_owned).collect())
        })
        .collect()
}

/// All three files, read by ffmpeg, hold the cues: the same lines, and times to 10 ms.
#[track_caller]
fn check_read_back(text: &str) {
    let spoken = spoken(text);
    let cues = &spoken.cues;
    assert!(!cues.is_empty());
    let folder = tempfile::tempdir().expect("folder");
    let style = style(&spoken.font, SubtitlePosition::Bottom);
    fs_err::write(folder.path().join("a.ass"), spoken.ass(&style)).expect("ass");
    fs_err::write(folder.path().join("a.srt"), srt(cues)).expect("srt");
    fs_err::write(folder.path().join("a.vtt"), vtt(cues)).expect("vtt");
    for (file, off_ms) in [("a.ass", 5), ("a.srt", 0), ("a.vtt", 0)] {
        let output = ffmpeg(folder.path(), &["-v", "error", "-i", file, "-f", "srt", "-"]);
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let found = read_srt(&String::from_utf8(output.stdout).expect("UTF-8"));
        assert_eq!(found.len(), cues.len(), "{file}: {found:?}");
        for ((start_ms, end_ms, lines), cue) in found.iter().zip(cues) {
            assert!(start_ms.abs_diff(cue.start_ms) <= off_ms, "{file}: {start_ms} {cue:?}");
            assert!(end_ms.abs_diff(cue.end_ms) <= off_ms, "{file}: {end_ms} {cue:?}");
            let escapes = file != "a.srt";
            let shown: Vec<String> = lines.iter().map(|line| seen(line, escapes)).collect();
            assert_eq!(shown, cue.lines, "{file}");
        }
    }
}

/// The text as it is seen: joiners draw nothing, and libass draws the escaped braces of an ASS, which
/// ffmpeg 5.1 leaves escaped when it converts; it reads WebVTT by way of ASS.
fn seen(line: &str, escapes: bool) -> String {
    let braces = |line: String| line.replace("\\{", "{").replace("\\}", "}");
    match escapes {
        true => braces(line.replace('\u{2060}', "")),
        false => line.replace('\u{2060}', ""),
    }
}

#[test]
fn ffmpeg_reads_the_same_cues() {
    for text in TEXTS {
        check_read_back(text);
    }
}

#[test]
fn hostile_text_is_read_back_as_text() {
    check_read_back(HOSTILE);
    check_read_back("00:00:01,000 --> 00:00:02,000");
    check_read_back("{\\pos(0,0)\\1c&H0000FF&}red {\\k50}karaoke {\\t(\\fs200)}grows {comment}");
}
