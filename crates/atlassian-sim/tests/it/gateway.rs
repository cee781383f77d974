//! Who gets past the gateway, and each refusal of it.

use atlassian_sim::SiteChange;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Local, MIA, SAM, SCOPES, location, pair_of, parameter};

fn unauthorized() -> Value {
    json!({ "code": 401, "message": "Unauthorized" })
}

fn no_scope() -> Value {
    json!({ "code": 401, "message": "Unauthorized; scope does not match" })
}

#[tokio::test]
async fn a_token_that_is_not_known_is_unauthorized() {
    let local = Local::start().await;
    for token in ["", "x", "ünbekannt"] {
        local.myself(token, SAM).await.is(401, &unauthorized());
        local.resources(token).await.is(401, &unauthorized());
    }
    let path = format!("ex/jira/{}/rest/api/3/myself", local.site(SAM));
    local
        .send(local.http.get(local.api(&path)))
        .await
        .is(401, &unauthorized());
}

#[tokio::test]
async fn an_expired_token_is_told_in_three_ways() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    local.advance(SignedDuration::from_hours(1)).await;
    local
        .myself(&pair.access, SAM)
        .await
        .is(401, &unauthorized());
    local.switch(json!({ "expired_token": "forbidden" }));
    let forbidden = json!({ "code": 403, "message": "Forbidden" });
    local.myself(&pair.access, SAM).await.is(403, &forbidden);
    local.switch(json!({ "expired_token": "not_found" }));
    let said = local.myself(&pair.access, SAM).await;
    assert_eq!(
        (said.status, &said.json()["error"]),
        (404, &json!("Not Found"))
    );
    local
        .myself("never given", SAM)
        .await
        .is(401, &unauthorized());
}

#[tokio::test]
async fn right_after_consent_the_first_call_may_lag() {
    let local = Local::with(json!({ "propagation_lag_millis": 2_000 })).await;
    let pair = local.pair(SAM).await;
    assert_eq!(local.resources(&pair.access).await.status, 200);
    local.myself(&pair.access, SAM).await.is(401, &no_scope());
    assert_eq!(local.myself(&pair.access, SAM).await.status, 200, "once");
    let late = local.pair(SAM).await;
    local.advance(SignedDuration::from_secs(2)).await;
    assert_eq!(
        local.myself(&late.access, SAM).await.status,
        200,
        "later it does not lag"
    );
    let refreshed = pair_of(&local.refresh(&late.refresh).await);
    assert_eq!(
        local.myself(&refreshed.access, SAM).await.status,
        200,
        "only after consent"
    );
}

#[tokio::test]
async fn an_unknown_cloud_id_is_an_address_that_leads_nowhere() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let path = "/ex/jira/no-such-site/rest/api/3/myself";
    let said = local.get(&pair.access, path).await;
    let body = said.json();
    assert_eq!(said.status, 404);
    assert_eq!(body["status"], 404);
    assert_eq!(body["error"], "Not Found");
    assert_eq!(body["message"], "No message available");
    assert_eq!(body["path"], path);
    assert!(body["timestamp"].is_string());
    for path in ["ex/jira", "ex/jira/x/rest/api/9/myself", "nowhere"] {
        let said = local.get(&pair.access, path).await;
        assert_eq!(
            (said.status, &said.json()["error"]),
            (404, &json!("Not Found")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_site_without_the_app_says_so_in_two_ways() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let gateway = json!({ "code": 403, "message": "The app is not installed on this instance" });
    let jira =
        json!({ "errorMessages": ["The app is not installed on this instance."], "errors": {} });
    local.myself(&pair.access, MIA).await.is(403, &gateway);
    assert!(local.sim.state().set_blocked(&local.site(SAM), true));
    local.myself(&pair.access, SAM).await.is(403, &gateway);
    local.switch(json!({ "not_installed": "jira" }));
    local.myself(&pair.access, SAM).await.is(403, &jira);
    assert_eq!(
        local
            .resources(&pair.access)
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    local.switch(json!({ "blocked_site_is_listed": false }));
    assert_eq!(local.resources(&pair.access).await.json(), json!([]));
}

#[tokio::test]
async fn a_suspended_site_says_why() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let suspended = SiteChange {
        suspended: Some(true),
        ..SiteChange::default()
    };
    assert!(local.sim.state().change_site(&local.site(SAM), suspended));
    let body = json!({ "code": 403, "message": "Tenant is restricted: suspended-payment" });
    local.myself(&pair.access, SAM).await.is(403, &body);
}

#[tokio::test]
async fn a_person_who_lost_jira_there_is_refused_by_jira() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let closed = SiteChange {
        closed_to: Some(SAM.to_owned()),
        ..SiteChange::default()
    };
    assert!(local.sim.state().change_site(&local.site(SAM), closed));
    let said = local.myself(&pair.access, SAM).await;
    assert_eq!(said.status, 403);
    assert!(
        said.json()["errorMessages"][0]
            .as_str()
            .unwrap()
            .contains("permission")
    );
    assert_eq!(
        local.resources(&pair.access).await.json()[0]["id"],
        json!(local.site(SAM))
    );
    let open = SiteChange {
        open_to: Some(SAM.to_owned()),
        ..SiteChange::default()
    };
    assert!(local.sim.state().change_site(&local.site(SAM), open));
    assert_eq!(local.myself(&pair.access, SAM).await.status, 200);
}

#[tokio::test]
async fn a_scope_that_is_missing_is_told_before_the_site() {
    let local = Local::start().await;
    let accepted = local.consent(SAM, "read:jira-work", &[]).await;
    let code = parameter(&location(&accepted), "code").unwrap();
    let pair = pair_of(&local.exchange(&code).await);
    local.myself(&pair.access, SAM).await.is(401, &no_scope());
    local
        .get(&pair.access, "ex/jira/x/rest/api/3/myself")
        .await
        .is(401, &no_scope());
}

#[tokio::test]
async fn resources_are_listed_by_site_and_product_in_any_order() {
    let local = Local::start().await;
    let accepted = local.consent(MIA, SCOPES, &[]).await;
    let pair = pair_of(
        &local
            .exchange(&parameter(&location(&accepted), "code").unwrap())
            .await,
    );
    let listed = local.resources(&pair.access).await.json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 5, "Acme comes twice");
    let scopes_of = |name: &str| {
        let entries = listed.iter().filter(|it| it["name"] == name);
        let mut scopes: Vec<_> = entries.map(|it| it["scopes"].to_string()).collect();
        scopes.sort();
        scopes
    };
    let wiki = r#"["read:confluence-space.summary"]"#;
    assert_eq!(
        scopes_of("Acme"),
        [wiki, r#"["read:jira-user","read:jira-work"]"#]
    );
    assert_eq!(scopes_of("Acme Wiki"), [wiki]);
    let none = local.pair("Noa None").await;
    assert_eq!(local.resources(&none.access).await.json(), json!([]));
}
