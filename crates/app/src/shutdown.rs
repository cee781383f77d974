//! Ending in two stages: the first signal lets everything finish, the second does not wait.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

/// The signals that end a server.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// As a signal, from this process itself.
    own: Arc<Notify>,
}

impl Signals {
    /// Begins to listen; from now on a signal does not kill the process.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be listened for");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            own: Arc::default(),
        })
    }

    /// For whoever ends the process from within: notified once, it is as a signal.
    pub(crate) fn own(&self) -> Arc<Notify> {
        Arc::clone(&self.own)
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = self.own.notified() => {}
        }
    }
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything that was under way has finished.
    Finished,
    /// Something was still under way.
    CutShort,
}

/// Runs `work` until it ends by itself or a signal comes: then `stop` is told, and `work` has `limit`
/// to end, unless a second signal comes.
pub(crate) async fn run_until_signal<T>(
    mut signals: Signals,
    stop: CancellationToken,
    limit: Duration,
    work: impl Future<Output = T>,
) -> (End, Option<T>) {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return (End::Finished, Some(done)),
        () = signals.next() => {}
    }
    tracing::info!(
        limit_seconds = limit.as_secs(),
        "shutting down; a second signal does not wait"
    );
    stop.cancel();
    tokio::select! {
        done = &mut work => (End::Finished, Some(done)),
        () = signals.next() => {
            tracing::warn!("a second signal: what is under way is cut short");
            (End::CutShort, None)
        }
        () = pause(limit) => {
            tracing::warn!("the time is over: what is under way is cut short");
            (End::CutShort, None)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a limit in real time")]
async fn pause(how_long: Duration) {
    tokio::time::sleep(how_long).await;
}
