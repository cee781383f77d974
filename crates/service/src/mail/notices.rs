//! What mails say of a connection that needs people, and of a server that needs its operator.
//!
//! Whatever is not ours to word (names of teams, sites and services) is taken as text: made visible, one
//! line, and escaped where it becomes HTML.

use std::fmt::Write as _;

use domain::{
    credential::RevocationReason,
    ids::OutboxId,
    incident::IncidentKind,
    outbox::Occasion,
    text::{EmailAddress, visible_only},
};
use jiff::Timestamp;
use lettre::Message;

use super::{
    Mailer, Thread,
    bodies::{Letter, Part, letter, moment},
};
use crate::notices::payload::{ConnectionTold, Notice};

/// So many services are named.
const MOST_NAMED: usize = 8;

/// A mail of the outbox.
#[derive(Debug)]
pub(crate) struct NoticeMail {
    /// Its `Message-ID` is made of this: the same in every attempt.
    pub(crate) id: OutboxId,
    /// The mail that told of the same incident first.
    pub(crate) answers: Option<OutboxId>,
    /// Its `Date`: the same in every attempt.
    pub(crate) written_at: Timestamp,
    /// What it tells.
    pub(crate) subject: Subject,
}

/// What a mail tells.
#[derive(Debug)]
pub(crate) enum Subject {
    /// A connection, or the whole server.
    Notice {
        notice: Box<Notice>,
        occasion: Occasion,
        is_operators: bool,
    },
    /// The receiver of webhooks was switched off.
    ReceiverOff {
        is_gone: bool,
        failing_since: Timestamp,
    },
}

impl Mailer {
    /// A notice; none where the address is one that mail has no form for.
    pub(crate) fn notice(&self, to: &EmailAddress, mail: &NoticeMail) -> Option<Message> {
        let letter = match &mail.subject {
            Subject::ReceiverOff {
                is_gone,
                failing_since,
            } => self.receiver_off(*is_gone, *failing_since),
            Subject::Notice {
                notice,
                occasion,
                is_operators,
            } => match &notice.connection {
                Some(connection) if !is_operators => {
                    self.of_connection(notice, connection, *occasion, mail.written_at)
                }
                _ => self.of_server(notice, *occasion, mail.written_at),
            },
        };
        let id = mail.id.uuid().simple().to_string();
        let answers = mail.answers.map(|it| it.uuid().simple().to_string());
        let thread = Thread {
            id: &id,
            answers: answers.as_deref(),
        };
        self.compose(&thread, mail.written_at, to, letter)
    }

    fn of_connection(
        &self,
        notice: &Notice,
        connection: &ConnectionTold,
        occasion: Occasion,
        written_at: Timestamp,
    ) -> Letter {
        let team = visible_only(&connection.team.name);
        let url = self.link(&connection.path);
        let footer = Part::Words(format!(
            "The link leads through signing in, where you are not. You get this because you are an admin of \
             the team {team}."
        ));
        let opened_at = notice
            .incident
            .as_ref()
            .map_or(notice.since, |it| it.opened_at);
        let kind = kind(notice, connection);
        if occasion == Occasion::WorksAgain {
            return letter(
                format!("Jira for {team} works again"),
                &[
                    Part::Words(format!(
                        "Jira for {team} works again since {}. {}",
                        moment(notice.since),
                        past(kind, opened_at)
                    )),
                    Part::Words(format!(
                        "There is nothing to do: {} can go on.",
                        services(connection, "your services")
                    )),
                    Part::Link {
                        label: "See the connection",
                        url: url.as_str(),
                    },
                    footer,
                ],
            );
        }
        let mut subject = subject(kind, &team, connection);
        let mut parts = Vec::new();
        if occasion == Occasion::Reminder {
            subject = format!("Reminder: {subject}");
            parts.push(Part::Words(format!(
                "We wrote before: this is so since {}, for {}, and nobody has mended it yet.",
                moment(opened_at),
                how_long(opened_at, written_at)
            )));
        }
        parts.push(Part::Words(why(kind, notice.reason.as_deref(), connection)));
        parts.push(Part::Words(meaning(kind, notice, connection)));
        parts.push(Part::Link {
            label: match kind {
                IncidentKind::SiteLost => "Open the connection and choose a site",
                _ => "Open the connection and press Reconnect",
            },
            url: url.as_str(),
        });
        parts.push(footer);
        letter(subject, &parts)
    }

