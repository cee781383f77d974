//! Sign-in and consent, as a person sees them. Signing in is choosing an account.

use askama::Template;
use axum::{
    Form, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, Html, IntoResponse as _, Response},
    routing::{get, post},
};
use serde::Deserialize;
use url::Url;

use crate::{Endpoint, Fault, Site, faults::Verdict, oauth::redirect, state::Stopped};

/// Another name than any app's: cookies do not know ports.
const COOKIE: &str = "atlassian_sim_account";

const CONSENT_PATH: &str = "/oauth2/authorize/server/consent";

pub(crate) fn router() -> Router<Site> {
    Router::new()
        .route("/login", get(show_login).post(sign_in))
        .route(CONSENT_PATH, get(show_consent))
        .route("/oauth2/authorize/server/decide", post(decide))
}

#[derive(Template)]
#[template(path = "oops.html")]
struct OopsPage {
    why: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    context: String,
    accounts: Vec<AccountChoice>,
}

struct AccountChoice {
    id: String,
    name: String,
    email: String,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    context: String,
    account: String,
    email: String,
    permissions: Vec<&'static str>,
    /// Where the person picks sites.
    sites: Option<Vec<(String, String)>>,
}

#[derive(Deserialize)]
struct ContextQuery {
    #[serde(default)]
    context: String,
}

/// A page of Atlassian's, which nobody comes back from.
pub(crate) fn oops(why: impl Into<String>) -> Response {
    page(StatusCode::BAD_REQUEST, &OopsPage { why: why.into() })
}

fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(body) => (status, Html(body)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

const LOST: &str = "This request is not known any more. Go back and start again.";

async fn show_login(State(site): State<Site>, Query(query): Query<ContextQuery>) -> Response {
    let inner = site.state.lock();
    if inner.waiting(&query.context).is_none() {
        return oops(LOST);
    }
    let accounts = inner.kept.accounts.iter().map(|it| AccountChoice {
        id: it.id.clone(),
        name: it.name.clone(),
        email: it.email.clone(),
    });
    page(
        StatusCode::OK,
        &SignInPage {
            context: query.context,
            accounts: accounts.collect(),
        },
    )
}

#[derive(Deserialize)]
struct SignInForm {
    context: String,
    account: String,
}

async fn sign_in(State(site): State<Site>, Form(form): Form<SignInForm>) -> Response {
    if site.state.lock().account(&form.account).is_none() {
        return oops("There is no such account.");
    }
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax", form.account);
    let to = redirect(&format!(
        "{CONSENT_PATH}?context={}",
        encoded(&form.context)
    ));
    (AppendHeaders([(header::SET_COOKIE, cookie)]), to).into_response()
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The account of the browser's sign-in here.
pub(crate) fn signed_in_account(site: &Site, headers: &HeaderMap) -> Option<String> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|it| it.to_str().ok());
    let value = cookies
        .flat_map(|it| it.split(';'))
        .filter_map(|it| it.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)?
        .1
        .to_owned();
    site.state.lock().account(&value).is_some().then_some(value)
}

async fn show_consent(
    State(site): State<Site>,
    Query(query): Query<ContextQuery>,
    headers: HeaderMap,
) -> Response {
    let Some(account) = signed_in_account(&site, &headers) else {
        return redirect(&format!("/login?context={}", encoded(&query.context)));
    };
    let inner = site.state.lock();
    let (Some(waiting), Some(account)) = (inner.waiting(&query.context), inner.account(&account))
    else {
        return oops(LOST);
    };
    if let Some(why) = inner.turned_away(&account.id) {
        return oops(why);
    }
    let permissions = waiting.scopes.iter().map(|it| match it.as_str() {
        "read:jira-work" => "View Jira issue data",
        "read:jira-user" => "View Jira user profiles",
        "write:jira-work" => "Create and edit Jira issues",
        "manage:jira-configuration" => "Manage Jira global settings",
        "manage:jira-webhook" => "Receive Jira events",
        _ => "Stay connected while you are away",
    });
    let switches = &inner.kept.switches;
    let sites = (switches.resource_level_grants || switches.site_picker).then(|| {
        let reached = account
            .sites
            .iter()
            .filter_map(|it| inner.kept.sites.get(it));
        reached
            .map(|it| (it.cloud_id.clone(), it.url.clone()))
            .collect()
    });
    let view = ConsentPage {
        context: query.context,
        account: account.name.clone(),
        email: account.email.clone(),
        permissions: permissions.collect(),
        sites,
    };
    page(StatusCode::OK, &view)
}

async fn decide(
    State(site): State<Site>,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let value = |name: &str| {
        let found = fields.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let Some(account) = signed_in_account(&site, &headers) else {
        return oops(LOST);
    };
    let context = value("context");
    let verdict = site.state.strike(Endpoint::Consent).await;
    if let Verdict::Instead(response) = verdict {
        return response;
    }
    let mut inner = site.state.lock();
    let Ok(mut callback) = Url::parse(&inner.redirect_uri) else {
        return oops(LOST);
    };
    if let Verdict::Spoil(Fault::CallbackError(error)) = verdict {
        let Some(state) = inner.deny(context) else {
            return oops(LOST);
        };
        callback
            .query_pairs_mut()
            .append_pair("error", &error)
            .append_pair("state", &state);
    } else if value("decision") == "accept" {
        let sites: Vec<String> = fields
            .iter()
            .filter(|(it, _)| it == "site")
            .map(|(_, id)| id.clone())
            .collect();
        let (code, state) = match inner.accept(context, &account, &sites) {
            Ok(accepted) => accepted,
            Err(Stopped::Lost) => return oops(LOST),
            Err(Stopped::Page(why)) => return oops(why),
        };
        callback
            .query_pairs_mut()
            .append_pair("state", &state)
            .append_pair("code", &code);
    } else {
        let Some(state) = inner.deny(context) else {
            return oops(LOST);
        };
        callback
            .query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair("error_description", "User did not authorize the request")
            .append_pair("state", &state);
    }
    redirect(callback.as_str())
}
