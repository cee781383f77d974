//! `/a/{team}/keys`: which services have a key, making one, replacing one, revoking one.

use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use domain::{
    api_key::{Errand, Rights},
    ids::ApiKeyId,
    jira::Site,
    text::Slug,
    usage::Method,
};
use serde::Deserialize;
use service::{
    api_keys::{self, CreateKeyError, Created, RotateKeyError, Standing},
    surroundings::around,
    who::Member,
};

use crate::{
    App,
    form::FormBody,
    moment::moment,
    pages::{
        html, html_with_status,
        members::{NoticeQuery, authority, changed},
    },
    problem::Problem,
    shell,
    view::{
        Section,
        key_revoke::KeyRevokePage,
        keys::{KeyFields, KeySite, KeysPage, NewKey, Trial},
        quickstarts::QuickStarts,
    },
    who::{AdminOfTeam, OfTeam},
};

mod form;
mod told;

use form::{FormErrors, KeyForm};

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    OfTeam(member): OfTeam,
    Query(query): Query<NoticeQuery>,
) -> Result<Response, Problem> {
    let fresh = (KeyForm::default(), FormErrors::default());
    html(&KeysPage {
        is_revoked: query.is("revoked"),
        ..page(&app, &member, fresh).await?
    })
}

/// Makes a key, and shows it this once: nothing else ever holds it.
pub(crate) async fn create(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    FormBody(pairs): FormBody<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let form = KeyForm::of(pairs);
    let errors = match form.wish() {
        Ok(wish) => match api_keys::create(&app.services, &admin, &wish).await {
            Ok(created) => return shown_once(&app, &admin, &created).await,
            Err(CreateKeyError::Mistakes(mistakes)) => FormErrors::of(mistakes),
            Err(CreateKeyError::TooMany) => FormErrors::too_many(),
            Err(CreateKeyError::Change(err)) => return Err(changed(&app, &admin, err).await?),
        },
        Err(errors) => errors,
    };
    let page = page(&app, &admin, (form, errors)).await?;
    html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// The page with a key that was just made.
async fn shown_once(app: &App, member: &Member, created: &Created) -> Result<Response, Problem> {
    let fresh = (KeyForm::default(), FormErrors::default());
    let page = page(app, member, fresh).await?;
    let name = created.key.name.to_string();
    let made = NewKey {
        is_second: page
            .keys
            .iter()
            .any(|it| it.is_being_replaced && it.name == name),
        name,
        key: created.shown_once(),
        trial: trial(app, &created.key.rights),
    };
    html(&KeysPage {
        quick_starts: QuickStarts {
            key: Some(made.key.clone()),
            ..page.quick_starts
        },
        made: Some(made),
        ..page
    })
}

/// A call that the key may make, to try it with.
fn trial(app: &App, rights: &Rights) -> Option<Trial> {
    const API: &str = "/api/v1/integrations/jira";
    const MYSELF: &str = "/rest/api/3/myself";
    let may = |errand| rights.check(errand).is_ok();
    let myself = Errand::Proxy {
        method: Method::Get,
        path: MYSELF,
    };
    let (what, is_post, path) = if may(Errand::Token) {
        ("ask for a token", true, format!("{API}/token"))
    } else if may(myself) {
        (
            "ask Jira who you are",
            false,
            format!("{API}/proxy{MYSELF}"),
        )
    } else if may(Errand::Status) {
        ("ask how the connection is", false, API.to_owned())
    } else {
        return None;
    };
    let mut url = app.settings.base_url.clone();
    url.set_path(&path);
    Some(Trial {
        what,
        is_post,
        url: url.into(),
    })
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

/// Makes a second key for the service of this one; both work.
pub(crate) async fn rotate(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    Path(path): Path<KeyPath>,
) -> Result<Response, Problem> {
    match api_keys::rotate(&app.services, &admin, path.id()?).await {
        Ok(created) => shown_once(&app, &admin, &created).await,
        Err(RotateKeyError::Gone) => {
            Ok(Redirect::to(&keys_path(&admin.team().slug)).into_response())
        }
        Err(RotateKeyError::TwoInForce(name)) => Err(Problem::two_keys(&name, admin.team())),
        Err(RotateKeyError::TooMany) => Err(Problem::too_many_keys(admin.team())),
        Err(RotateKeyError::Change(err)) => Err(changed(&app, &admin, err).await?),
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
    let Some(found) = keys.iter().find(|it| it.key.id == id) else {
        return Ok(Redirect::to(&keys_path(slug)).into_response());
    };
    let now = app.services.env.now();
    html(&KeyRevokePage {
        shell: shell::of_section(&app, &admin, Section::Keys).await?,
        team: shell::link(admin.team()),
        name: found.key.name.to_string(),
        made: moment(found.key.created_at, now),
        has_ended: found.key.has_expired(now),
        is_one_of_two: keys
            .iter()
            .any(|it| it.key.name == found.key.name && it.key.id != id),
        other: match found.standing {
            Standing::Alone => None,
            Standing::Older => Some("newer"),
            Standing::Newer => Some("older"),
        },
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

/// The page with the keys of a team.
pub(crate) fn keys_path(team: &Slug) -> String {
    format!("/a/{team}/keys")
}

async fn page(
    app: &App,
    member: &Member,
    (form, errors): (KeyForm, FormErrors),
) -> Result<KeysPage, Problem> {
    let now = app.services.env.now();
    let keys = api_keys::list(&app.services, member).await?;
    let around = around(&app.services, member).await?;
    // What cannot be read of the connection is in nobody's way here.
    let site = around.jira.as_ref().ok().and_then(|it| it.site.as_ref());
    Ok(KeysPage {
        shell: shell::around_section(app, member, &around, Section::Keys),
        team: shell::link(member.team()),
        is_revoked: false,
        made: None,
        authority: authority(app, member).await?,
        keys: told::lines(keys, site, now),
        form: KeyFields {
            site: site.map(|it| offered(it, &form)),
            ..form.fields(errors)
        },
        quick_starts: QuickStarts {
            url: app.settings.base_url.origin().ascii_serialization(),
            key: None,
        },
    })
}

/// The team's site, to which a key may be pinned.
fn offered(site: &Site, form: &KeyForm) -> KeySite {
    KeySite {
        cloud_id: site.cloud_id.to_string(),
        name: site.name.to_string(),
        host: site.url.host().to_owned(),
        is_pinned: form.is_pinned_to(&site.cloud_id),
    }
}
