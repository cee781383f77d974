//! What runs by itself: each round is one function that tests call; the loops around them are here.

use std::{future::Future, sync::Arc, time::Duration};

use domain::outbox::Channel;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{Error, Services, budget, sending::record_left_over};

pub mod check_site;
pub mod clean_up;
pub mod measure;
pub mod note_use;
pub mod refresh_due;
pub mod retain;
pub mod send_notices;
pub mod watch_connections;
pub mod watch_store;

/// How often the store is cleaned.
const CLEAN_UP_EVERY: Duration = Duration::from_mins(1);
/// How often it is looked what was kept for long enough.
const RETAIN_EVERY: Duration = Duration::from_mins(1);
/// How often it is looked what is due.
const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked who is to be told of what.
const WATCH_CONNECTIONS_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the store takes what is written, while the provider is down.
const WATCH_STORE_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked what is to be sent.
const SEND_EVERY: Duration = Duration::from_secs(1);
/// How often use is written: a process that is killed loses so much of it.
const NOTE_USE_EVERY: Duration = Duration::from_secs(1);
/// How often the store is looked at for metrics.
const MEASURE_EVERY: Duration = Duration::from_mins(1);
/// After this, hints of other processes are listened for again.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Runs until `stop`; a round that has begun is finished.
pub async fn run(services: Arc<Services>, stop: CancellationToken) {
    let (services, stop) = (&services, &stop);
    tokio::join!(
        every(CLEAN_UP_EVERY, stop, async || {
            let done = clean_up::run_once(services).await?;
            tracing::debug!(?done, "cleaned up");
            Ok(())
        }),
        every(RETAIN_EVERY, stop, async || {
            let done = retain::run_once(services, stop).await?;
            tracing::debug!(?done, "removed what was kept for long enough");
            Ok(())
        }),
        every(NOTE_USE_EVERY, stop, async || {
            note_use::run_once(services).await?;
            // What all processes have written, where what is left of an hour has to be shared.
            budget::look_at_shares(services).await
        }),
        every(REFRESH_EVERY, stop, async || {
            while refresh_due::run_once(services).await?.is_full() && !stop.is_cancelled() {}
            Ok(())
        }),
        every_or_woken(
            WATCH_CONNECTIONS_EVERY,
            &services.notices.watch,
            stop,
            async || {
                while watch_connections::run_once(services).await?.is_full() && !stop.is_cancelled()
                {
                }
                Ok(())
            }
        ),
        every(MEASURE_EVERY, stop, async || measure::run_once(services)
            .await),
        // Apart from the rounds, which take as long as an Atlassian that does not answer.
        every(WATCH_STORE_EVERY, stop, async || watch_store::run_once(
            services
        )
        .await),
        // Each channel by itself: a slow receiver of webhooks holds up no mail.
        every_or_woken(SEND_EVERY, &services.notices.written, stop, async || send(
            services,
            Channel::Mail,
            stop
        )
        .await),
        every_or_woken(SEND_EVERY, &services.notices.written, stop, async || send(
            services,
            Channel::Webhook,
            stop
        )
        .await),
        listen(services, stop),
    );
}

/// Writes what is in memory alone. To be called at the very end, when no request and no task goes on that
/// may add to it.
pub async fn finish(services: &Arc<Services>) {
    // What was sent and could not be recorded.
    if let Err(err) = record_left_over(services).await {
        tell(&err);
    }
    if let Err(err) = note_use::run_once(services).await {
        tell(&err);
    }
}

async fn send(
    services: &Arc<Services>,
    channel: Channel,
    stop: &CancellationToken,
) -> Result<(), Error> {
    while send_notices::run_once(services, channel).await?.is_full() && !stop.is_cancelled() {}
    Ok(())
}

async fn every<F: Future<Output = Result<(), Error>>>(
    how_long: Duration,
    stop: &CancellationToken,
    round: impl Fn() -> F,
) {
    every_or_woken(how_long, &Notify::new(), stop, round).await;
}

/// The same, and at once when it is woken.
async fn every_or_woken<F: Future<Output = Result<(), Error>>>(
    how_long: Duration,
    wake: &Notify,
    stop: &CancellationToken,
    round: impl Fn() -> F,
) {
    loop {
        if let Err(err) = round().await {
            tell(&err);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = wake.notified() => {}
            () = pause(how_long) => {}
        }
    }
}

/// Wakes whoever waits here for a refresh of another process. A hint: they look for themselves too.
async fn listen(services: &Services, stop: &CancellationToken) {
    loop {
        let listening = async {
            let Some(mut hints) = services.store.refresh_hints().await? else {
                stop.cancelled().await;
                return Ok::<(), store::StoreError>(());
            };
            loop {
                hints.next().await?;
                services.engine.hints.notify_waiters();
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            ended = listening => if let Err(err) = ended {
                tracing::debug!(error = %err, "hints of other processes do not come");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = pause(LISTEN_AGAIN_AFTER) => {}
        }
    }
}

fn tell(err: &Error) {
    tracing::error!(error = %err, cause = ?std::error::Error::source(err), "a round of a worker failed");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the loops around the rounds are the ones that wait"
)]
async fn pause(how_long: Duration) {
    tokio::time::sleep(how_long).await;
}
