//! Nobody speaks: silence as long as the text would take, with the times at which its words would come.

use super::rates::seconds_of;
use super::wav::Wav;
use crate::artefacts::TimedWord;
use crate::timeline::{Anchor, place, tokens, weight};

/// Between two sentences.
const PAUSE_MS: f64 = 350.0;
/// No narration is shorter.
const MIN_MS: f64 = 3000.0;
/// Enough for silence, and known to every decoder.
const SAMPLE_RATE: u32 = 24_000;

/// Silence for `text` at `rate` times the usual speed, and its words.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds of a text of at most 50,000 characters"
)]
pub(super) fn speak(text: &str, rate: f64) -> (Wav, Vec<TimedWord>) {
    let tokens: Vec<&str> = tokens(text).collect();
    let mut anchors = Vec::with_capacity(tokens.len());
    let mut now_ms = 0.0;
    for sentence in tokens.split_inclusive(|token| ends_a_sentence(token)) {
        if now_ms > 0.0 {
            now_ms += PAUSE_MS / rate;
        }
        let sentence_ms =
            sentence.iter().map(|token| seconds_of(token)).sum::<f64>() * 1000.0 / rate;
        let total: u64 = sentence.iter().map(|token| weight(token)).sum();
        for token in sentence {
            let word_ms = sentence_ms * weight(token) as f64 / total as f64;
            let (start_ms, end_ms) = (now_ms as u64, Some((now_ms + word_ms) as u64));
            anchors.push(Some(Anchor { start_ms, end_ms }));
            now_ms += word_ms;
        }
    }
    let duration_ms = now_ms.max(MIN_MS).ceil() as u64;
    let n_samples = duration_ms * u64::from(SAMPLE_RATE) / 1000;
    let wav = Wav { sample_rate: SAMPLE_RATE, samples: vec![0; n_samples as usize] };
    (wav, place(&tokens, &anchors, duration_ms))
}

fn ends_a_sentence(token: &str) -> bool {
    let closing = ['"', '\'', '”', '’', ')', ']', '»', '」', '』', '）', '】', '》'];
    token.trim_end_matches(closing).ends_with(is_end)
}

fn is_end(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '؟' | '।')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::timeline::tests::check_well_timed;

    #[track_caller]
    fn check(text: &str, rate: f64, seconds: f64) {
        let (wav, words) = speak(text, rate);
        check_well_timed(&words, wav.duration_ms());
        let found = wav.duration_ms() as f64 / 1000.0;
        assert!((found - seconds).abs() < 0.002, "{text:?}: {found}");
        assert!(wav.samples.iter().all(|sample| *sample == 0));
    }

    #[test]
    fn silence_is_as_long_as_money_printer_turbos() {
        check("Sea.", 1.0, 3.0);
        let ten = "one two three four five six seven eight nine ten";
        check(ten, 1.0, 10.0 / 2.7);
        check(&format!("{ten}. {ten}! {ten}"), 1.0, 30.0 / 2.7 + 2.0 * 0.35);
        check(&format!("{ten}. {ten}! {ten}"), 2.0, (30.0 / 2.7 + 2.0 * 0.35) / 2.0);
        check("It's 3.5 well-known — “words” here, now…", 0.5, 2.0 * 6.0 / 2.7);
        check(&"海".repeat(21), 1.0, 5.0);
        check(&format!("{}。{}。", "海".repeat(21), "海".repeat(21)), 1.0, 10.35);
        check(&"바".repeat(21), 1.0, 5.0);
        check(&"ก".repeat(20), 1.0, 5.0);
        check("Biển giữ bí mật của nó suốt hai mươi năm dài", 1.0, 11.0 / 2.7);
    }

    #[test]
    fn words_stand_in_their_sentences() {
        let (_, words) = speak("aaa bbb ccc ddd. “Eee fff ggg hhh.” iii jjj", 1.0);
        let [end, start] = [words[3].end_ms, words[4].start_ms];
        assert_eq!((end, start), (1481, 1831), "a pause between the sentences");
        assert_eq!((words[0].start_ms, words[1].start_ms), (0, 370));
        assert_eq!((words[7].end_ms, words[8].start_ms), (3312, 3662));
    }

    #[test]
    fn a_chinese_letter_is_a_word_as_in_every_other_narration() {
        let (_, words) = speak("海守着。「它」", 1.0);
        let found: Vec<(&str, u64)> = words.iter().map(|w| (w.text.as_str(), w.start_ms)).collect();
        assert_eq!(found, [("海", 0), ("守", 238), ("着。", 476), ("「它」", 1064)]);
    }

    proptest! {
        #[test]
        fn every_word_has_its_time(text in "([a-zđ海ก.!。] ?){0,60}", rate in 0.5..2.0_f64) {
            let (wav, words) = speak(&text, rate);
            check_well_timed(&words, wav.duration_ms());
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            prop_assert_eq!(texts, tokens(&text).collect::<Vec<_>>());
            prop_assert!(wav.duration_ms() >= 3000);
        }
    }
}
