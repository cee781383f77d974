//! Writes what is to be sent into the outbox, for each who is to be told.

use anyhow::anyhow;
use domain::{
    ids::{IncidentId, OutboxId, TeamId},
    outbox::{Channel, OutboxEntry, Recipient},
};
use store::Tx;

use super::payload::{Notice, Payload};
use crate::{Error, Services};

/// A notice, and what makes it the same one when its cause is seen again.
pub(super) struct Telling<'a> {
    pub(super) team: Option<TeamId>,
    pub(super) incident: Option<IncidentId>,
    pub(super) notice: &'a Notice,
    /// Unique but for the recipient.
    pub(super) same_as: String,
}

impl Telling<'_> {
    /// To each admin of the team, as they are now.
    pub(super) async fn mail_admins(
        &self,
        services: &Services,
        tx: &mut Tx,
        team: TeamId,
    ) -> Result<usize, Error> {
        let mut written = 0;
        for admin in tx.list_admins(team).await? {
            let recipient = Recipient::Admin(Some(admin.id));
            let to = admin.id.to_string();
            written += self
                .write(services, tx, Channel::Mail, recipient, &to)
                .await?;
        }
        Ok(written)
    }

    /// To the operator, if there is an address.
    pub(super) async fn mail_operator(
        &self,
        services: &Services,
        tx: &mut Tx,
    ) -> Result<usize, Error> {
        if services.notices.settings.operator_email.is_none() {
            return Ok(0);
        }
        self.write(services, tx, Channel::Mail, Recipient::Operator, "operator")
            .await
    }

    /// To the receiver of webhooks, if there is one.
    pub(super) async fn call_receiver(
        &self,
        services: &Services,
        tx: &mut Tx,
    ) -> Result<usize, Error> {
        if !services.notices.settings.has_receiver {
            return Ok(0);
        }
        self.write(
            services,
            tx,
            Channel::Webhook,
            Recipient::Receiver,
            "receiver",
        )
        .await
    }

    async fn write(
        &self,
        services: &Services,
        tx: &mut Tx,
        channel: Channel,
        recipient: Recipient,
        to: &str,
    ) -> Result<usize, Error> {
        let payload = Payload::V1(Box::new(self.notice.clone()));
        let entry = OutboxEntry {
            id: OutboxId::new(services.env.as_ref()),
            team: self.team,
            incident: self.incident,
            channel,
            recipient,
            occasion: self.notice.occasion.0,
            same_as: format!("{}/{to}", self.same_as),
            payload: payload.to_text().map_err(|err| anyhow!(err))?,
            due_at: Some(self.notice.at),
            attempts: 0,
            ended: None,
            last_error: None,
            created_at: self.notice.at,
        };
        Ok(usize::from(tx.add_outbox_entry(&entry).await?))
    }
}
