//! `/a/{team}/settings`: the team's name, and its end.

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use service::{
    teams::{DeleteTeamError, RenameTeamError, delete_team, rename_team},
    who::Member,
};

use crate::{
    App,
    form::FormBody,
    pages::{
        html, html_with_status,
        members::{authority, changed},
        sentence,
    },
    problem::Problem,
    shell,
    view::{Field, Section, settings::SettingsPage},
    who::{AdminOfTeam, OfTeam},
};

/// What has just happened, by a word of ours.
#[derive(Deserialize)]
pub(crate) struct NoticeQuery {
    #[serde(default)]
    notice: Option<String>,
}

/// The page. Members see it with the reason why they cannot change anything.
pub(crate) async fn show(
    State(app): State<App>,
    OfTeam(member): OfTeam,
    Query(query): Query<NoticeQuery>,
) -> Result<Response, Problem> {
    html(&SettingsPage {
        is_renamed: query.notice.as_deref() == Some("renamed"),
        ..page(&app, &member).await?
    })
}

/// The new name.
#[derive(Deserialize)]
pub(crate) struct NameForm {
    name: String,
}

/// Renames the team.
pub(crate) async fn rename(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    FormBody(form): FormBody<NameForm>,
) -> Result<Response, Problem> {
    match rename_team(&app.services, &admin, &form.name).await {
        Ok(_) => {
            let to = format!("/a/{}/settings?notice=renamed", admin.team().slug);
            Ok(Redirect::to(&to).into_response())
        }
        Err(RenameTeamError::Change(err)) => Err(changed(&app, &admin, err).await?),
        Err(RenameTeamError::Name(mistake)) => {
            let page = SettingsPage {
                name: Field {
                    value: form.name,
                    error: Some(sentence("The name", mistake)),
                },
                ..page(&app, &admin).await?
            };
            html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// What was typed.
#[derive(Deserialize)]
pub(crate) struct DeleteForm {
    confirm: String,
}

/// Deletes the team, if its name was typed.
pub(crate) async fn delete(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    FormBody(form): FormBody<DeleteForm>,
) -> Result<Response, Problem> {
    match delete_team(&app.services, &admin, &form.confirm).await {
        Ok(()) => Ok(Redirect::to("/").into_response()),
        Err(DeleteTeamError::Change(err)) => Err(changed(&app, &admin, err).await?),
        Err(DeleteTeamError::OtherName) => {
            let error = "This is not the name of the team. Nothing was deleted.";
            let page = SettingsPage {
                confirm: Field {
                    value: form.confirm,
                    error: Some(error.to_owned()),
                },
                ..page(&app, &admin).await?
            };
            html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

async fn page(app: &App, member: &Member) -> Result<SettingsPage, Problem> {
    Ok(SettingsPage {
        shell: shell::of_section(app, member, Section::Settings).await?,
        team: shell::link(member.team()),
        is_renamed: false,
        authority: authority(app, member).await?,
        name: Field {
            value: member.team().name.to_string(),
            error: None,
        },
        confirm: Field::default(),
    })
}
