//! The demo's own pages, at an address of their own: the inbox (what mail and webhooks came) and the drills.
//!
//! They belong to the demo, not to the product: no accounts, on this machine alone ([`guard`]).

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::Context as _;
use axum::{
    Form, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{Html, IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    drills::{
        Drill,
        player::{Busy, Player},
    },
    inbox::{Inbox, SigningKey},
};

mod guard;
mod view;

/// No webhook is longer.
const LONGEST_WEBHOOK_BYTES: usize = 1024 * 1024;

/// Where the pages will be.
#[derive(Debug)]
pub(super) struct Desk {
    listener: TcpListener,
    url: Url,
}

/// What the pages show.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) inbox: Inbox,
    pub(super) signing_key: SigningKey,
    pub(super) player: Arc<Player>,
    /// Where the app is.
    pub(super) base_url: Url,
    /// Where the simulator is controlled.
    pub(super) control_url: Url,
}

impl Desk {
    /// On a free port of this machine, by the name `localhost`, as the simulator.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub(super) async fn bind() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("the demo's inbox finds no port")?;
        let port = listener.local_addr()?.port();
        let url = Url::parse(&format!("http://localhost:{port}/"))?;
        Ok(Self { listener, url })
    }

    /// Where the inbox is.
    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// As `WEBHOOK_URL` has it.
    pub(super) fn webhook_url(&self) -> String {
        format!("{}webhook", self.url)
    }

    /// Serves until `stop`.
    pub(super) async fn serve(self, contents: Contents, stop: CancellationToken) {
        let served = axum::serve(self.listener, router(contents))
            .with_graceful_shutdown(stop.cancelled_owned());
        if let Err(err) = served.await {
            tracing::warn!(error = %err, "the demo's inbox ended");
        }
    }
}

fn router(contents: Contents) -> Router {
    Router::new()
        .route("/", get(inbox))
        .route("/mails/{number}", get(mail))
        .route("/mails/{number}/html", get(mail_html))
        .route("/webhooks/{number}", get(webhook))
        .route("/webhook", post(receive))
        .route("/drills", get(drills).post(begin))
        .route("/drills/end", post(end))
        .layer(DefaultBodyLimit::max(LONGEST_WEBHOOK_BYTES))
        .layer(middleware::from_fn(guard::check))
        .with_state(contents)
}

/// Nothing from elsewhere, no script; a mail is shown in a frame of its own.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A mail can do nothing but be read; its links open beside it.
const POLICY_OF_MAIL: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
                              style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; form-action 'none'";

fn page(status: StatusCode, page: &impl askama::Template) -> Response {
    match page.render() {
        Ok(body) => answer(status, POLICY, body),
        Err(err) => {
            tracing::error!(error = %err, "a page of the demo could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn answer(status: StatusCode, policy: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, Html(body)).into_response()
}

fn gone() -> Response {
    page(StatusCode::NOT_FOUND, &view::Gone {})
}

async fn inbox(State(desk): State<Contents>) -> Response {
    page(StatusCode::OK, &view::InboxPage::of(&desk))
}

async fn mail(State(desk): State<Contents>, Path(number): Path<u64>) -> Response {
    match desk.inbox.mail(number) {
        Some(mail) => page(StatusCode::OK, &view::MailPage { mail }),
        None => gone(),
    }
}

/// As it came, but for where its links open: in a tab beside it, as in any mail program.
async fn mail_html(State(desk): State<Contents>, Path(number): Path<u64>) -> Response {
    let html = desk.inbox.mail(number).and_then(|it| it.what.html.clone());
    match html {
        Some(html) => {
            let body = format!("<base target=\"_blank\">\n{html}");
            answer(StatusCode::OK, POLICY_OF_MAIL, body)
        }
        None => gone(),
    }
}

async fn webhook(State(desk): State<Contents>, Path(number): Path<u64>) -> Response {
    match desk.inbox.webhook(number) {
        Some(webhook) => page(StatusCode::OK, &view::WebhookPage { webhook }),
        None => gone(),
    }
}

async fn receive(State(desk): State<Contents>, headers: HeaderMap, body: Bytes) -> StatusCode {
    desk.inbox.receive(&desk.signing_key, &headers, &body);
    StatusCode::NO_CONTENT
}

async fn drills(State(desk): State<Contents>) -> Response {
    page(StatusCode::OK, &view::DrillsPage::of(&desk, None))
}

#[derive(Deserialize)]
struct Begin {
    drill: String,
}

async fn begin(State(desk): State<Contents>, Form(form): Form<Begin>) -> Response {
    let Some(drill) = Drill::named(&form.drill) else {
        let why = "There is no such drill.".to_owned();
        return page(
            StatusCode::UNPROCESSABLE_ENTITY,
            &view::DrillsPage::of(&desk, Some(why)),
        );
    };
    match desk.player.begin(drill) {
        Ok(()) => Redirect::to("/drills").into_response(),
        Err(err) => conflict(&desk, err),
    }
}

async fn end(State(desk): State<Contents>) -> Response {
    match desk.player.begin_end() {
        Ok(()) => Redirect::to("/drills").into_response(),
        Err(err) => conflict(&desk, err),
    }
}

fn conflict(desk: &Contents, err: Busy) -> Response {
    let why = format!("Nothing was done: {err}.");
    page(StatusCode::CONFLICT, &view::DrillsPage::of(desk, Some(why)))
}
