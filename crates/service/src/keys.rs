//! Which key sealed what, and whether a key may go.

use std::collections::BTreeMap;

use anyhow::anyhow;
use domain::{audit::AuditAction, sealed::Sealed};
use store::{SealedColumn, Tx};
use vault::{KeyId, canary, sealing};

use crate::{Entry, Error, OPERATOR, Services};

/// What a key of the ring, or of the store, is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRole {
    /// The first of the ring: seals everything new, and opens.
    Seals,
    /// Another one of the ring: opens what it sealed before.
    Opens,
    /// Not in the ring.
    Missing,
}

impl KeyRole {
    /// The word that is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seals => "seals",
            Self::Opens => "opens",
            Self::Missing => "missing",
        }
    }
}

/// One key and what it sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// The key.
    pub id: KeyId,
    /// What it is for.
    pub role: KeyRole,
    /// Whether its canary opens; none where the store has none yet.
    pub is_right: Option<bool>,
    /// How many values it sealed, by `table.column`; columns without any are left out.
    pub values: Vec<(String, u64)>,
}

impl KeyStatus {
    /// How many values it sealed.
    pub fn total(&self) -> u64 {
        self.values.iter().map(|(_, count)| count).sum()
    }
}

/// All keys, the sealing one first, and what is no sealed value at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysStatus {
    /// The keys of the ring in its order, then those that only the store knows.
    pub keys: Vec<KeyStatus>,
    /// Values that do not even name a key, by `table.column`.
    pub malformed: Vec<(String, u64)>,
}

/// How many values each key sealed.
#[derive(Debug, Default)]
pub(crate) struct KeyUsage {
    by_key: BTreeMap<KeyId, Vec<(String, u64)>>,
    malformed: Vec<(String, u64)>,
}

impl KeyUsage {
    /// Looks through every sealed column, one statement each.
    pub(crate) async fn read(tx: &mut Tx) -> Result<Self, Error> {
        let mut usage = Self::default();
        for column in SealedColumn::ALL {
            for (head, count) in tx.count_sealed_by_head(column).await? {
                usage.add(column.to_string(), &head, u64::try_from(count).unwrap_or(0));
            }
        }
        if let Some(canary) = tx.find_canary().await? {
            usage.add("installation.canary".to_owned(), &canary, 1);
        }
        Ok(usage)
    }

    fn add(&mut self, column: String, head: &Sealed, count: u64) {
        let counts = match sealing::key_id_of(head) {
            Ok(id) => self.by_key.entry(id).or_default(),
            Err(_) => &mut self.malformed,
        };
        match counts.iter_mut().find(|(it, _)| *it == column) {
            Some((_, sum)) => *sum += count,
            None => counts.push((column, count)),
        }
    }

    /// Each key that sealed something, and how much.
    pub(crate) fn totals(&self) -> impl Iterator<Item = (KeyId, u64)> {
        let keys = self.by_key.iter();
        keys.map(|(id, counts)| (id.clone(), counts.iter().map(|(_, count)| count).sum()))
    }

    /// How many values are sealed by other keys than `id`, or are none.
    pub(crate) fn not_under(&self, id: &KeyId) -> u64 {
        let others = self.totals().filter(|(it, _)| it != id);
        let malformed = self.malformed.iter().map(|(_, count)| count);
        others.map(|(_, count)| count).sum::<u64>() + malformed.sum::<u64>()
    }

    fn of(&self, id: &KeyId) -> Vec<(String, u64)> {
        self.by_key.get(id).cloned().unwrap_or_default()
    }
}

/// The keys that have a canary: all that may have sealed something.
pub(crate) async fn known_keys(tx: &mut Tx) -> Result<Vec<(KeyId, Sealed)>, Error> {
    let rows = tx.list_key_canaries().await?;
    let parse = |(id, canary): (String, Sealed)| match KeyId::parse(&id) {
        Some(id) => Ok((id, canary)),
        None => Err(anyhow!("key_canaries has a row whose key_id is no key's").into()),
    };
    rows.into_iter().map(parse).collect()
}

/// Which key sealed how much. Looks through every sealed column; changes nothing.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn status(services: &Services) -> Result<KeysStatus, Error> {
    let ring = &services.key_ring;
    let mut tx = services.store.read().await?;
    let usage = KeyUsage::read(&mut tx).await?;
    let known = known_keys(&mut tx).await?;
    let mut keys: Vec<KeyStatus> = Vec::new();
    let in_ring = ring.ids().cloned();
    let elsewhere = known.iter().map(|(id, _)| id.clone());
    let sealed = usage.by_key.keys().cloned();
    for id in in_ring.chain(elsewhere).chain(sealed) {
        if keys.iter().any(|it| it.id == id) {
            continue;
        }
        let canary = known.iter().find(|(it, _)| *it == id);
        let role = if id == *ring.sealing_id() {
            KeyRole::Seals
        } else if ring.ids().any(|it| *it == id) {
            KeyRole::Opens
        } else {
            KeyRole::Missing
        };
        keys.push(KeyStatus {
            role,
            is_right: canary
                .filter(|_| role != KeyRole::Missing)
                .map(|(_, canary)| canary::check_for(ring, &id, canary).is_ok()),
            values: usage.of(&id),
            id,
        });
    }
    Ok(KeysStatus {
        keys,
        malformed: usage.malformed,
    })
}

/// Why a key cannot go.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// It is the first of the ring.
    #[error("it is the first of the ring: everything new is sealed with it")]
    Seals,
    /// Neither ring nor store know it.
    #[error("neither the key ring nor the database know it")]
    Unknown,
    /// It sealed values that are still stored.
    #[error("{} stored values need it", .0.iter().map(|(_, count)| count).sum::<u64>())]
    InUse(Vec<(String, u64)>),
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Forgets a key that no stored value needs, so that it can be taken out of the ring. Gives the ids
/// of the ring without it.
///
/// # Errors
///
/// [`RetireError`]; nothing was changed then.
pub async fn retire(services: &Services, id: &KeyId) -> Result<Vec<KeyId>, RetireError> {
    let ring = &services.key_ring;
    if id == ring.sealing_id() {
        return Err(RetireError::Seals);
    }
    // Counted in the transaction that forgets it.
    let mut tx = services.store.write().await.map_err(Error::from)?;
    let counts = KeyUsage::read(&mut tx).await?.of(id);
    if !counts.is_empty() {
        return Err(RetireError::InUse(counts));
    }
    let was_known = tx
        .remove_key_canary(id.as_str())
        .await
        .map_err(Error::from)?;
    if !was_known && !ring.ids().any(|it| it == id) {
        return Err(RetireError::Unknown);
    }
    if was_known {
        let entry = Entry::new(AuditAction::KeyRetired).detail(format!("{OPERATOR} {id}"));
        services.audit(&mut tx, entry).await?;
        tx.commit().await.map_err(Error::from)?;
    }
    Ok(ring.ids().filter(|it| *it != id).cloned().collect())
}
