//! `/a/{team}/integrations/jira/disconnect`: first what it means, then the deed.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use service::{disconnect::disconnect as erase, overview};

use crate::{
    App,
    jira_card::services,
    pages::{html, integrations_path, integrations_with_notice},
    problem::Problem,
    shell,
    view::disconnect::DisconnectPage,
    who::AdminOfTeam,
};

/// Says what it means; changes nothing.
pub(crate) async fn show(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
) -> Result<Response, Problem> {
    let overview = overview::jira(&app.services, &admin).await?;
    let services = services(&overview);
    if overview.credential.is_none_or(|it| it.tokens.is_none()) {
        return Ok(Redirect::to(&integrations_path(&admin.team().slug)).into_response());
    }
    html(&DisconnectPage {
        shell: shell::of_member(&app, &admin).await?,
        team: shell::link(admin.team()),
        site: overview
            .site
            .map_or_else(|| "Jira".to_owned(), |it| it.name.to_string()),
        services,
    })
}

/// Erases the tokens. Nothing to erase is no mistake.
pub(crate) async fn disconnect(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
) -> Result<Redirect, Problem> {
    erase(&app.services, &admin).await?;
    Ok(integrations_with_notice(&admin.team().slug, "disconnected"))
}
