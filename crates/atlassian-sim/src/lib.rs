//! A local Atlassian for demos, drills and tests: it enforces what Atlassian enforces.
//!
//! [`Sim::start`] binds three hosts on loopback: **auth** (`/authorize`, `/oauth/token`,
//! `/oauth/revoke`), **api** (sign-in and consent pages, accessible resources, the Jira gateway) and
//! **control** ([`control`]: faults, clock, counts). Tests in the same process use [`Sim::state`]
//! instead of control.
//!
//! What it must not know: our database, our services. Where reality is unknown or disputed, a
//! switch offers both behaviours. Begin reading at [`state`], which has the rules without HTTP.

pub mod clock;
mod consent;
pub mod control;
pub mod faults;
mod gateway;
mod jira;
mod mint;
mod oauth;
mod serving;
pub mod state;

use std::{net::Ipv4Addr, sync::Arc};

use axum::Router;
use domain::env::Env;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

pub use clock::ShiftedEnv;
pub use faults::{Endpoint, Fault, Held, RateLimit};
pub use state::{
    AccountChange, BulkCreated, Counts, DeadGrant, ExpiredToken, IssuedTokens, NotInstalled,
    RevokeEffect, SimState, SiteChange, SwitchError, Switches,
};

/// Ports of the three hosts; 0 takes a free one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// Of the authorization server.
    pub auth: u16,
    /// Of the gateway.
    pub api: u16,
    /// Of the control address.
    pub control: u16,
}

/// What a simulator is started with.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// How browsers and clients call this machine. `localhost`, so that an app at `127.0.0.1` is
    /// another site, as Atlassian is.
    pub host: String,
    /// Where to listen.
    pub ports: Ports,
    /// The registered app: its id, its secret, its one redirect URI.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: SecretString,
    /// The app's redirect URI, compared exactly.
    pub redirect_uri: Url,
    /// The clock that the control address may move; the same that was given as `env`.
    pub clock: Option<Arc<ShiftedEnv>>,
    /// Where to go on from: what [`SimState::save`] gave. The app's registration is taken from these
    /// options all the same.
    pub saved: Option<serde_json::Value>,
}

impl SimOptions {
    /// An app on free ports.
    pub fn new(client_id: &str, client_secret: SecretString, redirect_uri: Url) -> Self {
        Self {
            host: "localhost".to_owned(),
            ports: Ports::default(),
            client_id: client_id.to_owned(),
            client_secret,
            redirect_uri,
            clock: None,
            saved: None,
        }
    }
}

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A port cannot be had.
    #[error("port {port} cannot be had")]
    Port {
        /// Which.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The host name makes no address.
    #[error("the host name makes no address")]
    Host(#[from] url::ParseError),
    /// What was saved is no state of a simulator.
    #[error("what was saved is no state of a simulator")]
    Saved(#[source] serde_json::Error),
    /// What was saved is of another form.
    #[error(
        "what was saved has form {version}, and this simulator reads {}",
        state::SAVED_VERSION
    )]
    SavedVersion {
        /// Which.
        version: u32,
    },
}

/// A running simulator. Dropped, it goes on until the process ends; [`Sim::stop`] ends it.
#[derive(Clone, Debug)]
pub struct Sim {
    state: SimState,
    auth_url: Url,
    api_url: Url,
    control_url: Url,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What the handlers can reach.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) state: SimState,
    pub(crate) auth_url: Url,
    pub(crate) api_url: Url,
}

impl Sim {
    /// Starts a simulator with three accounts: "Mia Krystof" reaches three Jira sites and a wiki, "Sam
    /// One" one site, "Noa None" none.
    ///
    /// # Errors
    ///
    /// [`SimError`] if a port cannot be had, or what was saved cannot be read.
    pub async fn start(env: Arc<dyn Env>, options: SimOptions) -> Result<Self, SimError> {
        let auth = listen(options.ports.auth).await?;
        let api = listen(options.ports.api).await?;
        let control = listen(options.ports.control).await?;
        let url = |it: &Listening| Url::parse(&format!("http://{}:{}", options.host, it.port));
        let (auth_url, api_url, control_url) = (url(&auth)?, url(&api)?, url(&control)?);
        let state = SimState::new(env, &options)?;
        let site = Site {
            state: state.clone(),
            auth_url: auth_url.clone(),
            api_url: api_url.clone(),
        };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let routers: [(Listening, Router); 3] = [
            (auth, oauth::auth_router().with_state(site.clone())),
            (
                api,
                consent::router()
                    .merge(gateway::router())
                    .with_state(site.clone()),
            ),
            (control, control::router(site)),
        ];
        for (listening, router) in routers {
            tasks.spawn(serving::serve(listening.listener, router, stop.clone()));
        }
        tasks.close();
        Ok(Self {
            state,
            auth_url,
            api_url,
            control_url,
            stop,
            tasks,
        })
    }

    /// The authorization server: for `JIRA_AUTH_URL`.
    pub const fn auth_url(&self) -> &Url {
        &self.auth_url
    }

    /// The gateway: for `JIRA_API_URL`.
    pub const fn api_url(&self) -> &Url {
        &self.api_url
    }

    /// Where faults and the clock are set over HTTP.
    pub const fn control_url(&self) -> &Url {
        &self.control_url
    }

    /// The same without HTTP.
    pub const fn state(&self) -> &SimState {
        &self.state
    }

    /// Ends it: open connections are cut.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

struct Listening {
    listener: TcpListener,
    port: u16,
}

async fn listen(port: u16) -> Result<Listening, SimError> {
    let failed = |source| SimError::Port { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok(Listening { listener, port })
}
