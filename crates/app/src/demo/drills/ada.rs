//! The admin's browser: signs in, connects and reconnects over HTTP, as a person would, and looks at pages.

use anyhow::{Context as _, bail, ensure};
use reqwest::{Client, RequestBuilder, Response, header, redirect::Policy};
use url::Url;

use super::stage::Stage;
use crate::demo::people::{ADMIN, PASSWORD, SLUG, TEAM};

/// Where the integrations of the team are.
pub(super) fn integrations() -> String {
    format!("/a/{SLUG}/integrations/")
}

/// Whether a person goes to Atlassian for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Connect,
    Reconnect,
}

/// A signed-in browser.
#[derive(Debug)]
pub(super) struct Ada<'a> {
    stage: &'a Stage,
    http: Client,
    cookie: String,
}

impl<'a> Ada<'a> {
    /// Signs in.
    pub(super) async fn sign_in(stage: &'a Stage) -> anyhow::Result<Self> {
        let http = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .build()?;
        let mut ada = Self {
            stage,
            http,
            cookie: String::new(),
        };
        let fields = [("email", ADMIN.1), ("password", PASSWORD)];
        let answer = ada.post("/login", &fields).await?;
        ada.cookie = cookie_of(&answer).with_context(|| {
            format!(
                "{} cannot sign in with the demo's password; drills need the demo's own people",
                ADMIN.1
            )
        })?;
        Ok(ada)
    }

    fn page(&self, path: &str) -> anyhow::Result<Url> {
        Ok(self.stage.base_url.join(path)?)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let request = request.header(header::COOKIE, &self.cookie);
        Ok(request.send().await?)
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Response> {
        let origin = self.stage.base_url.origin().ascii_serialization();
        let request = self.http.post(self.page(path)?).form(fields);
        self.send(request.header(header::ORIGIN, origin)).await
    }

    /// The text of a page of the app.
    pub(super) async fn read(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.send(self.http.get(self.page(path)?)).await?;
        ensure!(
            answer.status().is_success(),
            "{path} answers with {}; drills need the team {TEAM} as the demo made it",
            answer.status()
        );
        Ok(answer.text().await?)
    }

    /// Goes to Atlassian as `account`, accepts, and comes back; chooses the first site where there are several.
    pub(super) async fn consent(&self, purpose: Purpose, account: &str) -> anyhow::Result<()> {
        let word = match purpose {
            Purpose::Connect => "connect",
            Purpose::Reconnect => "reconnect",
        };
        let begun = self
            .post(&format!("{}jira/{word}", integrations()), &[])
            .await?;
        let authorize = location(&begun).with_context(|| {
            format!(
                "the button to {word} answers with {}; drills need {} to be an admin of {TEAM}",
                begun.status(),
                ADMIN.0
            )
        })?;
        let back = self.decide(authorize, account).await?;
        let arrived = self.send(self.http.get(back)).await?;
        let next = location(&arrived).with_context(|| {
            format!("coming back from Atlassian ends with {}", arrived.status())
        })?;
        if next.path().ends_with("/sites") {
            let sites = self.stage.sim.state().sites_of(account);
            let cloud_id = sites.first().context("the account reaches no site")?;
            let fields = [("cloud_id", cloud_id.as_str())];
            let chosen = self.post(next.path(), &fields).await?;
            ensure!(
                location(&chosen).is_some(),
                "choosing the site answers with {}",
                chosen.status()
            );
        }
        Ok(())
    }

    /// Signs in at Atlassian and accepts; gives the way back.
    async fn decide(&self, authorize: Url, account: &str) -> anyhow::Result<Url> {
        let login = self.http.get(authorize).send().await?;
        let login = location(&login).context("Atlassian does not lead to its sign-in")?;
        let context = login
            .query_pairs()
            .find(|(name, _)| name == "context")
            .map(|(_, value)| value.into_owned())
            .context("Atlassian's sign-in has no context")?;
        let id = self.stage.sim.state().account_id(account);
        let id = id.with_context(|| format!("there is no Atlassian account {account}"))?;
        let login = login.join("/login")?;
        let form = [("context", context.as_str()), ("account", id.as_str())];
        let signed_in = self.http.post(login.clone()).form(&form).send().await?;
        let Some(cookie) = cookie_of(&signed_in) else {
            bail!("Atlassian's sign-in answers with {}", signed_in.status());
        };
        let form = [("context", context.as_str()), ("decision", "accept")];
        let decided = self
            .http
            .post(login.join("/oauth2/authorize/server/decide")?)
            .header(header::COOKIE, cookie)
            .form(&form)
            .send()
            .await?;
        location(&decided)
            .with_context(|| format!("Atlassian's consent page answers with {}", decided.status()))
    }
}

fn cookie_of(answer: &Response) -> Option<String> {
    let cookie = answer.headers().get(header::SET_COOKIE)?.to_str().ok()?;
    cookie.split(';').next().map(str::to_owned)
}

fn location(answer: &Response) -> Option<Url> {
    let to = answer.headers().get(header::LOCATION)?.to_str().ok()?;
    answer.url().join(to).ok()
}
