//! Teams: making one, and which ones a person has.

use std::sync::Arc;

use anyhow::anyhow;
use domain::{
    audit::AuditAction,
    credential::Provider,
    ids::{TeamId, UserId},
    team::{Role, Team},
    text::{PersonName, Slug, TeamName, TextError},
};

use crate::{
    Entry, Error, Services,
    disconnect::{is_alone, revoke_beside},
    members::{ChangeError, lock_as_admin},
    who::{Admin, Member, Person},
};

/// Why no team was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateTeamError {
    /// The name cannot be taken.
    #[error("the name {0}")]
    Name(TextError),
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// So many teams may have the same name before we give up on numbering them.
const MOST_NAMESAKES: u32 = 10_000;

/// Makes a team; its maker is its first admin.
///
/// # Errors
///
/// [`CreateTeamError::Name`] if the name cannot be taken.
pub async fn create_team(
    services: &Services,
    person: &Person,
    name: &str,
) -> Result<Team, CreateTeamError> {
    let name = TeamName::parse(name).map_err(CreateTeamError::Name)?;
    let user = person.user().id;
    let entry = Entry::new(AuditAction::TeamCreated).actor(user);
    Ok(add_team(services, user, name, entry).await?)
}

/// Makes a team with `user` as its first admin; `entry` says who did it.
pub(crate) async fn add_team(
    services: &Services,
    user: UserId,
    name: TeamName,
    entry: Entry,
) -> Result<Team, Error> {
    let env = services.env.as_ref();
    let now = env.now();
    let mut team = Team {
        id: TeamId::new(env),
        slug: Slug::from_name(&name, 1),
        name,
        created_at: now,
    };
    let mut tx = services.store.write().await?;
    let mut n = 1;
    while !tx.add_team(&team).await? {
        n += 1;
        if n > MOST_NAMESAKES {
            return Err(anyhow!("no slug is left for another team of this name").into());
        }
        team.slug = Slug::from_name(&team.name, n);
    }
    tx.add_membership(team.id, user, Role::Admin, now).await?;
    let entry = entry.team(team.id).subject(team.id.uuid());
    services.audit(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(team)
}

/// The teams of a person, by name.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn teams_of(services: &Services, person: &Person) -> Result<Vec<(Team, Role)>, Error> {
    let mut tx = services.store.read().await?;
    Ok(tx.list_teams_of(person.user().id).await?)
}

/// The names of the admins of the member's team: whom to ask.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn admin_names(services: &Services, member: &Member) -> Result<Vec<PersonName>, Error> {
    let mut tx = services.store.read().await?;
    let admins = tx.list_admins(member.team().id).await?;
    Ok(admins.into_iter().map(|it| it.name).collect())
}

/// Why a team was not renamed.
#[derive(Debug, thiserror::Error)]
pub enum RenameTeamError {
    /// The name cannot be taken.
    #[error("the name {0}")]
    Name(TextError),
    /// As any change of a team.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// Gives a team another name. Its address stays, so that links to it go on.
///
/// # Errors
///
/// [`RenameTeamError::Name`] if the name cannot be taken, [`ChangeError::NoLongerAdmin`].
pub async fn rename_team(
    services: &Services,
    admin: &Admin,
    name: &str,
) -> Result<TeamName, RenameTeamError> {
    let name = TeamName::parse(name).map_err(RenameTeamError::Name)?;
    let team = admin.team().id;
    let mut tx = lock_as_admin(services, admin).await?;
    let now = services.env.now();
    tx.set_team_name(team, &name, now)
        .await
        .map_err(ChangeError::from)?;
    let entry = Entry::new(AuditAction::TeamRenamed)
        .team(team)
        .actor(admin.person().user().id)
        .subject(team.uuid());
    services
        .audit(&mut tx, entry)
        .await
        .map_err(ChangeError::from)?;
    tx.commit().await.map_err(ChangeError::from)?;
    Ok(name)
}

/// Why a team was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteTeamError {
    /// What was typed is not the name of the team.
    #[error("the name is another")]
    OtherName,
    /// As any change of a team.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// Deletes a team with its connection, tokens, people and invitations. Its audit rows stay. Atlassian is
/// asked to forget the grant where nothing else here may rest on it, as on disconnecting.
///
/// # Errors
///
/// [`DeleteTeamError::OtherName`] if `typed` is not the team's name, [`ChangeError::NoLongerAdmin`].
pub async fn delete_team(
    services: &Arc<Services>,
    admin: &Admin,
    typed: &str,
) -> Result<(), DeleteTeamError> {
    let team = admin.team();
    if typed.trim() != team.name.as_str() {
        return Err(DeleteTeamError::OtherName);
    }
    let mut tx = lock_as_admin(services, admin).await?;
    let credential = tx
        .find_credential(team.id, Provider::Jira)
        .await
        .map_err(ChangeError::from)?;
    tx.remove_team(team.id).await.map_err(ChangeError::from)?;
    let is_alone = match &credential {
        Some(it) => is_alone(services, &mut tx, it)
            .await
            .map_err(ChangeError::from)?,
        None => false,
    };
    let entry = Entry::new(AuditAction::TeamDeleted)
        .team(team.id)
        .actor(admin.person().user().id)
        .subject(team.id.uuid());
    services
        .audit(&mut tx, entry)
        .await
        .map_err(ChangeError::from)?;
    tx.commit().await.map_err(ChangeError::from)?;
    tracing::info!(team.id = %team.id, "a team was deleted");
    if let Some(credential) = credential.filter(|_| is_alone) {
        revoke_beside(services, &credential);
    }
    Ok(())
}
