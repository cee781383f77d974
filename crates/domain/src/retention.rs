//! How long is kept what is there for looking back: one table, which operators may change.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// What is removed by its age, by the name of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kept {
    /// What each refresh came to.
    RefreshEvents,
    /// What was changed, and by whom.
    AuditEvents,
    /// Sign-ins of browsers, after their end.
    Sessions,
    /// Trips to Atlassian and back.
    ConnectAttempts,
    /// Invitations, after their end.
    Invitations,
    /// Links for a new password, after their end.
    PasswordResets,
    /// What was sent, after its end; of an open incident all of it stays.
    Outbox,
    /// Incidents, after their end.
    Incidents,
    /// Calls of services, by key and minute.
    KeyUsage,
    /// Calls of services, by team and day.
    DailyUsage,
}

impl Kept {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::RefreshEvents,
        Self::AuditEvents,
        Self::Sessions,
        Self::ConnectAttempts,
        Self::Invitations,
        Self::PasswordResets,
        Self::Outbox,
        Self::Incidents,
        Self::KeyUsage,
        Self::DailyUsage,
    ];

    /// The name of its table, which is its name in the setting too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefreshEvents => "refresh_events",
            Self::AuditEvents => "audit_events",
            Self::Sessions => "sessions",
            Self::ConnectAttempts => "connect_attempts",
            Self::Invitations => "invitations",
            Self::PasswordResets => "password_resets",
            Self::Outbox => "outbox",
            Self::Incidents => "incidents",
            Self::KeyUsage => "key_usage",
            Self::DailyUsage => "daily_usage",
        }
    }

    /// For how many days it is kept where the operator says nothing.
    pub const fn default_days(self) -> u16 {
        match self {
            // Nobody looks back at them.
            Self::Sessions => 0,
            // Whoever opens an old link is told what became of it.
            Self::ConnectAttempts | Self::Invitations | Self::PasswordResets => 30,
            Self::RefreshEvents | Self::Outbox | Self::KeyUsage => 90,
            Self::AuditEvents | Self::Incidents | Self::DailyUsage => 400,
        }
    }

    /// For how many days it has to be kept: what pages and promises look back at.
    pub const fn least_days(self) -> u16 {
        match self {
            Self::Sessions | Self::Invitations | Self::PasswordResets => 0,
            // A trip from which nobody came back is told for a day after its end; the last day of calls
            // is told to the minute.
            Self::ConnectAttempts | Self::KeyUsage => 2,
            // The picture of a month, what was sent in it, and what is promised of it. Of the audit log the
            // schema itself keeps 30 days: a day more leaves room for clocks that are apart.
            Self::RefreshEvents
            | Self::AuditEvents
            | Self::Outbox
            | Self::Incidents
            | Self::DailyUsage => 31,
        }
    }
}

/// More is as good as for ever, and would not fit into a time.
const MOST_DAYS: u16 = 36_500;

/// For how many days each is kept; none for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention([Option<u16>; Kept::ALL.len()]);

impl Default for Retention {
    fn default() -> Self {
        Self(Kept::ALL.map(|it| Some(it.default_days())))
    }
}

/// Why a text says no retention.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    /// Not a name and an age.
    #[error("has the part {0:?}, which is not like refresh_events=90d")]
    NotAPair(String),
    /// Nothing is kept under this name.
    #[error("has the name {0:?}, which is none of {names}", names = Names)]
    UnknownName(String),
    /// The same name twice.
    #[error("has {} twice", .0.as_str())]
    Twice(Kept),
    /// Not an age.
    #[error("has the age {age:?} for {name}, which is neither days like 90d nor forever", age = .1, name = .0.as_str())]
    NotAnAge(Kept, String),
    /// An age that is too short.
    #[error("keeps {} for less than {}d", .0.as_str(), .0.least_days())]
    TooShort(Kept),
}

/// The names, for an error.
#[derive(Clone, Copy, Debug)]
struct Names;

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Kept::ALL.map(Kept::as_str);
        f.write_str(&names.join(", "))
    }
}

