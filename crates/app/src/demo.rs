//! `tformance demo`: everything on loopback with a simulated Atlassian; nothing to configure.
//!
//! [`data`] is where it keeps its things, [`people`] who is there, [`inbox`] what it sends, [`drills`] the troubles
//! that it can rehearse, [`desk`] the pages of both.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use atlassian_sim::{ShiftedEnv, Sim, SimOptions};
use clap::Args;
use domain::{env::Env, text::EmailAddress};
use secrecy::SecretString;
use service::{
    Policy, Services,
    mail::{MailServer, Mailer},
    notices::NoticeSettings,
    webhook::{WebhookReceiver, WebhookRules, Webhooks},
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;
use vault::token_hash;

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

mod data;
mod desk;
mod drills;
mod inbox;
mod people;

use data::Data;
use desk::{Contents, Desk};
pub(crate) use drills::other_process;
use drills::{Choice, Drill, player::Player, stage::Stage};
use inbox::{Inbox, SigningKey, smtp::MailSink};
use people::{ADMIN, MEMBER, OPERATOR, PASSWORD, TEAM};

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
    /// Rehearse a trouble: cause it at the simulated Atlassian, say what is seen of it and where, and go on
    /// serving. Drills can be begun on a page of the demo, too.
    #[arg(long, value_name = "NAME")]
    drill: Option<Choice>,
    /// Play the drill to its end, and end with 0 if all was seen that should be, else with 1.
    #[arg(long, requires = "drill")]
    once: bool,
    /// What is logged, as `level` or `target=level,…`.
    #[arg(long = "log", value_name = "FILTER", default_value = "warn")]
    log_filter: String,
}

const CLIENT_ID: &str = "demo-client";
const MAIL_FROM: &str = "Tformance <tformance@example.com>";

/// Runs the command until a signal comes.
///
/// # Errors
///
/// If a port, the folder or the database cannot be had; if a drill that is played once does not show all
/// that it should.
pub(crate) fn run(args: DemoArgs) -> anyhow::Result<()> {
    let drill = match args.drill {
        Some(Choice::List) => {
            say(drills::list().trim_end());
            return Ok(());
        }
        Some(Choice::Play(drill)) => Some(drill),
        None => None,
    };
    telemetry::start(&StoreArgs {
        log_filter: args.log_filter.clone(),
        ..StoreArgs::for_demo()
    })?;
    runtime()?.block_on(demo(args, drill))
}

async fn demo(args: DemoArgs, drill: Option<Drill>) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let data = Data::open(args.data)?;
    let listener = listen(args.port).await?;
    let base_url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
    let clock = Arc::new(ShiftedEnv::new(Arc::new(SystemEnv)));
    let env: Arc<dyn Env> = Arc::clone(&clock) as Arc<dyn Env>;
    let web_settings = web::Settings::new(base_url);
    let sim = simulator(&data, clock, &web_settings).await?;
    let url = args
        .database_url
        .clone()
        .map_or_else(|| data.database_url(), SecretString::from);
    let _serving = open::lock_for_serving(&url)?;
    let store = open::open(&url, OldSchema::Migrate).await?;
    let (auth, api) = (sim.auth_url().clone(), sim.api_url().clone());
    let atlassian = client_for(client(), auth, api, &web_settings, &env)?;
    let policy = Policy {
        allow_signup: true,
        ..Policy::default()
    };
    let key_ring = data.key_ring(env.as_ref())?;
    let (mail_sink, desk) = (MailSink::bind().await?, Desk::bind().await?);
    let signing_key = SigningKey::generate(env.as_ref());
    let inbox = Inbox::new(Arc::clone(&env));
    let services = Services::new(store, key_ring, Some(atlassian), env, policy);
    let services = notifying(services, &mail_sink, &desk, &signing_key, &web_settings)?;
    let services = Arc::new(services);
    check_keys(&services).await?;
    people::seed(&services).await?;
    let key = people::service_key(&services, &data).await?;
    welcome(&web_settings.base_url, &sim, &data, &desk, key.as_ref());
    let player = Arc::new(Player::new(Stage {
        services: Arc::clone(&services),
        sim: sim.clone(),
        inbox: inbox.clone(),
        base_url: web_settings.base_url.clone(),
        desk_url: desk.url().clone(),
        folder: data.path().to_owned(),
        database_url: args.database_url,
    }));
    let (beside, stop) = (TaskTracker::new(), CancellationToken::new());
    beside.spawn(mail_sink.serve(inbox.clone(), stop.clone()));
    let contents = Contents {
        inbox,
        signing_key,
        player: Arc::clone(&player),
        base_url: web_settings.base_url.clone(),
        control_url: sim.control_url().clone(),
    };
    beside.spawn(desk.serve(contents, stop.clone()));
    beside.close();
    let own_signal = signals.own();
    let once = args.once;
    let rehearsal = drill.map(|drill| {
        tokio::spawn(async move {
            let result = player.rehearse(drill, once).await;
            if once {
                own_signal.notify_one();
            } else if let Err(err) = &result {
                say(&format!("\nThe drill failed: {err:#}"));
            }
            result
        })
    });
    let server = Server {
        listener,
        metrics_listener: None,
        services,
        web_settings,
        proxies: web::client_address::TrustedProxies::default(),
        shutdown: Duration::from_secs(10),
    };
    let before_end = async {
        stop.cancel();
        beside.wait().await;
        sim.stop().await;
    };
    let ended = server.run(signals, before_end).await;
    // However it ended: without this, what the database holds is worth nothing at the next start.
    data.keep_simulator(&sim)?;
    ended?;
    match rehearsal {
        Some(task) if once => {
            task.abort();
            // Cut short, it has not shown what it should.
            task.await.context("the drill was cut short")?
        }
        _ => Ok(()),
    }
}

