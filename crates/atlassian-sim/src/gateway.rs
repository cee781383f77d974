//! The gateway: accessible resources, and who gets past it to a site of Jira.

use atlassian::wire::{AccessibleResource, GatewayError, JiraError};
use axum::{
    Json, Router,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use crate::{
    Endpoint, Fault, Site,
    faults::{
        RateLimit, Verdict,
        rate_limits::{add_headers, hour_of, next_hour, seconds_between},
        spoil,
    },
    jira, mint,
    state::{BadToken, ExpiredToken, Inner, NotInstalled, SimState},
};

/// Why a call gives nothing: the whole answer.
pub(crate) struct Refusal(Box<Response>);

impl Refusal {
    pub(crate) fn new(answer: impl IntoResponse) -> Self {
        Self(Box::new(answer.into_response()))
    }

    pub(crate) fn into_response(self) -> Response {
        *self.0
    }
}

pub(crate) fn router() -> Router<Site> {
    Router::new()
        .route("/oauth/token/accessible-resources", get(resources))
        .merge(jira::router())
        .fallback(unknown)
}

/// Runs a handler around the script of faults and the app's points.
pub(crate) async fn answer(
    state: &SimState,
    on: Endpoint,
    earn: impl FnOnce(&mut Inner) -> Result<Value, Refusal>,
) -> Response {
    let verdict = state.strike(on).await;
    if let Verdict::Instead(response) = verdict {
        return response;
    }
    let hangs = matches!(verdict, Verdict::Spoil(Fault::HangAfterRotation));
    let response = earned(state, on, earn, verdict);
    if hangs {
        return std::future::pending().await;
    }
    response
}

fn earned(
    state: &SimState,
    on: Endpoint,
    earn: impl FnOnce(&mut Inner) -> Result<Value, Refusal>,
    verdict: Verdict,
) -> Response {
    let mut inner = state.lock();
    let earned = match (on, inner.has_points_left()) {
        (Endpoint::Resources, _) | (_, true) => earn(&mut inner),
        (_, false) => {
            inner.kept.counts.rate_limited += 1;
            Err(Refusal::new(RateLimit::GlobalQuota.response(inner.now())))
        }
    };
    let mut response = match (earned, verdict) {
        (Err(refusal), _) => return refusal.into_response(),
        (Ok(body), verdict) => {
            if on != Endpoint::Resources {
                inner.spend_points(1 + objects(on, &body));
            }
            match verdict {
                Verdict::Spoil(fault) => spoil(&fault, body),
                _ => Json(body).into_response(),
            }
        }
    };
    add_headers(&mut response, inner.points_headers());
    response
}

/// What an answer costs beside the call itself: one point an object, two for a person.
fn objects(on: Endpoint, body: &Value) -> u64 {
    let list = ["values", "issues", "worklogs", "issueChangeLogs"]
        .iter()
        .find_map(|it| body.get(it))
        .unwrap_or(body);
    let count = list.as_array().map_or(1, Vec::len);
    let points_each = match on {
        Endpoint::Myself | Endpoint::UsersSearch => 2,
        Endpoint::ServerInfo | Endpoint::Webhook | Endpoint::ReportAccounts => 0,
        _ => 1,
    };
    u64::try_from(count)
        .unwrap_or(u64::MAX)
        .saturating_mul(points_each)
}

impl Inner {
    /// Counts a call of this second.
    ///
    /// # Errors
    ///
    /// The refusal of one too many.
    pub(crate) fn take_burst(
        &mut self,
        cloud_id: &str,
        on: Endpoint,
        method: &str,
    ) -> Result<(), Refusal> {
        let most = self.kept.switches.calls_per_second;
        if most == 0 {
            return Ok(());
        }
        let now = self.now();
        let of = (cloud_id.to_owned(), on, method.to_owned());
        let (second, used) = self.bursts.entry(of).or_default();
        if *second != now.as_second() {
            (*second, *used) = (now.as_second(), 0);
        }
        if *used < most {
            *used += 1;
            return Ok(());
        }
        self.kept.counts.rate_limited += 1;
        let mut response = RateLimit::Burst.response(now);
        add_headers(&mut response, vec![("x-ratelimit-limit", most.to_string())]);
        Err(Refusal::new(response))
    }

    fn points_spent(&self) -> u64 {
        let (hour, spent) = self.kept.points;
        if hour == hour_of(self.now()) {
            spent
        } else {
            0
        }
    }

    fn has_points_left(&self) -> bool {
        let limit = u64::from(self.kept.switches.hourly_points);
        limit == 0 || self.points_spent() < limit
    }

    fn spend_points(&mut self, points: u64) {
        let spent = self.points_spent().saturating_add(points);
        self.kept.points = (hour_of(self.now()), spent);
    }

    /// What every answer tells while there is a limit; how much is left only once little is.
    fn points_headers(&self) -> Vec<(&'static str, String)> {
        let limit = u64::from(self.kept.switches.hourly_points);
        if limit == 0 {
            return Vec::new();
        }
        let left = limit.saturating_sub(self.points_spent());
        let is_near = left.saturating_mul(5) < limit;
        let now = self.now();
        let seconds = seconds_between(now, next_hour(now));
        let left_told = if is_near {
            format!(";r={left}")
        } else {
            String::new()
        };
        let mut headers = vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", left.to_string()),
            (
                "ratelimit-policy",
                format!("\"global-app-quota\";q={limit};w=3600"),
            ),
            (
                "ratelimit",
                format!("\"global-app-quota\"{left_told};t={seconds}"),
            ),
        ];
        if is_near {
            headers.push(("x-ratelimit-nearlimit", "true".to_owned()));
        }
        headers
    }
}