    fn of_server(&self, notice: &Notice, occasion: Occasion, written_at: Timestamp) -> Letter {
        let server = self.base_url.as_str();
        let opened_at = notice
            .incident
            .as_ref()
            .map_or(notice.since, |it| it.opened_at);
        let is_unexpected = notice
            .incident
            .as_ref()
            .is_some_and(|it| it.kind.0 == IncidentKind::Unexpected);
        if occasion == Occasion::WorksAgain {
            let words = format!(
                "Atlassian takes what this server sends again since {}. It had not since {}. There is nothing \
                 to do; no connection was lost by it.",
                moment(notice.since),
                moment(opened_at)
            );
            let parts = [Part::Words(words), Part::Words(of_operator(server))];
            return letter("Tformance works with Atlassian again".to_owned(), &parts);
        }
        let (subject, what, cure) = match (is_unexpected, notice.reason.as_deref()) {
            (true, _) => (
                "Atlassian refuses Tformance in an unexpected way",
                "Atlassian refuses to refresh tokens in a way that nobody foresaw. We go on trying; no \
                 connection counts as lost.",
                "See Atlassian’s status page, and the server’s log for the status that it answers with. \
                 `tformance doctor` looks at everything on this side.",
            ),
            (false, Some("tokens_unreadable")) => (
                "Tformance cannot open stored tokens",
                "Stored tokens do not open under ENCRYPTION_KEYS. The connections are intact at Atlassian, but \
                 cannot be used.",
                "Put the key back that is missing, and restart the server. `tformance doctor` and `tformance \
                 keys status` name it.",
            ),
            (false, _) => (
                "Atlassian refuses Tformance’s client id or secret",
                "Atlassian refuses the client id or the client secret of this server. The connections are \
                 intact; tokens that are still valid are served until they end, then calls of services fail.",
                "Copy both anew from the app’s settings in Atlassian’s developer console to JIRA_CLIENT_ID and \
                 JIRA_CLIENT_SECRET, and restart the server. `tformance doctor` says whether they are right.",
            ),
        };
        let mut title = subject.to_owned();
        let mut parts = Vec::new();
        if occasion == Occasion::Reminder {
            title = format!("Reminder: {title}");
            parts.push(Part::Words(format!(
                "We wrote before: this is so since {}, for {}.",
                moment(opened_at),
                how_long(opened_at, written_at)
            )));
        }
        parts.push(Part::Words(format!(
            "{what} This is so since {}.",
            moment(notice.since)
        )));
        parts.push(Part::Words(cure.to_owned()));
        parts.push(Part::Words(of_operator(server)));
        letter(title, &parts)
    }

    fn receiver_off(&self, is_gone: bool, failing_since: Timestamp) -> Letter {
        let why = if is_gone {
            "The receiver at WEBHOOK_URL says that it is gone for good (410).".to_owned()
        } else {
            format!(
                "The receiver at WEBHOOK_URL has taken nothing since {}.",
                moment(failing_since)
            )
        };
        letter(
            "Tformance has switched webhooks off".to_owned(),
            &[
                Part::Words(format!("{why} Nothing is sent to it any more.")),
                Part::Words(
                    "Mend it, then run `tformance admin enable-webhook`: what was given up in the last three days \
                     is sent after all. Another WEBHOOK_URL starts afresh by itself."
                        .to_owned(),
                ),
                Part::Words(of_operator(self.base_url.as_str())),
            ],
        )
    }
}

fn of_operator(server: &str) -> String {
    format!("This is about the server at {server} You get it at its OPERATOR_EMAIL.")
}

fn kind(notice: &Notice, connection: &ConnectionTold) -> IncidentKind {
    let of_incident = notice.incident.as_ref().map(|it| it.kind.0);
    of_incident
        .or(IncidentKind::of_state(connection.state.0))
        .unwrap_or(IncidentKind::ReconnectNeeded)
}

fn subject(kind: IncidentKind, team: &str, connection: &ConnectionTold) -> String {
    match kind {
        IncidentKind::SiteLost => format!("Jira for {team} has lost its site"),
        IncidentKind::PermissionsMissing => format!("Jira for {team} lacks permissions"),
        IncidentKind::RenewSoon => match connection.consent_ends_at {
            Some(at) => format!("Jira for {team} is to be renewed by {}", day(at)),
            None => format!("Jira for {team} is to be renewed soon"),
        },
        IncidentKind::ReconnectNeeded
        | IncidentKind::Misconfigured
        | IncidentKind::Unexpected
        | IncidentKind::ProviderDown => format!("Jira for {team} needs to be reconnected"),
    }
}

/// What happened.
fn why(kind: IncidentKind, reason: Option<&str>, connection: &ConnectionTold) -> String {
    let site = site(connection);
    match kind {
        IncidentKind::SiteLost => format!(
            "{site} is not among the sites any more that the Atlassian account can reach through this app: its \
             access was removed, or the site’s administrator blocked the app."
        ),
        IncidentKind::PermissionsMissing => format!(
            "The connection to {site} works, but lacks: {}.",
            permissions(&connection.missing_scopes)
        ),
        IncidentKind::RenewSoon => match connection.consent_ends_at {
            Some(at) => format!(
                "Atlassian may end the consent for {site} on {}. Reconnect before; it takes a minute and nothing \
                 is lost.",
                moment(at)
            ),
            None => format!("Atlassian may end the consent for {site} soon. Reconnect before."),
        },
        IncidentKind::ReconnectNeeded
        | IncidentKind::Misconfigured
        | IncidentKind::Unexpected
        | IncidentKind::ProviderDown => death(reason, &site),
    }
}

