//! One store, one server: a copy of a store that another server goes on serving would spend its
//! refresh tokens, and Atlassian ends the whole family when an old one comes.
//!
//! So a store remembers under which address and client id it is served. Another address, another
//! client id, or a copy that a backup made, is served only by the operator's word.

use domain::audit::AuditAction;
use jiff::Timestamp;
use store::Served;

use crate::{Entry, Error, OPERATOR, Services};

/// As what a store is to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The origin under which browsers reach the service.
    pub base_url: String,
    /// The client id at Atlassian; none while there is none.
    pub client_id: Option<String>,
}

/// Why a store is not served.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// It was served under another address.
    #[error("this database was last served under BASE_URL {served}, not {asked}")]
    AnotherAddress {
        /// Under which it was served.
        served: String,
        /// Under which it was to be served now.
        asked: String,
    },
    /// It was served as another app of Atlassian's.
    #[error("this database was last served with JIRA_CLIENT_ID {served}, not {asked}")]
    AnotherClient {
        /// As which it was served.
        served: String,
        /// As which it was to be served now.
        asked: String,
    },
    /// It is a copy that a backup made.
    #[error("this database is a backup of {copied_at}")]
    Copy {
        /// When it was made.
        copied_at: Timestamp,
    },
    /// Not the operator's settings.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Why `served` must not be served as `asked`; nothing where it may.
pub fn refusal(served: &Served, asked: &Identity) -> Option<ClaimError> {
    if let Some(copied_at) = served.copied_at {
        return Some(ClaimError::Copy { copied_at });
    }
    if let Some(before) = &served.base_url
        && *before != asked.base_url
    {
        return Some(ClaimError::AnotherAddress {
            served: before.clone(),
            asked: asked.base_url.clone(),
        });
    }
    match (&served.client_id, &asked.client_id) {
        (Some(before), Some(now)) if before != now => Some(ClaimError::AnotherClient {
            served: before.clone(),
            asked: now.clone(),
        }),
        _ => None,
    }
}

/// Claims the store for a server. A store that was never served takes what it is told, and so does one
/// that had no client id.
///
/// # Errors
///
/// [`ClaimError`] if it is another server's; nothing was written then.
pub async fn claim(services: &Services, identity: &Identity) -> Result<(), ClaimError> {
    let mut tx = services.store.write().await.map_err(Error::from)?;
    let served = tx.find_served().await.map_err(Error::from)?;
    if let Some(refusal) = refusal(&served, identity) {
        return Err(refusal);
    }
    let is_known = served.base_url.is_some()
        && (identity.client_id.is_none() || served.client_id == identity.client_id);
    if !is_known {
        set(services, &mut tx, identity).await?;
        tx.commit().await.map_err(Error::from)?;
    }
    Ok(())
}

/// Makes the store this server's, by the operator's word. Gives as what it was served before.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn adopt(services: &Services, identity: &Identity) -> Result<Served, Error> {
    let mut tx = services.store.write().await?;
    let before = tx.find_served().await?;
    set(services, &mut tx, identity).await?;
    let entry = Entry::new(AuditAction::StoreAdopted).detail(OPERATOR);
    services.audit(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(before)
}

async fn set(services: &Services, tx: &mut store::Tx, identity: &Identity) -> Result<(), Error> {
    let client_id = identity.client_id.as_deref();
    let now = services.env.now();
    tx.set_served(&identity.base_url, client_id, now).await?;
    Ok(())
}
