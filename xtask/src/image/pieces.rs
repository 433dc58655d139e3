//! Bytes that are described before they are sent: some in memory, most of them in files. Gigabytes pass
//! through in small chunks, and every file that has a digest is compared with it on its way.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use fetch::{Digest, Hasher};
use futures::Stream;
use tokio::sync::mpsc;

/// So many bytes are read at a time.
const CHUNK: usize = 256 << 10;

/// Chunks that wait for the engine.
const AHEAD: usize = 4;

/// Consecutive bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// In memory.
    Inline(Bytes),
    /// A whole file.
    File {
        /// Where it is.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What its content must be.
        sha256: Option<Digest>,
    },
}

impl Piece {
    /// How many bytes it is.
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::File { bytes, .. } => *bytes,
        }
    }
}

/// How many bytes `pieces` are together.
pub fn total(pieces: &[Piece]) -> u64 {
    pieces.iter().map(Piece::len).sum()
}

/// The digest of all `pieces`, one after the other. Reads every file once.
///
/// # Errors
///
/// As [`read`].
pub fn digest(pieces: &[Piece]) -> io::Result<Digest> {
    let mut hasher = Hasher::default();
    read(pieces, &mut |chunk| {
        hasher.update(&chunk);
        Ok(())
    })?;
    Ok(hasher.finish())
}

/// Hands all bytes of `pieces` to `take`, chunk by chunk.
///
/// # Errors
///
/// A file cannot be read, or is not what it was described to be; what `take` says.
pub fn read(pieces: &[Piece], take: &mut dyn FnMut(Bytes) -> io::Result<()>) -> io::Result<()> {
    for piece in pieces {
        match piece {
            Piece::Inline(bytes) => take(bytes.clone())?,
            Piece::File { path, bytes, sha256 } => read_file(path, *bytes, *sha256, take)?,
        }
    }
    Ok(())
}

fn read_file(
    path: &Path,
    expected: u64,
    sha256: Option<Digest>,
    take: &mut dyn FnMut(Bytes) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = fs_err::File::open(path)?;
    let (mut hasher, mut found) = (Hasher::default(), 0);
    loop {
        let mut chunk = vec![0; CHUNK];
        let n_read = file.read(&mut chunk)?;
        if n_read == 0 {
            break;
        }
        chunk.truncate(n_read);
        found += n_read as u64;
        if found > expected {
            break; // the header that was sent names another size: no byte more
        }
        if sha256.is_some() {
            hasher.update(&chunk);
        }
        take(chunk.into())?;
    }
    let wrong = |expected: String, found: String| {
        let message = format!("`{}`: expected {expected}, found {found}", path.display());
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    };
    if found != expected {
        return wrong(format!("{expected} bytes"), format!("{found} or more"));
    }
    match (sha256, hasher.finish()) {
        (Some(expected), found) if found != expected => {
            wrong(format!("sha256 {expected}"), found.to_string())
        }
        _ => Ok(()),
    }
}

/// What went through streams: how many bytes were asked for, and what broke one.
#[derive(Debug, Default)]
pub struct Meter {
    sent: AtomicU64,
    broken: Mutex<Option<io::Error>>,
}

impl Meter {
    /// Bytes that were handed over, of all streams.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Why the last stream broke on our side; the other side only sees that it ended.
    pub fn take_broken(&self) -> Option<io::Error> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set_broken(&self, error: io::Error) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// The bytes of `pieces` as the body of a request; `seen` is told how many were handed over.
///
/// An error of a file ends the stream, and so the request: the engine keeps nothing of it.
pub fn stream(
    pieces: Vec<Piece>,
    meter: Arc<Meter>,
    seen: impl Fn(u64) + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let reader = Arc::clone(&meter);
    tokio::task::spawn_blocking(move || {
        let mut taker_left = false;
        let all = read(&pieces, &mut |chunk| {
            sender.blocking_send(Ok(chunk)).map_err(|_| {
                taker_left = true;
                io::ErrorKind::BrokenPipe.into()
            })
        });
        if let (Err(error), false) = (all, taker_left) {
            let told = io::Error::new(error.kind(), error.to_string());
            // Whoever sees the stream break asks why: the answer is there first.
            reader.set_broken(error);
            let _ = sender.blocking_send(Err(told));
        }
    });
    let state = (receiver, meter, seen, 0);
    futures::stream::unfold(state, async |(mut receiver, meter, seen, mut n_seen)| {
        let chunk = receiver.recv().await?;
        if let Ok(chunk) = &chunk {
            n_seen += chunk.len() as u64;
            meter.sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            seen(n_seen);
        }
        Some((chunk, (receiver, meter, seen, n_seen)))
    })
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn file(folder: &Path, content: &[u8], sha256: Option<Digest>) -> Piece {
        let path = folder.join("file");
        fs_err::write(&path, content).expect("written");
        Piece::File { path, bytes: content.len() as u64, sha256 }
    }

    async fn sent(pieces: Vec<Piece>) -> (Result<Vec<u8>, String>, u64) {
        let meter = Arc::new(Meter::default());
        let mut chunks = Box::pin(stream(pieces, Arc::clone(&meter), |_| ()));
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => bytes.extend(chunk),
                Err(error) => {
                    let broken = meter.take_broken().expect("why is known once it broke");
                    assert_eq!(broken.to_string(), error.to_string());
                    return (Err(error.to_string()), meter.sent());
                }
            }
        }
        (Ok(bytes), meter.sent())
    }

    #[tokio::test]
    async fn all_bytes_arrive_in_order_and_are_counted() {
        let folder = tempfile::tempdir().expect("folder");
        let content = vec![7; CHUNK * 2 + 1];
        let pieces = vec![
            Piece::Inline(Bytes::from_static(b"head")),
            file(folder.path(), &content, Some(Digest::of(&content))),
            Piece::Inline(Bytes::from_static(b"tail")),
        ];
        let whole = [&b"head"[..], &content, b"tail"].concat();
        assert_eq!(digest(&pieces).expect("digest"), Digest::of(&whole));
        assert_eq!(total(&pieces), whole.len() as u64);
        assert_eq!(sent(pieces).await, (Ok(whole.clone()), whole.len() as u64));
    }

    #[tokio::test]
    async fn a_file_that_is_not_as_described_breaks_the_stream_and_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let described = file(folder.path(), b"abcd", Some(Digest::of(b"abcd")));
        let (Piece::File { path, .. }, expected) = (&described, Digest::of(b"abcd")) else {
            unreachable!("it is a file")
        };
        for (content, found) in [
            (&b"abce"[..], format!("expected sha256 {expected}, found {}", Digest::of(b"abce"))),
            (b"abc", "expected 4 bytes, found 3 or more".to_owned()),
            (b"abcde", "expected 4 bytes, found 5 or more".to_owned()),
        ] {
            fs_err::write(path, content).expect("written");
            let error = sent(vec![described.clone()]).await.0.expect_err("not as described");
            assert_eq!(error, format!("`{}`: {found}", path.display()));
        }
        fs_err::remove_file(path).expect("removed");
        let error = sent(vec![described.clone()]).await.0.expect_err("gone");
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}
