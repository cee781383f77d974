//! Links that set a new password: hashed, for one use, for one hour.
//!
//! The operator makes one with the command line ([`make_link`]); where mail is set up, people ask for
//! one themselves ([`ask`]). Nothing here tells a visitor whether an address has an account.

use std::sync::Arc;

use domain::{
    audit::AuditAction,
    ids::PasswordResetId,
    invitation::PASSWORD_RESET_LIFE,
    text::{EmailAddress, NewPassword, TextError},
};
use jiff::Timestamp;
use secrecy::SecretString;
use store::{PasswordReset, StoreError, Tx};
use vault::token_hash;

use crate::{
    Entry, Error, OPERATOR, Services, mail, password,
    throttle::{Caller, ClientAddress, Throttled},
};

/// A new link, with the token that is shown once: `/password/{token}`.
#[derive(Clone, Debug)]
pub struct ResetLink {
    /// For the link. Only its hash is kept.
    pub token: SecretString,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

impl ResetLink {
    /// The path of the link, to be shown once.
    pub fn path(&self) -> String {
        token_hash::path("/password/", &self.token)
    }
}

/// Who wanted a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedBy {
    /// The operator, on the command line.
    Operator,
    /// Whoever typed the address; nobody knows who that is.
    Visitor,
}

impl AskedBy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => OPERATOR,
            Self::Visitor => "visitor",
        }
    }
}

/// Why a link sets no password.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// There is none with this token: mistyped, or long over.
    #[error("no such link")]
    Unknown,
    /// It was used, or a newer one or a change of the password took its place.
    #[error("the link has ended")]
    Used,
    /// Its hour is over.
    #[error("the link is too old")]
    Expired,
    /// The new password cannot be taken.
    #[error("the password {0}")]
    NewPassword(TextError),
    /// Too many bad tokens of late.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for ResetError {
    fn from(err: StoreError) -> Self {
        Self::Failed(err.into())
    }
}

/// Makes a link for the account of an address; older ones end. `None` if there is no such account. The
/// audit row says who wanted it.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn make_link(
    services: &Services,
    email: &EmailAddress,
    by: AskedBy,
) -> Result<Option<ResetLink>, Error> {
    let env = services.env.as_ref();
    let now = env.now();
    let mut tx = services.store.write().await?;
    let Some(user) = tx.find_user(email).await? else {
        return Ok(None);
    };
    let token = token_hash::generate(env);
    let expires_at = now + PASSWORD_RESET_LIFE;
    let id = PasswordResetId::new(env);
    tx.end_password_resets_of(user.id, now).await?;
    tx.add_password_reset(id, user.id, &token_hash::hash(&token), expires_at, now)
        .await?;
    let entry = Entry::new(AuditAction::PasswordResetLinkMade)
        .subject(user.id.uuid())
        .detail(by.as_str());
    services.audit(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(Some(ResetLink { token, expires_at }))
}

/// Why nobody can ask for a link.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no mail here.
    #[error("no mail is set up")]
    NoMail,
    /// What was written is no address.
    #[error("the address {0}")]
    Address(TextError),
    /// Too many tries of late.
    #[error(transparent)]
    Throttled(#[from] Throttled),
}

/// Sends a link to the address, if it has an account. Whether it has is told to nobody: everything
/// that depends on it is done by a task, after the answer. At most
/// [`crate::throttle::MOST_MAILS`] an hour go to an address; what is more is dropped without a word.
///
/// # Errors
///
/// [`AskError`]; none depends on whether there is such an account.
pub fn ask(services: &Arc<Services>, email: &str, from: ClientAddress) -> Result<(), AskError> {
    let Some(mailer) = services.mailer.clone() else {
        return Err(AskError::NoMail);
    };
    let email = EmailAddress::parse(email).map_err(AskError::Address)?;
    let now = services.env.now();
    // Asking counts as a try of whoever asks. It does not count for the account: strangers could keep
    // its owner from signing in.
    services.throttle.failed(caller(from), now)?;
    if !services.throttle.may_mail("password", &email, now) {
        return Ok(());
    }
    let tasks = services.tasks.clone();
    let services = Arc::clone(services);
    tasks.spawn(async move {
        match make_link(&services, &email, AskedBy::Visitor).await {
            Ok(Some(link)) => {
                let env = services.env.as_ref();
                let mail = mailer.password_reset(env, &email, &link.path(), link.expires_at);
                if let Some(mail) = mail {
                    mail::deliver(&mailer, mail).await;
                }
            }
            Ok(None) => {}
            Err(err) => tracing::error!(error = %err, "no link for a new password was made"),
        }
    });
    Ok(())
}

/// The address whose password the link sets. Changes nothing.
///
/// # Errors
///
/// [`ResetError::Unknown`], [`ResetError::Used`], [`ResetError::Expired`] or
/// [`ResetError::Throttled`].
pub async fn look(
    services: &Services,
    token: &SecretString,
    from: ClientAddress,
) -> Result<EmailAddress, ResetError> {
    let caller = caller(from);
    services.throttle.check(caller, services.env.now())?;
    let mut tx = services.store.read().await?;
    let found = find(services, &mut tx, token).await;
    if matches!(found, Err(ResetError::Unknown)) {
        services.throttle.failed(caller, services.env.now())?;
    }
    Ok(found?.user.email)
}

/// Sets the password and ends all sessions of the person, who then signs in with it.
///
/// # Errors
///
/// As [`look`], and [`ResetError::NewPassword`]; nothing was changed then.
pub async fn set_password(
    services: &Services,
    token: &SecretString,
    new: SecretString,
    from: ClientAddress,
) -> Result<(), ResetError> {
    // Before the costly hash.
    look(services, token, from).await?;
    let new = NewPassword::parse(new).map_err(ResetError::NewPassword)?;
    let hash = password::hash(services, &new).await?;
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    let found = find(services, &mut tx, token).await?;
    let user = found.user.id;
    tx.lock_user(user).await?;
    if !tx.end_password_reset(found.id, now).await? {
        return Err(ResetError::Used);
    }
    let Some(old) = tx.find_password_hash(user).await? else {
        return Err(ResetError::Unknown);
    };
    tx.set_password_hash(user, &old, &hash, now).await?;
    tx.remove_sessions_of(user).await?;
    let entry = Entry::new(AuditAction::PasswordReset)
        .actor(user)
        .subject(user.uuid());
    services.audit(&mut tx, entry).await?;
    Ok(tx.commit().await?)
}

const fn caller(address: ClientAddress) -> Caller<'static> {
    Caller {
        account: None,
        address,
    }
}

async fn find(
    services: &Services,
    tx: &mut Tx,
    token: &SecretString,
) -> Result<PasswordReset, ResetError> {
    let found = tx.find_password_reset(&token_hash::hash(token)).await?;
    let found = found.ok_or(ResetError::Unknown)?;
    if found.has_ended {
        return Err(ResetError::Used);
    }
    if found.expires_at <= services.env.now() {
        return Err(ResetError::Expired);
    }
    Ok(found)
}
