//! Verified parallel downloads into a content-addressed store.
//!
//! A [`Fetcher`] turns a [`Request`] into a [`Blob`] of a [`Store`]. Every byte is hashed as it
//! arrives, and a file gets its name only after its digest was compared: nothing wrong ever stands at
//! a final path, however the server, the network or this program fails. What fails is retried where
//! that can help, and then named: [`FetchError`] says the URL, what was expected and what came.
//!
//! The crate knows nothing of models, clips or videos. `pipeline` fetches clips with it, `xtask`
//! fetches models.
//!
//! - `digest`: SHA-256, and the one place that computes it
//! - `store`: finished files, files being written, links out of the store; `memo`: digests of URLs
//! - `fetcher`: `answer` judges what a server says (pure), `attempt` is one request, `download` is
//!   the life of one file, `sink` hashes and writes beside the network, `flights` shares downloads
//! - `ways`: which client asks an address, and where redirects may lead
//! - `policy`: patience; `progress`: a trait to watch; `stats`: counters

mod digest;
mod error;
mod fetcher;
mod memo;
mod policy;
mod progress;
mod request;
mod stats;
mod store;
mod ways;

pub use digest::{Digest, Hasher, InvalidDigest};
pub use error::{FetchError, shown};
pub use fetcher::Fetcher;
pub use memo::Memo;
pub use policy::Policy;
pub use progress::{Progress, Silent};
pub use request::Request;
pub use stats::Stats;
pub use store::{Blob, Linked, Store, StoreError, digest_of_file};
pub use ways::{AskError, Refusal, Ways, ask};
