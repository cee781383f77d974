//! The forms in which values are kept, the same in both databases.

use domain::credential::{Provider, RefreshOutcome, Scopes, SealedTokens};
use domain::sealed::Sealed;
use jiff::Timestamp;
use uuid::Uuid;

use crate::StoreError;

/// Milliseconds since 1970: times as numbers sort and compare alike everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub(crate) struct Millis(i64);

impl Millis {
    /// Before every time that is kept.
    pub(crate) const fn before_all() -> Self {
        Self(i64::MIN)
    }

    /// The millisecond before.
    pub(crate) const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl From<Timestamp> for Millis {
    fn from(at: Timestamp) -> Self {
        Self(at.as_millisecond())
    }
}

/// A row, to name it where a value is odd.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) table: &'static str,
    pub(crate) id: Uuid,
}

impl Row {
    pub(crate) const fn odd(self, column: &'static str) -> StoreError {
        StoreError::OddValue {
            table: self.table,
            column,
            row: self.id,
        }
    }

    pub(crate) fn time(self, column: &'static str, at: Millis) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(at.0).map_err(|_| self.odd(column))
    }

    pub(crate) fn maybe_time(
        self,
        column: &'static str,
        at: Option<Millis>,
    ) -> Result<Option<Timestamp>, StoreError> {
        at.map(|it| self.time(column, it)).transpose()
    }

    /// A word that is one of `all`.
    pub(crate) fn word<T: Copy>(
        self,
        column: &'static str,
        text: &str,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Result<T, StoreError> {
        all.iter()
            .copied()
            .find(|it| as_str(*it) == text)
            .ok_or_else(|| self.odd(column))
    }

    pub(crate) fn provider(self, text: &str) -> Result<Provider, StoreError> {
        self.word("provider", text, &Provider::ALL, Provider::as_str)
    }

    /// What a refresh came to.
    pub(crate) fn outcome(
        self,
        column: &'static str,
        text: &str,
    ) -> Result<RefreshOutcome, StoreError> {
        self.word(column, text, &RefreshOutcome::ALL, RefreshOutcome::as_str)
    }

    /// What the last refresh came to, if there was one.
    pub(crate) fn last_outcome(
        self,
        text: Option<&str>,
    ) -> Result<Option<RefreshOutcome>, StoreError> {
        text.map(|it| self.outcome("last_outcome", it)).transpose()
    }

    pub(crate) fn checked<T, E>(
        self,
        column: &'static str,
        value: Result<T, E>,
    ) -> Result<T, StoreError> {
        value.map_err(|_| self.odd(column))
    }

    pub(crate) fn scopes(self, text: &str) -> Result<Scopes, StoreError> {
        let scopes: Vec<String> = self.checked("scopes", serde_json::from_str(text))?;
        Ok(scopes.into_iter().collect())
    }

    /// A pair is there as a whole or not at all; the schema says so too.
    pub(crate) fn tokens(
        self,
        access: Option<Vec<u8>>,
        refresh: Option<Vec<u8>>,
        expires_at: Option<Millis>,
    ) -> Result<Option<SealedTokens>, StoreError> {
        match (access, refresh, expires_at) {
            (None, None, None) => Ok(None),
            (Some(access), Some(refresh), Some(expires_at)) => Ok(Some(SealedTokens {
                access: Sealed::from_bytes(access),
                refresh: Sealed::from_bytes(refresh),
                access_expires_at: self.time("token_expires_at", expires_at)?,
            })),
            _ => Err(self.odd("refresh_token")),
        }
    }
}

/// Scopes as they are kept: a JSON array, sorted.
pub(crate) fn scopes_text(scopes: &Scopes) -> String {
    serde_json::Value::from(scopes.iter().collect::<Vec<_>>()).to_string()
}
