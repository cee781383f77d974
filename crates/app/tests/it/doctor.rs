//! `tformance doctor`: each check on a set-up that is broken on purpose.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    sync::Arc,
};

use atlassian_sim::{Sim, SimOptions};
use serde_json::Value;
use store::Store;
use testkit::{
    db_tests,
    env::TestEnv,
    hooks::{HOOK_SECRET, HookManner, HookSink},
    smtp::{Manner, SmtpSink},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::tformance::{Machine, key};

/// Fault and cure of the check, as JSON and as text, with the exit code.
#[track_caller]
fn told(machine: &Machine, check: &str, fault: &str, cure: &str) {
    let ended = machine.run(&["doctor", "--json"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let all = ended.json();
    let found = all.as_array().unwrap().iter().any(|it| {
        it["check"] == check
            && it["status"] == "fault"
            && it["detail"].as_str().unwrap().contains(fault)
            && it["cure"].as_str().unwrap().contains(cure)
    });
    assert!(found, "{check}: {fault}: {cure}: {all:#}");
    let text = machine.run(&["doctor"]);
    assert_eq!(text.code, 1);
    assert!(
        text.out.contains(&format!("FAULT    {check}: ")),
        "{text:?}"
    );
}

fn status(machine: &Machine, check: &str) -> Value {
    let all = machine.run(&["doctor", "--json"]).json();
    let found = all
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["check"] == check);
    found.unwrap()["status"].clone()
}

/// A port that nobody listens on: it is below what a test may bind.
const NOBODYS_PORT: u16 = 1;

/// A port to serve on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// With a database of its own, and private files.
fn set_up() -> Machine {
    let port = free_port();
    let machine = Machine::new()
        .set("LISTEN", format!("127.0.0.1:{port}"))
        .set("BASE_URL", format!("http://127.0.0.1:{port}"));
    machine.run(&["migrate"]).good();
    machine
}

#[test]
fn a_good_set_up_has_no_fault() {
    let machine = set_up();
    let _serving = machine.start_serving().unwrap();
    let ended = machine.run(&["doctor"]);
    for check in [
        "settings",
        "store",
        "schema",
        "clock",
        "writing",
        "keys",
        "server",
        "disk",
        "files",
        "redirect_uri",
        "proxy",
    ] {
        assert!(
            ended.good().contains(&format!("good     {check}\n")),
            "{check}: {ended:?}"
        );
    }
    assert!(ended.good().contains("skipped  smtp: "), "{ended:?}");
    assert!(ended.good().contains("skipped  webhook: "), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_not_do_is_told() {
    let machine = |url: &str| {
        set_up()
            .set("WEBHOOK_URL", url)
            .set("WEBHOOK_SECRET", HOOK_SECRET)
    };
    let good = HookSink::start(HookManner::Takes).await;
    assert_eq!(status(&machine(&good.url()), "webhook"), "good");
    assert_eq!(status(&machine(&good.url()), "webhooks"), "good");
    assert!(
        good.hooks().iter().all(|it| it.call.starts_with("HEAD ")),
        "doctor sends no event"
    );
    let nowhere = format!("http://127.0.0.1:{NOBODYS_PORT}/");
    told(
        &machine(&nowhere),
        "webhook",
        "refuses the connection",
        "start",
    );
    let plain = good.url().replace("http:", "https:");
    told(&machine(&plain), "webhook", "about TLS", "certificate");
    told(
        &machine("https://receiver.invalid/"),
        "webhook",
        "cannot be reached",
        "correct the host",
    );
    let inside = format!("http://localhost:{}/", good.port());
    let strict = machine(&inside).set("WEBHOOK_FORBID_PRIVATE", "true");
    told(&strict, "webhook", "not of the public internet", "correct");
}

#[test]
fn every_wrong_setting_is_told_at_once() {
    let machine = set_up()
        .set("BASE_URL", "https://x.example/app")
        .set("SHUTDOWN_SECONDS", "soon")
        .set("JIRA_CLIENT_ID", "only")
        .set("JIRA_CLIENT_SECRTE", "slip")
        .set("ENCRYPTION_KEYS", "short");
    told(
        &machine,
        "settings",
        "BASE_URL must be an origin",
        "BASE_URL=https://",
    );
    told(
        &machine,
        "settings",
        "SHUTDOWN_SECONDS is \"soon\"",
        "SHUTDOWN_SECONDS=75",
    );
    told(
        &machine,
        "settings",
        "JIRA_CLIENT_SECRET is not set",
        "JIRA_CLIENT_SECRET=",
    );
    told(
        &machine,
        "settings",
        "ENCRYPTION_KEYS entry 1",
        "tformance keys generate",
    );
    told(
        &machine,
        "settings",
        "JIRA_CLIENT_SECRTE is set",
        "correct the name",
    );
    fs::write(machine.path(".env"), "no line\n").unwrap();
    told(
        &machine,
        "settings",
        ".env has a line that is not NAME=value",
        "mend",
    );
}

#[test]
fn a_database_that_cannot_be_had_is_told() {
    let machine = Machine::new();
    told(
        &machine,
        "store",
        "tformance.db, which is not there",
        "tformance migrate",
    );
    assert!(
        !machine.path("tformance.db").exists(),
        "doctor changes nothing"
    );
    let machine = machine.set(
        "DATABASE_URL",
        format!("postgres://x@127.0.0.1:{NOBODYS_PORT}/x"),
    );
    told(
        &machine,
        "store",
        "the database cannot be reached",
        "start it",
    );
}

#[test]
fn files_that_everybody_may_read_are_told() {
    let machine = set_up();
    fs::set_permissions(
        machine.path("tformance.db"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    told(&machine, "files", "tformance.db", "chmod o= tformance.db");
}

#[test]
fn plain_http_beyond_this_machine_is_told() {
    let machine = set_up()
        .set("BASE_URL", "http://tformance.example")
        .set("ALLOW_PLAIN_HTTP", "true");
    told(
        &machine,
        "redirect_uri",
        "plain http beyond this machine",
        "https",
    );
}

db_tests! {
    async fn a_schema_of_another_version_is_told(db: TestDb) {
        let machine = Machine::new().set("DATABASE_URL", &db.url);
        db.raw("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 3").await.unwrap();
        told(&machine, "schema", "made by a newer version", "run that version");
        db.raw("DELETE FROM _sqlx_migrations WHERE version = 9999").await.unwrap();
        told(&machine, "schema", "an older version's", "tformance migrate");
        db.raw("DROP TABLE _sqlx_migrations").await.unwrap();
        told(&machine, "schema", "has no schema", "tformance migrate");
    }

    async fn a_database_that_only_reads_is_told(db: TestDb) {
        let only_reads = match &db.store {
            Store::Sqlite { .. } => "mode=ro",
            Store::Postgres(_) => "options[default_transaction_read_only]=on",
        };
        let and = if db.url.contains('?') { '&' } else { '?' };
        let machine = Machine::new().set("DATABASE_URL", format!("{}{and}{only_reads}", db.url));
        told(&machine, "writing", "the database cannot be written: ", "the right to write");
        assert_eq!(status(&machine, "schema"), "good", "reading goes on");
    }

    async fn another_ring_or_address_is_told(db: TestDb) {
        let machine = Machine::new().set("DATABASE_URL", &db.url).set("LISTEN", "127.0.0.1:0");
        machine.serve_once().unwrap();
        let machine = machine.set("BASE_URL", "https://two.example");
        told(&machine, "server", "last served under BASE_URL http://127.0.0.1:8000", "tformance admin adopt");
        let machine = machine.set("ENCRYPTION_KEYS", key("k1", 9));
        told(&machine, "keys", "the key ring does not open this database", "set the one that it was sealed with");
    }
}

/// What stands between: passes one request a connection on, with its head changed.
async fn proxy_to(server: SocketAddr, change: fn(&str) -> String) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut browser, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(browser.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let head: Vec<String> = head
                .lines()
                .filter(|it| !it.is_empty())
                .map(change)
                .collect();
            let head = format!("{}\r\nconnection: close\r\n\r\n", head.join("\r\n"));
            let mut upstream = tokio::net::TcpStream::connect(server).await.unwrap();
            upstream.write_all(head.as_bytes()).await.unwrap();
            tokio::io::copy(&mut upstream, &mut browser).await.unwrap();
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_changes_too_much_or_says_too_little_is_told() {
    let port = free_port();
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    let behind = |proxy: u16| {
        let machine = Machine::new()
            .set("LISTEN", server.to_string())
            .set("BASE_URL", format!("http://127.0.0.1:{proxy}"));
        machine.run(&["migrate"]).good();
        machine
    };
    // One server; each machine asks it through another proxy. It has the same keys.
    let _serving = behind(port).start_serving().unwrap();
    let rewrites = proxy_to(server, |line| match line.split_once(':') {
        Some((name, _)) if name.eq_ignore_ascii_case("host") => "host: inner".to_owned(),
        _ => line.to_owned(),
    });
    told(
        &behind(rewrites.await),
        "proxy",
        "rewrites Host",
        "proxy_set_header Host",
    );
    let drops = proxy_to(server, |line| match line.split_once(':') {
        Some((name, _)) if name.eq_ignore_ascii_case("origin") => "x-nothing: x".to_owned(),
        _ => line.to_owned(),
    });
    told(
        &behind(drops.await),
        "proxy",
        "changes Origin",
        "pass Origin",
    );
    let hides = proxy_to(server, str::to_owned);
    told(
        &behind(hides.await),
        "proxy",
        "hides the client",
        "X-Forwarded-For",
    );
    let good = proxy_to(server, |line| match line.split_once(':') {
        Some((name, _)) if name.eq_ignore_ascii_case("host") => {
            format!("{line}\r\nx-forwarded-for: 192.0.2.1")
        }
        _ => line.to_owned(),
    });
    assert_eq!(status(&behind(good.await), "proxy"), "good");
    told(
        &behind(NOBODYS_PORT),
        "proxy",
        "nothing answers at",
        "start the proxy",
    );
    // A question under other keys is not answered.
    let stranger = behind(port).set("ENCRYPTION_KEYS", key("k1", 7));
    told(
        &stranger,
        "proxy",
        "not as this server under these keys",
        "settings of `serve`",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_does_not_do_is_told() {
    let machine = |url: String| {
        set_up()
            .set("SMTP_URL", url)
            .set("MAIL_FROM", "tformance@example.com")
    };
    let good = SmtpSink::start(Manner::Takes).await;
    assert_eq!(status(&machine(good.url()), "smtp"), "good");
    let with_user = good.url().replace("//", "//u:hunter2@");
    assert_eq!(status(&machine(with_user), "smtp"), "good");
    assert!(good.mails().is_empty(), "doctor sends no mail");

    let strict = SmtpSink::start(Manner::RefusesUsers).await;
    let with_user = strict.url().replace("//", "//u:hunter2@");
    told(
        &machine(with_user),
        "smtp",
        "refuses the user or the password",
        "user and password",
    );
    let nowhere = format!("smtp://127.0.0.1:{NOBODYS_PORT}");
    told(&machine(nowhere), "smtp", "refuses the connection", "start");
    told(
        &machine("smtp://mail.invalid".to_owned()),
        "smtp",
        "cannot be reached",
        "correct the host",
    );
    let plain = good.url().replace("smtp:", "smtps:");
    told(&machine(plain), "smtp", "no TLS connection", "(465)");
    let no_starttls = format!("{}?tls=required", good.url());
    told(
        &machine(no_starttls),
        "smtp",
        "no TLS connection",
        "STARTTLS",
    );
    told(
        &machine("smtp://u:hunter2@mail.example.com".to_owned()),
        "settings",
        "SMTP_URL would send its password in the clear",
        "SMTP_URL=smtps://",
    );
    let half = set_up().set("SMTP_URL", good.url());
    told(
        &half,
        "settings",
        "MAIL_FROM is not set",
        "MAIL_FROM=tformance@",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_atlassian_refuses_is_told() {
    let redirect_uri = "http://127.0.0.1:8000/integrations/jira/callback"
        .parse()
        .unwrap();
    let options = SimOptions::new("client", "secret".into(), redirect_uri);
    let sim = Sim::start(Arc::new(TestEnv::new(1)), options)
        .await
        .unwrap();
    let origin = |url: &url::Url| url.origin().ascii_serialization();
    let machine = |secret: &str| {
        let machine = set_up();
        machine
            .set("BASE_URL", "http://127.0.0.1:8000")
            .set("JIRA_CLIENT_ID", "client")
            .set("JIRA_CLIENT_SECRET", secret)
            .set("JIRA_AUTH_URL", origin(sim.auth_url()))
            .set("JIRA_API_URL", origin(sim.api_url()))
    };
    assert_eq!(status(&machine("secret"), "client"), "good");
    assert_eq!(status(&machine("secret"), "gateway"), "good");
    told(
        &machine("wrong"),
        "client",
        "refuses JIRA_CLIENT_ID with secret 1",
        "developer console",
    );
    told(
        &machine("secret,wrong"),
        "client",
        "with secret 2 of",
        "developer console",
    );
    let nowhere = format!("http://127.0.0.1:{NOBODYS_PORT}");
    told(
        &machine("secret").set("JIRA_AUTH_URL", &nowhere),
        "provider",
        "gives no usable answer",
        "firewall",
    );
    told(
        &machine("secret").set("JIRA_API_URL", &nowhere),
        "gateway",
        "gives no usable answer",
        "firewall",
    );
}
