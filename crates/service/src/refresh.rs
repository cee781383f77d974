//! A token that is valid: [`ensure_valid_token`] is the one way to one, for pages and jobs alike.
//!
//! What holds here (`design.md` 5): a good token is served without writing; inside the margin the
//! caller gets the current token and a refresh starts beside it; past the end all callers of a
//! credential wait for one flight, which no caller can cancel. The new pair is saved before it is
//! used, and the generation is the only fence.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::anyhow;
use atlassian::{BeforeSend, RefreshError, RefreshedTokens, before_send::Always};
use domain::{
    audit::AuditAction,
    credential::{
        Generation, IntegrationCredential, Provider, RefreshOutcome, RevocationReason, SealedTokens,
    },
    env::random,
    ids::{CredentialId, TeamId},
    refresh::{DEFAULT_LIFETIME, Failure, JITTER, Need, after_failure, need, planned},
    sealed::Sealed,
    state::{ConnectionState, connection_state},
};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use store::{FailedRefresh, RefreshOf};
use tokio::sync::watch;
use uuid::Uuid;
use vault::{OpenError, Place};

use crate::{Entry, Error, Services};

/// A token to call Jira with.
#[derive(Clone, Debug)]
pub struct ValidToken {
    /// The access token.
    pub access: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Which pair it is of.
    pub generation: Generation,
    /// Of which credential.
    pub credential: CredentialId,
    /// When the consent was given: tells grants of one credential apart, whatever was refreshed.
    pub consented_at: Option<Timestamp>,
}

/// Why there is no token. Cloned to everybody who waits for the same flight.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// The team has no connection in force.
    #[error("there is no connection: {}", .0.as_str())]
    NoConnection(ConnectionState),
    /// The operator's settings are refused by Atlassian, or missing.
    #[error("client id or secret are missing or refused")]
    Misconfigured,
    /// Atlassian gave no new token, and the old one has ended.
    #[error("Atlassian does not answer")]
    ProviderUnavailable {
        /// How long Atlassian asked us to wait, bounded.
        retry_after: Option<SignedDuration>,
    },
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(Arc<Error>),
}

impl From<Error> for TokenError {
    fn from(err: Error) -> Self {
        Self::Failed(Arc::new(err))
    }
}

impl From<store::StoreError> for TokenError {
    fn from(err: store::StoreError) -> Self {
        Error::from(err).into()
    }
}

type Landing = Result<ValidToken, TokenError>;

/// The refreshes under way in this process, one a credential at most.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<CredentialId, watch::Receiver<Option<Landing>>>>);

impl Flights {
    /// The flight of `credential`, and what its starter must land, if this call starts it.
    fn join(
        &self,
        credential: CredentialId,
    ) -> (watch::Receiver<Option<Landing>>, Option<Starter>) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&credential) {
            return (flight.clone(), None);
        }
        let (sender, flight) = watch::channel(None);
        flights.insert(credential, flight.clone());
        (flight, Some(Starter { sender, credential }))
    }

    fn leave(&self, credential: CredentialId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&credential);
    }
}

/// Held by the one task that refreshes.
struct Starter {
    sender: watch::Sender<Option<Landing>>,
    credential: CredentialId,
}

/// A token of the team's connection that is good now, for `minimum_validity` where that can be had.
///
/// # Errors
///
/// [`TokenError`]. A token that is still good is served whatever goes wrong with its refresh, unless
/// the grant is known to be dead.
pub async fn ensure_valid_token(
    services: &Arc<Services>,
    team: TeamId,
    provider: Provider,
    minimum_validity: SignedDuration,
) -> Result<ValidToken, TokenError> {
    let credential = read(services, team, provider).await?;
    let now = services.env.now();
    let tokens = live_tokens(&credential, now)?;
    let left = tokens.access_expires_at.duration_since(now);
    match what_is_needed(services, &credential, tokens, now) {
        Need::Serve if minimum_validity <= left => open(services, &credential, tokens).await,
        Need::ServeAndRefresh if minimum_validity <= left => {
            start(services, &credential);
            open(services, &credential, tokens).await
        }
        Need::Refresh => land(start(services, &credential)).await,
        // Good, but not for as long as was asked: try for a better one, make do with this one.
        Need::Serve | Need::ServeAndRefresh => match land(start(services, &credential)).await {
            Err(TokenError::ProviderUnavailable { .. } | TokenError::Misconfigured) => {
                open(services, &credential, tokens).await
            }
            landed => landed,
        },
    }
}

fn what_is_needed(
    services: &Services,
    credential: &IntegrationCredential,
    tokens: &SealedTokens,
    now: Timestamp,
) -> Need {
    let saved_at = credential.last_refreshed_at.or(credential.consented_at);
    let lifetime = saved_at.map(|it| tokens.access_expires_at.duration_since(it));
    let spread = JITTER.as_secs().saturating_mul(2).saturating_add(1);
    let drawn = i64::from(u16::from_be_bytes(random(services.env.as_ref())));
    let jitter = SignedDuration::from_secs(drawn.rem_euclid(spread)) - JITTER;
    need(now, tokens.access_expires_at, lifetime, jitter)
}

