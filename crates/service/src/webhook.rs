//! Webhooks: events as JSON, signed as Standard Webhooks 1 has it, for the one receiver that the operator
//! set. What it answers is never kept; what became of it is one of our words.

use std::{error::Error as _, io, net::IpAddr, time::Duration};

use domain::sending::SendTrouble;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use reqwest::{Client, Response, StatusCode, header::RETRY_AFTER, redirect::Policy};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

mod address;
mod signature;

use address::{PrivateAddress, PublicOnly, is_inside};
use signature::SigningSecrets;

/// So long a receiver may take, with everything.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// So much of an answer is read, and forgotten, before the connection is closed.
const MOST_READ_BYTES: usize = 8 * 1024;
/// For so long.
const READ_FOR: Duration = Duration::from_secs(2);

/// Why settings name no receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSettingError {
    /// It is no address.
    #[error("must be an address that begins with https://")]
    Url,
    /// It holds a user or a password, which would go into logs of proxies.
    #[error("must not hold a user or a password: the signature says who sends")]
    User,
    /// Events would go over the network for everybody to read.
    #[error("is plain http beyond this machine; use https, or say ALLOW_PLAIN_HTTP=true")]
    Plain,
    /// It is inside, and that is forbidden.
    #[error("is no address of the public internet, which WEBHOOK_FORBID_PRIVATE demands")]
    Private,
    /// It is not of the form of a secret.
    #[error("must be whsec_ and the base64 of 24 to 64 bytes")]
    Secret,
    /// More than are of use.
    #[error("holds more than two secrets; at most two can be in use at once")]
    TooManySecrets,
    /// TLS cannot be set up.
    #[error("cannot be used: TLS cannot be set up on this machine")]
    Tls,
}

/// The receiver of webhooks. Prints without its address, which may hold a secret.
#[derive(Clone)]
pub struct WebhookReceiver {
    url: Url,
    secrets: SigningSecrets,
    client: Client,
    forbids_private: bool,
}

impl std::fmt::Debug for WebhookReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookReceiver")
            .field("host", &self.url.host_str())
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}

/// Webhooks of this installation. Made once a process.
#[derive(Clone, Debug)]
pub struct Webhooks {
    receiver: WebhookReceiver,
    base_url: Url,
}

impl Webhooks {
    /// To `receiver`, with links to `base_url`: the configured origin.
    pub const fn new(receiver: WebhookReceiver, base_url: Url) -> Self {
        Self { receiver, base_url }
    }

    /// Who gets them.
    pub const fn receiver(&self) -> &WebhookReceiver {
        &self.receiver
    }

    /// What links begin with.
    pub(crate) const fn base_url(&self) -> &Url {
        &self.base_url
    }
}

/// How receivers are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebhookRules {
    /// Whether it may be plain http beyond this machine.
    pub allow_plain_http: bool,
    /// Whether it must be of the public internet.
    pub forbid_private: bool,
}

/// What went wrong, and how long the receiver asks us to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotTaken {
    pub(crate) trouble: SendTrouble,
    pub(crate) asked_to_wait: Option<SignedDuration>,
}

impl NotTaken {
    pub(crate) const fn of(trouble: SendTrouble) -> Self {
        Self {
            trouble,
            asked_to_wait: None,
        }
    }
}

