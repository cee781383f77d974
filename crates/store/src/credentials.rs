//! Integration credentials: the stored grants. Every write of tokens is fenced by the generation. What a
//! refresh writes stands in `leases.rs`.

use domain::{
    credential::{Generation, IntegrationCredential, Provider, RefreshSchedule, RevocationReason},
    ids::{CredentialId, TeamId, UserId},
    text::AccountId,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row, scopes_text},
};

#[derive(FromRow)]
pub(crate) struct CredentialRow {
    id: Uuid,
    team_id: Uuid,
    provider: String,
    access_token: Option<Vec<u8>>,
    refresh_token: Option<Vec<u8>>,
    token_expires_at: Option<Millis>,
    scopes: String,
    account_id: Option<String>,
    pub(crate) connected_by: Option<Uuid>,
    consented_at: Option<Millis>,
    generation: i64,
    consecutive_failures: i64,
    last_outcome: Option<String>,
    last_refreshed_at: Option<Millis>,
    last_used_at: Option<Millis>,
    next_refresh_at: Option<Millis>,
    refresh_started_at: Option<Millis>,
    failing_since: Option<Millis>,
    forced_at: Option<Millis>,
    revoked_at: Option<Millis>,
    revocation_reason: Option<String>,
    disconnected_at: Option<Millis>,
    pub(crate) disconnected_by: Option<Uuid>,
}

impl TryFrom<CredentialRow> for IntegrationCredential {
    type Error = StoreError;

    fn try_from(row: CredentialRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "integration_credentials",
            id: row.id,
        };
        let account_id = row
            .account_id
            .map(|it| here.checked("account_id", AccountId::parse(&it)));
        let reason = row.revocation_reason.map(|it| {
            here.word(
                "revocation_reason",
                &it,
                &RevocationReason::ALL,
                RevocationReason::as_str,
            )
        });
        let failures = u32::try_from(row.consecutive_failures);
        Ok(Self {
            id: CredentialId::from_uuid(row.id),
            team: TeamId::from_uuid(row.team_id),
            provider: here.provider(&row.provider)?,
            tokens: here.tokens(row.access_token, row.refresh_token, row.token_expires_at)?,
            scopes: here.scopes(&row.scopes)?,
            account_id: account_id.transpose()?,
            connected_by: row.connected_by.map(UserId::from_uuid),
            consented_at: here.maybe_time("consented_at", row.consented_at)?,
            generation: Generation(row.generation),
            consecutive_failures: here.checked("consecutive_failures", failures)?,
            last_outcome: here.last_outcome(row.last_outcome.as_deref())?,
            last_refreshed_at: here.maybe_time("last_refreshed_at", row.last_refreshed_at)?,
            last_used_at: here.maybe_time("last_used_at", row.last_used_at)?,
            schedule: RefreshSchedule {
                next_at: here.maybe_time("next_refresh_at", row.next_refresh_at)?,
                started_at: here.maybe_time("refresh_started_at", row.refresh_started_at)?,
                failing_since: here.maybe_time("failing_since", row.failing_since)?,
                forced_at: here.maybe_time("forced_at", row.forced_at)?,
            },
            revoked_at: here.maybe_time("revoked_at", row.revoked_at)?,
            revocation_reason: reason.transpose()?,
            disconnected_at: here.maybe_time("disconnected_at", row.disconnected_at)?,
            disconnected_by: row.disconnected_by.map(UserId::from_uuid),
        })
    }
}

/// The same where a query may find none beside what it is about.
pub(crate) struct MaybeCredentialRow(pub(crate) Option<CredentialRow>);

impl<'r, R> FromRow<'r, R> for MaybeCredentialRow
where
    R: sqlx::Row,
    CredentialRow: FromRow<'r, R>,
    Option<Uuid>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    for<'a> &'a str: sqlx::ColumnIndex<R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        match row.try_get::<Option<Uuid>, _>("id")? {
            Some(_) => CredentialRow::from_row(row).map(|it| Self(Some(it))),
            None => Ok(Self(None)),
        }
    }
}

