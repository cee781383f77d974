//! A server process for tests that kill and pause one: the product's routes and workers, with the length of
//! the lease and the step to stop at as arguments. Never shipped.
//!
//! It prints its address, then what it does, a line each: `holding STEP`, `reached STEP`, `going on`. From
//! its standard input it takes `hold STEP` (a refresh that comes there waits) and `go`. When the input ends,
//! so does the process: it does not outlive the test.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::exit,
    reason = "a program of tests, which talks to them and may fail loudly"
)]

use std::{fs::File, net::SocketAddr, sync::Arc, time::Duration};

use atlassian::{Atlassian, AtlassianSettings, Later, Timeouts};
use domain::{env::Env, ids::CredentialId};
use jiff::SignedDuration;
use service::{
    Policy, Services,
    refresh::{Engine, RefreshSettings, Step, Steps},
    start::{check_key_ring, recover_leases},
    worker,
};
use store::Store;
use testkit::{app::ORIGIN, env::RealEnv};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;
use vault::KeyRing;
use web::client_address::{TrustedProxies, with_client_addresses};

/// Holds every refresh that comes to one step.
#[derive(Debug)]
struct Held(watch::Sender<Option<Step>>);

impl Steps for Held {
    fn reached(&self, step: Step, _: CredentialId) -> Later<'_, ()> {
        Box::pin(async move {
            let mut held = self.0.subscribe();
            if *held.borrow() == Some(step) {
                println!("reached {}", step.as_str());
                // The sender is `self`: it is not gone.
                let _gone = held.wait_for(|it| *it != Some(step)).await;
            }
        })
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn step(name: &str) -> Option<Step> {
    Step::ALL.into_iter().find(|it| it.as_str() == name)
}

/// Does what the test says, until it is gone.
fn listen_to_the_test(held: &Held) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if let Some(name) = line.strip_prefix("hold ") {
            held.0.send_replace(step(name));
            println!("holding {name}");
        } else {
            held.0.send_replace(None);
            println!("going on");
        }
    }
    std::process::exit(0);
}

/// As `tformance serve` does: on `SQLite` one process serves a file.
fn lock(url: &str) -> Option<File> {
    let path = url.strip_prefix("sqlite://")?;
    let file = File::create(format!("{path}.lock")).unwrap();
    file.try_lock().unwrap();
    Some(file)
}

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt()
        // A line for each of a thousand callers would be most of what a storm costs.
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let url = variable("DATABASE_URL");
    let _serving = lock(&url);
    let env: Arc<dyn Env> = Arc::new(RealEnv);
    let base_url: url::Url = ORIGIN.parse().unwrap();
    let settings = web::Settings::new(base_url);
    let client = AtlassianSettings {
        auth_url: variable("JIRA_AUTH_URL").parse().unwrap(),
        api_url: variable("JIRA_API_URL").parse().unwrap(),
        client_id: variable("JIRA_CLIENT_ID"),
        client_secrets: vec![variable("JIRA_CLIENT_SECRET").into()],
        redirect_uri: settings.redirect_uri(),
        timeouts: Timeouts::default(),
    };
    let lease = Duration::from_millis(variable("LEASE_MILLIS").parse().unwrap());
    let refreshing = RefreshSettings {
        lease: SignedDuration::try_from(lease).unwrap(),
        ..RefreshSettings::default()
    };
    let (sender, _) = watch::channel(step(&variable("HOLD")));
    let held = Arc::new(Held(sender));
    let services = Services::new(
        Store::open(&url).await.unwrap(),
        KeyRing::parse(&variable("ENCRYPTION_KEYS").into()).unwrap(),
        Some(Atlassian::new(client, Arc::clone(&env)).unwrap()),
        env,
        Policy::default(),
    );
    let steps: Arc<dyn Steps> = held.clone();
    let services = Arc::new(services.with_engine(Engine::new(refreshing, steps)));
    check_key_ring(&services).await.unwrap();
    recover_leases(&services).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listen_to_the_test(&held));
    tokio::spawn(worker::run(Arc::clone(&services), CancellationToken::new()));
    let router = with_client_addresses(web::router(services, settings), TrustedProxies::default());
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, router).await.unwrap();
}
