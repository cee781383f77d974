//! `tformance serve`, and the server that `demo` runs too.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use atlassian::{Atlassian, AtlassianSettings, Timeouts};
use axum::Router;
use domain::env::Env;
use service::{
    Policy, Services,
    adopt::{ClaimError, Identity, claim},
    mail::Mailer,
    notices::NoticeSettings,
    setup,
    start::{StartError, check_key_ring, recover_leases},
    webhook::Webhooks,
    worker,
};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_util::sync::CancellationToken;
use url::Url;
use web::client_address::{TrustedProxies, with_client_addresses};

use crate::{
    cli::say,
    config::{Client, ProcessEnvironment, ServeArgs, Settings, unknown_variables},
    env::SystemEnv,
    http::{self, Limits},
    open::{self, OldSchema},
    shutdown::{End, Signals, run_until_signal},
    telemetry,
};

/// Runs the command until a signal comes.
///
/// # Errors
///
/// A wrong setting, a database that cannot be served, an address that cannot be had.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let settings = Settings::read(args, &ProcessEnvironment)?;
    telemetry::start(args.store())?;
    for name in unknown_variables(&ProcessEnvironment) {
        tracing::warn!(name, "a variable that begins like ours and is not known");
    }
    runtime()?.block_on(serve(settings))
}

/// A runtime for the whole process.
///
/// # Errors
///
/// If the system refuses threads.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime did not start")
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let identity = identity(&settings);
    let _serving = open::lock_for_serving(&settings.database_url)?;
    let old = if settings.migrate {
        OldSchema::Migrate
    } else {
        OldSchema::MigrateIfAlone
    };
    let store = open::open(&settings.database_url, old).await?;
    let env: Arc<dyn Env> = Arc::new(SystemEnv);
    let web_settings = web::Settings::new(settings.base_url.clone());
    let atlassian = settings
        .client
        .map(|client| {
            client_for(
                client,
                settings.auth_url,
                settings.api_url,
                &web_settings,
                &env,
            )
        })
        .transpose()?;
    let is_set_up = atlassian.is_some();
    let policy = Policy {
        allow_signup: settings.allow_signup,
        consent_lifetime_days: settings.consent_lifetime_days,
        retention: settings.retention,
        requests_per_second: settings.requests_per_second,
    };
    let mailer = settings
        .mail
        .map(|it| Mailer::new(it, settings.base_url.clone()));
    let notices = NoticeSettings {
        has_receiver: settings.receiver.is_some(),
        operator_email: settings.operator_email,
    };
    let webhooks = settings
        .receiver
        .map(|it| Webhooks::new(it, settings.base_url.clone()));
    let services = Services::new(store, settings.key_ring, atlassian, env, policy)
        .with_mailer(mailer)
        .with_webhooks(webhooks)
        .with_notices(notices);
    let services = Arc::new(services);
    check_keys(&services).await?;
    claim_store(&services, &identity).await?;
    recover_leases(&services).await?;
    let listener = bind("LISTEN", settings.listen).await?;
    let metrics_listener = match settings.metrics_listen {
        Some(address) => Some(bind("METRICS_LISTEN", address).await?),
        None => None,
    };
    show_setup_link(&services, &web_settings.base_url).await?;
    tracing::info!(
        // Not as it was set: port 0 takes a free one.
        address = %listener.local_addr()?,
        base_url = %settings.base_url,
        redirect_uri = %web_settings.redirect_uri(),
        metrics_address = ?metrics_listener.as_ref().map(TcpListener::local_addr).transpose()?,
        is_set_up,
        "serving"
    );
    let server = Server {
        listener,
        metrics_listener,
        services,
        web_settings,
        proxies: settings.trusted_proxies,
        shutdown: settings.shutdown,
    };
    server.run(signals, std::future::ready(())).await
}

/// A client for Atlassian that sends browsers back to the one redirect URI of this installation.
///
/// # Errors
///
/// If TLS cannot be set up.
pub(crate) fn client_for(
    client: Client,
    auth_url: Url,
    api_url: Url,
    web_settings: &web::Settings,
    env: &Arc<dyn Env>,
) -> anyhow::Result<Atlassian> {
    let settings = AtlassianSettings {
        auth_url,
        api_url,
        client_id: client.id,
        client_secrets: client.secrets,
        redirect_uri: web_settings.redirect_uri(),
        timeouts: Timeouts::default(),
    };
    Ok(Atlassian::new(settings, Arc::clone(env))?)
}

/// Sees that the key ring is the one of the database; a new database gets its canary.
///
/// # Errors
///
/// If it is another one; nothing was written then.
pub(crate) async fn check_keys(services: &Services) -> anyhow::Result<()> {
    check_key_ring(services).await.map_err(key_error)
}

