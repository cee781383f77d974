//! Mail, where the operator has set a server for it: what is written, and how it is sent.
//!
//! Mail is sent by a task of its own ([`send`]): no page and no transaction waits for the server. What
//! goes wrong there is logged as a meaning; neither addresses nor words of the server are.

use std::{
    error::Error as _,
    io,
    net::Ipv4Addr,
    time::{Duration, SystemTime},
};

use domain::{
    env::{Env, random},
    text::{EmailAddress, PersonName, TeamName},
};
use jiff::Timestamp;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp,
};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use crate::Services;

mod bodies;
mod notices;

use bodies::Letter;
pub(crate) use notices::{NoticeMail, Subject};

/// So long a server may take for one mail, with everything.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Why settings name no mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailServerError {
    /// It is no address of a mail server.
    #[error(
        "must be of the form smtps://user:password@host, or smtp://host with ?tls=required where the server has STARTTLS"
    )]
    Url,
    /// The password would go over the network for everybody to read.
    #[error(
        "would send its password in the clear; use smtps://, or add ?tls=required where the server has STARTTLS"
    )]
    Clear,
    /// A name without a password signs nobody in.
    #[error("has a user without a password")]
    NoPassword,
    /// The sender is no address.
    #[error("is no mail address")]
    From,
}

/// A mail server, and the address that mail comes from. Prints without the password.
#[derive(Clone, Debug)]
pub struct MailServer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    patience: Duration,
}

/// What went wrong between us and a mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// Nothing listens there.
    #[error("the mail server refuses the connection")]
    Refused,
    /// Its name is unknown, or no way leads there.
    #[error("the mail server cannot be reached")]
    Unreachable,
    /// It took longer than [`PATIENCE`].
    #[error("the mail server does not answer in time")]
    TimedOut,
    /// No encrypted connection came about.
    #[error("no TLS connection with the mail server")]
    Tls,
    /// It does not know the user or the password.
    #[error("the mail server refuses the user or the password")]
    Credentials,
    /// It answered with a refusal.
    #[error("the mail server answers with {0}")]
    Answer(u16),
    /// It speaks, but not as a mail server does, or the mail could not be written.
    #[error("the mail server does not speak SMTP as expected")]
    Unexpected,
}

impl MailServer {
    /// A server by its address (`smtp://` or `smtps://`) and the sender's: `a@b` or `Name <a@b>`.
    ///
    /// # Errors
    ///
    /// [`MailServerError`].
    pub fn parse(url: &SecretString, from: &str) -> Result<Self, MailServerError> {
        let from: Mailbox = from.trim().parse().map_err(|_| MailServerError::From)?;
        let text = url.expose_secret();
        let parsed = Url::parse(text).map_err(|_| MailServerError::Url)?;
        if !matches!(parsed.scheme(), "smtp" | "smtps")
            || parsed.host_str().is_none_or(str::is_empty)
        {
            return Err(MailServerError::Url);
        }
        if !parsed.username().is_empty() && parsed.password().is_none() {
            return Err(MailServerError::NoPassword);
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(text)
            .map_err(|_| MailServerError::Url)?
            .timeout(Some(PATIENCE))
            .build();
        if sends_password_in_clear(&parsed) {
            return Err(MailServerError::Clear);
        }
        Ok(Self {
            transport,
            from,
            patience: PATIENCE,
        })
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Whether the server takes a connection, and the user where one is set. Sends no mail.
    ///
    /// # Errors
    ///
    /// [`MailError`].
    pub async fn test(&self) -> Result<(), MailError> {
        match tokio::time::timeout(self.patience, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(MailError::Unexpected),
            Ok(Err(err)) => Err(meaning(&err)),
            Err(_) => Err(MailError::TimedOut),
        }
    }

    async fn send(&self, mail: Message) -> Result<(), MailError> {
        match tokio::time::timeout(self.patience, self.transport.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(err)) => Err(meaning(&err)),
            Err(_) => Err(MailError::TimedOut),
        }
    }
}

/// Whether a password may leave this machine without encryption: `smtp://` without TLS, or with TLS
/// where the server happens to offer it, which whoever sits between can take out of its answer.
fn sends_password_in_clear(url: &Url) -> bool {
    // Of a scheme that is not the web's, an IPv4 address is read as a name.
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse::<Ipv4Addr>().is_ok_and(|it| it.is_loopback())
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    // The first one counts, as where the transport is made of it.
    let wants_tls = url.query_pairs().find(|(name, _)| name == "tls");
    let is_encrypted =
        url.scheme() == "smtps" || wants_tls.is_some_and(|(_, value)| value == "required");
    url.password().is_some() && !is_loopback && !is_encrypted
}

/// The answers that mean that nobody signs in like this (RFC 4954).
const REFUSED_SIGN_IN: [u16; 4] = [530, 534, 535, 538];

fn meaning(err: &smtp::Error) -> MailError {
    if let Some(status) = err.status() {
        let status = u16::from(status);
        return if REFUSED_SIGN_IN.contains(&status) {
            MailError::Credentials
        } else {
            MailError::Answer(status)
        };
    }
    let mut source = err.source();
    while let Some(inner) = source {
        if let Some(err) = inner.downcast_ref::<io::Error>() {
            return match err.kind() {
                io::ErrorKind::ConnectionRefused => MailError::Refused,
                io::ErrorKind::TimedOut => MailError::TimedOut,
                // A handshake that failed comes as this.
                io::ErrorKind::InvalidData => MailError::Tls,
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe => MailError::Unexpected,
                _ => MailError::Unreachable,
            };
        }
        source = inner.source();
    }
    if err.is_tls() || err.is_client() {
        // The client's own complaint is that the server offers no STARTTLS.
        MailError::Tls
    } else {
        MailError::Unexpected
    }
}

/// Writes mails with links of this installation. Made once a process.
#[derive(Clone, Debug)]
pub struct Mailer {
    server: MailServer,
    base_url: Url,
}

impl Mailer {
    /// Over `server`, with links to `base_url`: the configured origin, never that of a request.
    pub const fn new(server: MailServer, base_url: Url) -> Self {
        Self { server, base_url }
    }

