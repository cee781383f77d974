//! Every setting: its variable, its default, what it means. Raw text is read once into [`Settings`],
//! which the code can trust; whatever is wrong is one line that names the setting and an example.

use std::{
    net::SocketAddr,
    num::{NonZeroU16, NonZeroU32},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use domain::retention::Retention;
use domain::text::EmailAddress;
use secrecy::SecretString;
use service::{mail::MailServer, webhook::WebhookReceiver};
use url::Url;
use vault::KeyRing;
use web::client_address::TrustedProxies;

use crate::cli::Misuse;

mod addresses;
mod client;
mod consent;
mod database;
mod limits;
mod mail;
mod notices;
mod readings;
mod retention;

pub(crate) use addresses::is_loopback;
pub(crate) use client::Client;
pub(crate) use consent::ConsentArgs;
pub(crate) use database::database_url;
pub(crate) use limits::LimitArgs;
pub(crate) use notices::NoticeArgs;
pub(crate) use readings::Readings;

use addresses::{base_url, listen, metrics_listen, origin, trusted_proxies};

/// A setting that cannot be taken.
#[derive(Debug, thiserror::Error)]
#[error("{name} {what}; for example {name}={example}")]
pub(crate) struct SettingError {
    name: String,
    what: String,
    example: &'static str,
}

impl SettingError {
    /// What is wrong.
    pub(crate) fn fault(&self) -> String {
        format!("{} {}", self.name, self.what)
    }

    /// What to set instead.
    pub(crate) fn cure(&self) -> String {
        format!("set for example {}={}", self.name, self.example)
    }

    pub(crate) fn new(name: &str, what: impl Into<String>, example: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            what: what.into(),
            example,
        }
    }
}

const SECRETS_HELP: &str =
    "Secrets are taken from the environment alone, never from the command line. Each can also be
given as NAME_FILE, the path of a file that holds it:
  ENCRYPTION_KEYS      required: id:base64key[,…], 32 bytes each; the first one seals, all of them
                       open. `tformance keys generate` makes one
  JIRA_CLIENT_SECRET   of the app at Atlassian; two, with a comma, while one is being rotated
  SMTP_URL             the mail server: smtps://USER:PASSWORD@HOST, or smtp://…?tls=required for
                       STARTTLS; with --mail-from. A password never goes unencrypted to another
                       machine
  WEBHOOK_SECRET       signs webhooks: whsec_BASE64, 24 to 64 bytes; with --webhook-url. Two, with
                       a comma, while one is being rotated
  DATABASE_URL         see --database-url

A file .env in the working directory is read first; what the environment has already, stays.";

/// Which database.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The database: `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/NAME` [default: <sqlite://tformance.db>].
    // Read by hand: it may hold a password, and `DATABASE_URL_FILE` counts too.
    #[arg(long, value_name = "URL", verbatim_doc_comment)]
    pub(crate) database_url: Option<String>,
    /// How logs are written: `text` or `json`.
    #[arg(
        long,
        env = "LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: String,
    /// What is logged, as `level` or `target=level,…`.
    #[arg(
        long = "log",
        env = "RUST_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub(crate) log_filter: String,
}

impl StoreArgs {
    /// For commands that have no such arguments.
    pub(crate) fn for_demo() -> Self {
        Self {
            database_url: None,
            log_format: "text".to_owned(),
            log_filter: "warn".to_owned(),
        }
    }
}

