//! Teams, and what a person is in one.

use std::{fmt, str::FromStr};

use jiff::Timestamp;

use crate::{
    ids::TeamId,
    text::{Slug, TeamName},
};

/// A team: the tenant to which everything else belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// In its addresses; unique, made from the name.
    pub slug: Slug,
    /// Shown to people.
    pub name: TeamName,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a person is in a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sees the state of connections.
    Member,
    /// Connects, chooses sites, disconnects.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 2] = [Self::Member, Self::Admin];

    /// The word that is kept and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or(NotARole)
    }
}
