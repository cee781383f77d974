//! `/a/{team}/integrations/`: one card a provider, and the test of a connection.

use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use domain::{jira::Site, state::ConnectionState};
use serde::Deserialize;
use service::{
    refresh::TokenError,
    surroundings,
    test_connection::{TestError, test_connection},
    who::Member,
};
use tower_http::request_id::RequestId;

use crate::{
    App,
    form::FormBody,
    jira_card::jira_card,
    pages::{health, html_with_status, with_way_out},
    problem::Problem,
    shell,
    view::{
        Section,
        integrations::{IntegrationsPage, Notice},
        jira_card::TestResult,
    },
    who::{AdminOfTeam, OfTeam},
};

/// What has just happened, by a word of ours.
#[derive(Deserialize)]
pub(crate) struct NoticeQuery {
    #[serde(default)]
    notice: Option<String>,
}

/// The page. Makes no call to Atlassian.
pub(crate) async fn show(
    State(app): State<App>,
    OfTeam(member): OfTeam,
    Extension(request): Extension<RequestId>,
    Query(query): Query<NoticeQuery>,
) -> Result<Response, Problem> {
    render(
        &app,
        &member,
        &reference(&request),
        query.notice.as_deref(),
        None,
    )
    .await
}

/// Where the button was pressed.
#[derive(Deserialize)]
pub(crate) struct TestForm {
    #[serde(default)]
    from: Option<String>,
}

/// Asks Jira once, and shows the page on which that was asked for with what came of it.
pub(crate) async fn test(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    Extension(request): Extension<RequestId>,
    FormBody(form): FormBody<TestForm>,
) -> Result<Response, Problem> {
    let reference = reference(&request);
    let found = match test_connection(&app.services, &admin).await {
        Ok(report) => TestResult::Works {
            account: report.account_name,
            took_ms: report.took.as_millis(),
        },
        Err(err) => {
            let (code, text) = words(&err);
            TestResult::Failed {
                text: text.to_owned(),
                code: code.to_owned(),
                reference: reference.clone(),
            }
        }
    };
    if form.from.as_deref() == Some("health") {
        return health::after_test(&app, &admin, &reference, found).await;
    }
    render(&app, &admin, &reference, None, Some(found)).await
}

/// The page of what was read, with what has just happened on it.
async fn render(
    app: &App,
    member: &Member,
    reference: &str,
    notice: Option<&str>,
    test: Option<TestResult>,
) -> Result<Response, Problem> {
    let around = surroundings::with_connection(&app.services, member).await?;
    let site = around.jira.as_ref().ok().and_then(|it| it.site.as_ref());
    let notice = notice_of(notice, site);
    let shell = shell::beside_card(app, member, &around, Section::Integrations);
    let (status, card) = jira_card(app, member, around, reference, test);
    let page = IntegrationsPage {
        shell,
        team: shell::link(member.team()),
        notice,
        card,
    };
    html_with_status(status, &page).map(with_way_out)
}

fn notice_of(word: Option<&str>, site: Option<&Site>) -> Option<Notice> {
    let name = site.map(|it| it.name.to_string());
    match (word?, name) {
        ("connected", Some(site)) => Some(Notice::Connected {
            site,
            only_site: false,
        }),
        ("connected_only_site", Some(site)) => Some(Notice::Connected {
            site,
            only_site: true,
        }),
        ("site_changed", Some(site)) => Some(Notice::SiteChanged { site }),
        ("already_done", Some(site)) => Some(Notice::AlreadyConnected { site }),
        ("disconnected", None) => Some(Notice::Disconnected { site: None }),
        ("discarded", _) => Some(Notice::Discarded),
        _ => None,
    }
}

pub(crate) fn reference(request: &RequestId) -> String {
    request
        .header_value()
        .to_str()
        .unwrap_or_default()
        .to_owned()
}

/// What a failed test means, and what to do.
fn words(err: &TestError) -> (&'static str, &'static str) {
    match err {
        TestError::Token(TokenError::NoConnection(ConnectionState::ReconnectNeeded)) => (
            "connection_reconnect_needed",
            "Atlassian no longer accepts this connection. Reconnect once; nothing else is lost.",
        ),
        TestError::Token(TokenError::NoConnection(_)) => (
            "connection_disconnected",
            "There is no connection to test. Connect Jira first.",
        ),
        TestError::Token(TokenError::Misconfigured { .. }) => (
            "connection_misconfigured",
            "Atlassian refused this server's client id or secret. Only the operator of this server \
             can fix it. Your connection is intact.",
        ),
        TestError::Token(TokenError::ProviderUnavailable { .. }) | TestError::NoAnswer => (
            "provider_unavailable",
            "Atlassian did not answer. Your connection is intact; try again in a minute.",
        ),
        TestError::Token(TokenError::NotSaved) => (
            "store_unavailable",
            "This server's database does not take what is written. Its operator has been told.",
        ),
        TestError::Token(TokenError::Failed(err)) => {
            tracing::error!(error = %err, cause = ?std::error::Error::source(err), "the test failed");
            (
                "internal",
                "Something broke on our side. Your connection is intact.",
            )
        }
        TestError::TokenRefused => (
            "token_refused",
            "Jira refused the token. If it still does in a few minutes, connect again.",
        ),
        TestError::PermissionMissing => (
            "connection_permissions_missing",
            "The connection lacks a permission that Jira asks for. Connect again and allow all of it.",
        ),
        TestError::SiteRefused => (
            "connection_site_lost",
            "The site does not let this app in: it was removed from the account's access, or its \
             administrator blocked the app.",
        ),
    }
}
