//! `/a/{team}/keys`: which services have a key, making one, revoking one.

use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use domain::{ids::ApiKeyId, text::Slug};
use serde::Deserialize;
use service::{
    api_keys::{self, CreateKeyError, KeyMistakes, KeyNameMistake, KeyWish, MOST_KEYS},
    who::Member,
};

use crate::{
    App,
    form::FormBody,
    moment::moment,
    pages::{
        html, html_with_status,
        members::{NoticeQuery, authority, changed},
        sentence,
    },
    problem::Problem,
    shell,
    view::{
        Field, Section,
        key_revoke::KeyRevokePage,
        keys::{KeyLine, KeysPage, NewKey},
    },
    who::{AdminOfTeam, OfTeam},
};

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    OfTeam(member): OfTeam,
    Query(query): Query<NoticeQuery>,
) -> Result<Response, Problem> {
    html(&KeysPage {
        is_revoked: query.is("revoked"),
        ..page(&app, &member).await?
    })
}

/// What was filled in to make a key.
#[derive(Deserialize)]
pub(crate) struct KeyForm {
    name: String,
}

/// Makes a key, and shows it this once: nothing else ever holds it.
pub(crate) async fn create(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    FormBody(form): FormBody<KeyForm>,
) -> Result<Response, Problem> {
    let error = match api_keys::create(&app.services, &admin, &KeyWish::named(&form.name)).await {
        Ok(created) => {
            let mut url = app.settings.base_url.clone();
            url.set_path("/api/v1/integrations/jira/token");
            let made = NewKey {
                name: created.key.name.to_string(),
                key: created.shown_once(),
                url: url.into(),
            };
            return html(&KeysPage {
                made: Some(made),
                ..page(&app, &admin).await?
            });
        }
        Err(CreateKeyError::Mistakes(KeyMistakes { name, .. })) => match name {
            Some(KeyNameMistake::Text(mistake)) => sentence("The name", mistake),
            _ => {
                "A key in force has this name. Choose another, or revoke that key first.".to_owned()
            }
        },
        Err(CreateKeyError::TooMany) => {
            format!("{MOST_KEYS} keys are in force. Revoke those that no service uses.")
        }
        Err(CreateKeyError::Change(err)) => return Err(changed(&app, &admin, err).await?),
    };
    let page = KeysPage {
        name: Field {
            value: form.name,
            error: Some(error),
        },
        ..page(&app, &admin).await?
    };
    html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

#[derive(Deserialize)]
pub(crate) struct KeyPath {
    id: String,
}

impl KeyPath {
    fn id(&self) -> Result<ApiKeyId, Problem> {
        self.id.parse().map_err(|_| Problem::no_such_page())
    }
}

/// Says what revoking means; changes nothing.
pub(crate) async fn show_revoke(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    Path(path): Path<KeyPath>,
) -> Result<Response, Problem> {
    let id = path.id()?;
    let slug = &admin.team().slug;
    let keys = api_keys::list(&app.services, &admin).await?;
    let Some(found) = keys.into_iter().find(|it| it.key.id == id) else {
        return Ok(Redirect::to(&keys_path(slug)).into_response());
    };
    let now = app.services.env.now();
    html(&KeyRevokePage {
        shell: shell::of_section(&app, &admin, Section::Keys).await?,
        team: shell::link(admin.team()),
        name: found.key.name.to_string(),
        last_used: found.key.last_used_at.map(|it| moment(it, now)),
        action: format!("{}/{id}/revoke", keys_path(slug)),
    })
}

/// Revokes a key. One that has ended is no mistake.
pub(crate) async fn revoke(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    Path(path): Path<KeyPath>,
) -> Result<Response, Problem> {
    match api_keys::revoke(&app.services, &admin, path.id()?).await {
        Ok(_) => {
            let path = keys_path(&admin.team().slug);
            Ok(Redirect::to(&format!("{path}?notice=revoked")).into_response())
        }
        Err(err) => Err(changed(&app, &admin, err).await?),
    }
}

fn keys_path(team: &Slug) -> String {
    format!("/a/{team}/keys")
}

async fn page(app: &App, member: &Member) -> Result<KeysPage, Problem> {
    let now = app.services.env.now();
    let keys = api_keys::list(&app.services, member).await?;
    Ok(KeysPage {
        shell: shell::of_section(app, member, Section::Keys).await?,
        team: shell::link(member.team()),
        is_revoked: false,
        made: None,
        authority: authority(app, member).await?,
        keys: keys
            .into_iter()
            .map(|it| KeyLine {
                id: it.key.id.to_string(),
                name: it.key.name.to_string(),
                by: it.created_by.as_ref().map(ToString::to_string),
                made: moment(it.key.created_at, now),
                last_used: it.key.last_used_at.map(|at| moment(at, now)),
            })
            .collect(),
        name: Field::default(),
    })
}
