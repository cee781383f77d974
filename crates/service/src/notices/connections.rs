//! Looks at one connection, and writes what became of it: incident, notices and watch in one transaction,
//! so that a process may end at any point and nothing is lost or told twice.

use domain::{
    credential::IntegrationCredential,
    ids::IncidentId,
    incident::{
        Incident, IncidentOf,
        operators::{Sight, shown_by},
        schedule::RECENT,
        watching::{Decision, Look, Step, Tell},
    },
    outbox::Occasion,
    state::{ConnectionState, Facts, Reason},
};
use jiff::Timestamp;
use store::{ConnectionOverview, Tx, Watch, WatchOf};

use super::{
    operators,
    payload::{ConnectionTold, Event, IncidentTold, Notice, SiteTold, TeamTold, Word},
    writing::Telling,
};
use crate::{Error, Services};

/// What a look came to.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// How many notices were written.
    pub(crate) written: usize,
    /// Whether an incident opened.
    pub(crate) has_opened: bool,
    /// Whether one ended.
    pub(crate) has_closed: bool,
}

/// Looks, where nobody else does. None if there is nothing to look at.
pub(crate) async fn look(services: &Services, of: WatchOf) -> Result<Option<Looked>, Error> {
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    let Some(watch) = tx.lock_watch(of, now).await? else {
        return Ok(None);
    };
    let mut found = tx
        .find_connection_overview(of.team, watch.provider, now)
        .await?;
    // Who is on the way to Atlassian changes nothing yet.
    found.attempt = None;
    let facts = services.facts(&found, now);
    let open = tx.find_open_incident(of.team, of.credential).await?;
    let recent = tx
        .count_incidents(of.team, of.credential, now - RECENT)
        .await?;
    let look = Look {
        facts: &facts,
        told: watch.told,
        is_old: watch.told.is_none() && watch.due_at == Timestamp::UNIX_EPOCH,
        open: open.as_ref(),
        recent,
    };
    let decision = look.decide();
    let incident = write_incident(services, &mut tx, of, &facts, &decision.step).await?;
    let has_closed = incident.as_ref().is_some_and(|it| it.closed.is_some());
    let told = Told {
        of,
        watch: &watch,
        found: &found,
        facts: &facts,
        incident: incident.as_ref().or(open.as_ref()),
    };
    let written = told.write(services, &mut tx, &decision).await?;
    if let Some(closed) = incident.as_ref().filter(|_| has_closed) {
        // After the new ones: who removes a person holds the same rows the other way round.
        tx.drop_untried_mails(Some(of.team), closed.id, now).await?;
    }
    tx.set_watch(of, decision.told, decision.due_at, now)
        .await?;
    let alarm = match shown_by(&facts) {
        Some((kind, reason)) => {
            let sight = Sight::Seen(Some(reason));
            operators::note(services, &mut tx, watch.provider, kind, sight).await?
        }
        None => None,
    };
    tx.commit().await?;
    let has_opened = matches!(decision.step, Step::Open(..));
    if let Some(incident) = &incident {
        log(services, incident, has_opened);
    }
    if let Some(alarm) = &alarm {
        alarm.log(services);
    }
    Ok(Some(Looked {
        written: written + alarm.map_or(0, |it| it.written),
        has_opened,
        has_closed,
    }))
}

/// Puts off a look that failed for a reason of its own, lest it fails each second.
pub(crate) async fn put_off(
    services: &Services,
    of: WatchOf,
    until: Timestamp,
) -> Result<(), Error> {
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    if let Some(watch) = tx.lock_watch(of, now).await? {
        tx.set_watch(of, watch.told, Some(until), now).await?;
    }
    Ok(tx.commit().await?)
}

/// What is written of the incident, if anything is.
async fn write_incident(
    services: &Services,
    tx: &mut Tx,
    of: WatchOf,
    facts: &Facts<'_>,
    step: &Step,
) -> Result<Option<Incident>, Error> {
    let now = facts.now;
    let Some(provider) = facts.credential.map(|it| it.provider) else {
        return Ok(None);
    };
    match step {
        Step::Nothing => Ok(None),
        Step::Open(kind, due_at) => {
            let new = Incident {
                id: IncidentId::new(services.env.as_ref()),
                of: Some(IncidentOf {
                    team: of.team,
                    credential: of.credential,
                }),
                provider,
                kind: *kind,
                reason: facts.reason().map(|it| it.as_str().to_owned()),
                opened_at: now,
                working_since: None,
                closed: None,
                reminders: 0,
                due_at: *due_at,
            };
            // Who holds the watch is the only one that opens.
            Ok(tx.add_incident(&new, now).await?.then_some(new))
        }
        Step::Change(changed) => {
            tx.set_incident(changed, now).await?;
            Ok(Some(changed.clone()))
        }
    }
}

