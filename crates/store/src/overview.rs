//! What a page shows of a connection, in two statements. The first also says what surrounds the page: the
//! teams of the person, and whom to ask in the one that it is about.

use domain::{
    attempt::ConnectAttempt,
    credential::{IntegrationCredential, Provider},
    ids::{TeamId, UserId},
    jira::JiraIntegration,
    provider_health::ProviderHealth,
    team::{Role, Team},
    text::{PersonName, ServiceName},
};
use jiff::{SignedDuration, Timestamp};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    attempts::AttemptRow,
    columns::{Millis, Row},
    credentials::MaybeCredentialRow,
    jira::MaybeSiteRow,
    provider_health::MaybeHealthRow,
    teams::{TeamRow, role},
};

/// A team's connection with a provider, and the names that go with it.
#[derive(Clone, Debug, Default)]
pub struct ConnectionOverview {
    /// The stored grant.
    pub credential: Option<IntegrationCredential>,
    /// The chosen site.
    pub integration: Option<JiraIntegration>,
    /// The newest attempt that can go on.
    pub attempt: Option<ConnectAttempt>,
    /// How the provider answered of late; none without a credential, or if it was never asked.
    pub provider: Option<ProviderHealth>,
    /// Who connected; none if that account is gone.
    pub connected_by: Option<PersonName>,
    /// Whether who connected is in the team now.
    pub connected_by_is_member: bool,
    /// Who disconnected.
    pub disconnected_by: Option<PersonName>,
    /// Who began the attempt.
    pub attempt_by: Option<PersonName>,
    /// The services that have a key of the team in force, by name.
    pub services: Vec<ServiceName>,
    /// The newest attempt of all, where nobody came back from it in time, for [`LAPSE_TOLD`].
    pub lapsed: Option<Lapsed>,
}

/// An attempt that ended because nobody came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapsed {
    /// Who went.
    pub by: Option<PersonName>,
    /// When.
    pub began_at: Timestamp,
}

/// What surrounds a page of a team.
#[derive(Debug)]
pub struct Surroundings {
    /// All teams of the person, by name.
    pub teams: Vec<(Team, Role)>,
    /// The admins of the team that the page is about, by name.
    pub admins: Vec<PersonName>,
    /// That team's connection, without attempts: [`Tx::find_attempts_beside`] adds them.
    pub connection: ConnectionOverview,
}

/// So long after its end an attempt is told from which nobody came back.
const LAPSE_TOLD: SignedDuration = SignedDuration::from_hours(24);

#[derive(FromRow)]
struct CredentialWithNames {
    #[sqlx(flatten)]
    credential: MaybeCredentialRow,
    service_names: Option<String>,
    connected_by_name: Option<String>,
    connected_by_role: Option<String>,
    disconnected_by_name: Option<String>,
    #[sqlx(flatten)]
    site: MaybeSiteRow,
    #[sqlx(flatten)]
    health: MaybeHealthRow,
}

#[derive(FromRow)]
struct SurroundingsRow {
    of_id: Uuid,
    of_slug: String,
    of_name: String,
    of_created_at: Millis,
    of_role: String,
    admin_names: Option<String>,
    #[sqlx(flatten)]
    connection: CredentialWithNames,
}

impl CredentialWithNames {
    fn overview(self, team: TeamId) -> Result<ConnectionOverview, StoreError> {
        let mut overview = ConnectionOverview {
            services: service_names(team, self.service_names.as_deref())?,
            ..ConnectionOverview::default()
        };
        if let MaybeCredentialRow(Some(found)) = self.credential {
            overview.connected_by_is_member = self.connected_by_role.is_some();
            overview.connected_by = name(found.connected_by, self.connected_by_name)?;
            overview.disconnected_by = name(found.disconnected_by, self.disconnected_by_name)?;
            let credential: IntegrationCredential = found.try_into()?;
            overview.provider = self.health.checked()?;
            overview.integration = self.site.of(&credential)?;
            overview.credential = Some(credential);
        }
        Ok(overview)
    }
}

#[derive(FromRow)]
struct AttemptWithName {
    #[sqlx(flatten)]
    attempt: AttemptRow,
    attempt_by_name: String,
    can_go_on: bool,
}

