//! What refreshing costs: a look at what is due among many, and ten thousand that end in one minute.
//!
//! In this process, on databases and with a provider of its own that takes 50 ms for each answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use atlassian::{Atlassian, AtlassianSettings, Timeouts};
use axum::{Json, Router, routing::post};
use domain::{
    credential::{
        Generation, IntegrationCredential, Provider, RefreshSchedule, Scopes, SealedTokens,
    },
    ids::{CredentialId, TeamId},
    sealed::Sealed,
    team::Team,
    text::{Slug, TeamName},
};
use jiff::{SignedDuration, Timestamp};
use service::{Policy, Services, worker::refresh_due};
use testkit::{db::TestDb, env::TestEnv, world::key_ring};
use tokio::net::TcpListener;
use vault::Place;

use crate::{Row, postgres, sqlite};

/// How many stored connections the scheduler's look is measured with.
const FEW: usize = 1_000;
const MANY: usize = 1_000_000;

/// How many end in one minute.
const ENDING: usize = 10_000;

/// How long the provider takes for an answer.
const LATENCY: Duration = Duration::from_millis(50);

/// How many looks, and reads, a median is of.
const LOOKS: usize = 300;

pub(crate) fn rows() -> Vec<Row> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut rows = runtime.block_on(looks());
    rows.push(runtime.block_on(async { ending(sqlite().await, "SQLite").await }));
    if let Some(db) = runtime.block_on(postgres()) {
        rows.push(runtime.block_on(ending(db, "PostgreSQL")));
    }
    rows
}

/// The look at what is due, and the read of one, among few and among many.
async fn looks() -> Vec<Row> {
    let (few_look, few_read) = look(FEW).await;
    let (many_look, many_read) = look(MANY).await;
    let figure = |few: Duration, many: Duration| {
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        format!(
            "{ratio:.2} ({} µs to {} µs)",
            many.as_micros(),
            few.as_micros()
        )
    };
    vec![
        Row {
            what: "the scheduler's look, nothing due: 1,000,000 stored connections to 1,000",
            figure: figure(few_look, many_look),
            goal: "about 1",
        },
        Row {
            what: "reading one connection: 1,000,000 stored to 1,000",
            figure: figure(few_read, many_read),
            goal: "about 1",
        },
    ]
}

async fn look(stored: usize) -> (Duration, Duration) {
    let db = sqlite().await;
    let bench = Bench::new(&db, stored, None).await;
    let (mut looks, mut reads) = (Vec::new(), Vec::new());
    for number in 0..LOOKS {
        let begun = Instant::now();
        let done = refresh_due::run_once(&bench.services).await.unwrap();
        looks.push(begun.elapsed());
        assert_eq!(done.due, 0);
        let team = bench.teams[number * (stored / LOOKS)];
        let begun = Instant::now();
        let mut tx = db.store.read().await.unwrap();
        tx.find_credential(team, Provider::Jira)
            .await
            .unwrap()
            .unwrap();
        reads.push(begun.elapsed());
    }
    (median(&mut looks), median(&mut reads))
}

/// All of them are due at once; how long until each has a new pair.
async fn ending(db: TestDb, database: &str) -> Row {
    let provider = provider().await;
    let bench = Bench::new(&db, ENDING, Some(provider)).await;
    bench.env.advance(SignedDuration::from_mins(55));
    let begun = Instant::now();
    let mut refreshed = 0;
    while refreshed < ENDING {
        let done = refresh_due::run_once(&bench.services).await.unwrap();
        assert_eq!(done.failed, 0, "{done:?}");
        refreshed += done.refreshed;
    }
    let took = begun.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let per_second = ENDING as f64 / took.as_secs_f64();
    Row {
        what: if database == "SQLite" {
            "10,000 connections that end in one minute, 50 ms an answer, SQLite"
        } else {
            "10,000 connections that end in one minute, 50 ms an answer, PostgreSQL"
        },
        figure: format!(
            "all refreshed in {:.1} s ({per_second:.0} a second)",
            took.as_secs_f64()
        ),
        goal: "under 60 s",
    }
}

