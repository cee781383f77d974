//! Whose key it is, and whether it may do what it is presented for.

use domain::{
    api_key::{Errand, Forbidden},
    credential::Provider,
};
use secrecy::SecretString;
use store::StoreError;
use vault::token_hash::{self, NotAKey};

use super::ApiClient;
use crate::{
    Error, Services,
    throttle::{Caller, ClientAddress, Throttled},
};

/// Why a key opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It has not the form of a key.
    #[error("not a key")]
    Malformed,
    /// It has, and was not copied well: its checksum does not fit.
    #[error("the key is mistyped")]
    Mistyped,
    /// There is none like it: of another server, or its team is gone.
    #[error("no such key")]
    Unknown,
    /// An admin ended it.
    #[error("the key is revoked")]
    Revoked,
    /// It was made to end, and has.
    #[error("the key has expired")]
    Expired,
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
            Self::Unknown => "unknown",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
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
        return Err(refuse(KeyError::Unknown));
    };
    let key = found.key;
    if key.revoked_at.is_some() {
        return Err(KeyError::Revoked);
    }
    let now = services.env.now();
    if key.has_expired(now) {
        return Err(KeyError::Expired);
    }
    services
        .key_usage
        .note(key.team, key.id, key.last_used_at, now);
    let client = ApiClient {
        key,
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
