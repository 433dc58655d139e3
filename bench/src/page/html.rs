//! A page as one HTML document that needs nothing else: pictures stand in it as SVG, there is no script,
//! no font and no address of another place, and a policy forbids the browser to ask for any. It is
//! well-formed XML too, so that a test can read all of it.
//!
//! It is light or dark as the reader's system is. On a phone, tables and pictures scroll sideways in their
//! own frames, so that their words stay as large as they are.

use super::inline::{escaped, html};
use super::{Block, Figure, Page, Table, Tone};

const STYLE: &str = include_str!("style.css");

/// Characters of the verdict that a tab of a browser and a list of pages show.
const IN_TITLE: usize = 100;

pub(super) fn page(page: &Page) -> String {
    let tone = match page.tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Unsure => "unsure",
    };
    let blocks: Vec<String> = page.blocks.iter().map(block).collect();
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'\"/>\n<title>{} | {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"verdict {tone}\">{}</p>\n<h1>{}</h1>\n{}\n</main>\n</body>\n</html>\n",
        escaped(&shortened(&page.verdict)),
        escaped(&page.title),
        html(&page.verdict),
        html(&page.title),
        blocks.join("\n"),
    )
}

fn shortened(verdict: &str) -> String {
    match verdict.char_indices().nth(IN_TITLE) {
        Some((end, _)) => format!("{}…", verdict[..end].trim_end()),
        None => verdict.to_owned(),
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading { text } => format!("<h2>{}</h2>", html(text)),
        Block::Text { text } => format!("<p>{}</p>", html(text)),
        Block::Warnings { texts } => {
            let texts: Vec<String> =
                texts.iter().map(|text| format!("<p>{}</p>", html(text))).collect();
            format!("<aside>\n{}\n</aside>", texts.join("\n"))
        }
        Block::Table(it) => table(it),
        Block::List { points } => {
            let points: Vec<String> =
                points.iter().map(|point| format!("<li>{}</li>", html(point))).collect();
            format!("<ul>\n{}\n</ul>", points.join("\n"))
        }
        Block::Figure(it) => figure(it),
        Block::Code { text, .. } => {
            format!("<pre tabindex=\"0\"><code>{}</code></pre>", escaped(text))
        }
        Block::Folded { title, blocks } => {
            let blocks: Vec<String> = blocks.iter().map(self::block).collect();
            format!(
                "<details>\n<summary>{}</summary>\n{}\n</details>",
                html(title),
                blocks.join("\n")
            )
        }
    }
}

fn table(Table { header, rows }: &Table) -> String {
    let head: Vec<String> =
        header.iter().map(|cell| format!("<th scope=\"col\">{}</th>", escaped(cell))).collect();
    let row = |cells: &Vec<String>| {
        let cells = cells.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("<th scope=\"row\">{}</th>", escaped(cell)),
            _ => format!("<td>{}</td>", escaped(cell)),
        });
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!(
        "<div class=\"frame\" tabindex=\"0\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody>\n\
         </table></div>",
        head.concat(),
        rows.join("\n")
    )
}

fn figure(Figure { alt, svg, .. }: &Figure) -> String {
    format!(
        "<figure>\n<div class=\"frame\" tabindex=\"0\">\n{}</div>\n<figcaption>{}</figcaption>\n</figure>",
        svg,
        html(alt)
    )
}
