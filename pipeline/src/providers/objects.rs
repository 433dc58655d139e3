//! An S3-like store: where artefacts are published.

use std::path::Path;
use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use tokio::io::AsyncReadExt;
use url::Url;

use crate::settings;

/// Parts of one file; S3 takes none below 5 MiB but the last.
const PART_BYTES: usize = 8 << 20;
/// Parts of one file that are under way at once.
const PARTS_IN_FLIGHT: usize = 4;

/// A store and the place in it.
#[derive(Clone, Debug)]
pub struct Publisher {
    store: Arc<dyn ObjectStore>,
    bucket: String,
    prefix: ObjectPath,
}

/// Why a file is not where it should be.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {reason:#}")]
pub struct PublishError {
    /// Where it was to go.
    pub url: String,
    reason: anyhow::Error,
}

impl PublishError {
    /// Whether the store will say no again.
    pub fn is_refusal(&self) -> bool {
        use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
        let error = self.reason.downcast_ref::<object_store::Error>();
        matches!(error, Some(NotFound { .. } | PermissionDenied { .. } | Unauthenticated { .. }))
    }
}

impl Publisher {
    /// The store of `settings.url`; none where it is not set. Credentials come from the environment, as
    /// every S3 client reads them (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, …).
    ///
    /// # Errors
    ///
    /// The URL is not `s3://bucket/prefix`, or the client cannot be built.
    pub fn new(settings: &settings::Publish) -> anyhow::Result<Option<Self>> {
        let Some(address) = &settings.url else { return Ok(None) };
        let wrong = || anyhow::anyhow!("publish.url is {address:?}, expected s3://bucket/prefix");
        let url = Url::parse(address).map_err(|_| wrong())?;
        let bucket = url.host_str().filter(|_| url.scheme() == "s3").ok_or_else(wrong)?.to_owned();
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(&bucket);
        if let Some(endpoint) = &settings.endpoint {
            builder =
                builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http:"));
        }
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        let prefix = ObjectPath::parse(url.path().trim_matches('/'))?;
        Ok(Some(Self { store: Arc::new(builder.build()?), bucket, prefix }))
    }

    /// Brings `file` to `<prefix>/<folder>/<name>` and gives its URL. It is seen whole or not at all;
    /// after an error the parts that arrived are taken back.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    pub async fn publish(
        &self,
        file: &Path,
        folder: &str,
        name: &str,
    ) -> Result<String, PublishError> {
        let target = self.prefix.clone().join(folder).join(name);
        let url = format!("s3://{}/{target}", self.bucket);
        match self.upload(file, &target).await {
            Ok(()) => Ok(url),
            Err(reason) => Err(PublishError { url, reason }),
        }
    }

    /// In parts: memory does not grow with the file.
    async fn upload(&self, file: &Path, target: &ObjectPath) -> anyhow::Result<()> {
        let mut source = fs_err::tokio::File::open(file).await?;
        let parts = self.store.put_multipart(target).await?;
        let mut sink = WriteMultipart::new_with_chunk_size(parts, PART_BYTES);
        match send(&mut source, &mut sink).await {
            Ok(()) => Ok(sink.finish().await.map(drop)?),
            Err(error) => {
                // The first error is the one to tell.
                let _ = sink.abort().await;
                Err(error)
            }
        }
    }
}

async fn send(source: &mut fs_err::tokio::File, sink: &mut WriteMultipart) -> anyhow::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n_bytes = source.read(&mut buffer).await?;
        if n_bytes == 0 {
            return Ok(());
        }
        sink.wait_for_capacity(PARTS_IN_FLIGHT).await?;
        sink.write(&buffer[..n_bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(url: &str, reason: &str) {
        let settings = settings::Publish { url: Some(url.to_owned()), ..Default::default() };
        let error = Publisher::new(&settings).expect_err("must be refused").to_string();
        assert!(error.contains(reason), "{url}: {error}");
    }

    #[test]
    fn what_is_no_store_is_refused_by_name() {
        check_refused("videos", "publish.url is \"videos\", expected s3://bucket/prefix");
        check_refused("https://bucket/videos", "expected s3://bucket/prefix");
        check_refused("s3:videos", "expected s3://bucket/prefix");
        assert!(Publisher::new(&settings::Publish::default()).expect("none").is_none());
    }

    #[tokio::test]
    async fn a_file_of_many_parts_arrives_whole_and_one_that_is_gone_is_named() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("video.mp4");
        let content: Vec<u8> = (0..20_000_000_u32).map(|byte| byte.to_le_bytes()[1]).collect();
        fs_err::write(&file, &content).expect("written");
        let store: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
        let prefix = ObjectPath::from("videos");
        let publisher = Publisher { store: Arc::clone(&store), bucket: "b".to_owned(), prefix };

        let url = publisher.publish(&file, "job", "video.mp4").await.expect("published");
        assert_eq!(url, "s3://b/videos/job/video.mp4");
        let there = store.get(&ObjectPath::from("videos/job/video.mp4")).await.expect("an object");
        assert_eq!(there.bytes().await.expect("its bytes"), content);

        let gone = publisher.publish(&folder.path().join("gone"), "job", "gone").await;
        let error = gone.expect_err("no such file");
        assert!(error.to_string().starts_with("s3://b/videos/job/gone: "), "{error}");
        assert!(!error.is_refusal());
    }
}
