//! `/` and `/a/{team}/`: nothing to see, only the way on.

use axum::{extract::State, response::Redirect};
use service::teams::teams_of;

use crate::{
    App,
    pages::integrations_path,
    problem::Problem,
    who::{OfTeam, Visitor},
};

/// To the first team, to making one, or to signing in.
pub(crate) async fn show(
    State(app): State<App>,
    Visitor(person): Visitor,
) -> Result<Redirect, Problem> {
    let Some(person) = person else {
        return Ok(Redirect::to("/login"));
    };
    let teams = teams_of(&app.services, &person).await?;
    Ok(match teams.first() {
        Some((team, _)) => Redirect::to(&integrations_path(&team.slug)),
        None => Redirect::to("/teams/new"),
    })
}

/// To the team's integrations.
pub(crate) async fn team(OfTeam(member): OfTeam) -> Redirect {
    Redirect::to(&integrations_path(&member.team().slug))
}
