//! Keys by which services ask for tokens: making one, replacing one, listing them, ending one.
//!
//! A key opens the connections of one team, and is called as the service that has it. It is shown once;
//! only its hash is kept. One that was revoked is refused from the next call on, in every process: it is
//! read with each call. While a service goes from one key to the next it has two.
//!
//! One that has expired stays listed, so that whoever presents it is told why; it makes room for a new one.

use domain::{
    api_key::{ApiKey, Lasting, LastingError, NoRoom, Rights, Room},
    audit::AuditAction,
    credential::Provider,
    ids::{ApiKeyId, TeamId, UserId},
    text::{CloudId, PersonName, ServiceName, Slug, TextError},
};
use secrecy::SecretString;
use store::{ApiKeyWithName, StoreError, Tx};
use vault::token_hash;

use crate::{
    Entry, Error, OPERATOR, Services,
    members::{ChangeError, lock_as_admin},
    who::{Admin, Member},
};

/// The word of an audit row where a key was revoked to make room for another: it had ended by itself.
const EXPIRED: &str = "expired";

/// A key as it shall be.
#[derive(Clone, Debug, Default)]
pub struct KeyWish {
    /// The service that it is for.
    pub name: String,
    /// What it may do.
    pub rights: Rights,
    /// For how long.
    pub lasting: Lasting,
    /// For which site only.
    pub pin: Option<CloudId>,
}

impl KeyWish {
    /// A key that may do everything, for as long as nobody revokes it.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }
}

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
    /// Name or end cannot be taken.
    #[error("{0}")]
    Mistakes(KeyMistakes),
    /// [`MOST_KEYS`](domain::api_key::MOST_KEYS) are in force.
    #[error("{}", NoRoom::OfTeam)]
    TooMany,
    /// As any change of a team.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// What is wrong with a wish, by field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyMistakes {
    /// The name.
    pub name: Option<KeyNameMistake>,
    /// The end.
    pub end: Option<LastingError>,
}

impl std::fmt::Display for KeyMistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.name.map(|it| format!("the name {it}"));
        let end = self.end.map(|it| format!("the last day {it}"));
        let all: Vec<_> = name.into_iter().chain(end).collect();
        f.write_str(&all.join("; "))
    }
}

/// Why a key cannot have a name. The words complete "The name …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyNameMistake {
    /// It is no name.
    #[error(transparent)]
    Text(TextError),
    /// A service of the team has a key in force by it.
    #[error("is that of another key; replace or revoke that one")]
    Taken,
}

impl From<StoreError> for CreateKeyError {
    fn from(err: StoreError) -> Self {
        Self::Change(err.into())
    }
}

/// Makes a key for a service that has none in force.
///
/// # Errors
///
/// [`CreateKeyError`]; no key was made then.
pub async fn create(
    services: &Services,
    admin: &Admin,
    wish: &KeyWish,
) -> Result<Created, CreateKeyError> {
    let tx = lock_as_admin(services, admin).await?;
    let actor = admin.person().user().id;
    make(services, tx, admin.team().id, Some(actor), wish).await
}

