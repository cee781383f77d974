//! `tformance demo`: everything on loopback with a simulated Atlassian; nothing to configure.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use atlassian_sim::{ShiftedEnv, Sim, SimOptions};
use clap::Args;
use domain::{env::Env, team::Role};
use secrecy::SecretString;
use service::{
    Policy, Services,
    sign_up::{SignUpError, SignUpForm, add_account},
    teams::create_team,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use url::Url;
use vault::{KeyId, KeyRing};

use crate::{
    cli::say,
    config::{Client, StoreArgs},
    env::SystemEnv,
    open::{self, OldSchema},
    serve::{Server, bind, check_keys, client_for, runtime},
    shutdown::Signals,
    simulator::CLIENT_SECRET,
    telemetry,
};

/// Serve everything on loopback with a simulated Atlassian.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The port of the pages; 0 takes a free one [default: 8000, or a free one where that is taken].
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Keep database and keys in this folder; without it they are gone at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Use this database instead of a `SQLite` file. Environment variables are not looked at: a demo
    /// must not write into a database that is in use.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// What is logged, as `level` or `target=level,…`.
    #[arg(long = "log", value_name = "FILTER", default_value = "warn")]
    log_filter: String,
}

const CLIENT_ID: &str = "demo-client";
const PASSWORD: &str = "demo password";
const TEAM: &str = "Acme";
const ADMIN: (&str, &str) = ("Ada Admin", "ada@example.com");
const MEMBER: (&str, &str) = ("Max Member", "max@example.com");

/// Runs the command until a signal comes.
///
/// # Errors
///
/// If a port, the folder or the database cannot be had.
pub(crate) fn run(args: DemoArgs) -> anyhow::Result<()> {
    telemetry::start(&StoreArgs {
        log_filter: args.log_filter.clone(),
        ..StoreArgs::for_demo()
    })?;
    runtime()?.block_on(demo(args))
}

async fn demo(args: DemoArgs) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let data = Data::open(args.data)?;
    let listener = listen(args.port).await?;
    let base_url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
    let clock = Arc::new(ShiftedEnv::new(Arc::new(SystemEnv)));
    let env: Arc<dyn Env> = Arc::clone(&clock) as Arc<dyn Env>;
    let web_settings = web::Settings { base_url };
    let options = SimOptions {
        clock: Some(clock),
        saved: data.simulator()?,
        ..SimOptions::new(CLIENT_ID, CLIENT_SECRET.into(), web_settings.redirect_uri())
    };
    let sim = Sim::start(Arc::clone(&env), options)
        .await
        .with_context(|| match data.simulator_path() {
            Some(path) => format!(
                "the simulator did not start; if {} is what it cannot read, remove it: what was \
                 connected has to be connected again then",
                path.display()
            ),
            None => "the simulator did not start".to_owned(),
        })?;
    let url = args
        .database_url
        .map_or_else(|| data.database_url(), SecretString::from);
    let _serving = open::lock_for_serving(&url)?;
    let store = open::open(&url, OldSchema::Migrate).await?;
    let client = Client {
        id: CLIENT_ID.to_owned(),
        secrets: vec![CLIENT_SECRET.into()],
    };
    let (auth, api) = (sim.auth_url().clone(), sim.api_url().clone());
    let atlassian = client_for(client, auth, api, &web_settings, &env)?;
    let policy = Policy {
        allow_signup: true,
        ..Policy::default()
    };
    let key_ring = data.key_ring(env.as_ref())?;
    let services = Arc::new(Services::new(store, key_ring, Some(atlassian), env, policy));
    check_keys(&services).await?;
    seed(&services).await?;
    welcome(&web_settings.base_url, &sim, &data);
    let server = Server {
        listener,
        metrics_listener: None,
        services,
        web_settings,
        proxies: web::client_address::TrustedProxies::default(),
        shutdown: Duration::from_secs(10),
    };
    let ended = server.run(signals, sim.stop()).await;
    // However it ended: without this, what the database holds is worth nothing at the next start.
    data.keep_simulator(&sim)?;
    ended
}

async fn listen(port: Option<u16>) -> anyhow::Result<TcpListener> {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match port {
        Some(port) => TcpListener::bind(address(port)).await.with_context(|| {
            format!("port {port} cannot be had; for example --port 0 takes a free one")
        }),
        None => match TcpListener::bind(address(8000)).await {
            Ok(listener) => Ok(listener),
            Err(_) => bind("LISTEN", address(0)).await,
        },
    }
}

