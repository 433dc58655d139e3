//! Images: looking, loading, building, naming, removing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{
    BuildImageOptionsBuilder, CreateImageOptionsBuilder, ImportImageOptionsBuilder,
    ListImagesOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder,
};
use fetch::Digest;
use futures::StreamExt;

use super::super::pieces::{self, Piece};
use super::super::reference::split;
use super::{Engine, EngineError, LABEL};
use crate::ui::Progress;

/// An image as the engine has it.
#[derive(Clone, Debug, Default)]
pub struct Inspected {
    /// `sha256:…`.
    pub id: String,
    /// Names with tags.
    pub tags: Vec<String>,
    /// Digests of its layers, from the bottom; empty where they are not SHA-256.
    pub layers: Vec<Digest>,
    /// Environment, `KEY=value`.
    pub env: Vec<String>,
    /// Labels.
    pub labels: HashMap<String, String>,
    /// Bytes of all layers.
    pub bytes: u64,
}

/// A row of an image's history.
#[derive(Clone, Debug)]
pub struct LayerRow {
    /// What made it.
    pub made_by: String,
    /// What it takes.
    pub bytes: u64,
}

/// What is built by the engine itself.
#[derive(Debug)]
pub struct Build<'a> {
    /// The name that it gets.
    pub tag: &'a str,
    /// The context: a tar file with a `Dockerfile`.
    pub context: Vec<Piece>,
    /// Values of the Dockerfile's `ARG`s.
    pub args: HashMap<String, String>,
}

impl Engine {
    /// The image `name`, where there is one.
    ///
    /// # Errors
    ///
    /// The engine says something else than yes or no.
    pub async fn image(&self, name: &str) -> Result<Option<Inspected>, EngineError> {
        let image = match self.docker.inspect_image(name).await {
            Ok(image) => image,
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            Err(error) => return Err(EngineError::of(&format!("look at image {name}"), &error)),
        };
        let layers = image.root_fs.and_then(|root| root.layers).unwrap_or_default();
        let digest = |layer: &String| layer.strip_prefix("sha256:")?.parse().ok();
        let config = image.config.unwrap_or_default();
        Ok(Some(Inspected {
            id: image.id.unwrap_or_default(),
            tags: image.repo_tags.unwrap_or_default(),
            layers: layers.iter().map(digest).collect::<Option<_>>().unwrap_or_default(),
            env: config.env.unwrap_or_default(),
            labels: config.labels.unwrap_or_default(),
            bytes: image.size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
        }))
    }

    /// IDs of all images that we made.
    ///
    /// # Errors
    ///
    /// The engine does not list them.
    pub async fn images_of_ours(&self) -> Result<Vec<String>, EngineError> {
        let ours = HashMap::from([("label".to_owned(), vec![LABEL.to_owned()])]);
        let options = ListImagesOptionsBuilder::default().filters(&ours).build();
        let images = self.docker.list_images(Some(options)).await;
        let images = images.map_err(|error| EngineError::of("list images", &error))?;
        Ok(images.into_iter().map(|image| image.id).collect())
    }

    /// The layers of all images that we made.
    ///
    /// # Errors
    ///
    /// The engine does not list them.
    pub async fn known_layers(&self) -> Result<Vec<Vec<Digest>>, EngineError> {
        let mut known = Vec::new();
        for id in self.images_of_ours().await? {
            known.extend(self.image(&id).await?.map(|image| image.layers));
        }
        Ok(known)
    }

    /// What made the layers of `image`, from the bottom.
    ///
    /// # Errors
    ///
    /// The engine does not know.
    pub async fn history(&self, image: &str) -> Result<Vec<LayerRow>, EngineError> {
        let rows = self.docker.image_history(image).await;
        let rows = rows.map_err(|error| EngineError::of("read an image's history", &error))?;
        let row = |row: bollard::models::ImageHistoryResponseItem| LayerRow {
            made_by: row.created_by,
            bytes: row.size.try_into().unwrap_or_default(),
        };
        Ok(rows.into_iter().rev().map(row).collect())
    }

