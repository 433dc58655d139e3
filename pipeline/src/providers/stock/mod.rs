//! Stock sites: a search gives candidates, the clip itself is downloaded elsewhere.

mod pexels;
mod pixabay;

use std::time::Duration;

use protocol::{Size, VideoSource};
use serde::de::DeserializeOwned;

use super::http::{Call, MAX_JSON_BYTES};
use super::{Key, ProviderError, SetupError};
use crate::settings;

/// Time for one search.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(30);

/// A clip that a site offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The site's name of it, `pexels:1234`.
    pub id: String,
    /// The site's page of it.
    pub page_url: String,
    /// Who made it.
    pub creator: String,
    /// Under which terms.
    pub licence: &'static str,
    /// What the site says is seen in it.
    pub description: String,
    /// Its length.
    pub duration_ms: u64,
    /// The file to download, the one that fits best.
    pub url: String,
    /// Size of that file, where the site tells it.
    pub bytes: Option<u64>,
}

/// The clients of all sites.
#[derive(Clone, Debug)]
pub struct Stock {
    pexels: Site,
    pixabay: Site,
}

/// Where a site is asked, and with what.
#[derive(Clone, Debug)]
struct Site {
    client: reqwest::Client,
    base_url: String,
    key: Key,
}

impl Stock {
    /// Clients with the keys from the settings' environment variables.
    ///
    /// # Errors
    ///
    /// A variable holds what is no key, or the HTTP client cannot be built.
    pub fn new(settings: &settings::Stock) -> Result<Self, SetupError> {
        let client = reqwest::Client::builder().timeout(SEARCH_TIMEOUT).build()?;
        let site = |site: &settings::StockSite| -> Result<Site, SetupError> {
            let base_url = site.base_url.trim_end_matches('/').to_owned();
            let key = Key::from_env(&site.api_key_env)?;
            Ok(Site { client: client.clone(), base_url, key })
        };
        Ok(Self { pexels: site(&settings.pexels)?, pixabay: site(&settings.pixabay)? })
    }

    /// Clips for `term`, best match first, each with the file that suits a picture of `size`.
    ///
    /// # Errors
    ///
    /// [`ProviderError`]. A term without any clip is no error.
    pub async fn search(
        &self,
        source: VideoSource,
        term: &str,
        size: Size,
    ) -> Result<Vec<Candidate>, ProviderError> {
        match source {
            VideoSource::Pexels => pexels::search(&self.pexels, term, size).await,
            VideoSource::Pixabay => pixabay::search(&self.pixabay, term, size).await,
        }
    }
}

impl Site {
    /// Gets a JSON document; `url` is the address without the key.
    async fn json<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        url: &str,
    ) -> Result<T, ProviderError> {
        let call = Call {
            client: &self.client,
            request: request.build(),
            url,
            key: self.key.secret(),
            key_env: self.key.env(),
            max_bytes: MAX_JSON_BYTES,
            patience: Duration::MAX,
        };
        call.json("the site's search result").await
    }
}

/// A site's seconds as milliseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0) as u64
}

/// One file of a clip, as the sites describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    url: String,
    width: u32,
    height: u32,
    bytes: Option<u64>,
}

/// The smallest file that fills a picture of `size` without being enlarged; where there is none, the
/// largest.
fn best_file(files: Vec<File>, size: Size) -> Option<File> {
    let pixels = |file: &File| u64::from(file.width) * u64::from(file.height);
    let fills = |file: &File| file.width >= size.width && file.height >= size.height;
    let usable: Vec<File> =
        files.into_iter().filter(|file| !file.url.is_empty() && pixels(file) > 0).collect();
    let smallest =
        usable.iter().filter(|file| fills(file)).min_by_key(|file| pixels(file)).cloned();
    smallest.or_else(|| usable.into_iter().max_by_key(pixels))
}

#[cfg(test)]
mod tests;
