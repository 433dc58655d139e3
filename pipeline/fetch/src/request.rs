//! What is to be downloaded.

use reqwest::header::HeaderMap;
use url::Url;

use crate::digest::Digest;

/// One file to download and what is known about it beforehand.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where it is. Redirects are followed anew at each attempt.
    pub url: Url,
    /// What it is called in progress and messages, with the file's extension: only a name ending in
    /// `.html` or `.htm` may turn out to be an HTML page.
    pub name: String,
    /// Its digest. Known: a file of the store is used without a request, and an interrupted download
    /// goes on in a later program. Not known: a flipped bit stays unseen, as TCP sees it.
    pub sha256: Option<Digest>,
    /// Its size. Anything else is refused before or while it is downloaded.
    pub bytes: Option<u64>,
    /// Sent with the request. `Authorization` is not sent on to another host.
    pub headers: HeaderMap,
    /// Whether the content of this URL never changes: once it was downloaded, the store's file is
    /// used without a request. Needs no digest. False: it is downloaded each time.
    pub remember: bool,
}

impl Request {
    /// A file of which only the place is known.
    pub fn new(url: Url, name: impl Into<String>) -> Self {
        let headers = HeaderMap::new();
        Self { url, name: name.into(), sha256: None, bytes: None, headers, remember: false }
    }

    /// Whether an HTML page would be the right answer.
    pub(crate) fn wants_page(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        name.ends_with(".html") || name.ends_with(".htm")
    }
}
