//! What removing by age costs: a million rows of counted calls, with somebody who writes beside it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{
    api_key::{ApiKey, Rights},
    ids::{ApiKeyId, TeamId},
    retention::Kept,
    session::TokenHash,
    team::Team,
    text::{ServiceName, Slug, TeamName},
    usage::{Answer, Call, CountedCall, KeyUsage, Method, PathTemplate, minute_of},
};
use jiff::SignedDuration;
use service::{Policy, Services, worker::retain};
use testkit::{db::TestDb, env::TestEnv, world::key_ring};
use tokio_util::sync::CancellationToken;

use crate::{Row, postgres, sqlite};

/// How many rows are old enough.
const OLD: i64 = 1_000_000;

pub(crate) fn rows() -> Vec<Row> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sqlite = runtime.block_on(async { removing(sqlite().await).await });
    let mut rows = vec![Row {
        what: "1,000,000 rows that are old enough, SQLite",
        figure: sqlite,
        goal: "a write beside it waits less than 50 ms",
    }];
    if let Some(db) = runtime.block_on(postgres()) {
        rows.push(Row {
            what: "1,000,000 rows that are old enough, PostgreSQL",
            figure: runtime.block_on(removing(db)),
            goal: "a write beside it waits less than 50 ms",
        });
    }
    rows
}

async fn removing(db: TestDb) -> String {
    let env = Arc::new(TestEnv::new(7).in_real_time(true));
    let services = Arc::new(Services::new(
        db.store.clone(),
        key_ring("bench", 1),
        None,
        env,
        Policy::default(),
    ));
    let (team, key) = fill(&services).await;
    open_connections(&services).await;
    let stop = CancellationToken::new();
    let beside = {
        let (services, stop) = (Arc::clone(&services), stop.clone());
        tokio::spawn(async move {
            let mut waits = Vec::new();
            while !stop.is_cancelled() {
                let begun = Instant::now();
                let mut tx = services.store.write().await.unwrap();
                let at = services.env.now();
                tx.set_api_key_used(team, key, at).await.unwrap();
                tx.commit().await.unwrap();
                waits.push(begun.elapsed());
            }
            waits.sort();
            waits
        })
    };
    let begun = Instant::now();
    let (mut removed, mut rounds) = (0, 0);
    let never = CancellationToken::new();
    loop {
        let done = retain::run_once(&services, &never).await.unwrap();
        removed += done.removed(Kept::KeyUsage);
        rounds += 1;
        if !done.is_behind {
            break;
        }
    }
    let took = begun.elapsed();
    assert_eq!(removed, OLD.unsigned_abs());
    stop.cancel();
    let waits: Vec<Duration> = beside.await.unwrap();
    let at = |share: usize| waits[(waits.len() - 1) * share / 1_000].as_secs_f64() * 1e3;
    format!(
        "removed in {:.1} s of {rounds} rounds; {} writes beside it: median {:.1} ms, 99 % {:.1} ms, slowest {:.1} ms",
        took.as_secs_f64(),
        waits.len(),
        at(500),
        at(990),
        at(1_000),
    )
}

/// A server that runs has its connections. Opening one to PostgreSQL takes two delayed acknowledgements, 90 ms,
/// as long as sqlx sets no `TCP_NODELAY` (0.9.0; its issue 4335), which is no matter of what is removed.
async fn open_connections(services: &Services) {
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(services.store.read().await.unwrap());
    }
}

/// A key that was used in each of so many minutes, long ago.
async fn fill(services: &Services) -> (TeamId, ApiKeyId) {
    let env = services.env.as_ref();
    let now = env.now();
    let team = Team {
        id: TeamId::new(env),
        slug: Slug::parse("acme").unwrap(),
        name: TeamName::parse("Acme").unwrap(),
        created_at: now,
    };
    let key = ApiKey {
        id: ApiKeyId::new(env),
        team: team.id,
        name: ServiceName::parse("billing").unwrap(),
        is_second: false,
        rights: Rights::Everything,
        pin: None,
        created_by: None,
        created_at: now,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    };
    let mut tx = services.store.write().await.unwrap();
    tx.add_team(&team).await.unwrap();
    assert!(
        tx.add_api_key(team.id, &key, &TokenHash([7; 32]))
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    let old = now - SignedDuration::from_hours(100 * 24);
    for from in (0..OLD).step_by(10_000) {
        let rows: Vec<_> = (from..from + 10_000)
            .map(|minute| KeyUsage {
                key: key.id,
                team: team.id,
                minute_at: minute_of(old - SignedDuration::from_mins(minute)),
                of: CountedCall {
                    call: Call::Token,
                    method: Method::Post,
                    path_template: PathTemplate::NONE,
                    http_status: 200,
                    answer: Answer::Served,
                },
                count: 1,
            })
            .collect();
        let mut tx = services.store.write().await.unwrap();
        tx.add_key_usage(&rows, now).await.unwrap();
        tx.commit().await.unwrap();
    }
    (team.id, key.id)
}
