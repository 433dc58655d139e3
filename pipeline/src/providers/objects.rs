//! Where artefacts are published: an S3-like store, or a folder.

mod upload;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use url::Url;

use self::upload::Upload;
pub use self::upload::{Existing, UploadError};

use crate::settings;

/// How often one file is tried, and how long is waited before the second time.
const ATTEMPTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// A store and the place in it.
#[derive(Clone, Debug)]
pub struct Publisher {
    store: Arc<dyn ObjectStore>,
    /// What stands before the place in a URL, such as `s3://bucket/`.
    root: String,
    prefix: ObjectPath,
}

/// Why a file is not where it should be.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {reason}")]
pub struct PublishError {
    /// Where it was to go.
    pub url: String,
    /// What went wrong at the last attempt.
    #[source]
    pub reason: UploadError,
}

impl Publisher {
    /// The store of `settings.url`; none where it is not set. Credentials come from the environment, as
    /// every S3 client reads them (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, …).
    ///
    /// # Errors
    ///
    /// The URL is not `s3://bucket/prefix` or `file:///folder`, or the client cannot be built.
    pub fn new(settings: &settings::Publish) -> anyhow::Result<Option<Self>> {
        let Some(address) = &settings.url else { return Ok(None) };
        let wrong = || {
            anyhow::anyhow!(
                "publish.url is {address:?}, expected s3://bucket/prefix or file:///folder"
            )
        };
        let url = Url::parse(address).map_err(|_| wrong())?;
        match url.scheme() {
            "s3" => {
                let bucket = url.host_str().ok_or_else(wrong)?;
                let store = Arc::new(s3(settings, bucket)?);
                let prefix = ObjectPath::parse(url.path().trim_matches('/'))?;
                Ok(Some(Self { store, root: format!("s3://{bucket}/"), prefix }))
            }
            "file" => {
                let folder = url.to_file_path().map_err(|()| wrong())?;
                fs_err::create_dir_all(&folder)?;
                let store = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
                let root = format!("{}/", address.trim_end_matches('/'));
                Ok(Some(Self { store: Arc::new(store), root, prefix: ObjectPath::default() }))
            }
            _ => Err(wrong()),
        }
    }

    /// Brings `file` to `<prefix>/<folder>/<name>` and gives its URL. It is seen whole or not at all; what
    /// is there already counts as published where it holds the same, and else stays or goes as it is
    /// said. What passes is tried again.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    pub async fn publish(
        &self,
        file: &Path,
        folder: &str,
        name: &str,
        existing: Existing,
    ) -> Result<String, PublishError> {
        let target = self.target(folder, name);
        let url = format!("{}{target}", self.root);
        let upload = Upload { store: &*self.store, file, target: &target, existing };
        let patience = ExponentialBuilder::new().with_min_delay(PAUSE).with_jitter();
        let uploaded = (|| upload.run())
            .retry(patience.with_max_times(ATTEMPTS - 1))
            .when(|error| !error.is_refusal())
            .notify(|error, pause| tracing::warn!(url, %error, ?pause, "publishing again"));
        uploaded.await.map_err(|reason| PublishError { url: url.clone(), reason })?;
        Ok(url)
    }

    /// What the store knows of `<prefix>/<folder>/<name>`.
    ///
    /// # Errors
    ///
    /// It is not there, or the store does not answer.
    pub async fn look(&self, folder: &str, name: &str) -> object_store::Result<ObjectMeta> {
        self.store.head(&self.target(folder, name)).await
    }

    /// Reads `<prefix>/<folder>/<name>`, or the part of it that `options` name.
    ///
    /// # Errors
    ///
    /// It is not there, is not as `options` ask, or the store does not answer.
    pub async fn read(
        &self,
        folder: &str,
        name: &str,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        self.store.get_opts(&self.target(folder, name), options).await
    }

    fn target(&self, folder: &str, name: &str) -> ObjectPath {
        self.prefix.clone().join(folder).join(name)
    }
}

fn s3(settings: &settings::Publish, bucket: &str) -> anyhow::Result<impl ObjectStore> {
    // The store compares what arrives with its SHA-256.
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_checksum_algorithm(Checksum::SHA256);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http:"));
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    Ok(builder.build()?)
}

#[cfg(test)]
mod s3_tests;
#[cfg(test)]
mod tests;
