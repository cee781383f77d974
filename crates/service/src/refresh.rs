//! A token that is valid: [`ensure_valid_token`] is the one way to one, for pages, API and jobs alike.
//!
//! What holds here (`design.md` 5): a good token is served without writing; inside the margin the
//! caller gets the current token and a refresh starts beside it; past the end all callers of a
//! credential wait for one flight, which no caller can cancel. Across processes a lease in the database
//! decides who asks; its row is the written intent. The new pair is saved before it is used, and the
//! generation is the only fence.
//!
//! - `flight`: one refresh in this process, however many wait. `gate`: whether Atlassian may be asked now.
//! - `holder`: the lease, and the last look before the old token is sent.
//! - `by_hand`: what a person asks for on a page.
//! - `saving` and `failing`: what an answer leaves behind.
//! - [`engine`]: what the process remembers. [`steps`]: where tests look in.

use std::{sync::Arc, time::Duration};

use domain::{
    audit::AuditAction,
    credential::{Generation, IntegrationCredential, Provider, SealedTokens},
    env::random,
    ids::{CredentialId, TeamId},
    refresh::{JITTER, LEEWAY, Need, need},
    refresh_event::RefreshCause,
    sealed::Sealed,
    state::{ConnectionState, connection_state},
};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use vault::{OpenError, Place};

use crate::{Entry, Error, Services};
pub use by_hand::{ByHandError, by_hand_again_at, refresh_by_hand};
pub use engine::{Engine, RefreshSettings};
pub(crate) use flight::Wanted;
use flight::{Landing, land, start};
pub(crate) use gate::watch_store;
pub use steps::{Step, Steps};

mod by_hand;
pub mod engine;
mod failing;
mod flight;
mod gate;
mod holder;
mod saving;
pub mod steps;

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
    /// A refresh is under way beside it.
    pub refreshing: bool,
    /// What the caller should know of it; the first that applies.
    pub caveat: Option<Caveat>,
}

/// What a caller should know of a token. The first that applies is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caveat {
    /// It was said to be refused, and no other one is to be had now.
    RefusedAgain,
    /// It does not last as long as was asked, and no better one is to be had.
    MinimumNotMet,
    /// It was said to be refused, and Atlassian takes it.
    TokenWorks,
    /// It is in this process's memory alone: the store does not take it yet.
    NotSaved,
}

impl ValidToken {
    const fn plain(
        access: SecretString,
        expires_at: Timestamp,
        generation: Generation,
        credential: CredentialId,
        consented_at: Option<Timestamp>,
    ) -> Self {
        Self {
            access,
            expires_at,
            generation,
            credential,
            consented_at,
            refreshing: false,
            caveat: None,
        }
    }
}

/// What a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// For how long the token shall be good, where that can be had.
    pub minimum: SignedDuration,
    /// How long the caller waits for a refresh.
    pub max_wait: Duration,
}

impl Wish {
    /// A token that is good now; half a minute is waited for it.
    pub const NOW: Self = Self {
        minimum: SignedDuration::ZERO,
        max_wait: Duration::from_secs(30),
    };
}

/// Why there is no token. Cloned to everybody who waits for the same flight.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// The team has no connection in force.
    #[error("there is no connection: {}", .0.as_str())]
    NoConnection(ConnectionState),
    /// The operator's settings are refused by Atlassian, or missing.
    #[error("client id or secret are missing or refused")]
    Misconfigured {
        /// When to ask again, where that is known.
        retry_after: Option<SignedDuration>,
    },
    /// Atlassian gave no new token, and the old one has ended.
    #[error("Atlassian does not answer")]
    ProviderUnavailable {
        /// When to ask again, where that is known.
        retry_after: Option<SignedDuration>,
    },
    /// The newest pair could not be saved for so long that it ended.
    #[error("the newest token pair could not be saved")]
    NotSaved,
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

/// Whoever waited in vain may come back after this.
const COME_BACK: SignedDuration = SignedDuration::from_secs(5);

/// A caller has a refresh made of a token that has not ended at most once in this time.
const FORCED_AGAIN: SignedDuration = SignedDuration::from_secs(30);

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
    let wish = Wish {
        minimum: minimum_validity,
        ..Wish::NOW
    };
    serve(services, &credential, wish).await
}

/// As [`ensure_valid_token`], for a row that was read just now.
///
/// # Errors
///
/// As [`ensure_valid_token`].
pub async fn serve(
    services: &Arc<Services>,
    credential: &IntegrationCredential,
    wish: Wish,
) -> Result<ValidToken, TokenError> {
    let now = services.env.now();
    let tokens = live_tokens(credential, now)?;
    note_use(services, credential, now);
    if let Some(in_hand) = services.engine.unsaved.token_of(credential, now) {
        return in_hand.map(|it| it.for_at_least(wish.minimum, now));
    }
    let left = tokens.access_expires_at.duration_since(now);
    let waits = gate::backs_off(credential, now);
    match what_is_needed(services, credential, tokens, now) {
        Need::Refresh => {
            if let Some(err) = waits {
                return Err(err);
            }
            let landed = wait(services, credential, RefreshCause::Caller, wish).await?;
            Ok(landed.for_at_least(wish.minimum, services.env.now()))
        }
        need if wish.minimum <= left => {
            let token = open(services, credential, tokens).await?;
            let refreshing = need == Need::ServeAndRefresh && waits.is_none();
            if refreshing {
                start(services, Wanted::of(credential, RefreshCause::Caller));
            }
            Ok(ValidToken {
                refreshing,
                ..token
            })
        }
        // Good, but not for as long as was asked: try for a better one, make do with this one.
        _ => {
            let token = open(services, credential, tokens).await?;
            if waits.is_none() && !is_young(credential, now) {
                match wait(services, credential, RefreshCause::Minimum, wish).await {
                    Ok(better) => return Ok(better.for_at_least(wish.minimum, services.env.now())),
                    Err(TokenError::NoConnection(state)) => {
                        return Err(TokenError::NoConnection(state));
                    }
                    Err(_) => {}
                }
            }
            Ok(token.for_at_least(wish.minimum, services.env.now()))
        }
    }
}

