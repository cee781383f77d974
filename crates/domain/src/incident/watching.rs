//! What becomes of a connection's incident, and who is told, whenever the connection is looked at. Pure.
//!
//! A look is due after every change of the facts, and at the time that the last look named: before that,
//! nothing changes by time alone.

use jiff::{SignedDuration, Timestamp};

use super::{
    Incident, IncidentEnding, IncidentKind,
    schedule::{FURTHEST, after_reminder, next_reminder, settling},
};
use crate::state::{ConnectionState, Facts, RENEW_AHEAD};

/// Trouble of a single connection is told once it lasted for so long.
const TROUBLE_TOLD_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// Where something else hides what people are needed for, it is looked again this soon.
const LOOK_BEHIND: SignedDuration = SignedDuration::from_hours(1);

/// Every connection is looked at once in this time, and a little earlier, each at another time: so a
/// setting that was changed is noticed.
const LOOK_ANYWAY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A connection, as it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// All facts but an attempt: who is on the way to Atlassian changes nothing yet.
    pub facts: &'a Facts<'a>,
    /// The state that was told last; none before the first look.
    pub told: Option<ConnectionState>,
    /// Whether this is the first look at a connection that an older version made.
    pub is_old: bool,
    /// The incident that is open.
    pub open: Option<&'a Incident>,
    /// How many of its incidents opened within [`super::schedule::RECENT`].
    pub recent: u32,
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// People are needed, or for something else than before: admins and services.
    Opened,
    /// They still are: admins.
    Reminder,
    /// It works again: admins and services.
    WorksAgain,
    /// The connection is in another state, for which nobody is needed: services.
    StateChanged,
}

/// What becomes of the incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// One opens: of a kind, with its first reminder.
    Open(IncidentKind, Option<Timestamp>),
    /// It goes on, or ends.
    Change(Incident),
}

/// What a look comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the incident.
    pub step: Step,
    /// Who is told.
    pub tell: Option<Tell>,
    /// The state that is the last one told from now on.
    pub told: Option<ConnectionState>,
    /// When to look again, if no fact changes before; none if only a change matters.
    pub due_at: Option<Timestamp>,
}

/// What people are needed for, whatever hides it: an outage, or the operator's settings.
fn need(facts: &Facts<'_>) -> Option<IncidentKind> {
    let credential = facts.credential.filter(|it| it.tokens.is_some())?;
    if credential.revoked_at.is_some() {
        Some(IncidentKind::ReconnectNeeded)
    } else if facts.integration.is_some_and(|it| it.lost_at.is_some()) {
        Some(IncidentKind::SiteLost)
    } else if credential.scopes.missing().next().is_some() {
        Some(IncidentKind::PermissionsMissing)
    } else {
        let ends_at = facts.consent_ends_at()?;
        (ends_at.duration_since(facts.now) <= RENEW_AHEAD).then_some(IncidentKind::RenewSoon)
    }
}

/// Whether a person did what was asked for: a consent, or another site, since the incident opened.
fn is_mended_by_a_person(facts: &Facts<'_>, open: &Incident) -> bool {
    let consented_at = facts.credential.and_then(|it| it.consented_at);
    let is_new_consent = consented_at.is_some_and(|it| it > open.opened_at);
    // A site that a person chose was not asked about since.
    let is_new_site = open.kind == IncidentKind::SiteLost
        && facts.integration.is_some_and(|it| it.checked_at.is_none());
    is_new_consent || is_new_site
}

/// When the trouble of this connection alone is told; none where it has none. That Atlassian does not
/// answer anybody is told once for all. An attempt that is due may be about to end the trouble.
fn trouble_told_at(facts: &Facts<'_>, state: ConnectionState) -> Option<Timestamp> {
    let has_trouble = matches!(state, ConnectionState::Degraded | ConnectionState::Waiting);
    if !has_trouble || facts.provider.is_some_and(|it| it.is_down) {
        return None;
    }
    let schedule = &facts.credential?.schedule;
    let since = schedule.failing_since.unwrap_or(facts.now);
    let attempt_due = schedule.next_at.filter(|it| *it <= facts.now);
    Some(attempt_due.map_or(since, |it| it.max(since)) + TROUBLE_TOLD_AFTER)
}

