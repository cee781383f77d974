//! Writes which credentials were used: once in a while, and at the end.

use std::sync::Arc;

use domain::refresh::MARGIN;

use crate::{Error, Services};

/// One round; tells how many were written.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer; nothing is lost then.
pub async fn run_once(services: &Arc<Services>) -> Result<usize, Error> {
    let used = services.engine.usage.take();
    if used.is_empty() {
        return Ok(0);
    }
    let written = async {
        let mut tx = services.store.write().await?;
        for (team, credential, at) in &used {
            tx.set_used(*team, *credential, *at, MARGIN).await?;
        }
        tx.commit().await
    };
    match written.await {
        Ok(()) => Ok(used.len()),
        Err(err) => {
            services.engine.usage.put_back(&used);
            Err(err.into())
        }
    }
}
