//! What a model thinks aloud before it answers.

/// Names of the tags between which models think.
const TAGS: [&str; 4] = ["think", "thinking", "thought", "reasoning"];
/// No tag is longer: one is not looked for beyond, for an answer may be a million times `<`.
const MAX_TAG_BYTES: usize = 16;

/// The answer without the model's thoughts: blocks such as `<think>…</think>`, also one within another;
/// one that is not closed to its end; and all that stands before a closing tag that nothing opened, for
/// templates put the opening one into the prompt.
pub fn without_thoughts(answer: &str) -> String {
    let (mut spoken, mut depth, mut rest) = (String::new(), 0_u32, answer);
    while let Some(at) = rest.find('<') {
        let (before, from_tag) = rest.split_at(at);
        if depth == 0 {
            spoken.push_str(before);
        }
        match tag(from_tag) {
            Some((true, length)) => {
                depth += 1;
                rest = &from_tag[length..];
            }
            Some((false, length)) => {
                if depth == 0 {
                    spoken.clear();
                }
                depth = depth.saturating_sub(1);
                rest = &from_tag[length..];
            }
            None => {
                if depth == 0 {
                    spoken.push('<');
                }
                rest = &from_tag[1..];
            }
        }
    }
    if depth == 0 {
        spoken.push_str(rest);
    }
    spoken
}

/// The tag that a text begins with: whether it opens, and its length in bytes.
fn tag(text: &str) -> Option<(bool, usize)> {
    let name = tag_name(text)?;
    let length = name.len() + 2;
    let (opens, name) = name.strip_prefix('/').map_or((true, name), |name| (false, name));
    let known = TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(name.trim()));
    known.then_some((opens, length))
}

/// What stands between the angle brackets that a text begins with. None: it begins with no tag that is
/// known anywhere.
pub fn tag_name(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('<')?;
    let end = inside.bytes().take(MAX_TAG_BYTES).position(|byte| byte == b'>')?;
    Some(&inside[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: &str) {
        assert_eq!(without_thoughts(answer), expected, "{answer:?}");
    }

    #[test]
    fn only_thoughts_go() {
        check("", "");
        check("The sea.", "The sea.");
        check("a < b > c <b>d</b>", "a < b > c <b>d</b>");
        check("<think>hm</think>The sea.", "The sea.");
        check("<Thinking>hm</THINKING >The sea.", "The sea.");
        check("<think>hm <b>x</b> 1 < 2</think>The sea.", "The sea.");
        check("<think>a<think>b</think>c</think>The sea.", "The sea.");
        check("a <think>b</think> c <reasoning>d</reasoning> e", "a  c  e");
        check("The sea.<think>hm", "The sea.");
        check("<thinking>hm", "");
        check("hm, the user wants…\n</think>\nThe sea.", "\nThe sea.");
        check("<thinker>The sea.</thinker>", "<thinker>The sea.</thinker>");
        check("< reasoning >hm</reasoning>The sea.", "The sea.");
    }

    /// As long as it takes where each of them is looked for to the end: minutes.
    #[test]
    fn a_million_brackets_are_read_once() {
        let brackets = "<".repeat(1 << 20);
        check(&brackets, &brackets);
    }

    proptest! {
        #[test]
        fn hostile_tags_are_no_panic(answer in "[<>/a-z é]{0,40}|(<think>|</think>|<|é| ){0,12}") {
            let spoken = without_thoughts(&answer);
            prop_assert!(spoken.len() <= answer.len());
        }
    }
}
