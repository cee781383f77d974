//! What a notice says, as it is kept until it is sent: versioned, without addresses and secrets.
//!
//! Mails and webhooks are made of it when they are sent. What is kept by one version must be read by the
//! next: a field is added with a default, anything else is a new version.

use std::fmt::Display;

use domain::{
    credential::Provider,
    ids::{CredentialId, IncidentId, TeamId},
    incident::{Incident, IncidentKind},
    outbox::Occasion,
    state::ConnectionState,
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a notice says, in the form of its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "version")]
pub enum Payload {
    /// The first form.
    #[serde(rename = "1")]
    V1(Box<Notice>),
}

/// It is no payload of a version that this one knows.
#[derive(Debug, thiserror::Error)]
#[error("what a notice says cannot be read")]
pub struct UnreadablePayload(#[source] serde_json::Error);

impl Payload {
    /// The text that is kept.
    ///
    /// # Errors
    ///
    /// [`UnreadablePayload`] if it cannot be written as JSON, which does not happen.
    pub fn to_text(&self) -> Result<String, UnreadablePayload> {
        serde_json::to_string(self).map_err(UnreadablePayload)
    }

    /// Reads what was kept.
    ///
    /// # Errors
    ///
    /// [`UnreadablePayload`] if it is of a newer version, or was changed.
    pub fn parse(text: &str) -> Result<Self, UnreadablePayload> {
        serde_json::from_str(text).map_err(UnreadablePayload)
    }
}

/// What happened, by the name that receivers of webhooks know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A connection is in another state than was told last.
    ConnectionStateChanged,
    /// The provider does not answer anybody.
    ProviderDown,
    /// The provider refuses refreshes in a way that nobody foresaw.
    ProviderUnexpected,
    /// The provider answers again as it should.
    ProviderRecovered,
    /// The operator's settings are in the way.
    ServerMisconfigured,
    /// They are not any more.
    ServerMended,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ConnectionStateChanged,
        Self::ProviderDown,
        Self::ProviderUnexpected,
        Self::ProviderRecovered,
        Self::ServerMisconfigured,
        Self::ServerMended,
    ];

    /// The name that is told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionStateChanged => "connection.state_changed",
            Self::ProviderDown => "provider.down",
            Self::ProviderUnexpected => "provider.unexpected",
            Self::ProviderRecovered => "provider.recovered",
            Self::ServerMisconfigured => "server.misconfigured",
            Self::ServerMended => "server.mended",
        }
    }
}

/// What a notice says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What happened.
    pub event: Word<Event>,
    /// Why it is told.
    pub occasion: Word<Occasion>,
    /// Whom it concerns.
    pub provider: Word<Provider>,
    /// When it was noticed.
    pub at: Timestamp,
    /// Since when it is so.
    pub since: Timestamp,
    /// Why it is so, as services know it ([`domain::state::Reason::as_str`]).
    pub reason: Option<String>,
    /// The incident that it belongs to.
    pub incident: Option<IncidentTold>,
    /// The connection that it is about; none where all are concerned.
    pub connection: Option<ConnectionTold>,
}

/// What is told of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentTold {
    /// Its id: the same in all notices of it.
    #[serde(with = "as_text")]
    pub id: IncidentId,
    /// What people are needed for, or were.
    pub kind: Word<IncidentKind>,
    /// When we learned of it.
    pub opened_at: Timestamp,
    /// Which reminder this is, from 1 on; 0 where it is none.
    pub reminder: u32,
}

impl IncidentTold {
    /// Of an incident, on an occasion.
    pub(crate) fn of(incident: &Incident, occasion: Occasion) -> Self {
        Self {
            id: incident.id,
            kind: Word(incident.kind),
            opened_at: incident.opened_at,
            reminder: match occasion {
                Occasion::Reminder => incident.reminders,
                _ => 0,
            },
        }
    }
}

/// What is told of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTold {
    /// Its id.
    #[serde(with = "as_text")]
    pub id: CredentialId,
    /// Whose.
    pub team: TeamTold,
    /// The chosen site; none after a disconnect.
    pub site: Option<SiteTold>,
    /// The state it is in.
    pub state: Word<ConnectionState>,
    /// The one that was told before; none where none was.
    pub previous_state: Option<Word<ConnectionState>>,
    /// Until when an access token that was handed out works; none if it has ended.
    pub works_until: Option<Timestamp>,
    /// When the consent ends; none if it never does.
    pub consent_ends_at: Option<Timestamp>,
    /// The permissions that it lacks.
    pub missing_scopes: Vec<String>,
    /// The services that have a key of the team, by name.
    pub services: Vec<String>,
    /// Where its page is, below the address of this installation.
    pub path: String,
}

