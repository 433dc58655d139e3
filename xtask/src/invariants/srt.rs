//! A reader of SRT of our own: the pipeline's writer is not checked with the pipeline's reader.

/// One cue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrtCue {
    /// When it appears.
    pub start_ms: u64,
    /// When it goes.
    pub end_ms: u64,
    /// Its lines.
    pub text: String,
}

/// Reads blocks of number, times and text, separated by empty lines.
///
/// # Errors
///
/// What is no cue, with the number of the block.
pub fn parse(srt: &str) -> Result<Vec<SrtCue>, String> {
    let text = srt.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let blocks = text.split("\n\n").map(|block| block.trim_matches('\n'));
    blocks
        .filter(|block| !block.is_empty())
        .enumerate()
        .map(|(index, block)| {
            cue(block).ok_or_else(|| format!("block {} is no cue: {block:?}", index + 1))
        })
        .collect()
}

fn cue(block: &str) -> Option<SrtCue> {
    let mut lines = block.lines();
    lines.next()?.trim().parse::<u32>().ok()?;
    let (start, end) = lines.next()?.split_once(" --> ")?;
    let text = lines.collect::<Vec<_>>().join("\n");
    Some(SrtCue { start_ms: instant_ms(start)?, end_ms: instant_ms(end)?, text })
}

/// `00:01:02,345`.
fn instant_ms(text: &str) -> Option<u64> {
    let (clock, millis) = text.trim().split_once(',')?;
    let mut parts = clock.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let millis: u64 = (millis.len() == 3).then(|| millis.parse().ok()).flatten()?;
    parts.next().is_none().then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_cue_is_named() {
        for srt in ["1\n00:00:01 --> 00:00:02\nx", "x\n00:00:01,000 --> 00:00:02,000\nx", "1\nx"] {
            let error = parse(srt).expect_err("no cue");
            assert!(error.starts_with("block 1 is no cue"), "{error}");
        }
    }

    #[test]
    fn cues_are_read() {
        let srt = "1\n00:00:00,050 --> 00:00:01,500\nBiển đêm\ntĩnh lặng.\n\n\
                   2\n01:02:03,004 --> 01:02:05,000\nSóng.\n";
        let cue = |start_ms, end_ms, text: &str| SrtCue { start_ms, end_ms, text: text.to_owned() };
        let expected =
            vec![cue(50, 1500, "Biển đêm\ntĩnh lặng."), cue(3_723_004, 3_725_000, "Sóng.")];
        assert_eq!(parse(srt), Ok(expected));
        assert_eq!(parse("\n\n"), Ok(Vec::new()));
    }
}
