//! One call of `build-image`: what it starts carries its name, and is gone when it ends, however it
//! ends.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, SESSION};
use crate::exit::Failure;
use crate::ui::Ui;

/// The name of a call.
#[derive(Clone, Debug)]
pub struct Session {
    id: String,
}

impl Session {
    /// A name that no other call has.
    pub fn new() -> Self {
        let now = jiff::Timestamp::now().as_microsecond();
        Self { id: format!("{now:x}-{:x}", std::process::id()) }
    }

    /// The name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The image that is tried before it gets the name that was asked for.
    pub fn candidate(&self) -> String {
        format!("reelbench-candidate:{}", self.id)
    }

    /// What its containers carry.
    pub fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(SESSION.to_owned(), self.id.clone())])
    }

    /// Does `work` and then, whether it succeeds, fails, panics or is interrupted, removes all
    /// containers of this call, and the candidate.
    ///
    /// # Errors
    ///
    /// What `work` met, or [`Failure::Interrupted`].
    pub async fn guard<T>(
        &self,
        engine: &Engine,
        ui: &Ui,
        stop: &CancellationToken,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let work = AssertUnwindSafe(stop.run_until_cancelled(work)).catch_unwind();
        let ended: Result<Option<anyhow::Result<T>>, Box<dyn Any + Send>> = work.await;
        self.tidy(engine, ui).await;
        match ended {
            Ok(Some(result)) => result,
            Ok(None) => Err(Failure::Interrupted.into()),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// What cannot be removed is told: the error that the user waits for is another.
    async fn tidy(&self, engine: &Engine, ui: &Ui) {
        let removed = engine.remove_containers(&format!("{SESSION}={}", self.id)).await;
        if let Err(error) = removed {
            ui.warn(format!("containers may be left: {error}"));
            ui.hint(format!(
                "docker rm --force --volumes $(docker ps -aq --filter label={SESSION}={})",
                self.id
            ));
        }
        if let Err(error) = engine.remove_image(&self.candidate(), true).await {
            ui.warn(format!("the image {} may be left: {error}", self.candidate()));
        }
    }
}
