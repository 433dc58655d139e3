use proptest::prelude::*;
use roxmltree::{Document, Node, ParsingOptions};

use super::*;

/// Reads an HTML page as XML and holds that nothing in it refers to another place.
pub(crate) fn check_sound(html: &str) {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(html, options)
        .unwrap_or_else(|error| panic!("{error}\n{html}"));
    let elements = || document.descendants().filter(Node::is_element);
    for node in elements() {
        let name = node.tag_name().name();
        let asking = [
            "script", "link", "img", "image", "iframe", "object", "embed", "use", "base", "source",
        ];
        assert!(!asking.contains(&name), "{name} refers elsewhere");
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            let refers = ["href", "src", "srcset", "action", "data", "poster", "background"];
            assert!(!refers.contains(&name), "{name}={value:?}");
            assert!(!name.starts_with("on"), "{name}={value:?}");
            assert!(!value.contains("url(") && !value.contains("://"), "{name}={value:?}");
        }
        if name == "style" {
            let css = node.text().unwrap_or_default();
            for word in ["url(", "@import", "@font-face", "expression", "://"] {
                assert!(!css.contains(word), "{word} in a style");
            }
        }
    }
    let policy = elements().find(|node| node.attribute("http-equiv").is_some());
    let content = policy.and_then(|node| node.attribute("content")).expect("a policy");
    assert!(content.starts_with("default-src 'none'"), "{content}");
}

/// The words of the body, as a reader comes upon them.
pub(crate) fn words(html: &str) -> String {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(html, options).expect("XML");
    let body = document
        .descendants()
        .find(|node| node.has_tag_name(("http://www.w3.org/1999/xhtml", "body")));
    let texts = body.expect("a body").descendants().filter(Node::is_text);
    texts.filter_map(|node| node.text()).collect::<Vec<_>>().join(" ").trim_start().to_owned()
}

fn sample_page() -> Page {
    Page {
        title: "Gate: `short`".to_owned(),
        verdict: "PASS: latency p95 -0.4 %".to_owned(),
        tone: Tone::Good,
        blocks: vec![
            Block::text("Ten workers, *closed*."),
            Block::Warnings { texts: vec!["**Busy**: load 3.\nlog".to_owned(), "two".to_owned()] },
            Block::heading("Jobs"),
            Block::table(["what", "n"], [["a|b <c>".to_owned(), "1".to_owned()]]),
            Block::figure(
                "a.svg",
                "A picture",
                "<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n".into(),
            ),
            Block::List { points: vec!["`run.json`: all".to_owned()] },
            Block::Code { language: "sh", text: "echo '```' && ls".to_owned() },
            Block::Folded { title: "All < of it".to_owned(), blocks: vec![Block::text("x")] },
        ],
    }
}

#[test]
fn a_page_is_three_texts() {
    let page = sample_page();
    insta::assert_snapshot!("markdown", page.markdown());
    insta::assert_snapshot!("json", page.json());
    let html = page.html();
    check_sound(&html);
    let (_, body) = html.split_once("<body>").expect("a body");
    insta::assert_snapshot!("html", body);
    assert!(words(&html).starts_with("PASS: latency p95 -0.4 %"));
    assert!(html.contains("<title>PASS: latency p95 -0.4 % | Gate: `short`</title>"));
}

#[test]
fn a_page_is_light_or_dark_as_the_system_is() {
    let html = sample_page().html();
    assert!(
        html.contains("color-scheme: light dark") && html.contains("(prefers-color-scheme: dark)")
    );
}

proptest! {
    #[test]
    fn no_text_breaks_its_page(text in any::<String>(), cell in any::<String>()) {
        let page = Page {
            title: text.clone(),
            verdict: text.clone(),
            tone: Tone::Unsure,
            blocks: vec![
                Block::text(text.clone()),
                Block::Warnings { texts: vec![text.clone()] },
                Block::table(["a", "b"], [[cell.clone(), text.clone()]]),
                Block::Code { language: "sh", text: cell.clone() },
                Block::Folded { title: cell.clone(), blocks: vec![Block::heading(&cell)] },
            ],
        };
        check_sound(&page.html());
        serde_json::from_str::<serde_json::Value>(&page.json()).expect("JSON");
    }
}
