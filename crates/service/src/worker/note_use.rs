//! Writes which credentials and keys were used: once in a while, and at the end.

use std::sync::Arc;

use domain::refresh::MARGIN;

use crate::{Error, Services};

/// One round; tells how many were written.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer; nothing is lost then.
pub async fn run_once(services: &Arc<Services>) -> Result<usize, Error> {
    let credentials = services.engine.usage.take();
    let keys = services.key_usage.take();
    if credentials.is_empty() && keys.is_empty() {
        return Ok(0);
    }
    let written = async {
        let mut tx = services.store.write().await?;
        for (team, credential, at) in &credentials {
            tx.set_used(*team, *credential, *at, MARGIN).await?;
        }
        for (team, key, at) in &keys {
            tx.set_api_key_used(*team, *key, *at).await?;
        }
        tx.commit().await
    };
    match written.await {
        Ok(()) => Ok(credentials.len() + keys.len()),
        Err(err) => {
            services.engine.usage.put_back(&credentials);
            services.key_usage.put_back(&keys);
            Err(err.into())
        }
    }
}