/// Starts a refresh, or joins the one under way. The task belongs to the process, not to the caller.
fn start(
    services: &Arc<Services>,
    credential: &IntegrationCredential,
) -> watch::Receiver<Option<Landing>> {
    let (flight, starter) = services.flights.join(credential.id);
    if let Some(starter) = starter {
        let (services, team, provider) =
            (Arc::clone(services), credential.team, credential.provider);
        let (tasks, seen) = (services.tasks.clone(), credential.generation);
        tasks.spawn(async move {
            let landing = refresh(&services, team, provider, seen).await;
            // Whoever comes after this reads the row anew.
            services.flights.leave(starter.credential);
            starter.sender.send_replace(Some(landing));
        });
    }
    flight
}

async fn land(mut flight: watch::Receiver<Option<Landing>>) -> Landing {
    match flight.wait_for(Option::is_some).await {
        Ok(landing) => match &*landing {
            Some(landing) => landing.clone(),
            None => Err(Error::Internal(anyhow!("a refresh landed without an end")).into()),
        },
        Err(_) => Err(Error::Internal(anyhow!("a refresh stopped half-way")).into()),
    }
}

/// One refresh: read, ask Atlassian without a transaction, save.
async fn refresh(
    services: &Services,
    team: TeamId,
    provider: Provider,
    seen: Generation,
) -> Landing {
    let credential = read(services, team, provider).await?;
    let now = services.env.now();
    let tokens = live_tokens(&credential, now)?;
    // A flight that ended after the caller looked, or another process, has been here.
    if credential.generation != seen && now < tokens.access_expires_at {
        return open(services, &credential, tokens).await;
    }
    let Some(atlassian) = &services.atlassian else {
        return Err(TokenError::Misconfigured);
    };
    let place = token_place(credential.id, team, "refresh_token");
    let old = services.open_sealed(place, &tokens.refresh).await?;
    let of = RefreshOf {
        team,
        credential: credential.id,
        generation: credential.generation,
        owner: Uuid::from_bytes(random(services.env.as_ref())),
    };
    let (started, length) = (
        credential.schedule.started_at,
        SignedDuration::from_secs(90),
    );
    let mut tx = services.store.write().await?;
    if !tx.lease_refresh(of, started, length, false, now).await? {
        drop(tx);
        return serve_what_stands(services, &credential).await;
    }
    tx.commit().await?;
    let always: Arc<dyn BeforeSend> = Arc::new(Always);
    match atlassian.refresh(&old, &always).await {
        Ok(refreshed) => save(services, &credential, of, tokens, refreshed).await,
        Err(err) => note_failure(services, &credential, of, &err).await,
    }
}

/// Saves first; everything that can fail comes after.
async fn save(
    services: &Services,
    credential: &IntegrationCredential,
    of: RefreshOf,
    old: &SealedTokens,
    new: RefreshedTokens,
) -> Landing {
    let env = services.env.as_ref();
    let now = env.now();
    let seal = |column, token| {
        services.key_ring.seal(
            env,
            token_place(credential.id, credential.team, column),
            token,
        )
    };
    if new.expires_in.is_none() {
        tracing::warn!(credential.id = %credential.id, "Atlassian did not say how long the token lives");
    }
    let tokens = SealedTokens {
        access: seal("access_token", &new.access),
        // Where Atlassian sends no new refresh token, the old one stays in force.
        refresh: new
            .refresh
            .as_ref()
            .map_or_else(|| old.refresh.clone(), |it| seal("refresh_token", it)),
        access_expires_at: now + new.expires_in.unwrap_or(DEFAULT_LIFETIME),
    };
    let lifetime = Some(tokens.access_expires_at.duration_since(now));
    let drawn = u16::from_be_bytes(random(env));
    let next_at = planned(
        now,
        tokens.access_expires_at,
        lifetime,
        credential.last_used_at,
        drawn,
    );
    let mut tx = services.store.write().await?;
    let saved = tx
        .save_refreshed(of, &tokens, new.scopes.as_ref(), next_at, now)
        .await?;
    tx.commit().await?;
    if !saved {
        // Reconnected or disconnected meanwhile: what stands there counts, ours is discarded.
        tracing::info!(credential.id = %credential.id, "a refresh came too late and was discarded");
        return serve_what_stands(services, credential).await;
    }
    tracing::info!(credential.id = %credential.id, "refreshed");
    Ok(ValidToken {
        access: new.access,
        expires_at: tokens.access_expires_at,
        generation: credential.generation.next(),
        credential: credential.id,
        consented_at: credential.consented_at,
    })
}

