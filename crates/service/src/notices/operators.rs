//! The operator's incidents: what the provider's health and single connections show of them, one of a kind
//! for the whole installation.

use domain::{
    credential::Provider,
    ids::IncidentId,
    incident::{
        Incident, IncidentKind,
        operators::{KINDS, Sight, Step, decide, sight},
        schedule::RECENT,
    },
    outbox::Occasion,
    provider_health::ProviderHealth,
    state::Reason,
};
use jiff::Timestamp;
use store::Tx;

use super::{
    payload::{Event, IncidentTold, Notice, Word},
    writing::Telling,
};
use crate::{Error, Services};

/// What became of an operator's incident.
#[derive(Debug)]
pub(crate) struct Alarm {
    incident: Incident,
    what: Occasion,
    /// How many notices were written.
    pub(crate) written: usize,
}

impl Alarm {
    /// Tells the log, once it is written. The beginning is an error: somebody must act.
    pub(crate) fn log(&self, services: &Services) {
        let (id, kind) = (self.incident.id, self.incident.kind);
        if self.what == Occasion::WorksAgain {
            tracing::info!(incident.id = %id, kind = kind.as_str(), "an incident of this server is over");
            return;
        }
        if self.what != Occasion::Opened {
            return;
        }
        services.metrics.incident_opened(kind);
        let reason = self.incident.reason.as_deref();
        match kind {
            IncidentKind::Misconfigured => tracing::error!(
                incident.id = %id, kind = kind.as_str(), reason,
                "this server's settings are in the way of its connections; `tformance doctor` names the cure"
            ),
            IncidentKind::Unexpected => tracing::error!(
                incident.id = %id, kind = kind.as_str(), reason,
                "Atlassian answers refreshes in a way that nobody foresaw"
            ),
            _ => tracing::warn!(
                incident.id = %id, kind = kind.as_str(), reason,
                "Atlassian does not answer"
            ),
        }
    }
}

/// Looks at what the provider's health shows; says how many notices were written.
pub(crate) async fn look(services: &Services, provider: Provider) -> Result<usize, Error> {
    let now = services.env.now();
    let (health, open) = {
        let mut tx = services.store.read().await?;
        let health = tx.find_provider_health(provider).await?;
        (health, tx.list_open_operator_incidents(provider).await?)
    };
    let mut written = 0;
    for kind in KINDS {
        let is_open = open.iter().any(|it| it.kind == kind);
        let sight = sight(kind, &health, is_open, now);
        if !is_open && sight == Sight::NotSeen {
            continue;
        }
        let of_kind = open.iter().find(|it| it.kind == kind);
        if !may_change(of_kind, sight, now) {
            continue;
        }
        let mut tx = services.store.write().await?;
        let alarm = note(services, &mut tx, provider, kind, sight).await?;
        tx.commit().await?;
        if let Some(alarm) = alarm {
            alarm.log(services);
            written += alarm.written;
        }
    }
    Ok(written)
}

/// Whether there may be something to write, whatever settling time applies: most looks find nothing.
fn may_change(open: Option<&Incident>, sight: Sight, now: Timestamp) -> bool {
    let Some(open) = open else {
        return sight != Sight::NotSeen;
    };
    // Nothing that was seen just now is over, by the shortest settling time.
    decide(open.kind, Some(open), 0, sight, now) != Step::Nothing
}

/// Writes what becomes of a kind of trouble that was seen, or not, in the transaction of whoever looked.
pub(crate) async fn note(
    services: &Services,
    tx: &mut Tx,
    provider: Provider,
    kind: IncidentKind,
    sight: Sight,
) -> Result<Option<Alarm>, Error> {
    let now = services.env.now();
    let all = tx.list_open_operator_incidents(provider).await?;
    if !may_change(all.iter().find(|it| it.kind == kind), sight, now) {
        return Ok(None);
    }
    let open = tx.lock_operator_incident(provider, kind).await?;
    let recent = tx
        .count_operator_incidents(provider, kind, now - RECENT)
        .await?;
    let (incident, what) = match decide(kind, open.as_ref(), recent, sight, now) {
        Step::Nothing => return Ok(None),
        Step::Open(reason, due_at) => {
            let new = Incident {
                id: IncidentId::new(services.env.as_ref()),
                of: None,
                provider,
                kind,
                reason: reason.map(Reason::as_str).map(str::to_owned),
                opened_at: now,
                working_since: Some(now),
                closed: None,
                reminders: 0,
                due_at,
            };
            if !tx.add_incident(&new, now).await? {
                // Another process was faster, and tells.
                return Ok(None);
            }
            (new, Occasion::Opened)
        }
        Step::Note(noted) => {
            tx.set_incident(&noted, now).await?;
            return Ok(None);
        }
        Step::Remind(noted) => {
            tx.set_incident(&noted, now).await?;
            (noted, Occasion::Reminder)
        }
        Step::Close(closed) => {
            tx.set_incident(&closed, now).await?;
            (closed, Occasion::WorksAgain)
        }
    };
    let health = tx.find_provider_health(provider).await?;
    let written = tell(services, tx, &incident, what, &health).await?;
    if what == Occasion::WorksAgain {
        tx.drop_untried_mails(None, incident.id, now).await?;
    }
    Ok(Some(Alarm {
        incident,
        what,
        written,
    }))
}

async fn tell(
    services: &Services,
    tx: &mut Tx,
    incident: &Incident,
    what: Occasion,
    health: &ProviderHealth,
) -> Result<usize, Error> {
    let now = services.env.now();
    let is_over = what == Occasion::WorksAgain;
    let is_outage = incident.kind == IncidentKind::ProviderDown;
    let event = match (incident.kind, is_over) {
        (IncidentKind::Misconfigured, false) => Event::ServerMisconfigured,
        (IncidentKind::Misconfigured, true) => Event::ServerMended,
        (IncidentKind::ProviderDown, false) => Event::ProviderDown,
        (_, false) => Event::ProviderUnexpected,
        (_, true) => Event::ProviderRecovered,
    };
    let since = if is_over {
        incident.working_since
    } else {
        health.failing_since.filter(|_| health.is_down)
    };
    let notice = Notice {
        event: Word(event),
        occasion: Word(if is_outage {
            Occasion::ProviderChanged
        } else {
            what
        }),
        provider: Word(incident.provider),
        at: now,
        since: since.unwrap_or(now),
        reason: incident.reason.clone().filter(|_| !is_over),
        incident: Some(IncidentTold::of(incident, what)),
        connection: None,
    };
    let telling = Telling {
        team: None,
        incident: Some(incident.id),
        notice: &notice,
        same_as: match what {
            Occasion::Reminder => format!("{}/reminder/{}", incident.id, incident.reminders),
            _ => format!("{}/{}", incident.id, what.as_str()),
        },
    };
    let mut written = 0;
    if !is_outage {
        written += telling.mail_operator(services, tx).await?;
    }
    if what != Occasion::Reminder {
        written += telling.call_receiver(services, tx).await?;
    }
    Ok(written)
}