/// For somebody whose token of this pair was refused: another one, or proof that it works. At most one
/// refresh in 30 seconds is made so.
///
/// # Errors
///
/// As [`ensure_valid_token`].
pub async fn replace_rejected(
    services: &Arc<Services>,
    credential: &IntegrationCredential,
    rejected: (CredentialId, Generation),
    wish: Wish,
) -> Result<ValidToken, TokenError> {
    let now = services.env.now();
    let tokens = live_tokens(credential, now)?;
    let is_current = rejected == (credential.id, credential.generation);
    let is_in_hand = services.engine.unsaved.token_of(credential, now).is_some();
    if !is_current || is_in_hand || tokens.access_expires_at <= now {
        return serve(services, credential, wish).await;
    }
    note_use(services, credential, now);
    let token = open(services, credential, tokens).await?;
    let refused_again = token.but(Caveat::RefusedAgain);
    if was_forced(credential, now) || gate::backs_off(credential, now).is_some() {
        return Ok(refused_again);
    }
    match wait(services, credential, RefreshCause::Rejected, wish).await {
        Err(TokenError::ProviderUnavailable { .. } | TokenError::Misconfigured { .. }) => {
            Ok(refused_again)
        }
        landed => landed,
    }
}

impl ValidToken {
    /// Says so where it does not last.
    fn for_at_least(self, minimum: SignedDuration, now: Timestamp) -> Self {
        if self.expires_at.duration_since(now) < minimum {
            self.but(Caveat::MinimumNotMet)
        } else {
            self
        }
    }

    /// The same with a caveat, beside one that it may have.
    fn but(self, caveat: Caveat) -> Self {
        let caveat = self.caveat.map_or(caveat, |it| it.min(caveat));
        Self {
            caveat: Some(caveat),
            ..self
        }
    }
}

/// A pair of less than ten minutes is not replaced because somebody wants one that lasts longer: the
/// rotation would end the older one early, and bring nothing.
fn is_young(credential: &IntegrationCredential, now: Timestamp) -> bool {
    let paired_at = credential.paired_at();
    paired_at.is_some_and(|it| now.duration_since(it).abs() < LEEWAY)
}

fn note_use(services: &Services, credential: &IntegrationCredential, now: Timestamp) {
    let (team, id, known) = (credential.team, credential.id, credential.last_used_at);
    services.engine.usage.note(team, id, known, now);
}

fn was_forced(credential: &IntegrationCredential, now: Timestamp) -> bool {
    let forced_at = credential.schedule.forced_at;
    forced_at.is_some_and(|it| now.duration_since(it).abs() < FORCED_AGAIN)
}

/// The flight goes on when the caller has waited long enough.
async fn wait(
    services: &Arc<Services>,
    credential: &IntegrationCredential,
    cause: RefreshCause,
    wish: Wish,
) -> Landing {
    let flight = start(services, Wanted::of(credential, cause));
    match tokio::time::timeout(wish.max_wait, land(flight)).await {
        Ok(landed) => landed,
        Err(_) => Err(TokenError::ProviderUnavailable {
            retry_after: Some(COME_BACK),
        }),
    }
}

/// Makes a refresh that is due, or waits for the one under way.
///
/// # Errors
///
/// As [`ensure_valid_token`].
pub(crate) async fn refresh_due(services: &Arc<Services>, wanted: Wanted) -> Landing {
    land(start(services, wanted)).await
}

fn what_is_needed(
    services: &Services,
    credential: &IntegrationCredential,
    tokens: &SealedTokens,
    now: Timestamp,
) -> Need {
    let paired_at = credential.paired_at();
    let lifetime = paired_at.map(|it| tokens.access_expires_at.duration_since(it));
    let spread = JITTER.as_secs().saturating_mul(2).saturating_add(1);
    let drawn = i64::from(u16::from_be_bytes(random(services.env.as_ref())));
    let jitter = SignedDuration::from_secs(drawn.rem_euclid(spread)) - JITTER;
    need(now, tokens.access_expires_at, lifetime, jitter)
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
    Ok(ValidToken::plain(
        access,
        tokens.access_expires_at,
        credential.generation,
        credential.id,
        credential.consented_at,
    ))
}

/// Waits by the real clock: between two looks at another process's work, and two attempts to save.
#[expect(
    clippy::disallowed_methods,
    reason = "the lease goes by the database's clock, which no test moves; nothing is decided by how long this takes"
)]
async fn pause(how_long: Duration) {
    tokio::time::sleep(how_long).await;
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
                // Boxed, as it is rare: room for it would be moved about with each good token.
                Box::pin(self.tell_of_refused_ciphertext(place, &err)).await?;
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