async fn note_failure(
    services: &Services,
    credential: &IntegrationCredential,
    of: RefreshOf,
    err: &RefreshError,
) -> Landing {
    let (team, id) = (credential.team, credential.id);
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    if err.outcome == RefreshOutcome::GrantDead {
        let reason = RevocationReason::GrantRevoked;
        // If the generation moved it was a race, not a death.
        if !tx.set_dead(of, reason, now).await? {
            drop(tx);
            return serve_what_stands(services, credential).await;
        }
        let entry = Entry::new(AuditAction::GrantDied)
            .team(team)
            .subject(id.uuid());
        services
            .audit(&mut tx, entry.detail(reason.as_str()))
            .await?;
        tx.commit().await?;
        tracing::info!(credential.id = %id, "Atlassian no longer accepts the grant");
        return Err(TokenError::NoConnection(ConnectionState::ReconnectNeeded));
    }
    let before = credential.schedule.started_at;
    let failure = Failure {
        outcome: err.outcome,
        failures: credential.consecutive_failures.saturating_add(1),
        started_at: match err.outcome {
            RefreshOutcome::Ambiguous => before.or(Some(now)),
            _ => before,
        },
        retry_after: err.retry_after,
    };
    let drawn = u16::from_be_bytes(random(services.env.as_ref()));
    let failed = FailedRefresh {
        outcome: err.outcome,
        started_at: failure.started_at,
        next_at: after_failure(now, failure, drawn),
    };
    tx.set_refresh_failure(of, failed, now).await?;
    tx.commit().await?;
    tracing::warn!(credential.id = %id, outcome = err.outcome.as_str(), "no new token");
    Err(match err.outcome {
        RefreshOutcome::Misconfigured => TokenError::Misconfigured,
        _ => TokenError::ProviderUnavailable {
            retry_after: err.retry_after,
        },
    })
}

/// After a lost race: the pair that won.
async fn serve_what_stands(services: &Services, lost: &IntegrationCredential) -> Landing {
    let credential = read(services, lost.team, lost.provider).await?;
    let now = services.env.now();
    let tokens = live_tokens(&credential, now)?;
    if tokens.access_expires_at <= now {
        return Err(TokenError::ProviderUnavailable { retry_after: None });
    }
    open(services, &credential, tokens).await
}

async fn read(
    services: &Services,
    team: TeamId,
    provider: Provider,
) -> Result<IntegrationCredential, TokenError> {
    let now = services.env.now();
    let mut tx = services.store.read().await?;
    if let Some(credential) = tx.find_credential(team, provider).await? {
        return Ok(credential);
    }
    let attempt = tx.find_open_attempt(team, provider, now).await?;
    Err(TokenError::NoConnection(connection_state(
        None,
        attempt.as_ref(),
        now,
    )))
}

fn live_tokens(
    credential: &IntegrationCredential,
    now: Timestamp,
) -> Result<&SealedTokens, TokenError> {
    match &credential.tokens {
        Some(tokens) if credential.is_live() => Ok(tokens),
        _ => Err(TokenError::NoConnection(connection_state(
            Some(credential),
            None,
            now,
        ))),
    }
}

async fn open(
    services: &Services,
    credential: &IntegrationCredential,
    tokens: &SealedTokens,
) -> Landing {
    let place = token_place(credential.id, credential.team, "access_token");
    let access = services.open_sealed(place, &tokens.access).await?;
    Ok(ValidToken {
        access,
        expires_at: tokens.access_expires_at,
        generation: credential.generation,
        credential: credential.id,
        consented_at: credential.consented_at,
    })
}

/// Where a token of a credential lives.
pub(crate) const fn token_place(id: CredentialId, team: TeamId, column: &'static str) -> Place {
    Place::of_team("integration_credentials", column, id.uuid(), team)
}

impl Services {
    /// Opens a stored secret. One that does not open is audited: the ring is wrong, or somebody
    /// moved or changed it.
    pub(crate) async fn open_sealed(
        &self,
        place: Place,
        sealed: &Sealed,
    ) -> Result<SecretString, Error> {
        match self.key_ring.open(place, sealed) {
            Ok(secret) => Ok(secret),
            Err(err) => {
                self.tell_of_refused_ciphertext(place, &err).await?;
                Err(err.into())
            }
        }
    }

    pub(crate) async fn tell_of_refused_ciphertext(
        &self,
        place: Place,
        err: &OpenError,
    ) -> Result<(), Error> {
        let (table, column, row) = (place.table, place.column, place.row);
        tracing::error!(table, column, %row, error = %err, "a stored secret does not open");
        let entry = Entry::new(AuditAction::CiphertextRefused).team(TeamId::from_uuid(place.team));
        self.audit_alone(entry.subject(row).detail(format!("{table}.{column}")))
            .await
    }
}
