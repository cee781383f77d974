//! The control address as programs use it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Local, SAM, Said, pair_of};

async fn ask(local: &Local, method: Method, path: &str) -> Said {
    let url = local.sim.control_url().join(path).unwrap();
    local.send(local.http.request(method, url)).await
}

#[tokio::test]
async fn only_the_switches_that_are_named_change() {
    let local = Local::start().await;
    let first = local
        .control("switches", &json!({ "enforce_pkce": true }))
        .await
        .json();
    assert_eq!(first["enforce_pkce"], true);
    let second = local
        .control("switches", &json!({ "access_token_seconds": 60 }))
        .await
        .json();
    assert_eq!(second["enforce_pkce"], true, "it stays");
    assert_eq!(second["access_token_seconds"], 60);
    assert_eq!(ask(&local, Method::GET, "switches").await.json(), second);
    let reset = ask(&local, Method::DELETE, "switches").await.json();
    assert_eq!(reset["enforce_pkce"], false);
}

#[tokio::test]
async fn unknown_switches_and_wrong_values_are_named_and_change_nothing() {
    let local = Local::start().await;
    let before = ask(&local, Method::GET, "switches").await.json();
    for (body, words) in [
        (
            json!({ "enforce_pkce": true, "zzz": 1 }),
            "there is no switch \"zzz\"; there are: ",
        ),
        (
            json!({ "enforce_pkce": true, "private_app": "yes" }),
            "the switch \"private_app\" does not take this value",
        ),
        (
            json!({ "dead_grant": "nicely" }),
            "the switch \"dead_grant\" does not take this value",
        ),
    ] {
        let said = local.control("switches", &body).await;
        assert_eq!(said.status, 422);
        let error = said.json()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with(words), "{error}");
        assert_eq!(ask(&local, Method::GET, "switches").await.json(), before);
    }
}

#[tokio::test]
async fn faults_are_played_and_forgotten() {
    let local = Local::start().await;
    let fault = json!({ "on": "token", "fault": { "status": 503 }, "times": 2 });
    assert_eq!(local.control("faults", &fault).await.status, 204);
    assert_eq!(local.refresh("x").await.status, 503);
    assert_eq!(ask(&local, Method::DELETE, "faults").await.status, 204);
    assert_eq!(local.refresh("x").await.status, 403);
    for fault in [
        json!({ "rate_limited": "burst" }),
        json!("gzip_body"),
        json!({ "html": 502 }),
    ] {
        let body = json!({ "on": "jira", "fault": fault, "times": 1 });
        assert_eq!(local.control("faults", &body).await.status, 204);
    }
    for wrong in [
        json!({ "on": "nowhere", "fault": "hang" }),
        json!({ "on": "token", "fault": "laugh" }),
    ] {
        let said = local.control("faults", &wrong).await;
        assert_eq!(said.status, 422);
        assert!(
            said.json()["error"]
                .as_str()
                .unwrap()
                .contains("unknown variant")
        );
    }
}

#[tokio::test]
async fn sites_accounts_grants_and_the_secret_are_changed() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let site = format!("sites/{}", local.site(SAM));
    assert_eq!(
        local
            .control(&site, &json!({ "suspended": true }))
            .await
            .status,
        204
    );
    assert_eq!(local.myself(&pair.access, SAM).await.status, 403);
    assert_eq!(
        local
            .control("sites/none", &json!({ "blocked": true }))
            .await
            .status,
        404
    );
    let wrong = json!({ "closed_to": "Nobody" });
    assert_eq!(local.control(&site, &wrong).await.status, 404);
    assert_eq!(
        local
            .control(&site, &json!({ "painted": true }))
            .await
            .status,
        422
    );
    let changed = json!({ "password_changed": true });
    assert_eq!(
        local.control("accounts/Sam%20One", &changed).await.status,
        204
    );
    assert_eq!(local.refresh(&pair.refresh).await.status, 403);
    assert_eq!(local.control("accounts/Nobody", &changed).await.status, 404);
    assert_eq!(
        local
            .control("revoke", &json!({ "account": SAM }))
            .await
            .status,
        204
    );
    assert_eq!(local.myself(&pair.access, SAM).await.status, 401);
    assert_eq!(
        local
            .control("revoke", &json!({ "account": "Nobody" }))
            .await
            .status,
        404
    );
    assert_eq!(
        local
            .control("secret", &json!({ "client_secret": "new" }))
            .await
            .status,
        204
    );
    assert_eq!(local.refresh("x").await.status, 401);
}

#[tokio::test]
async fn secrets_counts_and_tokens_are_told() {
    let local = Local::start().await;
    let code = local.code(SAM).await;
    let pair = pair_of(&local.exchange(&code).await);
    let secrets = ask(&local, Method::GET, "secrets").await.json();
    for secret in [
        &code,
        &pair.access,
        &pair.refresh,
        &crate::support::SECRET.to_owned(),
    ] {
        assert!(
            secrets
                .as_array()
                .unwrap()
                .contains(&Value::from(secret.as_str()))
        );
    }
    let newest = ask(&local, Method::GET, "tokens/Sam%20One").await.json();
    assert_eq!(newest["refresh"], pair.refresh);
    assert_eq!(ask(&local, Method::GET, "tokens/Nobody").await.status, 404);
    assert_eq!(
        ask(&local, Method::GET, "counts").await.json()["exchange"],
        1
    );
}

#[tokio::test]
async fn the_clock_moves_and_never_breaks() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let said = local
        .control("clock", &json!({ "advance_seconds": 60 }))
        .await;
    assert_eq!(said.json()["now"], "2026-12-18T00:01:00Z");
    for seconds in [i64::MAX, i64::MAX, i64::MIN, i64::MIN] {
        let body = json!({ "advance_seconds": seconds });
        assert_eq!(local.control("clock", &body).await.status, 200);
        local.refresh(&pair.refresh).await;
        local.myself(&pair.access, SAM).await;
        assert_eq!(local.code(SAM).await.len(), local.code(SAM).await.len());
        assert_eq!(ask(&local, Method::GET, "/").await.status, 200);
    }
}

#[tokio::test]
async fn pages_of_other_sites_get_nothing_done() {
    let local = Local::start().await;
    let url = local.sim.control_url().join("switches").unwrap();
    let host = url.authority().to_owned();
    let own = format!("http://{host}");
    let post = |headers: &[(&str, &str)]| {
        let mut request = local.http.post(url.clone()).body(r#"{"private_app":true}"#);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        local.send(request)
    };
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site"), ("origin", own.as_str())],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("host", "evil.example")],
    ] {
        assert_eq!(post(headers).await.status, 403, "{headers:?}");
    }
    assert!(!local.sim.state().switches().private_app);
    for headers in [
        &[][..],
        &[("sec-fetch-site", "same-origin"), ("origin", own.as_str())],
        &[("origin", own.as_str())],
    ] {
        assert_eq!(post(headers).await.status, 200, "{headers:?}");
    }
    let secrets = local.sim.control_url().join("secrets").unwrap();
    let rebound = local.http.get(secrets).header("host", "evil.example:80");
    assert_eq!(
        local.send(rebound).await.status,
        403,
        "a name that leads here is not ours"
    );
}
