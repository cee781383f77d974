//! HTTP in: pages, sessions, layers.
//!
//! [`router`] has all routes in one table and all layers in one place. A page is three things with
//! one name: `pages/sites.rs` (handlers), `view/sites.rs` (what it shows), `templates/sites.html`.
//! What other services ask for is in `api/`, one file a resource.
//! Who may do what is an argument of the handler ([`who`]); what a use case refuses becomes an
//! answer in [`problem`], the only place with status codes for errors.
//!
//! This crate must not know SQL, the database or Atlassian's HTTP interfaces.

mod api;
mod assets;
mod audit_view;
mod banner;
pub mod client_address;
pub mod description;
mod download;
mod form;
mod health;
mod health_view;
mod jira_card;
mod layers;
pub mod metrics;
mod moment;
mod next;
mod pages;
pub mod problem;
mod session;
mod shell;
pub mod view;
mod who;

pub use layers::CONTENT_SECURITY_POLICY;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{any, get, post},
};
use description::openapi::Document;
use service::Services;
use tower_http::compression::CompressionLayer;
use url::Url;

/// What the web layer needs to know of the installation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The origin under which browsers reach us. Over https the session cookie is `Secure`.
    pub base_url: Url,
    /// So long the body of a form or call may take to arrive.
    pub body_time: Duration,
    /// So long an answer may take, but of what is passed on to Jira.
    pub answer_time: Duration,
}

/// Enough for 64 KiB at 3 KiB a second.
pub const BODY_TIME: Duration = Duration::from_secs(20);

/// Longer than the longest thing that a page waits for: the exchange of a code and the calls after it.
const ANSWER_TIME: Duration = Duration::from_secs(100);

impl Settings {
    /// The usual ones of a server that browsers reach under this origin.
    pub const fn new(base_url: Url) -> Self {
        Self {
            base_url,
            body_time: BODY_TIME,
            answer_time: ANSWER_TIME,
        }
    }

    /// Whether browsers reach us over https.
    fn is_https(&self) -> bool {
        self.base_url.scheme() == "https"
    }

    /// The one redirect URI of the installation: built from configuration, never from a request.
    pub fn redirect_uri(&self) -> Url {
        let mut uri = self.base_url.clone();
        uri.set_path(CALLBACK_PATH);
        uri.set_query(None);
        uri.set_fragment(None);
        uri
    }
}

/// Where Atlassian sends browsers back to.
pub const CALLBACK_PATH: &str = "/integrations/jira/callback";

/// What every handler can reach.
#[derive(Clone, Debug)]
pub(crate) struct App {
    services: Arc<Services>,
    settings: Arc<Settings>,
    document: Arc<Document>,
}

/// All routes, with all layers.
pub fn router(services: Arc<Services>, settings: Settings) -> Router {
    let app = App {
        services,
        settings: Arc::new(settings),
        document: Arc::default(),
    };
    let pages = Router::new()
        .route("/", get(pages::home::show))
        .route(
            "/signup",
            get(pages::signup::show).post(pages::signup::sign_up),
        )
        .route(
            "/login",
            get(pages::login::show).post(pages::login::sign_in),
        )
        .route("/logout", post(pages::login::sign_out))
        .route(
            "/teams/new",
            get(pages::team_new::show).post(pages::team_new::create),
        )
        .route("/a/{team}/members", get(pages::members::show))
        .route("/a/{team}/members/invite", post(pages::members::invite))
        .route(
            "/a/{team}/members/invitations/{invitation}/revoke",
            post(pages::members::revoke),
        )
        .route(
            "/a/{team}/members/{user}/role",
            post(pages::members::set_role),
        )
        .route(
            "/a/{team}/members/{user}/remove",
            get(pages::member_remove::show).post(pages::member_remove::remove),
        )
        .route(
            "/a/{team}/leave",
            get(pages::member_remove::show_leave).post(pages::member_remove::leave),
        )
        .route(
            "/a/{team}/settings",
            get(pages::settings::show).post(pages::settings::rename),
        )
        .route(
            "/a/{team}/keys",
            get(pages::keys::show).post(pages::keys::create),
        )
        .route("/a/{team}/keys/{id}/rotate", post(pages::keys::rotate))
        .route(
            "/a/{team}/keys/{id}/revoke",
            get(pages::keys::show_revoke).post(pages::keys::revoke),
        )
        .route("/a/{team}/settings/delete", post(pages::settings::delete))
        .route("/a/{team}/", get(pages::home::team))
        .route("/a/{team}", get(pages::home::team))
        .route("/a/{team}/integrations", get(pages::home::team))
        .route("/a/{team}/integrations/", get(pages::integrations::show))
        // What Atlassian sent is good once: `HEAD`, which must change nothing, does not run the handler.
        .route(
            CALLBACK_PATH,
            get(pages::connect::callback).head(pages::method_not_allowed),
        )
        .merge(account_routes())
        .merge(jira_routes())
        .merge(description_routes())
        .merge(audit_routes())
        .fallback(pages::not_found)
        .method_not_allowed_fallback(pages::method_not_allowed);
    let probes = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz));
    let files = Router::new().route("/assets/{name}", get(assets::show));
    let others = probes
        .merge(files)
        .method_not_allowed_fallback(api::method_not_allowed);
    layers::around(&app, pages, api_routes(), proxy_routes(), others).with_state(app)
}

