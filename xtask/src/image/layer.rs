//! Layers that we write ourselves: the same content gives the same bytes, on every machine and at every
//! time. Entries are sorted, owned by root, of time 0 and of mode 0644 or 0755.
//!
//! The format is POSIX.1-2001 (`ustar` with PAX records where a name or a size does not fit:
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13>).

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use fetch::Digest;
use tar::{EntryType, Header};

use super::pieces::{self, Piece};

/// Size of a block.
const BLOCK: u64 = 512;

/// The largest size that `ustar` has digits for.
const LARGEST: u64 = 0o77_777_777_777;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A folder.
    Folder,
    /// A file of the host.
    File {
        /// Where it is on the host.
        source: PathBuf,
        /// Its size.
        bytes: u64,
        /// What its content must be.
        sha256: Option<Digest>,
        /// Whether it is a program.
        executable: bool,
    },
    /// A file with this content.
    Text(String),
}

/// The entries of one layer by their paths, which are relative to `/` and end without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer(BTreeMap<String, Entry>);

impl Layer {
    /// Adds `entry`, and the folders above it where they are not there, owned by root.
    #[must_use]
    pub fn with(mut self, path: &str, entry: Entry) -> Self {
        let above = path.match_indices('/').map(|(end, _)| path[..end].to_owned());
        for folder in above {
            self.0.entry(folder).or_insert(Entry::Folder);
        }
        self.0.insert(path.to_owned(), entry);
        self
    }

    /// The tar file of the layer.
    ///
    /// # Errors
    ///
    /// A path that no tar file can name.
    pub fn pieces(&self) -> io::Result<Vec<Piece>> {
        let mut all = Vec::new();
        for (path, entry) in &self.0 {
            add(&mut all, path, entry)?;
        }
        all.push(zeros(2 * BLOCK));
        Ok(all)
    }

    /// Its members under the folder `prefix`, for a tar file that has more of them.
    ///
    /// # Errors
    ///
    /// A path that no tar file can name.
    pub fn members_under(&self, prefix: &str) -> io::Result<Vec<Piece>> {
        let mut all = Vec::new();
        add(&mut all, prefix, &Entry::Folder)?;
        for (path, entry) in &self.0 {
            add(&mut all, &format!("{prefix}/{path}"), entry)?;
        }
        Ok(all)
    }

    /// The digest of the tar file, which names the layer (its diff ID).
    ///
    /// # Errors
    ///
    /// A file cannot be read or is not what it must be.
    pub fn digest(&self) -> io::Result<Digest> {
        pieces::digest(&self.pieces()?)
    }
}

/// Adds a member of a tar file: its header, its content, and zeros up to the end of the block.
fn add(all: &mut Vec<Piece>, path: &str, entry: &Entry) -> io::Result<()> {
    match entry {
        Entry::Folder => {
            all.extend(header(&format!("{path}/"), EntryType::Directory, 0o755, 0)?);
        }
        Entry::Text(text) => {
            all.extend(member(path, vec![Piece::Inline(text.clone().into())], false)?);
        }
        Entry::File { source, bytes, sha256, executable } => {
            let content = Piece::File { path: source.clone(), bytes: *bytes, sha256: *sha256 };
            all.extend(member(path, vec![content], *executable)?);
        }
    }
    Ok(())
}

/// A file of a tar file whose content is `content`.
///
/// # Errors
///
/// A path that no tar file can name.
pub fn member(path: &str, content: Vec<Piece>, executable: bool) -> io::Result<Vec<Piece>> {
    let bytes = pieces::total(&content);
    let mode = if executable { 0o755 } else { 0o644 };
    let mut all = header(path, EntryType::Regular, mode, bytes)?;
    all.extend(content);
    let padding = bytes.next_multiple_of(BLOCK) - bytes;
    if padding > 0 {
        all.push(zeros(padding));
    }
    Ok(all)
}

/// The two blocks of zeros that end a tar file.
pub fn end() -> Piece {
    zeros(2 * BLOCK)
}

fn zeros(n: u64) -> Piece {
    Piece::Inline(vec![0; usize::try_from(n).unwrap_or_default()].into())
}

fn header(path: &str, kind: EntryType, mode: u32, bytes: u64) -> io::Result<Vec<Piece>> {
    let mut all = Vec::new();
    let mut header = Header::new_ustar();
    let mut records = String::new();
    if header.set_path(path).is_err() {
        records += &record("path", path);
        // Any name will do: readers take the one of the record.
        header.set_path(format!("long/{}", Digest::of(path.as_bytes())))?;
    }
    if bytes > LARGEST {
        records += &record("size", &bytes.to_string());
    }
    if !records.is_empty() {
        let mut extended = Header::new_ustar();
        extended.set_path("PaxHeaders/0")?;
        fill(&mut extended, EntryType::XHeader, 0o644, records.len() as u64);
        all.push(block(&extended));
        let padding = records.len().next_multiple_of(BLOCK as usize) - records.len();
        all.push(Piece::Inline([records.into_bytes(), vec![0; padding]].concat().into()));
    }
    fill(&mut header, kind, mode, if bytes > LARGEST { 0 } else { bytes });
    all.push(block(&header));
    Ok(all)
}

fn fill(header: &mut Header, kind: EntryType, mode: u32, bytes: u64) {
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(bytes);
    header.set_cksum();
}

fn block(header: &Header) -> Piece {
    Piece::Inline(Bytes::copy_from_slice(header.as_bytes()))
}

/// `<length> <key>=<value>\n`, whose length counts its own digits.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

#[cfg(test)]
mod tests;
