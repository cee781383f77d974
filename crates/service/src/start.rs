//! What must be right before anything is served.

use std::collections::BTreeSet;

use domain::{ids::TeamId, sealed::Sealed};
use store::{Schema, SealedColumn, SealedValue, Store, StoreError, Tx};
use uuid::Uuid;
use vault::{KeyId, KeyRing, OpenError, Place, canary, sealing};

use crate::{
    Error, Services,
    keys::{KeyUsage, known_keys},
};

/// Why the service must not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key ring is not the one of this store. Going on would write under a wrong key.
    #[error("the key ring does not open this database")]
    WrongKeyRing(#[source] OpenError),
    /// One key of the ring is not the one that this store knows by its id.
    #[error("the key {id} is not the one that this database knows by that id")]
    WrongKey {
        /// Whose bytes are wrong.
        id: KeyId,
        /// What did not open.
        #[source]
        source: OpenError,
    },
    /// Values are stored that only a key opens which the ring lacks.
    #[error("{values} stored values need the key {id}, which the key ring lacks")]
    MissingKey {
        /// The key.
        id: KeyId,
        /// How many values need it.
        values: u64,
    },
    /// Not the operator's settings.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for StartError {
    fn from(err: StoreError) -> Self {
        Error::from(err).into()
    }
}

/// On `SQLite` one process serves: leases that stand when it starts are a dead predecessor's, and what
/// they held is due at once. On PostgreSQL they end by themselves.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn recover_leases(services: &Services) -> Result<(), Error> {
    if !matches!(services.store, Store::Sqlite { .. }) {
        return Ok(());
    }
    let mut tx = services.store.write().await?;
    let left = tx.forget_leases().await?;
    // What the last process had in hand may have been sent or not: it is sent again, with the same id.
    tx.forget_claims().await?;
    tx.commit().await?;
    if left > 0 {
        tracing::warn!(
            left,
            "refreshes were interrupted when the last process ended; they are made again"
        );
    }
    Ok(())
}

/// What to do about keys that the ring lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MissingKeys {
    /// Refuse, where a value needs one.
    Refuse,
    /// Go on: whoever rotates names the values.
    Tolerate,
}

/// Sees that the key ring is the one of this store, key by key; a new store, and a new key, get their
/// canaries.
///
/// A key's canary is written before the key seals anything, and removed when the key is retired.
/// So the stored values need not be looked through, unless the ring lacks a key that has a canary.
///
/// # Errors
///
/// [`StartError`] but `Failed`; nothing was written then.
pub async fn check_key_ring(services: &Services) -> Result<(), StartError> {
    prove_key_ring(services, MissingKeys::Refuse).await
}

pub(crate) async fn prove_key_ring(
    services: &Services,
    missing: MissingKeys,
) -> Result<(), StartError> {
    let ring = &services.key_ring;
    let mut tx = services.store.read().await?;
    let of_ring = tx.find_canary().await?;
    let known = known_keys(&mut tx).await?;
    if let Some(canary) = &of_ring {
        canary::check(ring, canary).map_err(StartError::WrongKeyRing)?;
    }
    check_key_canaries(ring, &known)?;
    let ids: BTreeSet<&KeyId> = ring.ids().collect();
    let lacks_one = known.iter().any(|(id, _)| !ids.contains(id));
    // A store of a version that kept no canary of each key.
    let is_older = of_ring.is_some() && known.is_empty();
    if lacks_one || is_older {
        let usage = KeyUsage::read(&mut tx).await?;
        for (id, values) in usage.totals() {
            if ids.contains(&id) {
                if is_older {
                    try_values(ring, &mut tx, &id).await?;
                }
            } else if missing == MissingKeys::Refuse {
                return Err(StartError::MissingKey { id, values });
            }
        }
        if lacks_one {
            tracing::warn!(
                "the database knows a key that ENCRYPTION_KEYS lacks; nothing needs it: `tformance keys retire` forgets it"
            );
        }
    }
    drop(tx);
    let is_new = |id: &&KeyId| !known.iter().any(|(it, _)| it == *id);
    let new: Vec<&KeyId> = ring.ids().filter(is_new).collect();
    if of_ring.is_none() || !new.is_empty() {
        add_canaries(services, &new).await?;
    }
    // Another process may have been faster, with another ring.
    is_key_ring_right(services).await
}

