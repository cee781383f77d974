//! The only place with status codes for errors: what went wrong, for a person or for a program.
//!
//! Use cases refuse with meanings; here each gets a code, words and a way on (`pages.md` 4). Status and title are
//! those of the code's row in the table of all of them ([`codes`]). A [`Problem`] puts itself into the response's
//! extensions, where [`as_page`] finds it and makes a page of it, and [`as_document`] problem details (RFC 9457)
//! with the address of its explanation.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next as NextLayer,
    response::{IntoResponse, Redirect, Response},
};
use domain::{ids::AttemptId, rate_budget::Limit, team::Team, text::PersonName};
use jiff::SignedDuration;
use service::Error;
use url::form_urlencoded;

use self::codes::{Explanation, code};
use crate::{
    App,
    description::{Address, Described, HttpStatus, Schema, Time, described},
    layers,
    next::Next,
    pages::integrations_path,
    session, shell,
    view::error::Cause,
};

mod api;
mod budget;
pub mod codes;
mod page;
mod people;
mod refusals;

/// What went wrong, and how to go on.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Its code, with status and title.
    row: &'static Explanation,
    words: Box<Words>,
    retry_after: Option<SignedDuration>,
    /// How to come in, told to programs.
    challenge: Option<&'static str>,
    /// The methods that the address takes, where the router does not tell them.
    allow: Option<&'static str>,
}

described! {
    /// What went wrong: problem details (RFC 9457). Decide by code; the words may change.
    pub(crate) struct ProblemBody as answer "Problem" {
        /// Where the code is explained.
        r#type: Address,
        /// What happened, in a few words.
        title: String,
        /// The status of the answer.
        status: HttpStatus,
        /// What it means, and what to do.
        detail: String,
        /// What happened, for programs; it does not change.
        code: &'static str,
    }
}

described! {
    /// What a problem tells beside, where one of Atlassian's limits is in the way.
    pub(crate) struct LimitBody as answer "Limit" {
        /// Which limit.
        limit: LimitWord,
        /// From when on it is not in the way.
        until: Time,
    }
}

/// The word for one of Atlassian's limits.
#[derive(serde::Serialize)]
pub(crate) struct LimitWord(&'static str);

impl Described for LimitWord {
    fn schema() -> Schema {
        Schema::Words(Limit::ALL.map(Limit::as_str).to_vec())
    }
}

/// What a person reads.
#[derive(Clone, Debug)]
struct Words {
    /// In place of the title, where the page has something better to say.
    heading: Option<String>,
    meaning: String,
    causes: Vec<Cause>,
    action: Action,
    sign_in: Option<SignIn>,
    /// More members of the problem details (RFC 9457, 3.2), told to programs.
    limit: Option<(Limit, String)>,
}

/// The one button.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// A link.
    Link {
        /// On the button.
        label: String,
        /// Where to.
        href: String,
    },
    /// A form that is posted; it ends at Atlassian.
    Post {
        /// On the button.
        label: String,
        /// Where to.
        href: String,
        /// The attempt that goes on.
        attempt: Option<AttemptId>,
    },
}

impl Action {
    const fn href(&self) -> &String {
        match self {
            Self::Link { href, .. } | Self::Post { href, .. } => href,
        }
    }
}

/// Not an error page: the person signs in and comes back.
#[derive(Clone, Debug)]
struct SignIn {
    next: Option<Next>,
}

impl Problem {
    /// What happened, and what it means here; for people one button, if it is another than the usual one.
    fn of(row: &'static Explanation, meaning: impl Into<String>) -> Self {
        Self {
            row,
            words: Box::new(Words {
                heading: None,
                meaning: meaning.into(),
                causes: Vec::new(),
                action: Action::Link {
                    label: "Go to your team".to_owned(),
                    href: "/".to_owned(),
                },
                sign_in: None,
                limit: None,
            }),
            retry_after: None,
            challenge: None,
            allow: None,
        }
    }

    /// Tells which methods the address takes.
    pub(crate) fn with_allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// Says when to come back, where that is known. It is told of codes whose row says so, and always of these.
    fn with_retry_after(mut self, wait: impl Into<Option<SignedDuration>>) -> Self {
        self.retry_after = wait.into();
        self
    }

