//! Looks at the connections whose facts changed, or whose time has come: opens and closes incidents, and
//! writes who is to be told of what.
//!
//! Any number of processes share the work: whoever holds a connection's watch looks. The cost of a round goes
//! by what is due, not by what is stored.

use domain::{credential::Provider, env::random, incident::schedule::FURTHEST};
use jiff::SignedDuration;

use crate::{
    Error, Services,
    notices::{connections, operators},
};

/// So many are looked at in one round.
const MOST_AT_ONCE: i64 = 200;

/// A look that fails for a reason of its own is put off for so long.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(15);

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Connections that were due.
    pub due: usize,
    /// Incidents of connections that opened.
    pub opened: usize,
    /// Incidents of connections that ended.
    pub closed: usize,
    /// Notices that are to be sent.
    pub written: usize,
}

impl Done {
    /// Whether there may be more that is due.
    pub fn is_full(self) -> bool {
        i64::try_from(self.due).is_ok_and(|it| it >= MOST_AT_ONCE)
    }
}

/// One round. May be repeated at any time, by any number of processes.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn run_once(services: &Services) -> Result<Done, Error> {
    let mut done = Done::default();
    for provider in Provider::ALL {
        done.written += operators::look(services, provider).await?;
    }
    look_at_what_is_too_far(services).await?;
    let now = services.env.now();
    let mut due = {
        let mut tx = services.store.read().await?;
        tx.list_due_watches(now, MOST_AT_ONCE).await?
    };
    done.due = due.len();
    // So that processes do not all begin with the same one.
    let drawn = usize::from(u16::from_be_bytes(random(services.env.as_ref())));
    let first = drawn.checked_rem(due.len()).unwrap_or_default();
    due.rotate_left(first);
    for of in due {
        match connections::look(services, of).await {
            Ok(Some(looked)) => {
                done.opened += usize::from(looked.has_opened);
                done.closed += usize::from(looked.has_closed);
                done.written += looked.written;
            }
            Ok(None) => {}
            Err(err @ Error::StoreUnavailable(_)) => return Err(err),
            Err(err) => {
                tracing::error!(
                    credential.id = %of.credential, error = %err, cause = ?std::error::Error::source(&err),
                    "a connection could not be looked at"
                );
                connections::put_off(services, of, now + PUT_OFF).await?;
            }
        }
    }
    if done.written > 0 {
        services.notices.written.notify_waiters();
    }
    Ok(done)
}

/// A clock that was set back leaves plans behind that are too far ahead: they are made anew.
async fn look_at_what_is_too_far(services: &Services) -> Result<(), Error> {
    let now = services.env.now();
    let too_far = {
        let mut tx = services.store.read().await?;
        tx.list_incidents_too_far(now + FURTHEST, MOST_AT_ONCE)
            .await?
    };
    if too_far.is_empty() {
        return Ok(());
    }
    let mut tx = services.store.write().await?;
    for of in too_far {
        tx.watch_connection(of.team, of.credential, now).await?;
    }
    Ok(tx.commit().await?)
}
