//! Stock sites: a search gives candidates, the clip itself is downloaded elsewhere.

mod coverr;
mod keys;
mod pexels;
mod pixabay;
mod site;

use std::path::Path;
use std::time::Duration;

use fetch::Digest;
use protocol::{Class, Size, VideoSource};
use serde::{Deserialize, Serialize};

pub use self::pixabay::MAX_TERM_CHARS;
use self::site::Site;
use super::kept::{Kept, Shelf};
use super::{Client, Common, Key, ProviderError, SetupError};
use crate::settings;

/// Time for one search.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(30);
/// Searches, by where their answers come from.
const SEARCHES: Shelf = Shelf { name: "search", metric: "reelbench_stock_searches_total" };
/// Enlarged more than this, a picture looks soft.
const MAX_ENLARGEMENT: f64 = 1.25;

/// A clip that a site offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The site's name of it, `pexels:1234`.
    pub id: String,
    /// The site's page of it.
    pub page_url: String,
    /// Who made it.
    pub creator: String,
    /// Under which terms.
    pub licence: String,
    /// What the site says is seen in it.
    pub description: String,
    /// Its length.
    pub duration_ms: u64,
    /// The file to download, the one that fits best.
    pub url: String,
    /// Size of that file, where the site tells it.
    pub bytes: Option<u64>,
    /// How well that file fills the picture.
    pub suits: Suits,
}

/// How well a clip fills the picture that is made, best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suits {
    /// It stands or lies as the picture does, and is large enough.
    #[default]
    Well,
    /// It has to be enlarged.
    Small,
    /// It lies where the picture stands, or stands where it lies: much of it is cut off.
    OtherShape,
}

/// The clients of all sites.
#[derive(Debug)]
pub struct Stock {
    pexels: Site,
    pixabay: Site,
    coverr: Site,
    /// What was found within the last day: Pixabay asks for that of everybody, Pexels counts every
    /// request, and the jobs of one subject search for the same terms. None: every search is sent.
    kept: Option<Kept<Vec<Candidate>>>,
}

/// Why there is nothing to keep.
#[derive(Clone, Debug)]
enum Nothing {
    /// No clip: there may be one in a minute.
    Empty,
    Failed(ProviderError),
}

impl Stock {
    /// Clients with the keys from the settings' environment variables, and answers of the last day in
    /// `cache`.
    ///
    /// # Errors
    ///
    /// A variable holds what is no key, or the HTTP client cannot be built.
    pub fn new(
        settings: &settings::Stock,
        cache: &Path,
        common: &Common,
    ) -> Result<Self, SetupError> {
        let site = |name, site: &settings::StockSite| -> Result<Site, SetupError> {
            let keys = Key::all_from_env(&site.api_key_env)?;
            let slots = common.limits.of(Class::Light).clone();
            let client = Client::new(common, &site.base_url, Some(SEARCH_TIMEOUT))?;
            Ok(Site::new(name, client, &site.base_url, keys, slots))
        };
        let age = settings::seconds(settings.search_cache_h * 3600.0);
        Ok(Self {
            pexels: site("pexels", &settings.pexels)?,
            pixabay: site("pixabay", &settings.pixabay)?,
            coverr: site("coverr", &settings.coverr)?,
            kept: (!age.is_zero()).then(|| common.keeping.keep(SEARCHES, cache.to_owned(), age)),
        })
    }

    /// Clips for `term`, best match first, each with the file that suits a picture of `size`; those of
    /// another shape come after all others.
    ///
    /// # Errors
    ///
    /// [`ProviderError`]. A term without any clip is no error, nor is a `source` that is no site: it
    /// has no clips.
    pub async fn search(
        &self,
        source: VideoSource,
        term: &str,
        size: Size,
    ) -> Result<Vec<Candidate>, ProviderError> {
        let Some(site) = self.site(source) else { return Ok(Vec::new()) };
        // In a box: what waits for a site is large, and the cache would hold it several times.
        let ask = Box::pin(async {
            let mut found = match source {
                VideoSource::Pixabay => pixabay::search(site, term, size).await,
                VideoSource::Coverr => coverr::search(site, term, size).await,
                _ => pexels::search(site, term, size).await,
            }?;
            found.sort_by_key(|candidate| candidate.suits); // stable: the site's order stays
            Ok(found)
        });
        let Some(kept) = &self.kept else { return ask.await };
        let ask = async {
            let found = ask.await.map_err(Nothing::Failed)?;
            if found.is_empty() { Err(Nothing::Empty) } else { Ok(found) }
        };
        match kept.get_or_ask(question(site, term, size), |_| true, ask).await {
            Ok(found) => Ok(found.to_vec()),
            Err(Nothing::Empty) => Ok(Vec::new()),
            Err(Nothing::Failed(error)) => Err(error),
        }
    }

    /// Drops what is kept of a search.
    pub async fn forget(&self, source: VideoSource, term: &str, size: Size) {
        if let (Some(kept), Some(site)) = (&self.kept, self.site(source)) {
            kept.forget(question(site, term, size)).await;
        }
    }

    fn site(&self, source: VideoSource) -> Option<&Site> {
        match source {
            VideoSource::Pexels => Some(&self.pexels),
            VideoSource::Pixabay => Some(&self.pixabay),
            VideoSource::Coverr => Some(&self.coverr),
            VideoSource::Local | VideoSource::Comfyui | VideoSource::Replicate => None,
        }
    }
}

/// Everything that changes an answer: the files are chosen by the size, and so is the order.
fn question(site: &Site, term: &str, size: Size) -> Digest {
    Digest::of(format!("{} {} {size} {term}", site.name, site.base_url).as_bytes())
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

/// A candidate with the best of its files; the site says the rest.
fn candidate(files: Vec<File>, size: Size) -> Option<Candidate> {
    let file = best_file(files, size)?;
    let suits = suits(&file, size);
    Some(Candidate { url: file.url, bytes: file.bytes, suits, ..Candidate::default() })
}

fn suits(file: &File, size: Size) -> Suits {
    let lies = |width: u32, height: u32| width.cmp(&height);
    let enlarged = f64::max(
        f64::from(size.width) / f64::from(file.width),
        f64::from(size.height) / f64::from(file.height),
    );
    if lies(file.width, file.height) != lies(size.width, size.height) {
        Suits::OtherShape
    } else if enlarged > MAX_ENLARGEMENT {
        Suits::Small
    } else {
        Suits::Well
    }
}

#[cfg(test)]
mod tests;
