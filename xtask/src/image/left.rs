//! What calls of `build-image` left whose process was killed: nobody else takes it away.

use super::engine::{Engine, EngineError};
use super::publish::Removed;
use super::session::{self, CANDIDATE};
use crate::ui::Ui;

/// Containers and candidates of calls whose process is gone.
#[derive(Debug, Default)]
pub struct Left {
    containers: Vec<String>,
    candidates: Vec<String>,
}

impl Left {
    /// Looks at what the engine has.
    ///
    /// # Errors
    ///
    /// The engine does not list it.
    pub async fn look(engine: &Engine) -> Result<Self, EngineError> {
        let machine = session::machine();
        let is_left = |id: &str| session::is_left(id, &machine, session::is_alive);
        let containers = engine.containers_of_sessions().await?.into_iter();
        let containers = containers.filter(|(_, session)| is_left(session)).map(|(id, _)| id);
        let mut left = Self { containers: containers.collect(), candidates: Vec::new() };
        for id in engine.images_of_ours().await? {
            let tags = engine.image(&id).await?.unwrap_or_default().tags.into_iter();
            let is_ours = |tag: &String| tag.strip_prefix(CANDIDATE).is_some_and(is_left);
            left.candidates.extend(tags.filter(is_ours));
        }
        Ok(left)
    }

    /// How much it is.
    pub fn counted(&self) -> Removed {
        Removed { containers: self.containers.len(), images: self.candidates.len() }
    }

    /// Removes it.
    ///
    /// # Errors
    ///
    /// The engine does not.
    pub async fn remove(&self, engine: &Engine) -> Result<(), EngineError> {
        for id in &self.containers {
            engine.remove_container(id).await?;
        }
        for candidate in &self.candidates {
            engine.remove_image(candidate, true).await?;
        }
        Ok(())
    }
}

/// Removes what is left before a build. What cannot be removed is told: the build does not need it.
pub async fn remove_left(engine: &Engine, ui: &Ui) {
    let removed = async {
        let left = Left::look(engine).await?;
        left.remove(engine).await?;
        Ok::<_, EngineError>(left.counted())
    };
    match removed.await {
        Ok(Removed { containers: 0, images: 0 }) => {}
        Ok(Removed { containers, images }) => ui.say(format!(
            "removed what a killed build-image left: {images} images, {containers} containers"
        )),
        Err(error) => {
            ui.warn(format!("what a killed build-image left may be there still: {error}"));
        }
    }
}
