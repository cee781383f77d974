//! The way through authorize and consent, and every page that nobody comes back from.

use atlassian_sim::{AccountChange, Endpoint, Fault, SiteChange};
use serde_json::json;

use crate::support::{CALLBACK, Local, MIA, SAM, SCOPES, is_page, location, pair_of, parameter};

#[tokio::test]
async fn an_accepted_consent_comes_back_with_code_and_state() {
    let local = Local::start().await;
    let accepted = local.consent(MIA, SCOPES, &[]).await;
    let url = location(&accepted);
    assert!(url.as_str().starts_with(CALLBACK));
    assert_eq!(parameter(&url, "state").as_deref(), Some("a state"));
    assert!(parameter(&url, "code").unwrap().len() > 800);
}

#[tokio::test]
async fn a_cancelled_consent_comes_back_as_documented() {
    let local = Local::start().await;
    let signed_in = local.sign_in(local.authorize(&[]), MIA).await;
    let url = location(&local.decide(&signed_in, "cancel", &[]).await);
    assert_eq!(parameter(&url, "error").as_deref(), Some("access_denied"));
    let description = parameter(&url, "error_description");
    assert_eq!(
        description.as_deref(),
        Some("User did not authorize the request")
    );
    assert_eq!(parameter(&url, "state").as_deref(), Some("a state"));
    is_page(
        &local.decide(&signed_in, "accept", &[]).await,
        "not known any more",
    );
}

#[tokio::test]
async fn a_wrong_authorize_request_ends_on_a_page() {
    let local = Local::start().await;
    let wrong = [
        ("client_id", "another"),
        ("redirect_uri", "http://127.0.0.1:9/callback/"),
        ("audience", ""),
        ("response_type", "token"),
        ("scope", "openid profile"),
        ("scope", ""),
        ("state", ""),
    ];
    for change in wrong {
        let said = local.send(local.http.get(local.authorize(&[change]))).await;
        is_page(&said, "Something went wrong");
    }
    assert_eq!(local.sim.state().counts().authorize, 0);
}

#[tokio::test]
async fn spaces_between_scopes_may_be_written_either_way() {
    let local = Local::start().await;
    for space in ["+", "%20"] {
        let query = local.authorize(&[]);
        let url = query.as_str().replace(
            "read%3Ajira-work+read",
            &format!("read%3Ajira-work{space}read"),
        );
        let said = local.send(local.http.get(url)).await;
        assert_eq!(said.status, 302, "{space}");
    }
}

#[tokio::test]
async fn a_private_app_lets_only_its_owner_past() {
    let local = Local::with(json!({ "private_app": true })).await;
    let signed_in = local.sign_in(local.authorize(&[]), SAM).await;
    let path = format!("oauth2/authorize/server/consent?context={}", signed_in.0);
    let shown = local
        .http
        .get(local.api(&path))
        .header("cookie", &signed_in.1);
    is_page(&local.send(shown).await, "Only its owner can authorize it");
    is_page(
        &local.decide(&signed_in, "accept", &[]).await,
        "Only its owner can authorize it",
    );
    assert_eq!(local.consent(MIA, SCOPES, &[]).await.status, 302);
    let owns = AccountChange {
        owns_app: true,
        ..AccountChange::default()
    };
    assert!(local.sim.state().change_account(SAM, &owns));
    assert_eq!(local.consent(SAM, SCOPES, &[]).await.status, 302);
}

#[tokio::test]
async fn an_administrator_may_have_to_approve_first() {
    let local = Local::with(json!({ "admin_approval_needed": true })).await;
    let signed_in = local.sign_in(local.authorize(&[]), SAM).await;
    let stopped = local.decide(&signed_in, "accept", &[]).await;
    is_page(
        &stopped,
        "Your site admin must authorize this app for the site solo-works.atlassian.net",
    );
    local.defaults();
    assert_eq!(
        local.decide(&signed_in, "accept", &[]).await.status,
        302,
        "approved, it goes on"
    );
}

#[tokio::test]
async fn a_blocked_site_ends_the_consent_where_the_switch_says_so() {
    let local = Local::with(json!({ "blocked_site_stops_consent": true })).await;
    let site = local.site(SAM);
    assert!(local.sim.state().set_blocked(&site, true));
    is_page(
        &local.consent(SAM, SCOPES, &[]).await,
        "App is blocked by an admin",
    );
    assert!(local.sim.state().set_blocked(&local.site(MIA), true));
    assert_eq!(
        local.consent(MIA, SCOPES, &[]).await.status,
        302,
        "other sites are left"
    );
    let one = local.site(MIA);
    is_page(
        &local.consent(MIA, SCOPES, &[&one]).await,
        "App is blocked by an admin",
    );
    local.defaults();
    assert_eq!(local.consent(SAM, SCOPES, &[]).await.status, 302);
}

#[tokio::test]
async fn a_deactivated_account_gets_no_further() {
    let local = Local::start().await;
    let off = AccountChange {
        active: Some(false),
        ..AccountChange::default()
    };
    assert!(local.sim.state().change_account(SAM, &off));
    is_page(
        &local.consent(SAM, SCOPES, &[]).await,
        "has been deactivated",
    );
}