/// What is wrong with the key ring, as a line about the setting.
pub(crate) fn key_error(err: StartError) -> anyhow::Error {
    let what = match &err {
        StartError::WrongKeyRing(_) => {
            "ENCRYPTION_KEYS is not the key ring of this database; set the one that it was sealed with"
                .to_owned()
        }
        StartError::WrongKey { id, .. } => format!(
            "ENCRYPTION_KEYS has another key under the id {id} than this database knows; put the right one back, \
             or give a new key an id of its own"
        ),
        StartError::MissingKey { id, .. } => format!(
            "ENCRYPTION_KEYS lacks the key {id}; put it back, and take it out only after `tformance keys rotate` \
             and `tformance keys retire {id}`"
        ),
        StartError::Failed(_) => return err.into(),
    };
    anyhow::Error::new(err).context(what)
}

/// While nobody has an account and sign-up is closed, tells the operator the link that makes the
/// first one.
async fn show_setup_link(services: &Services, base_url: &Url) -> anyhow::Result<()> {
    if let Some(token) = setup::make_link_if_needed(services).await? {
        let mut link = base_url.clone();
        link.set_path(&setup::path(&token));
        say(&format!(
            "Nobody has an account yet. Make the first one here; the link works once:\n\n  {link}\n"
        ));
    }
    Ok(())
}

/// As what a server with these settings serves its store.
pub(crate) fn identity(settings: &Settings) -> Identity {
    Identity {
        base_url: settings.base_url.origin().ascii_serialization(),
        client_id: settings.client.as_ref().map(|it| it.id.clone()),
    }
}

async fn claim_store(services: &Services, identity: &Identity) -> anyhow::Result<()> {
    match claim(services, identity).await {
        Ok(()) => Ok(()),
        Err(ClaimError::Failed(err)) => Err(err.into()),
        Err(err) => bail!(
            "{err}; if no other server uses its connections any more, `tformance admin adopt` takes it over"
        ),
    }
}

/// Listens on an address.
///
/// # Errors
///
/// If it cannot be had.
pub(crate) async fn bind(name: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{name} is {address}, which cannot be had; for example {name}=127.0.0.1:8001")
    })
}

/// Everything that a server process needs to run.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    pub(crate) metrics_listener: Option<TcpListener>,
    pub(crate) services: Arc<Services>,
    pub(crate) web_settings: web::Settings,
    pub(crate) proxies: TrustedProxies,
    pub(crate) shutdown: Duration,
}

impl Server {
    /// Serves until a signal comes; what is under way ends first: requests, workers, refreshes. Then
    /// `before_end` runs, for what a demo has beside it.
    ///
    /// # Errors
    ///
    /// If a task stopped that should run for ever, or something was cut short.
    pub(crate) async fn run(
        self,
        signals: Signals,
        before_end: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let router = web::router(Arc::clone(&self.services), self.web_settings);
        let router = with_client_addresses(router, self.proxies);
        let services = self.services;
        let listeners = (self.listener, self.metrics_listener);
        let work = work(listeners, router, Arc::clone(&services), stop.clone());
        let (end, result) = run_until_signal(signals, stop, self.shutdown, work).await;
        before_end.await;
        result.unwrap_or(Ok(()))?;
        if end == End::CutShort {
            bail!("stopped before everything that was under way had finished");
        }
        services.store.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Requests, workers, and the tasks that outlive their callers, until `stop` and to their end.
async fn work(
    (listener, metrics_listener): (TcpListener, Option<TcpListener>),
    router: Router,
    services: Arc<Services>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let workers = tokio::spawn(worker::run(Arc::clone(&services), stop.clone()));
    let web = tokio::spawn(http::serve(
        listener,
        router,
        Limits::default(),
        stop.clone(),
    ));
    let metrics = tokio::spawn(serve_metrics(
        metrics_listener,
        Arc::clone(&services),
        stop.clone(),
    ));
    let ended = tokio::try_join!(
        flatten(web, &stop, "the web server"),
        flatten(workers, &stop, "the workers"),
        flatten(metrics, &stop, "the metrics listener")
    );
    services.tasks.close();
    services.tasks.wait().await;
    worker::finish(&services).await;
    ended.map(drop)
}

async fn serve_metrics(
    listener: Option<TcpListener>,
    services: Arc<Services>,
    stop: CancellationToken,
) {
    match listener {
        Some(listener) => {
            let router = web::metrics::router(services);
            http::serve(listener, router, Limits::default(), stop).await;
        }
        None => stop.cancelled().await,
    }
}

/// A task that should run until `stop`: its panic, and its end before that, are errors that end the
/// process, so that nobody serves with half of it dead.
async fn flatten<T>(
    task: tokio::task::JoinHandle<T>,
    stop: &CancellationToken,
    what: &'static str,
) -> anyhow::Result<()> {
    let ended = task.await;
    let too_early = !stop.is_cancelled();
    stop.cancel();
    ended.with_context(|| format!("{what} panicked"))?;
    if too_early {
        bail!("{what} ended by itself");
    }
    Ok(())
}