fn death(reason: Option<&str>, site: &str) -> String {
    let is = |it: RevocationReason| reason == Some(it.as_str());
    if is(RevocationReason::GrantIdleExpired) {
        format!(
            "Atlassian ended the connection to {site} because it was not refreshed for more than 90 days: this \
             server did not run, or did not reach Atlassian."
        )
    } else if is(RevocationReason::GrantConsentEnded) {
        format!("Atlassian ended the connection to {site} because its consent is too old.")
    } else if is(RevocationReason::RefreshInterrupted) {
        format!(
            "A refresh of the connection to {site} was interrupted: Atlassian’s answer did not reach us, and it \
             could not be repeated in time. Reconnect once; nothing else is lost."
        )
    } else {
        format!(
            "Atlassian no longer accepts the connection to {site}. Usual causes: the password of the Atlassian \
             account was changed, access was removed in the Atlassian profile, or the consent is more than a year \
             old."
        )
    }
}

/// What it means for those who use it, and until when what works.
fn meaning(kind: IncidentKind, notice: &Notice, connection: &ConnectionTold) -> String {
    let at_start = services(connection, "Your services");
    let since = moment(notice.since);
    let until = connection.works_until.filter(|it| *it > notice.at);
    match kind {
        IncidentKind::PermissionsMissing => {
            format!(
                "{at_start} cannot read what these permissions are for, since {since}. All else works."
            )
        }
        IncidentKind::RenewSoon => {
            format!("Until then everything works. After that {at_start} could not read issues.")
        }
        IncidentKind::SiteLost => format!("{at_start} cannot read its issues since {since}."),
        IncidentKind::ReconnectNeeded
        | IncidentKind::Misconfigured
        | IncidentKind::Unexpected
        | IncidentKind::ProviderDown => match until {
            Some(until) => format!(
                "{at_start} cannot get tokens since {since}. Tokens that they already hold may work until {}.",
                moment(until)
            ),
            None => format!("{at_start} cannot read issues since {since}."),
        },
    }
}

/// What it was that is over.
fn past(kind: IncidentKind, opened_at: Timestamp) -> String {
    let what = match kind {
        IncidentKind::SiteLost => "Its site could not be reached",
        IncidentKind::PermissionsMissing => "Permissions were missing",
        IncidentKind::RenewSoon => "It was to be renewed",
        IncidentKind::ReconnectNeeded
        | IncidentKind::Misconfigured
        | IncidentKind::Unexpected
        | IncidentKind::ProviderDown => "It needed to be reconnected",
    };
    format!("{what} since {}.", moment(opened_at))
}

fn site(connection: &ConnectionTold) -> String {
    let Some(site) = &connection.site else {
        return "Jira".to_owned();
    };
    let host = site
        .url
        .split_once("://")
        .map_or(&*site.url, |(_, host)| host);
    format!(
        "{} ({})",
        visible_only(&site.name),
        visible_only(host.trim_end_matches('/'))
    )
}

fn permissions(scopes: &[String]) -> String {
    let words = scopes.iter().map(|it| match it.as_str() {
        "read:jira-work" => "read issues".to_owned(),
        "read:jira-user" => "read users".to_owned(),
        "offline_access" => "stay connected".to_owned(),
        other => visible_only(other),
    });
    listed(words.collect())
}

/// The services by name, or `instead` where there are none.
fn services(connection: &ConnectionTold, instead: &str) -> String {
    if connection.services.is_empty() {
        return instead.to_owned();
    }
    let first = connection.services.iter().take(MOST_NAMED);
    let mut names: Vec<String> = first.map(|it| visible_only(it)).collect();
    match connection.services.len().saturating_sub(MOST_NAMED) {
        0 => {}
        1 => names.push("another service".to_owned()),
        n => names.push(format!("{n} other services")),
    }
    listed(names)
}

fn listed(mut words: Vec<String>) -> String {
    let Some(last) = words.pop() else {
        return String::new();
    };
    if words.is_empty() {
        return last;
    }
    let mut text = words.join(", ");
    // Writing to a text does not fail.
    let _written = write!(text, " and {last}");
    text
}

fn how_long(since: Timestamp, until: Timestamp) -> String {
    match until.duration_since(since).as_hours() {
        ..=1 => "an hour".to_owned(),
        hours @ 2..=47 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}

fn day(at: Timestamp) -> String {
    let moment = moment(at);
    moment.split(',').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
