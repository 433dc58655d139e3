//! The narration in what a language model answers.

use crate::providers::llm::{tag_name, without_thoughts};

/// What a model writes before the spoken text, where a line begins with it and a colon.
const LABELS: [&str; 15] = [
    "voiceover",
    "voice-over",
    "voice over",
    "vo",
    "v.o.",
    "narrator",
    "narration",
    "speaker",
    "script",
    "người dẫn chuyện",
    "lời dẫn",
    "lời bình",
    "旁白",
    "解说",
    "画外音",
];
/// How a line of politeness before the narration begins; it ends with a colon.
const PREFACES: [&str; 6] = ["sure", "certainly", "of course", "here is", "here's", "here are"];
/// Marks that HTML puts into text; other brackets are spoken.
const TAGS: [&str; 9] = ["br", "br/", "br /", "b", "i", "u", "p", "em", "strong"];

/// What a model wraps around a narration goes; the narration stays as it is, in its paragraphs.
///
/// Removed are thoughts, code fences, rules, heading, list, quotation and emphasis marks, the frame of a
/// table, images, the target of a link, labels such as `Narrator:`, a line that announces the script,
/// and lines that are one stage direction in brackets as a whole. Brackets inside a sentence stay.
///
/// Each mark is looked at once: an answer is as long as a broken model makes it.
pub(super) fn clean(answer: &str) -> String {
    let spoken = without_thoughts(answer);
    let mut paragraphs = vec![String::new()];
    let mut said_anything = false;
    for line in spoken.lines() {
        let line = line.trim();
        if line.is_empty() {
            paragraphs.push(String::new());
            continue;
        }
        let Some(line) = spoken_line(line, said_anything) else { continue };
        said_anything = true;
        if let Some(paragraph) = paragraphs.last_mut() {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(&line);
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    unquoted(&paragraphs.join("\n\n")).to_owned()
}

/// What is spoken of a line that is not empty. None: nothing.
fn spoken_line(line: &str, said_anything: bool) -> Option<String> {
    let is_fence = line.starts_with("```") || line.starts_with("~~~");
    if is_fence || is_rule(line) || is_direction(line) {
        return None;
    }
    let line = without_table(line);
    let line = without_marks(line.trim());
    let line = without_emphasis(&without_tags(&without_links(line)));
    let line = without_label(line.trim());
    let is_preface = !said_anything && is_preface(line);
    (!line.is_empty() && !is_preface && !is_direction(line)).then(|| line.to_owned())
}

/// `---`, `* * *`, `|---|:--:|`: a line of marks.
fn is_rule(line: &str) -> bool {
    let marks = line.chars().filter(|c| "-*_=".contains(*c)).count();
    marks >= 3 && line.chars().all(|c| "-*_=|: ".contains(c))
}

/// A line that is one pair of brackets as a whole.
fn is_direction(line: &str) -> bool {
    let line = line.trim_matches('*');
    [('[', ']'), ('(', ')')].iter().any(|&(open, close)| {
        let inside = line.strip_prefix(open).and_then(|line| line.strip_suffix(close));
        inside.is_some_and(|inside| !inside.contains([open, close]))
    })
}

/// The cells of a row of a table, one after the other.
fn without_table(line: &str) -> String {
    let row = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    let Some(row) = row else { return line.to_owned() };
    let cells = row.split('|').map(str::trim).filter(|cell| !cell.is_empty());
    cells.collect::<Vec<_>>().join(", ")
}

/// The line without marks of headings, quotations and lists at its beginning.
fn without_marks(line: &str) -> &str {
    let line = line.trim_start_matches(['#', '>', ' ']);
    let bullet = ["- ", "* ", "+ ", "• "].iter().find_map(|mark| line.strip_prefix(mark));
    if let Some(item) = bullet {
        return item.trim_start();
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let behind = (1..=2).contains(&digits).then(|| &line[digits..]);
    let item = behind.and_then(|rest| rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") ")));
    item.map_or(line, str::trim_start)
}

/// `[text](https://…)` becomes its text, and an image nothing.
fn without_links(line: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(line.len()), line);
    while let Some(open) = rest.find('[') {
        let Some((text, end)) = link(&rest[open..]) else {
            kept.push_str(&rest[..=open]);
            rest = &rest[open + 1..];
            continue;
        };
        match rest[..open].strip_suffix('!') {
            Some(before) => kept.push_str(before),
            None => {
                kept.push_str(&rest[..open]);
                kept.push_str(text);
            }
        }
        rest = &rest[open + end..];
    }
    kept.push_str(rest);
    kept
}

