//! `/api/v1/integrations/jira`: the state of a team's connection with Jira, and its token.

use axum::{Json, extract::State, http::Method as HttpMethod};
use domain::{
    credential::Scopes,
    jira::Site,
    usage::{Call, Method},
};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use service::door::{self, Served};

use super::{JsonBody, counted::counted};
use crate::{
    App,
    description::{Address, Time},
    layers::TimeUp,
    problem::Problem,
    who::{ForRejected, ForStatus, ForToken},
};

mod bodies;

pub(crate) use bodies::{ConnectionBody, RejectedRequest, TokenBody, TokenRequest};
use bodies::{SiteBody, TokenType};

/// `GET /api/v1/integrations/jira`: makes no call to Atlassian.
pub(crate) async fn get_connection(
    State(app): State<App>,
    ForStatus(client): ForStatus,
    time_up: TimeUp,
    method: HttpMethod,
) -> Result<Json<ConnectionBody>, Problem> {
    let services = &app.services;
    let work = async {
        let found = door::connection(services, &client).await?;
        let told = found.assessment;
        Ok(ConnectionBody {
            state: told.state.into(),
            reason: told.reason.map(Into::into),
            site: found.site.as_ref().map(site),
            account_id: found.account_id.map(|it| it.to_string()),
            scopes: scopes(&found.scopes),
            token_valid_until: found.token_valid_until.map(time),
            next_refresh_at: told.next_attempt_at.map(time),
            consent_ends_at: told.consent_ends_at.map(time),
            warning: found.warning.map(Into::into),
        })
    };
    let method = Method::of(method.as_str());
    counted(services, &client, Call::Status, method, time_up, work).await
}

/// `POST /api/v1/integrations/jira/token`.
pub(crate) async fn get_token(
    State(app): State<App>,
    ForToken(client): ForToken,
    time_up: TimeUp,
    body: Result<JsonBody, Problem>,
) -> Result<Json<TokenBody>, Problem> {
    let services = &app.services;
    let work = async {
        let wish = TokenRequest::read(&body?)?.wish();
        Ok(answer(door::token(services, &client, wish).await?))
    };
    let call = Call::Token;
    counted(services, &client, call, Method::Post, time_up, work).await
}

/// `POST /api/v1/integrations/jira/token/rejected`: Jira did not take the token of this id.
pub(crate) async fn report_rejected(
    State(app): State<App>,
    ForRejected(client): ForRejected,
    time_up: TimeUp,
    body: Result<JsonBody, Problem>,
) -> Result<Json<TokenBody>, Problem> {
    let services = &app.services;
    let work = async {
        let report = RejectedRequest::read(&body?)?;
        let served = door::replace_rejected(services, &client, &report.token_id, report.wish());
        Ok(answer(served.await?))
    };
    let call = Call::Rejected;
    counted(services, &client, call, Method::Post, time_up, work).await
}

fn answer(served: Served) -> TokenBody {
    TokenBody {
        access_token: served.token.access.expose_secret().to_owned(),
        token_type: TokenType::Bearer,
        expires_at: time(served.token.expires_at),
        token_id: served.token_id(),
        cloud_id: served.site.cloud_id.to_string(),
        base_url: served.base_url.map(|it| Address(it.into())),
        scopes: scopes(&served.scopes),
        refreshing: served.token.refreshing,
        warning: served.warning.map(Into::into),
    }
}

fn site(it: &Site) -> SiteBody {
    SiteBody {
        cloud_id: it.cloud_id.to_string(),
        name: it.name.to_string(),
        url: Address(it.url.as_str().to_owned()),
    }
}

fn scopes(of: &Scopes) -> Vec<String> {
    of.iter().map(str::to_owned).collect()
}

/// RFC 3339, whole seconds: `2026-11-24T10:40:00Z`. Cut, so that nobody is told a later end than there is.
fn time(at: Timestamp) -> Time {
    Time(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
