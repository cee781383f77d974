//! Notices in the outbox, as whoever watches connections writes them.

use domain::{
    credential::Provider,
    env::Env as _,
    ids::{CredentialId, IncidentId, OutboxId},
    incident::{Incident, IncidentEnding, IncidentKind, IncidentOf},
    outbox::{Channel, Occasion, OutboxEntry, Recipient, SendOutcome},
    state::ConnectionState,
};
use jiff::SignedDuration;
use service::{
    mail::{MailServer, Mailer},
    notices::{
        NoticeSettings,
        payload::{ConnectionTold, Event, IncidentTold, Notice, Payload, SiteTold, TeamTold, Word},
    },
    sending::Sender,
    webhook::{WebhookReceiver, Webhooks},
};

use crate::{
    app::ORIGIN,
    world::{SignedInAdmin, World},
};

/// Where the operator of the tests gets mail.
pub const OPERATOR: &str = "operator@example.org";

/// By which ways a process sends.
#[derive(Debug, Default)]
pub struct Ways {
    /// The mail server.
    pub mail: Option<MailServer>,
    /// The receiver of webhooks.
    pub receiver: Option<WebhookReceiver>,
    /// How it sends.
    pub sender: Sender,
}

#[expect(clippy::unwrap_used, reason = "test support")]
impl World {
    /// Another process, which sends by these ways and knows the operator's address.
    #[must_use]
    pub fn sending_by(&self, ways: Ways) -> Self {
        let base: url::Url = ORIGIN.parse().unwrap();
        let settings = NoticeSettings {
            has_receiver: ways.receiver.is_some(),
            operator_email: Some(domain::text::EmailAddress::parse(OPERATOR).unwrap()),
        };
        self.with_services(|services| {
            services
                .with_mailer(ways.mail.map(|it| Mailer::new(it, base.clone())))
                .with_webhooks(ways.receiver.map(|it| Webhooks::new(it, base.clone())))
                .with_notices(settings)
                .with_sender(ways.sender)
        })
    }

    /// The connection of a team needs people, since now.
    pub async fn open_incident(&self, admin: &SignedInAdmin, kind: IncidentKind) -> Incident {
        let incident = Incident {
            id: IncidentId::new(self.env.as_ref()),
            of: Some(IncidentOf {
                team: admin.team().id,
                credential: CredentialId::new(self.env.as_ref()),
            }),
            provider: Provider::Jira,
            kind,
            reason: Some("grant_revoked".to_owned()),
            opened_at: self.now(),
            working_since: None,
            closed: None,
            reminders: 0,
            due_at: None,
        };
        let mut tx = self.services.store.write().await.unwrap();
        assert!(tx.add_incident(&incident, self.now()).await.unwrap());
        tx.commit().await.unwrap();
        incident
    }

    /// It works again.
    pub async fn close_incident(&self, incident: &Incident) {
        let closed = Incident {
            closed: Some((self.now(), IncidentEnding::Works)),
            ..incident.clone()
        };
        let mut tx = self.services.store.write().await.unwrap();
        tx.set_incident(&closed, self.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What a notice of an incident says.
    pub fn notice(&self, admin: &SignedInAdmin, incident: &Incident, occasion: Occasion) -> Notice {
        let state = match incident.kind {
            _ if occasion == Occasion::WorksAgain => ConnectionState::Connected,
            IncidentKind::SiteLost => ConnectionState::SiteLost,
            IncidentKind::PermissionsMissing => ConnectionState::PermissionsMissing,
            IncidentKind::RenewSoon => ConnectionState::RenewSoon,
            IncidentKind::Misconfigured => ConnectionState::Misconfigured,
            IncidentKind::ReconnectNeeded
            | IncidentKind::Unexpected
            | IncidentKind::ProviderDown => ConnectionState::ReconnectNeeded,
        };
        let team = admin.team();
        Notice {
            event: Word(Event::ConnectionStateChanged),
            occasion: Word(occasion),
            provider: Word(Provider::Jira),
            at: self.now(),
            since: self.now(),
            reason: incident.reason.clone(),
            incident: Some(IncidentTold {
                id: incident.id,
                kind: Word(incident.kind),
                opened_at: incident.opened_at,
                reminder: u32::from(occasion == Occasion::Reminder),
            }),
            connection: Some(ConnectionTold {
                id: incident.of.unwrap().credential,
                team: TeamTold {
                    id: team.id,
                    slug: team.slug.as_str().to_owned(),
                    name: team.name.as_str().to_owned(),
                },
                site: Some(SiteTold {
                    cloud_id: "cloud-1".to_owned(),
                    name: "Acme".to_owned(),
                    url: "https://acme.atlassian.net".to_owned(),
                }),
                state: Word(state),
                previous_state: Some(Word(ConnectionState::Connected)),
                works_until: Some(self.now() + SignedDuration::from_mins(40)),
                consent_ends_at: Some(self.now() + SignedDuration::from_hours(240)),
                missing_scopes: vec!["read:jira-user".to_owned()],
                services: vec!["Reports".to_owned(), "Planner".to_owned()],
                path: format!("/a/{}/integrations/jira/", team.slug),
            }),
        }
    }

    /// Writes what a notice says into the outbox, for a recipient.
    pub async fn tell(
        &self,
        notice: Notice,
        channel: Channel,
        recipient: Recipient,
    ) -> OutboxEntry {
        let id = OutboxId::new(self.env.as_ref());
        let is_operators = recipient == Recipient::Operator;
        let entry = OutboxEntry {
            id,
            team: notice
                .connection
                .as_ref()
                .map(|it| it.team.id)
                .filter(|_| !is_operators),
            incident: notice
                .incident
                .as_ref()
                .map(|it| it.id)
                .filter(|_| !is_operators),
            channel,
            recipient,
            occasion: notice.occasion.0,
            same_as: id.to_string(),
            payload: Payload::V1(Box::new(notice)).to_text().unwrap(),
            due_at: Some(self.env.now()),
            attempts: 0,
            ended: None,
            last_error: None,
            created_at: self.env.now(),
        };
        let mut tx = self.services.store.write().await.unwrap();
        assert!(tx.add_outbox_entry(&entry).await.unwrap());
        tx.commit().await.unwrap();
        entry
    }

    /// A mail to the admin.
    pub async fn tell_admin(
        &self,
        admin: &SignedInAdmin,
        incident: &Incident,
        occasion: Occasion,
    ) -> OutboxEntry {
        let notice = self.notice(admin, incident, occasion);
        let user = admin.person.user().id;
        self.tell(notice, Channel::Mail, Recipient::Admin(Some(user)))
            .await
    }

    /// A webhook.
    pub async fn tell_receiver(&self, admin: &SignedInAdmin, incident: &Incident) -> OutboxEntry {
        let notice = self.notice(admin, incident, Occasion::StateChanged);
        self.tell(notice, Channel::Webhook, Recipient::Receiver)
            .await
    }

    /// What became of everything that was written for a team, or for the operator, the oldest first: how it
    /// ended, why it failed last, and how often it was tried.
    pub async fn outcomes(
        &self,
        admin: Option<&SignedInAdmin>,
    ) -> Vec<(Option<SendOutcome>, Option<String>, u32)> {
        let mut tx = self.services.store.read().await.unwrap();
        let team = admin.map(|it| it.team().id);
        let mut all = tx.list_outbox_entries(team, 10_000).await.unwrap();
        all.reverse();
        all.into_iter()
            .map(|it| (it.ended.map(|(_, how)| how), it.last_error, it.attempts))
            .collect()
    }
}
