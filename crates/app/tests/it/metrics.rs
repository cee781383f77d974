//! What Prometheus reads.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use atlassian::Observer as _;
use atlassian_sim::{Endpoint, Fault};
use axum::{body::Body, http::Request};
use jiff::SignedDuration;
use service::worker::measure;
use testkit::{app::TestApp, db_tests};
use tower::ServiceExt as _;

use crate::{cli::KEYS, process::run};

async fn scrape(app: &TestApp) -> String {
    let router = web::metrics::router(app.world.services.clone());
    let req = Request::get("/metrics").body(Body::empty()).unwrap();
    let res = router.oneshot(req).await.unwrap();
    let kind = res.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let body = axum::body::to_bytes(res.into_body(), 1 << 20)
        .await
        .unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

db_tests! {
    async fn refreshes_and_connections_are_counted_by_outcome_and_state(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        app.world.env.advance(SignedDuration::from_hours(2));
        app.world.sim.fault(Endpoint::Token, Fault::Status(503));
        app.world.refresh_due().await;
        measure::run_once(&app.world.services).await.unwrap();
        let text = scrape(&app).await;
        for line in [
            "tformance_refreshes_total{outcome=\"ambiguous\"} 1",
            "tformance_refreshes_total{outcome=\"ok\"} 0",
            "tformance_connections{state=\"waiting\"} 1",
            "tformance_connections{state=\"connected\"} 0",
            "tformance_provider_answer_seconds_count{operation=\"refresh\"} 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }

        app.world.env.advance(SignedDuration::from_mins(1));
        app.world.refresh_due().await;
        measure::run_once(&app.world.services).await.unwrap();
        let text = scrape(&app).await;
        assert!(text.contains("tformance_connections{state=\"connected\"} 1"), "{text}");
        assert!(text.contains("tformance_oldest_due_refresh_age_seconds 0.0"), "{text}");
    }

    async fn the_metrics_are_not_on_the_pages_listener(db: TestDb) {
        let app = TestApp::new(db).await;
        assert_eq!(app.visitor().get("/metrics").await.status, 404);
    }
}

#[test]
fn an_address_for_metrics_that_cannot_be_had_ends_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("x.db").display());
    let ended = run(
        folder.path(),
        &["serve"],
        &[
            ("ENCRYPTION_KEYS", KEYS),
            ("DATABASE_URL", &url),
            ("LISTEN", "127.0.0.1:0"),
            ("METRICS_LISTEN", &address),
        ],
    );
    let said = &ended.stderr;
    assert!(
        said.contains(&format!("METRICS_LISTEN is {address}")),
        "{said}"
    );
    assert_ne!(ended.code, Some(0));
}

/// The names of metrics in a text, without what a histogram and a counter add.
fn names_in(text: &str) -> BTreeSet<String> {
    text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
        .filter(|it| it.starts_with("tformance_"))
        .map(|it| {
            ["_bucket", "_total"]
                .iter()
                .fold(it, |name, suffix| name.strip_suffix(suffix).unwrap_or(name))
                .to_owned()
        })
        .collect()
}

/// The labels by which a text chooses series of each metric: `name{label="…",other=~"…"}`.
fn labels_in(text: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("tformance_") {
        let end = |it: char| !it.is_ascii_alphanumeric() && it != '_';
        let name = text[at..].split(end).next().unwrap_or_default();
        let Some(labels) = text[at + name.len()..].strip_prefix('{') else {
            continue;
        };
        let labels = labels.split('}').next().unwrap_or_default();
        // What a label is compared with holds no comma.
        for label in labels.split(',') {
            let label = label.split(['=', '!']).next().unwrap_or_default();
            let label = label.trim().to_owned();
            found.extend(names_in(name).into_iter().map(|name| (name, label.clone())));
        }
    }
    found
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_there_are_and_the_docs_name_each() {
    let metrics = service::metrics::Metrics::new();
    // What Atlassian is asked has a series once it was asked.
    metrics.answered("refresh", Duration::from_secs(1));
    let text = metrics.text().unwrap();
    let labels = labels_in(&text);
    let there: BTreeSet<_> = text
        .lines()
        .filter_map(|it| it.strip_prefix("# HELP ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    for file in [
        "deploy/prometheus/alerts.yml",
        "deploy/prometheus/alerts.test.yml",
        "deploy/grafana/tformance.json",
    ] {
        let asked = names_in(&read(file));
        assert!(!asked.is_empty(), "{file}");
        let unknown: Vec<_> = asked.difference(&there).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
        let asked = labels_in(&read(file));
        assert!(!asked.is_empty(), "{file}");
        // Prometheus adds where it was scraped.
        let is_ours = |it: &&(String, String)| it.1 != "instance";
        let unknown: Vec<_> = asked.difference(&labels).filter(is_ours).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
    let told = names_in(&read("docs/operations.md"));
    let untold: Vec<_> = there.difference(&told).collect();
    assert!(untold.is_empty(), "docs/operations.md: {untold:?}");
}
