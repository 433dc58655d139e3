//! Files of containers and, by containers that are made and never started, of images.

use std::collections::HashMap;
use std::io::Read;

use bollard::errors::Error;
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, DownloadFromContainerOptionsBuilder,
};
use futures::TryStreamExt;

use super::{Engine, EngineError, Spec};

/// Links that are followed to a file of an image.
const MOST_LINKS: usize = 8;

impl Engine {
    /// The tar file of `path` in the container.
    ///
    /// # Errors
    ///
    /// It is not there. None: the path is not there.
    pub async fn download(&self, name: &str, path: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let chunks = self.docker.download_from_container(name, Some(options));
        match chunks.try_collect::<Vec<_>>().await {
            Ok(chunks) => Ok(Some(chunks.concat())),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(EngineError::of(&format!("read {path} in {name}"), &error)),
        }
    }

    /// Whether `path` is there in `image`, looked at in a container that is never started.
    ///
    /// # Errors
    ///
    /// The engine refuses.
    pub async fn has_file(
        &self,
        image: &str,
        path: &str,
        labels: HashMap<String, String>,
    ) -> Result<bool, EngineError> {
        let id = self.unstarted(image, labels).await?;
        let options = ContainerArchiveInfoOptionsBuilder::default().path(path).build();
        let found = self.docker.get_container_archive_info(&id, Some(options)).await;
        self.remove_container(&id).await?;
        match found {
            Ok(_) => Ok(true),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            Err(error) => Err(EngineError::of(&format!("look for {path} in {image}"), &error)),
        }
    }

    /// A container that is never started: its files can be read.
    async fn unstarted(
        &self,
        image: &str,
        labels: HashMap<String, String>,
    ) -> Result<String, EngineError> {
        let command = vec!["true".to_owned()];
        let spec = Spec { image: image.to_owned(), command, labels, ..Spec::default() };
        let made = self.docker.create_container(None, spec.body()).await;
        Ok(made.map_err(|error| EngineError::of(&format!("look into {image}"), &error))?.id)
    }

    /// The first of `paths` that is a file in `image`, read in a container that is never started.
    ///
    /// # Errors
    ///
    /// The engine refuses. None: none of them is there.
    pub async fn file_of(
        &self,
        image: &str,
        paths: &[String],
        labels: HashMap<String, String>,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let id = self.unstarted(image, labels).await?;
        let mut found = Ok(None);
        for path in paths {
            found = self.follow(&id, path).await;
            if !matches!(found, Ok(None)) {
                break;
            }
        }
        self.remove_container(&id).await?;
        found
    }

    /// The file at `path`, by way of links.
    async fn follow(&self, container: &str, path: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            let Some(tar) = self.download(container, &path).await? else { return Ok(None) };
            match first_of(&tar) {
                Some(First::File(content)) => return Ok(Some(content)),
                Some(First::Link(target)) if target.starts_with('/') => path = target,
                Some(First::Link(target)) => {
                    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                    path = format!("{folder}/{target}");
                }
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// The first member of a tar file.
enum First {
    File(Vec<u8>),
    Link(String),
}

fn first_of(tar: &[u8]) -> Option<First> {
    let mut archive = tar::Archive::new(tar);
    let mut entry = archive.entries().ok()?.next()?.ok()?;
    if let Some(target) = entry.link_name().ok()? {
        return Some(First::Link(target.to_string_lossy().into_owned()));
    }
    if !entry.header().entry_type().is_file() {
        return None;
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content).ok()?;
    Some(First::File(content))
}
