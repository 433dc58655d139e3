//! `publish`: the artefacts go where their reader looks for them.

use std::sync::Arc;

use futures::TryStreamExt;
use futures::stream::FuturesOrdered;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use tokio::io::AsyncReadExt;
use url::Url;

use crate::artefacts::Published;
use crate::error::StageError;
use crate::job::{self, JobFolder};
use crate::parts::Parts;
use crate::settings;

/// Parts of one file; S3 takes none below 5 MiB but the last.
const PART_BYTES: usize = 8 << 20;
/// Parts of one file that are under way at once.
const PARTS_IN_FLIGHT: usize = 4;

/// An S3-like store and the place in it.
#[derive(Clone, Debug)]
pub struct Publisher {
    store: Arc<dyn ObjectStore>,
    bucket: String,
    prefix: ObjectPath,
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
}

/// Runs the stage: uploads the few `files` of the job at once, or leaves them where this service gives them out.
///
/// # Errors
///
/// `publish_failed`.
pub async fn run(
    parts: &Parts,
    id: &str,
    folder: &JobFolder,
    files: &[String],
) -> Result<Published, StageError> {
    let Some(publisher) = &parts.publisher else {
        let urls = files.iter().map(|file| job::file_url(id, file)).collect();
        return Ok(Published { urls });
    };
    let mut uploads = FuturesOrdered::new();
    for file in files {
        uploads.push_back(publisher.publish(id, folder, file));
    }
    Ok(Published { urls: uploads.try_collect().await? })
}

impl Publisher {
    async fn publish(
        &self,
        id: &str,
        folder: &JobFolder,
        file: &str,
    ) -> Result<String, StageError> {
        let target = self.prefix.clone().join(id).join(file);
        let url = format!("s3://{}/{target}", self.bucket);
        let uploaded = upload(&*self.store, folder, file, &target).await;
        uploaded.map_err(|error| StageError {
            code: "publish_failed",
            message: format!("{url}: {error:#}"),
            transient: !is_refusal(&error),
        })?;
        Ok(url)
    }
}

/// Whether the store will say no again.
fn is_refusal(error: &anyhow::Error) -> bool {
    use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
    let error = error.downcast_ref::<object_store::Error>();
    matches!(error, Some(NotFound { .. } | PermissionDenied { .. } | Unauthenticated { .. }))
}

/// One file in parts: memory does not grow with its size, and half a file is never seen. After an error
/// the parts that arrived are taken back.
async fn upload(
    store: &dyn ObjectStore,
    folder: &JobFolder,
    file: &str,
    target: &ObjectPath,
) -> anyhow::Result<()> {
    let mut source = fs_err::tokio::File::open(folder.file(file)).await?;
    let mut sink =
        WriteMultipart::new_with_chunk_size(store.put_multipart(target).await?, PART_BYTES);
    match send(&mut source, &mut sink).await {
        Ok(()) => Ok(sink.finish().await.map(drop)?),
        Err(error) => {
            // The first error is the one to tell.
            let _ = sink.abort().await;
            Err(error)
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
