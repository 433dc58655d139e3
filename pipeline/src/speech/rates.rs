//! How long a text takes to say: MoneyPrinterTurbo's rates.

/// Words, a second.
const WORDS: f64 = 2.7;
/// Chinese, Japanese and Korean letters, a second.
const CJK: f64 = 4.2;
/// Letters of other scripts that put no spaces between words, a second.
const OTHERS: f64 = 4.0;

/// How long the text takes to say at the usual speed, without pauses.
pub fn seconds_of(text: &str) -> f64 {
    let (mut cjk, mut others, mut words) = (0, 0, 0);
    let mut in_word = false;
    for c in text.chars() {
        let of_words = c.is_alphanumeric() && !is_cjk(c) && !is_other(c);
        cjk += usize::from(is_cjk(c));
        others += usize::from(is_other(c));
        words += usize::from(of_words && !in_word);
        // `3.5` and `it's` are one word.
        in_word = of_words || in_word && !c.is_whitespace() && !is_cjk(c) && !is_other(c);
    }
    let [cjk, others, words] = [cjk, others, words].map(|n: usize| n as f64);
    cjk / CJK + words / WORDS + others / OTHERS
}

fn is_cjk(c: char) -> bool {
    c.is_alphanumeric()
        && matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{20000}'..='\u{2FFFF}')
}

/// Thai, Lao, Myanmar and Khmer.
fn is_other(c: char) -> bool {
    c.is_alphabetic()
        && matches!(c, '\u{E00}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: f64) {
        let found = seconds_of(text);
        assert!((found - expected).abs() < 1e-9, "{text:?}: {found}, expected {expected}");
    }

    #[test]
    fn words_and_letters_take_their_time() {
        check("", 0.0);
        check("— …", 0.0);
        check("one two three four five six seven eight nine ten", 10.0 / 2.7);
        check("It's 3.5 well-known — “words” here, now…", 6.0 / 2.7);
        check("Biển giữ bí mật", 4.0 / 2.7);
        check(&"海".repeat(21), 5.0);
        check(&"바".repeat(21), 5.0);
        check(&"ก".repeat(20), 5.0);
        check("用iPhone-12拍", 2.0 / 4.2 + 1.0 / 2.7);
    }
}
