//! The holder of a lease: the one who may send the old token, for as long as the lease is fresh.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use atlassian::{Atlassian, BeforeSend, Later, RefreshError, RefreshedTokens};
use domain::{
    credential::IntegrationCredential,
    env::{Env, random},
    refresh_event::RefreshCause,
};
use jiff::Timestamp;
use secrecy::SecretString;
use store::{RefreshOf, StoreError};
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::{pause, steps::Step};
use crate::{Error, Services};

/// Holds the lease of one attempt, and renews it until it is dropped.
pub(super) struct Holder {
    pub(super) of: RefreshOf,
    pub(super) cause: RefreshCause,
    /// When this attempt was begun: the intent, where none stood before.
    pub(super) begun_at: Timestamp,
    services: Arc<Services>,
    granted: Mutex<Moment>,
    renewing: Mutex<Option<AbortHandle>>,
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder")
            .field("of", &self.of)
            .finish_non_exhaustive()
    }
}

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
struct Moment {
    wall: Timestamp,
    elapsed: Duration,
}

impl Moment {
    fn now(env: &dyn Env) -> Self {
        Self {
            wall: env.now(),
            elapsed: env.elapsed(),
        }
    }

    /// How long ago it was, by the clock that says more: the one stands still while a machine sleeps, the
    /// other jumps when somebody sets it.
    fn age(self, env: &dyn Env) -> Duration {
        let wall = env.now().duration_since(self.wall);
        let wall = Duration::try_from(wall).unwrap_or_default();
        wall.max(env.elapsed().saturating_sub(self.elapsed))
    }
}

/// What an exchange came to.
pub(super) enum Exchanged {
    /// An answer, or none; what it means stands in it.
    Answer(Result<RefreshedTokens, RefreshError>),
    /// Nothing was sent, and the lease is another's by now.
    LeaseLost,
}

impl Holder {
    /// Writes the intent and takes the lease; `None` if somebody else is at it, or the row changed.
    pub(super) async fn take(
        services: &Arc<Services>,
        credential: &IntegrationCredential,
        cause: RefreshCause,
    ) -> Result<Option<Arc<Self>>, Error> {
        let env = services.env.as_ref();
        let of = RefreshOf {
            team: credential.team,
            credential: credential.id,
            generation: credential.generation,
            owner: Uuid::from_bytes(random(env)),
        };
        let length = services.engine.settings.lease;
        let (seen, is_forced) = (
            credential.schedule.started_at,
            matches!(cause, RefreshCause::Rejected | RefreshCause::Person),
        );
        // Before the statement is sent: it may take long.
        let granted = Moment::now(env);
        let written = async {
            let mut tx = services.store.write().await?;
            let is_ours = tx
                .lease_refresh(of, seen, length, is_forced, granted.wall)
                .await?;
            tx.commit().await?;
            Ok::<bool, StoreError>(is_ours)
        };
        let written = written.await;
        // The intent proves that the store can be written before the old token is spent.
        let took_it = written.is_ok();
        services.engine.writable.note(took_it, granted.elapsed);
        if !written? {
            return Ok(None);
        }
        let holder = Arc::new(Self {
            of,
            cause,
            begun_at: granted.wall,
            services: Arc::clone(services),
            granted: Mutex::new(granted),
            renewing: Mutex::new(None),
        });
        holder.keep_renewing();
        Ok(Some(holder))
    }

    /// Renews three times a lease's length. The task does not keep the holder alive.
    fn keep_renewing(self: &Arc<Self>) {
        let every = Duration::try_from(self.services.engine.settings.lease).unwrap_or_default() / 3;
        let weak = Arc::downgrade(self);
        let task = tokio::spawn(async move {
            loop {
                pause(every).await;
                let Some(holder) = weak.upgrade() else { return };
                match holder.renew().await {
                    Ok(true) => {}
                    Ok(false) => return,
                    // The pair in hand counts, not the lease; it is tried again.
                    Err(err) => tracing::debug!(error = %err, "a lease was not renewed"),
                }
            }
        });
        *self.renewing.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
    }

    /// Holds the lease on from now; `false` if it is another's.
    async fn renew(&self) -> Result<bool, Error> {
        let moment = Moment::now(self.services.env.as_ref());
        let length = self.services.engine.settings.lease;
        let mut tx = self.services.store.write().await?;
        let renewed = tx.renew_lease(self.of, length).await?;
        tx.commit().await?;
        if renewed {
            *self.granted.lock().unwrap_or_else(PoisonError::into_inner) = moment;
        }
        Ok(renewed)
    }

    /// Less than half the lease has passed since the moment before it was granted or last renewed.
    fn is_fresh(&self) -> bool {
        let granted = *self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let length = Duration::try_from(self.services.engine.settings.lease).unwrap_or_default();
        granted.age(self.services.env.as_ref()) < length / 2
    }

    /// Sends the old token. On a stale lease nothing is sent: it is taken again first.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        atlassian: &Atlassian,
        old: &SecretString,
    ) -> Result<Exchanged, Error> {
        let before_send: Arc<dyn BeforeSend> = Arc::new(BeforeExchange(Arc::clone(self)));
        loop {
            match atlassian.refresh(old, &before_send).await {
                Err(err) if err.held_back => {
                    self.services.metrics.held_back();
                    tracing::info!(credential.id = %self.of.credential, "a refresh was held back: the lease was stale");
                    if !self.renew().await? {
                        return Ok(Exchanged::LeaseLost);
                    }
                }
                answer => return Ok(Exchanged::Answer(answer)),
            }
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let renewing = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = &*renewing {
            task.abort();
        }
    }
}

/// The last look before the old token is sent.
#[derive(Debug)]
struct BeforeExchange(Arc<Holder>);

impl BeforeSend for BeforeExchange {
    fn may_send(&self) -> Later<'_, bool> {
        Box::pin(async move {
            let steps = &self.0.services.engine.steps;
            steps.reached(Step::BeforeSend, self.0.of.credential).await;
            self.0.is_fresh()
        })
    }
}
