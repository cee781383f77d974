//! Dynamic webhooks: results by item, five at most, thirty days.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Local, MIA, Said, location, pair_of, parameter};

const SCOPES: &str = "read:jira-work manage:jira-webhook offline_access";

struct Hooks {
    local: Local,
    token: String,
    refresh: String,
    path: String,
}

impl Hooks {
    async fn start() -> Self {
        let local = Local::start().await;
        let accepted = local.consent(MIA, SCOPES, &[]).await;
        let code = parameter(&location(&accepted), "code").unwrap();
        let pair = pair_of(&local.exchange(&code).await);
        let path = format!("ex/jira/{}/rest/api/3/webhook", local.site(MIA));
        Self {
            local,
            token: pair.access,
            refresh: pair.refresh,
            path,
        }
    }

    async fn ask(&self, method: Method, rest: &str, body: &Value) -> Said {
        let url = self.local.api(&format!("{}{rest}", self.path));
        let request = self.local.http.request(method, url);
        self.local
            .send(request.bearer_auth(&self.token).json(body))
            .await
    }

    async fn register(&self, url: &str, filters: &[&str]) -> Vec<Value> {
        let wishes: Vec<_> = filters
            .iter()
            .map(|it| json!({ "jqlFilter": it, "events": ["jira:issue_updated"] }))
            .collect();
        let said = self
            .ask(Method::POST, "", &json!({ "url": url, "webhooks": wishes }))
            .await;
        assert_eq!(said.status, 200, "{}", said.text);
        said.json()["webhookRegistrationResult"]
            .as_array()
            .unwrap()
            .clone()
    }

    async fn listed(&self) -> Value {
        let request = self.local.http.get(self.local.api(&self.path));
        self.local
            .send(request.bearer_auth(&self.token))
            .await
            .json()
    }

    async fn advance(&mut self, days: i64) {
        self.local
            .advance(SignedDuration::from_hours(24 * days))
            .await;
        let pair = pair_of(&self.local.refresh(&self.refresh).await);
        (self.token, self.refresh) = (pair.access, pair.refresh);
    }
}

const HOOK: &str = "https://host.example/hook";

#[tokio::test]
async fn each_wish_has_its_own_result() {
    let hooks = Hooks::start().await;
    let results = hooks
        .register(
            HOOK,
            &[
                "project = PLAT",
                "watchCount > 1",
                "status is not EMPTY",
                "key in (A-1)",
            ],
        )
        .await;
    assert_eq!(results[0], json!({ "createdWebhookId": 1_000 }));
    assert_eq!(
        results[1],
        json!({ "errors": ["The clause watchcount is unsupported"] })
    );
    assert_eq!(
        results[2]["errors"][0],
        "The operator is not is unsupported in the clause status"
    );
    assert_eq!(results[3], json!({ "createdWebhookId": 1_001 }));
    let elsewhere = hooks
        .register("https://host.example/other", &["project = PLAT"])
        .await;
    assert!(
        elsewhere[0]["errors"][0]
            .as_str()
            .unwrap()
            .starts_with("Only one URL")
    );
    let body = json!({ "url": HOOK, "webhooks": [{ "jqlFilter": "key = A-1", "events": ["worklog_created"] }] });
    let said = hooks.ask(Method::POST, "", &body).await.json();
    assert_eq!(
        said["webhookRegistrationResult"][0]["errors"][0],
        "The event worklog_created is unsupported"
    );
    for body in [json!({}), json!({ "url": HOOK, "webhooks": [] })] {
        assert_eq!(hooks.ask(Method::POST, "", &body).await.status, 400);
    }
}

#[tokio::test]
async fn there_are_five_at_most() {
    let hooks = Hooks::start().await;
    let results = hooks.register(HOOK, &["project = PLAT"; 6]).await;
    assert!(
        results[..5]
            .iter()
            .all(|it| it["createdWebhookId"].is_number())
    );
    assert!(
        results[5]["errors"][0]
            .as_str()
            .unwrap()
            .contains("limit of 5")
    );
    let listed = hooks.listed().await;
    assert_eq!(
        (&listed["total"], &listed["isLast"]),
        (&json!(5), &json!(true))
    );
    let deleted = hooks
        .ask(Method::DELETE, "", &json!({ "webhookIds": [1_000, 77] }))
        .await;
    assert_eq!((deleted.status, deleted.text.as_str()), (202, ""));
    assert_eq!(hooks.listed().await["total"], 4);
    assert!(hooks.register(HOOK, &["project = PLAT"]).await[0]["createdWebhookId"].is_number());
}

#[tokio::test]
async fn they_end_after_thirty_days_unless_refreshed() {
    let mut hooks = Hooks::start().await;
    hooks
        .register(HOOK, &["project = PLAT", "project = WEB"])
        .await;
    let expiry = hooks.listed().await["values"][0]["expirationDate"].clone();
    assert_eq!(expiry, "2027-01-17T00:00:00.000+0000");
    hooks.advance(29).await;
    let said = hooks
        .ask(Method::PUT, "/refresh", &json!({ "webhookIds": [1_001] }))
        .await;
    said.is(
        200,
        &json!({ "expirationDate": "2027-02-15T00:00:00.000+0000" }),
    );
    hooks.advance(1).await;
    let listed = hooks.listed().await;
    assert_eq!(
        (&listed["total"], &listed["values"][0]["id"]),
        (&json!(1), &json!(1_001))
    );
    hooks.advance(29).await;
    assert_eq!(hooks.listed().await["total"], 0);
    let bad = hooks
        .ask(Method::PUT, "/refresh", &json!({ "webhookIds": "all" }))
        .await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn they_need_both_scopes() {
    let hooks = Hooks::start().await;
    let token = hooks.local.pair("Sam One").await.access;
    let said = hooks.local.get(&token, &hooks.path).await;
    said.is(
        401,
        &json!({ "code": 401, "message": "Unauthorized; scope does not match" }),
    );
}
