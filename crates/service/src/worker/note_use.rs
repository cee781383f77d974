//! Writes what was used: which credentials and keys, and what services asked for. Once a second, and at the
//! end.

use std::sync::Arc;

use domain::refresh::MARGIN;

use crate::{
    Error, Services,
    calls::{Taken, by_day},
};

/// So many rows of calls are written in one transaction: a round that has more takes several, so that
/// others get in between.
const ROWS_AT_ONCE: usize = 2_000;

/// What one round wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Credentials and keys whose last use was written.
    pub last_uses: usize,
    /// Rows of calls that were added to.
    pub rows: usize,
}

/// One round. Costs what was used since the last one, and nothing where nothing was.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer; nothing is lost then.
pub async fn run_once(services: &Arc<Services>) -> Result<Done, Error> {
    let last_uses = write_last_uses(services).await;
    let rows = write_calls(services).await;
    Ok(Done {
        last_uses: last_uses?,
        rows: rows?,
    })
}

async fn write_last_uses(services: &Services) -> Result<usize, Error> {
    let mut credentials = services.engine.usage.take();
    let mut keys = services.key_usage.take();
    if credentials.is_empty() && keys.is_empty() {
        return Ok(0);
    }
    // Whoever writes beside this process goes by the same order, and none waits for another in a ring.
    credentials.sort_unstable();
    keys.sort_unstable();
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

async fn write_calls(services: &Services) -> Result<usize, Error> {
    let Taken { rows, sums } = services.calls.take();
    let now = services.env.now();
    let mut sums = sums.as_slice();
    let mut left = rows.as_slice();
    while !left.is_empty() || !sums.is_empty() {
        let (some, rest) = left.split_at(left.len().min(ROWS_AT_ONCE));
        let written = async {
            let mut tx = services.store.write().await?;
            tx.add_key_usage(some, now).await?;
            tx.add_daily_usage(&by_day(some), now).await?;
            tx.add_daily_usage(sums, now).await?;
            tx.commit().await
        };
        if let Err(err) = written.await {
            services.calls.put_back(left, sums);
            services
                .metrics
                .set_unwritten_usage(left.len() + sums.len());
            return Err(err.into());
        }
        (left, sums) = (rest, &[]);
    }
    services.metrics.set_unwritten_usage(0);
    Ok(rows.len())
}
