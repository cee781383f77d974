//! From what was read of a connection's history to what its page shows.

use domain::{
    audit::AuditAction,
    credential::{RefreshOutcome, Scopes},
    incident::{IncidentEnding, IncidentKind},
    outbox::{Channel, Occasion, SendOutcome},
    refresh_event::RefreshCause,
    state::{ConnectionState, IDLE_LIFETIME},
    usage::Answer,
};
use jiff::{Timestamp, tz::TimeZone};
use service::{
    health::{DAYS, Entry, Filter, Happened, History, Part, SentNotice, start_of},
    overview::JiraOverview,
};

use crate::{
    jira_card::{connected_by, site_name},
    moment::moment,
    view::{
        self,
        health::{
            Fact, HistoryView, ServiceLine, Timeline, TimelineLine, Value,
            month::{Day, Month},
            notices::{Fate, IncidentLine, NoticeLine},
            number,
        },
    },
};

/// What is known of a connection; nothing where there is no grant.
pub(crate) fn facts(overview: &JiraOverview, now: Timestamp) -> Vec<Fact> {
    let Some(credential) = &overview.credential else {
        return Vec::new();
    };
    let Some(tokens) = &credential.tokens else {
        return Vec::new();
    };
    let told = &overview.assessment;
    let is_dead = told.state == ConnectionState::ReconnectNeeded;
    let mut facts = Vec::new();
    let mut add = |name, value| facts.push(Fact { name, value });
    let text = |it: &str| Value::Text(it.to_owned());
    let time = |at, with| Value::Time(moment(at, now), with);
    if let Some(site) = &overview.site {
        let name = site_name(site);
        add("Site", Value::Text(format!("{}, {}", name.name, name.host)));
        add("Cloud id", Value::Code(site.cloud_id.as_str().to_owned()));
    }
    add(
        "Atlassian account",
        credential.account_id.as_ref().map_or_else(
            || text("not known yet"),
            |it| Value::Code(it.as_str().to_owned()),
        ),
    );
    if let Some(by) = connected_by(overview) {
        add(
            "Connected by",
            Value::Text(by.trim_end_matches(',').to_owned()),
        );
    }
    if let Some(at) = credential.consented_at {
        add("Consent given", time(at, ""));
    }
    let mut scopes: Vec<_> = credential.scopes.iter().collect();
    // As they are asked for; what nobody asked for comes last.
    let place = |scope: &&str| Scopes::REQUESTED.iter().position(|it| it == scope);
    scopes.sort_by_key(|it| place(it).unwrap_or(usize::MAX));
    let scopes: Vec<_> = scopes.into_iter().map(in_words).collect();
    add("It may", Value::Text(view::list(&scopes)));
    let expires_at = tokens.access_expires_at;
    let is_over = expires_at <= now;
    add(
        "Access token valid until",
        match (is_dead, is_over) {
            (true, _) => text("not served any more"),
            (false, true) => time(expires_at, "; the next call fetches another"),
            (false, false) => time(expires_at, ""),
        },
    );
    add(
        "Next refresh",
        match told.next_attempt_at {
            Some(at) if at > now => time(at, ""),
            Some(_) => text("due now"),
            None => text("none: a person must reconnect first"),
        },
    );
    add(
        "Last refresh that succeeded",
        credential
            .last_refreshed_at
            .map_or_else(|| text("none since the consent"), |it| time(it, "")),
    );
    add(
        "Failures since",
        match credential.consecutive_failures {
            0 => text("none"),
            count => Value::Text(number(i64::from(count))),
        },
    );
    add(
        "Consent ends",
        told.consent_ends_at
            .map_or_else(|| text("never"), |it| time(it, "")),
    );
    if let Some(paired_at) = credential.paired_at().filter(|_| !is_dead) {
        let ends_at = paired_at + IDLE_LIFETIME;
        add(
            "Refresh token ends",
            time(ends_at, ", if nothing refreshes it before"),
        );
    }
    facts
}

fn in_words(scope: &str) -> String {
    match scope {
        "read:jira-work" => "read issues",
        "read:jira-user" => "read users",
        "offline_access" => "stay connected",
        other => other,
    }
    .to_owned()
}

