//! The last step: the candidate gets the name that was asked for, and what had it before is removed
//! where nothing needs it.

use anyhow::Context as _;

use super::engine::{Engine, EngineError, Inspected, LABEL, SESSION};
use super::strata::look;
use crate::commands::Context;
use crate::ui::Ui;

/// Moves `tag` to the `candidate`.
///
/// # Errors
///
/// The engine refuses: then the tag is where it was.
pub async fn publish(
    engine: &Engine,
    candidate: &Inspected,
    tag: &str,
    cx: &Context<'_>,
) -> anyhow::Result<()> {
    let before = look(engine, tag).await?;
    engine.tag(&candidate.id, tag).await.map_err(EngineError::told)?;
    let after = look(engine, tag).await?.with_context(|| format!("the engine has no {tag}"))?;
    anyhow::ensure!(
        after.id == candidate.id,
        "{tag}: expected {}, found {}",
        candidate.id,
        after.id
    );
    let Some(before) = before.filter(|before| before.id != candidate.id) else { return Ok(()) };
    if let Err(error) = remove_predecessor(engine, &before.id).await {
        cx.ui.warn(format!("the image before this one may be left: {error}"));
    }
    Ok(())
}

/// Removes an image of ours that has no name any more. One that a container uses stays.
async fn remove_predecessor(engine: &Engine, id: &str) -> Result<(), EngineError> {
    let Some(image) = engine.image(id).await? else { return Ok(()) };
    if image.tags.is_empty() && image.labels.contains_key(LABEL) {
        engine.remove_image(id, false).await?;
    }
    Ok(())
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Removed {
    /// Containers, with their volumes.
    pub containers: usize,
    /// Images.
    pub images: usize,
}

/// What [`remove_all`] would remove.
///
/// # Errors
///
/// The engine does not list them.
pub async fn count_all(engine: &Engine) -> anyhow::Result<Removed> {
    let containers = engine.containers(SESSION).await.map_err(EngineError::told)?;
    let images = engine.images_of_ours().await.map_err(EngineError::told)?;
    Ok(Removed { containers: containers.len(), images: images.len() })
}

/// Removes every container and every image that this program made: bases, models and finished images.
/// An image that a container of somebody else uses stays, and is named.
///
/// # Errors
///
/// The engine does not list or remove them.
pub async fn remove_all(engine: &Engine, ui: &Ui) -> anyhow::Result<Removed> {
    // Containers of finished images that a user started have no label of a session and stay.
    let containers = engine.remove_containers(SESSION).await.map_err(EngineError::told)?;
    let mut images = 0;
    // An image goes after those that stand on it: as long as one goes, another may follow.
    loop {
        let mut n_removed = 0;
        let left = engine.images_of_ours().await.map_err(EngineError::told)?;
        for id in &left {
            n_removed += remove_names(engine, id).await.map_err(EngineError::told)?;
        }
        images += n_removed;
        if n_removed == 0 {
            for id in left {
                ui.warn(format!("the image {id} is left: something uses it"));
            }
            return Ok(Removed { containers, images });
        }
    }
}

/// Takes all names from an image, which removes it; one without a name is removed by its ID.
async fn remove_names(engine: &Engine, id: &str) -> Result<usize, EngineError> {
    let Some(image) = engine.image(id).await? else { return Ok(0) };
    let names = if image.tags.is_empty() { vec![image.id] } else { image.tags };
    let mut all_gone = true;
    for name in names {
        all_gone &= engine.remove_image(&name, false).await?;
    }
    Ok(usize::from(all_gone))
}
