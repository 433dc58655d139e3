//! The page for operators, in the program itself: files without data, which ask the API like anybody
//! else. Nothing is fetched from elsewhere.
//!
//! Knows nothing of HTTP and of jobs; what is shown is decided in `page/`.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the page.
#[derive(Debug)]
pub struct File {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// What it holds.
    pub bytes: &'static [u8],
    /// Follows from what it holds; in quotes, as RFC 9110 has it.
    pub etag: String,
}

/// The page itself.
pub const INDEX: &str = "index.html";

/// The file of that name.
pub fn file(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

macro_rules! files {
    ($($name:literal: $media_type:expr,)*) => {
        static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
            vec![$(of($name, $media_type, include_bytes!(concat!("page/", $name))),)*]
        });
    };
}

files! {
    "index.html": HTML,
    "icon.svg": SVG,
    "base.css": CSS,
    "panels.css": CSS,
    "jobs.css": CSS,
    "sheets.css": CSS,
    "api.js": JS,
    "app.js": JS,
    "details.js": JS,
    "dom.js": JS,
    "events.js": JS,
    "format.js": JS,
    "header.js": JS,
    "job.js": JS,
    "jobs.js": JS,
    "limits.js": JS,
    "player.js": JS,
    "problem.js": JS,
    "queue.js": JS,
    "resources.js": JS,
    "spark.js": JS,
    "stages.js": JS,
    "state.js": JS,
    "submit.js": JS,
    "timeline.js": JS,
    "titles.js": JS,
    "token.js": JS,
    "words.js": JS,
    "words-en.js": JS,
    "words-vi.js": JS,
}

fn of(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> File {
    let digest = Sha256::digest(bytes);
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    File { name, media_type, bytes, etag: format!("\"{hex}\"") }
}

#[cfg(test)]
mod tests;
