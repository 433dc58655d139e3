//! One thread that owns one model.
//!
//! Models are not shared: a request goes to the owner's queue, the answer comes back on a channel of
//! its own. So a model needs no lock, requests that wait together can be answered together, and a
//! caller that goes away leaves nothing behind but a closed channel.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use tokio::sync::{mpsc, oneshot, watch};

use super::MlError;

/// What an owner thread can own.
pub(super) trait Model: Sized + 'static {
    /// A question.
    type Input: Send + 'static;
    /// An answer.
    type Output: Send + 'static;

    /// Answers the requests that wait. One that is dropped unanswered says [`MlError::Panicked`].
    fn serve(&mut self, waiting: Vec<Request<Self::Input, Self::Output>>);
}

/// A question with the way back for its answer.
pub(super) struct Request<Input, Output> {
    pub(super) input: Input,
    pub(super) reply: oneshot::Sender<Result<Output, MlError>>,
}

/// When an owner loads and forgets its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Residence {
    /// Load before the first request.
    pub(super) preload: bool,
    /// Keep the model after its requests are answered.
    pub(super) keep: bool,
}

/// Handle of an owner thread. The thread ends when the handle is dropped and its queue is empty.
pub(super) struct Owner<M: Model> {
    name: String,
    requests: mpsc::UnboundedSender<Request<M::Input, M::Output>>,
    readiness: watch::Receiver<Readiness>,
}

/// Whether a request would have to wait for the model to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Readiness {
    /// Yes.
    Loading,
    /// No: it is loaded, or it is to be loaded with a request.
    Ready,
    /// It was tried and did not work.
    Failed(MlError),
}

impl<M: Model> Owner<M> {
    /// Starts the thread; `load` makes the model there, as often as it is needed.
    ///
    /// # Errors
    ///
    /// [`MlError::Load`]: the system gives no thread.
    pub(super) fn start(
        name: &str,
        residence: Residence,
        load: impl Fn() -> Result<M, MlError> + Send + 'static,
    ) -> Result<Self, MlError> {
        let (requests, queue) = mpsc::unbounded_channel();
        let first = if residence.preload { Readiness::Loading } else { Readiness::Ready };
        let (tell, readiness) = watch::channel(first);
        let thread_name = name.to_owned();
        thread::Builder::new()
            .name(format!("model-{name}"))
            .spawn(move || own(&thread_name, residence, &load, queue, &tell))
            .map_err(|error| MlError::Load { name: name.to_owned(), reason: error.to_string() })?;
        Ok(Self { name: name.to_owned(), requests, readiness })
    }

    /// Asks and waits for the answer. A caller that stops waiting is not served.
    pub(super) async fn ask(&self, input: M::Input) -> Result<M::Output, MlError> {
        let (reply, answer) = oneshot::channel();
        let panicked = || MlError::Panicked { name: self.name.clone() };
        self.requests.send(Request { input, reply }).map_err(|_| panicked())?;
        answer.await.map_err(|_| panicked())?
    }

    /// Whether the model is loaded, if it is to be loaded before the first request.
    pub(super) fn is_ready(&self) -> bool {
        *self.readiness.borrow() == Readiness::Ready
    }

    /// Waits until [`Self::is_ready`].
    ///
    /// # Errors
    ///
    /// What loading the model said.
    pub(super) async fn wait_ready(&self) -> Result<(), MlError> {
        let mut readiness = self.readiness.clone();
        match readiness.wait_for(|state| *state != Readiness::Loading).await.as_deref() {
            Ok(Readiness::Failed(error)) => Err(error.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err(MlError::Panicked { name: self.name.clone() }),
        }
    }
}

fn own<M: Model>(
    name: &str,
    residence: Residence,
    load: &dyn Fn() -> Result<M, MlError>,
    mut queue: mpsc::UnboundedReceiver<Request<M::Input, M::Output>>,
    tell: &watch::Sender<Readiness>,
) {
    let load = || {
        let loaded = catch_unwind(AssertUnwindSafe(load))
            .unwrap_or_else(|_| Err(MlError::Panicked { name: name.to_owned() }));
        tell.send_replace(match &loaded {
            Ok(_) => Readiness::Ready,
            Err(error) => Readiness::Failed(error.clone()),
        });
        loaded
    };
    let mut model = if residence.preload { load().ok() } else { None };
    while let Some(first) = queue.blocking_recv() {
        let mut waiting = vec![first];
        waiting.extend(std::iter::from_fn(|| queue.try_recv().ok()));
        waiting.retain(|request| !request.reply.is_closed());
        if waiting.is_empty() {
            continue;
        }
        // A model that could not be loaded is tried again: its files may have come since.
        let mut loaded = match model.take().map_or_else(load, Ok) {
            Ok(loaded) => loaded,
            Err(error) => {
                for request in waiting {
                    let _ = request.reply.send(Err(error.clone()));
                }
                continue;
            }
        };
        // A model that panicked may be half changed: it is dropped and loaded anew.
        let served = catch_unwind(AssertUnwindSafe(|| loaded.serve(waiting)));
        model = (served.is_ok() && residence.keep).then_some(loaded);
    }
}

#[cfg(test)]
mod tests;
