//! A store in a temporary folder and a fetcher that does not wait long.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fetch::{Blob, Digest, FetchError, Fetcher, Policy, Progress, Request, Silent, Store};

use crate::server::Server;

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) fetcher: Fetcher,
}

pub(crate) fn policy() -> Policy {
    Policy {
        attempts: 5,
        connect_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_millis(400),
        first_delay: Duration::from_millis(5),
        max_delay: Duration::from_millis(20),
        max_retry_after: Duration::from_millis(1500),
        max_bytes: None,
    }
}

pub(crate) fn fetcher(root: &Path, policy: Policy) -> Fetcher {
    rustls::crypto::ring::default_provider().install_default().ok();
    let store = Store::open(root).expect("store");
    Fetcher::new(policy.client().expect("client"), store, policy)
}

pub(crate) fn silent() -> Arc<dyn Progress> {
    Arc::new(Silent)
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(policy())
    }

    pub(crate) fn with(policy: Policy) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let fetcher = fetcher(folder.path(), policy);
        Self { folder, fetcher }
    }

    pub(crate) async fn fetch(&self, request: &Request) -> Result<Blob, FetchError> {
        self.fetcher.fetch(request, &silent()).await
    }

    /// Names in `partial/`.
    pub(crate) fn partials(&self) -> Vec<String> {
        names(&self.folder.path().join("partial"))
    }

    /// Whether every file of the store is what its name says, and only `n` are there.
    pub(crate) fn check_blobs(&self, n: usize) {
        let mut n_blobs = 0;
        let blobs = self.folder.path().join("blobs/sha256");
        for shard in names(&blobs) {
            for name in names(&blobs.join(&shard)) {
                let content = fs_err::read(blobs.join(&shard).join(&name)).expect("blob");
                assert_eq!(Digest::of(&content).to_string(), name);
                n_blobs += 1;
            }
        }
        assert_eq!(n_blobs, n, "files in the store");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).expect("folder");
    entries.map(|entry| entry.expect("entry").file_name().into_string().expect("name")).collect()
}

/// A request for the server's file, of which nothing else is known.
pub(crate) fn request(server: &Server) -> Request {
    Request::new(server.url("f.bin"), "f.bin")
}

/// The same with its digest.
pub(crate) fn verified(server: &Server, content: &[u8]) -> Request {
    Request { sha256: Some(Digest::of(content)), ..request(server) }
}

/// Bytes without a pattern.
pub(crate) fn noise(n_bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(n_bytes).collect()
}
