//! Making an account. It signs in at once and needs no mail.

use domain::{
    audit::AuditAction,
    ids::UserId,
    text::{EmailAddress, NewPassword, PersonName, TextError},
    user::User,
};
use secrecy::SecretString;
use store::Tx;

use crate::{
    Entry, Error, Services, password,
    sign_in::{SignedIn, open_session},
};

/// What a person filled in.
#[derive(Clone, Debug)]
pub struct SignUpForm {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

/// What is wrong with each field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignUpMistakes {
    /// With the name.
    pub name: Option<TextError>,
    /// With the address.
    pub email: Option<TextError>,
    /// With the password.
    pub password: Option<TextError>,
}

/// Why no account was made.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The operator does not allow it.
    #[error("sign-up is closed")]
    Closed,
    /// Some fields cannot be taken.
    #[error("some fields cannot be taken")]
    Mistakes(SignUpMistakes),
    /// The address has an account.
    #[error("the address has an account")]
    AddressTaken,
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Makes an account and signs it in.
///
/// # Errors
///
/// [`SignUpError::Closed`], [`SignUpError::Mistakes`] or [`SignUpError::AddressTaken`]; nothing is
/// kept then.
pub async fn sign_up(services: &Services, form: SignUpForm) -> Result<SignedIn, SignUpError> {
    if !services.policy.allow_signup {
        return Err(SignUpError::Closed);
    }
    add_account(services, form).await
}

/// Makes an account whatever the policy; for [`sign_up`] and for seeding a demo.
///
/// # Errors
///
/// As [`sign_up`], without `Closed`.
pub async fn add_account(services: &Services, form: SignUpForm) -> Result<SignedIn, SignUpError> {
    let (user, hash) = prepare(services, form).await?;
    let mut tx = services.store.write().await.map_err(Error::from)?;
    keep(services, &mut tx, &user, &hash).await?;
    let signed_in = open_session(services, &mut tx, user).await?;
    tx.commit().await.map_err(Error::from)?;
    Ok(signed_in)
}

/// Checks a form and hashes its password; nothing is kept yet.
pub(crate) async fn prepare(
    services: &Services,
    form: SignUpForm,
) -> Result<(User, String), SignUpError> {
    let (name, email, password) = check(form).map_err(SignUpError::Mistakes)?;
    let hash = password::hash(services, &password).await?;
    let env = services.env.as_ref();
    let user = User {
        id: UserId::new(env),
        name,
        email,
        created_at: env.now(),
    };
    Ok((user, hash))
}

/// Keeps an account, in the transaction of what it was made for.
pub(crate) async fn keep(
    services: &Services,
    tx: &mut Tx,
    user: &User,
    hash: &str,
) -> Result<(), SignUpError> {
    if !tx.add_user(user, hash).await.map_err(Error::from)? {
        return Err(SignUpError::AddressTaken);
    }
    let entry = Entry::new(AuditAction::UserSignedUp)
        .actor(user.id)
        .subject(user.id.uuid());
    Ok(services.audit(tx, entry).await?)
}

pub(crate) fn check(
    form: SignUpForm,
) -> Result<(PersonName, EmailAddress, NewPassword), SignUpMistakes> {
    let name = PersonName::parse(&form.name);
    let email = EmailAddress::parse(&form.email);
    let password = NewPassword::parse(form.password);
    match (name, email, password) {
        (Ok(name), Ok(email), Ok(password)) => Ok((name, email, password)),
        (name, email, password) => Err(SignUpMistakes {
            name: name.err(),
            email: email.err(),
            password: password.err(),
        }),
    }
}
