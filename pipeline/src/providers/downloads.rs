//! Files that providers name, on their way into the store.

use std::collections::HashMap;

use fetch::{Fetcher, Policy};
use protocol::VideoSource;

use crate::outward::{Outward, Way};
use crate::settings::{Settings, seconds};

/// Downloads into one store, asked as the settings allow it for each provider.
#[derive(Clone, Debug)]
pub struct Downloads {
    fetcher: Fetcher,
    way: Way,
    base_urls: HashMap<VideoSource, String>,
}

impl Downloads {
    /// Into the store of the settings.
    ///
    /// # Errors
    ///
    /// The store cannot be opened; no TLS provider is installed.
    pub fn new(settings: &Settings, outward: &Outward) -> anyhow::Result<Self> {
        let policy = Policy {
            stall_timeout: seconds(settings.downloads.stall_s),
            max_bytes: Some(settings.downloads.max_clip_bytes),
            ..Policy::default()
        };
        let store = fetch::Store::open(settings.data_dir.join("store"))?;
        let way = outward.to_files(|| policy.client_builder())?;
        let fetcher = Fetcher::new(way.clone(), store, policy);
        Ok(Self { fetcher, way, base_urls: base_urls(settings) })
    }

    /// For files that `source` names: at its own address, as it is set, and in the world.
    pub fn of(&self, source: VideoSource) -> Fetcher {
        match self.base_urls.get(&source) {
            Some(base_url) => self.fetcher.through(self.way.of(base_url)),
            None => self.fetcher.clone(),
        }
    }
}

fn base_urls(settings: &Settings) -> HashMap<VideoSource, String> {
    let stock = &settings.stock;
    let base_urls = [
        (VideoSource::Pexels, &stock.pexels.base_url),
        (VideoSource::Pixabay, &stock.pixabay.base_url),
        (VideoSource::Coverr, &stock.coverr.base_url),
        (VideoSource::Comfyui, &settings.comfyui.base_url),
        (VideoSource::Replicate, &settings.replicate.base_url),
    ];
    base_urls.map(|(source, base_url)| (source, base_url.clone())).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fetch::{FetchError, Progress, Request, Silent};

    use super::*;
    use crate::providers::test_server::{TestServer, say};

    #[tokio::test]
    async fn each_provider_may_name_files_of_its_own_and_none_of_its_neighbours() {
        let file = || TestServer::start(vec![say(200, "", "a clip")]);
        let (stock, comfyui) = (file().await, file().await);
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = Settings { data_dir: folder.path().to_owned(), ..Settings::default() };
        settings.stock.pexels.base_url = format!("{}/pexels", stock.base_url);
        settings.comfyui.base_url.clone_from(&comfyui.base_url);
        let downloads = Downloads::new(&settings, &Outward::new(&settings.outward));
        let downloads = downloads.expect("a store");
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        let check = async |source, server: &TestServer, is_fetched: bool| {
            let url = format!("{}/file.mp4", server.base_url).parse().expect("an address");
            match downloads.of(source).fetch(&Request::new(url, "file.mp4"), &progress).await {
                Ok(blob) => assert!(is_fetched && blob.bytes == 6, "{source:?}"),
                Err(FetchError::Refused { reason, .. }) => {
                    assert!(!is_fetched && reason.contains("outward.allow"), "{reason}");
                }
                Err(error) => panic!("{source:?}: {error}"),
            }
        };
        check(VideoSource::Pexels, &stock, true).await;
        check(VideoSource::Pexels, &comfyui, false).await;
        check(VideoSource::Comfyui, &comfyui, true).await;
        check(VideoSource::Comfyui, &stock, false).await;
        check(VideoSource::Replicate, &stock, false).await;
        check(VideoSource::Local, &stock, false).await;
        assert_eq!((stock.asked().len(), comfyui.asked().len()), (1, 1));
    }

    /// A body that says it is packed is none of ours: nothing is unpacked, and so nothing grows.
    #[tokio::test]
    async fn nothing_is_unpacked_on_its_way() {
        let packed = say(200, "Content-Encoding: gzip\r\n", "\u{1f}bomb");
        let server = TestServer::start(vec![packed]).await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = Settings { data_dir: folder.path().to_owned(), ..Settings::default() };
        settings.stock.pexels.base_url.clone_from(&server.base_url);
        let downloads = Downloads::new(&settings, &Outward::new(&settings.outward));
        let fetcher = downloads.expect("a store").of(VideoSource::Pexels);
        let url = format!("{}/file.mp4", server.base_url).parse().expect("an address");
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        let error = fetcher.fetch(&Request::new(url, "file.mp4"), &progress).await;
        assert!(matches!(error, Err(FetchError::Encoded { .. })), "{error:?}");
        let asked = server.asked().concat().to_ascii_lowercase();
        assert!(asked.contains("accept-encoding: identity"), "{asked}");
    }
}
