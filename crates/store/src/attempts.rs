//! Trips to Atlassian begun and not yet finished.

use domain::{
    attempt::{AttemptOutcome, ConnectAttempt, PendingGrant, Purpose},
    credential::Provider,
    ids::{AttemptId, SessionId, TeamId, UserId},
    sealed::Sealed,
    text::CloudId,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row, scopes_text},
};

#[derive(FromRow)]
pub(crate) struct AttemptRow {
    id: Uuid,
    team_id: Uuid,
    user_id: Uuid,
    session_id: Option<Uuid>,
    provider: String,
    purpose: String,
    code_verifier: Vec<u8>,
    expires_at: Millis,
    finished_at: Option<Millis>,
    outcome: Option<String>,
    access_token: Option<Vec<u8>>,
    refresh_token: Option<Vec<u8>>,
    token_expires_at: Option<Millis>,
    scopes: Option<String>,
    granted_at: Option<Millis>,
    erase_at: Option<Millis>,
    chosen_cloud_id: Option<String>,
    created_at: Millis,
}

impl TryFrom<AttemptRow> for ConnectAttempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "connect_attempts",
            id: row.id,
        };
        let outcome = row
            .outcome
            .map(|it| here.word("outcome", &it, &AttemptOutcome::ALL, AttemptOutcome::as_str));
        let chosen_site = row
            .chosen_cloud_id
            .map(|it| here.checked("chosen_cloud_id", CloudId::parse(&it)));
        let tokens = here.tokens(row.access_token, row.refresh_token, row.token_expires_at)?;
        let grant = match (tokens, row.scopes, row.granted_at, row.erase_at) {
            (Some(tokens), Some(scopes), Some(granted_at), Some(erase_at)) => Some(PendingGrant {
                tokens,
                scopes: here.scopes(&scopes)?,
                granted_at: here.time("granted_at", granted_at)?,
                erase_at: here.time("erase_at", erase_at)?,
            }),
            _ => None,
        };
        Ok(Self {
            id: AttemptId::from_uuid(row.id),
            team: TeamId::from_uuid(row.team_id),
            user: UserId::from_uuid(row.user_id),
            session: row.session_id.map(SessionId::from_uuid),
            provider: here.provider(&row.provider)?,
            purpose: here.word("purpose", &row.purpose, &Purpose::ALL, Purpose::as_str)?,
            code_verifier: Sealed::from_bytes(row.code_verifier),
            created_at: here.time("created_at", row.created_at)?,
            expires_at: here.time("expires_at", row.expires_at)?,
            finished_at: here.maybe_time("finished_at", row.finished_at)?,
            outcome: outcome.transpose()?,
            grant,
            chosen_site: chosen_site.transpose()?,
        })
    }
}

