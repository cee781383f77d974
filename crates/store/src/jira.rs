//! Jira integrations: the chosen site of a credential.

use domain::{
    credential::{IntegrationCredential, Provider},
    ids::{CredentialId, JiraIntegrationId, TeamId, UserId},
    jira::{JiraIntegration, Site, SyncStatus},
    team::Team,
    text::{CloudId, SiteName, SiteUrl},
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
    teams::TeamRow,
};

#[derive(FromRow)]
struct JiraIntegrationRow {
    team_id: Uuid,
    credential_id: Uuid,
    jira_id: Uuid,
    cloud_id: String,
    site_name: String,
    site_url: String,
    avatar_url: Option<String>,
    last_sync_at: Option<Millis>,
    sync_status: String,
    checked_at: Option<Millis>,
    lost_at: Option<Millis>,
}

impl TryFrom<JiraIntegrationRow> for JiraIntegration {
    type Error = StoreError;

    fn try_from(row: JiraIntegrationRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "jira_integrations",
            id: row.jira_id,
        };
        let url = here.checked("site_url", SiteUrl::parse(&row.site_url))?;
        let status = &row.sync_status;
        Ok(Self {
            id: JiraIntegrationId::from_uuid(row.jira_id),
            team: TeamId::from_uuid(row.team_id),
            credential: CredentialId::from_uuid(row.credential_id),
            site: Site {
                cloud_id: here.checked("cloud_id", CloudId::parse(&row.cloud_id))?,
                name: SiteName::from_provider(&row.site_name, &url),
                url,
                avatar_url: row.avatar_url,
            },
            last_sync_at: here.maybe_time("last_sync_at", row.last_sync_at)?,
            sync_status: here.word("sync_status", status, &SyncStatus::ALL, SyncStatus::as_str)?,
            checked_at: here.maybe_time("checked_at", row.checked_at)?,
            lost_at: here.maybe_time("lost_at", row.lost_at)?,
        })
    }
}

/// The same beside a credential that may have none.
#[derive(FromRow)]
pub(crate) struct MaybeSiteRow {
    jira_id: Option<Uuid>,
    cloud_id: Option<String>,
    site_name: Option<String>,
    site_url: Option<String>,
    avatar_url: Option<String>,
    last_sync_at: Option<Millis>,
    sync_status: Option<String>,
    checked_at: Option<Millis>,
    lost_at: Option<Millis>,
}

impl MaybeSiteRow {
    pub(crate) fn of(
        self,
        credential: &IntegrationCredential,
    ) -> Result<Option<JiraIntegration>, StoreError> {
        let found = (
            self.jira_id,
            self.cloud_id,
            self.site_name,
            self.site_url,
            self.sync_status,
        );
        let (Some(jira_id), Some(cloud_id), Some(site_name), Some(site_url), Some(sync_status)) =
            found
        else {
            return Ok(None);
        };
        let row = JiraIntegrationRow {
            team_id: credential.team.uuid(),
            credential_id: credential.id.uuid(),
            jira_id,
            cloud_id,
            site_name,
            site_url,
            avatar_url: self.avatar_url,
            last_sync_at: self.last_sync_at,
            sync_status,
            checked_at: self.checked_at,
            lost_at: self.lost_at,
        };
        row.try_into().map(Some)
    }
}

#[derive(FromRow)]
struct SiteOfTeamRow {
    cloud_id: String,
    #[sqlx(flatten)]
    team: TeamRow,
}

