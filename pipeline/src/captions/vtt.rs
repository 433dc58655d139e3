//! WebVTT, the subtitle file that browsers read (<https://www.w3.org/TR/webvtt1/>).

use super::blocks::{blocks, joined_behind};
use crate::artefacts::Cue;

/// The cues as a WebVTT file.
///
/// `&`, `<` and `>` are written as the character references that the standard has for them, which also
/// keeps `-->` out of the text; control characters become spaces. Behind `{` and `\\` stands a word
/// joiner, which draws nothing, for players that take these for the beginning of an ASS command.
pub fn vtt(cues: &[Cue]) -> String {
    format!("WEBVTT\n\n{}", blocks(cues, '.', escaped))
}

fn escaped(line: &str) -> String {
    let line = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    joined_behind(&["{", "\\"], line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_header_and_numbered_blocks() {
        assert_eq!(vtt(&[]), "WEBVTT\n\n");
        let cue = |start_ms, end_ms, lines: &[&str]| Cue {
            start_ms,
            end_ms,
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
        };
        let cues = [
            cue(0, 1500, &["Biển xanh,", "trời xanh."]),
            cue(3_723_004, 3_724_000, &["<b>&amp;</b> -->\r\n{x}"]),
        ];
        assert_eq!(
            vtt(&cues),
            "WEBVTT\n\n\
             1\n00:00:00.000 --> 00:00:01.500\nBiển xanh,\ntrời xanh.\n\n\
             2\n01:02:03.004 --> 01:02:04.000\n&lt;b&gt;&amp;amp;&lt;/b&gt; --&gt;  {\u{2060}x}\n\n"
        );
    }
}
