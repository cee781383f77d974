//! The Jira endpoints that we use, or shall use, with few but steady contents.
//!
//! [`issues`] makes the contents from a site's projects, [`jql`] reads queries, [`projects`], [`search`],
//! [`history`] and [`webhooks`] answer with them; [`report`] is the report of stored personal data.

use std::{collections::HashMap, convert::Infallible};

use axum::{
    Router,
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, Method, StatusCode, Uri, request::Parts},
    response::Response,
    routing::{any, get, post},
};
use serde_json::{Value, json};

use crate::{
    Endpoint, Site,
    gateway::{self, Admitted, Refusal, admit, jira_refused, nowhere},
    state::{Account, Counts, Inner, JiraSite},
};

mod history;
mod issues;
mod jql;
mod projects;
mod report;
mod search;
mod webhooks;

pub(crate) const WORK: &[&str] = &["read:jira-work"];
pub(crate) const USER: &[&str] = &["read:jira-user"];

pub(crate) fn router() -> Router<Site> {
    let of_site = Router::new()
        .route("/myself", get(myself))
        .route("/serverInfo", get(server_info))
        .route("/project", get(projects::all))
        .route("/project/search", get(projects::search))
        .route("/project/{key}", get(projects::one))
        .route("/users/search", get(users_search))
        .route("/field", get(field))
        .route("/search", any(removed))
        .route("/search/jql", get(search::by_query).post(search::by_body))
        .route("/issue/{key}", get(search::issue))
        .route("/issue/{key}/changelog", get(history::changelog))
        .route("/changelog/bulkfetch", post(history::bulkfetch))
        .route("/issue/{key}/worklog", get(history::worklog))
        .route("/worklog/updated", get(history::worklog_updated))
        .route("/webhook/refresh", axum::routing::put(webhooks::refresh))
        .route(
            "/webhook",
            get(webhooks::list)
                .post(webhooks::register)
                .delete(webhooks::delete),
        );
    Router::new()
        .nest("/ex/jira/{cloud_id}/rest/api/{version}", of_site)
        .route("/app/report-accounts/", post(report::report_accounts))
}

/// A call to a site, before anybody has looked at it.
pub(crate) struct Call {
    params: HashMap<String, String>,
    query: Vec<(String, String)>,
    method: Method,
    headers: HeaderMap,
    uri: Uri,
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        // A path that is no text names nothing.
        let params = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let axum::extract::OriginalUri(uri) =
            axum::extract::OriginalUri::from_request_parts(parts, state).await?;
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Ok(Self {
            params: params.map(|Path(it)| it).unwrap_or_default(),
            query: query.into_owned().collect(),
            method: parts.method.clone(),
            headers: parts.headers.clone(),
            uri,
        })
    }
}

impl Call {
    /// A part of the path.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// All values of a parameter of the query.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.query.iter().filter(move |(it, _)| it == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter of the query.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut named = self.query.iter().filter(|(it, _)| it == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// A number of the query.
    ///
    /// # Errors
    ///
    /// Jira's refusal of what is none.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let parsed = self.value(name).map(str::parse).transpose();
        parsed.map_err(|_| bad_request(format!("The parameter '{name}' is not a valid number.")))
    }

    /// Answers, once the gateway has let the call in.
    pub(crate) async fn answer(
        &self,
        site: &Site,
        on: Endpoint,
        scopes: &[&str],
        earn: impl FnOnce(&mut Inner, &Admitted) -> Result<Value, Refusal>,
    ) -> Response {
        gateway::answer(&site.state, on, |inner| {
            count(on, &mut inner.kept.counts);
            if !["2", "3", "latest"].contains(&self.param("version")) {
                return Err(nowhere(inner, self.uri.path()));
            }
            let asked = (&self.headers, &self.uri);
            let admitted = admit(inner, asked, self.param("cloud_id"), scopes)?;
            inner.take_burst(self.param("cloud_id"), on, self.method.as_str())?;
            earn(inner, &admitted)
        })
        .await
    }

    /// The site of a call that was let in.
    pub(crate) fn site<'a>(&self, inner: &'a Inner) -> Result<&'a JiraSite, Refusal> {
        let found = inner.kept.sites.get(self.param("cloud_id"));
        found.ok_or_else(|| nowhere(inner, self.uri.path()))
    }

    /// An address in the same site, of the version that was asked.
    pub(crate) fn address(&self, site: &Site, path: &str) -> String {
        let cloud_id = self.param("cloud_id");
        let version = if self.param("version") == "2" { 2 } else { 3 };
        format!(
            "{}ex/jira/{cloud_id}/rest/api/{version}/{path}",
            site.api_url
        )
    }
}