/// Why the operator made no key.
#[derive(Debug, thiserror::Error)]
pub enum OperatorKeyError {
    /// No team has this address.
    #[error("no team has this address; it is the part after /a/ of its pages")]
    NoSuchTeam,
    /// As for an admin.
    #[error(transparent)]
    Create(#[from] CreateKeyError),
}

/// Makes a key from the command line: by the operator, who is no admin of the team.
///
/// # Errors
///
/// [`OperatorKeyError`]; no key was made then.
pub async fn create_as_operator(
    services: &Services,
    team: &Slug,
    wish: &KeyWish,
) -> Result<Created, OperatorKeyError> {
    let mut tx = services.store.write().await.map_err(CreateKeyError::from)?;
    let team = tx
        .find_team(team)
        .await
        .map_err(CreateKeyError::from)?
        .ok_or(OperatorKeyError::NoSuchTeam)?;
    if !tx.lock_team(team.id).await.map_err(CreateKeyError::from)? {
        return Err(OperatorKeyError::NoSuchTeam);
    }
    Ok(make(services, tx, team.id, None, wish).await?)
}

/// Makes a key in a transaction that holds the team.
async fn make(
    services: &Services,
    mut tx: Tx,
    team: TeamId,
    actor: Option<UserId>,
    wish: &KeyWish,
) -> Result<Created, CreateKeyError> {
    let now = services.env.now();
    let (name, end) = (ServiceName::parse(&wish.name), wish.lasting.end(now));
    let keys = tx.list_api_keys(team).await?;
    let mut in_force = keys.iter().filter(|it| it.key.is_in_force(now));
    let mut is_taken = |name: &ServiceName| in_force.any(|it| it.key.name == *name);
    let name = match name {
        Ok(name) if is_taken(&name) => Err(KeyNameMistake::Taken),
        other => other.map_err(KeyNameMistake::Text),
    };
    let (name, expires_at) = match (name, end) {
        (Ok(name), Ok(end)) => (name, end),
        (name, end) => {
            return Err(CreateKeyError::Mistakes(KeyMistakes {
                name: name.err(),
                end: end.err(),
            }));
        }
    };
    let taken = || {
        CreateKeyError::Mistakes(KeyMistakes {
            name: Some(KeyNameMistake::Taken),
            end: None,
        })
    };
    let room = Room::find(keys.iter().map(|it| &it.key), &name, now);
    let room = room.map_err(|why| match why {
        NoRoom::OfService => taken(),
        NoRoom::OfTeam => CreateKeyError::TooMany,
    })?;
    end_expired(services, &mut tx, team, &room, actor).await?;
    let key = ApiKey {
        id: ApiKeyId::new(services.env.as_ref()),
        team,
        name,
        is_second: room.is_second,
        rights: wish.rights.clone(),
        pin: wish.pin.clone(),
        created_by: actor,
        created_at: now,
        expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    let entry = entry(AuditAction::ApiKeyCreated, actor, key.rights.as_str());
    let added = add(services, tx, key, entry).await?;
    added.ok_or_else(taken)
}

/// An audit row with a word, where the operator may have been at work.
fn entry(action: AuditAction, actor: Option<UserId>, word: &str) -> Entry {
    let entry = Entry {
        actor,
        ..Entry::new(action)
    };
    entry.detail(match actor {
        Some(_) => word.to_owned(),
        None => format!("{OPERATOR} {word}"),
    })
}

/// Revokes the expired keys that are in the way of a new one.
async fn end_expired(
    services: &Services,
    tx: &mut Tx,
    team: TeamId,
    room: &Room,
    actor: Option<UserId>,
) -> Result<(), ChangeError> {
    for id in &room.ended {
        let entry = entry(AuditAction::ApiKeyRevoked, actor, EXPIRED);
        end(services, tx, team, *id, entry).await?;
    }
    Ok(())
}

/// Revokes a key, with its audit row; `false` if it was revoked before, or is none of the team's.
async fn end(
    services: &Services,
    tx: &mut Tx,
    team: TeamId,
    id: ApiKeyId,
    entry: Entry,
) -> Result<bool, ChangeError> {
    let is_ended = tx.revoke_api_key(team, id, services.env.now()).await?;
    if is_ended {
        let entry = entry.team(team).subject(id.uuid());
        services.audit(tx, entry).await?;
    }
    Ok(is_ended)
}

/// Adds a key with its audit row; none if its place is taken.
async fn add(
    services: &Services,
    mut tx: Tx,
    key: ApiKey,
    entry: Entry,
) -> Result<Option<Created>, ChangeError> {
    let token = token_hash::generate_key(services.env.as_ref());
    let hash = token_hash::hash(&token);
    if !tx.add_api_key(key.team, &key, &hash).await? {
        return Ok(None);
    }
    let entry = entry.team(key.team).subject(key.id.uuid());
    services.audit(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(Some(Created { key, token }))
}

/// Why no key was made beside another one.
#[derive(Debug, thiserror::Error)]
pub enum RotateKeyError {
    /// The service has two: one of them has to go first.
    #[error("{}", NoRoom::OfService)]
    TwoInForce(ServiceName),
    /// The key is not there, or was revoked.
    #[error("there is no such key in force")]
    Gone,
    /// [`MOST_KEYS`](domain::api_key::MOST_KEYS) are in force.
    #[error("{}", NoRoom::OfTeam)]
    TooMany,
    /// As any change of a team.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<StoreError> for RotateKeyError {
    fn from(err: StoreError) -> Self {
        Self::Change(err.into())
    }
}

/// Makes a key for the service that has this one, with the same rights, pin and length of life. Both work,
/// until one of them ends; this one may have expired already.
///
/// # Errors
///
/// [`RotateKeyError`]; no key was made then.
pub async fn rotate(
    services: &Services,
    admin: &Admin,
    id: ApiKeyId,
) -> Result<Created, RotateKeyError> {
    let (team, actor) = (admin.team().id, admin.person().user().id);
    let mut tx = lock_as_admin(services, admin).await?;
    let keys = tx.list_api_keys(team).await?;
    let Some(old) = keys.iter().map(|it| &it.key).find(|it| it.id == id) else {
        return Err(RotateKeyError::Gone);
    };
    let two = || RotateKeyError::TwoInForce(old.name.clone());
    let now = services.env.now();
    let room = Room::find(keys.iter().map(|it| &it.key), &old.name, now);
    let room = room.map_err(|why| match why {
        NoRoom::OfService => two(),
        NoRoom::OfTeam => RotateKeyError::TooMany,
    })?;
    end_expired(services, &mut tx, team, &room, Some(actor)).await?;
    let key = ApiKey {
        id: ApiKeyId::new(services.env.as_ref()),
        is_second: room.is_second,
        created_by: Some(actor),
        created_at: now,
        expires_at: old.end_of_successor(now),
        last_used_at: None,
        ..old.clone()
    };
    let entry = Entry::new(AuditAction::ApiKeyRotated)
        .actor(actor)
        .detail(old.id.to_string());
    let added = add(services, tx, key, entry).await?;
    added.ok_or_else(two)
}

/// How a key stands to the other one in force of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Alone,
    /// That one is newer: it is to take this one's place.
    Older,
    /// That one is older.
    Newer,
}

/// A key of a team, as its page tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The key; may have expired.
    pub key: ApiKey,
    /// The name of who made it; none if the account is gone, or the operator did.
    pub created_by: Option<PersonName>,
    /// Whether the same service has another one.
    pub standing: Standing,
}

/// The keys of the member's team that are not revoked, by name; of one name the older first.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn list(services: &Services, member: &Member) -> Result<Vec<ListedKey>, Error> {
    let now = services.env.now();
    let mut tx = services.store.read().await?;
    let keys = tx.list_api_keys(member.team().id).await?;
    let standing = |key: &ApiKey| {
        let mut others = keys.iter().map(|it| &it.key);
        let other = others.find(|it| it.name == key.name && it.id != key.id && it.is_in_force(now));
        match other {
            None => Standing::Alone,
            Some(other) if key.is_replaced_by(other) => Standing::Older,
            Some(_) => Standing::Newer,
        }
    };
    let listed = keys
        .iter()
        .map(|ApiKeyWithName { key, created_by }| ListedKey {
            standing: standing(key),
            key: key.clone(),
            created_by: created_by.clone(),
        });
    Ok(listed.collect())
}

/// Whether a service may come in with this key.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn is_in_force(services: &Services, key: &SecretString) -> Result<bool, Error> {
    let Ok(hash) = token_hash::hash_key(key) else {
        return Ok(false);
    };
    let found = services
        .store
        .find_api_caller(&hash, Provider::Jira)
        .await?;
    Ok(found.is_some_and(|it| it.key.is_in_force(services.env.now())))
}

/// Ends a key. One that has ended is no mistake; `false` then.
///
/// # Errors
///
/// [`ChangeError::NoLongerAdmin`]; nothing was changed then.
pub async fn revoke(services: &Services, admin: &Admin, id: ApiKeyId) -> Result<bool, ChangeError> {
    let team = admin.team().id;
    let mut tx = lock_as_admin(services, admin).await?;
    let entry = Entry::new(AuditAction::ApiKeyRevoked).actor(admin.person().user().id);
    if !end(services, &mut tx, team, id, entry).await? {
        return Ok(false);
    }
    tx.commit().await?;
    Ok(true)
}
