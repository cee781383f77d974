//! What the operator's commands share: they work on a database that is there and fits, beside
//! processes that serve it.

use std::sync::Arc;

use secrecy::SecretString;
use service::{Policy, Services};
use vault::KeyRing;

use crate::{
    config::{self, ProcessEnvironment, SettingError, StoreArgs},
    env::SystemEnv,
    open, telemetry,
};

/// Reads the settings of a command: the database's address and the key ring. Starts the logs.
///
/// # Errors
///
/// A wrong setting.
pub(crate) fn settings(args: &StoreArgs) -> anyhow::Result<(SecretString, KeyRing)> {
    let url = config::database_url(args, &ProcessEnvironment)?;
    let key_ring: Result<KeyRing, SettingError> = config::key_ring(&ProcessEnvironment);
    let key_ring = key_ring?;
    telemetry::start(args)?;
    Ok((url, key_ring))
}

/// The use cases on a database that is there, with a schema of this version.
///
/// # Errors
///
/// If it is not there, does not answer, or its schema is another one.
pub(crate) async fn services(url: &SecretString, key_ring: KeyRing) -> anyhow::Result<Services> {
    let store = open::open_as_it_is(url).await?;
    Ok(services_on(store, key_ring))
}

/// The use cases on an open database, with what the operator usually decides; they reach nobody else.
pub(crate) fn services_on(store: store::Store, key_ring: KeyRing) -> Services {
    let env = Arc::new(SystemEnv);
    Services::new(store, key_ring, None, env, Policy::default())
}