impl WebhookReceiver {
    /// A receiver by its address and secret (two, with a comma, while one is being rotated).
    ///
    /// # Errors
    ///
    /// [`WebhookSettingError`].
    pub fn parse(
        url: &str,
        secrets: &SecretString,
        rules: WebhookRules,
    ) -> Result<Self, WebhookSettingError> {
        let url = Url::parse(url.trim()).map_err(|_| WebhookSettingError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(WebhookSettingError::Url);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebhookSettingError::User);
        }
        if url.scheme() == "http" && !is_loopback(&url) && !rules.allow_plain_http {
            return Err(WebhookSettingError::Plain);
        }
        if rules.forbid_private && ip(&url).is_some_and(is_inside) {
            return Err(WebhookSettingError::Private);
        }
        let secrets = SigningSecrets::parse(secrets)?;
        let client =
            client(PATIENCE, rules.forbid_private).map_err(|_| WebhookSettingError::Tls)?;
        Ok(Self {
            url,
            secrets,
            client,
            forbids_private: rules.forbid_private,
        })
    }

    /// The same with another patience.
    ///
    /// # Errors
    ///
    /// [`WebhookSettingError::Tls`] if TLS cannot be set up.
    pub fn with_patience(self, patience: Duration) -> Result<Self, WebhookSettingError> {
        let client =
            client(patience, self.forbids_private).map_err(|_| WebhookSettingError::Tls)?;
        Ok(Self { client, ..self })
    }

    /// What the store knows it by.
    pub fn url_hash(&self) -> [u8; 32] {
        Sha256::digest(self.url.as_str()).into()
    }

    /// Its name or address, for people.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether a connection to it comes about. Sends nothing that it would take for an event.
    ///
    /// # Errors
    ///
    /// Why not.
    pub async fn test(&self) -> Result<(), SendTrouble> {
        match self.client.head(self.url.clone()).send().await {
            // Whatever it answers to a question that it does not expect: it is there.
            Ok(_) => Ok(()),
            Err(err) => Err(meaning(&err)),
        }
    }

    /// Sends one event; `now` is the time of this attempt.
    pub(crate) async fn send(
        &self,
        id: &str,
        body: String,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        let at = now.as_second();
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", self.secrets.sign(id, at, &body))
            .body(body);
        match request.send().await {
            Ok(response) => judge(response, now).await,
            Err(err) => Err(NotTaken::of(meaning(&err))),
        }
    }
}

fn client(patience: Duration, forbid_private: bool) -> Result<Client, reqwest::Error> {
    let client = Client::builder()
        .user_agent(concat!("tformance/", env!("CARGO_PKG_VERSION")))
        // Followed, an answer could lead us inside, and a POST would become a GET.
        .redirect(Policy::none())
        // The outbox alone tries again: it counts.
        .retry(reqwest::retry::never())
        // An address that was looked at is the one that is connected to: no proxy, no kept connection.
        .no_proxy()
        .pool_max_idle_per_host(0)
        .connect_timeout(patience)
        .timeout(patience);
    let client = if forbid_private {
        client.dns_resolver(PublicOnly)
    } else {
        client
    };
    client.build()
}

async fn judge(response: Response, now: Timestamp) -> Result<(), NotTaken> {
    let status = response.status();
    let asked_to_wait = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|it| wait_in(it.to_str().ok()?, now));
    forget(response).await;
    let trouble = match status {
        it if it.is_success() => return Ok(()),
        StatusCode::GONE => SendTrouble::Gone,
        it if it.is_redirection() => SendTrouble::Redirected,
        it if it.is_client_error() => SendTrouble::RefusedByReceiver,
        _ => SendTrouble::ReceiverFails,
    };
    Err(NotTaken {
        trouble,
        asked_to_wait,
    })
}

/// Reads a little, so that a receiver which is still writing does not see its connection die; whatever
/// comes of that, the status has been told.
async fn forget(mut response: Response) {
    let reading = async {
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > MOST_READ_BYTES {
                break;
            }
        }
    };
    drop(tokio::time::timeout(READ_FOR, reading).await);
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn wait_in(text: &str, now: Timestamp) -> Option<SignedDuration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(SignedDuration::from_secs(i64::from(seconds)));
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(until.duration_since(now).max(SignedDuration::ZERO))
}

fn meaning(err: &reqwest::Error) -> SendTrouble {
    if err.is_timeout() {
        return SendTrouble::TimedOut;
    }
    let mut source = err.source();
    while let Some(inner) = source {
        if inner.is::<PrivateAddress>() {
            return SendTrouble::PrivateAddress;
        }
        if let Some(err) = inner.downcast_ref::<io::Error>() {
            match err.kind() {
                io::ErrorKind::ConnectionRefused => return SendTrouble::Refused,
                io::ErrorKind::TimedOut => return SendTrouble::TimedOut,
                // A handshake that failed comes as this.
                io::ErrorKind::InvalidData => return SendTrouble::Tls,
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe => return SendTrouble::Broken,
                _ => {}
            }
        }
        // What an error of I/O wraps is passed over by its own `source`.
        source = match inner
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => inner.source(),
        };
    }
    if err.is_connect() {
        SendTrouble::Unreachable
    } else {
        SendTrouble::Broken
    }
}

fn ip(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        _ => ip(url).is_some_and(|it| it.is_loopback()),
    }
}

#[cfg(test)]
mod tests;
