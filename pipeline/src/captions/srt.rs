//! SubRip, the subtitle file that every player reads. It has no standard; this is what VLC, mpv,
//! YouTube and ffmpeg agree on (<https://www.matroska.org/technical/subtitles.html#srt-subtitles>).

use super::blocks::{JOINER, blocks, joined_behind};
use crate::artefacts::Cue;

/// The cues as an SRT file.
///
/// The text is verbatim but for a word joiner, which draws nothing: behind what players take for the
/// beginning of a command (`{`, `\\` and `<`), and in `-->`, which would be read as a line of times.
/// Control characters become spaces.
pub fn srt(cues: &[Cue]) -> String {
    blocks(cues, ',', escaped)
}

fn escaped(line: &str) -> String {
    joined_behind(&["{", "\\", "<"], line.replace("-->", &format!("--{JOINER}>")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::blocks::clock;
    use super::*;

    fn cue(start_ms: u64, end_ms: u64, lines: &[&str]) -> Cue {
        Cue { start_ms, end_ms, lines: lines.iter().map(|&line| line.to_owned()).collect() }
    }

    #[test]
    fn a_file_is_numbered_blocks() {
        assert_eq!(srt(&[]), "");
        let cues =
            [cue(0, 1500, &["Biển xanh,", "trời xanh."]), cue(3_723_004, 3_724_000, &["{x}"])];
        assert_eq!(
            srt(&cues),
            "1\n00:00:00,000 --> 00:00:01,500\nBiển xanh,\ntrời xanh.\n\n\
             2\n01:02:03,004 --> 01:02:04,000\n{\u{2060}x}\n\n"
        );
    }

    #[test]
    fn text_cannot_look_like_a_line_of_times_or_end_its_block() {
        let hostile = cue(0, 1, &["00:00:01,000 --> 00:00:02,000", "a\n\nb\r\nc", "----->>"]);
        let file = srt(&[hostile]);
        let lines: Vec<&str> = file.lines().skip(2).collect();
        assert_eq!(
            lines,
            ["00:00:01,000 --\u{2060}> 00:00:02,000", "a  b  c", "-----\u{2060}>>", ""]
        );
    }

    /// What a player reads: the times of each block and its lines.
    fn read_back(file: &str) -> Vec<(String, Vec<String>)> {
        file.split_terminator("\n\n")
            .map(|block| {
                let mut lines = block.lines().skip(1).map(str::to_owned);
                (lines.next().unwrap_or_default(), lines.collect())
            })
            .collect()
    }

    proptest! {
        #[test]
        fn every_block_is_read_back(texts in prop::collection::vec("[a-z>{}\\\\ -]{1,20}[a-z]", 0..9)) {
            let cues: Vec<Cue> = texts
                .iter()
                .zip(0..)
                .map(|(text, i)| cue(i * 1000, i * 1000 + 999, &[text]))
                .collect();
            let found = read_back(&srt(&cues));
            prop_assert_eq!(found.len(), cues.len());
            for ((times, lines), cue) in found.iter().zip(&cues) {
                prop_assert_eq!(times, &format!("{} --> {}", clock(cue.start_ms, ','), clock(cue.end_ms, ',')));
                prop_assert_eq!(lines, &[escaped(&cue.lines[0])]);
            }
        }
    }
}