fn log(services: &Services, incident: &Incident, has_opened: bool) {
    let kind = incident.kind.as_str();
    let credential = incident.of.map(|it| it.credential);
    if has_opened {
        services.metrics.incident_opened(incident.kind);
        tracing::warn!(
            incident.id = %incident.id, credential.id = credential.map(tracing::field::display), kind,
            "a connection needs people"
        );
    } else if let Some((_, ending)) = incident.closed {
        tracing::info!(
            incident.id = %incident.id, credential.id = credential.map(tracing::field::display), kind,
            ending = ending.as_str(), "a connection needs nobody any more"
        );
    }
}

/// What there is to tell of.
struct Told<'a> {
    of: WatchOf,
    watch: &'a Watch,
    found: &'a ConnectionOverview,
    facts: &'a Facts<'a>,
    incident: Option<&'a Incident>,
}

impl Told<'_> {
    /// Writes for each who is to be told; says how many.
    async fn write(
        &self,
        services: &Services,
        tx: &mut Tx,
        decision: &Decision,
    ) -> Result<usize, Error> {
        let (Some(tell), Some(credential)) = (decision.tell, self.facts.credential) else {
            return Ok(0);
        };
        let occasion = match tell {
            Tell::Opened => Occasion::Opened,
            Tell::Reminder => Occasion::Reminder,
            Tell::WorksAgain => Occasion::WorksAgain,
            Tell::StateChanged => Occasion::StateChanged,
        };
        let notice = self.notice(occasion, credential);
        let incident = self.incident.map(|it| it.id);
        let telling = Telling {
            team: Some(self.of.team),
            incident,
            notice: &notice,
            same_as: self.same_as(tell, credential),
        };
        let mut written = 0;
        if tell != Tell::StateChanged {
            written += telling.mail_admins(services, tx, self.of.team).await?;
        }
        if tell != Tell::Reminder {
            written += telling.call_receiver(services, tx).await?;
        }
        Ok(written)
    }

    fn same_as(&self, tell: Tell, credential: &IntegrationCredential) -> String {
        let of_incident = self
            .incident
            .map(|it| (it.id, it.kind.as_str(), it.reminders));
        match (tell, of_incident) {
            (Tell::Opened, Some((id, kind, _))) => format!("{id}/{kind}/opened"),
            (Tell::Reminder, Some((id, _, number))) => format!("{id}/reminder/{number}"),
            (Tell::WorksAgain, Some((id, ..))) => format!("{id}/works_again"),
            _ => format!(
                "{}/{}/{}/{}",
                credential.id,
                credential.generation,
                self.facts.state().as_str(),
                self.facts.now.as_millisecond()
            ),
        }
    }

    fn notice(&self, occasion: Occasion, credential: &IntegrationCredential) -> Notice {
        Notice {
            event: Word(Event::ConnectionStateChanged),
            occasion: Word(occasion),
            provider: Word(credential.provider),
            at: self.facts.now,
            since: self.since(occasion, credential),
            reason: self.facts.reason().map(Reason::as_str).map(str::to_owned),
            incident: self.incident.map(|it| IncidentTold::of(it, occasion)),
            connection: Some(self.connection(credential)),
        }
    }

    /// Since when it is so, as far as that is known.
    fn since(&self, occasion: Occasion, credential: &IntegrationCredential) -> Timestamp {
        let known = match self.facts.state() {
            _ if occasion == Occasion::WorksAgain => self.incident.and_then(|it| it.working_since),
            ConnectionState::ReconnectNeeded => credential.revoked_at,
            ConnectionState::SiteLost => self.facts.integration.and_then(|it| it.lost_at),
            ConnectionState::Degraded | ConnectionState::Waiting => {
                credential.schedule.failing_since
            }
            ConnectionState::Disconnected => credential.disconnected_at,
            ConnectionState::Connected => credential.paired_at(),
            _ => self.incident.map(|it| it.opened_at),
        };
        known.unwrap_or(self.facts.now)
    }

    fn connection(&self, credential: &IntegrationCredential) -> ConnectionTold {
        let team = &self.watch.team;
        let tokens = credential.tokens.as_ref();
        let ends_at = tokens.map(|it| it.access_expires_at);
        let missing = tokens.map(|_| credential.scopes.missing().map(str::to_owned));
        let provider = credential.provider.as_str();
        ConnectionTold {
            id: credential.id,
            team: TeamTold {
                id: team.id,
                slug: team.slug.as_str().to_owned(),
                name: team.name.as_str().to_owned(),
            },
            site: self.facts.integration.map(|it| SiteTold {
                cloud_id: it.site.cloud_id.as_str().to_owned(),
                name: it.site.name.as_str().to_owned(),
                url: it.site.url.as_str().to_owned(),
            }),
            state: Word(self.facts.state()),
            previous_state: self.watch.told.map(Word),
            works_until: ends_at.filter(|it| *it > self.facts.now),
            consent_ends_at: self.facts.consent_ends_at(),
            missing_scopes: missing.map(Iterator::collect).unwrap_or_default(),
            services: self
                .found
                .services
                .iter()
                .map(|it| it.as_str().to_owned())
                .collect(),
            path: format!("/a/{}/integrations/{provider}/", team.slug.as_str()),
        }
    }
}
