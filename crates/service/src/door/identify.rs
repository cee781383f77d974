//! Whose key it is, and whether it may do what it is presented for.

use domain::{
    api_key::{ApiKey, Errand, Forbidden},
    credential::Provider,
};
use jiff::Timestamp;
use secrecy::SecretString;
use store::{ConnectionOverview, StoreError};
use vault::token_hash::{self, NotAKey};

use super::ApiClient;
use crate::{
    Error, Services,
    throttle::{Caller, ClientAddress, Throttled},
};

/// Why a key that is one opens nothing, whatever it is presented for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyEnded {
    /// There is none like it: of another server, or its team is gone.
    #[error("no such key")]
    Unknown,
    /// An admin ended it.
    #[error("the key is revoked")]
    Revoked,
    /// It was made to end, and has.
    #[error("the key has expired")]
    Expired,
}

impl KeyEnded {
    /// What ended it first is told: one that had expired may have been revoked to make room.
    pub(super) fn check(key: &ApiKey, now: Timestamp) -> Result<(), Self> {
        if key.revoked_at.is_some_and(|at| !key.has_expired(at)) {
            return Err(Self::Revoked);
        }
        if key.has_expired(now) {
            return Err(Self::Expired);
        }
        Ok(())
    }
}

/// Why a key opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It has not the form of a key.
    #[error("not a key")]
    Malformed,
    /// It has, and was not copied well: its checksum does not fit.
    #[error("the key is mistyped")]
    Mistyped,
    /// It is none that is in force.
    #[error(transparent)]
    Ended(#[from] KeyEnded),
    /// It is good, and may not do this.
    #[error("{why}")]
    Forbidden {
        /// Whose it is, so that the call is counted.
        client: Box<ApiClient>,
        /// What is in the way.
        why: Forbidden,
    },
    /// Too many bad keys came from there of late.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl KeyError {
    /// The words of [`Self::reason`].
    pub(crate) const REASONS: [&str; 8] = [
        "malformed",
        "mistyped",
        "unknown",
        "revoked",
        "expired",
        "forbidden",
        "throttled",
        "failed",
    ];

    /// The word that metrics have for it.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Mistyped => "mistyped",
            Self::Ended(KeyEnded::Unknown) => "unknown",
            Self::Ended(KeyEnded::Revoked) => "revoked",
            Self::Ended(KeyEnded::Expired) => "expired",
            Self::Forbidden { .. } => "forbidden",
            Self::Throttled(_) => "throttled",
            Self::Failed(_) => "failed",
        }
    }
}

impl From<StoreError> for KeyError {
    fn from(err: StoreError) -> Self {
        Self::Failed(err.into())
    }
}

impl From<NotAKey> for KeyError {
    fn from(err: NotAKey) -> Self {
        match err {
            NotAKey::Form => Self::Malformed,
            NotAKey::Checksum => Self::Mistyped,
        }
    }
}

/// Finds whose key it is, and with it the team's connection, and whether the key may be used for the
/// errand. One statement, and none for what is no key.
///
/// # Errors
///
/// [`KeyError`].
pub async fn identify(
    services: &Services,
    key: &SecretString,
    provider: Provider,
    errand: Errand<'_>,
    from: ClientAddress,
) -> Result<ApiClient, KeyError> {
    let found = find(services, key, provider, errand, from).await;
    found.inspect_err(|why| services.metrics.key_refused(why))
}

async fn find(
    services: &Services,
    key: &SecretString,
    provider: Provider,
    errand: Errand<'_>,
    from: ClientAddress,
) -> Result<ApiClient, KeyError> {
    // Whoever may be guessing is slowed down. Whoever has a key that we made is told the truth about it,
    // however often: what it may not do, or that it has ended.
    let refuse = |why: KeyError| {
        let caller = Caller {
            account: None,
            address: from,
        };
        match services.throttle.failed(caller, services.env.now()) {
            Ok(()) => why,
            Err(throttled) => throttled.into(),
        }
    };
    let hash = token_hash::hash_key(key).map_err(|why| refuse(why.into()))?;
    let Some(found) = services.store.find_api_caller(&hash, provider).await? else {
        return Err(refuse(KeyEnded::Unknown.into()));
    };
    let (key, now) = (found.key, services.env.now());
    KeyEnded::check(&key, now)?;
    services
        .key_usage
        .note(key.team, key.id, key.last_used_at, now);
    let client = ApiClient {
        key,
        hash,
        provider,
        connection: found.connection,
    };
    match client.key.may(errand, client.site().map(|it| &it.cloud_id)) {
        Ok(()) => Ok(client),
        Err(why) => Err(KeyError::Forbidden {
            client: Box::new(client),
            why,
        }),
    }
}

/// Reads key and connection once more: whoever waited for a token may have lost its key meanwhile. It is not
/// counted as a refused key, since the call is counted already.
///
/// # Errors
///
/// [`KeyError::Ended`], or [`KeyError::Failed`].
pub(super) async fn recheck(
    services: &Services,
    client: &ApiClient,
) -> Result<ConnectionOverview, KeyError> {
    let found = services
        .store
        .find_api_caller(&client.hash, client.provider)
        .await?
        .ok_or(KeyEnded::Unknown)?;
    KeyEnded::check(&found.key, services.env.now())?;
    Ok(found.connection)
}
