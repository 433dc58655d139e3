//! A page as Markdown (<https://github.github.com/gfm/>).

use super::{Block, Page, Table};
use crate::markdown;

pub(super) fn page(page: &Page) -> String {
    let mut sections = vec![format!("**{}**", page.verdict), format!("# {}", page.title)];
    sections.extend(page.blocks.iter().map(block));
    sections.join("\n\n") + "\n"
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading { text } => format!("## {text}"),
        Block::Text { text } => text.clone(),
        Block::Warnings { texts } => {
            let quoted: Vec<String> =
                texts.iter().map(|text| format!("> {}", text.replace('\n', "\n> "))).collect();
            quoted.join("\n>\n")
        }
        Block::Table(Table { header, rows }) => markdown::rows(header, rows),
        Block::List { points } => {
            let points: Vec<String> = points.iter().map(|point| format!("- {point}")).collect();
            points.join("\n")
        }
        Block::Figure(figure) => format!("![{}]({})", figure.alt, figure.file),
        Block::Code { language, text } => {
            // No line of a run may end the block.
            format!("```{language}\n{}\n```", text.replace("```", "` ` `"))
        }
        Block::Folded { title, blocks } => {
            let blocks: Vec<String> = blocks.iter().map(self::block).collect();
            let title = crate::page::inline::escaped(title);
            format!(
                "<details>\n<summary>{title}</summary>\n\n{}\n\n</details>",
                blocks.join("\n\n")
            )
        }
    }
}
