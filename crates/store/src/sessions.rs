//! Browser sessions.

use domain::{
    ids::{SessionId, UserId},
    session::{Session, TokenHash},
    team::{Role, Team},
    text::Slug,
    user::User,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    columns::{Millis, Row},
    teams::{TeamRow, role},
    users::UserRow,
};

/// Whom a session's token leads to.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The session; may be over.
    pub session: Session,
    /// Whose it is.
    pub user: User,
    /// The team that was asked for, if this person is a member of it, and as what.
    pub membership: Option<(Team, Role)>,
}

#[derive(FromRow)]
struct VisitorRow {
    session_id: Uuid,
    ends_at: Millis,
    last_seen_at: Millis,
    #[sqlx(flatten)]
    user: UserRow,
    team_id: Option<Uuid>,
    team_slug: Option<String>,
    team_name: Option<String>,
    team_created_at: Option<Millis>,
    role: Option<String>,
}

impl TryFrom<VisitorRow> for Visitor {
    type Error = StoreError;

    fn try_from(row: VisitorRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "sessions",
            id: row.session_id,
        };
        let session = Session {
            id: SessionId::from_uuid(row.session_id),
            user: UserId::from_uuid(row.user.user_id),
            ends_at: here.time("ends_at", row.ends_at)?,
            last_seen_at: here.time("last_seen_at", row.last_seen_at)?,
        };
        let team = (
            row.team_id,
            row.team_slug,
            row.team_name,
            row.team_created_at,
            row.role,
        );
        let membership = match team {
            (
                Some(team_id),
                Some(team_slug),
                Some(team_name),
                Some(team_created_at),
                Some(word),
            ) => {
                let team = TeamRow {
                    team_id,
                    team_slug,
                    team_name,
                    team_created_at,
                };
                Some((team.try_into()?, role(team_id, &word)?))
            }
            _ => None,
        };
        Ok(Self {
            session,
            user: row.user.try_into()?,
            membership,
        })
    }
}

impl Store {
    /// Finds the session of a token with its person and, where a slug is given, the person's
    /// membership in that team. One read-only statement without a transaction: every request asks.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_visitor(
        &self,
        token: &TokenHash,
        slug: Option<&Slug>,
    ) -> Result<Option<Visitor>, StoreError> {
        const SQL: &str = "
            SELECT s.id AS session_id, s.ends_at, s.last_seen_at,
                   u.id AS user_id, u.name AS user_name, u.email AS user_email,
                   u.created_at AS user_created_at,
                   t.id AS team_id, t.slug AS team_slug, t.name AS team_name,
                   t.created_at AS team_created_at, m.role
              FROM sessions s
              JOIN users u ON u.id = s.user_id
              LEFT JOIN teams t ON t.slug = $2
                   AND EXISTS (SELECT 1 FROM memberships x
                                WHERE x.team_id = t.id AND x.user_id = s.user_id)
              LEFT JOIN memberships m ON m.team_id = t.id AND m.user_id = s.user_id
             WHERE s.token_hash = $1";
        let (hash, slug) = (token.0.as_slice(), slug.map(Slug::as_str));
        let row: Option<VisitorRow> = match self {
            Self::Sqlite { readers, .. } => {
                sqlx::query_as(SQL)
                    .bind(hash)
                    .bind(slug)
                    .fetch_optional(readers)
                    .await?
            }
            Self::Postgres(pool) => {
                sqlx::query_as(SQL)
                    .bind(hash)
                    .bind(slug)
                    .fetch_optional(pool)
                    .await?
            }
        };
        row.map(Visitor::try_from).transpose()
    }
}

impl Tx {
    /// Adds a session.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_session(
        &mut self,
        session: &Session,
        token: &TokenHash,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO sessions (id, user_id, token_hash, ends_at, last_seen_at, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $5, $5)";
        execute!(
            self,
            SQL,
            session.id.uuid(),
            session.user.uuid(),
            token.0.as_slice(),
            Millis::from(session.ends_at),
            Millis::from(session.last_seen_at),
        )?;
        Ok(())
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn touch_session(&mut self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE sessions SET last_seen_at = $2, updated_at = $2 WHERE id = $1";
        execute!(self, SQL, id.uuid(), Millis::from(at))?;
        Ok(())
    }

    /// Ends a session. Its connect attempts stay, and nobody can finish them.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_session(&mut self, id: SessionId) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM sessions WHERE id = $1";
        execute!(self, SQL, id.uuid())?;
        Ok(())
    }

    /// Ends all sessions of a person; says how many.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_sessions_of(&mut self, user: UserId) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM sessions WHERE user_id = $1";
        Ok(execute!(self, SQL, user.uuid())?)
    }

    /// Ends all sessions of a person but one; says how many.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_other_sessions(
        &mut self,
        user: UserId,
        but: SessionId,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
        Ok(execute!(self, SQL, user.uuid(), but.uuid())?)
    }

    /// Gives a session another token and a new life; connect attempts that began in it stay its own.
    /// `false` if it has ended.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn renew_session(
        &mut self,
        session: &Session,
        token: &TokenHash,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE sessions SET token_hash = $2, ends_at = $3, last_seen_at = $4, updated_at = $4
             WHERE id = $1";
        let renewed = execute!(
            self,
            SQL,
            session.id.uuid(),
            token.0.as_slice(),
            Millis::from(session.ends_at),
            Millis::from(session.last_seen_at),
        )?;
        Ok(renewed == 1)
    }
}