/// What is told of a team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamTold {
    /// Its id.
    #[serde(with = "as_text")]
    pub id: TeamId,
    /// Its part of addresses.
    pub slug: String,
    /// Its name, at the time.
    pub name: String,
}

/// What is told of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteTold {
    /// Its id.
    pub cloud_id: String,
    /// Its name, at the time.
    pub name: String,
    /// Its address, at the time.
    pub url: String,
}

/// A word of ours, one of a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Word<T>(pub T);

/// Values that are told by a word.
pub trait Spelled: Copy + 'static {
    /// All of them.
    const WORDS: &'static [Self];
    /// The word of one.
    fn spell(self) -> &'static str;
}

macro_rules! spelled {
    ($($name:ident)+) => {$(
        impl Spelled for $name {
            const WORDS: &'static [Self] = &Self::ALL;

            fn spell(self) -> &'static str {
                self.as_str()
            }
        }
    )+};
}

spelled! { ConnectionState Event IncidentKind Occasion Provider }

impl<T: Spelled> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.spell())
    }
}

impl<'de, T: Spelled> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let found = T::WORDS.iter().find(|it| it.spell() == text);
        found
            .map(|it| Self(*it))
            .ok_or_else(|| de::Error::custom("a word that is not known"))
    }
}

/// Ids as the text that people and services know.
mod as_text {
    use std::str::FromStr;

    use super::{Deserialize, Deserializer, Display, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(
        id: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_the_first_version_kept_is_read_by_all_later_ones() {
        let id = Uuid::from_u128(1);
        let notice = Notice {
            event: Word(Event::ConnectionStateChanged),
            occasion: Word(Occasion::Opened),
            provider: Word(Provider::Jira),
            at: Timestamp::UNIX_EPOCH,
            since: Timestamp::UNIX_EPOCH,
            reason: Some("grant_revoked".to_owned()),
            incident: Some(IncidentTold {
                id: IncidentId::from_uuid(id),
                kind: Word(IncidentKind::ReconnectNeeded),
                opened_at: Timestamp::UNIX_EPOCH,
                reminder: 0,
            }),
            connection: Some(ConnectionTold {
                id: CredentialId::from_uuid(id),
                team: TeamTold {
                    id: TeamId::from_uuid(id),
                    slug: "acme".to_owned(),
                    name: "Acme".to_owned(),
                },
                site: Some(SiteTold {
                    cloud_id: "cloud-1".to_owned(),
                    name: "Acme".to_owned(),
                    url: "https://acme.atlassian.net".to_owned(),
                }),
                state: Word(ConnectionState::ReconnectNeeded),
                previous_state: Some(Word(ConnectionState::Connected)),
                works_until: None,
                consent_ends_at: None,
                missing_scopes: Vec::new(),
                services: vec!["reporter".to_owned()],
                path: "/a/acme/integrations/jira/".to_owned(),
            }),
        };
        let kept = r#"{"version":"1","event":"connection.state_changed","occasion":"opened","provider":"jira","at":"1970-01-01T00:00:00Z","since":"1970-01-01T00:00:00Z","reason":"grant_revoked","incident":{"id":"00000000-0000-0000-0000-000000000001","kind":"reconnect_needed","opened_at":"1970-01-01T00:00:00Z","reminder":0},"connection":{"id":"00000000-0000-0000-0000-000000000001","team":{"id":"00000000-0000-0000-0000-000000000001","slug":"acme","name":"Acme"},"site":{"cloud_id":"cloud-1","name":"Acme","url":"https://acme.atlassian.net"},"state":"reconnect_needed","previous_state":"connected","works_until":null,"consent_ends_at":null,"missing_scopes":[],"services":["reporter"],"path":"/a/acme/integrations/jira/"}}"#;
        let payload = Payload::V1(Box::new(notice));
        assert_eq!(payload.to_text().unwrap(), kept);
        assert_eq!(Payload::parse(kept).unwrap(), payload);
    }

    #[test]
    fn a_version_or_a_word_of_the_future_is_not_guessed_at() {
        for text in ["", "{}", r#"{"version":"2"}"#, r#"{"version":"1"}"#] {
            assert!(Payload::parse(text).is_err(), "{text}");
        }
    }
}
