//! What was sent when a connection needed people, and what became of it.

use crate::view::Moment;

/// A time in which people were needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentLine {
    /// The shape of its state.
    pub icon: &'static str,
    /// What was the matter: `Reconnect needed`.
    pub title: &'static str,
    /// Since when.
    pub opened: Moment,
    /// How it ended, and when.
    pub closed: Option<(&'static str, Moment)>,
    /// What was sent, the newest first.
    pub notices: Vec<NoticeLine>,
}

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeLine {
    /// What it told: `Needs somebody`.
    pub what: &'static str,
    /// By which way and to whom: `Mail to Ada Lovelace`.
    pub to: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The other side took it.
    Sent(Moment),
    /// It will be tried again.
    Waiting {
        /// When; none if now.
        next: Option<Moment>,
        /// How often it was tried.
        attempts: i64,
        /// Why not yet, in words.
        why: Option<String>,
    },
    /// It will not be tried again.
    GivenUp {
        /// Since when.
        at: Moment,
        /// Why, in words.
        why: Option<String>,
    },
    /// There was nobody to send it to, or nothing to tell any more.
    Dropped(Moment),
}

impl NoticeLine {
    /// The shape of what became of it.
    pub(super) const fn icon(&self) -> &'static str {
        match self.fate {
            Fate::Sent(_) => "connected",
            Fate::Waiting { .. } => "connecting",
            Fate::GivenUp { .. } => "reconnect-needed",
            Fate::Dropped(_) => "disconnected",
        }
    }
}
