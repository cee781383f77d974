//! The client for Atlassian's HTTP interfaces: five calls, and what their answers mean; and [`gateway`], which
//! passes on what others call.
//!
//! - [`oauth`]: the authorize URL, code and refresh token for a pair (RFC 6749; Atlassian's OAuth 2.0
//!   (3LO) pages).
//! - [`before_send`]: the last look before an exchange is written.
//! - [`sites`]: which Jira sites a token reaches. [`jira`]: whose account it is.
//! - [`classify`]: what an answer of the token endpoint means; pure. Everything hinges on telling a dead
//!   grant from an outage.
//! - [`rate_limits`]: what an answer of the gateway says of Atlassian's limits; pure.
//! - [`wire`]: the fields as they are sent; shared with the simulator.
//!
//! This crate must not know SQL or axum. Text that Atlassian sends is never kept in an error and never
//! logged. Begin reading at [`oauth`].

pub mod before_send;
pub mod classify;
pub mod error;
pub mod gateway;
pub mod jira;
pub mod oauth;
pub mod rate_limits;
pub mod sites;
mod transport;
pub mod wire;

use std::sync::{Arc, atomic::AtomicUsize};

use domain::env::Env;
use secrecy::SecretString;
use url::Url;

pub use before_send::{BeforeSend, Later};
pub use error::{CallError, ExchangeError, RefreshError, RevokeError, SetupError};
pub use jira::Account;
pub use oauth::{GrantedTokens, RefreshedTokens};
pub use sites::OfferedSite;
pub use transport::{Observer, Timeouts};

/// How this installation is known to Atlassian.
#[derive(Clone, Debug)]
pub struct AtlassianSettings {
    /// Where people consent and tokens are exchanged: `https://auth.atlassian.com`.
    pub auth_url: Url,
    /// The gateway: `https://api.atlassian.com`.
    pub api_url: Url,
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret; two while one is being rotated. The first is tried first.
    pub client_secrets: Vec<SecretString>,
    /// The one redirect URI of the installation.
    pub redirect_uri: Url,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// A client, made once a process. Cheap to share by reference.
#[derive(Debug)]
pub struct Atlassian {
    settings: AtlassianSettings,
    transport: transport::Transport,
    gateway: gateway::Gateway,
    env: Arc<dyn Env>,
    /// Which of the client secrets was accepted last.
    accepted_secret: AtomicUsize,
}

impl Atlassian {
    /// Makes a client. Asks nobody.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if there is no client secret, the gateway's address has no host, or TLS cannot be set up.
    pub fn new(settings: AtlassianSettings, env: Arc<dyn Env>) -> Result<Self, SetupError> {
        if settings.client_secrets.is_empty() {
            return Err(SetupError::NoClientSecret);
        }
        let transport = transport::Transport::new(settings.timeouts).map_err(SetupError::Tls)?;
        let gateway = gateway::Gateway::new(&settings.api_url, settings.timeouts)?;
        Ok(Self {
            settings,
            transport,
            gateway,
            env,
            accepted_secret: AtomicUsize::new(0),
        })
    }

    /// The same, and `observer` is told how long each answer takes.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.transport.observer = observer;
        self
    }
}