fn count(on: Endpoint, counts: &mut Counts) {
    let counted = match on {
        Endpoint::Myself => &mut counts.myself,
        Endpoint::ServerInfo => &mut counts.server_info,
        Endpoint::ProjectSearch => &mut counts.project_search,
        Endpoint::UsersSearch => &mut counts.users_search,
        Endpoint::SearchJql => &mut counts.search_jql,
        _ => &mut counts.other_calls,
    };
    *counted += 1;
}

/// What Jira says of a request that makes no sense.
pub(crate) fn bad_request(message: impl Into<String>) -> Refusal {
    jira_refused(StatusCode::BAD_REQUEST, message)
}

/// The JSON object of a body.
///
/// # Errors
///
/// Jira's refusal of anything else.
pub(crate) fn object_of(body: &[u8]) -> Result<serde_json::Map<String, Value>, Refusal> {
    let message = "Invalid request payload. Refer to the REST API documentation and try again.";
    serde_json::from_slice(body).map_err(|_| bad_request(message))
}

/// A person as Jira shows one to others: no address, as most profiles hide theirs.
pub(crate) fn person(account: &Account) -> Value {
    json!({
        "accountId": account.id, "accountType": "atlassian", "displayName": account.name,
        "active": account.is_active, "timeZone": account.zone.0,
    })
}

async fn myself(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::Myself, USER, |inner, admitted| {
        let url = call.site(inner)?.url.clone();
        let account = inner.account(&admitted.account);
        let account = account.ok_or_else(|| nowhere(inner, call.uri.path()))?;
        let id = &account.id;
        Ok(json!({
            "self": format!("{url}/rest/api/3/user?accountId={id}"),
            "accountId": id, "accountType": "atlassian", "emailAddress": account.email,
            "displayName": account.name, "active": account.is_active,
            "avatarUrls": { "48x48": format!("{url}/avatar.png") },
            "timeZone": account.zone.0, "locale": "en_US",
            "groups": { "size": 1, "items": [] }, "applicationRoles": { "size": 1, "items": [] },
        }))
    })
    .await
}

async fn server_info(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::ServerInfo, &[], |inner, admitted| {
        let found = call.site(inner)?;
        Ok(json!({
            "baseUrl": found.url, "displayUrl": found.url, "serverTitle": found.name,
            "version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0], "buildNumber": 100_292,
            "deploymentType": "Cloud", "defaultLocale": { "locale": "en_US" },
            "serverTime": issues::jira_time(inner.now(), admitted.offset_hours),
            "serverTimeZone": "Etc/UTC",
        }))
    })
    .await
}

/// The real cap of a page, whatever is asked for.
const PAGE_CAP: usize = 100;

/// A page of a list: where it begins, and how long it may be.
pub(crate) fn page(call: &Call, default: usize, cap: usize) -> Result<(usize, usize), Refusal> {
    let start = call.number("startAt")?.unwrap_or(0);
    let length: usize = call.number("maxResults")?.unwrap_or(default);
    Ok((start, length.min(cap)))
}

/// Everybody whom Jira knows: people, an app, a customer, and somebody who has left.
async fn users_search(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::UsersSearch, USER, |inner, _| {
        let (start, length) = page(&call, 50, 1_000)?;
        let cloud_id = call.param("cloud_id");
        let people = inner.kept.accounts.iter();
        let mut users: Vec<_> = people
            .filter(|it| it.sites.iter().any(|it| it == cloud_id))
            .map(|it| {
                let mut shown = person(it);
                shown["emailAddress"] = it.email.clone().into();
                shown
            })
            .collect();
        users.push(json!({
            "accountId": "712020:3c9f5d71-ina", "accountType": "atlassian",
            "displayName": "Ina Hidden", "active": true,
        }));
        users.push(json!({
            "accountId": "557058:4da06e82-bot", "accountType": "app",
            "displayName": "Automation for Jira", "active": true,
        }));
        users.push(json!({
            "accountId": "qm:5eb17f93-customer", "accountType": "customer",
            "displayName": "Carla Customer", "active": true,
        }));
        users.push(json!({
            "accountId": "712020:6fc28004-gone", "accountType": "atlassian",
            "displayName": "Former user", "active": false,
        }));
        Ok(users.into_iter().skip(start).take(length).collect())
    })
    .await
}

async fn field(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::Field, WORK, |_, _| {
        let fields = issues::FIELDS.iter().map(|(id, name, kind)| {
            json!({
                "id": id, "key": id, "name": name, "custom": id.starts_with("customfield_"),
                "orderable": true, "navigable": true, "searchable": true, "clauseNames": [id],
                "schema": { "type": kind, "system": id },
            })
        });
        Ok(fields.collect())
    })
    .await
}

/// `search` was removed in 2025, for everybody alike.
async fn removed() -> Response {
    let message = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql \
                   API. A full migration guideline is available at \
                   https://developer.atlassian.com/changelog/#CHANGE-2046";
    jira_refused(StatusCode::GONE, message).into_response()
}
