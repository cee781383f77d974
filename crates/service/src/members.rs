//! Who is in a team: roles, removal, leaving. A team always has an admin.
//!
//! Each change holds the team, so that two admins who demote each other do so one after the other,
//! and the second finds that it may not any more.

use domain::{audit::AuditAction, ids::UserId, permission::Action, team::Role};
use store::{InvitationWithNames, MemberRecord, StoreError, Tx};

use crate::{
    Entry, Error, Services,
    who::{Admin, Member},
};

/// The people of a team.
#[derive(Clone, Debug)]
pub struct People {
    /// Admins first, then by name.
    pub members: Vec<MemberRecord>,
    /// Invitations that have not ended; empty for whoever may not invite.
    pub invitations: Vec<InvitationWithNames>,
}

/// Why a team was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Nobody would be left who can manage the team.
    #[error("a team needs an admin")]
    LastAdmin,
    /// The person is not in the team.
    #[error("the person is not in the team")]
    NotInTeam,
    /// Somebody took the right away meanwhile.
    #[error("the person is no admin any more")]
    NoLongerAdmin,
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for ChangeError {
    fn from(err: StoreError) -> Self {
        Self::Failed(err.into())
    }
}

/// Everybody in the member's team.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn people(services: &Services, member: &Member) -> Result<People, Error> {
    let team = member.team().id;
    let mut tx = services.store.read().await?;
    Ok(People {
        members: tx.list_members(team).await?,
        invitations: if member.may(Action::ManageTeam) {
            tx.list_open_invitations(team).await?
        } else {
            Vec::new()
        },
    })
}

/// Gives a member a role. It counts from the next request on.
///
/// # Errors
///
/// [`ChangeError::LastAdmin`], [`ChangeError::NotInTeam`] or [`ChangeError::NoLongerAdmin`]; nothing
/// was changed then.
pub async fn set_role(
    services: &Services,
    admin: &Admin,
    user: UserId,
    role: Role,
) -> Result<(), ChangeError> {
    let team = admin.team().id;
    let mut tx = lock_as_admin(services, admin).await?;
    let Some((_, old)) = tx.find_membership(team, user).await? else {
        return Err(ChangeError::NotInTeam);
    };
    if old == role {
        return Ok(());
    }
    if old == Role::Admin {
        keep_an_admin(&mut tx, admin, user).await?;
    }
    tx.set_role(team, user, role, services.env.now()).await?;
    let entry = Entry::new(AuditAction::RoleChanged)
        .team(team)
        .actor(admin.person().user().id)
        .subject(user.uuid())
        .detail(role.as_str());
    services.audit(&mut tx, entry).await?;
    Ok(tx.commit().await?)
}

/// Takes somebody out of the team, at once. What the person connected stays.
///
/// # Errors
///
/// As [`set_role`].
pub async fn remove(services: &Services, admin: &Admin, user: UserId) -> Result<(), ChangeError> {
    let tx = lock_as_admin(services, admin).await?;
    take_out(services, tx, admin, user, AuditAction::MemberRemoved).await
}

/// Leaves the team.
///
/// # Errors
///
/// [`ChangeError::LastAdmin`] or [`ChangeError::NotInTeam`]; nothing was changed then.
pub async fn leave(services: &Services, member: &Member) -> Result<(), ChangeError> {
    let mut tx = services.store.write().await?;
    if !tx.lock_team(member.team().id).await? {
        return Err(ChangeError::NotInTeam);
    }
    let user = member.person().user().id;
    take_out(services, tx, member, user, AuditAction::MemberLeft).await
}

async fn take_out(
    services: &Services,
    mut tx: Tx,
    actor: &Member,
    user: UserId,
    action: AuditAction,
) -> Result<(), ChangeError> {
    let team = actor.team().id;
    let Some((_, role)) = tx.find_membership(team, user).await? else {
        return Err(ChangeError::NotInTeam);
    };
    if role == Role::Admin {
        keep_an_admin(&mut tx, actor, user).await?;
    }
    tx.remove_membership(team, user).await?;
    let entry = Entry::new(action)
        .team(team)
        .actor(actor.person().user().id)
        .subject(user.uuid());
    services.audit(&mut tx, entry).await?;
    Ok(tx.commit().await?)
}

/// Refuses to lose the last admin. The team must be held.
async fn keep_an_admin(tx: &mut Tx, member: &Member, user: UserId) -> Result<(), ChangeError> {
    if tx.count_other_admins(member.team().id, user).await? == 0 {
        return Err(ChangeError::LastAdmin);
    }
    Ok(())
}

/// A transaction that holds the team, begun by somebody who is an admin of it now.
pub(crate) async fn lock_as_admin(services: &Services, admin: &Admin) -> Result<Tx, ChangeError> {
    let team = admin.team().id;
    let mut tx = services.store.write().await?;
    tx.lock_team(team).await?;
    match tx.find_membership(team, admin.person().user().id).await? {
        Some((_, Role::Admin)) => Ok(tx),
        _ => Err(ChangeError::NoLongerAdmin),
    }
}
