//! Whether Atlassian may be asked now. Whoever may not is told at once, and costs no call.

use domain::{
    credential::{IntegrationCredential, RefreshOutcome},
    provider_health::{FIRST_PROBE, ProviderHealth},
    refresh::LEEWAY,
    refresh_event::RefreshCause,
};
use jiff::{SignedDuration, Timestamp};

use super::{TokenError, flight::until};
use crate::Services;

/// Beyond the leeway nobody sends an old token before the store took what is written for this long: a
/// process with the new pair in hand saves it first.
const STORE_STOOD: SignedDuration = SignedDuration::from_mins(1);

/// The answer.
pub(super) enum Gate {
    /// Now.
    Go,
    /// Not now; what callers are told.
    Wait(TokenError),
}

/// Asks for a refresh of `credential`, as it stands.
pub(super) async fn gate(
    services: &Services,
    credential: &IntegrationCredential,
    cause: RefreshCause,
    now: Timestamp,
) -> Result<Gate, TokenError> {
    let started = credential.schedule.started_at;
    let interrupted_for = started.map(|it| now.duration_since(it).abs());
    if interrupted_for.is_some_and(|it| it >= LEEWAY) {
        let missing = STORE_STOOD - store_stood(services).await;
        if missing.is_positive() {
            return Ok(Gate::Wait(TokenError::ProviderUnavailable {
                retry_after: Some(missing),
            }));
        }
    }
    if cause == RefreshCause::Probe {
        return Ok(Gate::Go);
    }
    let health = {
        let mut tx = services.store.read().await?;
        tx.find_provider_health(credential.provider).await?
    };
    let is_due = credential.schedule.next_at.is_none_or(|it| it <= now);
    if health.is_down {
        // A lost answer can be had again for a while only, whatever the provider is like.
        let is_repair = interrupted_for.is_some_and(|it| it < LEEWAY) && is_due;
        return Ok(if is_repair {
            Gate::Go
        } else {
            Gate::Wait(down(&health, now))
        });
    }
    if let Some(waits) = backs_off(credential, now) {
        return Ok(Gate::Wait(waits));
    }
    Ok(Gate::Go)
}

/// What is told while a provider is down.
fn down(health: &ProviderHealth, now: Timestamp) -> TokenError {
    let next = health.next_probe_at.unwrap_or(now + FIRST_PROBE);
    let retry_after = Some(until(next, now));
    if health.last_outcome == Some(RefreshOutcome::Misconfigured) {
        TokenError::Misconfigured { retry_after }
    } else {
        TokenError::ProviderUnavailable { retry_after }
    }
}

/// What is told between two attempts of a connection that fails.
pub(super) fn backs_off(credential: &IntegrationCredential, now: Timestamp) -> Option<TokenError> {
    let next = credential.schedule.next_at?;
    if credential.consecutive_failures == 0 || next <= now {
        return None;
    }
    let retry_after = Some(until(next, now));
    Some(
        if credential.last_outcome == Some(RefreshOutcome::Misconfigured) {
            TokenError::Misconfigured { retry_after }
        } else {
            TokenError::ProviderUnavailable { retry_after }
        },
    )
}

/// Looks whether the store takes what is written, if it is time for that.
pub(crate) async fn watch_store(services: &Services) {
    store_stood(services).await;
}

/// For how long this process has seen the store take what is written.
async fn store_stood(services: &Services) -> SignedDuration {
    let elapsed = services.env.elapsed();
    let stood = if let Some(stood) = services.engine.writable.known(elapsed) {
        stood
    } else {
        let took_it = takes_writes(services).await;
        services.engine.writable.note(took_it, elapsed)
    };
    SignedDuration::try_from(stood).unwrap_or(SignedDuration::MAX)
}

async fn takes_writes(services: &Services) -> bool {
    let written = async {
        let mut tx = services.store.write().await?;
        tx.set_unchanged().await?;
        tx.commit().await
    };
    match written.await {
        Ok(()) => true,
        Err(err) => {
            tracing::warn!(error = %err, "the store does not take what is written");
            false
        }
    }
}
