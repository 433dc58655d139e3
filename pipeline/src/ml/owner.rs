//! One thread that owns one model.
//!
//! Models are not shared: a request goes to the owner's queue, the answer comes back on a channel of
//! its own. So a model needs no lock, requests that wait together can be answered together, and a
//! caller that goes away leaves nothing behind but a closed channel.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::MlError;
use super::memory::Memory;
use crate::elsewhere;

/// Loads of each model.
const LOADS: &str = "reelbench_model_loads_total";

/// What an owner thread can own.
pub(super) trait Model: Sized + 'static {
    /// A question.
    type Input: Send + 'static;
    /// An answer.
    type Output: Send + 'static;

    /// Answers the requests that wait. One that is dropped unanswered says [`MlError::Panicked`].
    fn serve(&mut self, waiting: Vec<Request<Self::Input, Self::Output>>);

    /// How much of a batch a question fills.
    fn size(_: &Self::Input) -> usize {
        1
    }
}

/// A question with the way back for its answer.
pub(super) struct Request<Input, Output> {
    pub(super) input: Input,
    pub(super) reply: oneshot::Sender<Result<Output, MlError>>,
}

/// Requests that are answered together.
type Waiting<M> = Vec<Request<<M as Model>::Input, <M as Model>::Output>>;

/// When an owner loads and forgets its model.
#[derive(Clone, Debug)]
pub(super) struct Residence {
    /// Load before the first request.
    pub(super) preload: bool,
    /// Keep the model after its requests are answered.
    pub(super) keep: bool,
    /// What the model takes of the memory that all models share.
    pub(super) bytes: u64,
    /// That memory.
    pub(super) memory: Arc<Memory>,
}

/// Which requests are answered together: all that wait, and those that come within `wait` after the
/// first as long as they do not fill a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gathering {
    /// What a batch holds, in the model's [`Model::size`].
    pub(super) batch: usize,
    /// How long the first waits for others.
    pub(super) wait: Duration,
}

impl Gathering {
    /// What waits already.
    pub(super) const AT_ONCE: Self = Self { batch: 1, wait: Duration::ZERO };
}

/// What an owner thread is told.
enum Message<M: Model> {
    Ask(Request<M::Input, M::Output>),
    /// Another model needs the memory: the model goes until it is asked again.
    Unload,
}

/// Handle of an owner thread. The thread ends when the handle is dropped and its queue is empty.
pub(super) struct Owner<M: Model> {
    name: String,
    messages: Arc<mpsc::Sender<Message<M>>>,
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
        gathering: Gathering,
        load: impl Fn() -> Result<M, MlError> + Send + 'static,
    ) -> Result<Self, MlError> {
        // It is told of before it is loaded, and also where it never is.
        metrics::counter!(LOADS, "model" => name.to_owned()).increment(0);
        let (messages, queue) = mpsc::channel();
        let messages = Arc::new(messages);
        let first = if residence.preload { Readiness::Loading } else { Readiness::Ready };
        let (tell, readiness) = watch::channel(first);
        let thread = Thread {
            name: name.to_owned(),
            residence,
            gathering,
            load: Box::new(load),
            itself: Arc::downgrade(&messages),
            tell,
        };
        thread::Builder::new()
            .name(format!("model-{name}"))
            .spawn(move || thread.own(&queue))
            .map_err(|error| MlError::Load { name: name.to_owned(), reason: error.to_string() })?;
        Ok(Self { name: name.to_owned(), messages, readiness })
    }

    /// Asks and waits for the answer. A caller that stops waiting is not served.
    pub(super) async fn ask(&self, input: M::Input) -> Result<M::Output, MlError> {
        let _at_work = elsewhere::enter();
        let (reply, answer) = oneshot::channel();
        let panicked = || MlError::Panicked { name: self.name.clone() };
        self.messages.send(Message::Ask(Request { input, reply })).map_err(|_| panicked())?;
        answer.await.map_err(|_| panicked())?
    }

    /// Why a request would wait, or have to fail, if the model is to be loaded before the first one.
    pub(super) fn not_ready(&self) -> Option<String> {
        match &*self.readiness.borrow() {
            Readiness::Ready => None,
            Readiness::Loading => Some(format!("the model {} is being loaded", self.name)),
            Readiness::Failed(error) => Some(error.to_string()),
        }
    }

    /// Waits until it is loaded.
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