/// What was.
pub(crate) fn history(found: &History, part: Part, today: i64, now: Timestamp) -> HistoryView {
    let shown = match part.filter {
        Filter::All => 0,
        Filter::Failures => 1,
        Filter::Changes => 2,
    };
    let older = found
        .older
        .map(|it| format!("{}-{}", it.at.as_millisecond(), it.id));
    HistoryView {
        receiver_disabled: found.sent.receiver_disabled_at.map(|it| moment(it, now)),
        month: month(found, today),
        timeline: Timeline {
            shown,
            lines: found.timeline.iter().map(|it| line(it, now)).collect(),
            older,
            is_older: part.before.is_some(),
        },
        used_up_until: found.counts.used_up_until.map(|it| moment(it, now)),
        services: found
            .counts
            .services
            .iter()
            .map(|it| ServiceLine {
                name: it.name.to_string(),
                last_call: it.last_used_at.map(|at| moment(at, now)),
                calls_today: number(it.calls_today),
                limited_today: number(it.limited_today),
            })
            .collect(),
        incidents: found
            .sent
            .incidents
            .iter()
            .map(|it| IncidentLine {
                icon: kind(it.kind).0,
                title: kind(it.kind).1,
                opened: moment(it.opened_at, now),
                closed: it.closed.map(|(at, ending)| {
                    let how = match ending {
                        IncidentEnding::Works => "works again since",
                        IncidentEnding::Disconnected => "disconnected",
                    };
                    (how, moment(at, now))
                }),
                notices: it.notices.iter().map(|it| notice(it, now)).collect(),
            })
            .collect(),
    }
}

/// The last 30 days; none where nothing was counted in them.
fn month(found: &History, today: i64) -> Option<Month> {
    let first = today - DAYS + 1;
    let mut days: Vec<Day> = (first..=today)
        .map(|day| Day {
            label: start_of(day)
                .to_zoned_datetime(TimeZone::UTC)
                .strftime("%-d %b")
                .to_string(),
            ..Day::default()
        })
        .collect();
    let at = |day: i64| usize::try_from(day - first).ok();
    for (day, outcome, count) in &found.counts.refreshes {
        if let Some(day) = at(*day).and_then(|it| days.get_mut(it)) {
            match outcome {
                RefreshOutcome::Ok => day.refreshes += count,
                RefreshOutcome::NotSent | RefreshOutcome::Ambiguous => day.unanswered += count,
                RefreshOutcome::GrantDead
                | RefreshOutcome::Misconfigured
                | RefreshOutcome::Unexpected => day.refused += count,
            }
        }
    }
    for (day, answer, count) in &found.counts.calls {
        if let Some(day) = at(*day).and_then(|it| days.get_mut(it)) {
            match answer {
                Answer::Served => day.calls += count,
                Answer::ProviderOutage | Answer::NoGrant | Answer::OurFault => {
                    day.failed_calls += count;
                }
                Answer::CallersFault => {}
            }
        }
    }
    days.iter().any(Day::is_eventful).then(|| Month::new(days))
}

fn line(entry: &Entry, now: Timestamp) -> TimelineLine {
    let at = moment(entry.place.at, now);
    match &entry.what {
        Happened::Refresh {
            cause,
            outcome,
            http_status,
            duration_ms,
        } => {
            let (icon, words) = came_to(*outcome);
            let status = http_status.map(|it| format!(" (HTTP {it})"));
            TimelineLine {
                at,
                icon,
                event: "Refresh",
                outcome: format!("{words}{}", status.unwrap_or_default()),
                took: took(*duration_ms),
                by: because(*cause).to_owned(),
            }
        }
        Happened::Change {
            action,
            by,
            is_by_person,
        } => {
            let (icon, event, words) = change(*action);
            TimelineLine {
                at,
                icon,
                event,
                outcome: words.to_owned(),
                took: String::new(),
                by: match (by, is_by_person) {
                    (Some(name), _) => name.to_string(),
                    (None, true) => "a former member".to_owned(),
                    (None, false) => "this server".to_owned(),
                },
            }
        }
    }
}

fn took(duration_ms: u64) -> String {
    match duration_ms {
        ..10_000 => format!("{duration_ms} ms"),
        _ => format!("{} s", duration_ms.div_ceil(1_000)),
    }
}

