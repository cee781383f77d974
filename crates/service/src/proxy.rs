//! Calls of services that are passed on to their team's site, with the token of its connection.
//!
//! What a call costs beside the gateway's own time is the one statement by which the key was found. The body is
//! never read whole, but one of at most [`KEPT_BYTES`] is kept, so that it can be sent again:
//!
//! - after 401, and after 403 or 404 with a token that has ended: once, with a newer token, if there is one.
//!   Whether one is fetched is decided as for a service that reports its token: at most once in 30 seconds, and
//!   not where Atlassian takes the token elsewhere. "Scope does not match" is no reason.
//! - where there was no answer: what only reads, twice more; `PUT` and `DELETE` only if nothing was sent. An
//!   answer, whatever it says, is never asked for again, and `POST` and `PATCH` never are.
//!
//! Each time that it is sent it must be within what Atlassian allows ([`crate::budget`]), after it is known that
//! there is a token: a connection that has ended says so, however much is used up.
//!
//! Like [`atlassian::gateway`], this knows HTTP, which it passes on; nothing else here does.

use std::{sync::Arc, time::Duration};

pub use atlassian::gateway::{AnswerBody, Body, BrokeOff, CallersFault, PassError, body};
use atlassian::{
    Atlassian,
    gateway::{Call, Refusal, Sending, Target},
};
use bytes::Bytes;
use domain::{
    jira_path::JiraPath,
    json_links::{Rule, Within},
    rate_budget::{Planned, issue_written},
    usage::{self, Answer, PathTemplate},
};
use http::{HeaderMap, Method, Response, StatusCode};
use tokio::time::{Instant, sleep_until};

use crate::{
    Services,
    budget::{self, OverBudget},
    door::{self, ApiClient, NotServed},
    refresh::{TokenError, ValidToken, Wish},
    worker::check_site,
};
mod keeping;

/// A body of so many bytes is kept until there is an answer.
pub const KEPT_BYTES: usize = 64 * 1024;

/// So often a call that only reads is sent, where no answer comes.
const MOST_TRIES: u32 = 3;

/// Before the second try nobody waits: a kept connection that had died is the usual cause. Before the third.
const BEFORE_THE_LAST_TRY: Duration = Duration::from_millis(250);

/// What a service asks for. The path is checked; the query is passed on as it is.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: Method,
    /// Where in the site.
    pub path: JiraPath<'a>,
    /// [`JiraPath::template`] of it, which whoever asks has counted it by.
    pub template: PathTemplate,
    /// What follows the question mark.
    pub query: Option<&'a str>,
    /// The headers that are passed on: none that is for us, and no credentials.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// Why there is no answer to pass on.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// There is no token, or not for this key.
    #[error(transparent)]
    NotServed(#[from] NotServed),
    /// The query cannot be part of an address.
    #[error("the query cannot be sent")]
    BadQuery,
    /// Atlassian would refuse it, or others would starve.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// The gateway did not answer.
    #[error(transparent)]
    NoAnswer(#[from] PassError),
}

impl From<TokenError> for ProxyError {
    fn from(err: TokenError) -> Self {
        Self::NotServed(err.into())
    }
}

impl From<CallersFault> for ProxyError {
    fn from(fault: CallersFault) -> Self {
        Self::NoAnswer(PassError::Body(fault))
    }
}

impl ProxyError {
    /// As what it is counted.
    pub const fn answer(&self) -> Answer {
        match self {
            Self::NotServed(err) => err.answer(),
            // A valid token was there.
            Self::OverBudget(_) => Answer::Served,
            Self::BadQuery | Self::NoAnswer(PassError::Body(_)) => Answer::CallersFault,
            Self::NoAnswer(PassError::NotSent | PassError::Lost | PassError::Slow) => {
                Answer::ProviderOutage
            }
        }
    }
}

/// Passes a call on, and gives the answer as it comes. Whoever drops it, or its body, ends the call.
///
/// # Errors
///
/// [`ProxyError`], each with a meaning of its own; whatever the gateway answers is none.
pub async fn pass_on(
    services: &Arc<Services>,
    client: &ApiClient,
    asked: Asked<'_>,
) -> Result<Response<AnswerBody>, ProxyError> {
    let (token, site) = door::token_and_site(services, client, Wish::NOW).await?;
    let Some(atlassian) = &services.atlassian else {
        return Err(TokenError::Misconfigured { retry_after: None }.into());
    };
    let target = atlassian.target(&site, asked.path, asked.query);
    let target = target.map_err(|_| ProxyError::BadQuery)?;
    let method = usage::Method::of(asked.method.as_str());
    let planned = Planned {
        site,
        method,
        template: asked.template,
        issue: issue_written(method, asked.path.as_str()),
    };
    let (body, kept) = keeping::keep(asked.body, atlassian.patience_with_bodies()).await?;
    let passing = Passing {
        services,
        client,
        atlassian,
        target,
        planned,
        method: asked.method,
        headers: asked.headers,
        kept,
    };
    let mut answer = passing.ask(&token, body).await?;
    match judge(services, &token, &mut answer).await {
        Judged::PassOn => Ok(answer),
        Judged::SiteRefuses => {
            check_site::look_again(services, client.key().team, token);
            Ok(answer)
        }
        // Also where it cannot be sent again: then the next call finds a newer token.
        Judged::TokenRefused => {
            // Boxed, as it is rare: room for it would be moved about with each call.
            let replaced = Box::pin(passing.replace(&token)).await;
            match replaced {
                Ok(newer) => match newer.zip(passing.again()) {
                    Some((newer, body)) => {
                        // What it said is of no use any more.
                        drop(answer);
                        Box::pin(passing.ask(&newer, body)).await
                    }
                    None => Ok(answer),
                },
                // Now it is known that nothing can be had but by people.
                Err(
                    err @ (NotServed::Key(_)
                    | NotServed::Forbidden(_)
                    | NotServed::Token(TokenError::NoConnection(_))),
                ) => Err(err.into()),
                Err(NotServed::Token(err)) => {
                    tracing::info!(error = %err, "no token in the place of one that was refused");
                    Ok(answer)
                }
            }
        }
    }
}

/// The links that shall lead to `ours` where a service asks for that: those to its site at the gateway, and those
/// to the same interface at the site itself, which takes no token of ours.
pub fn link_rules(services: &Services, client: &ApiClient, ours: &str) -> Vec<Rule> {
    let (Some(atlassian), Some(site)) = (&services.atlassian, client.site()) else {
        return Vec::new();
    };
    let rule = |from: &str, to: String, within| Rule {
        from: from.to_owned(),
        to,
        within,
    };
    let gateway = atlassian.gateway_url(&site.cloud_id);
    let at_site = format!("{}/rest", site.url.as_str().trim_end_matches('/'));
    vec![
        rule(gateway.as_str(), ours.to_owned(), Within::Everything),
        rule(gateway.path(), ours.to_owned(), Within::Links),
        rule(&at_site, format!("{ours}/rest"), Within::Links),
    ]
}

/// A call that can be sent more than once.
struct Passing<'a> {
    services: &'a Arc<Services>,
    client: &'a ApiClient,
    atlassian: &'a Atlassian,
    target: Target,
    planned: Planned,
    method: Method,
    headers: HeaderMap,
    /// The body, where it is small enough to be sent again.
    kept: Option<Bytes>,
}

