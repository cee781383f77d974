//! How this installation is known to Atlassian: client id and secret, both or none.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Environment, SettingError, secret};

/// How this installation is known to Atlassian.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// The client id.
    pub(crate) id: String,
    /// One secret, or two while one is being rotated.
    pub(crate) secrets: Vec<SecretString>,
}

/// Client id and secret, where they are set.
///
/// # Errors
///
/// [`SettingError`] for one without the other, or for too many.
pub(super) fn client(id: &str, env: &dyn Environment) -> Result<Option<Client>, SettingError> {
    const NAME: &str = "JIRA_CLIENT_SECRET";
    const EXAMPLE: &str = "the secret that Atlassian's developer console shows";
    let id = id.trim();
    let secrets = secret(NAME, EXAMPLE, env)?;
    let secrets: Vec<SecretString> = secrets
        .iter()
        .flat_map(|it| it.expose_secret().split(','))
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(SecretString::from)
        .collect();
    match (id.is_empty(), secrets.len()) {
        (true, 0) => Ok(None),
        (true, _) => Err(SettingError::new(
            "JIRA_CLIENT_ID",
            "is not set, but JIRA_CLIENT_SECRET is; set both or none",
            "the client id that Atlassian's developer console shows",
        )),
        (false, 0) => Err(SettingError::new(
            NAME,
            "is not set, but JIRA_CLIENT_ID is; set both or none",
            EXAMPLE,
        )),
        (false, 1 | 2) => Ok(Some(Client {
            id: id.to_owned(),
            secrets,
        })),
        (false, n) => Err(SettingError::new(
            NAME,
            format!("holds {n} secrets; at most two can be in use at once"),
            "new-secret,old-secret",
        )),
    }
}
