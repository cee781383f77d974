//! Each fault that can be played, as it arrives.

use atlassian_sim::{Endpoint, Fault};
use serde_json::json;

use crate::support::{Local, SAM, pair_of};

#[tokio::test]
async fn a_fault_strikes_once_and_in_order() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let sim = local.sim.state();
    sim.fault(Endpoint::Token, Fault::Status(503));
    sim.fault(
        Endpoint::Token,
        Fault::StatusWithRetryAfter(429, "7".to_owned()),
    );
    assert_eq!(sim.pending_faults(), 2);
    assert_eq!(local.refresh(&pair.refresh).await.status, 503);
    let said = local.refresh(&pair.refresh).await;
    assert_eq!((said.status, said.header("retry-after")), (429, Some("7")));
    assert_eq!(local.refresh(&pair.refresh).await.status, 200);
    assert_eq!(sim.counts().refresh, 1, "nothing was done before");
}

#[tokio::test]
async fn a_connection_can_be_cut_before_and_after() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let url = local.auth("oauth/token");
    let request = || {
        local.http.post(url.clone()).json(&json!({
            "grant_type": "refresh_token", "client_id": crate::support::CLIENT_ID,
            "client_secret": crate::support::SECRET, "refresh_token": pair.refresh,
        }))
    };
    local
        .sim
        .state()
        .fault(Endpoint::Token, Fault::DropBeforeRotation);
    assert!(request().send().await.is_err());
    assert_eq!(local.sim.state().counts().refresh, 0);
    local
        .sim
        .state()
        .fault(Endpoint::Token, Fault::DropAfterRotation);
    assert!(request().send().await.is_err());
    assert_eq!(local.sim.state().counts().refresh, 1);
    assert_eq!(
        request().send().await.unwrap().status(),
        200,
        "inside the leeway it is repaired"
    );
    assert_eq!(local.sim.state().counts().refresh_reused, 1);
}

#[tokio::test]
async fn everything_can_be_done_without_an_answer_ever() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let sim = local.sim.state();
    sim.fault(Endpoint::Token, Fault::HangAfterRotation);
    let request = local.http.post(local.auth("oauth/token")).json(&json!({
        "grant_type": "refresh_token", "client_id": crate::support::CLIENT_ID,
        "client_secret": crate::support::SECRET, "refresh_token": pair.refresh,
    }));
    let rotated = async {
        while sim.counts().refresh == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = request.send() => panic!("{answer:?}"),
        // Whoever asked leaves.
        () = rotated => {}
    }
    assert_eq!(local.refresh(&pair.refresh).await.status, 200);
    assert_eq!(
        sim.counts().refresh_reused,
        1,
        "inside the leeway it is repaired"
    );
}

#[tokio::test]
async fn bodies_can_be_wrong_in_every_way() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let sim = local.sim.state();
    for (fault, status) in [(Fault::HtmlWith200, 200), (Fault::Html(502), 502)] {
        sim.fault(Endpoint::Token, fault);
        let said = local.refresh(&pair.refresh).await;
        assert_eq!(
            (said.status, said.header("content-type")),
            (status, Some("text/html"))
        );
    }
    sim.fault(Endpoint::Token, Fault::HugeBody(3_000_000));
    assert_eq!(local.refresh(&pair.refresh).await.text.len(), 3_000_000);
    sim.fault(
        Endpoint::Token,
        Fault::Redirect("https://example.com/".to_owned()),
    );
    let said = local.refresh(&pair.refresh).await;
    assert_eq!(
        (said.status, said.header("location")),
        (302, Some("https://example.com/"))
    );
    sim.fault(Endpoint::Token, Fault::TruncatedJson);
    let said = local.refresh(&pair.refresh).await;
    assert!(said.status == 200 && serde_json::from_str::<serde_json::Value>(&said.text).is_err());
    sim.fault(Endpoint::Token, Fault::NullField("expires_in".to_owned()));
    let said = local.refresh(&pair.refresh).await;
    assert!(said.json()["expires_in"].is_null());
    sim.fault(
        Endpoint::Token,
        Fault::Refusal {
            status: 400,
            error: "e".to_owned(),
            description: "d".to_owned(),
        },
    );
    let body = json!({ "error": "e", "error_description": "d" });
    local.refresh(&pair.refresh).await.is(400, &body);
}

#[tokio::test]
async fn an_answer_can_die_in_the_middle() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    local.sim.state().fault(Endpoint::Token, Fault::DiesMidway);
    let request = local.http.post(local.auth("oauth/token")).json(&json!({
        "grant_type": "refresh_token", "client_id": crate::support::CLIENT_ID,
        "client_secret": crate::support::SECRET, "refresh_token": pair.refresh,
    }));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.is_err());
    assert_eq!(local.sim.state().counts().refresh, 1, "it was done");
}

#[tokio::test]
async fn a_body_can_come_compressed() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    local.sim.state().fault(Endpoint::Token, Fault::GzipBody);
    // The client inflates it, and takes the header away that said so.
    pair_of(&local.refresh(&pair.refresh).await);
    let plain = reqwest::Client::builder()
        .no_gzip()
        .no_proxy()
        .build()
        .unwrap();
    local
        .sim
        .state()
        .fault(Endpoint::Resources, Fault::GzipBody);
    let url = local.api("oauth/token/accessible-resources");
    let response = plain
        .get(url)
        .bearer_auth(&pair.access)
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.bytes().await.unwrap()[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn a_fault_of_jira_strikes_any_call_to_a_site_and_nothing_else() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    local
        .sim
        .state()
        .fault_always(Endpoint::Jira, Fault::Status(500));
    assert_eq!(local.myself(&pair.access, SAM).await.status, 500);
    local
        .sim
        .state()
        .fault(Endpoint::Myself, Fault::Status(503));
    assert_eq!(
        local.myself(&pair.access, SAM).await.status,
        503,
        "its own comes first"
    );
    assert_eq!(local.resources(&pair.access).await.status, 200);
    assert_eq!(local.refresh(&pair.refresh).await.status, 200);
    local.sim.state().clear_faults();
    assert_eq!(local.myself(&pair.access, SAM).await.status, 200);
}

#[tokio::test]
async fn odd_faults_do_not_break_the_simulator() {
    let local = Local::start().await;
    let sim = local.sim.state();
    let odd = [
        (Fault::Status(0), 500),
        (Fault::Status(101), 500),
        (Fault::Html(9_999), 500),
        (Fault::StatusWithRetryAfter(429, "a\nb".to_owned()), 429),
        (Fault::Redirect("\n".to_owned()), 400),
    ];
    for (fault, status) in odd {
        sim.fault(Endpoint::Token, fault);
        assert_eq!(local.refresh("x").await.status, status);
    }
    assert_eq!(local.refresh("x").await.status, 403);
}
