//! The forms of the page: each is sent, does one thing, and leads back to the page.

use axum::{
    Form, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::{Map, Value, json};

use crate::{
    AccountChange, Endpoint, Fault, Site, SiteChange, Switches,
    control::{NO_CLOCK, add, advance, change_switches, page::show_error},
};

pub(super) fn router() -> Router<Site> {
    Router::new()
        .route("/do/clock", post(clock))
        .route("/do/fault", post(fault))
        .route("/do/clear-faults", post(clear_faults))
        .route("/do/switches", post(switches))
        .route("/do/reset-switches", post(reset_switches))
        .route("/do/revoke", post(revoke))
        .route("/do/account", post(account))
        .route("/do/site", post(site_form))
        .route("/do/secret", post(secret))
}

/// What the page says once a form has done its work.
pub(super) const DONE: [(&str, &str); 8] = [
    ("clock", "The clock was moved."),
    ("fault", "The fault waits for its request."),
    ("no-faults", "All faults are forgotten."),
    ("switches", "The switches are set."),
    ("revoked", "The grant has ended."),
    ("account", "The account was changed."),
    ("site", "The site was changed."),
    ("secret", "The app's secret was changed."),
];

/// How a switch is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SwitchKind {
    Toggle,
    Number,
    Words,
    OneOf(&'static [&'static str]),
}

/// Every switch: its name, what it says to a person, its form.
pub(super) const SWITCHES: [(&str, &str, SwitchKind); 24] = [
    (
        "private_app",
        "The app is private: only its owner can authorize it",
        SwitchKind::Toggle,
    ),
    (
        "admin_approval_needed",
        "The site's administrator must approve the app first",
        SwitchKind::Toggle,
    ),
    (
        "blocked_site_stops_consent",
        "A blocked site ends the consent on a page",
        SwitchKind::Toggle,
    ),
    (
        "resource_level_grants",
        "Grants are for the picked sites only (resource-level)",
        SwitchKind::Toggle,
    ),
    (
        "site_picker",
        "Consent shows a site picker",
        SwitchKind::Toggle,
    ),
    (
        "withheld_scopes",
        "Permissions that consent withholds",
        SwitchKind::Words,
    ),
    (
        "reconsent_ends_old_families",
        "A new consent ends the tokens of earlier ones",
        SwitchKind::Toggle,
    ),
    (
        "enforce_pkce",
        "The PKCE verifier is demanded",
        SwitchKind::Toggle,
    ),
    (
        "access_token_seconds",
        "Life of an access token, in seconds",
        SwitchKind::Number,
    ),
    (
        "companion_access_token_dies",
        "A rotation ends the old access token after the leeway",
        SwitchKind::Toggle,
    ),
    (
        "omits_refresh_token",
        "A refresh answers without a refresh token; the old one stays",
        SwitchKind::Toggle,
    ),
    (
        "leeway_seconds",
        "Leeway in which a rotated refresh token works, in seconds (0: single use)",
        SwitchKind::Number,
    ),
    (
        "reuse_revokes_family",
        "Reuse after the leeway ends the whole family",
        SwitchKind::Toggle,
    ),
    (
        "absolute_life_days",
        "A consent ends after so many days (0: never)",
        SwitchKind::Number,
    ),
    (
        "dead_grant",
        "How a dead refresh token is told",
        SwitchKind::OneOf(&[
            "unauthorized_client",
            "invalid_grant",
            "expired_or_revoked",
            "globally_revoked",
        ]),
    ),
    (
        "revoke_effect",
        "What a revocation ends",
        SwitchKind::OneOf(&["nothing", "token", "family", "grant", "not_found"]),
    ),
    (
        "expired_token",
        "How the gateway answers an expired token",
        SwitchKind::OneOf(&["unauthorized", "forbidden", "not_found"]),
    ),
    (
        "not_installed",
        "In whose words a site says that the app is not installed",
        SwitchKind::OneOf(&["gateway", "jira"]),
    ),
    (
        "blocked_site_is_listed",
        "A blocked site is still among the accessible resources",
        SwitchKind::Toggle,
    ),
    (
        "propagation_lag_millis",
        "The first call within so many milliseconds of consent fails",
        SwitchKind::Number,
    ),
    (
        "hourly_points",
        "Points that the app has in an hour (0: without limit)",
        SwitchKind::Number,
    ),
    (
        "calls_per_second",
        "Calls that a site takes in a second, of one endpoint (0: without limit)",
        SwitchKind::Number,
    ),
    (
        "bulk_created",
        "How changes in bulk tell the time",
        SwitchKind::OneOf(&["seconds", "millis", "text"]),
    ),
    (
        "cycle_period_days",
        "Days until accounts are to be reported again (0: not told)",
        SwitchKind::Number,
    ),
];

