//! Who is asking, as an argument of the handler: forgetting the check does not compile.

use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderMap, Method, header, request::Parts},
};
use domain::{credential::Provider, text::Slug};
use secrecy::SecretString;
use serde::Deserialize;
use service::{
    door,
    teams::admin_names,
    throttle::ClientAddress,
    who::{Admin, Found, Member, Person, find_member, find_person},
};

use crate::{App, client_address::From, next::Next, problem::Problem, session};

/// Whoever asks: signed in or not.
pub(crate) struct Visitor(pub(crate) Option<Person>);

impl FromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self(match session::token(&app.settings, &parts.headers) {
            Some(token) => find_person(&app.services, &token).await?,
            None => None,
        }))
    }
}

/// A person who is signed in; others are asked to sign in and come back.
pub(crate) struct SignedIn(pub(crate) Person);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Visitor(person) = Visitor::from_request_parts(parts, app).await?;
        person.map(Self).ok_or_else(|| sign_in_first(parts))
    }
}

/// A member of the team in the address. Unknown teams and teams of others are the same 404.
pub(crate) struct OfTeam(pub(crate) Member);

/// An admin of the team in the address. A member who is none gets 403 with the reason.
pub(crate) struct AdminOfTeam(pub(crate) Admin);

#[derive(Deserialize)]
struct TeamInPath {
    team: String,
}

impl FromRequestParts<App> for OfTeam {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(token) = session::token(&app.settings, &parts.headers) else {
            return Err(sign_in_first(parts));
        };
        let Path(TeamInPath { team }) = Path::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::no_such_page())?;
        let Ok(slug) = Slug::parse(&team) else {
            return Err(match find_person(&app.services, &token).await? {
                Some(_) => Problem::no_such_page(),
                None => sign_in_first(parts),
            });
        };
        match find_member(&app.services, &token, &slug).await? {
            Found::Member(member) => Ok(Self(member)),
            Found::Stranger(_) => Err(Problem::no_such_page()),
            Found::Nobody => Err(sign_in_first(parts)),
        }
    }
}

impl FromRequestParts<App> for AdminOfTeam {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let OfTeam(member) = OfTeam::from_request_parts(parts, app).await?;
        match member.into_admin() {
            Ok(admin) => Ok(Self(admin)),
            Err(member) => {
                let admins = admin_names(&app.services, &member).await?;
                Err(Problem::not_admin(member.team(), &admins))
            }
        }
    }
}

/// A service with a good key. The session's cookie is never looked at here.
pub(crate) struct ApiClient(pub(crate) door::ApiClient);

impl FromRequestParts<App> for ApiClient {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let From(from) = From::from_request_parts(parts, app)
            .await
            .unwrap_or(From(ClientAddress::UNKNOWN));
        let Some(key) = bearer(&parts.headers) else {
            return Err(Problem::key_missing());
        };
        let client = door::identify(&app.services, &key, Provider::Jira, from).await?;
        Ok(Self(client))
    }
}

/// What is presented as `Authorization: Bearer …`; two of them are none.
fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    // A key is ASCII; what is not, is none.
    let value = value.to_str().unwrap_or("Bearer ?");
    let (scheme, key) = value.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| key.trim().into())
}

/// After signing in, a page that was asked for is shown; a form is not sent again.
fn sign_in_first(parts: &Parts) -> Problem {
    let path = (parts.method == Method::GET)
        .then(|| {
            parts
                .uri
                .path_and_query()
                .and_then(|it| Next::parse(it.as_str()))
        })
        .flatten();
    Problem::sign_in_first(path)
}
