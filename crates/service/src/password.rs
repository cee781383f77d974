//! Passwords: hashed slowly, off the async threads, a few at once.

use std::sync::{Arc, OnceLock};

use anyhow::anyhow;
use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
};
use domain::{env::random, text::NewPassword};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::{Error, Services};

/// Each hash takes 19 MiB and a core for a while; more at once would starve everything else.
pub(crate) const AT_ONCE: usize = 2;

/// Argon2id as OWASP's password storage cheat sheet has it: 19 MiB, 2 passes, 1 lane.
fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(19 * 1024, 2, 1, None)
        .map_err(|err| Error::Internal(anyhow!("argon2 parameters: {err}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password; the result (PHC string) is what is kept.
pub(crate) async fn hash(services: &Services, password: &NewPassword) -> Result<String, Error> {
    let salt = random::<16>(services.env.as_ref());
    let secret = password.secret().clone();
    off_thread(&services.hashing, move || {
        let hash: PasswordHash = argon2()?
            .hash_password_with_salt(secret.expose_secret().as_bytes(), &salt)
            .map_err(|err| Error::Internal(anyhow!("hashing a password: {err}")))?;
        Ok(hash.to_string())
    })
    .await
}

/// Whether `password` is the one of `hash`.
///
/// Without a hash (no such account) it works as long and says no, so that the time tells nobody
/// which addresses have accounts.
pub(crate) async fn verify(
    services: &Services,
    password: SecretString,
    hash: Option<String>,
) -> Result<bool, Error> {
    off_thread(&services.hashing, move || {
        let exists = hash.is_some();
        let hash = match hash {
            Some(it) => it,
            None => nobodys_hash()?,
        };
        let parsed = PasswordHash::new(&hash)
            .map_err(|err| Error::Internal(anyhow!("a stored password hash: {err}")))?;
        let good = argon2()?
            .verify_password(password.expose_secret().as_bytes(), &parsed)
            .is_ok();
        Ok(good && exists)
    })
    .await
}

fn nobodys_hash() -> Result<String, Error> {
    static HASH: OnceLock<String> = OnceLock::new();
    if let Some(hash) = HASH.get() {
        return Ok(hash.clone());
    }
    let hash: PasswordHash = argon2()?
        .hash_password_with_salt(b"nobody", b"no account here.")
        .map_err(|err| Error::Internal(anyhow!("hashing a password: {err}")))?;
    Ok(HASH.get_or_init(|| hash.to_string()).clone())
}

async fn off_thread<T: Send + 'static>(
    hashing: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let permit = Arc::clone(hashing)
        .acquire_owned()
        .await
        .map_err(|err| Error::Internal(anyhow!("hashing has ended: {err}")))?;
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    })
    .await
    .map_err(|err| Error::Internal(anyhow!("hashing stopped: {err}")))?
}
