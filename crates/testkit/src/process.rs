//! A process of its own inside a test: a thread with its own runtime, its own connections to the
//! database and its own memory, which can be stopped at any step of a refresh, as by SIGSTOP, or killed.
//!
//! While it is stopped nothing of it moves: no timer, no renewal of a lease, no other caller. Killed, it
//! loses what it had in memory and what it had not committed.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use atlassian::Later;
use domain::ids::CredentialId;
use service::refresh::{Engine, RefreshSettings, Step, Steps};
use store::Store;
use tokio::{
    runtime::{Builder, Handle},
    sync::{oneshot, watch},
};

use crate::world::World;

/// Where a process has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The step at which it stands still.
    pub stopped_at: Option<Step>,
    /// How often it wanted a lease: whoever waits for another process's does so again and again.
    pub lease_wanted: usize,
    /// How many pieces of work are done.
    pub done: usize,
}

/// A running process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    world: World,
    handle: Handle,
    gate: Arc<Gate>,
    progress: watch::Receiver<Progress>,
    kill: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[expect(clippy::unwrap_used, reason = "test support")]
impl Process {
    /// Starts one on the world's database, simulator and clock.
    pub async fn start(world: &World, settings: RefreshSettings) -> Self {
        let (progress_of, progress) = watch::channel(Progress::default());
        let gate = Arc::new(Gate {
            told: progress_of,
            plan: Mutex::default(),
            go: Condvar::new(),
        });
        let (kill, killed) = oneshot::channel::<()>();
        let (started, starting) = oneshot::channel();
        let (outer, steps) = (world.clone(), Arc::clone(&gate));
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let store = Store::open_with(&outer.db.url, 2).await.unwrap();
                let inner = outer.process_on(store, Engine::new(settings, steps));
                drop(outer);
                let _nobody_waits = started.send((inner, Handle::current()));
                let _killed = killed.await;
            });
            runtime.shutdown_background();
        });
        let (world, handle) = starting.await.unwrap();
        Self {
            world,
            handle,
            gate,
            progress,
            kill: Some(kill),
            thread: Some(thread),
        }
    }

    /// Begins a piece of work in this process.
    pub fn spawn<F>(&self, work: impl FnOnce(World) -> F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        let (work, told) = (work(self.world.clone()), self.gate.told.clone());
        self.handle.spawn(async move {
            let done = work.await;
            told.send_modify(|it| it.done += 1);
            done
        })
    }

    /// The installation, as this process has it.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Stops the process when one of its refreshes reaches `step` next.
    pub fn stop_at(&self, step: Step) {
        self.gate.lock().stop_at = Some(step);
    }

    /// Takes that back.
    pub fn stop_nowhere(&self) {
        self.gate.lock().stop_at = None;
    }

    /// Where it has come to.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Waits until it has come to something.
    pub async fn until(&self, reached: impl Fn(&Progress) -> bool) -> Progress {
        let mut progress = self.progress.clone();
        *progress.wait_for(reached).await.unwrap()
    }

    /// Waits until it stands still.
    pub async fn stopped(&self) {
        self.until(|it| it.stopped_at.is_some()).await;
    }

    /// Lets it go on from where it stands.
    pub fn go_on(&self) {
        self.gate.lock().goes_on = true;
        self.gate.go.notify_all();
    }

    /// Kills it where it is. What it had committed stays.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.gate.lock().is_killed = true;
        self.gate.go.notify_all();
        if let Some(kill) = self.kill.take() {
            let _is_gone = kill.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where the process stands still.
struct Gate {
    told: watch::Sender<Progress>,
    plan: Mutex<Plan>,
    go: Condvar,
}

#[derive(Debug, Default)]
struct Plan {
    stop_at: Option<Step>,
    goes_on: bool,
    is_killed: bool,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stands still where that was asked for; `false` if the process was killed there.
    fn pass(&self, step: Step) -> bool {
        let mut plan = self.lock();
        if step == Step::BeforeLease {
            self.told.send_modify(|it| it.lease_wanted += 1);
        }
        if plan.stop_at == Some(step) {
            plan.stop_at = None;
            plan.goes_on = false;
            self.told.send_modify(|it| it.stopped_at = Some(step));
            // The whole thread, and so everything that this process does.
            plan = self
                .go
                .wait_while(plan, |it| !it.goes_on && !it.is_killed)
                .unwrap_or_else(PoisonError::into_inner);
            self.told.send_modify(|it| it.stopped_at = None);
        }
        !plan.is_killed
    }
}

impl Steps for Gate {
    fn reached(&self, step: Step, _: CredentialId) -> Later<'_, ()> {
        Box::pin(async move {
            if !self.pass(step) {
                std::future::pending::<()>().await;
            }
        })
    }
}
