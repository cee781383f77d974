//! How a server ends: the first signal lets everything finish, the second does not wait.

use std::{net::SocketAddr, path::Path, sync::Arc};

use atlassian_sim::Endpoint;
use reqwest::{Client, Response, StatusCode, header};
use secrecy::SecretString;
use serde_json::json;
use testkit::{
    app::{SESSION_COOKIE, encoded, keys_in},
    db_tests,
    output::{self, Kind},
    secrets,
    world::{CLIENT_ID, CLIENT_SECRET, PASSWORD, World, decide},
};
use url::Url;

use crate::{
    cli::KEYS,
    process::{Ended, Running, tformance},
};

const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);

/// Waits for a process without stopping the simulator, which runs on this thread.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// A browser at a real socket. Where it is sent it does not go by itself.
#[derive(Clone)]
struct Browser {
    origin: String,
    client: Client,
    session: Option<String>,
}

impl Browser {
    fn at(origin: String) -> Self {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(MINUTE)
            .build()
            .unwrap();
        Self {
            origin,
            client,
            session: None,
        }
    }

    fn cookie(&self) -> String {
        self.session
            .as_ref()
            .map(|it| format!("{SESSION_COOKIE}={it}"))
            .unwrap_or_default()
    }

    async fn get(&self, path: &str) -> Result<Response, reqwest::Error> {
        let req = self.client.get(format!("{}{path}", self.origin));
        req.header(header::COOKIE, self.cookie()).send().await
    }

    /// Sends a form; keeps the session that comes back, and gives where the answer leads.
    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let req = self
            .client
            .post(format!("{}{path}", self.origin))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, self.cookie());
        let res = req.body(encoded(fields)).send().await.unwrap();
        assert_eq!(res.status(), StatusCode::SEE_OTHER, "{path}");
        if let Some(cookie) = res.headers().get(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
            let (_, session) = cookie.split_once('=').unwrap();
            self.session = Some(session.to_owned());
        }
        location(&res)
    }
}

fn location(res: &Response) -> String {
    res.headers()[header::LOCATION].to_str().unwrap().to_owned()
}

fn path_and_query(url: &Url) -> String {
    format!("{}?{}", url.path(), url.query().unwrap())
}

/// `serve` over the database and the simulator of `world`, as the operator of it would start it.
async fn serve(world: &World, folder: &Path, more: &[(&str, &str)]) -> (Running, SocketAddr) {
    let (auth, api) = world.sim_addresses();
    let origin = |url: &Url| url.origin().ascii_serialization();
    let (auth, api) = (origin(auth), origin(api));
    let vars = [
        ("DATABASE_URL", &*world.db.url),
        ("ENCRYPTION_KEYS", KEYS),
        ("JIRA_CLIENT_ID", CLIENT_ID),
        ("JIRA_CLIENT_SECRET", CLIENT_SECRET),
        ("JIRA_AUTH_URL", &auth),
        ("JIRA_API_URL", &api),
        // The simulator knows the redirect URI of this; requests go to the port that is free.
        ("BASE_URL", "http://127.0.0.1:8000"),
        ("LISTEN", "127.0.0.1:0"),
        ("ALLOW_SIGNUP", "true"),
        ("RUST_LOG", "debug"),
    ];
    let mut running = Running::start(tformance(folder, &["serve"], &[&vars[..], more].concat()));
    beside(move || {
        let line = running.logs("serving");
        let (_, rest) = line.split_once("address=").unwrap();
        let address = rest.split(' ').next().unwrap().parse().unwrap();
        (running, address)
    })
    .await
}

/// Somebody new, as far as the way back from the simulator.
async fn on_the_way_back(world: &World, address: SocketAddr) -> (Browser, String) {
    let mut ada = Browser::at(format!("http://{address}"));
    let form = [
        ("name", "Ada"),
        ("email", "ada@example.com"),
        ("password", PASSWORD),
    ];
    ada.post("/signup", &form).await;
    world.add_secret(&SecretString::from(ada.session.clone().unwrap()));
    ada.post("/teams/new", &[("name", "Acme")]).await;
    let away = ada.post("/a/acme/integrations/jira/connect", &[]).await;
    let query = world.consent(&away.parse().unwrap(), "Sam One").await;
    (ada, testkit::app::callback(&query))
}

async fn after_signals(running: Running, names: &'static [&str]) -> Ended {
    beside(move || {
        let mut running = running;
        for (index, name) in names.iter().enumerate() {
            running.signal(name);
            if index == 0 {
                running.logs("shutting down");
            }
        }
        running.wait()
    })
    .await
}