impl Look<'_> {
    /// What it comes to.
    pub fn decide(&self) -> Decision {
        let state = self.facts.state();
        let told = self
            .told
            .or(self.is_old.then_some(ConnectionState::Connected));
        let has_tokens = self.facts.credential.is_some_and(|it| it.tokens.is_some());
        if !has_tokens {
            return self.disconnected();
        }
        let need = need(self.facts);
        let shows = IncidentKind::of_state(state);
        match (self.open, need) {
            (None, Some(kind)) if shows.is_some() => self.opened(kind, state),
            (None, hidden) => {
                let (tell, told) = self.tell_of(state, told);
                self.decided(Step::Nothing, tell, told, hidden.map(|_| self.later()))
            }
            (Some(open), Some(kind)) if shows.is_some() => self.needed(open, kind, state, told),
            (Some(open), Some(_)) => {
                let (tell, told) = self.tell_of(state, told);
                let step = self.changed(self.hidden(open));
                self.decided(step, tell, told, Some(self.later()))
            }
            (Some(open), None) => self.not_needed(open, state, told),
        }
    }

    const fn now(&self) -> Timestamp {
        self.facts.now
    }

    fn later(&self) -> Timestamp {
        self.now() + LOOK_BEHIND
    }

    fn changed(&self, incident: Incident) -> Step {
        if self.open == Some(&incident) {
            Step::Nothing
        } else {
            Step::Change(incident)
        }
    }

    fn decided(
        &self,
        step: Step,
        tell: Option<Tell>,
        told: Option<ConnectionState>,
        due_at: Option<Timestamp>,
    ) -> Decision {
        let due_at = [due_at, self.changes_at()].into_iter().flatten().min();
        Decision {
            step,
            tell,
            told,
            due_at,
        }
    }

    fn disconnected(&self) -> Decision {
        let state = ConnectionState::Disconnected;
        let is_news = self.told.is_some_and(|it| it != state);
        let step = self.open.map_or(Step::Nothing, |open| {
            Step::Change(Incident {
                working_since: None,
                closed: Some((self.now(), IncidentEnding::Disconnected)),
                due_at: None,
                ..open.clone()
            })
        });
        Decision {
            step,
            tell: is_news.then_some(Tell::StateChanged),
            told: Some(state),
            due_at: None,
        }
    }

    fn opened(&self, kind: IncidentKind, state: ConnectionState) -> Decision {
        let now = self.now();
        let reminder = next_reminder(now, 0, now);
        let step = Step::Open(kind, reminder);
        self.decided(step, Some(Tell::Opened), Some(state), reminder)
    }

    /// When people are reminded next. What was settling had the time in its place at which it would have
    /// been told as working.
    fn reminder_due(&self, open: &Incident) -> Option<Timestamp> {
        let now = self.now();
        let planned = next_reminder(open.opened_at, open.reminders, now)?;
        let kept = open.due_at.filter(|_| open.working_since.is_none());
        Some(kept.filter(|it| *it <= now + FURTHEST).unwrap_or(planned))
    }

    /// The incident as it goes on where nothing works, or nobody can see whether it does.
    fn hidden(&self, open: &Incident) -> Incident {
        Incident {
            working_since: None,
            due_at: self.reminder_due(open),
            ..open.clone()
        }
    }

    /// People are needed while an incident is open: what was told once is not told again.
    fn needed(
        &self,
        open: &Incident,
        kind: IncidentKind,
        state: ConnectionState,
        told: Option<ConnectionState>,
    ) -> Decision {
        let now = self.now();
        let mut next = Incident {
            kind,
            reason: self.facts.reason().map(|it| it.as_str().to_owned()),
            ..self.hidden(open)
        };
        let tell = if kind != open.kind {
            Some(Tell::Opened)
        } else if told != Some(state) {
            Some(Tell::StateChanged)
        } else if next.due_at.is_some_and(|it| it <= now) {
            next.reminders = open.reminders.saturating_add(1);
            next.due_at = after_reminder(open.opened_at, next.reminders, now);
            Some(Tell::Reminder)
        } else {
            None
        };
        let due_at = next.due_at;
        self.decided(self.changed(next), tell, Some(state), due_at)
    }

    /// Nobody is needed any more. What a person mended is told at once; what came back by itself, once it
    /// held.
    fn not_needed(
        &self,
        open: &Incident,
        state: ConnectionState,
        told: Option<ConnectionState>,
    ) -> Decision {
        let now = self.now();
        let works = matches!(
            state,
            ConnectionState::Connected | ConnectionState::Degraded
        );
        if !works {
            let step = self.changed(self.hidden(open));
            return self.decided(step, None, told, Some(self.later()));
        }
        let since = open.working_since.unwrap_or(now).min(now);
        let holds_at = since + settling(self.recent);
        if is_mended_by_a_person(self.facts, open) || holds_at <= now {
            let closed = Incident {
                working_since: Some(since),
                closed: Some((now, IncidentEnding::Works)),
                due_at: None,
                ..open.clone()
            };
            return self.decided(
                Step::Change(closed),
                Some(Tell::WorksAgain),
                Some(state),
                None,
            );
        }
        let settles = Incident {
            working_since: Some(since),
            due_at: Some(holds_at),
            ..open.clone()
        };
        self.decided(self.changed(settles), None, told, Some(holds_at))
    }

    /// Whether services are told of a state for which nobody is needed, and what was told last then.
    fn tell_of(
        &self,
        state: ConnectionState,
        told: Option<ConnectionState>,
    ) -> (Option<Tell>, Option<ConnectionState>) {
        let is_told = match state {
            ConnectionState::Degraded | ConnectionState::Waiting => {
                trouble_told_at(self.facts, state).is_some_and(|it| it <= self.now())
            }
            // Told once, for the whole installation.
            ConnectionState::Misconfigured => false,
            _ => true,
        };
        if is_told && told != Some(state) {
            (Some(Tell::StateChanged), Some(state))
        } else {
            (None, told)
        }
    }

    /// When another look is due because the state changes by time alone.
    fn changes_at(&self) -> Option<Timestamp> {
        let now = self.now();
        let facts = self.facts;
        let credential = facts.credential?;
        let state = facts.state();
        let renew_at = facts.consent_ends_at().map(|it| it - RENEW_AHEAD);
        let is_failing = credential.consecutive_failures > 0;
        let tokens = credential.tokens.as_ref().filter(|_| is_failing);
        let trouble_at = trouble_told_at(facts, state);
        let ahead = [renew_at, tokens.map(|it| it.access_expires_at), trouble_at];
        let next = ahead.into_iter().flatten().filter(|it| *it > now).min();
        let anyway = credential
            .is_live()
            .then(|| now + LOOK_ANYWAY - spread(facts));
        next.into_iter().chain(anyway).min()
    }
}

/// So that connections which were looked at together are not again.
fn spread(facts: &Facts<'_>) -> SignedDuration {
    let id = facts.credential.map_or(0, |it| it.id.uuid().as_u128());
    let minutes = i64::try_from(id.rem_euclid(24 * 60)).unwrap_or_default();
    SignedDuration::from_mins(minutes)
}

#[cfg(test)]
mod tests;
