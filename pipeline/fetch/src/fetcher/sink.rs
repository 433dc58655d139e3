//! Hashing and writing beside the network: a thread of its own takes the chunks as they come, so that
//! neither the hash (0.2 to 2 GB/s) nor the disk holds up other downloads.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::stats::{Counters, count};
use crate::store::{StoreError, Writer};

/// Chunks that may wait. A chunk is what one read of the socket gave, at most some 100 KiB: this
/// bounds the memory of a download whose disk is slower than its network.
const WAITING: usize = 16;

/// Where a body goes. Dropped before its end, what was written stays in the file.
#[derive(Debug)]
pub(super) struct Sink {
    chunks: mpsc::Sender<Bytes>,
    thread: JoinHandle<(Writer, io::Result<()>)>,
}

impl Sink {
    pub(super) fn start(mut writer: Writer, counters: Arc<Counters>) -> Self {
        let (chunks, mut waiting) = mpsc::channel::<Bytes>(WAITING);
        let thread = tokio::task::spawn_blocking(move || {
            let mut result = Ok(());
            while let Some(chunk) = waiting.blocking_recv() {
                result = writer.write(&chunk);
                if result.is_err() {
                    break;
                }
                count(&counters.bytes_hashed, chunk.len() as u64);
            }
            (writer, result)
        });
        Self { chunks, thread }
    }

    /// Hands over the next chunk. False: the disk refused, [`Sink::finish`] says why.
    pub(super) async fn write(&self, chunk: Bytes) -> bool {
        self.chunks.send(chunk).await.is_ok()
    }

    /// Waits until everything is written, and gives the writer back.
    pub(super) async fn finish(self) -> Result<(Writer, io::Result<()>), StoreError> {
        drop(self.chunks);
        Ok(self.thread.await?)
    }
}