    /// Tells people what happened in better words than the title, which is the same for all.
    fn with_heading(mut self, heading: impl Into<String>) -> Self {
        self.words.heading = Some(heading.into());
        self
    }

    /// Tells which of Atlassian's limits is in the way, and until when.
    fn with_limit(mut self, limit: Limit, until: String) -> Self {
        self.words.limit = Some((limit, until));
        self
    }

    /// Tells programs how long to wait.
    fn tell_wait(&self, res: &mut Response) {
        if let Some(usual) = self.row.again.usual_wait() {
            let wait = self.retry_after.unwrap_or(usual);
            // Rounded up: earlier is too early.
            let part = u64::from(wait.subsec_nanos() > 0);
            let value = HeaderValue::from(wait.as_secs().unsigned_abs().saturating_add(part));
            res.headers_mut().insert(header::RETRY_AFTER, value);
        }
    }

    /// Tells programs how to come in, or why not.
    const fn with_challenge(mut self, challenge: &'static str) -> Self {
        self.challenge = Some(challenge);
        self
    }

    fn with_action(mut self, action: Action) -> Self {
        self.words.action = action;
        self
    }

    pub(crate) fn sign_in_first(next: Option<Next>) -> Self {
        let mut problem = Self::of(
            code!("sign_in_required"),
            "This page is for people who are signed in.",
        );
        problem.words.sign_in = Some(SignIn { next });
        problem
    }

    /// There is nothing at this address, or nothing for this person.
    pub fn no_such_page() -> Self {
        Self::of(
            code!("not_found"),
            "The address may be mistyped, or the page belongs to a team that you are not in.",
        )
        .with_heading("There is no such page")
    }

    /// The address takes another method.
    pub fn method_not_allowed() -> Self {
        Self::of(
            code!("method_not_allowed"),
            "It answers to another kind of request. Nothing was changed.",
        )
    }

    /// The body is larger than taken in.
    pub fn too_large() -> Self {
        Self::of(
            code!("too_large"),
            "The form is larger than this server accepts. Nothing was changed.",
        )
        .with_heading("The form is too large")
    }

    /// The body is of another kind.
    pub fn not_a_form() -> Self {
        Self::of(
            code!("not_a_form"),
            "The request is not a form as browsers send it. Nothing was changed.",
        )
    }

    /// The form cannot be read.
    pub fn bad_form() -> Self {
        Self::of(
            code!("bad_form"),
            "A field is missing or cannot be read. Nothing was changed.",
        )
    }

    /// The body did not arrive in time.
    pub fn body_too_slow() -> Self {
        Self::of(
            code!("body_too_slow"),
            "Its body had not come whole when the time for it was over. Nothing was changed; send it again.",
        )
    }

    /// The headers are more, or larger, than taken in.
    pub fn headers_too_large() -> Self {
        Self::of(
            code!("headers_too_large"),
            "Nothing was changed. Cookies of other applications under the same name are the usual cause.",
        )
    }

    /// The address is longer than taken in.
    pub fn address_too_long() -> Self {
        Self::of(
            code!("address_too_long"),
            "It is longer than any address of this server. Nothing was changed.",
        )
    }

    /// Another website sent it.
    pub fn cross_site() -> Self {
        Self::of(
            code!("cross_site_request"),
            "For your safety it was stopped. Nothing was changed. If you sent it yourself, open the \
             page here and try again.",
        )
    }

    /// It took longer than a request may.
    pub fn too_slow() -> Self {
        Self::of(
            code!("too_slow"),
            "The server is busy. What you asked for may have been done: look, and try again in a moment.",
        )
    }

    /// A fault of ours.
    pub fn broken() -> Self {
        Self::of(
            code!("internal"),
            "It is written in the server's log under the reference below. Trying again may help.",
        )
    }

    /// The database does not answer.
    pub fn store_unavailable() -> Self {
        Self::of(
            code!("store_unavailable"),
            "Nothing was changed. It usually comes back within a minute; then try again.",
        )
    }

    /// A stored secret does not open.
    pub fn cannot_open() -> Self {
        Self::of(
            code!("connection_misconfigured"),
            "Its key ring does not fit. Only the operator of this server can fix it; tell them the \
             reference below. Nothing was changed.",
        )
        .with_heading("This server cannot read what it stored")
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.row.status
    }

