//! Which of the heard words is which of the known ones: the alignment with the least edits.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_width::UnicodeWidthChar;

/// A known word and the heard word that is the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub known: usize,
    pub heard: usize,
    /// The part of the heard word.
    pub part: Part,
}

/// One of so many equal parts of a word: a recogniser hears several Chinese letters as one word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part {
    index: u64,
    count: u64,
}

impl Part {
    /// Its time within the word's.
    pub fn of(self, start_ms: u64, end_ms: u64) -> (u64, u64) {
        let span_ms = end_ms.saturating_sub(start_ms);
        let at = |index| start_ms.saturating_add(span_ms * index / self.count);
        (at(self.index), at(self.index + 1))
    }
}

/// What is compared: a word, or one letter of a script without spaces.
struct Unit {
    /// Small letters, without punctuation.
    text: String,
    /// Without marks above and below letters too.
    folded: String,
    word: usize,
    part: Part,
}

/// An alignment further than this many units from the diagonal is none. It bounds time and memory:
/// 10,000 known and heard units take 8 MB.
const BAND: usize = 400;

/// Edits, in order of their cost. Two words that are not alike cost more to pair than to leave out.
const GAP: u32 = 2;
const OTHER_MARKS: u32 = 1;
const ALIKE: u32 = 3;
const UNREACHED: u32 = u32::MAX / 2;

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Pair,
    SkipKnown,
    SkipHeard,
}

/// The pairs of the cheapest alignment, in order.
pub(super) fn pairs(known: &[&str], heard: &[&str]) -> Vec<Pair> {
    let (known, heard) = (units(known), units(heard));
    let steps = steps(&known, &heard);
    let (mut i, mut j) = (known.len(), heard.len());
    let mut pairs = Vec::new();
    while i > 0 && j > 0 {
        match steps.at(i, j) {
            Step::Pair => {
                (i, j) = (i - 1, j - 1);
                pairs.push(Pair {
                    known: known[i].word,
                    heard: heard[j].word,
                    part: heard[j].part,
                });
            }
            Step::SkipKnown => i -= 1,
            Step::SkipHeard => j -= 1,
        }
    }
    pairs.reverse();
    pairs
}

fn units(words: &[&str]) -> Vec<Unit> {
    let mut units = Vec::new();
    for (word, text) in words.iter().enumerate() {
        let letters = text
            .chars()
            .flat_map(char::to_lowercase)
            .filter(|c| c.is_alphanumeric() || is_combining_mark(*c));
        let mut parts: Vec<String> = Vec::new();
        let mut alone = true;
        for letter in letters.nfc() {
            let wide = letter.width() == Some(2);
            match parts.last_mut() {
                Some(part) if !alone && !wide => part.push(letter),
                _ => parts.push(letter.to_string()),
            }
            alone = wide;
        }
        let count = parts.len() as u64;
        units.extend(parts.into_iter().zip(0..).map(|(text, index)| {
            let folded = folded(&text);
            Unit { text, folded, word, part: Part { index, count } }
        }));
    }
    units
}

/// Without marks: `đ` is a letter of its own, and `d` to a recogniser that knows no Vietnamese.
fn folded(text: &str) -> String {
    text.nfd().filter(|c| !is_combining_mark(*c)).map(|c| if c == 'đ' { 'd' } else { c }).collect()
}

/// What pairing the two costs. None: they are not alike.
fn cost(known: &Unit, heard: &Unit) -> Option<u32> {
    if known.text == heard.text {
        return Some(0);
    }
    if known.folded == heard.folded {
        return Some(OTHER_MARKS);
    }
    let ends = |unit: &Unit| (unit.folded.chars().next(), unit.folded.chars().next_back());
    let ((first, last), (heard_first, heard_last)) = (ends(known), ends(heard));
    // Most words share neither: only the others are worth the costly comparison.
    let worth = first == heard_first || last == heard_last;
    (worth && strsim::normalized_levenshtein(&known.folded, &heard.folded) >= 0.5).then_some(ALIKE)
}

/// The last step of the cheapest way to each cell of the band.
struct Steps {
    band: Band,
    steps: Vec<Step>,
}

