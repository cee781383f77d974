//! What a scene can do and see: Atlassian's faults and the clock over the simulator's control address, the state
//! of the connection, and what came in.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use atlassian_sim::Sim;
use domain::{
    credential::{IntegrationCredential, Provider},
    state::ConnectionState,
};
use jiff::SignedDuration;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use service::{
    Services,
    connections::{TeamConnection, find as find_connection},
    refresh::ensure_valid_token,
};
use url::Url;

use super::ada::{Ada, integrations};
use crate::demo::{
    inbox::{Came, Delivery, Inbox, Letter},
    people::{OPERATOR, SLUG, TEAM},
};

/// Whatever a scene waits for comes within this time, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What was written is sent within a second; nothing came for longer than that.
const QUIET: Duration = Duration::from_millis(2_500);

/// While the clock is moved bit by bit: long enough for workers, which look every second.
const LOOKS_PER_MOVE: u32 = 15;

/// Everything around a scene.
#[derive(Debug)]
pub(in crate::demo) struct Stage {
    pub(in crate::demo) services: Arc<Services>,
    pub(in crate::demo) sim: Sim,
    pub(in crate::demo) inbox: Inbox,
    pub(in crate::demo) base_url: Url,
    pub(in crate::demo) desk_url: Url,
    /// Where the key ring and the database's file are.
    pub(in crate::demo) folder: PathBuf,
    /// Where the database is, if it is no file in the folder.
    pub(in crate::demo) database_url: Option<String>,
}

/// What was seen, and where a person sees it too.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) what: String,
    pub(super) at: Url,
}