/// What `serve` is started with.
#[derive(Debug, Args)]
#[command(after_help = SECRETS_HELP)]
pub(crate) struct ServeArgs {
    /// The origin under which browsers reach this service; without a path. The redirect URI is made
    /// from it. `http` beyond loopback needs `ALLOW_PLAIN_HTTP=true`.
    #[arg(
        long,
        env = "BASE_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8000"
    )]
    base_url: String,
    /// Allows a `BASE_URL` of plain http beyond loopback: sessions can then be stolen on the way.
    #[arg(
        long,
        env = "ALLOW_PLAIN_HTTP",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        default_value = "false"
    )]
    allow_plain_http: String,
    /// The address to listen on.
    #[arg(
        long,
        env = "LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8000"
    )]
    listen: String,
    /// The address where Prometheus reads metrics, not public by accident; empty for none.
    #[arg(
        long,
        env = "METRICS_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9464"
    )]
    metrics_listen: String,
    /// The client id of the app at Atlassian. Without it and its secret the pages show how to get them.
    #[arg(long, env = "JIRA_CLIENT_ID", value_name = "ID", default_value = "")]
    jira_client_id: String,
    /// Where people consent and tokens are exchanged.
    #[arg(
        long,
        env = "JIRA_AUTH_URL",
        value_name = "URL",
        default_value = "https://auth.atlassian.com"
    )]
    jira_auth_url: String,
    /// Atlassian's gateway.
    #[arg(
        long,
        env = "JIRA_API_URL",
        value_name = "URL",
        default_value = "https://api.atlassian.com"
    )]
    jira_api_url: String,
    /// Proxies in front of this service whose `X-Forwarded-For` counts: addresses and networks,
    /// separated by commas. Failed tries are counted by the address that it tells.
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "LIST", default_value = "")]
    trusted_proxies: String,
    /// Whether anybody may make an account. Else the first one is made through the link that `serve`
    /// prints, and later ones need an invitation.
    #[arg(
        long,
        env = "ALLOW_SIGNUP",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        default_value = "false"
    )]
    allow_signup: String,
    /// The address that mail comes from, as `a@b` or `Name <a@b>`; with `SMTP_URL`. Without both, no mail
    /// is sent and links are handed over by people.
    #[arg(long, env = "MAIL_FROM", value_name = "ADDRESS", default_value = "")]
    mail_from: String,
    #[command(flatten)]
    notices: NoticeArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// For how long is kept what is there for looking back, where it differs from the default: a list
    /// of names with an age like `30d` or `forever`. The defaults: `refresh_events=90d`,
    /// `audit_events=400d`, `sessions=0d` (after their end), `connect_attempts=30d`,
    /// `invitations=30d`, `password_resets=30d`, `outbox=90d`, `incidents=400d`, `key_usage=90d`,
    /// `daily_usage=400d`.
    #[arg(long, env = "RETENTION", value_name = "LIST", default_value = "")]
    retention: String,
    /// How long a shutdown waits for what is under way; a second signal does not wait.
    #[arg(
        long,
        env = "SHUTDOWN_SECONDS",
        value_name = "SECONDS",
        default_value = "75"
    )]
    shutdown_seconds: String,
    /// Bring the schema up to date first. On SQLite that is done in any case; on PostgreSQL an old
    /// schema is refused without it.
    #[arg(long)]
    migrate: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// Settings that the code can trust.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) base_url: Url,
    pub(crate) listen: SocketAddr,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) client: Option<Client>,
    pub(crate) auth_url: Url,
    pub(crate) api_url: Url,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) allow_signup: bool,
    pub(crate) mail: Option<MailServer>,
    pub(crate) operator_email: Option<EmailAddress>,
    pub(crate) receiver: Option<WebhookReceiver>,
    pub(crate) consent_lifetime_days: Option<NonZeroU16>,
    pub(crate) retention: Retention,
    pub(crate) requests_per_second: Option<NonZeroU32>,
    pub(crate) shutdown: Duration,
    pub(crate) migrate: bool,
    pub(crate) database_url: SecretString,
    pub(crate) key_ring: KeyRing,
}

/// Where secrets come from: the environment, or a test's own.
pub(crate) trait Environment {
    /// The value of a variable; none if it is unset.
    fn var(&self, name: &str) -> Option<String>;
    /// The names of all variables.
    fn names(&self) -> Vec<String>;
}

/// The process's environment.
#[derive(Debug)]
pub(crate) struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn names(&self) -> Vec<String> {
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        names.collect()
    }
}

/// Reads `.env` of the working directory, where there is one.
///
/// # Errors
///
/// If there is one that cannot be read.
pub(crate) fn read_dotenv() -> anyhow::Result<()> {
    match dotenvy::from_path(".env") {
        Ok(()) => Ok(()),
        Err(err) if err.not_found() => Ok(()),
        // The line may hold a secret: it is not repeated.
        Err(dotenvy::Error::LineParse(_, position)) => {
            let what =
                format!(".env has a line that is not NAME=value, at its character {position}");
            Err(Misuse(what).into())
        }
        Err(err) => Err(Misuse(format!("the file .env cannot be read: {err}")).into()),
    }
}