    /// Loads the docker-archive `archive`, which is `what`.
    ///
    /// # Errors
    ///
    /// The engine refuses it, or a file of it is not what it must be.
    pub async fn load(
        &self,
        what: &str,
        archive: Vec<Piece>,
        progress: Arc<dyn Progress>,
    ) -> Result<(), EngineError> {
        let what = format!("load {what}");
        progress.total_bytes(pieces::total(&archive));
        let seen = move |n| progress.done_bytes(n);
        let body = pieces::stream(archive, Arc::clone(&self.meter), seen);
        let options = ImportImageOptionsBuilder::default().quiet(true).build();
        let docker = self.patient();
        let mut answers = docker.import_image_stream(options, body, None);
        while let Some(answer) = answers.next().await {
            answer.map_err(|error| self.failed(&what, &error))?;
        }
        Ok(())
    }

    /// Builds an image; `on_line` is told each line that the engine says.
    ///
    /// # Errors
    ///
    /// The engine refuses, or a file of the context is not what it must be.
    pub async fn build(
        &self,
        build: Build<'_>,
        mut on_line: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        let what = format!("build {}", build.tag);
        let options = BuildImageOptionsBuilder::default()
            .t(build.tag)
            .buildargs(&build.args)
            .rm(true)
            .forcerm(true)
            .build();
        let body = pieces::stream(build.context, Arc::clone(&self.meter), |_| ());
        let docker = self.patient();
        let mut answers = docker.build_image(options, None, Some(bollard::body_try_stream(body)));
        while let Some(answer) = answers.next().await {
            let answer = answer.map_err(|error| self.failed(&what, &error))?;
            let said = answer.stream.or(answer.status).unwrap_or_default();
            said.lines().filter(|line| !line.trim().is_empty()).for_each(&mut on_line);
        }
        Ok(())
    }

    /// Whether a registry has `name`, and says so within `patience`.
    pub async fn is_offered(&self, name: &str, patience: Duration) -> bool {
        let asked = self.docker.inspect_registry_image(name, None);
        matches!(tokio::time::timeout(patience, asked).await, Ok(Ok(_)))
    }

    /// Brings `name` from its registry.
    ///
    /// # Errors
    ///
    /// The registry does not have it, or is not there.
    pub async fn pull(&self, name: &str, progress: &dyn Progress) -> Result<(), EngineError> {
        let what = format!("pull {name}");
        let (from, tag) = split(name);
        let options = CreateImageOptionsBuilder::default().from_image(from).tag(tag).build();
        let docker = self.patient();
        let mut answers = docker.create_image(Some(options), None, None);
        while let Some(answer) = answers.next().await {
            let answer = answer.map_err(|error| EngineError::of(&what, &error))?;
            let words = [answer.status, answer.id].into_iter().flatten().collect::<Vec<_>>();
            progress.message(&words.join(" "));
        }
        Ok(())
    }

    /// Gives the image `image` the name `tag`, which another may have had.
    ///
    /// # Errors
    ///
    /// The engine refuses.
    pub async fn tag(&self, image: &str, tag: &str) -> Result<(), EngineError> {
        let (repo, version) = split(tag);
        let options = TagImageOptionsBuilder::default().repo(repo).tag(version).build();
        let tagged = self.docker.tag_image(image, Some(options)).await;
        tagged.map_err(|error| EngineError::of(&format!("tag {tag}"), &error))
    }

    /// Removes the name or, with an ID, the image. False: it is not there, or something uses it.
    ///
    /// # Errors
    ///
    /// The engine says something else than yes or no.
    pub async fn remove_image(&self, name: &str, force: bool) -> Result<bool, EngineError> {
        let options = RemoveImageOptionsBuilder::default().force(force).build();
        match self.patient().remove_image(name, Some(options), None).await {
            Ok(_) => Ok(true),
            Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(false),
            Err(error) => Err(EngineError::of(&format!("remove image {name}"), &error)),
        }
    }

    /// What the engine said, or what broke on our side.
    fn failed(&self, what: &str, error: &Error) -> EngineError {
        match self.meter.take_broken() {
            Some(source) => EngineError::Ours { what: what.to_owned(), source },
            None => EngineError::of(what, error),
        }
    }
}