fn check_key_canaries(ring: &KeyRing, known: &[(KeyId, Sealed)]) -> Result<(), StartError> {
    for (id, canary) in known {
        match canary::check_for(ring, id, canary) {
            Ok(()) | Err(OpenError::UnknownKey(_)) => {}
            Err(source) => {
                let id = id.clone();
                return Err(StartError::WrongKey { id, source });
            }
        }
    }
    Ok(())
}

/// The same as [`check_key_ring`] without writing, for whoever only looks.
///
/// # Errors
///
/// [`StartError`].
pub async fn look_at_key_ring(services: &Services) -> Result<(), StartError> {
    let mut tx = services.store.read().await?;
    // A store that was never served takes any ring.
    if let Some(canary) = tx.find_canary().await? {
        canary::check(&services.key_ring, &canary).map_err(StartError::WrongKeyRing)?;
    }
    check_key_canaries(&services.key_ring, &known_keys(&mut tx).await?)?;
    let ids: BTreeSet<&KeyId> = services.key_ring.ids().collect();
    let mut totals = KeyUsage::read(&mut tx).await?.totals().collect::<Vec<_>>();
    totals.retain(|(id, _)| !ids.contains(id));
    match totals.pop() {
        Some((id, values)) => Err(StartError::MissingKey { id, values }),
        None => Ok(()),
    }
}

async fn add_canaries(services: &Services, new: &[&KeyId]) -> Result<(), StartError> {
    let (ring, env) = (&services.key_ring, services.env.as_ref());
    let now = env.now();
    let mut tx = services.store.write().await?;
    if tx.find_canary().await?.is_none() {
        tx.add_canary(&canary::make(ring, env), now).await?;
    }
    for id in new {
        if let Some(canary) = canary::make_for(ring, id, env) {
            tx.add_key_canary(id.as_str(), &canary, now).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Sees that a key opens something that it is said to have sealed. A few tries: a single value may
/// have been moved or changed, which is no reason not to start.
async fn try_values(ring: &KeyRing, tx: &mut Tx, id: &KeyId) -> Result<(), StartError> {
    const TRIES: i64 = 5;
    let head = sealing::head(id);
    let mut failed = None;
    for column in SealedColumn::ALL {
        let values = tx
            .list_sealed_under(column, &head, Uuid::nil(), TRIES)
            .await?;
        for value in values {
            match ring.open(place_of(column, &value), &value.value) {
                Ok(_) => return Ok(()),
                Err(err) => failed = Some(err),
            }
        }
    }
    match failed {
        Some(source) => Err(StartError::WrongKey {
            id: id.clone(),
            source,
        }),
        None => Ok(()),
    }
}

/// Where a value of a column lives.
pub(crate) const fn place_of(column: SealedColumn, value: &SealedValue) -> Place {
    let team: TeamId = value.team;
    Place::of_team(column.table(), column.column(), value.row, team)
}

/// The same as [`check_key_ring`] without writing and without looking at values; also where the store
/// has no canary yet.
async fn is_key_ring_right(services: &Services) -> Result<(), StartError> {
    let mut tx = services.store.read().await?;
    let canary = tx.find_canary().await?;
    let canary = canary.ok_or(StartError::WrongKeyRing(OpenError::Malformed))?;
    canary::check(&services.key_ring, &canary).map_err(StartError::WrongKeyRing)?;
    check_key_canaries(&services.key_ring, &known_keys(&mut tx).await?)
}

/// Why requests should not be sent here now.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The database does not answer.
    #[error("store: the database does not answer")]
    Store(#[source] StoreError),
    /// The schema is not the one of this version.
    #[error("schema: the database's schema is not the one of this version")]
    Schema,
    /// The key ring is not the one of this store.
    #[error("keys: the key ring does not open this database")]
    Keys(#[source] StartError),
}

/// Whether store, schema and keys are right. Asks nobody but the database.
///
/// # Errors
///
/// [`NotReady`], which names the part.
pub async fn readiness(services: &Services) -> Result<(), NotReady> {
    match services.store.schema().await.map_err(NotReady::Store)? {
        Schema::UpToDate => is_key_ring_right(services).await.map_err(NotReady::Keys),
        Schema::Missing | Schema::Older | Schema::Newer => Err(NotReady::Schema),
    }
}
