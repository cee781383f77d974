//! Who refreshes what, until when, and what came of it.
//!
//! The lease is also the written intent: `refresh_started_at` says since when an exchange may have spent
//! the old token. Its times are the database's own; everything else goes by the time that is bound. The
//! generation is the only fence of a pair; the owner fences the rest.

use domain::{
    credential::{Generation, Provider, RefreshOutcome, RevocationReason, Scopes, SealedTokens},
    ids::{CredentialId, TeamId},
};
use jiff::{SignedDuration, Timestamp};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row, scopes_text},
};

/// Which refresh a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshOf {
    /// Whose credential.
    pub team: TeamId,
    /// Which.
    pub credential: CredentialId,
    /// Of which pair.
    pub generation: Generation,
    /// Which attempt: never used twice.
    pub owner: Uuid,
}

/// What a failed attempt leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedRefresh {
    /// What it came to.
    pub outcome: RefreshOutcome,
    /// The intent that stands from now on.
    pub started_at: Option<Timestamp>,
    /// When the next attempt is due.
    pub next_at: Timestamp,
}

/// A credential whose refresh is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueRefresh {
    /// Whose.
    pub team: TeamId,
    /// Which.
    pub credential: CredentialId,
    /// To whom it leads.
    pub provider: Provider,
    /// Of which pair.
    pub generation: Generation,
}

#[derive(FromRow)]
struct DueRow {
    team_id: Uuid,
    id: Uuid,
    provider: String,
    generation: i64,
}

impl TryFrom<DueRow> for DueRefresh {
    type Error = StoreError;

    fn try_from(row: DueRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "integration_credentials",
            id: row.id,
        };
        Ok(Self {
            team: TeamId::from_uuid(row.team_id),
            credential: CredentialId::from_uuid(row.id),
            provider: here.provider(&row.provider)?,
            generation: Generation(row.generation),
        })
    }
}

