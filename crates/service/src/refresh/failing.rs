//! What a refresh that brought nothing leaves behind (`design.md` 6).

use std::{sync::Arc, time::Duration};

use atlassian::RefreshError;
use domain::{
    audit::AuditAction,
    credential::{IntegrationCredential, RefreshOutcome, RevocationReason},
    env::random,
    refresh::{Failure, after_failure},
    state::ConnectionState,
};
use jiff::SignedDuration;
use store::FailedRefresh;

use super::{
    TokenError,
    flight::{Attempt, until},
    holder::Holder,
    saving::{event, note_answer},
};
use crate::{Entry, Services};

/// So long a refresh is put off that cannot be made because the tokens do not open.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(15);

/// Writes what the attempt came to, and gives the lease back in the same statement.
pub(super) async fn note(
    services: &Arc<Services>,
    holder: &Holder,
    credential: &IntegrationCredential,
    err: &RefreshError,
    took: Duration,
) -> Result<Attempt, TokenError> {
    services.metrics.refreshed(err.outcome);
    if err.outcome == RefreshOutcome::GrantDead {
        return note_death(services, holder, credential, err, took).await;
    }
    let now = services.env.now();
    let drawn = u16::from_be_bytes(random(services.env.as_ref()));
    let before = credential.schedule.started_at;
    let failure = Failure {
        outcome: err.outcome,
        failures: credential.consecutive_failures.saturating_add(1),
        started_at: match err.outcome {
            // Perhaps rotated: the intent stays, of the first attempt whose end is unknown.
            RefreshOutcome::Ambiguous => before.or(Some(holder.begun_at)),
            // Surely not: what stood before stands again.
            _ => before,
        },
        retry_after: err.retry_after,
    };
    let next_at = after_failure(now, failure, drawn);
    let failed = FailedRefresh {
        outcome: err.outcome,
        started_at: failure.started_at,
        next_at,
    };
    let mut tx = services.store.write().await?;
    if !tx.set_refresh_failure(holder.of, failed, now).await? {
        return Ok(Attempt::Again);
    }
    tx.watch_connection(credential.team, credential.id, now)
        .await?;
    let health = tx.lock_provider_health(credential.provider, now).await?;
    let health = health.after_failure(credential.id, err.outcome, err.retry_after, now);
    tx.set_provider_health(&health, now).await?;
    tx.add_refresh_event(&event(services, holder, err.outcome, err.status, took))
        .await?;
    tx.hint_refresh_ended(credential.id).await?;
    tx.commit().await?;
    tracing::warn!(
        credential.id = %credential.id, outcome = err.outcome.as_str(), status = err.status,
        failures = failure.failures, "no new token"
    );
    let next = health.next_probe_at.filter(|_| health.is_down);
    let retry_after = Some(until(next.map_or(next_at, |it| it.min(next_at)), now));
    Ok(Attempt::Landed(Err(match err.outcome {
        RefreshOutcome::Misconfigured => TokenError::Misconfigured { retry_after },
        _ => TokenError::ProviderUnavailable { retry_after },
    })))
}

/// Before a grant is believed dead, the row is asked: a generation that moved was a race, not a death.
async fn note_death(
    services: &Arc<Services>,
    holder: &Holder,
    credential: &IntegrationCredential,
    err: &RefreshError,
    took: Duration,
) -> Result<Attempt, TokenError> {
    let now = services.env.now();
    // What our own dates say of it is told with the state.
    let reason = if credential.schedule.started_at.is_some() {
        RevocationReason::RefreshInterrupted
    } else {
        RevocationReason::GrantRevoked
    };
    let mut tx = services.store.write().await?;
    if !tx.set_dead(holder.of, reason, now).await? {
        return Ok(Attempt::Again);
    }
    tx.watch_connection(credential.team, credential.id, now)
        .await?;
    let entry = Entry::new(AuditAction::GrantDied)
        .team(credential.team)
        .subject(credential.id.uuid());
    services
        .audit(&mut tx, entry.detail(reason.as_str()))
        .await?;
    tx.add_refresh_event(&event(services, holder, err.outcome, err.status, took))
        .await?;
    note_answer(&mut tx, credential, now).await?;
    tx.hint_refresh_ended(credential.id).await?;
    tx.commit().await?;
    services.notices.watch.notify_one();
    tracing::info!(credential.id = %credential.id, reason = reason.as_str(), "Atlassian no longer accepts the grant");
    let state = ConnectionState::ReconnectNeeded;
    Ok(Attempt::Landed(Err(TokenError::NoConnection(state))))
}

/// A refresh that cannot be made is not tried again at once.
pub(super) async fn put_off(
    services: &Services,
    credential: &IntegrationCredential,
) -> Result<(), TokenError> {
    let now = services.env.now();
    let (team, id) = (credential.team, credential.id);
    let mut tx = services.store.write().await?;
    tx.postpone_refresh(team, id, credential.generation, now + PUT_OFF)
        .await?;
    tx.watch_connection(team, id, now).await?;
    Ok(tx.commit().await?)
}