#[tokio::test]
async fn consent_may_grant_less_than_was_asked_for() {
    let local = Local::with(json!({ "withheld_scopes": ["read:jira-user"] })).await;
    let pair = local.pair(SAM).await;
    let refused = local.myself(&pair.access, SAM).await;
    refused.is(
        401,
        &json!({ "code": 401, "message": "Unauthorized; scope does not match" }),
    );
    let listed = local.resources(&pair.access).await.json();
    assert_eq!(listed[0]["scopes"], json!(["read:jira-work"]));
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let local = Local::with(json!({ "withheld_scopes": ["offline_access"] })).await;
    let code = local.code(SAM).await;
    let body = local.exchange(&code).await.json();
    assert!(body.get("refresh_token").is_none());
    assert!(body["access_token"].is_string());
    local.defaults();
    let accepted = local.consent(SAM, "read:jira-work", &[]).await;
    let code = parameter(&location(&accepted), "code").unwrap();
    assert!(
        local
            .exchange(&code)
            .await
            .json()
            .get("refresh_token")
            .is_none()
    );
}

fn ids(listed: &serde_json::Value) -> Vec<String> {
    let mut ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

#[tokio::test]
async fn an_account_level_grant_collects_sites_and_old_tokens_gain_them() {
    let local = Local::with(json!({ "site_picker": true })).await;
    let sites = local.sim.state().sites_of(MIA);
    let code = |it| parameter(&location(&it), "code").unwrap();
    let first = code(local.consent(MIA, SCOPES, &[&sites[0]]).await);
    let first = pair_of(&local.exchange(&first).await);
    assert_eq!(
        ids(&local.resources(&first.access).await.json()),
        [sites[0].clone()]
    );
    local.consent(MIA, SCOPES, &[&sites[1]]).await;
    let mut both = vec![sites[0].clone(), sites[1].clone()];
    both.sort();
    assert_eq!(ids(&local.resources(&first.access).await.json()), both);
}

#[tokio::test]
async fn a_resource_level_grant_reaches_the_sites_picked_last() {
    let local = Local::with(json!({ "resource_level_grants": true })).await;
    let sites = local.sim.state().sites_of(MIA);
    let signed_in = local.sign_in(local.authorize(&[]), MIA).await;
    let path = format!("oauth2/authorize/server/consent?context={}", signed_in.0);
    let shown = local
        .http
        .get(local.api(&path))
        .header("cookie", &signed_in.1);
    assert!(
        local.send(shown).await.text.contains(&sites[1]),
        "there is a picker"
    );
    let accepted = local.decide(&signed_in, "accept", &[&sites[0]]).await;
    let pair = pair_of(
        &local
            .exchange(&parameter(&location(&accepted), "code").unwrap())
            .await,
    );
    assert_eq!(
        ids(&local.resources(&pair.access).await.json()),
        [sites[0].clone()]
    );
    local.consent(MIA, SCOPES, &[&sites[1]]).await;
    assert_eq!(
        ids(&local.resources(&pair.access).await.json()),
        [sites[1].clone()]
    );
}

#[tokio::test]
async fn a_new_consent_replaces_the_scopes_of_the_grant() {
    let local = Local::start().await;
    let first = local.pair(SAM).await;
    local
        .consent(SAM, "read:jira-work offline_access", &[])
        .await;
    assert_eq!(
        local.myself(&first.access, SAM).await.status,
        200,
        "a token keeps what it had"
    );
    let second = local.refresh(&first.refresh).await;
    let mut scopes: Vec<_> = second.json()["scope"]
        .as_str()
        .unwrap()
        .split(' ')
        .map(str::to_owned)
        .collect();
    scopes.sort();
    assert_eq!(scopes, ["offline_access", "read:jira-work"]);
    let refused = local.myself(&pair_of(&second).access, SAM).await;
    refused.is(
        401,
        &json!({ "code": 401, "message": "Unauthorized; scope does not match" }),
    );
}

#[tokio::test]
async fn a_new_consent_may_end_the_tokens_of_earlier_ones() {
    let local = Local::start().await;
    let first = local.pair(SAM).await;
    local.pair(SAM).await;
    let first = pair_of(&local.refresh(&first.refresh).await);
    local.switch(json!({ "reconsent_ends_old_families": true }));
    let second = local.pair(SAM).await;
    assert_eq!(local.refresh(&first.refresh).await.status, 403);
    assert_eq!(local.refresh(&second.refresh).await.status, 200);
}

#[tokio::test]
async fn consent_can_come_back_with_any_error() {
    let local = Local::start().await;
    local.sim.state().fault(
        Endpoint::Consent,
        Fault::CallbackError("server_error".to_owned()),
    );
    let url = location(&local.consent(SAM, SCOPES, &[]).await);
    assert_eq!(parameter(&url, "error").as_deref(), Some("server_error"));
    assert_eq!(parameter(&url, "state").as_deref(), Some("a state"));
    assert_eq!(parameter(&url, "code"), None);
}

#[tokio::test]
async fn a_renamed_or_removed_site_shows_at_once() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let site = local.site(SAM);
    let renamed = SiteChange {
        name: Some("Solo & Sons".to_owned()),
        url: Some("https://sons.atlassian.net".to_owned()),
        ..SiteChange::default()
    };
    assert!(local.sim.state().change_site(&site, renamed));
    let listed = local.resources(&pair.access).await.json();
    assert_eq!(listed[0]["name"], "Solo & Sons");
    assert_eq!(listed[0]["url"], "https://sons.atlassian.net");
    let removed = SiteChange {
        removed: Some(true),
        ..SiteChange::default()
    };
    assert!(local.sim.state().change_site(&site, removed));
    assert_eq!(local.resources(&pair.access).await.json(), json!([]));
    assert_eq!(local.myself(&pair.access, SAM).await.status, 404);
}
