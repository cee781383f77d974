//! Keys by which services come in. A service's name is its key's name.
//!
//! [`Rights`] say what a key may do, [`Lasting`] for how long; [`ApiKey::may`] has the last word.

use jiff::{SignedDuration, Timestamp};

use crate::{
    ids::{ApiKeyId, TeamId, UserId},
    text::{CloudId, ServiceName},
};

mod lasting;
mod path;
mod rights;
mod room;

pub use lasting::{Lasting, LastingError};
pub use path::{ISSUE_PATHS, PathPrefix, SEARCH_PATHS, VERSIONS};
pub use rights::{
    ChoiceError, ChosenRights, Errand, Forbidden, ProxyRight, Right, Rights, RightsError,
};
pub use room::{MOST_KEYS, NoRoom, Room};

/// So long before its end a key is said to end soon.
pub const ENDS_SOON: SignedDuration = SignedDuration::from_hours(24 * 14);

/// A service's key. The key itself is shown once; we keep the hash of it only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it opens: the connections of one team.
    pub team: TeamId,
    /// The service that has it. A service has two keys at most, while one replaces the other.
    pub name: ServiceName,
    /// Tells the two apart: of keys with the same name that are not revoked, each has another value.
    pub is_second: bool,
    /// What it may do.
    pub rights: Rights,
    /// The only site that it is for.
    pub pin: Option<CloudId>,
    /// Who made it; none if the account is gone, or the operator did.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When an admin ended it.
    pub revoked_at: Option<Timestamp>,
}

/// Who has a key: a service of a team. While it goes from one key to the next it has two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHolder {
    /// The team.
    pub team: TeamId,
    /// The service's name.
    pub service: ServiceName,
}

/// How a key's end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has none.
    Never,
    /// It is more than [`ENDS_SOON`] away.
    Later(Timestamp),
    /// It is near.
    Soon(Timestamp),
    /// It was then.
    Past(Timestamp),
}

impl ApiKey {
    /// Who has it.
    pub fn holder(&self) -> KeyHolder {
        KeyHolder {
            team: self.team,
            service: self.name.clone(),
        }
    }

    /// Whether it may do this, where the team's connection is with `site`.
    ///
    /// What it is pinned to counts where a site is reached: a token, or a call through the proxy. Without a
    /// chosen site there is nothing to be wrong about; the caller is told that there is none.
    ///
    /// # Errors
    ///
    /// [`Forbidden`] says what is in the way: first what the key may do, then where.
    pub fn may(&self, errand: Errand<'_>, site: Option<&CloudId>) -> Result<(), Forbidden> {
        self.rights.check(errand)?;
        if matches!(errand, Errand::Status) {
            return Ok(());
        }
        self.fits(site)
    }

    /// Whether it may reach `site`.
    ///
    /// # Errors
    ///
    /// [`Forbidden::Site`] if it is pinned to another one.
    pub fn fits(&self, site: Option<&CloudId>) -> Result<(), Forbidden> {
        match (&self.pin, site) {
            (Some(pin), Some(site)) if pin != site => Err(Forbidden::Site),
            _ => Ok(()),
        }
    }

    /// How its end is told at `now`. It ends with the moment that is named, not after it.
    pub fn end(&self, now: Timestamp) -> End {
        match self.expires_at {
            None => End::Never,
            Some(at) if at <= now => End::Past(at),
            Some(at) if at.duration_since(now) <= ENDS_SOON => End::Soon(at),
            Some(at) => End::Later(at),
        }
    }

    /// Whether it has ended by itself.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        matches!(self.end(now), End::Past(_))
    }

    /// Whether a service may come in with it.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && !self.has_expired(now)
    }

    /// When the key ends that is made in its place now: it lasts as long as this one was made to.
    pub fn end_of_successor(&self, now: Timestamp) -> Option<Timestamp> {
        let life = self.expires_at?.duration_since(self.created_at);
        now.checked_add(life).ok()
    }

    /// Whether `other` is to take its place: a later key of the same service.
    pub fn is_replaced_by(&self, other: &Self) -> bool {
        self.name == other.name
            && (self.created_at, self.id.uuid()) < (other.created_at, other.id.uuid())
    }
}

#[cfg(test)]
mod tests;