impl Tx {
    /// Writes the chosen site of a credential. Where the same site is written again, id and sync stay;
    /// another site begins its sync anew.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_jira_integration(
        &mut self,
        new: &JiraIntegration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO jira_integrations (id, team_id, credential_id, cloud_id, site_name, site_url,
                   avatar_url, last_sync_at, sync_status, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, 'pending', $8, $8)
            ON CONFLICT (credential_id) DO UPDATE
               SET cloud_id = excluded.cloud_id, site_name = excluded.site_name,
                   site_url = excluded.site_url, avatar_url = excluded.avatar_url,
                   last_sync_at = CASE WHEN jira_integrations.cloud_id = excluded.cloud_id
                                       THEN jira_integrations.last_sync_at END,
                   sync_status = CASE WHEN jira_integrations.cloud_id = excluded.cloud_id
                                      THEN jira_integrations.sync_status ELSE 'pending' END,
                   checked_at = NULL, lost_at = NULL,
                   updated_at = excluded.updated_at
             WHERE jira_integrations.team_id = excluded.team_id";
        execute!(
            self,
            SQL,
            new.id.uuid(),
            new.team.uuid(),
            new.credential.uuid(),
            new.site.cloud_id.as_str(),
            new.site.name.as_str(),
            new.site.url.as_str(),
            new.site.avatar_url.as_deref(),
            Millis::from(now),
        )?;
        Ok(())
    }

    /// Finds the chosen site of a team's connection.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_jira_integration(
        &mut self,
        team: TeamId,
        provider: Provider,
    ) -> Result<Option<JiraIntegration>, StoreError> {
        const SQL: &str = "
            SELECT j.team_id, j.credential_id, j.id AS jira_id, j.cloud_id, j.site_name, j.site_url,
                   j.avatar_url, j.last_sync_at, j.sync_status, j.checked_at, j.lost_at
              FROM jira_integrations j
              JOIN integration_credentials c ON c.team_id = j.team_id AND c.id = j.credential_id
             WHERE j.team_id = $1 AND c.provider = $2";
        let row: Option<JiraIntegrationRow> =
            fetch_optional!(self, SQL, team.uuid(), provider.as_str())?;
        row.map(JiraIntegration::try_from).transpose()
    }

    /// Notes that Atlassian was asked whether the grant still reaches the chosen site: `found` as it is
    /// there now, or nothing. `false` if the team has chosen another site since.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_site_checked(
        &mut self,
        team: TeamId,
        cloud_id: &CloudId,
        found: Option<&Site>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const FOUND: &str = "
            UPDATE jira_integrations
               SET site_name = $3, site_url = $4, avatar_url = $5, checked_at = $6, lost_at = NULL,
                   updated_at = $6
             WHERE team_id = $1 AND cloud_id = $2";
        const LOST: &str = "
            UPDATE jira_integrations
               SET checked_at = $3, lost_at = coalesce(lost_at, $3), updated_at = $3
             WHERE team_id = $1 AND cloud_id = $2";
        let (team, now) = (team.uuid(), Millis::from(now));
        let changed = match found {
            Some(site) => execute!(
                self,
                FOUND,
                team,
                cloud_id.as_str(),
                site.name.as_str(),
                site.url.as_str(),
                site.avatar_url.as_deref(),
                now,
            )?,
            None => execute!(self, LOST, team, cloud_id.as_str(), now)?,
        };
        Ok(changed == 1)
    }

    /// Forgets the chosen site of a team; `false` if there was none.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_jira_integration(&mut self, team: TeamId) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM jira_integrations WHERE team_id = $1";
        Ok(execute!(self, SQL, team.uuid())? > 0)
    }

    /// Which of `sites` are in use by teams of which `user` is a member; other teams are not told.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_own_teams_using(
        &mut self,
        user: UserId,
        sites: &[CloudId],
    ) -> Result<Vec<(CloudId, Team)>, StoreError> {
        const SQL: &str = "
            SELECT j.cloud_id, t.id AS team_id, t.slug AS team_slug, t.name AS team_name,
                   t.created_at AS team_created_at
              FROM memberships m
              JOIN teams t ON t.id = m.team_id
              JOIN jira_integrations j ON j.team_id = m.team_id
             WHERE m.user_id = $1
             ORDER BY t.name, t.slug";
        let rows: Vec<SiteOfTeamRow> = fetch_all!(self, SQL, user.uuid())?;
        let mut found = Vec::new();
        for row in rows {
            if let Some(site) = sites.iter().find(|it| it.as_str() == row.cloud_id) {
                found.push((site.clone(), row.team.try_into()?));
            }
        }
        Ok(found)
    }
}
