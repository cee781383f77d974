//! The connections of all teams, a page at a time: for the operator.

use domain::{
    credential::{IntegrationCredential, Provider},
    ids::{CredentialId, TeamId},
    incident::IncidentKind,
    state::ConnectionState,
    team::Team,
    text::Slug,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    ConnectionOverview, StoreError, Tx,
    columns::{Millis, Row},
    credentials::CredentialRow,
    jira::MaybeSiteRow,
    provider_health::MaybeHealthRow,
    teams::TeamRow,
};

/// A connection that a team has or had.
#[derive(Clone, Debug)]
pub struct ListedConnection {
    /// Whose.
    pub team: Team,
    /// Grant, site and provider, and where there is no grant the attempt that can go on; no names.
    pub overview: ConnectionOverview,
    /// What people are needed for, and since when.
    pub incident: Option<(IncidentKind, Timestamp)>,
    /// The state that was told last, and since when it is that.
    pub told: Option<(ConnectionState, Timestamp)>,
}

#[derive(FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    team: TeamRow,
    #[sqlx(flatten)]
    credential: CredentialRow,
    #[sqlx(flatten)]
    site: MaybeSiteRow,
    #[sqlx(flatten)]
    health: MaybeHealthRow,
    incident_kind: Option<String>,
    incident_opened_at: Option<Millis>,
    #[sqlx(flatten)]
    told: ToldRow,
}

#[derive(FromRow)]
struct ToldRow {
    told_state: Option<String>,
    told_at: Option<Millis>,
}

impl ToldRow {
    fn told(self, id: Uuid) -> Result<Option<(ConnectionState, Timestamp)>, StoreError> {
        let (Some(state), Some(at)) = (self.told_state, self.told_at) else {
            return Ok(None);
        };
        let here = Row {
            table: "connection_watches",
            id,
        };
        let all = &ConnectionState::ALL;
        Ok(Some((
            here.word("told_state", &state, all, ConnectionState::as_str)?,
            here.time("told_at", at)?,
        )))
    }
}

impl TryFrom<ListedRow> for ListedConnection {
    type Error = StoreError;

    fn try_from(row: ListedRow) -> Result<Self, StoreError> {
        let credential: IntegrationCredential = row.credential.try_into()?;
        let id = credential.id.uuid();
        let incident = match (row.incident_kind, row.incident_opened_at) {
            (Some(kind), Some(at)) => {
                let here = Row {
                    table: "incidents",
                    id,
                };
                let all = &IncidentKind::ALL;
                Some((
                    here.word("kind", &kind, all, IncidentKind::as_str)?,
                    here.time("opened_at", at)?,
                ))
            }
            _ => None,
        };
        Ok(Self {
            team: row.team.try_into()?,
            overview: ConnectionOverview {
                integration: row.site.of(&credential)?,
                provider: row.health.checked()?,
                credential: Some(credential),
                ..ConnectionOverview::default()
            },
            incident,
            told: row.told.told(id)?,
        })
    }
}

impl Tx {
    /// The connections that teams have or had with a provider, by the team's slug: those after `after`, at
    /// most `limit`. Call it on a snapshot.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_connections(
        &mut self,
        provider: Provider,
        after: Option<&Slug>,
        limit: i64,
        now: Timestamp,
    ) -> Result<Vec<ListedConnection>, StoreError> {
        const SQL: &str = "
            SELECT t.slug AS team_slug, t.name AS team_name, t.created_at AS team_created_at, c.*,
                   j.id AS jira_id, j.cloud_id, j.site_name, j.site_url, j.avatar_url,
                   j.last_sync_at, j.sync_status, j.checked_at, j.lost_at,
                   h.provider AS health_provider, h.failing_since AS health_failing_since,
                   h.first_failed AS health_first_failed, h.is_down AS health_is_down,
                   h.last_outcome AS health_last_outcome, h.next_probe_at AS health_next_probe_at,
                   h.probes AS health_probes, h.last_success_at AS health_last_success_at,
                   h.last_success_of AS health_last_success_of,
                   i.kind AS incident_kind, i.opened_at AS incident_opened_at,
                   w.told_state, w.told_at
              FROM teams t
              JOIN integration_credentials c ON c.team_id = t.id AND c.provider = $1
              LEFT JOIN jira_integrations j ON j.team_id = c.team_id AND j.credential_id = c.id
              LEFT JOIN provider_health h ON h.provider = c.provider
              LEFT JOIN incidents i ON i.credential_id = c.id AND i.closed_at IS NULL
              LEFT JOIN connection_watches w ON w.credential_id = c.id
             WHERE t.slug > $2
             ORDER BY t.slug
             LIMIT $3";
        let after = after.map_or("", Slug::as_str);
        let rows: Vec<ListedRow> = fetch_all!(self, SQL, provider.as_str(), after, limit)?;
        let mut listed = Vec::with_capacity(rows.len());
        for row in rows {
            let mut it = ListedConnection::try_from(row)?;
            // With a grant it decides alone; the few without one are asked for one by one.
            let credential = it.overview.credential.as_ref();
            if credential.is_some_and(|it| it.tokens.is_none()) {
                let overview = std::mem::take(&mut it.overview);
                it.overview = self
                    .find_attempts_beside(it.team.id, provider, now, overview)
                    .await?;
            }
            listed.push(it);
        }
        Ok(listed)
    }

    /// The state of a connection that was told last, and since when it is that.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_told_state(
        &mut self,
        team: TeamId,
        credential: CredentialId,
    ) -> Result<Option<(ConnectionState, Timestamp)>, StoreError> {
        const SQL: &str = "
            SELECT told_state, told_at FROM connection_watches
             WHERE team_id = $1 AND credential_id = $2";
        let row: Option<ToldRow> = fetch_optional!(self, SQL, team.uuid(), credential.uuid())?;
        let told = row.map(|it| it.told(credential.uuid()));
        Ok(told.transpose()?.flatten())
    }
}
