//! Keys of services: found by their hash, everything else by their team.

use domain::{
    api_key::ApiKey,
    credential::{IntegrationCredential, Provider},
    ids::{ApiKeyId, TeamId, UserId},
    session::TokenHash,
    text::{CloudId, PersonName, ServiceName},
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    ConnectionOverview, Store, StoreError, Tx,
    columns::{Millis, Row},
    credentials::MaybeCredentialRow,
    jira::MaybeSiteRow,
    key_rights,
    provider_health::MaybeHealthRow,
};

/// A key with what its page tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyWithName {
    /// The key.
    pub key: ApiKey,
    /// The name of who made it; none if the account is gone.
    pub created_by: Option<PersonName>,
}

/// Whom a key leads to, and what it is after.
#[derive(Clone, Debug)]
pub struct ApiCaller {
    /// The key; may be revoked, or past its end.
    pub key: ApiKey,
    /// Grant and site of its team, and how the provider answers; no attempt and no names.
    pub connection: ConnectionOverview,
}

#[derive(FromRow)]
#[expect(
    clippy::struct_field_names,
    reason = "columns, read beside those of other tables"
)]
struct ApiKeyRow {
    key_id: Uuid,
    key_team_id: Uuid,
    key_name: String,
    key_is_second: bool,
    key_rights: Option<String>,
    key_pinned_to: Option<String>,
    key_created_by: Option<Uuid>,
    key_created_at: Millis,
    key_expires_at: Option<Millis>,
    key_last_used_at: Option<Millis>,
    key_revoked_at: Option<Millis>,
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: ApiKeyRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "api_keys",
            id: row.key_id,
        };
        let pin = row.key_pinned_to.as_deref().map(CloudId::parse);
        let rights = key_rights::parse(row.key_rights.as_deref());
        Ok(Self {
            id: ApiKeyId::from_uuid(row.key_id),
            team: TeamId::from_uuid(row.key_team_id),
            name: here.checked("name", ServiceName::parse(&row.key_name))?,
            is_second: row.key_is_second,
            rights: rights.ok_or_else(|| here.odd("rights"))?,
            pin: here.checked("pinned_to", pin.transpose())?,
            created_by: row.key_created_by.map(UserId::from_uuid),
            created_at: here.time("created_at", row.key_created_at)?,
            expires_at: here.maybe_time("expires_at", row.key_expires_at)?,
            last_used_at: here.maybe_time("last_used_at", row.key_last_used_at)?,
            revoked_at: here.maybe_time("revoked_at", row.key_revoked_at)?,
        })
    }
}

#[derive(FromRow)]
struct ApiKeyWithNameRow {
    #[sqlx(flatten)]
    key: ApiKeyRow,
    maker_name: Option<String>,
}

impl TryFrom<ApiKeyWithNameRow> for ApiKeyWithName {
    type Error = StoreError;

    fn try_from(row: ApiKeyWithNameRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "users",
            id: row.key.key_created_by.unwrap_or_default(),
        };
        let name = row
            .maker_name
            .map(|it| here.checked("name", PersonName::parse(&it)));
        Ok(Self {
            key: row.key.try_into()?,
            created_by: name.transpose()?,
        })
    }
}

#[derive(FromRow)]
struct ApiCallerRow {
    #[sqlx(flatten)]
    key: ApiKeyRow,
    #[sqlx(flatten)]
    credential: MaybeCredentialRow,
    #[sqlx(flatten)]
    site: MaybeSiteRow,
    #[sqlx(flatten)]
    health: MaybeHealthRow,
}

impl TryFrom<ApiCallerRow> for ApiCaller {
    type Error = StoreError;

    fn try_from(row: ApiCallerRow) -> Result<Self, StoreError> {
        let credential = row
            .credential
            .0
            .map(IntegrationCredential::try_from)
            .transpose()?;
        let integration = match &credential {
            Some(credential) => row.site.of(credential)?,
            None => None,
        };
        Ok(Self {
            key: row.key.try_into()?,
            connection: ConnectionOverview {
                integration,
                provider: row.health.checked()?,
                credential,
                ..ConnectionOverview::default()
            },
        })
    }
}

