//! The first account, where sign-up is closed: a one-time link that the operator reads in the output
//! of `serve`.

use domain::{audit::AuditAction, ids::SetupLinkId};
use secrecy::SecretString;
use store::StoreError;
use vault::token_hash;

use crate::{
    Entry, Error, OPERATOR, Services,
    sign_in::{SignedIn, open_session},
    sign_up::{self, SignUpError, SignUpForm},
    throttle::{Caller, ClientAddress, Throttled},
};

/// So many links are good at once: each start of each process makes one, and the last ones count.
const MOST_LINKS: i64 = 10;

/// Why the link makes no account.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// It is not one of ours, or too old.
    #[error("no such link")]
    Unknown,
    /// There is an account; the link is not needed any more.
    #[error("the first account has been made")]
    Done,
    /// What was filled in cannot be taken.
    #[error(transparent)]
    SignUp(#[from] SignUpError),
    /// Too many bad tokens of late.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for SetupError {
    fn from(err: StoreError) -> Self {
        Self::Failed(err.into())
    }
}

/// The token of a new link `/setup/{token}`, while there is no account and sign-up is closed. Only its
/// hash is kept.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn make_link_if_needed(services: &Services) -> Result<Option<SecretString>, Error> {
    if services.policy.allow_signup {
        return Ok(None);
    }
    let env = services.env.as_ref();
    let mut tx = services.store.write().await?;
    if tx.has_users().await? {
        return Ok(None);
    }
    let token = token_hash::generate(env);
    let id = SetupLinkId::new(env);
    tx.add_setup_link(id, &token_hash::hash(&token), env.now())
        .await?;
    tx.trim_setup_links(MOST_LINKS).await?;
    let entry = Entry::new(AuditAction::SetupLinkMade).subject(id.uuid());
    services.audit(&mut tx, entry.detail(OPERATOR)).await?;
    tx.commit().await?;
    Ok(Some(token))
}

/// The path of the link with a token, to be shown once.
pub fn path(token: &SecretString) -> String {
    token_hash::path("/setup/", token)
}

/// Whether the link can make the first account. Changes nothing.
///
/// # Errors
///
/// [`SetupError::Done`], [`SetupError::Unknown`] or [`SetupError::Throttled`].
pub async fn look(
    services: &Services,
    token: &SecretString,
    from: ClientAddress,
) -> Result<(), SetupError> {
    let caller = Caller {
        account: None,
        address: from,
    };
    let now = services.env.now();
    services.throttle.check(caller, now)?;
    let mut tx = services.store.read().await?;
    if tx.has_users().await? {
        return Err(SetupError::Done);
    }
    if !tx.is_setup_link(&token_hash::hash(token)).await? {
        services.throttle.failed(caller, now)?;
        return Err(SetupError::Unknown);
    }
    Ok(())
}

/// Makes the first account and signs it in. Of two at once one wins.
///
/// # Errors
///
/// As [`look`], and those of a sign-up; nothing was kept then.
pub async fn sign_up_first(
    services: &Services,
    token: &SecretString,
    form: SignUpForm,
    from: ClientAddress,
) -> Result<SignedIn, SetupError> {
    // Before the costly hash.
    look(services, token, from).await?;
    let (user, hash) = sign_up::prepare(services, form).await?;
    let mut tx = services.store.write().await?;
    // The second waits here for the first, and then finds no link and an account.
    let is_good = tx.remove_setup_links(&token_hash::hash(token)).await?;
    if tx.has_users().await? {
        return Err(SetupError::Done);
    }
    if !is_good {
        return Err(SetupError::Unknown);
    }
    sign_up::keep(services, &mut tx, &user, &hash).await?;
    let entry = Entry::new(AuditAction::SetupLinkUsed).actor(user.id);
    services
        .audit(&mut tx, entry.subject(user.id.uuid()))
        .await?;
    let signed_in = open_session(services, &mut tx, user).await?;
    tx.commit().await?;
    Ok(signed_in)
}