impl Stage {
    /// Asks the simulator's control address.
    pub(super) async fn control(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> anyhow::Result<Value> {
        let client = Client::builder().no_proxy().build()?;
        let url = self.sim.control_url().join(path)?;
        let mut request = client.request(method, url);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("the simulator's control address refuses {path} with {status}: {text}");
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Moves the clock that the simulator and this server share.
    pub(super) async fn advance(&self, by: SignedDuration) -> anyhow::Result<()> {
        let body = json!({ "advance_seconds": by.as_secs() });
        self.control(Method::POST, "clock", body).await.map(drop)
    }

    /// How often the simulator did something.
    pub(super) async fn count(&self, what: &str) -> anyhow::Result<u64> {
        let counts = self.control(Method::GET, "counts", Value::Null).await?;
        Ok(counts.get(what).and_then(Value::as_u64).unwrap_or_default())
    }

    /// The team's connection, as the operator's command line tells it.
    pub(super) async fn connection(&self) -> anyhow::Result<TeamConnection> {
        let found = find_connection(&self.services, SLUG).await?;
        found.with_context(|| {
            format!("there is no team {TEAM} any more; drills need it as the demo made it")
        })
    }

    /// Its stored grant.
    pub(super) async fn credential(&self) -> anyhow::Result<IntegrationCredential> {
        let credential = self.connection().await?.credential;
        credential.context("the team is not connected any more")
    }

    /// Its state.
    pub(super) async fn state(&self) -> anyhow::Result<ConnectionState> {
        Ok(self.connection().await?.assessment.state)
    }

    /// How long its token is good for.
    pub(super) async fn left(&self) -> anyhow::Result<SignedDuration> {
        let tokens = self.credential().await?.tokens;
        let ends = tokens.map(|it| it.access_expires_at);
        let ends = ends.context("the team has no token any more")?;
        Ok(ends.duration_since(self.services.env.now()))
    }

    /// Asks for a token as a service does.
    pub(super) async fn token(&self) -> anyhow::Result<()> {
        let team = self.connection().await?.team.id;
        let asked = ensure_valid_token(&self.services, team, Provider::Jira, SignedDuration::ZERO);
        asked.await.map(drop).context("there is no token")
    }

    /// Moves the clock to where the token has so long left, if it has more: a refresh is due there.
    pub(super) async fn until_left(&self, wanted: SignedDuration) -> anyhow::Result<()> {
        let left = self.left().await?;
        if left > wanted {
            self.advance(left - wanted).await?;
        }
        Ok(())
    }

    /// Waits for what is to be seen.
    pub(super) async fn see<T, F: Future<Output = anyhow::Result<Option<T>>>>(
        &self,
        what: &str,
        look: impl Fn() -> F,
    ) -> anyhow::Result<T> {
        let began = self.services.env.elapsed();
        loop {
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            if self.services.env.elapsed().saturating_sub(began) > PATIENCE {
                bail!("this was to be seen and was not: {what}");
            }
            pause(LOOK_EVERY).await;
        }
    }

    /// Waits for what is to be seen in time: the clock is moved on, bit by bit, until it is.
    pub(super) async fn see_in_time<T, F: Future<Output = anyhow::Result<Option<T>>>>(
        &self,
        what: &str,
        step: SignedDuration,
        look: impl Fn() -> F,
    ) -> anyhow::Result<T> {
        let began = self.services.env.elapsed();
        loop {
            for _ in 0..LOOKS_PER_MOVE {
                if let Some(seen) = look().await? {
                    return Ok(seen);
                }
                pause(LOOK_EVERY).await;
            }
            if self.services.env.elapsed().saturating_sub(began) > PATIENCE {
                bail!("this was to be seen in time and was not: {what}");
            }
            self.advance(step).await?;
        }
    }

    /// Waits for a state of the connection.
    pub(super) async fn see_state(&self, wanted: ConnectionState) -> anyhow::Result<Sight> {
        let what = format!("the state {}", wanted.as_str());
        let look = async || Ok((self.state().await? == wanted).then_some(()));
        self.see(&what, look).await?;
        Ok(Sight {
            what,
            at: self.health_page()?,
        })
    }

    /// The page of the connection.
    pub(super) fn health_page(&self) -> anyhow::Result<Url> {
        Ok(self.base_url.join(&format!("{}jira/", integrations()))?)
    }

    /// Whether the team's pages have the banner; looked at on one that is about something else.
    pub(super) async fn see_banner(&self, wanted: bool) -> anyhow::Result<Sight> {
        let path = format!("/a/{SLUG}/members");
        let page = Ada::sign_in(self).await?.read(&path).await?;
        let what = if wanted {
            "a banner on every page of the team"
        } else {
            "no banner on the team's pages"
        };
        if page.contains("<section class=\"banner") != wanted {
            bail!("this was to be seen and was not: {what}");
        }
        Ok(Sight {
            what: what.to_owned(),
            at: self.base_url.join(&path)?,
        })
    }

    /// Mails to somebody since, whose subject holds this.
    pub(super) fn mails(&self, since: u64, to: &str, subject: &str) -> Vec<Came<Letter>> {
        let mut mails = self.inbox.mails();
        mails.retain(|it| {
            it.number > since
                && it.what.to.iter().any(|it| it == to)
                && it.what.subject.contains(subject)
        });
        mails
    }

    /// Webhooks since, of an event, in a state.
    pub(super) fn webhooks(
        &self,
        since: u64,
        event: &str,
        state: Option<ConnectionState>,
    ) -> Vec<Came<Delivery>> {
        let state = state.map_or("", ConnectionState::as_str);
        let mut webhooks = self.inbox.webhooks();
        webhooks.retain(|it| {
            it.number > since
                && it.what.event() == event
                && it.what.text("/data/connection/state") == state
        });
        webhooks
    }

    /// A mail that came, with its address here.
    pub(super) fn mail_seen(&self, mail: &Came<Letter>) -> anyhow::Result<Sight> {
        Ok(Sight {
            what: format!(
                "a mail to {}: “{}”",
                mail.what.to.join(", "),
                mail.what.subject
            ),
            at: self.desk_url.join(&format!("mails/{}", mail.number))?,
        })
    }

    /// A webhook that came, with its address here; badly signed, it is none.
    pub(super) fn webhook_seen(&self, webhook: &Came<Delivery>) -> anyhow::Result<Sight> {
        let signature = webhook.what.signature;
        if !signature.is_good() {
            bail!("a webhook came with this: {}", signature.words());
        }
        Ok(Sight {
            what: format!("a webhook: {}, {}", webhook.what.event(), signature.words()),
            at: self
                .desk_url
                .join(&format!("webhooks/{}", webhook.number))?,
        })
    }

    /// Sees that nobody of the team was written to since.
    pub(super) fn see_no_mail_to_team(&self, since: u64) -> anyhow::Result<Sight> {
        self.see_no_mail_but_to(OPERATOR, since)?;
        Ok(Sight {
            what: "no mail to anybody of the team".to_owned(),
            at: self.desk_url.clone(),
        })
    }

    /// Sees that nobody else was written to since.
    pub(super) fn see_no_mail_but_to(&self, address: &str, since: u64) -> anyhow::Result<Sight> {
        let mails = self.inbox.mails();
        let other = mails
            .iter()
            .find(|it| it.number > since && it.what.to.iter().any(|it| it != address));
        match other {
            Some(mail) => bail!(
                "only {address} was to get mail, and this went to {}: {}",
                mail.what.to.join(", "),
                mail.what.subject
            ),
            None => Ok(Sight {
                what: "no mail to anybody else".to_owned(),
                at: self.desk_url.clone(),
            }),
        }
    }

    /// Waits until nothing more comes in.
    pub(super) async fn quiet(&self) {
        loop {
            let before = self.inbox.count();
            pause(QUIET).await;
            if self.inbox.count() == before {
                return;
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "between two looks at what other tasks and processes do"
)]
async fn pause(how_long: Duration) {
    tokio::time::sleep(how_long).await;
}
