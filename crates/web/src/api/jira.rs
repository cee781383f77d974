//! `/api/v1/integrations/jira`: the state of a team's connection with Jira, and its token.

use std::time::Duration;

use axum::{Json, extract::State, http::Method as HttpMethod};
use domain::{
    credential::Scopes,
    jira::Site,
    state::Reason,
    usage::{Call, Method},
};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::{Map, Value};
use service::{
    door::{self, Served},
    refresh::Wish,
};

use super::{JsonBody, counted::counted};
use crate::{
    App,
    problem::Problem,
    who::{ForRejected, ForStatus, ForToken},
};

/// Nobody can ask for a token that lasts longer: Atlassian's live an hour.
const MOST_MINIMUM_SECONDS: u64 = 3_000;

/// Nobody waits longer.
const MOST_WAIT_SECONDS: u64 = 60;

/// What is told of a connection.
#[derive(Serialize)]
pub(crate) struct ConnectionBody {
    state: &'static str,
    reason: Option<&'static str>,
    site: Option<SiteBody>,
    account_id: Option<String>,
    scopes: Vec<String>,
    token_valid_until: Option<String>,
    next_refresh_at: Option<String>,
    consent_ends_at: Option<String>,
    warning: Option<Warning>,
}

#[derive(Serialize)]
struct SiteBody {
    cloud_id: String,
    name: String,
    url: String,
}

/// A token with what is needed to use it.
#[derive(Serialize)]
pub(crate) struct TokenBody {
    access_token: String,
    token_type: &'static str,
    expires_at: String,
    token_id: String,
    cloud_id: String,
    base_url: Option<String>,
    scopes: Vec<String>,
    refreshing: bool,
    warning: Option<Warning>,
}

/// What a service should know, and need not do anything about.
#[derive(Serialize)]
struct Warning {
    code: &'static str,
    message: &'static str,
}

/// `GET /api/v1/integrations/jira`: makes no call to Atlassian.
pub(crate) async fn get_connection(
    State(app): State<App>,
    ForStatus(client): ForStatus,
    method: HttpMethod,
) -> Result<Json<ConnectionBody>, Problem> {
    let services = &app.services;
    let work = async {
        let found = door::connection(services, &client).await?;
        let told = found.assessment;
        Ok(ConnectionBody {
            state: told.state.as_str(),
            reason: told.reason.map(Reason::as_str),
            site: found.site.as_ref().map(site),
            account_id: found.account_id.map(|it| it.to_string()),
            scopes: scopes(&found.scopes),
            token_valid_until: found.token_valid_until.map(time),
            next_refresh_at: told.next_attempt_at.map(time),
            consent_ends_at: told.consent_ends_at.map(time),
            warning: found.warning.map(warning),
        })
    };
    let method = Method::of(method.as_str());
    counted(services, &client, Call::Status, method, work).await
}

/// `POST /api/v1/integrations/jira/token`.
pub(crate) async fn get_token(
    State(app): State<App>,
    ForToken(client): ForToken,
    body: Result<JsonBody, Problem>,
) -> Result<Json<TokenBody>, Problem> {
    let services = &app.services;
    let work = async {
        let wish = wish(&body?.0)?;
        Ok(answer(door::token(services, &client, wish).await?))
    };
    counted(services, &client, Call::Token, Method::Post, work).await
}

/// `POST /api/v1/integrations/jira/token/rejected`: Jira did not take the token of this id.
pub(crate) async fn report_rejected(
    State(app): State<App>,
    ForRejected(client): ForRejected,
    body: Result<JsonBody, Problem>,
) -> Result<Json<TokenBody>, Problem> {
    let services = &app.services;
    let work = async {
        let JsonBody(body) = body?;
        let wish = wish(&body)?;
        let Some(Value::String(token_id)) = body.get("token_id") else {
            return Err(Problem::token_id_missing().into());
        };
        let served = door::replace_rejected(services, &client, token_id, wish).await?;
        Ok(answer(served))
    };
    counted(services, &client, Call::Rejected, Method::Post, work).await
}

/// What a caller asks for. Members that are not known are left alone.
fn wish(body: &Map<String, Value>) -> Result<Wish, Problem> {
    let minimum = match whole_seconds(body, "minimum_seconds") {
        Ok(seconds) => seconds.unwrap_or_default(),
        Err(NotWholeSeconds) => return Err(Problem::minimum_invalid()),
    };
    if minimum > MOST_MINIMUM_SECONDS {
        return Err(Problem::minimum_too_long(MOST_MINIMUM_SECONDS));
    }
    let max_wait = match whole_seconds(body, "max_wait_seconds") {
        Ok(seconds) => seconds.map_or(Wish::NOW.max_wait, Duration::from_secs),
        Err(NotWholeSeconds) => return Err(Problem::max_wait_invalid(MOST_WAIT_SECONDS)),
    };
    if max_wait > Duration::from_secs(MOST_WAIT_SECONDS) {
        return Err(Problem::max_wait_invalid(MOST_WAIT_SECONDS));
    }
    Ok(Wish {
        minimum: SignedDuration::from_secs(minimum.cast_signed()),
        max_wait,
    })
}

struct NotWholeSeconds;

/// A number of seconds, if one is given.
fn whole_seconds(body: &Map<String, Value>, name: &str) -> Result<Option<u64>, NotWholeSeconds> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or(NotWholeSeconds),
    }
}

fn answer(served: Served) -> TokenBody {
    TokenBody {
        access_token: served.token.access.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_at: time(served.token.expires_at),
        token_id: served.token_id(),
        cloud_id: served.site.cloud_id.to_string(),
        base_url: served.base_url.map(Into::into),
        scopes: scopes(&served.scopes),
        refreshing: served.token.refreshing,
        warning: served.warning.map(warning),
    }
}

fn site(it: &Site) -> SiteBody {
    SiteBody {
        cloud_id: it.cloud_id.to_string(),
        name: it.name.to_string(),
        url: it.url.as_str().to_owned(),
    }
}

fn scopes(of: &Scopes) -> Vec<String> {
    of.iter().map(str::to_owned).collect()
}

/// RFC 3339, whole seconds: `2026-11-24T10:40:00Z`. Cut, so that nobody is told a later end than there is.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn warning(of: door::Warning) -> Warning {
    use door::Warning as W;
    let (code, message) = match of {
        W::Misconfigured => (
            "misconfigured",
            "This server's settings are in the way of the next refresh; its operator has to mend them. The \
             token works until it ends.",
        ),
        W::SiteLost => (
            "site_lost",
            "The site is out of reach of the connection; an admin of the team has to choose another one.",
        ),
        W::PermissionsMissing => (
            "permissions_missing",
            "The connection lacks a permission; an admin of the team has to reconnect and allow all of it.",
        ),
        W::RefreshFailing => (
            "refresh_failing",
            "No newer token could be had of late. We keep trying; the token works until it ends.",
        ),
        W::RenewSoon => (
            "renew_soon",
            "The consent ends soon; an admin of the team has to reconnect before.",
        ),
        W::MinimumNotMet => (
            "minimum_not_met",
            "The token does not last for minimum_seconds, and no better one can be had now.",
        ),
        W::TokenWorks => (
            "token_works",
            "Atlassian takes this token. What refused it did so for another reason.",
        ),
        W::NotSaved => (
            "not_saved",
            "The token works, and this server's database does not take it yet; its operator is told.",
        ),
    };
    Warning { code, message }
}
