//! What GitHub shows of a page: the summary of a workflow, annotations, and a comment on a pull request.
//!
//! Strings alone; who writes them where is not known here.

use crate::page::{Block, Page, Tone};

/// The summary of a step is at most so many bytes long
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary>).
const SUMMARY: usize = 1024 * 1024;
/// A comment is at most so many characters long.
const COMMENT: usize = 65_536;
/// Annotations of a step that GitHub shows.
const ANNOTATIONS: usize = 10;

/// How much an annotation weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Somebody must do something.
    Error,
    /// Somebody should look.
    Warning,
    /// Good to know.
    Notice,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// What goes into `$GITHUB_STEP_SUMMARY`: the page without its pictures, which have no address there.
pub fn summary(page: &Page) -> String {
    let whole = without_pictures(page, |block| block).markdown();
    if whole.len() <= SUMMARY {
        return whole;
    }
    let short = without_pictures(page, |block| match block {
        Block::Folded { title, .. } => Block::text(format!("{title}: in the report.")),
        block => block,
    });
    within(short.markdown(), SUMMARY)
}

/// A comment that can be found again: `name` tells it from the comments of other gates. What comes after
/// the first table is folded.
pub fn comment(page: &Page, name: &str) -> String {
    let mut page = without_pictures(page, |block| block);
    let is_table = |block: &Block| matches!(block, Block::Table(_));
    let first = page.blocks.iter().position(is_table).map_or(0, |index| index + 1);
    let rest = page.blocks.split_off(first);
    // Headings in a folded part that holds folded parts: GitHub takes both.
    if !rest.is_empty() {
        page.blocks.push(Block::Folded { title: "The whole report".to_owned(), blocks: rest });
    }
    let marker = marker(name);
    let whole = format!("{marker}\n{}", page.markdown());
    if whole.chars().count() <= COMMENT {
        return whole;
    }
    page.blocks.pop();
    page.blocks.push(Block::text("The whole report is too long for a comment: see the summary."));
    within(format!("{marker}\n{}", page.markdown()), COMMENT)
}

/// By what a comment of this gate is known, and updated rather than written again.
pub fn marker(name: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name.chars().map(|c| if is_plain(&c) { c } else { '_' }).collect();
    // Two dashes would end the comment of HTML.
    format!("<!-- reelbench:{} -->", name.replace("--", "-_"))
}

/// The verdict and the warnings of a page as workflow commands, a line each.
pub fn annotations(page: &Page) -> String {
    let level = match page.tone {
        Tone::Good => Level::Notice,
        Tone::Bad => Level::Error,
        Tone::Unsure => Level::Warning,
    };
    let warnings = page.blocks.iter().filter_map(|block| match block {
        Block::Warnings { texts } => Some(texts),
        _ => None,
    });
    let warnings = warnings.flatten().map(|text| (Level::Warning, text.as_str()));
    std::iter::once((level, page.verdict.as_str()))
        .chain(warnings)
        .take(ANNOTATIONS)
        .map(|(level, text)| annotation(level, &page.title, text) + "\n")
        .collect()
}

/// One workflow command
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message>).
pub fn annotation(level: Level, title: &str, message: &str) -> String {
    let data = |text: &str| {
        text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A").replace(['`'], "")
    };
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let message = message.replace("**", "");
    format!("::{} title={}::{}", level.as_str(), property(title), data(&message))
}

fn without_pictures(page: &Page, also: impl Fn(Block) -> Block) -> Page {
    let kept = page.blocks.iter().filter(|block| !matches!(block, Block::Figure(_)));
    Page { blocks: kept.cloned().map(also).collect(), ..page.clone() }
}

/// At most so many bytes of `text`, cut at the end of a line.
fn within(mut text: String, most: usize) -> String {
    const CUT: &str = "\n\nThe rest is in the report.\n";
    if text.len() <= most {
        return text;
    }
    let room = most - CUT.len();
    let end = text.bytes().take(room).rposition(|byte| byte == b'\n').unwrap_or(0);
    text.truncate(end);
    text + CUT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate;
    use crate::report::gate::tests::{invalid, pass, regression};

    #[test]
    fn github_shows_the_verdict_first() {
        let page = gate::page(&regression());
        insta::assert_snapshot!("annotations", annotations(&page));
        insta::assert_snapshot!("comment", comment(&page, "gate short"));
        insta::assert_snapshot!("summary", summary(&page));
        assert!(
            annotations(&gate::page(&pass())).starts_with("::notice title=Gate%3A short::PASS")
        );
        assert!(
            annotations(&gate::page(&invalid())).starts_with("::warning title=Gate%3A short::INV")
        );
    }

    #[test]
    fn nothing_ends_a_command_or_a_marker() {
        let found = annotation(Level::Error, "a:b,c\n::", "**50 %** of `x`\r\n::error::y");
        assert_eq!(found, "::error title=a%3Ab%2Cc%0A%3A%3A::50 %25 of x%0D%0A::error::y");
        assert_eq!(marker("a b--><script>"), "<!-- reelbench:a_b-___script_ -->");
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let mut page = gate::page(&pass());
        let row = || ["name".to_owned(), "x".repeat(100)];
        page.blocks.push(Block::heading("Long"));
        page.blocks.push(Block::table(["what", "value"], (0..20_000).map(|_| row())));
        let (summary, comment) = (summary(&page), comment(&page, "gate"));
        assert!(summary.len() <= SUMMARY && summary.ends_with("The rest is in the report.\n"));
        assert!(comment.chars().count() <= COMMENT, "{}", comment.len());
        assert!(comment.contains("too long for a comment"), "{comment}");
        assert!(comment.contains("PASS: latency p95"), "{comment}");
    }
}