type Make = fn(&str) -> Option<Fault>;

/// The faults that a person can play: name, what it says, and how it is made from the form's argument.
pub(super) const FAULTS: [(&str, &str, Make); 26] = [
    ("status", "Answer with the status (argument: 503)", |it| {
        Some(Fault::Status(number(it, "503")?))
    }),
    (
        "delay",
        "Answer late (argument: milliseconds, 5000)",
        |it| Some(Fault::DelayMillis(number(it, "5000")?)),
    ),
    (
        "drop_before",
        "Close the connection before anything is done",
        |_| Some(Fault::DropBeforeRotation),
    ),
    (
        "drop_after",
        "Do everything, then close without an answer",
        |_| Some(Fault::DropAfterRotation),
    ),
    ("html", "A page of HTML (argument: status, 200)", |it| {
        Some(Fault::Html(number(it, "200")?))
    }),
    ("truncated", "JSON that is cut in the middle", |_| {
        Some(Fault::TruncatedJson)
    }),
    (
        "dies_midway",
        "Do everything, then die in the middle of the answer",
        |_| Some(Fault::DiesMidway),
    ),
    ("gzip", "A compressed body", |_| Some(Fault::GzipBody)),
    ("huge", "A huge body (argument: bytes, 5000000)", |it| {
        Some(Fault::HugeBody(number(it, "5000000")?))
    }),
    ("redirect", "A redirect (argument: where to)", |it| {
        Some(Fault::Redirect(or(it, "https://example.com/")))
    }),
    ("hang", "No answer, ever", |_| Some(Fault::Hang)),
    ("hang_after", "Do everything, then no answer, ever", |_| {
        Some(Fault::HangAfterRotation)
    }),
    (
        "missing_field",
        "An answer without a field (argument: refresh_token)",
        |it| Some(Fault::MissingField(or(it, "refresh_token"))),
    ),
    ("rate_burst", "429, too many in this second", |_| {
        Some(Fault::RateLimited(crate::RateLimit::Burst))
    }),
    ("rate_global", "429, the app's hour is spent", |_| {
        Some(Fault::RateLimited(crate::RateLimit::GlobalQuota))
    }),
    ("rate_tenant", "429, the site's hour is spent", |_| {
        Some(Fault::RateLimited(crate::RateLimit::TenantQuota))
    }),
    (
        "rate_gateway",
        "429 of the gateway, without Retry-After",
        |_| Some(Fault::RateLimited(crate::RateLimit::Gateway)),
    ),
    ("rate_beta", "429 with Beta- headers", |_| {
        Some(Fault::RateLimited(crate::RateLimit::Beta))
    }),
    ("rate_html", "429 as HTML", |_| {
        Some(Fault::RateLimited(crate::RateLimit::Html))
    }),
    ("rate_issue", "429, too many writes to one issue", |_| {
        Some(Fault::RateLimited(crate::RateLimit::PerIssue))
    }),
    ("rate_wrong", "429, with a wait beyond the hour", |_| {
        Some(Fault::RateLimited(crate::RateLimit::WrongWait))
    }),
    ("rate_date", "429, with a date to wait for", |_| {
        Some(Fault::RateLimited(crate::RateLimit::HttpDate))
    }),
    (
        "rate_concurrent",
        "429, for an undocumented reason, without a wait",
        |_| Some(Fault::RateLimited(crate::RateLimit::Concurrent)),
    ),
    ("rate_bare", "429 and nothing else", |_| {
        Some(Fault::RateLimited(crate::RateLimit::Bare))
    }),
    ("dead", "The refusal of a dead refresh token", |_| {
        Some(Fault::Refusal {
            status: 403,
            error: "unauthorized_client".to_owned(),
            description: "refresh_token is invalid".to_owned(),
        })
    }),
    (
        "callback",
        "Consent comes back with an error (argument: server_error)",
        |it| Some(Fault::CallbackError(or(it, "server_error"))),
    ),
];

fn or(text: &str, default: &str) -> String {
    if text.is_empty() { default } else { text }.to_owned()
}

fn number<T: std::str::FromStr>(text: &str, default: &str) -> Option<T> {
    or(text, default).parse().ok()
}

fn back(done: &str) -> Response {
    let to = format!("/?done={done}");
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

type Fields = Form<Vec<(String, String)>>;

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    let found = fields.iter().find(|(it, _)| it == name);
    found.map(|(_, value)| value.trim()).unwrap_or_default()
}

