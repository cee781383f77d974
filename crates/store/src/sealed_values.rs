//! Sealed values of all teams alike: counted by key, and sealed anew when keys are rotated.
//!
//! Nothing here opens a value. What is written takes the place of the very bytes that were read, so
//! that a pair that was saved meanwhile is never overwritten.

use domain::{ids::TeamId, sealed::Sealed};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, columns::Millis};

/// A column that holds sealed values of teams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedColumn {
    /// The access token in force.
    CredentialAccess,
    /// The refresh token in force.
    CredentialRefresh,
    /// The PKCE verifier of a trip.
    AttemptVerifier,
    /// The access token of a trip that waits for a choice.
    AttemptAccess,
    /// The refresh token of a trip that waits for a choice.
    AttemptRefresh,
}

/// A sealed value and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedValue {
    /// The row.
    pub row: Uuid,
    /// The team that the row belongs to.
    pub team: TeamId,
    /// The value.
    pub value: Sealed,
}

#[derive(FromRow)]
struct ValueRow {
    id: Uuid,
    team_id: Uuid,
    value: Vec<u8>,
}

impl From<ValueRow> for SealedValue {
    fn from(row: ValueRow) -> Self {
        Self {
            row: row.id,
            team: TeamId::from_uuid(row.team_id),
            value: Sealed::from_bytes(row.value),
        }
    }
}

/// The statements of one column. A column's name cannot be bound.
struct Statements {
    count_sqlite: &'static str,
    count_postgres: &'static str,
    list_under: &'static str,
    list_not_under: &'static str,
    reseal: &'static str,
}

/// The head of a value is its version, the length of the key's id, and the id: 18 bytes at most.
macro_rules! statements {
    ($table:literal, $column:literal) => {
        Statements {
            count_sqlite: concat!(
                "SELECT substr(",
                $column,
                ", 1, 2 + min(coalesce(unicode(substr(",
                $column,
                ", 2, 1)), 0), 16)) AS head, count(*) FROM ",
                $table,
                " WHERE ",
                $column,
                " IS NOT NULL GROUP BY 1 ORDER BY 1"
            ),
            count_postgres: concat!(
                "SELECT substr(",
                $column,
                ", 1, CASE WHEN length(",
                $column,
                ") < 2 THEN 2 ELSE 2 + least(get_byte(",
                $column,
                ", 1), 16) END) AS head, count(*) FROM ",
                $table,
                " WHERE ",
                $column,
                " IS NOT NULL GROUP BY 1 ORDER BY 1"
            ),
            list_under: concat!(
                "SELECT id, team_id, ",
                $column,
                " AS value FROM ",
                $table,
                " WHERE id > $1 AND substr(",
                $column,
                ", 1, length($2)) = $2 ORDER BY id LIMIT $3"
            ),
            list_not_under: concat!(
                "SELECT id, team_id, ",
                $column,
                " AS value FROM ",
                $table,
                " WHERE id > $1 AND substr(",
                $column,
                ", 1, length($2)) <> $2 ORDER BY id LIMIT $3"
            ),
            reseal: concat!(
                "UPDATE ",
                $table,
                " SET ",
                $column,
                " = $4, updated_at = $5",
                " WHERE team_id = $1 AND id = $2 AND ",
                $column,
                " = $3"
            ),
        }
    };
}

impl SealedColumn {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::CredentialAccess,
        Self::CredentialRefresh,
        Self::AttemptVerifier,
        Self::AttemptAccess,
        Self::AttemptRefresh,
    ];

    /// The table.
    pub const fn table(self) -> &'static str {
        match self {
            Self::CredentialAccess | Self::CredentialRefresh => "integration_credentials",
            Self::AttemptVerifier | Self::AttemptAccess | Self::AttemptRefresh => {
                "connect_attempts"
            }
        }
    }

    /// The column.
    pub const fn column(self) -> &'static str {
        match self {
            Self::CredentialAccess | Self::AttemptAccess => "access_token",
            Self::CredentialRefresh | Self::AttemptRefresh => "refresh_token",
            Self::AttemptVerifier => "code_verifier",
        }
    }

    const fn statements(self) -> Statements {
        match self {
            Self::CredentialAccess => statements!("integration_credentials", "access_token"),
            Self::CredentialRefresh => statements!("integration_credentials", "refresh_token"),
            Self::AttemptVerifier => statements!("connect_attempts", "code_verifier"),
            Self::AttemptAccess => statements!("connect_attempts", "access_token"),
            Self::AttemptRefresh => statements!("connect_attempts", "refresh_token"),
        }
    }
}

impl std::fmt::Display for SealedColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table(), self.column())
    }
}

impl Tx {
    /// How many values of a column begin alike: the head of a value names its key.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn count_sealed_by_head(
        &mut self,
        column: SealedColumn,
    ) -> Result<Vec<(Sealed, i64)>, StoreError> {
        let statements = column.statements();
        let sql = self.pick(statements.count_sqlite, statements.count_postgres);
        let rows: Vec<(Vec<u8>, i64)> = fetch_all!(self, sql)?;
        let heads = rows.into_iter();
        Ok(heads
            .map(|(head, count)| (Sealed::from_bytes(head), count))
            .collect())
    }

    /// Values of a column that begin with `head`, by row, after the row `after`.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_sealed_under(
        &mut self,
        column: SealedColumn,
        head: &[u8],
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<SealedValue>, StoreError> {
        let sql = column.statements().list_under;
        let rows: Vec<ValueRow> = fetch_all!(self, sql, after, head, limit)?;
        Ok(rows.into_iter().map(SealedValue::from).collect())
    }

    /// Values of a column that do not begin with `head`, by row, after the row `after`.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_sealed_not_under(
        &mut self,
        column: SealedColumn,
        head: &[u8],
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<SealedValue>, StoreError> {
        let sql = column.statements().list_not_under;
        let rows: Vec<ValueRow> = fetch_all!(self, sql, after, head, limit)?;
        Ok(rows.into_iter().map(SealedValue::from).collect())
    }

    /// Puts `new` in the place of `old`; `false` if something else stands there by now.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn replace_sealed(
        &mut self,
        column: SealedColumn,
        old: &SealedValue,
        new: &Sealed,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = column.statements().reseal;
        let changed = execute!(
            self,
            sql,
            old.team.uuid(),
            old.row,
            old.value.as_bytes(),
            new.as_bytes(),
            Millis::from(now),
        )?;
        Ok(changed == 1)
    }
}
