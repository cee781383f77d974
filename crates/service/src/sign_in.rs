//! Signing in and out.

use domain::{
    ids::SessionId,
    session::{ABSOLUTE_LIFE, Session},
    text::EmailAddress,
    user::User,
};
use secrecy::SecretString;
use store::Tx;
use vault::token_hash;

use crate::{
    Error, Services, password,
    throttle::{Caller, ClientAddress, Throttled},
    who::Person,
};

/// A new session, for a browser to keep.
#[derive(Debug)]
pub struct SignedIn {
    /// What the browser's cookie holds; only its hash is kept.
    pub token: SecretString,
    /// Who signed in.
    pub person: Person,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Address or password is wrong; which, is not told.
    #[error("address or password is wrong")]
    Refused,
    /// Too many were wrong of late; this one was not looked at.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Signs a person in with address and password. Each time a new session.
///
/// # Errors
///
/// [`SignInError::Refused`] if there is no such account or the password is another,
/// [`SignInError::Throttled`] if too many were wrong of late.
pub async fn sign_in(
    services: &Services,
    email: &str,
    password: SecretString,
    from: ClientAddress,
) -> Result<SignedIn, SignInError> {
    let caller = Caller {
        account: Some(email),
        address: from,
    };
    services.throttle.check(caller, services.env.now())?;
    let found = match EmailAddress::parse(email) {
        Ok(email) => {
            let mut tx = services.store.read().await.map_err(Error::from)?;
            tx.find_user_for_sign_in(&email)
                .await
                .map_err(Error::from)?
        }
        Err(_) => None,
    };
    let (user, hash) = found.unzip();
    let good = password::verify(services, password, hash.clone()).await?;
    let now = services.env.now();
    let Some((user, hash)) = user.zip(hash).filter(|_| good) else {
        tracing::info!("a sign-in was refused");
        services.throttle.failed(caller, now)?;
        return Err(SignInError::Refused);
    };
    // Of many guesses at once, the right one must not be told when the others were too many.
    services.throttle.check(caller, now)?;
    let mut tx = services.store.write().await.map_err(Error::from)?;
    // A password that was changed meanwhile has ended all sessions; it must not begin one.
    tx.lock_user(user.id).await.map_err(Error::from)?;
    if tx.find_password_hash(user.id).await.map_err(Error::from)? != Some(hash) {
        return Err(SignInError::Refused);
    }
    let signed_in = open_session(services, &mut tx, user).await?;
    tx.commit().await.map_err(Error::from)?;
    Ok(signed_in)
}

/// Ends the session of `person`; its other sessions go on.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn sign_out(services: &Services, person: &Person) -> Result<(), Error> {
    let mut tx = services.store.write().await?;
    tx.remove_session(person.session().id).await?;
    Ok(tx.commit().await?)
}

pub(crate) async fn open_session(
    services: &Services,
    tx: &mut Tx,
    user: User,
) -> Result<SignedIn, Error> {
    let env = services.env.as_ref();
    let now = env.now();
    let token = token_hash::generate(env);
    let session = Session {
        id: SessionId::new(env),
        user: user.id,
        ends_at: now + ABSOLUTE_LIFE,
        last_seen_at: now,
    };
    tx.add_session(&session, &token_hash::hash(&token)).await?;
    Ok(SignedIn {
        token,
        person: Person::new(session, user),
    })
}