/// What the thread knows, beside its queue.
struct Thread<M: Model> {
    name: String,
    residence: Residence,
    gathering: Gathering,
    load: Box<dyn Fn() -> Result<M, MlError> + Send>,
    /// The way into its own queue. Weak: the thread must not keep itself alive.
    itself: Weak<mpsc::Sender<Message<M>>>,
    tell: watch::Sender<Readiness>,
}

impl<M: Model> Thread<M> {
    fn own(&self, queue: &mpsc::Receiver<Message<M>>) {
        let mut model = if self.residence.preload { self.load().ok() } else { None };
        while let Ok(message) = queue.recv() {
            let Message::Ask(first) = message else {
                tracing::info!(model = self.name, "unloaded: the memory is needed");
                model = None;
                continue;
            };
            let (mut waiting, is_to_unload) = self.gather(first, queue);
            waiting.retain(|request| !request.reply.is_closed());
            if !waiting.is_empty() {
                model = self.answer(model, waiting);
            }
            if is_to_unload {
                model = None;
            }
        }
        self.residence.memory.left(&self.name);
    }

    /// The requests to answer together, and whether the model is to go then.
    fn gather(
        &self,
        first: Request<M::Input, M::Output>,
        queue: &mpsc::Receiver<Message<M>>,
    ) -> (Waiting<M>, bool) {
        let until = Instant::now() + self.gathering.wait;
        let mut size = M::size(&first.input);
        let mut waiting = vec![first];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let next = if size >= self.gathering.batch || left.is_zero() {
                queue.try_recv().ok()
            } else {
                queue.recv_timeout(left).ok()
            };
            match next {
                Some(Message::Ask(request)) => {
                    size += M::size(&request.input);
                    waiting.push(request);
                }
                Some(Message::Unload) => return (waiting, true),
                None => return (waiting, false),
            }
        }
    }

    /// Answers, and gives back the model where it is to be kept.
    fn answer(&self, model: Option<M>, waiting: Waiting<M>) -> Option<M> {
        // A model that could not be loaded is tried again: its files may have come since.
        let mut loaded = match model.map_or_else(|| self.load(), Ok) {
            Ok(loaded) => loaded,
            Err(error) => {
                for request in waiting {
                    let _ = request.reply.send(Err(error.clone()));
                }
                return None;
            }
        };
        let memory = &self.residence.memory;
        memory.used(&self.name);
        // A model that panicked may be half changed: it is dropped and loaded anew.
        let served = catch_unwind(AssertUnwindSafe(|| loaded.serve(waiting)));
        let kept = (served.is_ok() && self.residence.keep).then_some(loaded);
        if kept.is_none() {
            memory.left(&self.name);
        }
        kept
    }

    fn load(&self) -> Result<M, MlError> {
        metrics::counter!(LOADS, "model" => self.name.clone()).increment(1);
        let itself = Weak::clone(&self.itself);
        self.residence.memory.enter(&self.name, self.residence.bytes, move || {
            if let Some(owner) = itself.upgrade() {
                let _ = owner.send(Message::Unload);
            }
        });
        let loaded = catch_unwind(AssertUnwindSafe(&self.load))
            .unwrap_or_else(|_| Err(MlError::Panicked { name: self.name.clone() }));
        if loaded.is_err() {
            self.residence.memory.left(&self.name);
        }
        self.tell.send_replace(match &loaded {
            Ok(_) => Readiness::Ready,
            Err(error) => Readiness::Failed(error.clone()),
        });
        loaded
    }
}

#[cfg(test)]
mod tests;
