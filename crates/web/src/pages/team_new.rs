//! `/teams/new`: a name alone, and on to the team's integrations.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use service::teams::{CreateTeamError, create_team};

use crate::{
    App,
    form::FormBody,
    pages::{html, html_with_status, integrations_path},
    problem::Problem,
    shell,
    view::{Field, team_new::TeamNewPage},
    who::SignedIn,
};

/// The form.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(person): SignedIn,
) -> Result<Response, Problem> {
    let shell = shell::of_person(&app, &person).await?;
    html(&TeamNewPage {
        shell,
        ..TeamNewPage::default()
    })
}

/// What was filled in.
#[derive(Deserialize)]
pub(crate) struct TeamForm {
    name: String,
}

/// Makes the team; its maker is its first admin.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    FormBody(form): FormBody<TeamForm>,
) -> Result<Response, Problem> {
    match create_team(&app.services, &person, &form.name).await {
        Ok(team) => Ok(Redirect::to(&integrations_path(&team.slug)).into_response()),
        Err(CreateTeamError::Failed(err)) => Err(err.into()),
        Err(CreateTeamError::Name(mistake)) => {
            let shell = shell::of_person(&app, &person).await?;
            let error = Some(format!("The name {mistake}."));
            let page = TeamNewPage {
                shell,
                name: Field {
                    value: form.name,
                    error,
                },
            };
            html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
