//! Who is asking, as an argument of the handler: forgetting the check does not compile.

use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderMap, Method, header, request::Parts},
};
use domain::{
    api_key::Errand,
    credential::Provider,
    text::Slug,
    usage::{self, Call},
};
use secrecy::SecretString;
use serde::Deserialize;
use service::{
    door::{self, KeyError},
    teams::admin_names,
    throttle::ClientAddress,
    who::{Admin, Found, Member, Person, find_member, find_person},
};

use crate::{
    App, api::counted::refused, client_address::From, next::Next, problem::Problem, session,
};

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

/// A service with a key that may ask for the state of the connection.
pub(crate) struct ForStatus(pub(crate) door::ApiClient);

impl FromRequestParts<App> for ForStatus {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        api_client(parts, app, Errand::Status).await.map(Self)
    }
}

/// A service with a key that may ask for tokens.
pub(crate) struct ForToken(pub(crate) door::ApiClient);

impl FromRequestParts<App> for ForToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        api_client(parts, app, Errand::Token).await.map(Self)
    }
}

/// A service with a key that may report a token, which takes the same right.
pub(crate) struct ForRejected(pub(crate) door::ApiClient);

impl FromRequestParts<App> for ForRejected {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let client = client_for(parts, app, Errand::Token, Call::Rejected).await;
        client.map(Self)
    }
}

/// A service with a key that may be used for this errand. The session's cookie is never looked at here.
pub(crate) async fn api_client(
    parts: &mut Parts,
    app: &App,
    errand: Errand<'_>,
) -> Result<door::ApiClient, Problem> {
    let call = match errand {
        Errand::Status => Call::Status,
        Errand::Token => Call::Token,
        Errand::Proxy { .. } => Call::Proxy,
    };
    client_for(parts, app, errand, call).await
}

/// The same; whoever has a good key is counted, whatever it may do.
async fn client_for(
    parts: &mut Parts,
    app: &App,
    errand: Errand<'_>,
    call: Call,
) -> Result<door::ApiClient, Problem> {
    let From(from) = From::from_request_parts(parts, app)
        .await
        .unwrap_or(From(ClientAddress::UNKNOWN));
    let Some(key) = bearer(&parts.headers) else {
        return Err(Problem::key_missing());
    };
    let services = &app.services;
    match door::identify(services, &key, Provider::Jira, errand, from).await {
        Ok(client) => Ok(client),
        Err(KeyError::Forbidden { client, why }) => {
            let method = usage::Method::of(parts.method.as_str());
            Err(refused(services, &client, call, method, why.into()))
        }
        Err(err) => Err(err.into()),
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