impl Store {
    /// Finds a key by its hash, with its team's grant for a provider and the chosen site. The key names
    /// the team. One read-only statement without a transaction: services ask thousands of times a second, and
    /// each column costs, so that only those are named which are read.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_api_caller(
        &self,
        token: &TokenHash,
        provider: Provider,
    ) -> Result<Option<ApiCaller>, StoreError> {
        const SQL: &str = "
            SELECT k.id AS key_id, k.team_id AS key_team_id, k.name AS key_name,
                   k.is_second AS key_is_second, k.rights AS key_rights, k.pinned_to AS key_pinned_to,
                   k.created_by AS key_created_by, k.created_at AS key_created_at, k.expires_at AS key_expires_at,
                   k.last_used_at AS key_last_used_at, k.revoked_at AS key_revoked_at,
                   c.id, c.team_id, c.provider, c.access_token, c.refresh_token, c.token_expires_at, c.scopes,
                   c.account_id, c.connected_by, c.consented_at, c.generation, c.consecutive_failures,
                   c.last_outcome, c.last_refreshed_at, c.last_used_at, c.next_refresh_at, c.refresh_started_at,
                   c.failing_since, c.forced_at, c.revoked_at, c.revocation_reason, c.disconnected_at,
                   c.disconnected_by, j.id AS jira_id, j.cloud_id, j.site_name, j.site_url, j.avatar_url,
                   j.last_sync_at, j.sync_status, j.checked_at, j.lost_at,
                   h.provider AS health_provider, h.failing_since AS health_failing_since,
                   h.first_failed AS health_first_failed, h.is_down AS health_is_down,
                   h.last_outcome AS health_last_outcome, h.next_probe_at AS health_next_probe_at,
                   h.probes AS health_probes, h.last_success_at AS health_last_success_at,
                   h.last_success_of AS health_last_success_of
              FROM api_keys k
              LEFT JOIN integration_credentials c ON c.team_id = k.team_id AND c.provider = $2
              LEFT JOIN jira_integrations j ON j.team_id = c.team_id AND j.credential_id = c.id
              LEFT JOIN provider_health h ON h.provider = c.provider
             WHERE k.token_hash = $1";
        let (hash, provider) = (token.0.as_slice(), provider.as_str());
        let row: Option<ApiCallerRow> = match self {
            Self::Sqlite { readers, .. } => {
                sqlx::query_as(SQL)
                    .bind(hash)
                    .bind(provider)
                    .fetch_optional(readers)
                    .await?
            }
            Self::Postgres(pool) => {
                sqlx::query_as(SQL)
                    .bind(hash)
                    .bind(provider)
                    .fetch_optional(pool)
                    .await?
            }
        };
        row.map(ApiCaller::try_from).transpose()
    }
}

impl Tx {
    /// Adds a key; `false` if the team has one of this name that is not revoked, and is as much the first or
    /// the second.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_api_key(
        &mut self,
        team: TeamId,
        key: &ApiKey,
        token: &TokenHash,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            INSERT INTO api_keys (id, team_id, name, token_hash, created_by, created_at, updated_at,
                   is_second, rights, pinned_to, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10)
            ON CONFLICT (team_id, name, is_second) WHERE revoked_at IS NULL DO NOTHING";
        let added = execute!(
            self,
            SQL,
            key.id.uuid(),
            team.uuid(),
            key.name.as_str(),
            token.0.as_slice(),
            key.created_by.map(UserId::uuid),
            Millis::from(key.created_at),
            key.is_second,
            key_rights::text(&key.rights),
            key.pin.as_ref().map(CloudId::as_str),
            key.expires_at.map(Millis::from),
        )?;
        Ok(added == 1)
    }

    /// The keys of a team that are not revoked, by name; of one name the older first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_api_keys(&mut self, team: TeamId) -> Result<Vec<ApiKeyWithName>, StoreError> {
        const SQL: &str = "
            SELECT k.id AS key_id, k.team_id AS key_team_id, k.name AS key_name,
                   k.is_second AS key_is_second, k.rights AS key_rights, k.pinned_to AS key_pinned_to,
                   k.created_by AS key_created_by, k.created_at AS key_created_at, k.expires_at AS key_expires_at,
                   k.last_used_at AS key_last_used_at, k.revoked_at AS key_revoked_at,
                   u.name AS maker_name
              FROM api_keys k
              LEFT JOIN users u ON u.id = k.created_by
             WHERE k.team_id = $1 AND k.revoked_at IS NULL
             ORDER BY k.name, k.created_at, k.id";
        let rows: Vec<ApiKeyWithNameRow> = fetch_all!(self, SQL, team.uuid())?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Ends a key; `false` if there is none of this id, or it was ended before.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn revoke_api_key(
        &mut self,
        team: TeamId,
        id: ApiKeyId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE api_keys SET revoked_at = $3, updated_at = $3
             WHERE team_id = $1 AND id = $2 AND revoked_at IS NULL";
        let changed = execute!(self, SQL, team.uuid(), id.uuid(), Millis::from(at))?;
        Ok(changed == 1)
    }

    /// Notes when a key was last used; an earlier time than is known changes nothing.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_api_key_used(
        &mut self,
        team: TeamId,
        id: ApiKeyId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE api_keys SET last_used_at = $3, updated_at = $3
             WHERE team_id = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at < $3)";
        let changed = execute!(self, SQL, team.uuid(), id.uuid(), Millis::from(at))?;
        Ok(changed == 1)
    }
}