impl Tx {
    /// Reads all of it; call it on a snapshot.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_connection_overview(
        &mut self,
        team: TeamId,
        provider: Provider,
        now: Timestamp,
    ) -> Result<ConnectionOverview, StoreError> {
        let overview = self.read_credential(team, provider, now).await?;
        self.find_attempts_beside(team, provider, now, overview)
            .await
    }

    /// Reads what surrounds a page of `team` that `user` looks at: one statement, which every page asks.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_surroundings(
        &mut self,
        user: UserId,
        team: TeamId,
        provider: Provider,
        now: Timestamp,
    ) -> Result<Surroundings, StoreError> {
        // Of the other teams nothing but the name is read.
        const SQL: &str = "
            SELECT t.id AS of_id, t.slug AS of_slug, t.name AS of_name, t.created_at AS of_created_at,
                   o.role AS of_role,
                   (SELECT string_agg(u.name, $4)
                      FROM memberships x JOIN users u ON u.id = x.user_id
                     WHERE x.team_id = $2 AND t.id = $2 AND x.role = 'admin') AS admin_names,
                   c.*, a.name AS connected_by_name, m.role AS connected_by_role, b.name AS disconnected_by_name,
                   j.id AS jira_id, j.cloud_id, j.site_name, j.site_url, j.avatar_url,
                   j.last_sync_at, j.sync_status, j.checked_at, j.lost_at,
                   h.provider AS health_provider, h.failing_since AS health_failing_since,
                   h.first_failed AS health_first_failed, h.is_down AS health_is_down,
                   h.last_outcome AS health_last_outcome, h.next_probe_at AS health_next_probe_at,
                   h.probes AS health_probes, h.last_success_at AS health_last_success_at,
                   h.last_success_of AS health_last_success_of,
                   (SELECT string_agg(k.name, $4) FROM api_keys k
                     WHERE k.team_id = $2 AND t.id = $2 AND k.revoked_at IS NULL
                       AND coalesce(k.expires_at > $5, TRUE)) AS service_names
              FROM memberships o
              JOIN teams t ON t.id = o.team_id
              LEFT JOIN integration_credentials c ON c.team_id = t.id AND c.team_id = $2 AND c.provider = $3
              LEFT JOIN jira_integrations j ON j.team_id = c.team_id AND j.credential_id = c.id
              LEFT JOIN provider_health h ON h.provider = c.provider
              LEFT JOIN users a ON a.id = c.connected_by
              LEFT JOIN memberships m ON m.team_id = c.team_id AND m.user_id = c.connected_by
              LEFT JOIN users b ON b.id = c.disconnected_by
             WHERE o.user_id = $1
             ORDER BY t.name, t.slug";
        let rows: Vec<SurroundingsRow> = fetch_all!(
            self,
            SQL,
            user.uuid(),
            team.uuid(),
            provider.as_str(),
            "\n",
            Millis::from(now),
        )?;
        let mut around = Surroundings {
            teams: Vec::with_capacity(rows.len()),
            admins: Vec::new(),
            connection: ConnectionOverview::default(),
        };
        for row in rows {
            let role = role(row.of_id, &row.of_role)?;
            let found: Team = TeamRow {
                team_id: row.of_id,
                team_slug: row.of_slug,
                team_name: row.of_name,
                team_created_at: row.of_created_at,
            }
            .try_into()?;
            if found.id == team {
                around.admins = person_names(team, row.admin_names.as_deref())?;
                around.connection = row.connection.overview(team)?;
            }
            around.teams.push((found, role));
        }
        Ok(around)
    }

    async fn read_credential(
        &mut self,
        team: TeamId,
        provider: Provider,
        now: Timestamp,
    ) -> Result<ConnectionOverview, StoreError> {
        // The team is there whatever it has; the names hold no line break.
        const SQL: &str = "
            SELECT c.*, a.name AS connected_by_name, m.role AS connected_by_role, b.name AS disconnected_by_name,
                   j.id AS jira_id, j.cloud_id, j.site_name, j.site_url, j.avatar_url,
                   j.last_sync_at, j.sync_status, j.checked_at, j.lost_at,
                   h.provider AS health_provider, h.failing_since AS health_failing_since,
                   h.first_failed AS health_first_failed, h.is_down AS health_is_down,
                   h.last_outcome AS health_last_outcome, h.next_probe_at AS health_next_probe_at,
                   h.probes AS health_probes, h.last_success_at AS health_last_success_at,
                   h.last_success_of AS health_last_success_of,
                   (SELECT string_agg(k.name, $3) FROM api_keys k
                     WHERE k.team_id = $1 AND k.revoked_at IS NULL
                       AND coalesce(k.expires_at > $4, TRUE)) AS service_names
              FROM teams t
              LEFT JOIN integration_credentials c ON c.team_id = t.id AND c.provider = $2
              LEFT JOIN jira_integrations j ON j.team_id = c.team_id AND j.credential_id = c.id
              LEFT JOIN provider_health h ON h.provider = c.provider
              LEFT JOIN users a ON a.id = c.connected_by
              LEFT JOIN memberships m ON m.team_id = c.team_id AND m.user_id = c.connected_by
              LEFT JOIN users b ON b.id = c.disconnected_by
             WHERE t.id = $1";
        let row: Option<CredentialWithNames> = fetch_optional!(
            self,
            SQL,
            team.uuid(),
            provider.as_str(),
            "\n",
            Millis::from(now)
        )?;
        row.map_or_else(|| Ok(ConnectionOverview::default()), |it| it.overview(team))
    }

    /// Adds to what was read of a connection the attempt beside it; call it on the same snapshot.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_attempts_beside(
        &mut self,
        team: TeamId,
        provider: Provider,
        now: Timestamp,
        mut overview: ConnectionOverview,
    ) -> Result<ConnectionOverview, StoreError> {
        const SQL: &str = "
            SELECT a.*, u.name AS attempt_by_name,
                   (a.finished_at IS NULL AND a.expires_at > $3) OR coalesce(a.erase_at > $3, FALSE) AS can_go_on
              FROM connect_attempts a
              JOIN users u ON u.id = a.user_id
             WHERE a.team_id = $1 AND a.provider = $2
               AND ((a.finished_at IS NULL AND a.expires_at > $3) OR a.erase_at > $3
                    OR (a.finished_at IS NULL AND a.expires_at > $4
                        AND NOT EXISTS (SELECT 1 FROM connect_attempts later
                                         WHERE later.team_id = $1 AND later.provider = $2
                                           AND later.created_at > a.created_at)))
             ORDER BY can_go_on DESC, a.created_at DESC, a.id DESC
             LIMIT 1";
        let row: Option<AttemptWithName> = fetch_optional!(
            self,
            SQL,
            team.uuid(),
            provider.as_str(),
            Millis::from(now),
            Millis::from(now - LAPSE_TOLD),
        )?;
        if let Some(row) = row {
            let attempt: ConnectAttempt = row.attempt.try_into()?;
            let by = name(Some(attempt.user.uuid()), Some(row.attempt_by_name))?;
            if row.can_go_on {
                overview.attempt_by = by;
                overview.attempt = Some(attempt);
            } else {
                let began_at = attempt.created_at;
                overview.lapsed = Some(Lapsed { by, began_at });
            }
        }
        Ok(overview)
    }
}

fn name(user: Option<Uuid>, name: Option<String>) -> Result<Option<PersonName>, StoreError> {
    let here = Row {
        table: "users",
        id: user.unwrap_or_default(),
    };
    name.map(|it| here.checked("name", PersonName::parse(&it)))
        .transpose()
}

fn service_names(team: TeamId, names: Option<&str>) -> Result<Vec<ServiceName>, StoreError> {
    let here = Row {
        table: "api_keys",
        id: team.uuid(),
    };
    let parse = |it| here.checked("name", ServiceName::parse(it));
    let mut names: Vec<_> = names
        .unwrap_or_default()
        .lines()
        .map(parse)
        .collect::<Result<_, _>>()?;
    names.sort();
    names.dedup();
    Ok(names)
}

fn person_names(team: TeamId, names: Option<&str>) -> Result<Vec<PersonName>, StoreError> {
    let here = Row {
        table: "users",
        id: team.uuid(),
    };
    let parse = |it| here.checked("name", PersonName::parse(it));
    let mut names: Vec<PersonName> = names
        .unwrap_or_default()
        .lines()
        .map(parse)
        .collect::<Result<_, _>>()?;
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    Ok(names)
}