impl Settings {
    /// Reads the settings of `serve`.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for the first one that cannot be taken.
    pub(crate) fn read(args: &ServeArgs, env: &dyn Environment) -> Result<Self, SettingError> {
        let allow_plain_http = flag("ALLOW_PLAIN_HTTP", &args.allow_plain_http)?;
        let base_url = base_url(&args.base_url, allow_plain_http)?;
        Ok(Self {
            base_url,
            listen: listen(&args.listen)?,
            metrics_listen: metrics_listen(&args.metrics_listen)?,
            client: client::client(&args.jira_client_id, env)?,
            auth_url: origin(
                "JIRA_AUTH_URL",
                &args.jira_auth_url,
                "https://auth.atlassian.com",
            )?,
            api_url: origin(
                "JIRA_API_URL",
                &args.jira_api_url,
                "https://api.atlassian.com",
            )?,
            trusted_proxies: trusted_proxies(&args.trusted_proxies)?,
            allow_signup: flag("ALLOW_SIGNUP", &args.allow_signup)?,
            mail: mail::mail(&args.mail_from, env)?,
            operator_email: args.notices.operator_email()?,
            receiver: args.notices.receiver(allow_plain_http, env)?,
            consent_lifetime_days: args.consent.lifetime_days()?,
            retention: retention::retention(&args.retention)?,
            requests_per_second: args.limits.requests_per_second()?,
            shutdown: seconds("SHUTDOWN_SECONDS", &args.shutdown_seconds)?,
            migrate: args.migrate,
            database_url: database_url(&args.store, env)?,
            key_ring: key_ring(env)?,
        })
    }
}

impl ServeArgs {
    /// How it logs.
    pub(crate) const fn store(&self) -> &StoreArgs {
        &self.store
    }
}

/// Variables that look like ours and are none: most likely a slip of the pen.
pub(crate) fn unknown_variables(env: &dyn Environment) -> Vec<String> {
    const KNOWN: [&str; 11] = [
        "JIRA_CLIENT_ID",
        "JIRA_CLIENT_SECRET",
        "JIRA_CLIENT_SECRET_FILE",
        "JIRA_AUTH_URL",
        "JIRA_API_URL",
        "SMTP_URL",
        "SMTP_URL_FILE",
        "WEBHOOK_URL",
        "WEBHOOK_SECRET",
        "WEBHOOK_SECRET_FILE",
        "WEBHOOK_FORBID_PRIVATE",
    ];
    let ours = ["JIRA_", "SMTP_", "WEBHOOK_"];
    let is_ours = |it: &str| ours.iter().any(|start| it.starts_with(start));
    let is_odd = |it: &String| is_ours(it) && !KNOWN.contains(&it.as_str());
    env.names().into_iter().filter(is_odd).collect()
}

/// The key ring.
///
/// # Errors
///
/// [`SettingError`] if there is none, or what there is cannot be read.
pub(crate) fn key_ring(env: &dyn Environment) -> Result<KeyRing, SettingError> {
    const NAME: &str = "ENCRYPTION_KEYS";
    const EXAMPLE: &str = "k1:BASE64KEY, where `tformance keys generate` makes one";
    let Some(text) = secret(NAME, EXAMPLE, env)? else {
        let what = "is not set; without a key no token can be sealed";
        return Err(SettingError::new(NAME, what, EXAMPLE));
    };
    KeyRing::parse(&text).map_err(|err| SettingError::new(NAME, err.to_string(), EXAMPLE))
}

/// A secret from `name`, or from the file that `name_FILE` names.
fn secret(
    name: &str,
    example: &'static str,
    env: &dyn Environment,
) -> Result<Option<SecretString>, SettingError> {
    let file_name = format!("{name}_FILE");
    let plain = env.var(name).filter(|it| !it.trim().is_empty());
    let file = env.var(&file_name).filter(|it| !it.trim().is_empty());
    match (plain, file) {
        (Some(_), Some(_)) => {
            let what = format!("and {file_name} are both set; set one of them");
            Err(SettingError::new(name, what, example))
        }
        (Some(plain), None) => Ok(Some(plain.trim().into())),
        (None, Some(path)) => {
            let path = PathBuf::from(path);
            match std::fs::read_to_string(&path) {
                Ok(text) if !text.trim().is_empty() => Ok(Some(text.trim().into())),
                Ok(_) => Err(SettingError::new(
                    &file_name,
                    "names a file that is empty",
                    "/run/secrets/name",
                )),
                Err(err) => {
                    let what = format!("names {}, which cannot be read: {err}", path.display());
                    Err(SettingError::new(&file_name, what, "/run/secrets/name"))
                }
            }
        }
        (None, None) => Ok(None),
    }
}

fn flag(name: &str, text: &str) -> Result<bool, SettingError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" | "" => Ok(false),
        _ => {
            let what = format!("is {:?}, neither true nor false", shortened(text));
            Err(SettingError::new(name, what, "true"))
        }
    }
}

fn seconds(name: &str, text: &str) -> Result<Duration, SettingError> {
    match text.trim().parse::<u64>() {
        Ok(it) if it <= 3_600 => Ok(Duration::from_secs(it)),
        _ => {
            let what = format!(
                "is {:?}, not a number of seconds up to 3600",
                shortened(text)
            );
            Err(SettingError::new(name, what, "75"))
        }
    }
}

/// What an error repeats of a value: enough to recognise it.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short: String = text.chars().take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
