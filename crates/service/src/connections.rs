//! The connections of all teams, for the operator: without secrets, who needs people first.

use std::collections::{BTreeSet, VecDeque};

use domain::{
    credential::{IntegrationCredential, Provider},
    incident::{Incident, IncidentKind},
    jira::Site,
    need::Need,
    provider_health::ProviderHealth,
    state::ConnectionState,
    team::Team,
    text::Slug,
};
use jiff::Timestamp;
use store::{ConnectionOverview, Tx};

use crate::{Error, Services, assess::Assessment};

/// So many are read, and in memory, at once.
const PAGE: i64 = 500;

/// A team's connection.
#[derive(Clone, Debug)]
pub struct TeamConnection {
    /// Whose.
    pub team: Team,
    /// Its state, and why.
    pub assessment: Assessment,
    /// Since when it is in that state, as far as that is known.
    pub since: Option<Timestamp>,
    /// The stored grant; its tokens are sealed.
    pub credential: Option<IntegrationCredential>,
    /// The chosen site.
    pub site: Option<Site>,
    /// The incident that is open: what people are needed for, and since when.
    pub incident: Option<(IncidentKind, Timestamp)>,
}

impl TeamConnection {
    fn of(
        services: &Services,
        now: Timestamp,
        team: Team,
        found: ConnectionOverview,
        incident: Option<(IncidentKind, Timestamp)>,
        told: Option<(ConnectionState, Timestamp)>,
    ) -> Self {
        let facts = services.facts(&found, now);
        let assessment = Assessment::from(facts);
        let credential = found.credential.as_ref();
        let told = told.filter(|(state, _)| *state == assessment.state);
        let since = facts
            .since()
            .or_else(|| told.map(|(_, at)| at))
            .or_else(|| credential.and_then(|it| it.consented_at));
        Self {
            team,
            assessment,
            since,
            site: found.integration.map(|it| it.site),
            credential: found.credential,
            incident,
        }
    }
}

/// How the provider answers, and what the operator is needed for.
#[derive(Clone, Debug)]
pub struct Installation {
    /// How Atlassian answered of late.
    pub provider: ProviderHealth,
    /// The operator's open incidents.
    pub incidents: Vec<Incident>,
}

/// The connections that teams have or had, a page at a time on one snapshot: however many there are, one
/// page of them is in memory. So they are gone through once for each kind of need that there is.
#[derive(Debug)]
pub struct Connections<'a> {
    services: &'a Services,
    tx: Tx,
    now: Timestamp,
    wanted: Option<ConnectionState>,
    passes: VecDeque<Need>,
    after: Option<Slug>,
    /// What the first pass met; none once it is over.
    met: Option<BTreeSet<Need>>,
}

/// All of them, or those in a state.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn list(
    services: &Services,
    wanted: Option<ConnectionState>,
) -> Result<(Installation, Connections<'_>), Error> {
    let now = services.env.now();
    let mut tx = services.store.read().await?;
    let installation = Installation {
        provider: tx.find_provider_health(Provider::Jira).await?,
        incidents: tx.list_open_operator_incidents(Provider::Jira).await?,
    };
    let passes = wanted.map_or_else(|| Need::ALL.into(), |it| [it.need()].into());
    let connections = Connections {
        services,
        tx,
        now,
        wanted,
        passes,
        after: None,
        met: Some(BTreeSet::new()),
    };
    Ok((installation, connections))
}

impl Connections<'_> {
    /// The next of them, never an empty page; none at the end. Who needs people comes first, each kind by
    /// the team's slug.
    ///
    /// # Errors
    ///
    /// [`Error::StoreUnavailable`] if the database does not answer.
    pub async fn next_page(&mut self) -> Result<Option<Vec<TeamConnection>>, Error> {
        while let Some(need) = self.passes.front().copied() {
            let (after, now) = (self.after.as_ref(), self.now);
            let page = self
                .tx
                .list_connections(Provider::Jira, after, PAGE, now)
                .await?;
            let Some(last) = page.last() else {
                self.end_pass();
                continue;
            };
            self.after = Some(last.team.slug.clone());
            let mut found = Vec::new();
            for it in page {
                let it = TeamConnection::of(
                    self.services,
                    now,
                    it.team,
                    it.overview,
                    it.incident,
                    it.told,
                );
                let state = it.assessment.state;
                if let Some(met) = &mut self.met {
                    met.insert(state.need());
                }
                if state.need() == need && self.wanted.is_none_or(|it| it == state) {
                    found.push(it);
                }
            }
            if !found.is_empty() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn end_pass(&mut self) {
        self.passes.pop_front();
        self.after = None;
        if let Some(met) = self.met.take() {
            self.passes.retain(|it| met.contains(it));
        }
    }
}

/// The connection of one team; none if there is no such team.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn find(services: &Services, slug: &str) -> Result<Option<TeamConnection>, Error> {
    let Ok(slug) = Slug::parse(slug) else {
        return Ok(None);
    };
    let now = services.env.now();
    let mut tx = services.store.read().await?;
    let Some(team) = tx.find_team(&slug).await? else {
        return Ok(None);
    };
    let found = tx
        .find_connection_overview(team.id, Provider::Jira, now)
        .await?;
    let (mut incident, mut told) = (None, None);
    if let Some(credential) = &found.credential {
        let open = tx.find_open_incident(team.id, credential.id).await?;
        incident = open.map(|it| (it.kind, it.opened_at));
        told = tx.find_told_state(team.id, credential.id).await?;
    }
    Ok(Some(TeamConnection::of(
        services, now, team, found, incident, told,
    )))
}