async fn clock(State(site): State<Site>, Form(fields): Fields) -> Response {
    let seconds: Option<i64> = value(&fields, "seconds").parse().ok();
    match seconds {
        None => show_error(
            &site,
            "The clock moves by whole seconds, for example 3600.".to_owned(),
        ),
        Some(seconds) if advance(&site.state, seconds) => back("clock"),
        Some(_) => show_error(&site, NO_CLOCK.to_owned()),
    }
}

async fn fault(State(site): State<Site>, Form(fields): Fields) -> Response {
    let on: Result<Endpoint, _> = serde_json::from_value(value(&fields, "on").into());
    let kind = value(&fields, "kind");
    let kind = FAULTS.iter().find(|(name, ..)| *name == kind);
    let made = kind.and_then(|(_, _, make)| make(value(&fields, "argument")));
    let times = match value(&fields, "times") {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    };
    let (Ok(on), Some(made), Some(times)) = (on, made, times) else {
        let why = "This is no fault: the argument does not fit, or the number is none.";
        return show_error(&site, why.to_owned());
    };
    add(&site.state, on, &made, times);
    back("fault")
}

async fn clear_faults(State(site): State<Site>) -> Response {
    site.state.clear_faults();
    back("no-faults")
}

/// The whole form is sent: a box that is not named is not ticked.
async fn switches(State(site): State<Site>, Form(fields): Fields) -> Response {
    let mut changes = Map::new();
    for (name, _, kind) in SWITCHES {
        let text = value(&fields, name);
        let change = match kind {
            SwitchKind::Toggle => Value::Bool(text == "on"),
            SwitchKind::Number => match text.parse::<i64>() {
                Ok(number) => json!(number),
                Err(_) => json!(text),
            },
            SwitchKind::Words => text.split_whitespace().map(Value::from).collect(),
            SwitchKind::OneOf(_) => json!(text),
        };
        changes.insert(name.to_owned(), change);
    }
    match change_switches(&site.state, &changes) {
        Ok(_) => back("switches"),
        Err(err) => show_error(&site, err.to_string()),
    }
}

async fn reset_switches(State(site): State<Site>) -> Response {
    site.state.set_switches(Switches::default());
    back("switches")
}

async fn revoke(State(site): State<Site>, Form(fields): Fields) -> Response {
    let is_known = site
        .state
        .lock()
        .revoke_grants_of(value(&fields, "account"));
    if is_known {
        back("revoked")
    } else {
        show_error(&site, "There is no such account.".to_owned())
    }
}

async fn account(State(site): State<Site>, Form(fields): Fields) -> Response {
    let mut change = AccountChange::default();
    match value(&fields, "change") {
        "deactivate" => change.active = Some(false),
        "activate" => change.active = Some(true),
        "password" => change.password_changed = true,
        "owner" => change.owns_app = true,
        _ => return show_error(&site, "There is no such change.".to_owned()),
    }
    if site
        .state
        .change_account(value(&fields, "account"), &change)
    {
        back("account")
    } else {
        show_error(&site, "There is no such account.".to_owned())
    }
}

async fn site_form(State(site): State<Site>, Form(fields): Fields) -> Response {
    let mut change = SiteChange::default();
    let (name, on) = value(&fields, "change").split_once(' ').unwrap_or_default();
    let on = Some(on == "on");
    match name {
        "blocked" => change.blocked = on,
        "suspended" => change.suspended = on,
        "removed" => change.removed = on,
        _ => return show_error(&site, "There is no such change.".to_owned()),
    }
    if site.state.change_site(value(&fields, "site"), change) {
        back("site")
    } else {
        show_error(&site, "There is no such site.".to_owned())
    }
}

async fn secret(State(site): State<Site>, Form(fields): Fields) -> Response {
    let secret = value(&fields, "client_secret");
    if secret.is_empty() {
        return show_error(&site, "An empty secret is none.".to_owned());
    }
    site.state.set_client_secret(secret.into());
    back("secret")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_switch() {
        let shown: Vec<_> = SWITCHES
            .iter()
            .map(|(name, ..)| (*name).to_owned())
            .collect();
        let all = Switches::default().as_map();
        let mut missing: Vec<_> = all.keys().filter(|it| !shown.contains(it)).collect();
        missing.sort();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(shown.len(), all.len());
    }

    #[test]
    fn every_choice_of_a_switch_can_be_set() {
        for (name, _, kind) in SWITCHES {
            let SwitchKind::OneOf(choices) = kind else {
                continue;
            };
            for choice in choices {
                let change = Map::from_iter([(name.to_owned(), json!(choice))]);
                Switches::default().changed(&change).unwrap();
            }
        }
    }
}