pub(crate) fn token_of(headers: &HeaderMap) -> &str {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|it| it.to_str().ok());
    value
        .and_then(|it| it.strip_prefix("Bearer "))
        .unwrap_or_default()
}

/// A refusal of the gateway.
pub(crate) fn refused(status: StatusCode, message: &str) -> Refusal {
    let body = GatewayError {
        code: status.as_u16(),
        message: message.to_owned(),
    };
    Refusal::new((status, Json(body)))
}

/// A refusal of Jira itself.
pub(crate) fn jira_refused(status: StatusCode, message: impl Into<String>) -> Refusal {
    let body = JiraError {
        error_messages: vec![message.into()],
        ..JiraError::default()
    };
    Refusal::new((status, Json(body)))
}

/// What the edge says of an address that leads nowhere.
pub(crate) fn nowhere(inner: &Inner, path: &str) -> Refusal {
    let body = json!({
        "timestamp": inner.now().to_string(), "status": 404, "error": "Not Found",
        "message": "No message available", "path": path,
    });
    Refusal::new((StatusCode::NOT_FOUND, Json(body)))
}

async fn unknown(State(site): State<Site>, OriginalUri(uri): OriginalUri) -> Response {
    nowhere(&site.state.lock(), uri.path()).into_response()
}

async fn resources(State(site): State<Site>, headers: HeaderMap) -> Response {
    answer(&site.state, Endpoint::Resources, |inner| {
        inner.kept.counts.resources += 1;
        let lists_blocked = inner.kept.switches.blocked_site_is_listed;
        let Ok(bearer) = inner.bearer(token_of(&headers)) else {
            return Err(refused(StatusCode::UNAUTHORIZED, "Unauthorized"));
        };
        let mut listed = Vec::new();
        let shown = |it: &&&crate::state::JiraSite| lists_blocked || !it.blocks_app;
        for reached in bearer.sites.iter().filter(shown) {
            let entry = |scopes: Vec<String>| AccessibleResource {
                id: reached.cloud_id.clone(),
                name: reached.name.clone(),
                url: reached.url.clone(),
                scopes,
                avatar_url: Some(format!("{}/avatar.png", reached.url)),
            };
            let of_jira = bearer.scopes.iter().filter(|it| it.contains("jira"));
            let of_jira: Vec<_> = of_jira.cloned().collect();
            if reached.has_jira && !of_jira.is_empty() {
                listed.push(entry(of_jira));
            }
            if reached.has_confluence {
                listed.push(entry(vec!["read:confluence-space.summary".to_owned()]));
            }
        }
        mint::shuffle(inner.env.as_ref(), &mut listed);
        Ok(json!(listed))
    })
    .await
}

/// Who got past the gateway.
pub(crate) struct Admitted {
    /// The account that the token is of.
    pub(crate) account: String,
    /// How far its clock is from UTC, in hours.
    pub(crate) offset_hours: i32,
}

/// Checks token, scopes and site, in the gateway's order.
///
/// # Errors
///
/// The gateway's or Jira's refusal.
pub(crate) fn admit(
    inner: &mut Inner,
    (headers, uri): (&HeaderMap, &Uri),
    cloud_id: &str,
    scopes: &[&str],
) -> Result<Admitted, Refusal> {
    let token = token_of(headers);
    let no_scope = "Unauthorized; scope does not match";
    match inner.bearer(token).map(|_| ()) {
        Ok(()) => {}
        Err(BadToken::Unknown) => return Err(refused(StatusCode::UNAUTHORIZED, "Unauthorized")),
        Err(BadToken::Expired) => {
            return Err(match inner.kept.switches.expired_token {
                ExpiredToken::Unauthorized => refused(StatusCode::UNAUTHORIZED, "Unauthorized"),
                ExpiredToken::Forbidden => refused(StatusCode::FORBIDDEN, "Forbidden"),
                ExpiredToken::NotFound => nowhere(inner, uri.path()),
            });
        }
    }
    if inner.lags(token) {
        return Err(refused(StatusCode::UNAUTHORIZED, no_scope));
    }
    let Ok(bearer) = inner.bearer(token) else {
        return Err(refused(StatusCode::UNAUTHORIZED, "Unauthorized"));
    };
    if scopes.iter().any(|it| !bearer.scopes.contains(*it)) {
        return Err(refused(StatusCode::UNAUTHORIZED, no_scope));
    }
    let site = inner.kept.sites.get(cloud_id).filter(|it| !it.is_removed);
    let Some(site) = site else {
        return Err(nowhere(inner, uri.path()));
    };
    let is_granted = bearer.sites.iter().any(|it| it.cloud_id == cloud_id);
    if !is_granted || site.blocks_app || !site.has_jira {
        let status = StatusCode::FORBIDDEN;
        return Err(match inner.kept.switches.not_installed {
            NotInstalled::Gateway => refused(status, "The app is not installed on this instance"),
            NotInstalled::Jira => {
                jira_refused(status, "The app is not installed on this instance.")
            }
        });
    }
    if site.is_suspended {
        let message = "Tenant is restricted: suspended-payment";
        return Err(refused(StatusCode::FORBIDDEN, message));
    }
    if site.closed_to.contains(&bearer.account.id) {
        let message = "You do not have permission to use Jira on this site.";
        return Err(jira_refused(StatusCode::FORBIDDEN, message));
    }
    Ok(Admitted {
        account: bearer.account.id.clone(),
        offset_hours: bearer.account.zone.1,
    })
}
