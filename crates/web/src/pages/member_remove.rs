//! `/a/{team}/members/{user}/remove` and `/a/{team}/leave`: first what it means, then the deed.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use service::members::{self, ChangeError};

use crate::{
    App,
    pages::{
        html,
        members::{MemberPath, back, changed},
        members_path,
    },
    problem::Problem,
    shell,
    view::{Section, member_remove::MemberRemovePage},
    who::{AdminOfTeam, OfTeam},
};

/// Says what removing somebody means; changes nothing.
pub(crate) async fn show(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    Path(path): Path<MemberPath>,
) -> Result<Response, Problem> {
    let id = path.id()?;
    let slug = &admin.team().slug;
    if id == admin.person().user().id {
        return Ok(Redirect::to(&format!("/a/{slug}/leave")).into_response());
    }
    let people = members::people(&app.services, &admin).await?;
    let found = people.members.into_iter().find(|it| it.user.id == id);
    let Some(found) = found else {
        return Err(changed(&app, &admin, ChangeError::NotInTeam).await?);
    };
    html(&MemberRemovePage {
        shell: shell::of_section(&app, &admin, Section::Members).await?,
        team: shell::link(admin.team()),
        name: Some(found.user.name.to_string()),
        action: format!("{}/{id}/remove", members_path(slug)),
    })
}

/// Takes somebody out.
pub(crate) async fn remove(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    Path(path): Path<MemberPath>,
) -> Result<Response, Problem> {
    match members::remove(&app.services, &admin, path.id()?).await {
        Ok(()) => Ok(back(&admin, "removed")),
        Err(err) => Err(changed(&app, &admin, err).await?),
    }
}

/// Says what leaving means; changes nothing.
pub(crate) async fn show_leave(
    State(app): State<App>,
    OfTeam(member): OfTeam,
) -> Result<Response, Problem> {
    html(&MemberRemovePage {
        shell: shell::of_section(&app, &member, Section::Members).await?,
        team: shell::link(member.team()),
        name: None,
        action: format!("/a/{}/leave", member.team().slug),
    })
}

/// Leaves the team.
pub(crate) async fn leave(
    State(app): State<App>,
    OfTeam(member): OfTeam,
) -> Result<Response, Problem> {
    match members::leave(&app.services, &member).await {
        Ok(()) => Ok(Redirect::to("/").into_response()),
        Err(err) => Err(changed(&app, &member, err).await?),
    }
}
