//! What a valid token costs: over HTTP, as ratios to routes of the same server, and in this process.

use std::{net::SocketAddr, time::Instant};

use axum::serve::ListenerExt as _;
use domain::credential::Provider;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use service::{
    api_keys::{self, KeyWish},
    refresh::ensure_valid_token,
};
use testkit::{
    app::SESSION_COOKIE,
    db::TestDb,
    world::{SignedInAdmin, World},
};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    CONNECTIONS, ROUND, ROUNDS, Row,
    load::{self, Asked},
    median, postgres, sqlite,
};

/// How many reads in this process are timed together.
const READS: u32 = 2_000;

pub(crate) fn rows() -> Vec<Row> {
    let runtime = Runtime::new().unwrap();
    let mut rows = of(&runtime, runtime.block_on(sqlite()), true);
    if let Some(db) = runtime.block_on(postgres()) {
        rows.extend(of(&runtime, db, false));
    }
    rows
}

fn of(runtime: &Runtime, db: TestDb, is_sqlite: bool) -> Vec<Row> {
    let (world, ada) = runtime.block_on(async {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        (world, ada)
    });
    let (address, key) = runtime.block_on(serve(&world, &ada));
    let empty = Asked::page(address, "/healthz", "");
    // Whoever has no session, or one that is over, is sent to the page where people sign in.
    runtime.block_on(async {
        world
            .db
            .raw("UPDATE sessions SET ends_at = 0")
            .await
            .unwrap();
    });
    let account = |session: &str| Asked {
        status: 303,
        ..Asked::page(address, "/account", &format!("{SESSION_COOKIE}={session}"))
    };
    let found = account(ada.token.expose_secret());
    let missed = account(&"A".repeat(43));
    let token = token(address, &key);
    let mut rates = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        for (of, asked) in rates.iter_mut().zip([&empty, &found, &missed, &token]) {
            of.push(load::per_second(asked, CONNECTIONS, ROUND));
        }
    }
    let [empty, found, missed, token] = rates.each_mut().map(|it| median(it));
    let inside = runtime.block_on(in_process(&world, &ada));
    let figure = |other: f64| format!("{:.2} ({token:.0} to {other:.0} a second)", token / other);
    let row = |sqlite, postgres, figure, goal| Row {
        what: if is_sqlite { sqlite } else { postgres },
        figure,
        goal,
    };
    vec![
        row(
            "a valid token over HTTP, to a route that finds one row, SQLite",
            "a valid token over HTTP, to a route that finds one row, PostgreSQL",
            figure(found),
            "at least 0.7",
        ),
        row(
            "a valid token over HTTP, to a route that looks for one row and finds none, SQLite",
            "a valid token over HTTP, to a route that looks for one row and finds none, PostgreSQL",
            figure(missed),
            "–",
        ),
        row(
            "a valid token over HTTP, to the empty route, SQLite",
            "a valid token over HTTP, to the empty route, PostgreSQL",
            figure(empty),
            if is_sqlite {
                "at least 0.2"
            } else {
                "at least 0.12"
            },
        ),
        row(
            "a valid token in process, to reading its row, SQLite",
            "a valid token in process, to reading its row, PostgreSQL",
            inside,
            "–",
        ),
    ]
}

/// Asks for a token.
pub(crate) fn token(address: SocketAddr, key: &str) -> Asked {
    Asked {
        address,
        request: format!(
            "POST /api/v1/integrations/jira/token HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
             Content-Length: 0\r\n\r\n"
        ),
        status: 200,
    }
}

/// The real router on a real socket, and a key.
pub(crate) async fn serve(world: &World, ada: &SignedInAdmin) -> (SocketAddr, String) {
    let created = api_keys::create(&world.services, ada, &KeyWish::named("bench"))
        .await
        .unwrap();
    let key = created.shown_once();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = web::Settings::new(format!("http://{address}").parse().unwrap());
    let router = web::router(world.services.clone(), settings);
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    // As the product's own listener does: without it what is written in two pieces waits for the client's ACK.
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, key)
}

async fn in_process(world: &World, ada: &SignedInAdmin) -> String {
    let (services, team) = (&world.services, ada.team().id);
    let (mut tokens, mut reads) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..READS {
            ensure_valid_token(services, team, Provider::Jira, SignedDuration::ZERO)
                .await
                .unwrap();
        }
        tokens.push(f64::from(READS) / begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for _ in 0..READS {
            let mut tx = services.store.read().await.unwrap();
            tx.find_credential(team, Provider::Jira).await.unwrap();
        }
        reads.push(f64::from(READS) / begun.elapsed().as_secs_f64());
    }
    let (token, read) = (median(&mut tokens), median(&mut reads));
    format!("{:.2} ({token:.0} to {read:.0} a second)", token / read)
}
