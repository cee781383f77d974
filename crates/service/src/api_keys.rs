//! Keys by which services ask for tokens: making one, listing them, ending one.
//!
//! A key opens the connections of one team, and is called as the service that has it. It is shown once;
//! only its hash is kept. One that was revoked is refused from the next call on.

use domain::{
    api_key::ApiKey,
    audit::AuditAction,
    ids::ApiKeyId,
    text::{ServiceName, TextError},
};
use secrecy::SecretString;
use store::{ApiKeyWithName, StoreError};
use vault::token_hash;

use crate::{
    Entry, Error, Services,
    members::{ChangeError, lock_as_admin},
    who::{Admin, Member},
};

/// So many keys in force a team has at most.
pub const MOST_KEYS: usize = 200;

/// A new key.
#[derive(Clone, Debug)]
pub struct Created {
    /// What is known of it.
    pub key: ApiKey,
    /// The key itself. Only its hash is kept.
    pub token: SecretString,
}

impl Created {
    /// The key in the clear, to be shown once to whom it was made for.
    pub fn shown_once(&self) -> String {
        token_hash::path("", &self.token)
    }
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    /// The name cannot be taken.
    #[error("the name {0}")]
    Name(TextError),
    /// Another key in force has it.
    #[error("a key in force has this name")]
    NameTaken,
    /// [`MOST_KEYS`] are in force.
    #[error("too many keys are in force")]
    TooMany,
    /// As any change of a team.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<StoreError> for CreateKeyError {
    fn from(err: StoreError) -> Self {
        Self::Change(err.into())
    }
}

/// Makes a key for the service of this name.
///
/// # Errors
///
/// [`CreateKeyError`]; no key was made then.
pub async fn create(
    services: &Services,
    admin: &Admin,
    name: &str,
) -> Result<Created, CreateKeyError> {
    let name = ServiceName::parse(name).map_err(CreateKeyError::Name)?;
    let (team, actor) = (admin.team().id, admin.person().user().id);
    let env = services.env.as_ref();
    let mut tx = lock_as_admin(services, admin).await?;
    if tx.list_api_keys(team).await?.len() >= MOST_KEYS {
        return Err(CreateKeyError::TooMany);
    }
    let token = token_hash::generate_key(env);
    let key = ApiKey {
        id: ApiKeyId::new(env),
        team,
        name,
        created_by: Some(actor),
        created_at: env.now(),
        last_used_at: None,
        revoked_at: None,
    };
    if !tx
        .add_api_key(team, &key, &token_hash::hash(&token))
        .await?
    {
        return Err(CreateKeyError::NameTaken);
    }
    let entry = Entry::new(AuditAction::ApiKeyCreated)
        .team(team)
        .actor(actor)
        .subject(key.id.uuid());
    services
        .audit(&mut tx, entry)
        .await
        .map_err(ChangeError::from)?;
    tx.commit().await?;
    Ok(Created { key, token })
}

/// The keys in force of the member's team, by name.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn list(services: &Services, member: &Member) -> Result<Vec<ApiKeyWithName>, Error> {
    let mut tx = services.store.read().await?;
    Ok(tx.list_api_keys(member.team().id).await?)
}

/// Ends a key. One that has ended is no mistake; `false` then.
///
/// # Errors
///
/// [`ChangeError::NoLongerAdmin`]; nothing was changed then.
pub async fn revoke(services: &Services, admin: &Admin, id: ApiKeyId) -> Result<bool, ChangeError> {
    let team = admin.team().id;
    let mut tx = lock_as_admin(services, admin).await?;
    if !tx.revoke_api_key(team, id, services.env.now()).await? {
        return Ok(false);
    }
    let entry = Entry::new(AuditAction::ApiKeyRevoked)
        .team(team)
        .actor(admin.person().user().id)
        .subject(id.uuid());
    services.audit(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(true)
}
