//! The page of the control address: what the simulator knows, and forms to change it.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Endpoint, Site, Switches,
    control::forms::{FAULTS, SWITCHES, SwitchKind},
    state::Inner,
};

/// No list on the page is longer; the newest are shown.
const LONGEST_LIST: usize = 20;

#[derive(Template)]
#[template(path = "control.html")]
pub(super) struct ControlPage {
    /// What went wrong with the last form.
    error: Option<String>,
    /// What the last form did.
    done: Option<&'static str>,
    now: String,
    shift: Option<String>,
    client_id: String,
    redirect_uri: String,
    addresses: [(&'static str, String); 2],
    accounts: Vec<AccountRow>,
    sites: Vec<SiteRow>,
    families: Vec<FamilyRow>,
    switches: Vec<SwitchRow>,
    faults: Vec<FaultRow>,
    endpoints: Vec<String>,
    fault_kinds: Vec<(&'static str, &'static str)>,
    counts: Vec<(String, u64)>,
}

struct AccountRow {
    name: String,
    email: String,
    is_active: bool,
    owns_app: bool,
    grant: Option<String>,
}

struct SiteRow {
    cloud_id: String,
    name: String,
    url: String,
    products: &'static str,
    projects: usize,
    blocked: bool,
    suspended: bool,
    removed: bool,
}

struct FamilyRow {
    account: String,
    began: String,
    is_alive: bool,
    refresh: Vec<TokenRow>,
    access: Vec<TokenRow>,
}

struct TokenRow {
    /// Its last four characters; no more is ever shown.
    end: String,
    state: String,
}

struct SwitchRow {
    name: &'static str,
    label: &'static str,
    kind: SwitchKind,
    value: String,
    is_on: bool,
    is_default: bool,
}

struct FaultRow {
    on: String,
    what: String,
    stays: bool,
}

#[derive(Deserialize)]
pub(super) struct PageQuery {
    done: Option<String>,
}

pub(super) async fn show(State(site): State<Site>, Query(query): Query<PageQuery>) -> Response {
    let known = super::forms::DONE;
    let said = query.done.unwrap_or_default();
    let done = known.iter().find(|(code, _)| *code == said);
    let page = build(&site, done.map(|(_, text)| *text), None);
    render(StatusCode::OK, &page)
}

/// The page again, with what was wrong.
pub(super) fn show_error(site: &Site, why: String) -> Response {
    let page = build(site, None, Some(why));
    render(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

fn render(status: StatusCode, page: &ControlPage) -> Response {
    match page.render() {
        Ok(body) => {
            // Nothing from elsewhere, nothing framed, no script.
            let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                          form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
            let headers = [
                (header::CONTENT_SECURITY_POLICY, policy),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (status, headers, Html(body)).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn build(site: &Site, done: Option<&'static str>, error: Option<String>) -> ControlPage {
    let inner = site.state.lock();
    let shift = inner.clock.as_ref().map(|it| {
        let shift = jiff::SignedDuration::from_millis(it.shift_millis());
        format!("{:#}", jiff::SignedDuration::from_secs(shift.as_secs()))
    });
    let counts = serde_json::to_value(inner.kept.counts).unwrap_or_default();
    let counts = counts.as_object().cloned().unwrap_or_default();
    let origin = |url: &url::Url| url.origin().ascii_serialization();
    ControlPage {
        error,
        done,
        now: moment(inner.now()),
        shift,
        client_id: inner.client_id.clone(),
        redirect_uri: inner.redirect_uri.clone(),
        addresses: [
            ("Authorization server", origin(&site.auth_url)),
            ("Gateway and consent", origin(&site.api_url)),
        ],
        accounts: accounts(&inner),
        sites: sites(&inner),
        families: families(&inner),
        switches: switches(&inner.kept.switches),
        faults: faults(&inner),
        endpoints: Endpoint::ALL.iter().copied().map(endpoint_name).collect(),
        fault_kinds: FAULTS
            .iter()
            .map(|(name, label, _)| (*name, *label))
            .collect(),
        counts: counts
            .into_iter()
            .map(|(name, count)| (name.replace('_', " "), count.as_u64().unwrap_or_default()))
            .collect(),
    }
}

fn endpoint_name(on: Endpoint) -> String {
    let name = serde_json::to_value(on).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn accounts(inner: &Inner) -> Vec<AccountRow> {
    let kept = &inner.kept;
    let rows = kept.accounts.iter().map(|account| {
        let grants = kept.grants.iter().rev();
        let grant = grants
            .filter(|it| it.account == account.id)
            .find(|it| !it.is_revoked);
        let told = grant.map(|it| {
            let names = it.sites.iter().filter_map(|it| kept.sites.get(it));
            let names: Vec<_> = names.map(|it| it.name.as_str()).collect();
            let scopes: Vec<_> = it.scopes.iter().map(String::as_str).collect();
            format!(
                "since {} for {}: {}",
                moment(it.consented_at),
                if names.is_empty() {
                    "no site".to_owned()
                } else {
                    names.join(", ")
                },
                scopes.join(" ")
            )
        });
        AccountRow {
            name: account.name.clone(),
            email: account.email.clone(),
            is_active: account.is_active,
            owns_app: account.id == kept.owner,
            grant: told,
        }
    });
    rows.collect()
}

fn sites(inner: &Inner) -> Vec<SiteRow> {
    let rows = inner.kept.sites.values().map(|it| SiteRow {
        cloud_id: it.cloud_id.clone(),
        name: it.name.clone(),
        url: it.url.clone(),
        products: match (it.has_jira, it.has_confluence) {
            (true, true) => "Jira, Confluence",
            (true, false) => "Jira",
            (false, true) => "Confluence",
            (false, false) => "none",
        },
        projects: it.projects.len(),
        blocked: it.blocks_app,
        suspended: it.is_suspended,
        removed: it.is_removed,
    });
    rows.collect()
}

fn families(inner: &Inner) -> Vec<FamilyRow> {
    let kept = &inner.kept;
    let now = inner.now();
    let newest = kept.families.iter().enumerate().rev().take(LONGEST_LIST);
    let rows = newest.map(|(index, family)| {
        let grant = kept.grants.get(family.grant);
        let account = grant.and_then(|it| inner.account(&it.account));
        let of_family = kept
            .refresh_tokens
            .iter()
            .filter(|(_, it)| it.family == index);
        let mut refresh: Vec<_> = of_family
            .map(|(token, it)| {
                let state = match it.rotated_at {
                    _ if it.is_revoked => "revoked".to_owned(),
                    Some(at) => format!("rotated {}", moment(at)),
                    None => format!("in force since {}", moment(it.used_at)),
                };
                (
                    it.used_at,
                    TokenRow {
                        end: end_of(token),
                        state,
                    },
                )
            })
            .collect();
        let of_family = kept
            .access_tokens
            .iter()
            .filter(|(_, it)| it.family == index);
        let mut access: Vec<_> = of_family
            .map(|(token, it)| {
                let state = match it.dies_at {
                    _ if it.is_revoked => "revoked".to_owned(),
                    at if at <= now => format!("ended {}", moment(at)),
                    at => format!("until {}", moment(at)),
                };
                (
                    it.dies_at,
                    TokenRow {
                        end: end_of(token),
                        state,
                    },
                )
            })
            .collect();
        FamilyRow {
            account: account.map(|it| it.name.clone()).unwrap_or_default(),
            began: moment(family.began_at),
            is_alive: inner.is_family_alive(index),
            refresh: newest_first(&mut refresh),
            access: newest_first(&mut access),
        }
    });
    rows.collect()
}

fn newest_first(rows: &mut Vec<(Timestamp, TokenRow)>) -> Vec<TokenRow> {
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    rows.drain(..)
        .take(LONGEST_LIST)
        .map(|(_, row)| row)
        .collect()
}

fn end_of(token: &str) -> String {
    let count = token.chars().count();
    token.chars().skip(count.saturating_sub(4)).collect()
}

fn switches(switches: &Switches) -> Vec<SwitchRow> {
    let (values, defaults) = (switches.as_map(), Switches::default().as_map());
    let rows = SWITCHES.iter().map(|(name, label, kind)| {
        let value = values.get(*name);
        SwitchRow {
            name,
            label,
            kind: *kind,
            value: match value {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Array(items)) => {
                    let texts: Vec<_> = items.iter().filter_map(Value::as_str).collect();
                    texts.join(" ")
                }
                Some(other) => other.to_string(),
                None => String::new(),
            },
            is_on: value == Some(&Value::Bool(true)),
            is_default: value == defaults.get(*name),
        }
    });
    rows.collect()
}

fn faults(inner: &Inner) -> Vec<FaultRow> {
    let listed = inner.script.list().into_iter().take(LONGEST_LIST);
    let rows = listed.map(|(on, what, stays)| FaultRow {
        on: endpoint_name(on),
        what,
        stays,
    });
    rows.collect()
}
