//! Prose as HTML.

/// `text` with the marks of Markdown that need no nesting: `` `code` ``, `**heavy**`, `*slanted*`. A mark
/// without its other half is itself, and so are stars with a blank inside of them.
pub(super) fn html(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*']) {
        html += &escaped(&rest[..at]);
        rest = &rest[at..];
        let marks = [("`", "code"), ("**", "strong"), ("*", "em")];
        let found =
            marks.iter().filter(|(mark, _)| rest.starts_with(mark)).find_map(|(mark, name)| {
                let inner = &rest[mark.len()..];
                let end = inner.find(mark).filter(|&end| is_word(&inner[..end], mark))?;
                Some((name, &inner[..end], mark.len() * 2 + end))
            });
        if let Some((name, inner, len)) = found {
            html += &format!("<{name}>{}</{name}>", escaped(inner));
            rest = &rest[len..];
        } else {
            html += &rest[..1];
            rest = &rest[1..];
        }
    }
    html + &escaped(rest)
}

/// Whether `mark` may stand around `inner`.
fn is_word(inner: &str, mark: &str) -> bool {
    let is_blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
    !inner.is_empty()
        && (mark == "`" || !(is_blank(inner.chars().next()) || is_blank(inner.chars().next_back())))
}

/// `text` as text of a document or value of an attribute, without control characters, which XML does not
/// have.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\n' | '\t' => escaped.push(c),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push(' '),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(html(text), expected);
    }

    #[test]
    fn marks_are_elements_and_everything_else_is_text() {
        check("", "");
        check("a `b*c*` d", "a <code>b*c*</code> d");
        check(
            "**Cut short**: it is *worth* 10",
            "<strong>Cut short</strong>: it is <em>worth</em> 10",
        );
        check("2 * 3, a ` and **", "2 * 3, a ` and **");
        check("<script>&\"`<b>`", "&lt;script&gt;&amp;&quot;<code>&lt;b&gt;</code>");
        check("a\u{0}b\u{FFFF}", "a b ");
    }
}
