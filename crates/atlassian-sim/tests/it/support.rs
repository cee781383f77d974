//! A simulator for one test, a clock that stands still, and a client that knows nothing but the wire.

use std::sync::Arc;

use atlassian_sim::{ShiftedEnv, Sim, SimOptions, Switches};
use jiff::SignedDuration;
use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use serde_json::{Map, Value, json};
use testkit::env::TestEnv;
use url::Url;

pub(crate) const CLIENT_ID: &str = "an-app";
pub(crate) const SECRET: &str = "the secret of the app";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/callback";
pub(crate) const SCOPES: &str = "read:jira-work read:jira-user offline_access";
pub(crate) const MIA: &str = "Mia Krystof";
pub(crate) const SAM: &str = "Sam One";

/// A running simulator.
pub(crate) struct Local {
    pub(crate) sim: Sim,
    pub(crate) http: Client,
}

/// What the token endpoint gave.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: header::HeaderMap,
    pub(crate) text: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|it| it.to_str().unwrap())
    }

    /// Status and body in one.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &Value) {
        assert_eq!((self.status, &self.json()), (status, body), "{}", self.text);
    }
}

pub(crate) async fn said(response: Response) -> Said {
    Said {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

impl Local {
    pub(crate) async fn start() -> Self {
        Self::start_from(None).await
    }

    pub(crate) async fn start_from(saved: Option<Value>) -> Self {
        let clock = Arc::new(ShiftedEnv::new(Arc::new(TestEnv::new(7))));
        let options = SimOptions {
            clock: Some(Arc::clone(&clock)),
            saved,
            ..SimOptions::new(CLIENT_ID, SECRET.into(), CALLBACK.parse().unwrap())
        };
        let sim = Sim::start(clock, options).await.unwrap();
        let policy = reqwest::redirect::Policy::none();
        let http = Client::builder().redirect(policy).no_proxy().build();
        Self {
            sim,
            http: http.unwrap(),
        }
    }

    /// With some switches set.
    pub(crate) async fn with(switches: Value) -> Self {
        let local = Self::start().await;
        local.switch(switches);
        local
    }

    pub(crate) fn switch(&self, switches: Value) {
        let changes: Map<_, _> = serde_json::from_value(switches).unwrap();
        let state = self.sim.state();
        state.set_switches(state.switches().changed(&changes).unwrap());
    }

    pub(crate) fn defaults(&self) {
        self.sim.state().set_switches(Switches::default());
    }

    /// Moves the clock.
    pub(crate) async fn advance(&self, by: SignedDuration) {
        let body = json!({ "advance_seconds": by.as_secs() });
        assert_eq!(self.control("clock", &body).await.status, 200);
    }

    pub(crate) fn auth(&self, path: &str) -> Url {
        self.sim.auth_url().join(path).unwrap()
    }

    pub(crate) fn api(&self, path: &str) -> Url {
        self.sim.api_url().join(path).unwrap()
    }

    pub(crate) async fn control(&self, path: &str, body: &Value) -> Said {
        let url = self.sim.control_url().join(path).unwrap();
        self.send(self.http.post(url).json(body)).await
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Said {
        said(request.send().await.unwrap()).await
    }

    /// The authorize address, with some parameters another way.
    pub(crate) fn authorize(&self, changes: &[(&str, &str)]) -> Url {
        let mut query = vec![
            ("audience", "api.atlassian.com"),
            ("client_id", CLIENT_ID),
            ("scope", SCOPES),
            ("redirect_uri", CALLBACK),
            ("state", "a state"),
            ("response_type", "code"),
            ("prompt", "consent"),
        ];
        query.retain(|(name, _)| changes.iter().all(|(it, _)| it != name));
        query.extend(changes);
        let mut url = self.auth("authorize");
        url.query_pairs_mut().extend_pairs(query);
        url
    }

    /// Signs in on the way to consent; gives the request's name and the cookie.
    pub(crate) async fn sign_in(&self, authorize: Url, account: &str) -> (String, String) {
        let to_login = location(&self.send(self.http.get(authorize)).await);
        let context = parameter(&to_login, "context").unwrap();
        let id = self.sim.state().account_id(account).unwrap();
        let form = [("context", context.as_str()), ("account", &id)];
        let request = self.http.post(self.api("login")).form(&form);
        let signed_in = self.send(request).await;
        let cookie = signed_in.header("set-cookie").unwrap();
        (context, cookie.split(';').next().unwrap().to_owned())
    }

    /// Decides; the answer is a redirect to the callback, or a page.
    pub(crate) async fn decide(
        &self,
        (context, cookie): &(String, String),
        decision: &str,
        sites: &[&str],
    ) -> Said {
        let mut form = vec![("context", context.as_str()), ("decision", decision)];
        form.extend(sites.iter().map(|it| ("site", *it)));
        let request = self
            .http
            .post(self.api("oauth2/authorize/server/decide"))
            .header(header::COOKIE, cookie)
            .form(&form);
        self.send(request).await
    }

    /// A whole consent; gives the answer to "Accept".
    pub(crate) async fn consent(&self, account: &str, scopes: &str, sites: &[&str]) -> Said {
        let url = self.authorize(&[("scope", scopes)]);
        let signed_in = self.sign_in(url, account).await;
        self.decide(&signed_in, "accept", sites).await
    }

    pub(crate) async fn code(&self, account: &str) -> String {
        let accepted = self.consent(account, SCOPES, &[]).await;
        parameter(&location(&accepted), "code").unwrap()
    }

    pub(crate) async fn token(&self, fields: Value) -> Said {
        self.send(self.http.post(self.auth("oauth/token")).json(&fields))
            .await
    }

    pub(crate) async fn exchange(&self, code: &str) -> Said {
        let fields = json!({
            "grant_type": "authorization_code", "client_id": CLIENT_ID, "client_secret": SECRET,
            "code": code, "redirect_uri": CALLBACK,
        });
        self.token(fields).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Said {
        let fields = json!({
            "grant_type": "refresh_token", "client_id": CLIENT_ID, "client_secret": SECRET,
            "refresh_token": token,
        });
        self.token(fields).await
    }

    /// A pair of an account that has just consented.
    pub(crate) async fn pair(&self, account: &str) -> Pair {
        let code = self.code(account).await;
        pair_of(&self.exchange(&code).await)
    }

    /// A call with an access token.
    pub(crate) async fn get(&self, token: &str, path: &str) -> Said {
        self.send(self.http.get(self.api(path)).bearer_auth(token))
            .await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Said {
        let request = self.http.post(self.api(path)).bearer_auth(token);
        self.send(request.json(body)).await
    }

    /// The first Jira site of an account.
    pub(crate) fn site(&self, account: &str) -> String {
        self.sim.state().sites_of(account).remove(0)
    }

    /// `GET …/myself` of an account's first site.
    pub(crate) async fn myself(&self, token: &str, account: &str) -> Said {
        let path = format!("ex/jira/{}/rest/api/3/myself", self.site(account));
        self.get(token, &path).await
    }

    pub(crate) async fn resources(&self, token: &str) -> Said {
        self.get(token, "oauth/token/accessible-resources").await
    }
}

#[track_caller]
pub(crate) fn pair_of(said: &Said) -> Pair {
    assert_eq!(said.status, 200, "{}", said.text);
    let body = said.json();
    Pair {
        access: body["access_token"].as_str().unwrap().to_owned(),
        refresh: body["refresh_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    }
}

#[track_caller]
pub(crate) fn location(said: &Said) -> Url {
    assert_eq!(said.status, StatusCode::FOUND.as_u16(), "{}", said.text);
    said.header("location").unwrap().parse().unwrap()
}

pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(it, _)| it == name)
        .map(|(_, value)| value.into_owned())
}

/// `status` and a page that says `words`, and no way back to the app.
#[track_caller]
pub(crate) fn is_page(said: &Said, words: &str) {
    assert_eq!(said.status, 400);
    assert!(said.text.contains(words), "{}", said.text);
    assert!(said.header("location").is_none());
}