impl Tx {
    /// Adds an attempt that has just begun.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_attempt(&mut self, attempt: &ConnectAttempt) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO connect_attempts (id, team_id, user_id, session_id, provider, purpose,
                   code_verifier, expires_at, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
        execute!(
            self,
            SQL,
            attempt.id.uuid(),
            attempt.team.uuid(),
            attempt.user.uuid(),
            attempt.session.map(SessionId::uuid),
            attempt.provider.as_str(),
            attempt.purpose.as_str(),
            attempt.code_verifier.as_bytes(),
            Millis::from(attempt.expires_at),
            Millis::from(attempt.created_at),
        )?;
        Ok(())
    }

    /// Finds an attempt of this team.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_attempt(
        &mut self,
        team: TeamId,
        id: AttemptId,
    ) -> Result<Option<ConnectAttempt>, StoreError> {
        const SQL: &str = "SELECT * FROM connect_attempts WHERE team_id = $1 AND id = $2";
        let row: Option<AttemptRow> = fetch_optional!(self, SQL, team.uuid(), id.uuid())?;
        row.map(ConnectAttempt::try_from).transpose()
    }

    /// The newest attempt that can go on: under way, or with a grant that may still be used. The same
    /// rule as [`ConnectAttempt::is_open`].
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_open_attempt(
        &mut self,
        team: TeamId,
        provider: Provider,
        now: Timestamp,
    ) -> Result<Option<ConnectAttempt>, StoreError> {
        const SQL: &str = "
            SELECT * FROM connect_attempts
             WHERE team_id = $1 AND provider = $2
               AND ((finished_at IS NULL AND expires_at > $3) OR erase_at > $3)
             ORDER BY created_at DESC, id DESC
             LIMIT 1";
        let row: Option<AttemptRow> =
            fetch_optional!(self, SQL, team.uuid(), provider.as_str(), Millis::from(now))?;
        row.map(ConnectAttempt::try_from).transpose()
    }

    /// The newest attempt of this person with a grant that may still be used.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_attempt_with_grant(
        &mut self,
        team: TeamId,
        provider: Provider,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<ConnectAttempt>, StoreError> {
        const SQL: &str = "
            SELECT * FROM connect_attempts
             WHERE team_id = $1 AND provider = $2 AND user_id = $3 AND erase_at > $4
             ORDER BY created_at DESC, id DESC
             LIMIT 1";
        let row: Option<AttemptRow> = fetch_optional!(
            self,
            SQL,
            team.uuid(),
            provider.as_str(),
            user.uuid(),
            Millis::from(now),
        )?;
        row.map(ConnectAttempt::try_from).transpose()
    }

    /// The newest attempt of this person, however it ended.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_newest_attempt(
        &mut self,
        team: TeamId,
        provider: Provider,
        user: UserId,
    ) -> Result<Option<ConnectAttempt>, StoreError> {
        const SQL: &str = "
            SELECT * FROM connect_attempts
             WHERE team_id = $1 AND provider = $2 AND user_id = $3
             ORDER BY created_at DESC, id DESC
             LIMIT 1";
        let row: Option<AttemptRow> =
            fetch_optional!(self, SQL, team.uuid(), provider.as_str(), user.uuid())?;
        row.map(ConnectAttempt::try_from).transpose()
    }

    /// Claims an attempt for the one callback that may finish it; `false` if it was claimed before or
    /// is too old.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn claim_attempt(
        &mut self,
        team: TeamId,
        id: AttemptId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE connect_attempts SET finished_at = $3, updated_at = $3
             WHERE team_id = $1 AND id = $2 AND finished_at IS NULL AND expires_at > $3";
        Ok(execute!(self, SQL, team.uuid(), id.uuid(), Millis::from(now))? == 1)
    }

    /// Says how far a claimed attempt came.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_attempt_outcome(
        &mut self,
        team: TeamId,
        id: AttemptId,
        outcome: AttemptOutcome,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE connect_attempts SET outcome = $3, updated_at = $4
             WHERE team_id = $1 AND id = $2 AND finished_at IS NOT NULL
               AND (outcome IS NULL OR erase_at IS NOT NULL)";
        let changed = execute!(
            self,
            SQL,
            team.uuid(),
            id.uuid(),
            outcome.as_str(),
            Millis::from(now)
        )?;
        Ok(changed == 1)
    }

    /// Notes that a person must say whether the connection changes its account, and which site was
    /// chosen before; `false` if the attempt holds no grant.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_account_question(
        &mut self,
        team: TeamId,
        id: AttemptId,
        chosen_site: &CloudId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE connect_attempts
               SET outcome = 'choose_account', chosen_cloud_id = $3, updated_at = $4
             WHERE team_id = $1 AND id = $2 AND access_token IS NOT NULL";
        let changed = execute!(
            self,
            SQL,
            team.uuid(),
            id.uuid(),
            chosen_site.as_str(),
            Millis::from(now)
        )?;
        Ok(changed == 1)
    }

    /// Keeps the grant of a claimed attempt; `false` if the attempt has ended meanwhile.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_attempt_grant(
        &mut self,
        team: TeamId,
        id: AttemptId,
        grant: &PendingGrant,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE connect_attempts
               SET access_token = $3, refresh_token = $4, token_expires_at = $5, scopes = $6,
                   granted_at = $7, erase_at = $8, updated_at = $9
             WHERE team_id = $1 AND id = $2 AND finished_at IS NOT NULL AND outcome IS NULL";
        let changed = execute!(
            self,
            SQL,
            team.uuid(),
            id.uuid(),
            grant.tokens.access.as_bytes(),
            grant.tokens.refresh.as_bytes(),
            Millis::from(grant.tokens.access_expires_at),
            scopes_text(&grant.scopes),
            Millis::from(grant.granted_at),
            Millis::from(grant.erase_at),
            Millis::from(now),
        )?;
        Ok(changed == 1)
    }

    /// Ends an attempt that holds a grant, and erases it here: the one that gets `true` has the grant.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn finish_attempt_grant(
        &mut self,
        team: TeamId,
        id: AttemptId,
        outcome: AttemptOutcome,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE connect_attempts
               SET outcome = $3, updated_at = $4, access_token = NULL, refresh_token = NULL,
                   token_expires_at = NULL, scopes = NULL, granted_at = NULL, erase_at = NULL
             WHERE team_id = $1 AND id = $2 AND access_token IS NOT NULL";
        let changed = execute!(
            self,
            SQL,
            team.uuid(),
            id.uuid(),
            outcome.as_str(),
            Millis::from(now)
        )?;
        Ok(changed == 1)
    }

    /// Ends every attempt of the team that can go on, and erases what was granted; says how many. One
    /// whose code is being exchanged right now ends too, so that it keeps no grant afterwards.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn close_open_attempts(
        &mut self,
        team: TeamId,
        provider: Provider,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "
            UPDATE connect_attempts
               SET outcome = 'discarded', finished_at = coalesce(finished_at, $3), updated_at = $3,
                   access_token = NULL, refresh_token = NULL, token_expires_at = NULL,
                   scopes = NULL, granted_at = NULL, erase_at = NULL
             WHERE team_id = $1 AND provider = $2
               AND ((outcome IS NULL AND expires_at > $3) OR access_token IS NOT NULL)";
        Ok(execute!(
            self,
            SQL,
            team.uuid(),
            provider.as_str(),
            Millis::from(now)
        )?)
    }

    /// All attempts of a team, newest first: for people who look into what happened, and tests.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_attempts(&mut self, team: TeamId) -> Result<Vec<ConnectAttempt>, StoreError> {
        const SQL: &str = "
            SELECT * FROM connect_attempts WHERE team_id = $1 ORDER BY created_at DESC, id DESC";
        let rows: Vec<AttemptRow> = fetch_all!(self, SQL, team.uuid())?;
        rows.into_iter().map(ConnectAttempt::try_from).collect()
    }
}
