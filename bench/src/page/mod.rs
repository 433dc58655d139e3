//! A page of a report: the same sections as Markdown, as one HTML document, and as JSON.
//!
//! What stands on a page is a value, and the three texts are read from it: they cannot disagree, and what
//! a section says is written once. A templating library would have to be told everything a second time.
//!
//! Prose is written with the marks of Markdown that need no nesting: `` `code` ``, `**heavy**` and
//! `*slanted*`. HTML reads them in [`inline`]; Markdown keeps them as they are.

mod html;
mod inline;
mod markdown;

use serde::Serialize;

/// A page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    /// What it is about, such as `Load test: short`.
    pub title: String,
    /// What it says in one line: the first line of the page.
    pub verdict: String,
    /// How that is to be taken.
    pub tone: Tone,
    /// What follows.
    pub blocks: Vec<Block>,
}

/// Whether something is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// It is.
    Good,
    /// It is not.
    Bad,
    /// It is not known.
    Unsure,
}

/// Part of a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "block", rename_all = "lowercase")]
pub enum Block {
    /// The title of what follows.
    Heading {
        /// Its words.
        text: String,
    },
    /// Prose.
    Text {
        /// Its words.
        text: String,
    },
    /// What must not be overlooked.
    Warnings {
        /// One each.
        texts: Vec<String>,
    },
    /// Rows, the first column of which names.
    Table(Table),
    /// Points.
    List {
        /// One each.
        points: Vec<String>,
    },
    /// A picture.
    Figure(Figure),
    /// What is to be typed.
    Code {
        /// What it is written in.
        language: &'static str,
        /// The lines.
        text: String,
    },
    /// What is shown when it is asked for.
    Folded {
        /// What it is.
        title: String,
        /// What stands in it.
        blocks: Vec<Self>,
    },
}

/// Rows of cells. Cells may hold anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What each column is.
    pub header: Vec<String>,
    /// A cell a column.
    pub rows: Vec<Vec<String>>,
}

/// A picture: Markdown names its file, HTML holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Its file beside the Markdown.
    pub file: &'static str,
    /// What it shows, for those who do not see it.
    pub alt: String,
    /// The picture. Its own bytes are in its file, and not in the JSON.
    #[serde(skip)]
    pub svg: String,
}

impl Page {
    /// As GitHub renders it and a terminal shows it.
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }

    /// As one document for a browser: nothing is asked of any other place, and no script runs.
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// As a document for programs.
    pub fn json(&self) -> String {
        // Strings, lists and names alone: there is nothing that JSON does not have.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The pictures, each with the name of its file.
    pub fn pictures(&self) -> Vec<(&'static str, String)> {
        let pictures = self.blocks.iter().filter_map(|block| match block {
            Block::Figure(figure) => Some((figure.file, figure.svg.clone())),
            _ => None,
        });
        pictures.collect()
    }
}

impl Block {
    pub(crate) fn heading(text: &str) -> Self {
        Self::Heading { text: text.to_owned() }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    pub(crate) fn figure(file: &'static str, alt: &str, svg: String) -> Self {
        Self::Figure(Figure { file, alt: alt.to_owned(), svg })
    }

    pub(crate) fn table<const N: usize>(
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Self {
        Self::Table(Table {
            header: header.map(str::to_owned).to_vec(),
            rows: rows.into_iter().map(|row| row.to_vec()).collect(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
