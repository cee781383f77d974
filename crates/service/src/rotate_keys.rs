//! Rotating keys: everything that another key sealed is sealed anew with the first key of the ring.
//!
//! It runs beside any number of serving processes. A value is replaced only where the very bytes that
//! were read still stand, so a pair that was saved meanwhile stays; it can be stopped at any time and
//! run again.

use anyhow::anyhow;
use domain::audit::AuditAction;
use store::{SealedColumn, SealedValue};
use uuid::Uuid;
use vault::{OpenError, canary, sealing};

use crate::{
    Entry, Error, OPERATOR, Services,
    keys::KeyUsage,
    start::{MissingKeys, StartError, place_of, prove_key_ring},
};

/// So many values are read, and then written in one transaction, at once.
const BATCH: i64 = 200;

/// So often it looks again for what was saved meanwhile by a process that seals with another key.
const MOST_PASSES: u32 = 3;

/// A value that does not open: its key is missing, or it was changed or moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which column.
    pub column: SealedColumn,
    /// Which row, of which team.
    pub value: SealedValue,
    /// Why.
    pub why: OpenError,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Rotation {
    /// How many values were sealed anew.
    pub resealed: u64,
    /// How many were replaced by somebody else meanwhile and left alone.
    pub overtaken: u64,
    /// What does not open; it stays as it is.
    pub refused: Vec<Refused>,
    /// How many values are still sealed by other keys, those that do not open included.
    pub left: u64,
}

/// One batch of a column.
#[derive(Debug)]
pub struct Batch {
    /// How many values were sealed anew.
    pub resealed: u64,
    /// How many were replaced by somebody else meanwhile and left alone.
    pub overtaken: u64,
    /// What does not open.
    pub refused: Vec<Refused>,
    /// The last row that was looked at; none where there was nothing left.
    pub last: Option<Uuid>,
}

/// Seals everything with the first key of the ring that another key sealed.
///
/// # Errors
///
/// [`StartError`] if the ring is not the one of this store; a key that it lacks is no error here, but
/// its values are told as refused.
pub async fn rotate(services: &Services) -> Result<Rotation, StartError> {
    // The first key gets its canary before it seals anything.
    prove_key_ring(services, MissingKeys::Tolerate).await?;
    let mut rotation = Rotation::default();
    rotation.resealed += reseal_canary(services).await?;
    for _ in 0..MOST_PASSES {
        let before = rotation.overtaken;
        rotation.refused.clear();
        for column in SealedColumn::ALL {
            rotate_column(services, column, &mut rotation).await?;
        }
        if rotation.overtaken == before {
            break;
        }
    }
    for refused in &rotation.refused {
        let place = place_of(refused.column, &refused.value);
        services
            .tell_of_refused_ciphertext(place, &refused.why)
            .await?;
    }
    let id = services.key_ring.sealing_id();
    let mut tx = services.store.write().await?;
    rotation.left = KeyUsage::read(&mut tx).await?.not_under(id);
    if rotation.resealed > 0 {
        let entry = Entry::new(AuditAction::KeysRotated).detail(format!("{OPERATOR} {id}"));
        services.audit(&mut tx, entry).await?;
    }
    tx.commit().await?;
    Ok(rotation)
}

async fn rotate_column(
    services: &Services,
    column: SealedColumn,
    rotation: &mut Rotation,
) -> Result<(), Error> {
    let mut after = Uuid::nil();
    loop {
        let batch = reseal_batch(services, column, after, BATCH).await?;
        rotation.resealed += batch.resealed;
        rotation.overtaken += batch.overtaken;
        rotation.refused.extend(batch.refused);
        match batch.last {
            Some(last) => after = last,
            None => return Ok(()),
        }
        tracing::debug!(%column, resealed = rotation.resealed, "rotating keys");
    }
}

/// Seals up to `limit` values of a column anew that another key sealed, after the row `after`.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer. What earlier batches did, stays.
pub async fn reseal_batch(
    services: &Services,
    column: SealedColumn,
    after: Uuid,
    limit: i64,
) -> Result<Batch, Error> {
    let (ring, env) = (&services.key_ring, services.env.as_ref());
    let head = sealing::head(ring.sealing_id());
    let mut tx = services.store.read().await?;
    let found = tx
        .list_sealed_not_under(column, &head, after, limit)
        .await?;
    drop(tx);
    let mut batch = Batch {
        resealed: 0,
        overtaken: 0,
        refused: Vec::new(),
        last: found.last().map(|it| it.row),
    };
    let mut resealed = Vec::new();
    for value in found {
        let place = place_of(column, &value);
        match ring.open(place, &value.value) {
            Ok(secret) => resealed.push((ring.seal(env, place, &secret), value)),
            Err(why) => batch.refused.push(Refused { column, value, why }),
        }
    }
    if resealed.is_empty() {
        return Ok(batch);
    }
    let mut tx = services.store.write().await?;
    for (new, old) in &resealed {
        if tx.replace_sealed(column, old, new, env.now()).await? {
            batch.resealed += 1;
        } else {
            batch.overtaken += 1;
        }
    }
    tx.commit().await?;
    Ok(batch)
}

async fn reseal_canary(services: &Services) -> Result<u64, StartError> {
    let (ring, env) = (&services.key_ring, services.env.as_ref());
    let mut tx = services.store.write().await?;
    let Some(old) = tx.find_canary().await? else {
        return Err(Error::Internal(anyhow!("the canary is gone")).into());
    };
    let new = canary::reseal(ring, env, &old).map_err(StartError::WrongKeyRing)?;
    let Some(new) = new else {
        return Ok(0);
    };
    let replaced = tx.replace_canary(&old, &new, env.now()).await?;
    tx.commit().await?;
    Ok(u64::from(replaced))
}
