//! A person's own account: name, password, sessions, its end.

use domain::{
    audit::AuditAction,
    session::{ABSOLUTE_LIFE, Session},
    team::Team,
    text::{NewPassword, PersonName, TextError},
};
use secrecy::SecretString;
use store::StoreError;
use vault::token_hash;

use crate::{
    Entry, Error, Services, password,
    throttle::{Caller, ClientAddress, Throttled},
    who::Person,
};

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The name cannot be taken.
    #[error("the name {0}")]
    Name(TextError),
    /// The new password cannot be taken.
    #[error("the password {0}")]
    NewPassword(TextError),
    /// The present password is another.
    #[error("the password is wrong")]
    WrongPassword,
    /// These teams would have no admin left.
    #[error("the person is the only admin of a team")]
    OnlyAdmin(Vec<Team>),
    /// Too many passwords were wrong of late; this one was not looked at.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for AccountError {
    fn from(err: StoreError) -> Self {
        Self::Failed(err.into())
    }
}

/// Gives a person another name.
///
/// # Errors
///
/// [`AccountError::Name`] if it cannot be taken.
pub async fn rename(
    services: &Services,
    person: &Person,
    name: &str,
) -> Result<PersonName, AccountError> {
    let name = PersonName::parse(name).map_err(AccountError::Name)?;
    let user = person.user().id;
    let mut tx = services.store.write().await?;
    tx.set_user_name(user, &name, services.env.now()).await?;
    let entry = Entry::new(AuditAction::UserRenamed).actor(user);
    services.audit(&mut tx, entry.subject(user.uuid())).await?;
    tx.commit().await?;
    Ok(name)
}

/// Changes the password. The other sessions end, and so do links that set a new password; this
/// session goes on under the token that is returned, for the browser to keep.
///
/// # Errors
///
/// [`AccountError::WrongPassword`] if `old` is not the present one, [`AccountError::NewPassword`] if
/// `new` cannot be taken, [`AccountError::Throttled`]; nothing was changed then.
pub async fn change_password(
    services: &Services,
    person: &Person,
    old: SecretString,
    new: SecretString,
    from: ClientAddress,
) -> Result<SecretString, AccountError> {
    let new = NewPassword::parse(new).map_err(AccountError::NewPassword)?;
    let old_hash = check_password(services, person, old, from).await?;
    let new_hash = password::hash(services, &new).await?;
    let env = services.env.as_ref();
    let now = env.now();
    let user = person.user().id;
    let token = token_hash::generate(env);
    let session = Session {
        ends_at: now + ABSOLUTE_LIFE,
        last_seen_at: now,
        ..*person.session()
    };
    let mut tx = services.store.write().await?;
    if !tx
        .set_password_hash(user, &old_hash, &new_hash, now)
        .await?
    {
        // Another change was faster: what was given as the present password is none any more.
        return Err(AccountError::WrongPassword);
    }
    tx.remove_other_sessions(user, session.id).await?;
    tx.renew_session(&session, &token_hash::hash(&token))
        .await?;
    tx.end_password_resets_of(user, now).await?;
    let entry = Entry::new(AuditAction::PasswordChanged).actor(user);
    services.audit(&mut tx, entry.subject(user.uuid())).await?;
    tx.commit().await?;
    Ok(token)
}

/// Ends all sessions of a person, this one too.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn sign_out_everywhere(services: &Services, person: &Person) -> Result<(), Error> {
    let user = person.user().id;
    let mut tx = services.store.write().await?;
    tx.remove_sessions_of(user).await?;
    let entry = Entry::new(AuditAction::SignedOutEverywhere).actor(user);
    services.audit(&mut tx, entry.subject(user.uuid())).await?;
    Ok(tx.commit().await?)
}

/// The teams whose only admin a person is: they stand in the way of deleting the account.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn teams_of_only_admin(services: &Services, person: &Person) -> Result<Vec<Team>, Error> {
    let mut tx = services.store.read().await?;
    Ok(tx.list_teams_of_only_admin(person.user().id).await?)
}

/// Deletes a person's account. What the person connected stays with its team; the audit log keeps
/// plain ids.
///
/// # Errors
///
/// [`AccountError::WrongPassword`], [`AccountError::OnlyAdmin`] or [`AccountError::Throttled`];
/// nothing was changed then.
pub async fn delete(
    services: &Services,
    person: &Person,
    password: SecretString,
    from: ClientAddress,
) -> Result<(), AccountError> {
    check_password(services, person, password, from).await?;
    let user = person.user().id;
    let mut tx = services.store.write().await?;
    tx.lock_user(user).await?;
    let mut teams: Vec<_> = tx
        .list_teams_of(user)
        .await?
        .into_iter()
        .map(|(team, _)| team.id)
        .collect();
    // Always in the same order, so that two who do this do not wait for each other.
    teams.sort_unstable();
    for team in &teams {
        tx.lock_team(*team).await?;
    }
    let stuck = tx.list_teams_of_only_admin(user).await?;
    if !stuck.is_empty() {
        return Err(AccountError::OnlyAdmin(stuck));
    }
    for team in teams {
        let entry = Entry::new(AuditAction::MemberLeft).team(team).actor(user);
        services.audit(&mut tx, entry.subject(user.uuid())).await?;
    }
    tx.remove_user(user).await?;
    let entry = Entry::new(AuditAction::UserDeleted).actor(user);
    services.audit(&mut tx, entry.subject(user.uuid())).await?;
    tx.commit().await?;
    tracing::info!(user.id = %user, "an account was deleted");
    Ok(())
}

/// Sees that `password` is the person's own, and gives its hash.
async fn check_password(
    services: &Services,
    person: &Person,
    password: SecretString,
    from: ClientAddress,
) -> Result<String, AccountError> {
    let user = person.user();
    let caller = Caller {
        account: Some(user.email.as_str()),
        address: from,
    };
    services.throttle.check(caller, services.env.now())?;
    let hash = {
        let mut tx = services.store.read().await?;
        tx.find_password_hash(user.id).await?
    };
    let good = password::verify(services, password, hash.clone()).await?;
    let now = services.env.now();
    match hash {
        Some(hash) if good => {
            // Of many guesses at once, the right one must not be told when too many were wrong.
            services.throttle.check(caller, now)?;
            Ok(hash)
        }
        _ => {
            services.throttle.failed(caller, now)?;
            Err(AccountError::WrongPassword)
        }
    }
}