/// What other services ask for.
fn api_routes() -> Router<App> {
    Router::new()
        .route("/api/v1/integrations/jira", get(api::jira::get_connection))
        .route(
            "/api/v1/integrations/jira/token",
            post(api::jira::get_token),
        )
        .route(
            "/api/v1/integrations/jira/token/rejected",
            post(api::jira::report_rejected),
        )
        .route(
            "/api/openapi.json",
            get(api::get_openapi).layer(CompressionLayer::new()),
        )
        .route("/api", any(api::not_found))
        .route("/api/", any(api::not_found))
        .route("/api/{*rest}", any(api::not_found))
        .method_not_allowed_fallback(api::method_not_allowed)
}

/// What other services have passed on. Without a path there is nothing to pass on, which is told there.
fn proxy_routes() -> Router<App> {
    Router::new()
        .route("/api/v1/integrations/jira/proxy", any(api::proxy::pass_on))
        .route("/api/v1/integrations/jira/proxy/", any(api::proxy::pass_on))
        .route(
            "/api/v1/integrations/jira/proxy/{*path}",
            any(api::proxy::pass_on),
        )
}

/// What the API is, for people; without a key or a session.
fn description_routes() -> Router<App> {
    Router::new()
        .route("/api/docs", get(pages::api_docs::show))
        .route("/api/problems", get(pages::problem_codes::show_all))
        .route("/api/problems/{code}", get(pages::problem_codes::show))
}

/// A person's own account, and the links by which people come in.
fn account_routes() -> Router<App> {
    Router::new()
        .route("/account", get(pages::account::show))
        .route("/account/name", post(pages::account::rename))
        .route("/account/password", post(pages::account::change_password))
        .route(
            "/account/sign-out-everywhere",
            post(pages::account::sign_out_everywhere),
        )
        .route("/account/delete", post(pages::account::delete))
        .route(
            "/invitations/{token}",
            get(pages::invitation::show).post(pages::invitation::accept),
        )
        .route(
            "/invitations/{token}/signup",
            post(pages::invitation::sign_up),
        )
        .route(
            "/setup/{token}",
            get(pages::first_account::show).post(pages::first_account::sign_up),
        )
        .route(
            "/password/forgotten",
            get(pages::password_forgotten::show).post(pages::password_forgotten::ask),
        )
        .route(
            "/password/{token}",
            get(pages::password_new::show).post(pages::password_new::set),
        )
}

/// What admins read of their team, as pages and as files.
fn audit_routes() -> Router<App> {
    Router::new()
        .route("/a/{team}/audit", get(pages::audit::changes))
        .route("/a/{team}/audit/usage", get(pages::audit::usage))
        .route(
            "/a/{team}/audit/changes.csv",
            get(pages::audit::changes_file),
        )
        .route(
            "/a/{team}/audit/changes.jsonl",
            get(pages::audit::changes_file),
        )
        .route("/a/{team}/audit/usage.csv", get(pages::audit::usage_file))
        .route("/a/{team}/audit/usage.jsonl", get(pages::audit::usage_file))
}

/// A team's connection with Jira.
fn jira_routes() -> Router<App> {
    Router::new()
        .route("/a/{team}/integrations/jira/", get(pages::health::show))
        .route("/a/{team}/integrations/jira", get(pages::health::moved))
        .route(
            "/a/{team}/integrations/jira/summary",
            get(pages::health::summary),
        )
        .route(
            "/a/{team}/integrations/jira/refresh",
            post(pages::health::refresh),
        )
        .route(
            "/a/{team}/integrations/jira/connect",
            post(pages::connect::begin),
        )
        .route(
            "/a/{team}/integrations/jira/reconnect",
            post(pages::connect::reconnect),
        )
        .route(
            "/a/{team}/integrations/jira/account",
            get(pages::account_question::show).post(pages::account_question::answer),
        )
        .route(
            "/a/{team}/integrations/jira/cancel",
            post(pages::connect::cancel),
        )
        .route(
            "/a/{team}/integrations/jira/sites",
            get(pages::sites::show).post(pages::sites::choose),
        )
        .route(
            "/a/{team}/integrations/jira/disconnect",
            get(pages::disconnect::show).post(pages::disconnect::disconnect),
        )
        .route(
            "/a/{team}/integrations/jira/test",
            post(pages::integrations::test),
        )
}
