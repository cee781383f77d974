//! Looks into a refresh: each step is noted, and at any of them a test may act or hold it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atlassian::Later;
use domain::ids::CredentialId;
use service::refresh::{Step, Steps};
use tokio::sync::Semaphore;

/// Is told the steps of all refreshes of one process.
#[derive(Debug, Default)]
pub struct WatchedSteps(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    reached: Vec<Step>,
    acts: Vec<(Step, Act)>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("reached", &self.reached)
            .finish_non_exhaustive()
    }
}

enum Act {
    Do(Box<dyn FnOnce() + Send>),
    Hold(HeldStep),
}

/// A refresh that stands still at a step, while its process goes on.
#[derive(Clone, Debug)]
pub struct HeldStep {
    reached: Arc<Semaphore>,
    release: Arc<Semaphore>,
}

impl HeldStep {
    fn new() -> Self {
        Self {
            reached: Arc::new(Semaphore::new(0)),
            release: Arc::new(Semaphore::new(0)),
        }
    }

    /// Waits until the refresh is there.
    pub async fn reached(&self) {
        // Never closed: the semaphore is ours.
        let _permit = self.reached.acquire().await;
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.release.add_permits(1);
    }
}

impl WatchedSteps {
    /// Nothing is done at any step yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does this when `step` is reached next; several are done one a time.
    pub fn once(&self, step: Step, act: impl FnOnce() + Send + 'static) {
        self.lock().acts.push((step, Act::Do(Box::new(act))));
    }

    /// Holds the refresh that reaches `step` next.
    pub fn hold(&self, step: Step) -> HeldStep {
        let held = HeldStep::new();
        self.lock().acts.push((step, Act::Hold(held.clone())));
        held
    }

    /// What was reached so far, in order.
    pub fn reached_so_far(&self) -> Vec<Step> {
        self.lock().reached.clone()
    }
}

impl Steps for WatchedSteps {
    fn reached(&self, step: Step, _: CredentialId) -> Later<'_, ()> {
        let act = {
            let mut inner = self.lock();
            inner.reached.push(step);
            let place = inner.acts.iter().position(|(at, _)| *at == step);
            place.map(|it| inner.acts.remove(it).1)
        };
        Box::pin(async move {
            match act {
                None => {}
                Some(Act::Do(act)) => act(),
                Some(Act::Hold(held)) => {
                    held.reached.add_permits(1);
                    let _permit = held.release.acquire().await;
                }
            }
        })
    }
}
