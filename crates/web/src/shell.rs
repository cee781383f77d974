//! What surrounds a page: our files, who is signed in, which teams there are.

use domain::team::{Role, Team};
use service::{
    teams::teams_of,
    who::{Member, Person},
};

use crate::{
    App, assets,
    problem::Problem,
    view::{Shell, TeamLink},
};

/// For pages of nobody in particular.
pub(crate) fn bare() -> Shell {
    Shell {
        assets: assets::paths(),
        ..Shell::default()
    }
}

/// For pages of a person outside a team.
pub(crate) async fn of_person(app: &App, person: &Person) -> Result<Shell, Problem> {
    let teams = teams_of(&app.services, person).await?;
    Ok(Shell {
        teams: links(&teams),
        ..named(person)
    })
}

/// For pages of a team, with all teams of the person.
pub(crate) async fn of_member(app: &App, member: &Member) -> Result<Shell, Problem> {
    let shell = of_person(app, member.person()).await?;
    Ok(Shell {
        team: Some(link(member.team())),
        ..shell
    })
}

fn named(person: &Person) -> Shell {
    Shell {
        user_name: Some(person.user().name.to_string()),
        ..bare()
    }
}

pub(crate) fn link(team: &Team) -> TeamLink {
    TeamLink {
        name: team.name.to_string(),
        slug: team.slug.to_string(),
    }
}

fn links(teams: &[(Team, Role)]) -> Vec<TeamLink> {
    teams.iter().map(|(team, _)| link(team)).collect()
}
