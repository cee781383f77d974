//! Invitations to a team. Ended ones stay for a while, so that their links can say what happened.

use domain::{
    ids::{InvitationId, TeamId, UserId},
    invitation::{Invitation, InvitationOutcome},
    session::TokenHash,
    team::{Role, Team},
    text::{EmailAddress, PersonName},
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
    teams::TeamRow,
};

/// An invitation with what its page tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationWithNames {
    /// The invitation.
    pub invitation: Invitation,
    /// To which team.
    pub team: Team,
    /// The name of who invited; none if the account is gone.
    pub inviter: Option<PersonName>,
    /// Whether who invited is an admin of the team now.
    pub inviter_is_admin: bool,
}

#[derive(FromRow)]
struct InvitationRow {
    id: Uuid,
    email: String,
    role: String,
    invited_by: Option<Uuid>,
    inviter_name: Option<String>,
    inviter_role: Option<String>,
    expires_at: Millis,
    outcome: Option<String>,
    created_at: Millis,
    #[sqlx(flatten)]
    team: TeamRow,
}

impl TryFrom<InvitationRow> for InvitationWithNames {
    type Error = StoreError;

    fn try_from(row: InvitationRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "invitations",
            id: row.id,
        };
        let outcome = row.outcome.as_deref().map(|it| {
            here.word(
                "outcome",
                it,
                &InvitationOutcome::ALL,
                InvitationOutcome::as_str,
            )
        });
        let inviter = row
            .inviter_name
            .map(|it| here.checked("invited_by", PersonName::parse(&it)));
        Ok(Self {
            invitation: Invitation {
                id: InvitationId::from_uuid(row.id),
                team: TeamId::from_uuid(row.team.team_id),
                email: here.checked("email", EmailAddress::parse(&row.email))?,
                role: here.word("role", &row.role, &Role::ALL, Role::as_str)?,
                invited_by: row.invited_by.map(UserId::from_uuid),
                created_at: here.time("created_at", row.created_at)?,
                expires_at: here.time("expires_at", row.expires_at)?,
                outcome: outcome.transpose()?,
            },
            team: row.team.try_into()?,
            inviter: inviter.transpose()?,
            inviter_is_admin: row.inviter_role.as_deref() == Some(Role::Admin.as_str()),
        })
    }
}

impl Tx {
    /// Adds an invitation.
    ///
    /// # Errors
    ///
    /// [`StoreError::Duplicate`] if the address has an open one to this team.
    pub async fn add_invitation(
        &mut self,
        team: TeamId,
        invitation: &Invitation,
        token: &TokenHash,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO invitations (id, team_id, email, role, token_hash, invited_by, expires_at,
                   created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
        execute!(
            self,
            SQL,
            invitation.id.uuid(),
            team.uuid(),
            invitation.email.as_str(),
            invitation.role.as_str(),
            token.0.as_slice(),
            invitation.invited_by.map(UserId::uuid),
            Millis::from(invitation.expires_at),
            Millis::from(invitation.created_at),
        )?;
        Ok(())
    }

    /// Finds the invitation of a link, whatever became of it. The token names the team.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_invitation_of_token(
        &mut self,
        token: &TokenHash,
    ) -> Result<Option<InvitationWithNames>, StoreError> {
        const SQL: &str = "
            SELECT i.id, i.email, i.role, i.invited_by, i.expires_at, i.outcome, i.created_at,
                   u.name AS inviter_name, m.role AS inviter_role,
                   t.id AS team_id, t.slug AS team_slug, t.name AS team_name,
                   t.created_at AS team_created_at
              FROM invitations i
              JOIN teams t ON t.id = i.team_id
              LEFT JOIN users u ON u.id = i.invited_by
              LEFT JOIN memberships m ON m.team_id = i.team_id AND m.user_id = i.invited_by
             WHERE i.token_hash = $1";
        let row: Option<InvitationRow> = fetch_optional!(self, SQL, token.0.as_slice())?;
        row.map(TryInto::try_into).transpose()
    }

    /// The invitations of a team that have not ended, newest first; those whose time is over too,
    /// until they are removed.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_open_invitations(
        &mut self,
        team: TeamId,
    ) -> Result<Vec<InvitationWithNames>, StoreError> {
        const SQL: &str = "
            SELECT i.id, i.email, i.role, i.invited_by, i.expires_at, i.outcome, i.created_at,
                   u.name AS inviter_name, m.role AS inviter_role,
                   t.id AS team_id, t.slug AS team_slug, t.name AS team_name,
                   t.created_at AS team_created_at
              FROM invitations i
              JOIN teams t ON t.id = i.team_id
              LEFT JOIN users u ON u.id = i.invited_by
              LEFT JOIN memberships m ON m.team_id = i.team_id AND m.user_id = i.invited_by
             WHERE i.team_id = $1 AND i.ended_at IS NULL
             ORDER BY i.created_at DESC, i.id DESC";
        let rows: Vec<InvitationRow> = fetch_all!(self, SQL, team.uuid())?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Ends an invitation; `false` if it had ended, or is not this team's.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn end_invitation(
        &mut self,
        team: TeamId,
        id: InvitationId,
        outcome: InvitationOutcome,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE invitations SET ended_at = $4, outcome = $3, updated_at = $4
             WHERE team_id = $1 AND id = $2 AND ended_at IS NULL";
        let ended = execute!(
            self,
            SQL,
            team.uuid(),
            id.uuid(),
            outcome.as_str(),
            Millis::from(at)
        )?;
        Ok(ended == 1)
    }

    /// Ends the open invitation of an address, because a newer one takes its place.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn replace_invitation(
        &mut self,
        team: TeamId,
        email: &EmailAddress,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE invitations SET ended_at = $4, outcome = $3, updated_at = $4
             WHERE team_id = $1 AND email = $2 AND ended_at IS NULL";
        execute!(
            self,
            SQL,
            team.uuid(),
            email.as_str(),
            InvitationOutcome::Replaced.as_str(),
            Millis::from(at)
        )?;
        Ok(())
    }
}