const fn came_to(outcome: RefreshOutcome) -> (&'static str, &'static str) {
    match outcome {
        RefreshOutcome::Ok => ("connected", "new token"),
        RefreshOutcome::GrantDead => ("reconnect-needed", "Atlassian refused the grant"),
        RefreshOutcome::Misconfigured => (
            "misconfigured",
            "Atlassian refused this server’s client id or secret",
        ),
        RefreshOutcome::NotSent => (
            "degraded",
            "Atlassian was not reached, or turned it away unread",
        ),
        RefreshOutcome::Ambiguous => ("degraded", "Atlassian gave no answer of use"),
        RefreshOutcome::Unexpected => ("unknown", "an answer that nobody foresaw"),
    }
}

const fn because(cause: RefreshCause) -> &'static str {
    match cause {
        RefreshCause::Caller => "a call needed a token",
        RefreshCause::Minimum => "a call wanted a longer token",
        RefreshCause::Rejected => "a service said its token was refused",
        RefreshCause::Schedule => "the schedule",
        RefreshCause::Probe => "a look whether Atlassian answers",
        RefreshCause::Person => "an admin, on this page",
    }
}

const fn change(action: AuditAction) -> (&'static str, &'static str, &'static str) {
    match action {
        AuditAction::Connected => ("connected", "Connected", "a first grant"),
        AuditAction::Reconnected => ("connected", "Reconnected", "a new grant"),
        AuditAction::SiteChanged => ("choose-site", "Site changed", "another site is used"),
        AuditAction::SiteLost => ("site-lost", "Site lost", "the grant does not reach it"),
        AuditAction::SiteFound => ("connected", "Site found", "the grant reaches it again"),
        AuditAction::Disconnected => ("disconnected", "Disconnected", "the tokens are erased"),
        AuditAction::GrantDied => ("reconnect-needed", "Grant ended", "reconnect needed"),
        AuditAction::CiphertextRefused => (
            "misconfigured",
            "Tokens unreadable",
            "they do not open under this server’s keys",
        ),
        _ => ("info", "Changed", ""),
    }
}

const fn kind(kind: IncidentKind) -> (&'static str, &'static str) {
    match kind {
        IncidentKind::ReconnectNeeded => ("reconnect-needed", "Reconnect needed"),
        IncidentKind::SiteLost => ("site-lost", "Site no longer available"),
        IncidentKind::PermissionsMissing => ("permissions-missing", "Permissions missing"),
        IncidentKind::RenewSoon => ("renew-soon", "Consent to be renewed"),
        IncidentKind::Misconfigured => ("misconfigured", "Blocked by this server’s settings"),
        IncidentKind::ProviderDown => ("degraded", "Atlassian does not answer"),
        IncidentKind::Unexpected => ("unknown", "Refused in a way that nobody foresaw"),
    }
}

fn notice(it: &SentNotice, now: Timestamp) -> NoticeLine {
    let to = match (it.channel, it.is_for_admin, &it.to) {
        (Channel::Mail, true, Some(name)) => format!("mail to {name}"),
        (Channel::Mail, true, None) => "mail to a former member".to_owned(),
        (Channel::Mail, false, _) => "mail to the operator".to_owned(),
        (Channel::Webhook, ..) => "webhook".to_owned(),
    };
    // Our own words, as they are kept: `connection_refused`.
    let why = it.last_error.as_ref().map(|it| it.replace('_', " "));
    NoticeLine {
        what: match it.occasion {
            Occasion::Opened => "It needs somebody",
            Occasion::Reminder => "Reminder",
            Occasion::WorksAgain => "It works again",
            Occasion::StateChanged => "Another state",
            Occasion::ProviderChanged => "Atlassian’s answers",
            Occasion::ReceiverDisabled => "The receiver of webhooks is disabled",
        },
        to,
        fate: match it.ended {
            Some((at, SendOutcome::Sent)) => Fate::Sent(moment(at, now)),
            Some((at, SendOutcome::GivenUp)) => Fate::GivenUp {
                at: moment(at, now),
                why,
            },
            Some((at, SendOutcome::Dropped)) => Fate::Dropped(moment(at, now)),
            None => Fate::Waiting {
                next: it.due_at.filter(|at| *at > now).map(|at| moment(at, now)),
                attempts: it.attempts,
                why,
            },
        },
    }
}
