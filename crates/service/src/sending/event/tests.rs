//! What `docs/webhooks.md` shows is what is sent.

use domain::{
    credential::Provider,
    ids::{CredentialId, IncidentId, TeamId},
    incident::IncidentKind,
    outbox::Occasion,
    state::ConnectionState,
};
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::notices::payload::{self, Word};

const DOCUMENT: &str = include_str!("../../../../../docs/webhooks.md");

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(0x0199_3f5a_7c00_7000_8000_0000_0000_0000 + n)
}

fn of_connection() -> Notice {
    Notice {
        event: Word(payload::Event::ConnectionStateChanged),
        occasion: Word(Occasion::StateChanged),
        provider: Word(Provider::Jira),
        at: at("2026-11-27T08:12:00.250Z"),
        since: at("2026-11-27T08:12:00Z"),
        reason: Some("grant_revoked".to_owned()),
        incident: Some(IncidentTold {
            id: IncidentId::from_uuid(uuid(1)),
            kind: Word(IncidentKind::ReconnectNeeded),
            opened_at: at("2026-11-27T08:12:00.250Z"),
            reminder: 0,
        }),
        connection: Some(ConnectionTold {
            id: CredentialId::from_uuid(uuid(2)),
            team: TeamTold {
                id: TeamId::from_uuid(uuid(3)),
                slug: "platform".to_owned(),
                name: "Platform".to_owned(),
            },
            site: Some(SiteTold {
                cloud_id: "11111111-2222-3333-4444-555555555555".to_owned(),
                name: "Acme".to_owned(),
                url: "https://acme.atlassian.net".to_owned(),
            }),
            state: Word(ConnectionState::ReconnectNeeded),
            previous_state: Some(Word(ConnectionState::Connected)),
            works_until: Some(at("2026-11-27T08:52:00Z")),
            consent_ends_at: None,
            missing_scopes: Vec::new(),
            services: vec!["Reports".to_owned()],
            path: "/a/platform/integrations/jira/".to_owned(),
        }),
    }
}

fn of_an_outage() -> Notice {
    Notice {
        event: Word(payload::Event::ProviderDown),
        occasion: Word(Occasion::ProviderChanged),
        reason: Some("provider_unavailable".to_owned()),
        incident: Some(IncidentTold {
            id: IncidentId::from_uuid(uuid(4)),
            kind: Word(IncidentKind::ProviderDown),
            opened_at: at("2026-11-27T08:12:00.250Z"),
            reminder: 0,
        }),
        connection: None,
        ..of_connection()
    }
}

fn sent(notice: &Notice) -> Value {
    let base_url: Url = "https://tformance.example.com".parse().unwrap();
    serde_json::to_value(Event::of(notice, &base_url)).unwrap()
}

#[test]
fn the_examples_are_what_is_sent() {
    let blocks = DOCUMENT.split("```json\n").skip(1);
    let shown: Vec<Value> = blocks
        .map(|it| serde_json::from_str(it.split("```").next().unwrap()).unwrap())
        .collect();
    let expected = [sent(&of_connection()), sent(&of_an_outage())];
    assert_eq!(shown, expected, "write the examples anew:\n{expected:#?}");
}

#[test]
fn each_type_and_each_state_is_described() {
    for event in payload::Event::ALL {
        let row = format!("| `{}` |", event.as_str());
        assert!(DOCUMENT.contains(&row), "{row}");
    }
    for state in ConnectionState::ALL {
        let word = format!("`{}`", state.as_str());
        assert!(DOCUMENT.contains(&word), "{word}");
    }
    for occasion in [
        Occasion::Opened,
        Occasion::WorksAgain,
        Occasion::StateChanged,
        Occasion::ProviderChanged,
    ] {
        let word = format!("`{}`", occasion.as_str());
        assert!(DOCUMENT.contains(&word), "{word}");
    }
}
