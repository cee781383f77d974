//! What the operator does from the command line: accounts and teams. No role, no
//! session; the audit log has no actor but the word.

use domain::{
    audit::AuditAction,
    ids::UserId,
    team::Team,
    text::{EmailAddress, TeamName, TextError},
    user::User,
};

use crate::{
    Entry, Error, OPERATOR, Services, password,
    sign_up::{SignUpError, SignUpForm, check},
    teams::add_team,
};

/// Makes an account, whatever the policy; signs nobody in.
///
/// # Errors
///
/// As signing up, without `Closed`.
pub async fn create_user(services: &Services, form: SignUpForm) -> Result<User, SignUpError> {
    let (name, email, password) = check(form).map_err(SignUpError::Mistakes)?;
    let hash = password::hash(services, &password).await?;
    let env = services.env.as_ref();
    let user = User {
        id: UserId::new(env),
        name,
        email,
        created_at: env.now(),
    };
    let mut tx = services.store.write().await.map_err(Error::from)?;
    if !tx.add_user(&user, &hash).await.map_err(Error::from)? {
        return Err(SignUpError::AddressTaken);
    }
    let entry = Entry::new(AuditAction::UserSignedUp)
        .subject(user.id.uuid())
        .detail(OPERATOR);
    services.audit(&mut tx, entry).await?;
    tx.commit().await.map_err(Error::from)?;
    Ok(user)
}

/// Why the operator's team was not made.
#[derive(Debug, thiserror::Error)]
pub enum OperatorTeamError {
    /// The name cannot be taken.
    #[error("the name {0}")]
    Name(TextError),
    /// Nobody has this address.
    #[error("no account has this address")]
    NoSuchUser,
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Makes a team with somebody else as its first admin.
///
/// # Errors
///
/// [`OperatorTeamError`].
pub async fn create_team(
    services: &Services,
    name: &str,
    admin: &str,
) -> Result<Team, OperatorTeamError> {
    let name = TeamName::parse(name).map_err(OperatorTeamError::Name)?;
    let admin = EmailAddress::parse(admin).map_err(|_| OperatorTeamError::NoSuchUser)?;
    let mut tx = services.store.read().await.map_err(Error::from)?;
    let found = tx
        .find_user_for_sign_in(&admin)
        .await
        .map_err(Error::from)?;
    drop(tx);
    let (user, _) = found.ok_or(OperatorTeamError::NoSuchUser)?;
    let entry = Entry::new(AuditAction::TeamCreated).detail(OPERATOR);
    Ok(add_team(services, user.id, name, entry).await?)
}
