//! Who is told of what.

use std::sync::Arc;

use domain::{
    ids::TeamId,
    incident::Incident,
    outbox::{Channel, Occasion, OutboxEntry, Recipient},
    text::EmailAddress,
};
use service::{
    notices::payload::{Notice, Payload},
    worker::watch_connections,
};

use super::World;

/// A notice as it was written, and what it says.
#[derive(Clone, Debug)]
pub struct Told {
    /// As it stands in the outbox.
    pub entry: OutboxEntry,
    /// What it says.
    pub notice: Notice,
}

#[expect(clippy::unwrap_used, reason = "test support")]
impl World {
    /// The same with a receiver of webhooks and an operator who has an address.
    #[must_use]
    pub fn telling_everybody(mut self) -> Self {
        let services = Arc::get_mut(&mut self.services).unwrap();
        let settings = &mut services.notices.settings;
        settings.has_receiver = true;
        settings.operator_email = Some(EmailAddress::parse("operator@example.com").unwrap());
        self
    }

    /// Looks at every connection that is due, and at the provider.
    pub async fn look(&self) -> watch_connections::Done {
        watch_connections::run_once(&self.services).await.unwrap()
    }

    /// The incidents of a team, or the operator's, the newest first.
    pub async fn incidents(&self, team: Option<TeamId>) -> Vec<Incident> {
        let mut tx = self.services.store.read().await.unwrap();
        tx.list_incidents(team, 10_000).await.unwrap()
    }

    /// What was written for a team, or for the operator, the oldest first.
    pub async fn told(&self, team: Option<TeamId>) -> Vec<Told> {
        let mut tx = self.services.store.read().await.unwrap();
        let mut entries = tx.list_outbox_entries(team, 100_000).await.unwrap();
        entries.reverse();
        let read = |entry: OutboxEntry| {
            let Payload::V1(notice) = Payload::parse(&entry.payload).unwrap();
            Told {
                entry,
                notice: *notice,
            }
        };
        entries.into_iter().map(read).collect()
    }

    /// How many mails of an occasion were written, to whomever.
    pub async fn mails(&self, team: Option<TeamId>, occasion: Occasion) -> usize {
        let told = self.told(team).await;
        let mails = told
            .iter()
            .filter(|it| it.entry.channel == Channel::Mail && it.entry.occasion == occasion);
        mails.count()
    }

    /// The webhooks that were written: event and state.
    pub async fn webhooks(&self, team: Option<TeamId>) -> Vec<String> {
        let told = self.told(team).await;
        let webhooks = told
            .iter()
            .filter(|it| it.entry.recipient == Recipient::Receiver);
        let words = webhooks.map(|it| match &it.notice.connection {
            Some(connection) => connection.state.0.as_str().to_owned(),
            None => it.notice.event.0.as_str().to_owned(),
        });
        words.collect()
    }
}