impl Tx {
    /// Takes the right to refresh for `length`, and writes the intent; `false` if the pair is another
    /// one by now, the grant is dead, the intent is not the one that was `seen`, or somebody else holds
    /// the lease.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn lease_refresh(
        &mut self,
        refresh: RefreshOf,
        seen: Option<Timestamp>,
        length: SignedDuration,
        is_forced: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQLITE: &str = "
            UPDATE integration_credentials
               SET lease_owner = $4, lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $6,
                   refresh_started_at = coalesce(refresh_started_at, $7), next_refresh_at = $7,
                   forced_at = CASE WHEN $8 THEN $7 ELSE forced_at END, updated_at = $7
             WHERE team_id = $1 AND id = $2 AND generation = $3
               AND refresh_started_at IS NOT DISTINCT FROM $5
               AND access_token IS NOT NULL AND revoked_at IS NULL
               AND (lease_until IS NULL OR lease_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))";
        const POSTGRES: &str = "
            UPDATE integration_credentials
               SET lease_owner = $4,
                   lease_until = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + $6,
                   refresh_started_at = coalesce(refresh_started_at, $7), next_refresh_at = $7,
                   forced_at = CASE WHEN $8 THEN $7 ELSE forced_at END, updated_at = $7
             WHERE team_id = $1 AND id = $2 AND generation = $3
               AND refresh_started_at IS NOT DISTINCT FROM $5
               AND access_token IS NOT NULL AND revoked_at IS NULL
               AND (lease_until IS NULL
                    OR lease_until <= CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))";
        let sql = self.pick(SQLITE, POSTGRES);
        let changed = execute!(
            self,
            sql,
            refresh.team.uuid(),
            refresh.credential.uuid(),
            refresh.generation.0,
            refresh.owner,
            seen.map(Millis::from),
            millis(length),
            Millis::from(now),
            is_forced,
        )?;
        Ok(changed == 1)
    }

    /// Holds the lease for `length` from now; `false` if it is not the owner's any more.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn renew_lease(
        &mut self,
        refresh: RefreshOf,
        length: SignedDuration,
    ) -> Result<bool, StoreError> {
        const SQLITE: &str = "
            UPDATE integration_credentials
               SET lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $5
             WHERE team_id = $1 AND id = $2 AND generation = $3 AND lease_owner = $4";
        const POSTGRES: &str = "
            UPDATE integration_credentials
               SET lease_until = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + $5
             WHERE team_id = $1 AND id = $2 AND generation = $3 AND lease_owner = $4";
        let sql = self.pick(SQLITE, POSTGRES);
        let changed = execute!(
            self,
            sql,
            refresh.team.uuid(),
            refresh.credential.uuid(),
            refresh.generation.0,
            refresh.owner,
            millis(length),
        )?;
        Ok(changed == 1)
    }

    /// Saves the pair of a refresh; `false` if the generation is not the one that was refreshed any more.
    /// Scopes that were not told stay as they are. The generation alone is asked for: a pair in hand
    /// beats a lease that lapsed, and a mark that the grant is dead.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn save_refreshed(
        &mut self,
        refresh: RefreshOf,
        tokens: &SealedTokens,
        scopes: Option<&Scopes>,
        next_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE integration_credentials
               SET access_token = $4, refresh_token = $5, token_expires_at = $6,
                   scopes = coalesce($7, scopes), generation = generation + 1,
                   consecutive_failures = 0, last_outcome = 'ok', last_refreshed_at = $9,
                   lease_owner = NULL, lease_until = NULL, refresh_started_at = NULL,
                   failing_since = NULL, next_refresh_at = $8,
                   revoked_at = NULL, revocation_reason = NULL, updated_at = $9
             WHERE team_id = $1 AND id = $2 AND generation = $3 AND access_token IS NOT NULL";
        let changed = execute!(
            self,
            SQL,
            refresh.team.uuid(),
            refresh.credential.uuid(),
            refresh.generation.0,
            tokens.access.as_bytes(),
            tokens.refresh.as_bytes(),
            Millis::from(tokens.access_expires_at),
            scopes.map(scopes_text),
            Millis::from(next_at),
            Millis::from(now),
        )?;
        Ok(changed == 1)
    }

    /// Counts a refresh that brought nothing, and gives the lease back; the tokens stay as they are.
    /// `false` if the lease is not the owner's any more: somebody else is at it.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_refresh_failure(
        &mut self,
        refresh: RefreshOf,
        failed: FailedRefresh,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE integration_credentials
               SET consecutive_failures = consecutive_failures + 1, last_outcome = $5,
                   failing_since = coalesce(failing_since, $8), refresh_started_at = $6,
                   next_refresh_at = $7, lease_owner = NULL, lease_until = NULL, updated_at = $8
             WHERE team_id = $1 AND id = $2 AND generation = $3 AND lease_owner = $4";
        let changed = execute!(
            self,
            SQL,
            refresh.team.uuid(),
            refresh.credential.uuid(),
            refresh.generation.0,
            refresh.owner,
            failed.outcome.as_str(),
            failed.started_at.map(Millis::from),
            Millis::from(failed.next_at),
            Millis::from(now),
        )?;
        Ok(changed == 1)
    }

    /// Marks a grant as dead; `false` if the generation moved (it was a race, not a death), or if
    /// somebody else is refreshing it right now.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_dead(
        &mut self,
        refresh: RefreshOf,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQLITE: &str = "
            UPDATE integration_credentials
               SET revoked_at = $6, revocation_reason = $5, last_outcome = 'grant_dead',
                   consecutive_failures = consecutive_failures + 1, refresh_started_at = NULL,
                   next_refresh_at = NULL, lease_owner = NULL, lease_until = NULL, updated_at = $6
             WHERE team_id = $1 AND id = $2 AND generation = $3
               AND access_token IS NOT NULL AND revoked_at IS NULL
               AND (lease_owner IS NULL OR lease_owner = $4
                    OR lease_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))";
        const POSTGRES: &str = "
            UPDATE integration_credentials
               SET revoked_at = $6, revocation_reason = $5, last_outcome = 'grant_dead',
                   consecutive_failures = consecutive_failures + 1, refresh_started_at = NULL,
                   next_refresh_at = NULL, lease_owner = NULL, lease_until = NULL, updated_at = $6
             WHERE team_id = $1 AND id = $2 AND generation = $3
               AND access_token IS NOT NULL AND revoked_at IS NULL
               AND (lease_owner IS NULL OR lease_owner = $4
                    OR lease_until <= CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))";
        let sql = self.pick(SQLITE, POSTGRES);
        let changed = execute!(
            self,
            sql,
            refresh.team.uuid(),
            refresh.credential.uuid(),
            refresh.generation.0,
            refresh.owner,
            reason.as_str(),
            Millis::from(now),
        )?;
        Ok(changed == 1)
    }

    /// Forgets all leases, of all teams: for the start of the one process that serves a store, where
    /// whoever held them is gone. Their intents stay. Tells how many there were.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn forget_leases(&mut self) -> Result<u64, StoreError> {
        const SQL: &str = "
            UPDATE integration_credentials SET lease_owner = NULL, lease_until = NULL
             WHERE lease_owner IS NOT NULL";
        Ok(execute!(self, SQL)?)
    }

    /// Credentials of all teams whose refresh is due and that nobody is at, the longest due first. With
    /// `only_interrupted`, those alone whose last attempt has an unknown end, the newest first: of them a
    /// lost answer can still be had again.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_due_refreshes(
        &mut self,
        only_interrupted: bool,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<DueRefresh>, StoreError> {
        const SQLITE: &str = "
            SELECT team_id, id, provider, generation FROM integration_credentials
             WHERE next_refresh_at <= $1
               AND (lease_until IS NULL OR lease_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
             ORDER BY next_refresh_at LIMIT $2";
        const SQLITE_INTERRUPTED: &str = "
            SELECT team_id, id, provider, generation FROM integration_credentials
             WHERE next_refresh_at <= $1 AND refresh_started_at IS NOT NULL
               AND (lease_until IS NULL OR lease_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
             ORDER BY refresh_started_at DESC LIMIT $2";
        const POSTGRES: &str = "
            SELECT team_id, id, provider, generation FROM integration_credentials
             WHERE next_refresh_at <= $1
               AND (lease_until IS NULL
                    OR lease_until <= CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))
             ORDER BY next_refresh_at LIMIT $2";
        const POSTGRES_INTERRUPTED: &str = "
            SELECT team_id, id, provider, generation FROM integration_credentials
             WHERE next_refresh_at <= $1 AND refresh_started_at IS NOT NULL
               AND (lease_until IS NULL
                    OR lease_until <= CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))
             ORDER BY refresh_started_at DESC LIMIT $2";
        let sql = if only_interrupted {
            self.pick(SQLITE_INTERRUPTED, POSTGRES_INTERRUPTED)
        } else {
            self.pick(SQLITE, POSTGRES)
        };
        let rows: Vec<DueRow> = fetch_all!(self, sql, Millis::from(now), limit)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The connection that asks whether a provider that is down answers again: `preferred` where it has a
    /// live pair, else one that fails, the longest due first; none if there is none.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_probe(
        &mut self,
        provider: Provider,
        preferred: Option<CredentialId>,
    ) -> Result<Option<DueRefresh>, StoreError> {
        const PREFERRED: &str = "
            SELECT team_id, id, provider, generation FROM integration_credentials
             WHERE id = $1 AND next_refresh_at IS NOT NULL";
        const ANY: &str = "
            SELECT team_id, id, provider, generation FROM integration_credentials
             WHERE provider = $1 AND consecutive_failures > 0 AND next_refresh_at IS NOT NULL
             ORDER BY next_refresh_at LIMIT 1";
        if let Some(preferred) = preferred {
            let row: Option<DueRow> = fetch_optional!(self, PREFERRED, preferred.uuid())?;
            if let Some(row) = row {
                return row.try_into().map(Some);
            }
        }
        let row: Option<DueRow> = fetch_optional!(self, ANY, provider.as_str())?;
        row.map(TryInto::try_into).transpose()
    }

    /// Puts a refresh off that cannot be made: the tokens do not open.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn postpone_refresh(
        &mut self,
        team: TeamId,
        credential: CredentialId,
        generation: Generation,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE integration_credentials SET next_refresh_at = $4
             WHERE team_id = $1 AND id = $2 AND generation = $3 AND next_refresh_at < $4";
        let changed = execute!(
            self,
            SQL,
            team.uuid(),
            credential.uuid(),
            generation.0,
            Millis::from(until),
        )?;
        Ok(changed == 1)
    }

    /// Since when the longest due refresh of all teams is due; none while none is.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_oldest_due_refresh(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str =
            "SELECT min(next_refresh_at) FROM integration_credentials WHERE next_refresh_at <= $1";
        let (oldest,): (Option<Millis>,) = on_both!(self, |conn| sqlx::query_as(SQL)
            .bind(Millis::from(now))
            .fetch_one(conn)
            .await)?;
        let here = Row {
            table: "integration_credentials",
            id: Uuid::nil(),
        };
        here.maybe_time("next_refresh_at", oldest)
    }

    /// Makes due at once, in all teams, what waits for a failure that has passed.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn wake_failing_refreshes(
        &mut self,
        provider: Provider,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "
            UPDATE integration_credentials SET next_refresh_at = $2
             WHERE provider = $1 AND consecutive_failures > 0 AND next_refresh_at > $2
               AND last_outcome IN ('not_sent', 'ambiguous', 'misconfigured')";
        Ok(execute!(self, SQL, provider.as_str(), Millis::from(now))?)
    }

    /// Notes when a credential was last used. Where it was idle, its refreshes run ahead of every expiry
    /// from now on: the next one at `next_at` at the latest.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_used(
        &mut self,
        team: TeamId,
        credential: CredentialId,
        used_at: Timestamp,
        margin: SignedDuration,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE integration_credentials
               SET last_used_at = $3,
                   next_refresh_at = CASE WHEN consecutive_failures = 0 AND next_refresh_at > token_expires_at - $4
                                          THEN token_expires_at - $4 ELSE next_refresh_at END
             WHERE team_id = $1 AND id = $2 AND access_token IS NOT NULL
               AND (last_used_at IS NULL OR last_used_at < $3)";
        let changed = execute!(
            self,
            SQL,
            team.uuid(),
            credential.uuid(),
            Millis::from(used_at),
            millis(margin),
        )?;
        Ok(changed == 1)
    }

    /// Wakes whoever waits for this credential in other processes. A hint: they look for themselves too.
    /// `SQLite` has one process, which needs none.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn hint_refresh_ended(&mut self, credential: CredentialId) -> Result<(), StoreError> {
        const SQL: &str = "SELECT pg_notify('tformance_refresh_' || current_schema(), $1)";
        if let Self::Postgres(tx) = self {
            sqlx::query(SQL)
                .bind(credential.uuid().to_string())
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }
}

fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
