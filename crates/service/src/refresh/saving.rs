//! Saving a new pair: first, hard, and by the generation alone.
//!
//! The old token is spent. Whatever can fail comes after the pair is saved; while the store does not take
//! it, it is served from memory, and nobody spends the old one again.

use std::{sync::Arc, time::Duration};

use atlassian::RefreshedTokens;
use domain::{
    credential::{Generation, IntegrationCredential, RefreshOutcome, Scopes, SealedTokens},
    env::random,
    ids::RefreshEventId,
    refresh::{DEFAULT_LIFETIME, planned},
    refresh_event::RefreshEvent,
};
use jiff::Timestamp;
use secrecy::SecretString;
use store::RefreshOf;

use super::{
    Caveat, ValidToken, flight::Landing, holder::Holder, live_tokens, open, pause, read,
    steps::Step, token_place,
};
use crate::{Error, Services};

/// The first pause between two attempts to save; doubled each time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// And no pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A pair in hand, sealed for its row.
#[derive(Debug)]
pub(super) struct NewPair {
    pub(super) of: RefreshOf,
    tokens: SealedTokens,
    access: SecretString,
    scopes: Option<Scopes>,
    /// Whether the scopes are others than before.
    is_changed: bool,
    consented_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl NewPair {
    /// As it will stand in the row.
    pub(super) fn token(&self) -> ValidToken {
        ValidToken::plain(
            self.access.clone(),
            self.tokens.access_expires_at,
            self.of.generation.next(),
            self.of.credential,
            self.consented_at,
        )
    }

    fn seal(
        services: &Services,
        of: RefreshOf,
        credential: &IntegrationCredential,
        old: &SealedTokens,
        new: RefreshedTokens,
    ) -> Self {
        let env = services.env.as_ref();
        let seal = |column, token| {
            let place = token_place(of.credential, of.team, column);
            services.key_ring.seal(env, place, token)
        };
        if new.expires_in.is_none() {
            tracing::warn!(credential.id = %of.credential, "Atlassian did not say how long the token lives");
        }
        Self {
            of,
            tokens: SealedTokens {
                access: seal("access_token", &new.access),
                // Where Atlassian sends no new refresh token, the old one stays in force.
                refresh: new
                    .refresh
                    .as_ref()
                    .map_or_else(|| old.refresh.clone(), |it| seal("refresh_token", it)),
                access_expires_at: env.now() + new.expires_in.unwrap_or(DEFAULT_LIFETIME),
            },
            access: new.access,
            is_changed: new
                .scopes
                .as_ref()
                .is_some_and(|it| *it != credential.scopes),
            scopes: new.scopes,
            consented_at: credential.consented_at,
            last_used_at: credential.last_used_at,
        }
    }
}

/// Saves what Atlassian answered. Where the store does not take it, the token is served all the same, and
/// saving goes on beside.
pub(super) async fn save(
    services: &Arc<Services>,
    holder: Arc<Holder>,
    credential: &IntegrationCredential,
    old: &SealedTokens,
    new: RefreshedTokens,
    took: Duration,
) -> Landing {
    let pair = NewPair::seal(services, holder.of, credential, old, new);
    match try_save(services, &pair).await {
        Ok(true) => {
            saved(services, &holder, credential, took).await;
            Ok(pair.token())
        }
        Ok(false) => superseded(services, credential).await,
        Err(err) => {
            tracing::error!(
                credential.id = %credential.id, error = %err, cause = ?std::error::Error::source(&err),
                "a new token pair could not be saved; it is kept in memory and tried again"
            );
            let pair = Arc::new(pair);
            services.engine.unsaved.add(&pair);
            services
                .metrics
                .set_unsaved_pairs(services.engine.unsaved_pairs());
            let token = pair.token().but(Caveat::NotSaved);
            let (services, credential) = (Arc::clone(services), credential.clone());
            let tasks = services.tasks.clone();
            tasks.spawn(async move {
                keep_saving(&services, &holder, &credential, &pair, took).await;
            });
            Ok(token)
        }
    }
}

/// Until it is saved, or another pair has taken its place. The lease is renewed meanwhile.
async fn keep_saving(
    services: &Services,
    holder: &Holder,
    credential: &IntegrationCredential,
    pair: &NewPair,
    took: Duration,
) {
    let mut wait = SHORTEST_PAUSE;
    loop {
        pause(wait).await;
        wait = (wait * 2).min(LONGEST_PAUSE);
        match try_save(services, pair).await {
            Ok(was_saved) => {
                services.engine.unsaved.remove(credential.id);
                services
                    .metrics
                    .set_unsaved_pairs(services.engine.unsaved_pairs());
                if was_saved {
                    tracing::warn!(credential.id = %credential.id, "the token pair is saved at last");
                    saved(services, holder, credential, took).await;
                } else {
                    tracing::info!(credential.id = %credential.id, "a token pair was superseded before it was saved");
                }
                return;
            }
            Err(err) => tracing::debug!(error = %err, "a new token pair could not be saved yet"),
        }
    }
}

async fn try_save(services: &Services, pair: &NewPair) -> Result<bool, Error> {
    let env = services.env.as_ref();
    let now = env.now();
    let ends = pair.tokens.access_expires_at;
    let lifetime = Some(ends.duration_since(now));
    let drawn = u16::from_be_bytes(random(env));
    let next_at = planned(now, ends, lifetime, pair.last_used_at, drawn);
    let mut tx = services.store.write().await?;
    let saved = tx
        .save_refreshed(pair.of, &pair.tokens, pair.scopes.as_ref(), next_at, now)
        .await?;
    if saved {
        tx.watch_saved(pair.of.team, pair.of.credential, pair.is_changed, now)
            .await?;
    }
    let steps = &services.engine.steps;
    steps.reached(Step::BeforeCommit, pair.of.credential).await;
    tx.commit().await?;
    steps.reached(Step::Committed, pair.of.credential).await;
    Ok(saved)
}

/// Everything that may fail without harm.
async fn saved(
    services: &Services,
    holder: &Holder,
    credential: &IntegrationCredential,
    took: Duration,
) {
    tracing::info!(credential.id = %credential.id, "refreshed");
    services.metrics.refreshed(RefreshOutcome::Ok);
    let noted = async {
        let now = services.env.now();
        let mut tx = services.store.write().await?;
        tx.add_refresh_event(&event(services, holder, RefreshOutcome::Ok, None, took))
            .await?;
        note_answer(&mut tx, credential, now).await?;
        tx.hint_refresh_ended(credential.id).await?;
        tx.commit().await
    };
    if let Err(err) = noted.await {
        tracing::warn!(credential.id = %credential.id, error = %err, "a refresh was saved, but not noted");
    }
}

/// The provider answers: where it was down, everybody who waits is due.
pub(super) async fn note_answer(
    tx: &mut store::Tx,
    credential: &IntegrationCredential,
    now: Timestamp,
) -> Result<(), store::StoreError> {
    let provider = credential.provider;
    if !tx.find_provider_health(provider).await?.wants_success(now) {
        return Ok(());
    }
    let health = tx.lock_provider_health(provider, now).await?;
    let was_down = health.is_down;
    let health = health.after_success(credential.id, now);
    tx.set_provider_health(&health, now).await?;
    if was_down {
        let woken = tx.wake_failing_refreshes(provider, now).await?;
        tracing::info!(
            provider = provider.as_str(),
            woken,
            "Atlassian answers again"
        );
    }
    Ok(())
}

/// What an attempt came to, for the timeline.
pub(super) fn event(
    services: &Services,
    holder: &Holder,
    outcome: RefreshOutcome,
    http_status: Option<u16>,
    took: Duration,
) -> RefreshEvent {
    let Holder { of, cause, .. } = holder;
    RefreshEvent {
        id: RefreshEventId::new(services.env.as_ref()),
        team: of.team,
        credential: of.credential,
        generation: Generation(of.generation.0),
        cause: *cause,
        outcome,
        http_status,
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        at: services.env.now(),
    }
}

/// Reconnected, disconnected or refreshed by another meanwhile: what stands there counts, ours is
/// discarded.
async fn superseded(services: &Services, lost: &IntegrationCredential) -> Landing {
    tracing::info!(credential.id = %lost.id, "a refresh came too late and was discarded");
    let credential = read(services, lost.team, lost.provider).await?;
    let now = services.env.now();
    let tokens = live_tokens(&credential, now)?;
    if tokens.access_expires_at <= now {
        return Err(super::TokenError::ProviderUnavailable { retry_after: None });
    }
    open(services, &credential, tokens).await
}
