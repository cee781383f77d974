//! Sends what is in the outbox and due. Each channel has rounds of its own, so that a slow receiver of
//! webhooks holds up no mail, nor the other way round.

use std::sync::Arc;

use domain::outbox::Channel;
use tokio::task::JoinSet;

use crate::{
    Error, Services,
    sending::{Verdict, attend, claim, record_left_over},
};

/// So many go out at the same time, each over a connection of its own.
const MOST_AT_ONCE: i64 = 8;

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What was due.
    pub due: usize,
    /// What the other side took.
    pub sent: usize,
}

impl Done {
    /// Whether there may be more that is due.
    pub fn is_full(self) -> bool {
        i64::try_from(self.due).is_ok_and(|it| it >= MOST_AT_ONCE)
    }
}

/// One round of a channel. May be repeated at any time, by any number of processes.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer. What was sent by then is recorded in a later
/// round.
pub async fn run_once(services: &Arc<Services>, channel: Channel) -> Result<Done, Error> {
    record_left_over(services).await?;
    let claimed_at = services.env.elapsed();
    let entries = claim(services, channel, MOST_AT_ONCE).await?;
    let mut done = Done {
        due: entries.len(),
        sent: 0,
    };
    let mut sending = JoinSet::new();
    for entry in entries {
        let services = Arc::clone(services);
        sending.spawn(async move { attend(&services, entry, claimed_at).await });
    }
    // All of them, whatever became of the first: each is in somebody's hand.
    let mut trouble = None;
    while let Some(ended) = sending.join_next().await {
        match ended.map_err(anyhow::Error::new) {
            Ok(Ok(verdict)) => done.sent += usize::from(verdict == Verdict::Taken),
            Ok(Err(err)) => trouble = Some(err),
            Err(err) => trouble = Some(err.into()),
        }
    }
    trouble.map_or(Ok(done), Err)
}
