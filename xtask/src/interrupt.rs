//! Ctrl-C: a token for the command, and exit code 130 once it has cleaned up.

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;

/// Runs `work` on a runtime of its own. The token is cancelled by Ctrl-C or SIGTERM; `work` then
/// stops what it started, keeps what is finished and returns.
///
/// # Errors
///
/// What `work` met, or [`Failure::Interrupted`] where the token was cancelled.
pub fn block_on<T>(
    work: impl AsyncFnOnce(CancellationToken) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let stop = CancellationToken::new();
    runtime.block_on(async {
        let listener = tokio::spawn(listen(stop.clone()));
        let result = work(stop.clone()).await;
        listener.abort();
        if stop.is_cancelled() { Err(Failure::Interrupted.into()) } else { result }
    })
}

async fn listen(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => if pressed.is_ok() { stop.cancel() },
        _ = terminate.recv() => stop.cancel(),
    }
}
