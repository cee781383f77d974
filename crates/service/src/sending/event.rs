//! What a webhook carries. `docs/webhooks.md` is its description; a field is added, never changed or
//! removed, without another `version`.

use domain::{outbox::OutboxEntry, sending::SendTrouble};
use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use crate::{
    Error, Services,
    notices::payload::{ConnectionTold, IncidentTold, Notice, Payload, SiteTold, TeamTold},
    webhook::{NotTaken, Webhooks},
};

/// An event that is ready to go.
pub(super) struct ReadyEvent<'a> {
    webhooks: &'a Webhooks,
    id: String,
    body: String,
}

impl ReadyEvent<'_> {
    pub(super) async fn send(self, now: Timestamp) -> Result<(), NotTaken> {
        let receiver = self.webhooks.receiver();
        receiver.send(&self.id, self.body, now).await
    }
}

/// Looks whether there is a receiver that is on, and writes the event: the same bytes in every attempt.
pub(super) async fn prepare<'a>(
    services: &'a Services,
    entry: &OutboxEntry,
) -> Result<Result<ReadyEvent<'a>, SendTrouble>, Error> {
    let Some(webhooks) = &services.webhooks else {
        return Ok(Err(SendTrouble::NoReceiver));
    };
    let mut tx = services.store.read().await?;
    let health = tx
        .find_receiver_health(&webhooks.receiver().url_hash())
        .await?;
    drop(tx);
    if health.disabled_at.is_some() {
        return Ok(Err(SendTrouble::ReceiverDisabled));
    }
    let Ok(Payload::V1(notice)) = Payload::parse(&entry.payload) else {
        return Ok(Err(SendTrouble::Unreadable));
    };
    let body = serde_json::to_string(&Event::of(&notice, webhooks.base_url()))
        .map_err(anyhow::Error::new)?;
    Ok(Ok(ReadyEvent {
        webhooks,
        id: webhook_id(entry),
        body,
    }))
}

/// The same in every attempt: by it a receiver knows what it has had.
fn webhook_id(entry: &OutboxEntry) -> String {
    format!("msg_{}", entry.id.uuid().simple())
}

#[derive(Debug, Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    version: u32,
    occasion: &'static str,
    provider: &'static str,
    since: Timestamp,
    reason: Option<&'a str>,
    incident: Option<Incident>,
    connection: Option<Connection<'a>>,
}

#[derive(Debug, Serialize)]
struct Incident {
    id: String,
    kind: &'static str,
    opened_at: Timestamp,
    reminder: u32,
}

#[derive(Debug, Serialize)]
struct Connection<'a> {
    id: String,
    team: Team<'a>,
    site: Option<Site<'a>>,
    state: &'static str,
    previous_state: Option<&'static str>,
    works_until: Option<Timestamp>,
    consent_ends_at: Option<Timestamp>,
    missing_scopes: &'a [String],
    services: &'a [String],
    url: Url,
}

#[derive(Debug, Serialize)]
struct Team<'a> {
    id: String,
    slug: &'a str,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct Site<'a> {
    cloud_id: &'a str,
    name: &'a str,
    url: &'a str,
}

impl<'a> Event<'a> {
    fn of(notice: &'a Notice, base_url: &Url) -> Self {
        Self {
            kind: notice.event.0.as_str(),
            timestamp: notice.at,
            data: Data {
                version: 1,
                occasion: notice.occasion.0.as_str(),
                provider: notice.provider.0.as_str(),
                since: notice.since,
                reason: notice.reason.as_deref(),
                incident: notice.incident.as_ref().map(Incident::of),
                connection: notice
                    .connection
                    .as_ref()
                    .map(|it| Connection::of(it, base_url)),
            },
        }
    }
}

impl Incident {
    fn of(told: &IncidentTold) -> Self {
        Self {
            id: told.id.to_string(),
            kind: told.kind.0.as_str(),
            opened_at: told.opened_at,
            reminder: told.reminder,
        }
    }
}

impl<'a> Connection<'a> {
    fn of(told: &'a ConnectionTold, base_url: &Url) -> Self {
        let mut url = base_url.clone();
        url.set_path(&told.path);
        Self {
            id: told.id.to_string(),
            team: Team::of(&told.team),
            site: told.site.as_ref().map(Site::of),
            state: told.state.0.as_str(),
            previous_state: told.previous_state.map(|it| it.0.as_str()),
            works_until: told.works_until,
            consent_ends_at: told.consent_ends_at,
            missing_scopes: &told.missing_scopes,
            services: &told.services,
            url,
        }
    }
}

impl<'a> Team<'a> {
    fn of(told: &'a TeamTold) -> Self {
        Self {
            id: told.id.to_string(),
            slug: &told.slug,
            name: &told.name,
        }
    }
}

impl<'a> Site<'a> {
    fn of(told: &'a SiteTold) -> Self {
        Self {
            cloud_id: &told.cloud_id,
            name: &told.name,
            url: &told.url,
        }
    }
}

#[cfg(test)]
mod tests;
