//! What runs by itself: each round is one function that tests call; the loop around it is here.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{Error, Services};

pub mod clean_up;

/// How often the store is cleaned.
const CLEAN_UP_EVERY: Duration = Duration::from_mins(1);

/// Runs until `stop`; a round that has begun is finished.
pub async fn run(services: Arc<Services>, stop: CancellationToken) {
    loop {
        match clean_up::run_once(&services).await {
            Ok(done) => tracing::debug!(?done, "cleaned up"),
            Err(err) => tell(&err),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = pause(CLEAN_UP_EVERY) => {}
        }
    }
}

fn tell(err: &Error) {
    tracing::error!(error = %err, cause = ?std::error::Error::source(err), "cleaning up failed");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the loop around the rounds is the one that waits"
)]
async fn pause(how_long: Duration) {
    tokio::time::sleep(how_long).await;
}
