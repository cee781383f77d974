//! Who is in a team, and what must not be changed by two at once.

use domain::{
    ids::{TeamId, UserId},
    team::{Role, Team},
    text::TeamName,
    user::User,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
    teams::{TeamRow, role},
    users::UserRow,
};

/// A person as a member of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecord {
    /// Who.
    pub user: User,
    /// As what.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
}

#[derive(FromRow)]
struct MemberRow {
    team_id: Uuid,
    #[sqlx(flatten)]
    user: UserRow,
    role: String,
    joined_at: Millis,
}

impl TryFrom<MemberRow> for MemberRecord {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "memberships",
            id: row.team_id,
        };
        Ok(Self {
            user: row.user.try_into()?,
            role: role(row.team_id, &row.role)?,
            joined_at: here.time("created_at", row.joined_at)?,
        })
    }
}

impl Tx {
    /// Holds the team until the transaction ends, so that two who change its people go one after the
    /// other; `false` if the team is gone.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn lock_team(&mut self, team: TeamId) -> Result<bool, StoreError> {
        // On SQLite there is one writer anyway. A key share, which a new member's row takes, does
        // not wait for this.
        const SQL: &str = "UPDATE teams SET updated_at = updated_at WHERE id = $1";
        Ok(execute!(self, SQL, team.uuid())? == 1)
    }

    /// Holds a person's row until the transaction ends, also against a team that is being made;
    /// `false` if the person is gone.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn lock_user(&mut self, user: UserId) -> Result<bool, StoreError> {
        const SQLITE: &str = "SELECT id FROM users WHERE id = $1";
        const POSTGRES: &str = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
        let sql = self.pick(SQLITE, POSTGRES);
        let row: Option<(Uuid,)> = fetch_optional!(self, sql, user.uuid())?;
        Ok(row.is_some())
    }

    /// Everybody in a team, admins first, then by name.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_members(&mut self, team: TeamId) -> Result<Vec<MemberRecord>, StoreError> {
        const SQL: &str = "
            SELECT m.team_id, m.role, m.created_at AS joined_at, u.id AS user_id,
                   u.name AS user_name, u.email AS user_email, u.created_at AS user_created_at
              FROM memberships m
              JOIN users u ON u.id = m.user_id
             WHERE m.team_id = $1
             ORDER BY m.role, u.name, u.id";
        let rows: Vec<MemberRow> = fetch_all!(self, SQL, team.uuid())?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many admins a team has besides `user`.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn count_other_admins(
        &mut self,
        team: TeamId,
        user: UserId,
    ) -> Result<i64, StoreError> {
        const SQL: &str = "
            SELECT count(*) FROM memberships
             WHERE team_id = $1 AND role = 'admin' AND user_id <> $2";
        let row: Option<(i64,)> = fetch_optional!(self, SQL, team.uuid(), user.uuid())?;
        Ok(row.map_or(0, |(count,)| count))
    }

    /// The teams whose only admin a person is, by name.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_teams_of_only_admin(
        &mut self,
        user: UserId,
    ) -> Result<Vec<Team>, StoreError> {
        const SQL: &str = "
            SELECT t.id AS team_id, t.slug AS team_slug, t.name AS team_name,
                   t.created_at AS team_created_at
              FROM memberships m
              JOIN teams t ON t.id = m.team_id
             WHERE m.user_id = $1 AND m.role = 'admin'
               AND NOT EXISTS (SELECT 1 FROM memberships x
                                WHERE x.team_id = m.team_id AND x.role = 'admin'
                                  AND x.user_id <> $1)
             ORDER BY t.name, t.slug";
        let rows: Vec<TeamRow> = fetch_all!(self, SQL, user.uuid())?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Changes the name of a team; its address stays. `false` if the team is gone.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_team_name(
        &mut self,
        team: TeamId,
        name: &TeamName,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE teams SET name = $2, updated_at = $3 WHERE id = $1";
        Ok(execute!(self, SQL, team.uuid(), name.as_str(), Millis::from(at))? == 1)
    }

    /// Removes a team with all that belongs to it but its audit rows; `false` if it is gone.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_team(&mut self, team: TeamId) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM teams WHERE id = $1";
        Ok(execute!(self, SQL, team.uuid())? == 1)
    }
}