    /// The mail with an invitation.
    pub(crate) fn invitation(
        &self,
        env: &dyn Env,
        to: &EmailAddress,
        inviter: &PersonName,
        team: &TeamName,
        path: &str,
        until: Timestamp,
    ) -> Option<Message> {
        let letter = bodies::invitation(inviter, team, self.link(path).as_str(), until);
        self.write(env, to, letter)
    }

    /// The mail with a link that sets a new password.
    pub(crate) fn password_reset(
        &self,
        env: &dyn Env,
        to: &EmailAddress,
        path: &str,
        until: Timestamp,
    ) -> Option<Message> {
        let letter =
            bodies::password_reset(self.link(path).as_str(), self.base_url.as_str(), until);
        self.write(env, to, letter)
    }

    fn link(&self, path: &str) -> Url {
        let mut link = self.base_url.clone();
        link.set_path(path);
        link
    }

    /// Sends a mail that says that mail arrives, and waits until the server took it.
    ///
    /// # Errors
    ///
    /// [`MailError`].
    pub async fn send_test(&self, env: &dyn Env, to: &EmailAddress) -> Result<(), MailError> {
        let letter = bodies::test(self.base_url.as_str());
        // An address that mail has no form for.
        let mail = self.write(env, to, letter).ok_or(MailError::Unexpected)?;
        self.send(mail).await
    }

    /// Sends a mail, and waits until the server took it.
    pub(crate) async fn send(&self, mail: Message) -> Result<(), MailError> {
        self.server.send(mail).await
    }

    /// None where the address is one that mail has no form for.
    fn write(&self, env: &dyn Env, to: &EmailAddress, letter: Letter) -> Option<Message> {
        // Of our own making, so that time and randomness come from `Env`.
        let id = format!("{:032x}", u128::from_be_bytes(random(env)));
        let thread = Thread {
            id: &id,
            answers: None,
        };
        self.compose(&thread, env.now(), to, letter)
    }

    /// None where the address is one that mail has no form for.
    fn compose(
        &self,
        thread: &Thread<'_>,
        written_at: Timestamp,
        to: &EmailAddress,
        letter: Letter,
    ) -> Option<Message> {
        let to: Address = to.as_str().parse().ok()?;
        let since = Duration::from_secs(written_at.as_second().unsigned_abs());
        let date = SystemTime::UNIX_EPOCH.checked_add(since)?;
        let id = thread.id;
        let body = MultiPart::alternative()
            .boundary(format!("part-{id}"))
            .singlepart(SinglePart::plain(letter.text))
            .singlepart(SinglePart::html(letter.html));
        let mut mail = Message::builder()
            .from(self.server.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject)
            .date(date)
            .message_id(Some(self.message_id(id)))
            // No answering machine is to answer (RFC 3834, 5).
            .header(AutoSubmitted);
        if let Some(first) = thread.answers {
            let first = self.message_id(first);
            mail = mail.in_reply_to(first.clone()).references(first);
        }
        mail.multipart(body).ok()
    }

    fn message_id(&self, id: &str) -> String {
        format!("<{id}@{}>", self.server.from.email.domain())
    }
}

/// Which mail it is, and which one it goes on from.
struct Thread<'a> {
    id: &'a str,
    answers: Option<&'a str>,
}

/// Says that no person wrote it.
#[derive(Clone, Debug)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Sends a mail by a task; nobody waits for it but the end of the process.
pub(crate) fn send(services: &Services, mail: Message) {
    let Some(mailer) = services.mailer.clone() else {
        return;
    };
    services
        .tasks
        .spawn(async move { deliver(&mailer, mail).await });
}

/// Sends a mail; for tasks. What goes wrong is logged.
pub(crate) async fn deliver(mailer: &Mailer, mail: Message) {
    match mailer.server.send(mail).await {
        Ok(()) => tracing::info!("a mail was sent"),
        Err(err) => tracing::error!(error = %err, "a mail was not sent"),
    }
}
