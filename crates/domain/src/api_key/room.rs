//! Where a new key finds room among those of its team. What has expired is in nobody's way: it goes.

use jiff::Timestamp;

use super::ApiKey;
use crate::{ids::ApiKeyId, text::ServiceName};

/// So many keys a team has at most that are not revoked.
pub const MOST_KEYS: usize = 200;

/// The place of a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its [`ApiKey::is_second`].
    pub is_second: bool,
    /// Expired keys that have to be revoked for it: those that expired first.
    pub ended: Vec<ApiKeyId>,
}

/// Why there is no room for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The service has two in force.
    #[error("the service has two keys already")]
    OfService,
    /// The team has [`MOST_KEYS`] in force.
    #[error("the team has {MOST_KEYS} keys; revoke those that no service uses")]
    OfTeam,
}

impl Room {
    /// Finds it for another key of `name`, where `keys` are those of the team that are not revoked.
    ///
    /// # Errors
    ///
    /// [`NoRoom`], where only keys in force are in the way.
    pub fn find<'a>(
        keys: impl Iterator<Item = &'a ApiKey> + Clone,
        name: &ServiceName,
        now: Timestamp,
    ) -> Result<Self, NoRoom> {
        let expired = keys.clone().filter(|it| it.has_expired(now));
        let of_service = keys.clone().filter(|it| it.name == *name);
        let is_taken = |slot| of_service.clone().any(|it| it.is_second == slot);
        let mut ended = Vec::new();
        let free = [false, true].into_iter().find(|it| !is_taken(*it));
        let is_second = if let Some(free) = free {
            free
        } else {
            let first = first_to_expire(expired.clone().filter(|it| it.name == *name));
            let first = first.ok_or(NoRoom::OfService)?;
            ended.push(first.id);
            first.is_second
        };
        let stay = keys.filter(|it| !ended.contains(&it.id)).count();
        if stay >= MOST_KEYS {
            let others = expired.filter(|it| !ended.contains(&it.id));
            let first = first_to_expire(others).ok_or(NoRoom::OfTeam)?;
            ended.push(first.id);
        }
        Ok(Self { is_second, ended })
    }
}

fn first_to_expire<'a>(keys: impl Iterator<Item = &'a ApiKey>) -> Option<&'a ApiKey> {
    keys.min_by_key(|it| (it.expires_at, it.id.uuid()))
}

#[cfg(test)]
mod tests;
