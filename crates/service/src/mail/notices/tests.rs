//! The words of each mail, in full where they are few.

use domain::{
    credential::Provider,
    ids::{CredentialId, IncidentId, TeamId},
    state::ConnectionState,
};
use uuid::Uuid;

use super::*;
use crate::{
    mail::MailServer,
    notices::payload::{Event, IncidentTold, SiteTold, TeamTold, Word},
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn mailer() -> Mailer {
    let server = MailServer::parse(&"smtp://127.0.0.1:25".into(), "tformance@example.com").unwrap();
    Mailer::new(server, "https://tformance.example.com".parse().unwrap())
}

fn notice(kind: IncidentKind, state: ConnectionState, reason: Option<&str>) -> Notice {
    let id = Uuid::from_u128(1);
    Notice {
        event: Word(Event::ConnectionStateChanged),
        occasion: Word(Occasion::Opened),
        provider: Word(Provider::Jira),
        at: at("2026-11-27T08:12:00Z"),
        since: at("2026-11-27T08:12:00Z"),
        reason: reason.map(str::to_owned),
        incident: Some(IncidentTold {
            id: IncidentId::from_uuid(id),
            kind: Word(kind),
            opened_at: at("2026-11-24T08:12:00Z"),
            reminder: 0,
        }),
        connection: Some(ConnectionTold {
            id: CredentialId::from_uuid(id),
            team: TeamTold {
                id: TeamId::from_uuid(id),
                slug: "platform".to_owned(),
                name: "Platform".to_owned(),
            },
            site: Some(SiteTold {
                cloud_id: "cloud-1".to_owned(),
                name: "Acme".to_owned(),
                url: "https://acme.atlassian.net".to_owned(),
            }),
            state: Word(state),
            previous_state: None,
            works_until: None,
            consent_ends_at: Some(at("2026-12-12T10:00:00Z")),
            missing_scopes: vec!["read:jira-work".to_owned()],
            services: Vec::new(),
            path: "/a/platform/integrations/jira/".to_owned(),
        }),
    }
}

fn letter_of(notice: &Notice, occasion: Occasion) -> Letter {
    let written_at = at("2026-11-27T08:12:05Z");
    match &notice.connection {
        Some(connection) => mailer().of_connection(notice, connection, occasion, written_at),
        None => mailer().of_server(notice, occasion, written_at),
    }
}

#[test]
fn a_mail_says_what_why_until_when_for_whom_and_where_to_press() {
    let mut dead = notice(
        IncidentKind::ReconnectNeeded,
        ConnectionState::ReconnectNeeded,
        Some("grant_revoked"),
    );
    let told = dead.connection.as_mut().unwrap();
    told.works_until = Some(at("2026-11-27T08:52:00Z"));
    told.services = vec!["Reports".to_owned()];
    let letter = letter_of(&dead, Occasion::Opened);
    assert_eq!(letter.subject, "Jira for Platform needs to be reconnected");
    assert_eq!(
        letter.text,
        "Atlassian no longer accepts the connection to Acme (acme.atlassian.net). Usual causes: the password of \
         the Atlassian account was changed, access was removed in the Atlassian profile, or the consent is more \
         than a year old.\n\n\
         Reports cannot get tokens since 27 Nov 2026, 08:12 UTC. Tokens that they already hold may work until 27 \
         Nov 2026, 08:52 UTC.\n\n\
         Open the connection and press Reconnect:\n\
         https://tformance.example.com/a/platform/integrations/jira/\n\n\
         The link leads through signing in, where you are not. You get this because you are an admin of the team \
         Platform.\n"
    );
}

#[test]
fn each_reason_has_its_sentence() {
    for (reason, words) in [
        (Some("grant_revoked"), "no longer accepts"),
        (None, "no longer accepts"),
        (
            Some("grant_idle_expired"),
            "not refreshed for more than 90 days",
        ),
        (Some("grant_consent_ended"), "its consent is too old"),
        (
            Some("refresh_interrupted"),
            "was interrupted: Atlassian’s answer did not reach us",
        ),
    ] {
        let state = ConnectionState::ReconnectNeeded;
        let letter = letter_of(
            &notice(IncidentKind::ReconnectNeeded, state, reason),
            Occasion::Opened,
        );
        assert!(letter.text.contains(words), "{reason:?}: {}", letter.text);
        assert!(
            letter
                .text
                .contains("Your services cannot read issues since"),
            "{}",
            letter.text
        );
    }
}

#[test]
fn each_kind_has_its_subject_its_sentence_and_its_button() {
    for (kind, state, subject, words, button) in [
        (
            IncidentKind::SiteLost,
            ConnectionState::SiteLost,
            "Jira for Platform has lost its site",
            "Acme (acme.atlassian.net) is not among the sites any more",
            "Open the connection and choose a site:",
        ),
        (
            IncidentKind::PermissionsMissing,
            ConnectionState::PermissionsMissing,
            "Jira for Platform lacks permissions",
            "works, but lacks: read issues.",
            "Open the connection and press Reconnect:",
        ),
        (
            IncidentKind::RenewSoon,
            ConnectionState::RenewSoon,
            "Jira for Platform is to be renewed by 12 Dec 2026",
            "Until then everything works.",
            "Open the connection and press Reconnect:",
        ),
    ] {
        let told = notice(kind, state, None);
        let letter = letter_of(&told, Occasion::Opened);
        assert_eq!(letter.subject, subject);
        assert!(
            letter.text.contains(words) && letter.text.contains(button),
            "{}",
            letter.text
        );
        let reminder = letter_of(&told, Occasion::Reminder);
        assert_eq!(reminder.subject, format!("Reminder: {subject}"));
        assert!(
            reminder.text.starts_with(
                "We wrote before: this is so since 24 Nov 2026, 08:12 UTC, for 3 days,"
            ),
            "{}",
            reminder.text
        );
        let works = letter_of(&told, Occasion::WorksAgain);
        assert_eq!(works.subject, "Jira for Platform works again");
        assert!(
            works
                .text
                .contains("There is nothing to do: your services can go on.")
        );
    }
}

#[test]
fn the_operators_mails_name_the_cure() {
    for (kind, reason, cure) in [
        (
            IncidentKind::Misconfigured,
            Some("client_refused"),
            "JIRA_CLIENT_SECRET",
        ),
        (
            IncidentKind::Misconfigured,
            Some("tokens_unreadable"),
            "Put the key back",
        ),
        (IncidentKind::Unexpected, None, "status page"),
    ] {
        let mut told = notice(kind, ConnectionState::Misconfigured, reason);
        told.connection = None;
        let letter = letter_of(&told, Occasion::Opened);
        assert!(letter.text.contains(cure), "{}", letter.text);
        assert!(letter.text.contains("tformance doctor"), "{}", letter.text);
        assert!(
            letter.text.contains("https://tformance.example.com/"),
            "{}",
            letter.text
        );
    }
}

#[test]
fn many_services_are_named_up_to_a_number() {
    let mut told = notice(IncidentKind::SiteLost, ConnectionState::SiteLost, None);
    let names = |count: usize| (1..=count).map(|n| format!("S{n}")).collect();
    let connection = told.connection.as_mut().unwrap();
    let mut of = |count| {
        connection.services = names(count);
        services(connection, "nobody")
    };
    assert_eq!(of(0), "nobody");
    assert_eq!(of(1), "S1");
    assert_eq!(of(3), "S1, S2 and S3");
    assert_eq!(of(9), "S1, S2, S3, S4, S5, S6, S7, S8 and another service");
    assert_eq!(
        of(500),
        "S1, S2, S3, S4, S5, S6, S7, S8 and 492 other services"
    );
}