/// The text of the link that `from` begins with, and where the link ends. Only what leads somewhere is a
/// link: the second brackets of "[almost](really)" are spoken.
fn link(from: &str) -> Option<(&str, usize)> {
    // Neither text nor target goes on beyond the next bracket.
    let inside = from.strip_prefix('[')?;
    let (text, behind) = inside.split_at(inside.find(['[', ']'])?);
    let target = behind.strip_prefix("](")?;
    let target = &target[..target.find(['[', ')'])?];
    let is_closed = behind[2 + target.len()..].starts_with(')');
    let leads =
        target.contains("://") || target.starts_with(['/', '#']) || target.contains("mailto:");
    (is_closed && leads).then_some((text, text.len() + target.len() + 4))
}

fn without_tags(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('<') {
        kept.push_str(&rest[..open]);
        let is_mark = |name: &&str| {
            let name = name.trim_start_matches('/').to_ascii_lowercase();
            TAGS.contains(&name.as_str())
        };
        match tag_name(&rest[open..]).filter(is_mark) {
            Some(name) => rest = &rest[open + name.len() + 2..],
            None => {
                kept.push('<');
                rest = &rest[open + 1..];
            }
        }
    }
    kept.push_str(rest);
    kept
}

/// The line without `*`, `` ` ``, `~~` and `_` that mark words. A star between spaces is a sign of
/// its own, and an underscore within a word belongs to it.
fn without_emphasis(line: &str) -> String {
    let line = line.replace("~~", "").replace('`', "");
    let letters: Vec<char> = line.chars().collect();
    let at = |place: Option<usize>| place.and_then(|place| letters.get(place)).copied();
    let (mut kept, mut place) = (String::with_capacity(line.len()), 0_usize);
    // Underscores that stand together stay or go together.
    for run in letters.chunk_by(|a, b| *a == '_' && *b == '_') {
        let (before, after) = (at(place.checked_sub(1)), at(Some(place + run.len())));
        let is_kept = match run[0] {
            '*' => before == Some(' ') && after == Some(' '),
            '_' => [before, after].iter().all(|c| c.is_some_and(char::is_alphanumeric)),
            _ => true,
        };
        if is_kept {
            kept.extend(run);
        }
        place += run.len();
    }
    kept
}

/// The line without a label such as `Narrator (V.O.):` at its beginning.
fn without_label(line: &str) -> &str {
    let Some((label, said)) = line.split_once([':', '：']) else { return line };
    let label = label.split_once('(').map_or(label, |(label, _)| label).trim().to_lowercase();
    if LABELS.contains(&label.as_str()) { said.trim_start() } else { line }
}

fn is_preface(line: &str) -> bool {
    let lower = line.to_lowercase();
    lower.ends_with(':') && PREFACES.iter().any(|preface| lower.starts_with(preface))
}