/// A provider that takes its time and gives a pair to whoever asks.
#[expect(
    clippy::disallowed_methods,
    reason = "plays a provider that takes its time"
)]
async fn provider() -> url::Url {
    let answer = async || {
        tokio::time::sleep(LATENCY).await;
        Json(serde_json::json!({
            "access_token": "a".repeat(2_000), "refresh_token": "r".repeat(1_500), "expires_in": 3_600,
            "scope": "offline_access read:jira-user read:jira-work", "token_type": "Bearer",
        }))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/oauth/token", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url.parse().unwrap()
}

/// So many connections, and services that know them.
struct Bench {
    env: Arc<TestEnv>,
    services: Arc<Services>,
    teams: Vec<TeamId>,
}

impl Bench {
    async fn new(db: &TestDb, stored: usize, provider: Option<url::Url>) -> Self {
        let env = Arc::new(TestEnv::new(7));
        let here: url::Url = "http://127.0.0.1:9".parse().unwrap();
        // Short values where nothing is opened: a million of them must fit.
        let is_short = provider.is_none();
        let settings = AtlassianSettings {
            auth_url: provider.unwrap_or_else(|| here.clone()),
            api_url: here.clone(),
            client_id: "bench".to_owned(),
            client_secrets: vec!["bench".into()],
            redirect_uri: here,
            timeouts: Timeouts::default(),
        };
        let atlassian = Atlassian::new(settings, env.clone()).unwrap();
        let ring = key_ring("bench", 1);
        let services = Services::new(
            db.store.clone(),
            ring,
            Some(atlassian),
            env.clone(),
            Policy::default(),
        );
        let services = Arc::new(services);
        service::start::check_key_ring(&services).await.unwrap();
        let teams = store(&services, stored, is_short).await;
        Self {
            env,
            services,
            teams,
        }
    }
}

async fn store(services: &Services, stored: usize, is_short: bool) -> Vec<TeamId> {
    let env = services.env.as_ref();
    let now = env.now();
    let mut teams = Vec::with_capacity(stored);
    while teams.len() < stored {
        let mut tx = services.store.write().await.unwrap();
        for _ in 0..1_000.min(stored - teams.len()) {
            let number = teams.len();
            let team = Team {
                id: TeamId::new(env),
                slug: Slug::parse(&format!("team-{number}")).unwrap(),
                name: TeamName::parse(&format!("Team {number}")).unwrap(),
                created_at: now,
            };
            tx.add_team(&team).await.unwrap();
            let credential = credential(services, team.id, now, is_short);
            tx.add_credential(&credential, now).await.unwrap();
            teams.push(team.id);
        }
        tx.commit().await.unwrap();
    }
    teams
}

fn credential(
    services: &Services,
    team: TeamId,
    now: Timestamp,
    is_short: bool,
) -> IntegrationCredential {
    let env = services.env.as_ref();
    let id = CredentialId::new(env);
    let seal = |column| {
        if is_short {
            return Sealed::from_bytes(vec![1; 40]);
        }
        let place = Place::of_team("integration_credentials", column, id.uuid(), team);
        services
            .key_ring
            .seal(env, place, &"x".repeat(1_500).into())
    };
    IntegrationCredential {
        id,
        team,
        provider: Provider::Jira,
        tokens: Some(SealedTokens {
            access: seal("access_token"),
            refresh: seal("refresh_token"),
            access_expires_at: now + SignedDuration::from_mins(60),
        }),
        scopes: Scopes::REQUESTED.into_iter().collect(),
        account_id: None,
        connected_by: None,
        consented_at: Some(now),
        generation: Generation(1),
        consecutive_failures: 0,
        last_outcome: None,
        last_refreshed_at: None,
        last_used_at: Some(now),
        schedule: RefreshSchedule {
            next_at: Some(now + SignedDuration::from_mins(54)),
            ..RefreshSchedule::default()
        },
        revoked_at: None,
        revocation_reason: None,
        disconnected_at: None,
        disconnected_by: None,
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
