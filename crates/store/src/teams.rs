//! Teams and who is in them.

use domain::{
    ids::{TeamId, UserId},
    team::{Role, Team},
    text::{Slug, TeamName},
    user::User,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
    users::UserRow,
};

#[expect(
    clippy::struct_field_names,
    reason = "columns of a join need names of their own"
)]
#[derive(FromRow)]
pub(crate) struct TeamRow {
    pub(crate) team_id: Uuid,
    pub(crate) team_slug: String,
    pub(crate) team_name: String,
    pub(crate) team_created_at: Millis,
}

impl TryFrom<TeamRow> for Team {
    type Error = StoreError;

    fn try_from(row: TeamRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "teams",
            id: row.team_id,
        };
        Ok(Self {
            id: TeamId::from_uuid(row.team_id),
            slug: here.checked("slug", Slug::parse(&row.team_slug))?,
            name: here.checked("name", TeamName::parse(&row.team_name))?,
            created_at: here.time("created_at", row.team_created_at)?,
        })
    }
}

#[derive(FromRow)]
struct MembershipRow {
    #[sqlx(flatten)]
    team: TeamRow,
    role: String,
}

impl TryFrom<MembershipRow> for (Team, Role) {
    type Error = StoreError;

    fn try_from(row: MembershipRow) -> Result<Self, StoreError> {
        let role = role(row.team.team_id, &row.role)?;
        Ok((row.team.try_into()?, role))
    }
}

pub(crate) fn role(team: Uuid, word: &str) -> Result<Role, StoreError> {
    Row {
        table: "memberships",
        id: team,
    }
    .word("role", word, &Role::ALL, Role::as_str)
}

impl Tx {
    /// Adds a team; `false` if the slug is taken.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_team(&mut self, team: &Team) -> Result<bool, StoreError> {
        const SQL: &str = "
            INSERT INTO teams (id, slug, name, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $4)
            ON CONFLICT (slug) DO NOTHING";
        let added = execute!(
            self,
            SQL,
            team.id.uuid(),
            team.slug.as_str(),
            team.name.as_str(),
            Millis::from(team.created_at),
        )?;
        Ok(added == 1)
    }

    /// Takes a person into a team.
    ///
    /// # Errors
    ///
    /// [`StoreError::Duplicate`] if the person is in it.
    pub async fn add_membership(
        &mut self,
        team: TeamId,
        user: UserId,
        role: Role,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO memberships (team_id, user_id, role, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $4)";
        execute!(
            self,
            SQL,
            team.uuid(),
            user.uuid(),
            role.as_str(),
            Millis::from(at)
        )?;
        Ok(())
    }

    /// Changes what a person is in a team; `false` if the person is not in it.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_role(
        &mut self,
        team: TeamId,
        user: UserId,
        role: Role,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE memberships SET role = $3, updated_at = $4
             WHERE team_id = $1 AND user_id = $2";
        let changed = execute!(
            self,
            SQL,
            team.uuid(),
            user.uuid(),
            role.as_str(),
            Millis::from(at)
        )?;
        Ok(changed == 1)
    }

    /// Takes a person out of a team; `false` if the person is not in it.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_membership(
        &mut self,
        team: TeamId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM memberships WHERE team_id = $1 AND user_id = $2";
        Ok(execute!(self, SQL, team.uuid(), user.uuid())? == 1)
    }

    /// Finds a team and what a person is in it; `None` if nothing.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_membership(
        &mut self,
        team: TeamId,
        user: UserId,
    ) -> Result<Option<(Team, Role)>, StoreError> {
        const SQL: &str = "
            SELECT t.id AS team_id, t.slug AS team_slug, t.name AS team_name,
                   t.created_at AS team_created_at, m.role
              FROM memberships m
              JOIN teams t ON t.id = m.team_id
             WHERE m.team_id = $1 AND m.user_id = $2";
        let row: Option<MembershipRow> = fetch_optional!(self, SQL, team.uuid(), user.uuid())?;
        row.map(TryInto::try_into).transpose()
    }

    /// The teams of a person, by name.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_teams_of(&mut self, user: UserId) -> Result<Vec<(Team, Role)>, StoreError> {
        const SQL: &str = "
            SELECT t.id AS team_id, t.slug AS team_slug, t.name AS team_name,
                   t.created_at AS team_created_at, m.role
              FROM memberships m
              JOIN teams t ON t.id = m.team_id
             WHERE m.user_id = $1
             ORDER BY t.name, t.slug";
        let rows: Vec<MembershipRow> = fetch_all!(self, SQL, user.uuid())?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The admins of a team, by name.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_admins(&mut self, team: TeamId) -> Result<Vec<User>, StoreError> {
        const SQL: &str = "
            SELECT u.id AS user_id, u.name AS user_name, u.email AS user_email,
                   u.created_at AS user_created_at
              FROM memberships m
              JOIN users u ON u.id = m.user_id
             WHERE m.team_id = $1 AND m.role = 'admin'
             ORDER BY u.name, u.id";
        let rows: Vec<UserRow> = fetch_all!(self, SQL, team.uuid())?;
        rows.into_iter().map(User::try_from).collect()
    }

    /// Finds a team by its slug, whoever asks: for the operator.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_team(&mut self, slug: &Slug) -> Result<Option<Team>, StoreError> {
        const SQL: &str = "
            SELECT id AS team_id, slug AS team_slug, name AS team_name,
                   created_at AS team_created_at
              FROM teams WHERE slug = $1";
        let row: Option<TeamRow> = fetch_optional!(self, SQL, slug.as_str())?;
        row.map(Team::try_from).transpose()
    }
}
