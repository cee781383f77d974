//! The few Jira calls that we make, and what their refusals mean.

use domain::{
    env::random,
    rate_budget::Report,
    text::{AccountId, CloudId},
};
use reqwest::{StatusCode, header::HeaderMap};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use crate::{
    Atlassian, CallError,
    oauth::joined,
    rate_limits,
    transport::{Answer, Lost},
    wire::{GatewayError, JiraError, Myself},
};

/// Whose grant it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Kept.
    pub account_id: AccountId,
    /// Shown where it is fetched, never kept.
    pub display_name: Option<String>,
}

/// A name longer than this is cut.
const LONGEST_NAME: usize = 100;

impl Atlassian {
    /// Asks a site whose token it is.
    ///
    /// # Errors
    ///
    /// [`CallError`]; [`CallError::SiteRefused`] if the site does not let the app in.
    pub async fn myself(
        &self,
        access: &SecretString,
        site: &CloudId,
    ) -> Result<Account, CallError> {
        let url = joined(&self.gateway_url(site), "rest/api/3/myself");
        let said: Myself = self.get("myself", url, access).await?;
        let account_id = AccountId::parse(&said.account_id).map_err(|_| CallError::NoAnswer)?;
        Ok(Account {
            account_id,
            display_name: said.display_name.and_then(|it| tamed(&it)),
        })
    }

    /// Where calls of a site begin.
    pub fn gateway_url(&self, site: &CloudId) -> Url {
        joined(&self.settings.api_url, &format!("ex/jira/{site}"))
    }

    /// Asks with an access token and reads the JSON.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        url: Url,
        access: &SecretString,
    ) -> Result<T, CallError> {
        let request = self
            .transport
            .call
            .get(url)
            .bearer_auth(access.expose_secret());
        let answer = match self.transport.send(operation, request).await {
            Ok(answer) => answer,
            Err(Lost::NotSent | Lost::Sent | Lost::TooLarge(_)) => return Err(CallError::NoAnswer),
        };
        if answer.status.as_u16() == 200 {
            // A login page of somebody's proxy, a body that was cut: no answer.
            return serde_json::from_slice(&answer.body).map_err(|_| CallError::NoAnswer);
        }
        Err(self.refusal(&answer))
    }

    fn refusal(&self, answer: &Answer) -> CallError {
        let status = answer.status.as_u16();
        match status {
            401 if says(&answer.body, "scope does not match") => CallError::ScopeMissing,
            401 => CallError::Unauthorized,
            403 => CallError::SiteRefused,
            404 | 410 => CallError::NotFound,
            429 => CallError::RateLimited {
                retry_after: self.wait_asked_for(answer),
                reports: self.reports_of(answer.status, &answer.headers),
            },
            ..=399 | 408 | 500.. => CallError::NoAnswer,
            _ => CallError::Unexpected { status },
        }
    }
}

impl Atlassian {
    /// What an answer of the gateway says of limits.
    pub fn reports_of(&self, status: StatusCode, headers: &HeaderMap) -> Vec<Report> {
        let drawn = || u16::from_be_bytes(random(self.env.as_ref()));
        rate_limits::read(status.as_u16(), headers, self.env.now(), drawn)
    }
}

/// Whether one of the shapes of an error body has `words` (the gateway's, or Jira's own).
pub(crate) fn says(body: &[u8], words: &str) -> bool {
    let gateway = serde_json::from_slice::<GatewayError>(body);
    let jira = serde_json::from_slice::<JiraError>(body);
    gateway.is_ok_and(|it| it.message.contains(words))
        || jira.is_ok_and(|it| it.error_messages.iter().any(|it| it.contains(words)))
}

/// Somebody else's text, made fit to show.
fn tamed(text: &str) -> Option<String> {
    let shown: String = text
        .chars()
        .filter(|it| !it.is_control())
        .take(LONGEST_NAME)
        .collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}