/// The text without one pair of quotation marks around all of it.
fn unquoted(text: &str) -> &str {
    [('"', '"'), ('“', '”')]
        .iter()
        .find_map(|&(open, close)| {
            let inside = text.strip_prefix(open)?.strip_suffix(close)?;
            (!inside.contains([open, close])).then_some(inside)
        })
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: &str) {
        assert_eq!(clean(answer), expected, "{answer:?}");
    }

    #[test]
    fn thoughts_fences_and_headings_go() {
        check("", "");
        check("<think>hm, the sea", "");
        check("<think>hm</think>\nThe sea.", "The sea.");
        check("hm, thinking\n</think>\nThe sea.", "The sea.");
        check("```\nThe sea.\n```", "The sea.");
        check("````markdown\n```text\nThe sea.\n```\n````", "The sea.");
        check("~~~\nThe sea.\n~~~", "The sea.");
        check("# The Sea\n\n**Waves** roll\nin.", "The Sea\n\nWaves roll in.");
        check("Biển đêm.\n\n\n\nSóng vỗ.", "Biển đêm.\n\nSóng vỗ.");
        check("The sea.\n\n---\n\n* * *\n\nIt waits.", "The sea.\n\nIt waits.");
    }

    #[test]
    fn lists_tables_and_quotations_are_read_as_text() {
        check("- One.\n* Two.\n3. Three.\n4) Four.\n• Five.", "One. Two. Three. Four. Five.");
        check("> Quoted.\n> Twice.", "Quoted. Twice.");
        check("1908. A year.\n-5 degrees.", "1908. A year. -5 degrees.");
        check("| Sea | Depth |\n|-----|:----:|\n| Red | 2,000 m |", "Sea, Depth Red, 2,000 m");
        check("a | b", "a | b");
    }

    #[test]
    fn emphasis_goes_and_signs_stay() {
        check(
            "_Very_ **deep**, *cold*, `dark`, ~~dry~~ and ***old***.",
            "Very deep, cold, dark, dry and old.",
        );
        check("Call snake_case, 5 * 3, __init__.", "Call snake_case, 5 * 3, init.");
        check("a<br>b <strong>c</strong> 1 < 2 <sea>", "ab c 1 < 2 <sea>");
    }

    #[test]
    fn links_lead_nowhere() {
        check("See [the sea](https://sea.example/a) now.", "See the sea now.");
        check("![A wave](https://sea.example/w.jpg)\nThe sea.", "The sea.");
        check("It is [almost](really) black [1].", "It is [almost](really) black [1].");
        check("[a](", "[a](");
        check("[a](https://[b](https://sea.example)", "[a](https://b");
        check("[[a](/b) c](/d)", "[a c](/d)");
    }

    #[test]
    fn labels_and_announcements_go() {
        for label in ["Voiceover:", "**Narrator:**", "**Narrator**:", "NARRATOR (V.O.):", "旁白："]
        {
            check(&format!("{label} The sea."), "The sea.");
        }
        check("Sure! Here is your script:\n\nThe sea.", "The sea.");
        check(
            "The sea has a rule:\nHere is where it ends:",
            "The sea has a rule: Here is where it ends:",
        );
        check("One thing is sure: it waits.", "One thing is sure: it waits.");
        check("Script:\nThe sea.", "The sea.");
        check("\"The sea.\"", "The sea.");
        check("“The sea.” “It waits.”", "“The sea.” “It waits.”");
    }

    #[test]
    fn brackets_that_are_spoken_stay() {
        check(
            "[Opening shot]\nThe sea (at night) is [almost] black.\n*(Music fades)*",
            "The sea (at night) is [almost] black.",
        );
        check("(a) and (b)", "(a) and (b)");
        check("The sea (", "The sea (");
    }

    /// As long as it takes where each mark is looked for to the end: minutes.
    #[test]
    fn a_million_marks_are_read_once() {
        for mark in ["<", "[", "[a](", "_", "*", "(", "\n|"] {
            let cleaned = clean(&mark.repeat(1 << 20));
            assert!(cleaned.len() <= mark.len() << 20);
        }
    }

    proptest! {
        #[test]
        fn plain_sentences_stay_as_they_are(
            words in prop::collection::vec("[a-zđể]{1,8}|\\([a-z]{1,5}\\)|\\[[a-z]{1,5}\\]|[0-9]{3,5}", 2..30),
        ) {
            let text = format!("So {}.", words.join(" "));
            prop_assert_eq!(clean(&text), text);
        }

        #[test]
        fn nothing_is_made_up(answer in "[a-z*_`~#>|\\[\\]()<:/.\\n -]{0,120}") {
            // Letter by letter, in their order; a table alone adds commas.
            let mut left = answer.chars();
            for letter in clean(&answer).chars().filter(|c| c.is_alphanumeric()) {
                prop_assert!(left.any(|c| c == letter), "{:?}", letter);
            }
        }
    }
}
