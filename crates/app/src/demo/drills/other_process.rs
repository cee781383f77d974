//! A second process of the demo's server, to be killed: opens the demo's database as any process does, and
//! refreshes the connection. It is told where by its standard input, for addresses may hold passwords.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use atlassian_sim::ShiftedEnv;
use domain::env::Env;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use service::{
    Policy, Services,
    connections::find as find_connection,
    refresh::{Wish, serve},
};
use url::Url;

use super::stage::Stage;
use crate::{
    config::StoreArgs,
    demo::{client, data::Data, people::SLUG},
    env::SystemEnv,
    open,
    serve::{client_for, runtime},
    telemetry,
};

/// What the process is told.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    folder: PathBuf,
    database_url: Option<String>,
    base_url: Url,
    auth_url: Url,
    api_url: Url,
    /// How far the demo's clock is shifted.
    shift_millis: i64,
}

/// The process. Whoever lets go of it ends it.
#[derive(Debug)]
pub(super) struct OtherProcess(Child);

impl OtherProcess {
    /// Starts it.
    pub(super) fn start(stage: &Stage) -> anyhow::Result<Self> {
        let env = &stage.services.env;
        let shift = env.now().duration_since(SystemEnv.now());
        let task = Task {
            folder: stage.folder.clone(),
            database_url: stage.database_url.clone(),
            base_url: stage.base_url.clone(),
            auth_url: stage.sim.auth_url().clone(),
            api_url: stage.sim.api_url().clone(),
            shift_millis: i64::try_from(shift.as_millis()).unwrap_or_default(),
        };
        let program = std::env::current_exe().context("the program's own file is not known")?;
        let mut child = Command::new(program)
            .arg("drill-refresh")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("a second process cannot be started")?;
        let stdin = child.stdin.take();
        let process = Self(child);
        let mut stdin = stdin.context("the second process does not listen")?;
        stdin.write_all(&serde_json::to_vec(&task)?)?;
        Ok(process)
    }

    /// What the system knows it by.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it runs.
    pub(super) fn is_alive(&mut self) -> anyhow::Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }

    /// SIGKILL: it has no time for anything.
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        let _gone = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// What the process does.
///
/// # Errors
///
/// If it cannot be done.
pub(crate) fn run() -> anyhow::Result<()> {
    telemetry::start(&StoreArgs::for_demo())?;
    let task: Task = serde_json::from_reader(std::io::stdin())
        .context("this command is for `tformance demo`, which starts it")?;
    runtime()?.block_on(refresh(task))
}

async fn refresh(task: Task) -> anyhow::Result<()> {
    let clock = ShiftedEnv::new(Arc::new(SystemEnv));
    clock.set_shift_millis(task.shift_millis);
    let env: Arc<dyn Env> = Arc::new(clock);
    let data = Data::Kept(task.folder);
    let url = task
        .database_url
        .map_or_else(|| data.database_url(), SecretString::from);
    let store = open::open_as_it_is(&url).await?;
    let settings = web::Settings::new(task.base_url);
    let atlassian = client_for(client(), task.auth_url, task.api_url, &settings, &env)?;
    let key_ring = data.key_ring(env.as_ref())?;
    let policy = Policy::default();
    let services = Arc::new(Services::new(store, key_ring, Some(atlassian), env, policy));
    let found = find_connection(&services, SLUG).await?;
    let credential = found.and_then(|it| it.credential);
    let credential = credential.context("there is no connection to refresh")?;
    // More than it has left: a reason to have a newer one.
    let wish = Wish {
        minimum: SignedDuration::from_mins(50),
        max_wait: Duration::from_mins(1),
    };
    serve(&services, &credential, wish).await?;
    Ok(())
}
