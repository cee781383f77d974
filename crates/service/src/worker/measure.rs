//! Looks at the store for the metrics that nothing else counts.

use std::num::NonZeroU16;

use domain::{
    credential::{Generation, IntegrationCredential, Provider, RefreshSchedule, SealedTokens},
    ids::{CredentialId, TeamId},
    provider_health::ProviderHealth,
    sealed::Sealed,
    state::{ConnectionState, Facts, RENEW_AHEAD},
};
use jiff::{SignedDuration, Timestamp};
use store::{ConnectionGroup, ReceiverHealth};
use uuid::Uuid;

use crate::{Error, Services};

/// More than this between process and database, and ages are told wrongly.
const MOST_APART: SignedDuration = SignedDuration::from_secs(5);

/// One round.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn run_once(services: &Services) -> Result<(), Error> {
    let days = services
        .policy
        .consent_lifetime_days
        .map_or(0, NonZeroU16::get);
    let lifetime = SignedDuration::from_hours(i64::from(days) * 24);
    let mut tx = services.store.read().await?;
    let now = services.env.now();
    let clock = tx.find_clock().await?;
    let oldest_due = tx.find_oldest_due_refresh(now).await?;
    let health = tx.find_provider_health(Provider::Jira).await?;
    let old = now - lifetime + RENEW_AHEAD;
    let groups = tx.list_connection_groups(old, now).await?;
    let waiting = tx.list_waiting().await?;
    let receiver = match &services.webhooks {
        Some(it) => tx.find_receiver_health(&it.receiver().url_hash()).await?,
        None => ReceiverHealth::default(),
    };
    let incidents = tx.list_open_incident_counts().await?;
    let used_up = tx.list_used_up_hours(now).await?;
    drop(tx);
    services.metrics.set_open_incidents(|kind| {
        let of_kind = incidents.iter().find(|(it, _)| *it == kind);
        of_kind.map_or(0, |(_, count)| *count)
    });
    services.metrics.set_used_up_hours(|limit| {
        let found = used_up.iter().find(|(it, _)| *it == limit);
        found.map_or(0, |(_, count)| *count)
    });
    let apart = now.duration_since(clock);
    if apart.abs() > MOST_APART {
        tracing::warn!(
            seconds = apart.as_secs(),
            "this process's clock and the database's are apart; set one of them right"
        );
    }
    let due_for = oldest_due.map_or(0.0, |it| now.duration_since(it).as_secs_f64());
    services.metrics.set_ages(due_for, apart.as_secs_f64());
    services.metrics.set_waiting_notices(|channel| {
        let found = waiting.iter().find(|it| it.channel == channel);
        found.map_or((0, 0.0), |it| {
            (it.count, now.duration_since(it.oldest).as_secs_f64())
        })
    });
    services
        .metrics
        .set_receiver_disabled(receiver.disabled_at.is_some());
    let counted: Vec<_> = groups
        .into_iter()
        .map(|it| (it.count, state(it, &health, services, now)))
        .collect();
    services.metrics.set_connections(|state| {
        let of_state = counted.iter().filter(|(_, it)| *it == state);
        of_state.map(|(count, _)| count).sum()
    });
    Ok(())
}

/// The state of the connections of a group, by the function that says it of each. Whether their tokens
/// open is not looked at: that is known when one is asked for.
fn state(
    group: ConnectionGroup,
    health: &ProviderHealth,
    services: &Services,
    now: Timestamp,
) -> ConnectionState {
    let second = SignedDuration::from_secs(1);
    let consented_at = group.is_old.then_some(Timestamp::UNIX_EPOCH);
    let tokens = SealedTokens {
        access: Sealed::from_bytes(Vec::new()),
        refresh: Sealed::from_bytes(Vec::new()),
        access_expires_at: if group.has_ended { now } else { now + second },
    };
    let credential = IntegrationCredential {
        id: CredentialId::from_uuid(Uuid::nil()),
        team: TeamId::from_uuid(Uuid::nil()),
        provider: health.provider,
        tokens: group.has_tokens.then_some(tokens),
        scopes: group.scopes,
        account_id: None,
        connected_by: None,
        consented_at,
        generation: Generation::ZERO,
        consecutive_failures: group.is_failing.into(),
        last_outcome: group.last_outcome,
        last_refreshed_at: None,
        last_used_at: None,
        schedule: RefreshSchedule::default(),
        revoked_at: group.is_dead.then_some(now),
        revocation_reason: None,
        disconnected_at: None,
        disconnected_by: None,
    };
    let facts = Facts {
        credential: Some(&credential),
        integration: None,
        attempt: None,
        tokens_open: true,
        provider: Some(health),
        now,
        consent_lifetime_days: services.policy.consent_lifetime_days,
    };
    match facts.state() {
        it @ (ConnectionState::ReconnectNeeded | ConnectionState::Misconfigured) => it,
        it if it.has_grant() && group.is_lost => ConnectionState::SiteLost,
        it => it,
    }
}