impl Tx {
    /// Finds the credential of a team for a provider.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_credential(
        &mut self,
        team: TeamId,
        provider: Provider,
    ) -> Result<Option<IntegrationCredential>, StoreError> {
        const SQL: &str =
            "SELECT * FROM integration_credentials WHERE team_id = $1 AND provider = $2";
        let row: Option<CredentialRow> =
            fetch_optional!(self, SQL, team.uuid(), provider.as_str())?;
        row.map(IntegrationCredential::try_from).transpose()
    }

    /// Adds a team's first credential for a provider, with its grant; `false` if the team has one.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_credential(
        &mut self,
        new: &IntegrationCredential,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            INSERT INTO integration_credentials (id, team_id, provider, access_token, refresh_token,
                   token_expires_at, scopes, account_id, connected_by, consented_at, generation,
                   consecutive_failures, next_refresh_at, last_used_at, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13, $13, $13)
            ON CONFLICT (team_id, provider) DO NOTHING";
        let tokens = new.tokens.as_ref();
        let added = execute!(
            self,
            SQL,
            new.id.uuid(),
            new.team.uuid(),
            new.provider.as_str(),
            tokens.map(|it| it.access.as_bytes()),
            tokens.map(|it| it.refresh.as_bytes()),
            tokens.map(|it| Millis::from(it.access_expires_at)),
            scopes_text(&new.scopes),
            new.account_id.as_ref().map(AccountId::as_str),
            new.connected_by.map(UserId::uuid),
            new.consented_at.map(Millis::from),
            new.generation.0,
            new.schedule.next_at.map(Millis::from),
            Millis::from(now),
        )?;
        Ok(added == 1)
    }

    /// Puts a new grant in the place of what was there, every token field in one statement; `false` if
    /// the generation is not `expected` any more.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn replace_grant(
        &mut self,
        new: &IntegrationCredential,
        expected: Generation,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE integration_credentials
               SET access_token = $4, refresh_token = $5, token_expires_at = $6, scopes = $7,
                   account_id = $8, connected_by = $9, consented_at = $10, generation = $11,
                   consecutive_failures = 0, last_outcome = NULL, last_refreshed_at = NULL,
                   lease_owner = NULL, lease_until = NULL, refresh_started_at = NULL,
                   failing_since = NULL, forced_at = NULL, next_refresh_at = $12,
                   last_used_at = $13, revoked_at = NULL, revocation_reason = NULL,
                   disconnected_at = NULL, disconnected_by = NULL, updated_at = $13
             WHERE team_id = $1 AND id = $2 AND generation = $3";
        let tokens = new.tokens.as_ref();
        let changed = execute!(
            self,
            SQL,
            new.team.uuid(),
            new.id.uuid(),
            expected.0,
            tokens.map(|it| it.access.as_bytes()),
            tokens.map(|it| it.refresh.as_bytes()),
            tokens.map(|it| Millis::from(it.access_expires_at)),
            scopes_text(&new.scopes),
            new.account_id.as_ref().map(AccountId::as_str),
            new.connected_by.map(UserId::uuid),
            new.consented_at.map(Millis::from),
            new.generation.0,
            new.schedule.next_at.map(Millis::from),
            Millis::from(now),
        )?;
        Ok(changed == 1)
    }

    /// Fills in whose account it is, where that was not known.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_account_id(
        &mut self,
        team: TeamId,
        id: CredentialId,
        generation: Generation,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE integration_credentials SET account_id = $4, updated_at = $5
             WHERE team_id = $1 AND id = $2 AND generation = $3
               AND account_id IS NULL AND access_token IS NOT NULL";
        let changed = execute!(
            self,
            SQL,
            team.uuid(),
            id.uuid(),
            generation.0,
            account.as_str(),
            Millis::from(now),
        )?;
        Ok(changed == 1)
    }

    /// Disconnects: empties the row and moves the generation, whatever it was; `false` if there were no
    /// tokens. The row itself stays.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn empty_credential(
        &mut self,
        team: TeamId,
        id: CredentialId,
        by: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE integration_credentials
               SET access_token = NULL, refresh_token = NULL, token_expires_at = NULL, scopes = '[]',
                   account_id = NULL, consented_at = NULL, generation = generation + 1,
                   consecutive_failures = 0, last_outcome = NULL, last_refreshed_at = NULL,
                   lease_owner = NULL, lease_until = NULL, refresh_started_at = NULL,
                   failing_since = NULL, forced_at = NULL, next_refresh_at = NULL,
                   revoked_at = NULL, revocation_reason = NULL,
                   disconnected_at = $3, disconnected_by = $4, updated_at = $3
             WHERE team_id = $1 AND id = $2 AND access_token IS NOT NULL";
        let changed = execute!(
            self,
            SQL,
            team.uuid(),
            id.uuid(),
            Millis::from(now),
            by.uuid()
        )?;
        Ok(changed == 1)
    }
}