impl Retention {
    /// Reads what differs from the defaults: `refresh_events=30d,audit_events=forever`.
    ///
    /// # Errors
    ///
    /// [`RetentionError`] for the first part that cannot be taken.
    pub fn parse(text: &str) -> Result<Self, RetentionError> {
        let mut all = Self::default();
        let mut seen = Vec::new();
        let parts = text.split(',').map(str::trim);
        for part in parts.filter(|it| !it.is_empty()) {
            let Some((name, age)) = part.split_once('=') else {
                return Err(RetentionError::NotAPair(part.to_owned()));
            };
            let (name, age) = (name.trim(), age.trim());
            let Some(kept) = Kept::ALL.into_iter().find(|it| it.as_str() == name) else {
                return Err(RetentionError::UnknownName(name.to_owned()));
            };
            if seen.contains(&kept) {
                return Err(RetentionError::Twice(kept));
            }
            seen.push(kept);
            let days = match age {
                "forever" => None,
                _ => Some(days(age).ok_or_else(|| RetentionError::NotAnAge(kept, age.to_owned()))?),
            };
            if days.is_some_and(|it| it < kept.least_days()) {
                return Err(RetentionError::TooShort(kept));
            }
            if let Some(place) = all.0.get_mut(kept as usize) {
                *place = days;
            }
        }
        Ok(all)
    }

    /// For how many days it is kept; none for ever.
    pub fn days(&self, kept: Kept) -> Option<u16> {
        self.0.get(kept as usize).copied().flatten()
    }

    /// What is as old as this is to be removed; none if nothing is.
    pub fn before(&self, kept: Kept, now: Timestamp) -> Option<Timestamp> {
        let hours = i64::from(self.days(kept)?).saturating_mul(24);
        now.checked_sub(SignedDuration::from_hours(hours)).ok()
    }
}

/// An age in days, as `90d`.
fn days(age: &str) -> Option<u16> {
    let days = age.strip_suffix('d')?;
    let is_number = !days.is_empty() && days.bytes().all(|it| it.is_ascii_digit());
    let days: u16 = days.parse().ok().filter(|_| is_number)?;
    (days <= MOST_DAYS).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_kept_as_ever() {
        for kept in Kept::ALL {
            assert_eq!(Retention::default().days(kept), Some(kept.default_days()));
            assert!(kept.least_days() <= kept.default_days(), "{kept:?}");
        }
        let said = Retention::parse(" key_usage = 7d,, audit_events=forever ").unwrap();
        assert_eq!(said.days(Kept::KeyUsage), Some(7));
        assert_eq!(said.days(Kept::AuditEvents), None);
        assert_eq!(said.days(Kept::Outbox), Some(90));
        assert_eq!(Retention::parse("").unwrap(), Retention::default());
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        let before = said.before(Kept::KeyUsage, now).unwrap();
        assert_eq!(before.to_string(), "2026-11-20T12:00:00Z");
        assert_eq!(said.before(Kept::AuditEvents, now), None);
        let long = Retention::parse("outbox=36500d").unwrap();
        assert!(long.before(Kept::Outbox, now).is_some());
    }

    #[test]
    fn what_cannot_be_taken_is_named() {
        for (text, why) in [
            (
                "refresh_events",
                "has the part \"refresh_events\", which is not like refresh_events=90d",
            ),
            (
                "refresh_event=1d",
                "has the name \"refresh_event\", which is none of refresh_events, audit_events, ",
            ),
            ("outbox=90d,outbox=90d", "has outbox twice"),
            (
                "outbox=90",
                "has the age \"90\" for outbox, which is neither days like 90d nor forever",
            ),
            ("outbox=-1d", "has the age"),
            ("outbox=+1d", "has the age"),
            ("outbox=d", "has the age"),
            ("outbox=99999d", "has the age"),
            ("audit_events=30d", "keeps audit_events for less than 31d"),
        ] {
            let err = Retention::parse(text).unwrap_err().to_string();
            assert!(err.starts_with(why), "{text}: {err}");
        }
    }

    #[test]
    fn every_kind_has_a_place_of_its_own() {
        for (index, kept) in Kept::ALL.into_iter().enumerate() {
            assert_eq!(kept as usize, index);
        }
    }
}