    pub(crate) const fn code(&self) -> &'static str {
        self.row.code
    }

    /// For a program; where it is explained is told below `origin`.
    fn document(&self, origin: &str) -> serde_json::Value {
        let body = ProblemBody {
            r#type: Address(format!("{origin}{}", codes::address(self.code()))),
            title: self.row.title.to_owned(),
            status: HttpStatus(self.status().as_u16()),
            detail: self.words.meaning.clone(),
            code: self.code(),
        };
        let mut document = serde_json::json!(body);
        if let Some((limit, until)) = &self.words.limit {
            let more = LimitBody {
                limit: LimitWord(limit.as_str()),
                until: Time(until.clone()),
            };
            document["limit"] = serde_json::json!(more.limit);
            document["until"] = serde_json::json!(more.until);
        }
        document
    }
}

fn names(of: &[PersonName]) -> String {
    of.iter()
        .map(PersonName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn back_to(team: &Team) -> Action {
    Action::Link {
        label: "Back to integrations".to_owned(),
        href: integrations_path(&team.slug),
    }
}

impl From<Error> for Problem {
    fn from(err: Error) -> Self {
        log(&err);
        match err {
            Error::StoreUnavailable(_) => Self::store_unavailable(),
            Error::DoesNotOpen(_) => Self::cannot_open(),
            Error::Internal(_) => Self::broken(),
        }
    }
}

/// Once for each who is told.
fn log(err: &Error) {
    let cause = std::error::Error::source(err);
    match err {
        Error::StoreUnavailable(_) => {
            tracing::error!(error = %err, ?cause, "the database is in trouble");
        }
        Error::DoesNotOpen(_) => tracing::error!(error = %err, ?cause, "request failed"),
        Error::Internal(inner) => {
            tracing::error!(error = format!("{inner:#}"), "request failed");
        }
    }
}

impl IntoResponse for Problem {
    /// The way to the sign-in page, or an answer whose body [`as_document`] or [`as_page`] writes: one of them is
    /// around every route.
    fn into_response(self) -> Response {
        if let Some(SignIn { next }) = &self.words.sign_in {
            let query = next.as_ref().filter(|it| it.as_str() != "/").map(|next| {
                let mut query = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
                query.append_pair("next", next.as_str()).finish()
            });
            return Redirect::to(&format!("/login{}", query.unwrap_or_default())).into_response();
        }
        let mut res = self.status().into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        res.headers_mut().insert(header::CONTENT_TYPE, kind);
        self.tell_wait(&mut res);
        if let Some(challenge) = self.challenge {
            let challenge = HeaderValue::from_static(challenge);
            res.headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(methods) = self.allow {
            let methods = HeaderValue::from_static(methods);
            res.headers_mut().insert(header::ALLOW, methods);
        }
        res.extensions_mut().insert(self);
        res
    }
}

/// Around what programs ask for: a problem says in full where it is explained, for whoever keeps the document alone.
pub(crate) async fn as_document(State(app): State<App>, req: Request, next: NextLayer) -> Response {
    let mut res = next.run(req).await;
    let Some(problem) = res.extensions_mut().remove::<Problem>() else {
        return res;
    };
    let origin = app.settings.base_url.origin().ascii_serialization();
    *res.body_mut() = Body::from(problem.document(&origin).to_string());
    res
}

/// Around the pages, and only there: a problem becomes a page.
pub(crate) async fn as_page(State(app): State<App>, req: Request, next: NextLayer) -> Response {
    let reference = layers::request_id(&req);
    let token = session::token(&app.settings, req.headers());
    let path = req.uri().path().to_owned();
    let mut res = next.run(req).await;
    let Some(problem) = res.extensions_mut().remove::<Problem>() else {
        return res;
    };
    let shell = match token {
        // In trouble of our own the database is left alone.
        Some(token) if !problem.status().is_server_error() => {
            let way_on = problem.words.action.href();
            shell::of_whoever(&app, &token, [way_on, &path]).await
        }
        _ => shell::bare(),
    };
    let mut res = page::of(&app, shell, &problem, reference);
    problem.tell_wait(&mut res);
    res
}

#[cfg(test)]
mod tests;