/// The first line is for scripts: the address alone.
fn welcome(base_url: &Url, sim: &Sim, data: &Data) {
    let origin = |url: &Url| url.origin().ascii_serialization();
    let kept = match data {
        Data::Kept(path) => format!("kept in {}", path.display()),
        Data::Temporary(_) => "gone when this ends; --data DIR keeps it".to_owned(),
    };
    say(&format!(
        "{}
Open it in a browser and sign in:

  {}   password: {PASSWORD}   (admin of {TEAM})
  {}   password: {PASSWORD}   (member)

Press Connect Jira. At the simulated Atlassian, Mia Krystof reaches three Jira sites,
Sam One reaches one, and Noa None reaches none.

  simulator   {}
  control     {}
  data        {kept}

Ctrl-C ends it.",
        origin(base_url),
        ADMIN.1,
        MEMBER.1,
        origin(sim.auth_url()),
        origin(sim.control_url()),
    ));
}

/// Where a demo keeps its things.
#[derive(Debug)]
enum Data {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Data {
    fn open(folder: Option<PathBuf>) -> anyhow::Result<Self> {
        match folder {
            Some(path) => {
                std::fs::create_dir_all(&path)
                    .with_context(|| format!("--data {} cannot be made", path.display()))?;
                Ok(Self::Kept(path))
            }
            None => Ok(Self::Temporary(
                tempfile::tempdir().context("no temporary folder can be made")?,
            )),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }

    fn database_url(&self) -> SecretString {
        format!("sqlite://{}", self.path().join("demo.db").display()).into()
    }

    /// Where the simulated Atlassian's side is kept, if anything is.
    fn simulator_path(&self) -> Option<PathBuf> {
        match self {
            Self::Kept(path) => Some(path.join("simulator.json")),
            Self::Temporary(_) => None,
        }
    }

    /// What the simulator knew when the last demo in this folder ended.
    fn simulator(&self) -> anyhow::Result<Option<serde_json::Value>> {
        let Some(path) = self.simulator_path().filter(|it| it.exists()) else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let saved = serde_json::from_str(&text)
            .with_context(|| format!("{} is no JSON; remove it to start anew", path.display()))?;
        Ok(Some(saved))
    }

    /// Keeps what the simulator knows: tokens in the clear, so for this person's eyes only.
    fn keep_simulator(&self, sim: &Sim) -> anyhow::Result<()> {
        match self.simulator_path() {
            Some(path) => write_privately(&path, &sim.state().save().to_string()),
            None => Ok(()),
        }
    }

    /// The keys of this demo, made at its first start.
    fn key_ring(&self, env: &dyn Env) -> anyhow::Result<KeyRing> {
        use secrecy::ExposeSecret as _;
        let path = self.path().join("encryption-keys");
        let text = if path.exists() {
            std::fs::read_to_string(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?
                .trim()
                .into()
        } else {
            let id = KeyId::parse("demo").context("the demo's key id")?;
            let made = KeyRing::generate(env, &id);
            write_privately(&path, made.expose_secret())?;
            made
        };
        KeyRing::parse(&text).with_context(|| format!("{} holds no key ring", path.display()))
    }
}

/// Writes a file that nobody else can read, wholly or not at all.
fn write_privately(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};

    let unfinished = path.with_extension("unfinished");
    let write = || {
        // What a crash left may have been made with other rights.
        if unfinished.exists() {
            std::fs::remove_file(&unfinished)?;
        }
        let mut file = std::fs::File::options()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

/// The team and its two people; a folder that was kept has them already.
async fn seed(services: &Services) -> anyhow::Result<()> {
    let admin = match add_account(services, form(ADMIN)).await {
        Ok(signed_in) => signed_in.person,
        Err(SignUpError::AddressTaken) => return Ok(()),
        Err(err) => return Err(err.into()),
    };
    let team = create_team(services, &admin, TEAM).await?;
    let member = add_account(services, form(MEMBER)).await?.person;
    let mut tx = services.store.write().await?;
    let now = services.env.now();
    tx.add_membership(team.id, member.user().id, Role::Member, now)
        .await?;
    Ok(tx.commit().await?)
}

fn form((name, email): (&str, &str)) -> SignUpForm {
    SignUpForm {
        name: name.to_owned(),
        email: email.to_owned(),
        password: PASSWORD.into(),
    }
}