/// The app at the simulated Atlassian, with the secret that this server knows.
fn client() -> Client {
    Client {
        id: CLIENT_ID.to_owned(),
        secrets: vec![CLIENT_SECRET.into()],
    }
}

async fn simulator(
    data: &Data,
    clock: Arc<ShiftedEnv>,
    web_settings: &web::Settings,
) -> anyhow::Result<Sim> {
    let options = SimOptions {
        clock: Some(Arc::clone(&clock)),
        saved: data.simulator()?,
        ..SimOptions::new(CLIENT_ID, CLIENT_SECRET.into(), web_settings.redirect_uri())
    };
    let started = Sim::start(clock, options).await;
    started.with_context(|| match data.simulator_path() {
        Some(path) => format!(
            "the simulator did not start; if {} is what it cannot read, remove it: what was \
             connected has to be connected again then",
            path.display()
        ),
        None => "the simulator did not start".to_owned(),
    })
}

/// With mail and webhooks, which all come to the demo's own inbox.
fn notifying(
    services: Services,
    mail_sink: &MailSink,
    desk: &Desk,
    signing_key: &SigningKey,
    web_settings: &web::Settings,
) -> anyhow::Result<Services> {
    let base_url = || web_settings.base_url.clone();
    let server = MailServer::parse(&mail_sink.url().into(), MAIL_FROM)?;
    let receiver = WebhookReceiver::parse(
        &desk.webhook_url(),
        &signing_key.setting(),
        WebhookRules::default(),
    )?;
    let settings = NoticeSettings {
        has_receiver: true,
        operator_email: Some(EmailAddress::parse(OPERATOR)?),
    };
    Ok(services
        .with_mailer(Some(Mailer::new(server, base_url())))
        .with_webhooks(Some(Webhooks::new(receiver, base_url())))
        .with_notices(settings))
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
fn welcome(base_url: &Url, sim: &Sim, data: &Data, desk: &Desk, key: Option<&SecretString>) {
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
{}
  inbox       {}
  drills      {}/drills
  simulator   {}
  control     {}
  data        {kept}

Every mail and webhook comes to the inbox; drills play troubles, to see what people are told.

Ctrl-C ends it.",
        origin(base_url),
        ADMIN.1,
        MEMBER.1,
        key.map(|it| first_calls(base_url, it)).unwrap_or_default(),
        origin(desk.url()),
        origin(desk.url()),
        origin(sim.auth_url()),
        origin(sim.control_url()),
    ));
}

/// What a service does, to be tried once Jira is connected.
fn first_calls(base_url: &Url, key: &SecretString) -> String {
    let authorization = token_hash::path("Authorization: Bearer ", key);
    let at = |path: &str| {
        let mut url = base_url.clone();
        url.set_path(&format!("/api/v1/integrations/jira/{path}"));
        url
    };
    format!(
        "
Then call Jira as a service of {TEAM} does, or ask for a token:

  curl -H '{authorization}' {}
  curl -X POST -H '{authorization}' {}
",
        at("proxy/rest/api/3/myself"),
        at("token"),
    )
}