impl Passing<'_> {
    /// Sends it until there is an answer, as often as may be.
    async fn ask(
        &self,
        token: &ValidToken,
        mut body: Sending,
    ) -> Result<Response<AnswerBody>, ProxyError> {
        let mut tries = 1;
        loop {
            let planned = self.planned.clone();
            let mut admission = budget::admit(self.services, self.client, planned).await?;
            admission.sent(self.services);
            let failed = match self.send(token, body).await {
                Ok(answer) => {
                    let reports = self.atlassian.reports_of(answer.status(), answer.headers());
                    admission.observe(self.services, &reports).await;
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            if failed == PassError::NotSent {
                admission.not_sent();
            }
            drop(admission);
            let may = tries < MOST_TRIES && self.may_be_tried_again(failed);
            body = match self.again().filter(|_| may) {
                Some(body) => body,
                None => return Err(failed.into()),
            };
            tries += 1;
            if tries == MOST_TRIES {
                sleep_until(Instant::now() + BEFORE_THE_LAST_TRY).await;
            }
        }
    }

    /// Another token in the place of one that was refused.
    async fn replace(&self, refused: &ValidToken) -> Result<Option<ValidToken>, NotServed> {
        door::replace_refused(self.services, self.client, refused, &self.planned.site).await
    }

    /// The body once more, where that can be.
    fn again(&self) -> Option<Sending> {
        self.kept.clone().map(Sending::Whole)
    }

    async fn send(
        &self,
        token: &ValidToken,
        body: Sending,
    ) -> Result<Response<AnswerBody>, PassError> {
        let call = Call {
            method: self.method.clone(),
            headers: self.headers.clone(),
            body,
        };
        self.atlassian
            .pass_on(&token.access, &self.target, call)
            .await
    }

    fn may_be_tried_again(&self, failed: PassError) -> bool {
        match failed {
            PassError::NotSent => self.method.is_idempotent(),
            PassError::Lost => self.method.is_safe(),
            PassError::Slow | PassError::Body(_) => false,
        }
    }
}

/// What an answer means for us.
enum Judged {
    PassOn,
    TokenRefused,
    SiteRefuses,
}

async fn judge(
    services: &Services,
    token: &ValidToken,
    answer: &mut Response<AnswerBody>,
) -> Judged {
    let has_ended = || token.expires_at <= services.env.now();
    let refusal = match answer.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let body = answer.body_mut().peek(KEPT_BYTES).await;
            Refusal::of(answer.headers(), &body)
        }
        // Some paths of the gateway tell so of a token that has ended.
        StatusCode::NOT_FOUND if has_ended() => Refusal::Other,
        _ => return Judged::PassOn,
    };
    match refusal {
        Refusal::ScopeMissing => Judged::PassOn,
        _ if has_ended() => Judged::TokenRefused,
        Refusal::NotInstalled => Judged::SiteRefuses,
        Refusal::Other if answer.status() == StatusCode::UNAUTHORIZED => Judged::TokenRefused,
        Refusal::Other => Judged::PassOn,
    }
}
