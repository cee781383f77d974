//! What becomes of the operator's incidents: one of a kind for the whole installation. Pure.
//!
//! Some of the trouble is only seen when a connection is refreshed. So what was not seen for a while counts
//! as over, and the time of the last look at it is kept in place of "since when it works".

use jiff::{SignedDuration, Timestamp};

use super::{
    IncidentKind,
    schedule::{FURTHEST, after_reminder, next_reminder, settling},
};
use crate::{
    credential::RefreshOutcome,
    incident::{Incident, IncidentEnding},
    provider_health::ProviderHealth,
    state::{ConnectionState, Facts, Reason},
};

/// A provider is told to be down once it was down for so long.
const DOWN_TOLD_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// A connection that fails is tried again within this time; so what none of them showed since is over.
const SEEN_AGAIN_WITHIN: SignedDuration = SignedDuration::from_mins(20);

/// That it is still there is written this often.
const NOTE_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Whoever looks does so every second. Where nobody looked for this long, nobody saw anything either.
const NOBODY_LOOKED: SignedDuration = SignedDuration::from_mins(2);

/// From this many in a row on, answers that nobody foresaw are the operator's matter.
pub const ODD_ANSWERS: u32 = 3;

/// The kinds that are the operator's.
pub const KINDS: [IncidentKind; 3] = [
    IncidentKind::Misconfigured,
    IncidentKind::Unexpected,
    IncidentKind::ProviderDown,
];

/// What was seen of a kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It is there, and why.
    Seen(Option<Reason>),
    /// Nobody saw it.
    NotSeen,
}

/// What is to be done about an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// One opens: with the reason, and when its first reminder is due.
    Open(Option<Reason>, Option<Timestamp>),
    /// It is written anew, and nobody is told.
    Note(Incident),
    /// It is written anew, and a reminder goes out.
    Remind(Incident),
    /// It is over, and that is told.
    Close(Incident),
}

/// What the health of a provider shows of a kind of trouble, where `is_open` says whether that was told.
pub fn sight(kind: IncidentKind, health: &ProviderHealth, is_open: bool, now: Timestamp) -> Sight {
    let is_refused = health.last_outcome == Some(RefreshOutcome::Misconfigured);
    let down_for = health
        .failing_since
        .filter(|_| health.is_down)
        .map(|it| now.duration_since(it));
    match kind {
        IncidentKind::Misconfigured if health.is_down && is_refused => {
            Sight::Seen(Some(Reason::ClientRefused))
        }
        IncidentKind::ProviderDown
            if !is_refused && down_for.is_some_and(|it| is_open || it >= DOWN_TOLD_AFTER) =>
        {
            Sight::Seen(Some(Reason::ProviderUnavailable))
        }
        _ => Sight::NotSeen,
    }
}

/// What the facts of one connection show of the operator's trouble.
pub fn shown_by(facts: &Facts<'_>) -> Option<(IncidentKind, Reason)> {
    let credential = facts.credential?;
    let is_odd = credential.last_outcome == Some(RefreshOutcome::Unexpected)
        && credential.consecutive_failures >= ODD_ANSWERS;
    match facts.state() {
        ConnectionState::Misconfigured => Some((IncidentKind::Misconfigured, facts.reason()?)),
        ConnectionState::Degraded | ConnectionState::Waiting if is_odd => {
            Some((IncidentKind::Unexpected, Reason::ProviderUnexpected))
        }
        _ => None,
    }
}

/// Whether anybody is reminded of it by mail.
const fn reminds(kind: IncidentKind) -> bool {
    !matches!(kind, IncidentKind::ProviderDown)
}

/// What becomes of trouble of a kind, with the incident that is `open` of it, and how many of them opened of
/// late.
pub fn decide(
    kind: IncidentKind,
    open: Option<&Incident>,
    recent: u32,
    sight: Sight,
    now: Timestamp,
) -> Step {
    match (open, sight) {
        (None, Sight::NotSeen) => Step::Nothing,
        (None, Sight::Seen(reason)) => {
            let due_at = next_reminder(now, 0, now).filter(|_| reminds(kind));
            Step::Open(reason, due_at)
        }
        (Some(open), Sight::Seen(_)) => seen(open, now),
        (Some(open), Sight::NotSeen) => not_seen(open, recent, now),
    }
}

fn seen(open: &Incident, now: Timestamp) -> Step {
    let mut noted = Incident {
        working_since: Some(now),
        ..open.clone()
    };
    if open.due_at.is_some_and(|it| it <= now) {
        noted.reminders = open.reminders.saturating_add(1);
        noted.due_at = after_reminder(open.opened_at, noted.reminders, now);
        return Step::Remind(noted);
    }
    if open.due_at.is_some_and(|it| it > now + FURTHEST) {
        noted.due_at = next_reminder(open.opened_at, open.reminders, now);
        return Step::Note(noted);
    }
    let is_noted = open
        .working_since
        .is_some_and(|it| now.duration_since(it).abs() < NOTE_EVERY);
    if is_noted {
        Step::Nothing
    } else {
        Step::Note(noted)
    }
}

fn not_seen(open: &Incident, recent: u32, now: Timestamp) -> Step {
    let hold = match open.kind {
        IncidentKind::ProviderDown => settling(recent),
        _ => settling(recent).max(SEEN_AGAIN_WITHIN),
    };
    let since = open.working_since.unwrap_or(open.opened_at);
    let unseen_for = now.duration_since(since);
    if unseen_for < SignedDuration::ZERO || unseen_for >= hold.saturating_add(NOBODY_LOOKED) {
        Step::Note(Incident {
            working_since: Some(now),
            ..open.clone()
        })
    } else if unseen_for >= hold {
        Step::Close(Incident {
            closed: Some((now, IncidentEnding::Works)),
            due_at: None,
            ..open.clone()
        })
    } else {
        Step::Nothing
    }
}

#[cfg(test)]
mod tests;