impl Steps {
    fn at(&self, i: usize, j: usize) -> Step {
        let column = j.checked_sub(self.band.from(i)).filter(|column| *column < self.band.width);
        column.map_or(Step::SkipKnown, |column| self.steps[i * self.band.width + column])
    }
}

/// The columns around the diagonal.
struct Band {
    n_known: usize,
    n_heard: usize,
    width: usize,
}

impl Band {
    fn new(n_known: usize, n_heard: usize) -> Self {
        Self { n_known, n_heard, width: (2 * BAND + 1).min(n_heard + 1) }
    }

    /// The first column of a row.
    fn from(&self, i: usize) -> usize {
        let diagonal = i * self.n_heard / self.n_known.max(1);
        diagonal.saturating_sub(BAND).min(self.n_heard + 1 - self.width)
    }
}

fn steps(known: &[Unit], heard: &[Unit]) -> Steps {
    let band = Band::new(known.len(), heard.len());
    let mut steps = Vec::with_capacity((known.len() + 1) * band.width);
    let mut above: Vec<u32> = Vec::new();
    for i in 0..=known.len() {
        let from = band.from(i);
        let above_from = band.from(i.saturating_sub(1));
        let of_above = |j: usize| above.get(j.checked_sub(above_from)?).copied();
        let mut row: Vec<u32> = Vec::with_capacity(band.width);
        for j in from..from + band.width {
            let pair = (i > 0 && j > 0).then(|| cost(&known[i - 1], &heard[j - 1])).flatten();
            let pair = pair.and_then(|cost| Some(of_above(j - 1)? + cost));
            let skip_known = of_above(j).map(|cost| cost + GAP);
            let skip_heard = row.last().map(|cost| cost + GAP);
            let candidates =
                [(pair, Step::Pair), (skip_known, Step::SkipKnown), (skip_heard, Step::SkipHeard)];
            let best = candidates
                .into_iter()
                .filter_map(|(cost, step)| Some((cost?, step)))
                .min_by_key(|(cost, _)| *cost);
            // No way leads to the corner, where all begin, nor where the band has moved by its width.
            let begin = if i == 0 && j == 0 { 0 } else { UNREACHED };
            let (cost, step) = best.unwrap_or((begin, Step::SkipKnown));
            row.push(cost);
            steps.push(step);
        }
        above = row;
    }
    Steps { band, steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(known: &str, heard: &str, expected: &[(usize, usize)]) {
        let (known, heard): (Vec<&str>, Vec<&str>) =
            (known.split(' ').collect(), heard.split(' ').collect());
        let found: Vec<(usize, usize)> =
            pairs(&known, &heard).iter().map(|pair| (pair.known, pair.heard)).collect();
        assert_eq!(found, expected, "{known:?} {heard:?}");
    }

    #[test]
    fn words_that_are_not_alike_are_not_paired() {
        check("", "", &[]);
        check("— ! 😀", "— ! 😀", &[]);
        check("sea", "tree", &[]);
        check("a b", "b a", &[(0, 1)]);
    }

    #[test]
    fn scripts_without_spaces_are_paired_by_letters() {
        check("今天天气 好", "今 天天 好", &[(0, 0), (0, 1), (0, 1), (1, 2)]);
        check("iPhone手机", "iphone 手机", &[(0, 0), (0, 1), (0, 1)]);
    }

    /// Time and memory are bounded, and a long text is still aligned to its end.
    #[test]
    fn long_texts_are_aligned() {
        let known: Vec<String> = (0..1500).map(|i| format!("w{i}")).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let heard: Vec<&str> = known.iter().copied().filter(|word| !word.ends_with('7')).collect();
        let found = pairs(&known, &heard);
        assert_eq!(found.len(), heard.len());
        assert!(found.iter().all(|pair| known[pair.known] == heard[pair.heard]));
        // So many more on one side that the band has gaps: no alignment, and no panic.
        assert!(pairs(&known[..2], &heard).len() <= 2);
        assert!(pairs(&known, &heard[..2]).len() <= 2);
    }
}
