//! Refreshes what is due before anybody asks.
//!
//! Any number of processes share the work: whoever takes a credential's lease makes its refresh. The cost
//! of a round goes by what is due, not by what is stored.

use std::sync::Arc;

use domain::{
    credential::Provider, env::random, provider_health::ProviderHealth, refresh_event::RefreshCause,
};
use store::DueRefresh;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    Error, Services,
    refresh::{TokenError, Wanted, refresh_due},
    worker::check_site,
};

/// So many are taken up in one round.
const MOST_AT_ONCE: i64 = 500;

/// So many ask Atlassian at the same time.
const CONCURRENT: usize = 32;

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What was due.
    pub due: usize,
    /// What has a new pair, by this process or by another one.
    pub refreshed: usize,
    /// What has none: its next attempt is planned, or a person is needed.
    pub failed: usize,
}

impl Done {
    /// Whether there may be more that is due.
    pub fn is_full(self) -> bool {
        i64::try_from(self.due).is_ok_and(|it| it >= MOST_AT_ONCE)
    }
}

/// One round. May be repeated at any time, by any number of processes.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn run_once(services: &Arc<Services>) -> Result<Done, Error> {
    let mut done = Done::default();
    if services.atlassian.is_none() {
        return Ok(done);
    }
    let now = services.env.now();
    let (health, mut due) = {
        let mut tx = services.store.read().await?;
        let health = tx.find_provider_health(Provider::Jira).await?;
        // While the provider is down nobody asks but one for all, and whoever may still have an answer
        // again that was lost.
        let due = tx
            .list_due_refreshes(health.is_down, now, MOST_AT_ONCE)
            .await?;
        (health, due)
    };
    let probe = find_probe(services, &health).await?;
    if let Some(probe) = probe {
        due.retain(|it| it.credential != probe.credential);
    }
    // So that processes do not all begin with the same one.
    let drawn = usize::from(u16::from_be_bytes(random(services.env.as_ref())));
    let first = drawn.checked_rem(due.len()).unwrap_or_default();
    due.rotate_left(first);
    let probe = probe.map(|it| wanted(it, RefreshCause::Probe));
    let due = due.into_iter().map(|it| wanted(it, RefreshCause::Schedule));
    let mut flights = JoinSet::new();
    let seats = Arc::new(Semaphore::new(CONCURRENT));
    for wanted in probe.into_iter().chain(due) {
        let (services, seats) = (Arc::clone(services), Arc::clone(&seats));
        flights.spawn(async move {
            let _seat = seats.acquire().await;
            let token = refresh_due(&services, wanted).await?;
            check_site::check(&services, wanted.team, &token).await?;
            Ok(())
        });
    }
    while let Some(landed) = flights.join_next().await {
        done.due += 1;
        match landed.map_err(anyhow::Error::new)? {
            Ok(()) => done.refreshed += 1,
            Err(err) => {
                done.failed += 1;
                tell(&err);
            }
        }
    }
    Ok(done)
}

const fn wanted(due: DueRefresh, cause: RefreshCause) -> Wanted {
    Wanted {
        team: due.team,
        credential: due.credential,
        provider: due.provider,
        generation: due.generation,
        cause,
    }
}

/// The connection that asks for all, if it is time: claimed, so that of many processes one asks.
async fn find_probe(
    services: &Services,
    seen: &ProviderHealth,
) -> Result<Option<DueRefresh>, Error> {
    let now = services.env.now();
    if !seen.may_probe(now) {
        return Ok(None);
    }
    let mut tx = services.store.write().await?;
    let health = tx.lock_provider_health(seen.provider, now).await?;
    if !health.may_probe(now) {
        return Ok(None);
    }
    let is_others_turn = health.is_others_turn();
    let preferred = health.first_failed.filter(|_| !is_others_turn);
    let drawn = u16::from_be_bytes(random(services.env.as_ref()));
    let health = health.after_probe(now, drawn);
    tx.set_provider_health(&health, now).await?;
    let mut found = None;
    if is_others_turn {
        let due = tx.list_due_refreshes(false, now, 1).await?;
        found = due.into_iter().next();
    }
    if found.is_none() {
        found = tx.find_probe(seen.provider, preferred).await?;
    }
    if found.is_none() {
        // Whoever failed is gone: nobody can say that the provider is down.
        let due = tx.list_due_refreshes(false, now, 1).await?;
        found = due.into_iter().next();
    }
    if found.is_none() {
        tx.set_provider_health(&ProviderHealth::new(seen.provider), now)
            .await?;
    }
    tx.commit().await?;
    Ok(found)
}

fn tell(err: &TokenError) {
    if let TokenError::Failed(err) = err {
        tracing::error!(error = %err, cause = ?std::error::Error::source(&**err), "a refresh that was due failed");
    }
}