/// A connected team at a server, and a key of one of its services.
async fn with_a_key(world: &World, address: SocketAddr) -> (Client, String) {
    let (ada, path) = on_the_way_back(world, address).await;
    ada.get(&path).await.unwrap();
    let req = ada.client.post(format!("{}/a/acme/keys", ada.origin));
    let req = req
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .header(header::COOKIE, ada.cookie());
    let page = req.body(encoded(&[("name", "billing")])).send();
    let key = keys_in(&page.await.unwrap().text().await.unwrap()).remove(0);
    world.add_secret(&SecretString::from(key.clone()));
    (ada.client, key)
}

/// Posts to the API as the service that has the key.
async fn ask(
    (client, key): &(Client, String),
    address: SocketAddr,
    path: &str,
    body: &serde_json::Value,
) -> (StatusCode, serde_json::Value) {
    let req = client.post(format!("http://{address}/api/v1/integrations/jira/{path}"));
    let res = req.bearer_auth(key).json(body).send().await.unwrap();
    (res.status(), res.json().await.unwrap())
}

/// How many reads of that end are written in the database.
async fn reads(world: &World) -> u64 {
    let mut tx = world.services.store.read().await.unwrap();
    let sums = tx.sum_key_usage(jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    let days = tx
        .sum_daily_usage(jiff::Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    assert_eq!(sums, days);
    sums.iter().map(|it| it.count).sum()
}

db_tests! {
    async fn what_was_counted_is_written_at_the_end(db: TestDb) {
        let world = World::new(db).await;
        let folder = tempfile::tempdir().unwrap();
        let (running, address) = serve(&world, folder.path(), &[]).await;
        let service = with_a_key(&world, address).await;
        let (status, token) = ask(&service, address, "token", &json!({})).await;
        assert_eq!(status, StatusCode::OK, "{token}");
        // A call that ends when the server is ending is counted as well.
        let held = world.sim.hold(Endpoint::Resources);
        let rejected = json!({"token_id": token["token_id"]});
        let asking = tokio::spawn(async move { ask(&service, address, "token/rejected", &rejected).await });
        held.reached().await;
        let ending = beside(move || {
            let mut running = running;
            running.signal("TERM");
            running.logs("shutting down");
            running
        });
        let running = ending.await;
        held.release();
        let (status, told) = asking.await.unwrap();
        assert_eq!((status, &told["warning"]["code"]), (StatusCode::OK, &json!("token_works")));
        let ended = beside(move || running.wait()).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(reads(&world).await, 2);
    }

    async fn a_killed_process_has_written_what_it_counted_a_second_before(db: TestDb) {
        let world = World::new(db).await;
        let folder = tempfile::tempdir().unwrap();
        let (running, address) = serve(&world, folder.path(), &[]).await;
        let service = with_a_key(&world, address).await;
        for _ in 0..3 {
            ask(&service, address, "token", &json!({})).await;
        }
        let asked = std::time::Instant::now();
        let mut written = reads(&world).await;
        while written < 3 && asked.elapsed() < MINUTE {
            tokio::task::yield_now().await;
            written = reads(&world).await;
        }
        drop(running);
        assert_eq!(reads(&world).await, 3);
    }

    async fn a_request_in_flight_is_finished(db: TestDb) {
        let world = World::new(db).await;
        let folder = tempfile::tempdir().unwrap();
        let (running, address) = serve(&world, folder.path(), &[]).await;
        let (ada, path) = on_the_way_back(&world, address).await;
        let held = world.sim.hold(Endpoint::Token);
        let browser = ada.clone();
        let back = tokio::spawn(async move { browser.get(&path).await });
        held.reached().await;
        let ending = beside(move || {
            let mut running = running;
            running.signal("TERM");
            running.logs("shutting down");
            running
        });
        let running = ending.await;
        // Nobody new is let in.
        let mut is_closed = false;
        for _ in 0..100_000 {
            is_closed = tokio::net::TcpStream::connect(address).await.is_err();
            if is_closed {
                break;
            }
        }
        assert!(is_closed, "new connections are still taken");
        assert!(!back.is_finished());
        held.release();
        let res = back.await.unwrap().unwrap();
        assert_eq!(location(&res), "/a/acme/integrations/?notice=connected_only_site");
        let ended = beside(move || running.wait()).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("stopped"));
        assert_eq!(secrets::find(&ended.stderr, &world.secrets()), None, "at its most talkative");
        assert_eq!(world.db.rows("jira_integrations").await.len(), 1, "what was granted is kept");
    }

    async fn a_grant_is_kept_when_the_browser_has_left(db: TestDb) {
        let world = World::new(db).await;
        let folder = tempfile::tempdir().unwrap();
        let (running, address) = serve(&world, folder.path(), &[]).await;
        let (ada, path) = on_the_way_back(&world, address).await;
        let held = world.sim.hold(Endpoint::Token);
        let browser = ada.clone();
        let back = tokio::spawn(async move { browser.get(&path).await });
        held.reached().await;
        back.abort();
        let running = beside(move || {
            let mut running = running;
            running.signal("TERM");
            running.logs("shutting down");
            running
        }).await;
        held.release();
        assert_eq!(beside(move || running.wait()).await.code, Some(0));
        assert_eq!(world.db.rows("jira_integrations").await.len(), 1);
    }

    async fn a_second_signal_does_not_wait(db: TestDb) {
        let world = World::new(db).await;
        let folder = tempfile::tempdir().unwrap();
        let (running, address) = serve(&world, folder.path(), &[]).await;
        let (ada, path) = on_the_way_back(&world, address).await;
        let held = world.sim.hold(Endpoint::Token);
        let back = tokio::spawn(async move { ada.get(&path).await });
        held.reached().await;
        let ended = after_signals(running, &["TERM", "INT"]).await;
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        let last = ended.stderr.lines().last().unwrap();
        assert_eq!(last, "tformance: stopped before everything that was under way had finished");
        assert!(back.await.unwrap().is_err(), "the browser is told at once");
        held.release();
        assert!(world.db.rows("jira_integrations").await.is_empty());
    }

    async fn what_takes_longer_than_is_allowed_is_cut_short(db: TestDb) {
        let world = World::new(db).await;
        let folder = tempfile::tempdir().unwrap();
        let (running, address) = serve(&world, folder.path(), &[("SHUTDOWN_SECONDS", "1")]).await;
        let (ada, path) = on_the_way_back(&world, address).await;
        let held = world.sim.hold(Endpoint::Token);
        let back = tokio::spawn(async move { ada.get(&path).await });
        held.reached().await;
        let ended = after_signals(running, &["TERM"]).await;
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("the time is over"));
        assert!(back.await.unwrap().is_err());
        held.release();
    }

    async fn with_nothing_under_way_either_signal_ends_it_well(db: TestDb) {
        let world = World::new(db).await;
        let folder = tempfile::tempdir().unwrap();
        for name in ["TERM", "INT"] {
            let (running, address) = serve(&world, folder.path(), &[]).await;
            let browser = Browser::at(format!("http://{address}"));
            assert_eq!(browser.get("/readyz").await.unwrap().status(), StatusCode::OK);
            // The browser keeps its connection: an idle one holds nobody up.
            let ended = beside(move || {
                running.signal(name);
                running.wait()
            })
            .await;
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn ctrl_c_ends_a_demo_well_once_it_has_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Running::start(tformance(
        folder.path(),
        &["demo", "--port", "0", "--log", "debug"],
        &[],
    ));
    let (mut demo, origin, control) = beside(move || {
        let rest = demo.says("http://127.0.0.1:");
        let control = demo.says("  control     ");
        (demo, format!("http://127.0.0.1:{rest}"), control)
    })
    .await;
    let mut ada = Browser::at(origin);
    let form = [("email", "ada@example.com"), ("password", "demo password")];
    ada.post("/login", &form).await;
    let away = ada.post("/a/acme/integrations/jira/connect", &[]).await;
    let back = decide(&away.parse().unwrap(), "712020:1a7d3b5f-sam", "accept").await;
    // The answer to the exchange takes a while.
    let fault = json!({ "on": "token", "fault": { "delay_millis": 1_500 }, "times": 1 });
    let set = ada
        .client
        .post(format!("{control}/faults"))
        .json(&fault)
        .send()
        .await;
    assert!(set.unwrap().status().is_success());
    let browser = Arc::new(ada);
    let asking = Arc::clone(&browser);
    let answer = tokio::spawn(async move { asking.get(&path_and_query(&back)).await });
    // Once the attempt is claimed the page does not offer to go on with it any more.
    let mut is_claimed = false;
    for _ in 0..100_000 {
        let page = browser.get("/a/acme/integrations/").await.unwrap();
        is_claimed = !page.text().await.unwrap().contains("name=\"attempt\"");
        if is_claimed {
            break;
        }
    }
    assert!(is_claimed);
    demo.signal("INT");
    let res = answer.await.unwrap().unwrap();
    assert_eq!(
        location(&res),
        "/a/acme/integrations/?notice=connected_only_site"
    );
    let session = secrets::lines(&[browser.session.clone().unwrap()]);
    output::add(Kind::Secrets, ".txt", session.as_bytes());
    let ended = beside(move || {
        demo.logs("stopped");
        demo.wait()
    })
    .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        folder.path().read_dir().unwrap().next().is_none(),
        "a demo leaves nothing behind"
    );
}
