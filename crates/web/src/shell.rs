//! What surrounds a page: our files, who is signed in, which teams there are.

use domain::{
    permission::{Action, may},
    team::{Role, Team},
};
use secrecy::SecretString;
use service::{
    surroundings::{Surroundings, around},
    teams::teams_of,
    who::{Member, Person, find_person},
};

use crate::{
    App, assets,
    banner::banner,
    problem::Problem,
    view::{Section, Shell, TeamLink, banner::Banner},
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
        may_see_audit: member.may(Action::SeeAudit),
        ..shell
    })
}

/// For a page in a part of a team: with what the team's connection needs people for.
pub(crate) async fn of_section(
    app: &App,
    member: &Member,
    section: Section,
) -> Result<Shell, Problem> {
    let around = around(&app.services, member).await?;
    Ok(around_section(app, member, &around, section))
}

/// The same, where what surrounds the page was read already.
pub(crate) fn around_section(
    app: &App,
    member: &Member,
    around: &Surroundings,
    section: Section,
) -> Shell {
    let banner = banner(app, member, around);
    Shell {
        banner,
        ..surrounded(member, around, section)
    }
}

/// For a page that has the connection's card itself, with all buttons.
pub(crate) fn beside_card(
    app: &App,
    member: &Member,
    around: &Surroundings,
    section: Section,
) -> Shell {
    let banner = banner(app, member, around).map(|it| Banner { action: None, ..it });
    Shell {
        banner,
        ..surrounded(member, around, section)
    }
}

fn surrounded(member: &Member, around: &Surroundings, section: Section) -> Shell {
    Shell {
        teams: links(&around.teams),
        team: Some(link(member.team())),
        section: Some(section),
        may_see_audit: member.may(Action::SeeAudit),
        ..named(member.person())
    }
}

/// For a page that says what went wrong: who is signed in, and the team that the first of `paths`
/// with one of theirs is about. As bare as need be, since it is shown in trouble.
pub(crate) async fn of_whoever(app: &App, token: &SecretString, paths: [&str; 2]) -> Shell {
    let Ok(Some(person)) = find_person(&app.services, token).await else {
        return bare();
    };
    let Ok(teams) = teams_of(&app.services, &person).await else {
        return bare();
    };
    let slugs = paths.map(|it| it.strip_prefix("/a/").and_then(|it| it.split('/').next()));
    let mut found = slugs.into_iter().flatten();
    let of = found.find_map(|slug| teams.iter().find(|(it, _)| it.slug.as_str() == slug));
    Shell {
        team: of.map(|(team, _)| link(team)),
        may_see_audit: of.is_some_and(|(_, role)| may(*role, Action::SeeAudit)),
        teams: links(&teams),
        ..named(&person)
    }
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
