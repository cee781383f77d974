//! `/a/{team}/integrations/jira/sites`: the picker.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use service::{
    change_site::change_site,
    choose_site::{Picker, choose as choose_site, offered_sites},
    overview,
    who::Admin,
};

use crate::{
    App,
    form::FormBody,
    pages::{connect::go_on, html_with_status},
    problem::Problem,
    shell,
    view::sites::{SiteChoice, SitesPage},
    who::AdminOfTeam,
};

/// The sites that the waiting sign-in, or the connection in force, can reach.
pub(crate) async fn show(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
) -> Result<Response, Problem> {
    let picker = offered_sites(&app.services, &admin).await?;
    render(&app, &admin, picker, None).await
}

/// Of the form only the cloud id is read, and which of the two is meant.
#[derive(Deserialize)]
pub(crate) struct SitesForm {
    #[serde(default)]
    cloud_id: Option<String>,
    /// Set where a connection in force is to change its site: a form of a sign-in that was left open
    /// must not.
    #[serde(default)]
    change: Option<String>,
}

/// Connects with the chosen site, or changes the site of the connection in force.
pub(crate) async fn choose(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    FormBody(form): FormBody<SitesForm>,
) -> Result<Response, Problem> {
    let Some(cloud_id) = form.cloud_id.filter(|it| !it.is_empty()) else {
        let picker = offered_sites(&app.services, &admin).await?;
        return render(&app, &admin, picker, Some("Choose a site".to_owned())).await;
    };
    let ended = if form.change.is_some() {
        change_site(&app.services, &admin, &cloud_id).await?
    } else {
        choose_site(&app.services, &admin, &cloud_id).await?
    };
    Ok(go_on(&ended).into_response())
}

async fn render(
    app: &App,
    admin: &Admin,
    picker: Picker,
    error: Option<String>,
) -> Result<Response, Problem> {
    let status = if error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let sites = picker.sites.into_iter().map(|it| SiteChoice {
        cloud_id: it.site.cloud_id.to_string(),
        name: it.site.name.to_string(),
        host: it.site.url.host().to_owned(),
        used_by: it.used_by,
        missing: None,
    });
    let now = app.services.env.now();
    // Only a connection in force has services that rely on it.
    let services = match picker.current {
        Some(_) => overview::jira(&app.services, admin).await?.services,
        None => Vec::new(),
    };
    let page = SitesPage {
        shell: shell::of_member(app, admin).await?,
        team: shell::link(admin.team()),
        account: picker.account_name,
        sites: sites.collect(),
        until: picker.until.map(|it| crate::moment::moment(it, now)),
        current: picker.current.map(|it| it.to_string()),
        services: services.iter().map(ToString::to_string).collect(),
        error,
    };
    html_with_status(status, &page)
}
