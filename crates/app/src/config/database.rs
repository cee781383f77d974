//! The address of the database.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Environment, SettingError, StoreArgs, secret};
use crate::open::sqlite_file;

/// The database's address.
///
/// # Errors
///
/// [`SettingError`] if it is none.
pub(crate) fn database_url(
    args: &StoreArgs,
    env: &dyn Environment,
) -> Result<SecretString, SettingError> {
    const NAME: &str = "DATABASE_URL";
    const EXAMPLE: &str = "sqlite:///var/lib/tformance/tformance.db";
    let given = match &args.database_url {
        Some(it) if has_password(it) => {
            let what = "has a password on the command line, which everybody on this machine can \
                        read; set the variable instead";
            return Err(SettingError::new(NAME, what, EXAMPLE));
        }
        Some(it) => Some(it.clone().into()),
        None => secret(NAME, EXAMPLE, env)?,
    };
    let url: SecretString = given.unwrap_or_else(|| "sqlite://tformance.db".into());
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if !known.iter().any(|it| url.expose_secret().starts_with(it)) {
        let what = "must begin with sqlite:// or postgres://";
        return Err(SettingError::new(NAME, what, EXAMPLE));
    }
    // Without a file each connection would have a database of its own, and none would be kept.
    if url.expose_secret().starts_with("sqlite:") && sqlite_file(&url).is_none() {
        let what = "must name a file after sqlite://";
        return Err(SettingError::new(NAME, what, EXAMPLE));
    }
    Ok(url)
}

fn has_password(url: &str) -> bool {
    Url::parse(url).is_ok_and(|it| it.password().is_some())
}
