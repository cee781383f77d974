//! `/a/{team}/members`: who is in the team, inviting, roles.

use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use domain::{
    ids::{InvitationId, UserId},
    invitation::{Invitation, InvitationEnd},
    permission::Action,
    team::Role,
};
use jiff::Timestamp;
use serde::Deserialize;
use service::{
    invitations::{self, InviteError, MOST_OPEN},
    members::{self, ChangeError},
    teams::admin_names,
    who::Member,
};

use crate::{
    App,
    form::FormBody,
    moment::moment,
    pages::{html, html_with_status, members_path, sentence},
    problem::Problem,
    shell,
    view::{
        Authority, Field, Section,
        members::{InvitationLine, MemberLine, MembersNotice, MembersPage, NewLink},
    },
    who::{AdminOfTeam, OfTeam},
};

/// What has just happened, by a word of ours.
#[derive(Deserialize)]
pub(crate) struct NoticeQuery {
    #[serde(default)]
    notice: Option<String>,
}

impl NoticeQuery {
    /// Whether it is this word.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.notice.as_deref() == Some(word)
    }
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    OfTeam(member): OfTeam,
    Query(query): Query<NoticeQuery>,
) -> Result<Response, Problem> {
    let notice = match query.notice.as_deref() {
        Some("role_changed") => Some(MembersNotice::RoleChanged),
        Some("removed") => Some(MembersNotice::Removed),
        Some("revoked") => Some(MembersNotice::Revoked),
        _ => None,
    };
    html(&MembersPage {
        notice,
        ..page(&app, &member).await?
    })
}

/// What was filled in to invite somebody.
#[derive(Deserialize)]
pub(crate) struct InviteForm {
    email: String,
    role: String,
}

/// Invites, and shows the link this once: nothing else ever holds it.
pub(crate) async fn invite(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    FormBody(form): FormBody<InviteForm>,
) -> Result<Response, Problem> {
    let role: Role = form.role.parse().map_err(|_| Problem::bad_form())?;
    let error = match invitations::invite(&app.services, &admin, &form.email, role).await {
        Ok(made) => {
            let until = moment(made.invitation.expires_at, app.services.env.now());
            let mut link = app.settings.base_url.clone();
            link.set_path(&made.path());
            let invited = NewLink {
                email: made.invitation.email.to_string(),
                link: link.into(),
                until,
                is_mailed: made.is_mailed,
            };
            return html(&MembersPage {
                invited: Some(invited),
                ..page(&app, &admin).await?
            });
        }
        Err(InviteError::Address(mistake)) => sentence("The address", mistake),
        Err(InviteError::AlreadyMember(name)) => format!("{name} is in the team already."),
        Err(InviteError::TooMany) => {
            format!("{MOST_OPEN} invitations are open. Take back those that nobody needs.")
        }
        Err(InviteError::Change(err)) => return Err(changed(&app, &admin, err).await?),
    };
    let page = MembersPage {
        email: Field {
            value: form.email,
            error: Some(error),
        },
        as_admin: role == Role::Admin,
        ..page(&app, &admin).await?
    };
    html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

#[derive(Deserialize)]
pub(crate) struct InvitationPath {
    invitation: String,
}

/// Takes an invitation back. One that has ended is no mistake.
pub(crate) async fn revoke(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    Path(path): Path<InvitationPath>,
) -> Result<Response, Problem> {
    let id: InvitationId = path
        .invitation
        .parse()
        .map_err(|_| Problem::no_such_page())?;
    match invitations::revoke(&app.services, &admin, id).await {
        Ok(_) => Ok(back(&admin, "revoked")),
        Err(err) => Err(changed(&app, &admin, err).await?),
    }
}

#[derive(Deserialize)]
pub(crate) struct MemberPath {
    user: String,
}

impl MemberPath {
    /// Whose id stands in the address.
    pub(crate) fn id(&self) -> Result<UserId, Problem> {
        self.user.parse().map_err(|_| Problem::no_such_page())
    }
}

/// The role that somebody gets.
#[derive(Deserialize)]
pub(crate) struct RoleForm {
    role: String,
}

/// Gives somebody a role.
pub(crate) async fn set_role(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    Path(path): Path<MemberPath>,
    FormBody(form): FormBody<RoleForm>,
) -> Result<Response, Problem> {
    let role: Role = form.role.parse().map_err(|_| Problem::bad_form())?;
    match members::set_role(&app.services, &admin, path.id()?, role).await {
        Ok(()) => Ok(back(&admin, "role_changed")),
        Err(err) => Err(changed(&app, &admin, err).await?),
    }
}

/// The page again, with a message about what has just happened.
pub(crate) fn back(member: &Member, notice: &str) -> Response {
    let path = members_path(&member.team().slug);
    Redirect::to(&format!("{path}?notice={notice}")).into_response()
}

/// Why nothing was changed, as a page.
pub(crate) async fn changed(
    app: &App,
    member: &Member,
    err: ChangeError,
) -> Result<Problem, Problem> {
    let admins = admin_names(&app.services, member).await?;
    Ok(Problem::of_change(err, member.team(), &admins))
}

/// Who may change a team, and whom to ask.
pub(crate) async fn authority(app: &App, member: &Member) -> Result<Authority, Problem> {
    let may_manage = member.may(Action::ManageTeam);
    let admins = if may_manage {
        Vec::new()
    } else {
        admin_names(&app.services, member).await?
    };
    Ok(Authority {
        may_manage,
        admins: admins.iter().map(ToString::to_string).collect(),
    })
}

async fn page(app: &App, member: &Member) -> Result<MembersPage, Problem> {
    let now = app.services.env.now();
    let people = members::people(&app.services, member).await?;
    let admins = people.members.iter().filter(|it| it.role == Role::Admin);
    let is_alone = admins.count() == 1;
    let you = member.person().user().id;
    Ok(MembersPage {
        shell: shell::of_section(app, member, Section::Members).await?,
        team: shell::link(member.team()),
        notice: None,
        invited: None,
        can_mail: app.services.mailer.is_some(),
        authority: authority(app, member).await?,
        members: people
            .members
            .into_iter()
            .map(|it| MemberLine {
                id: it.user.id.to_string(),
                name: it.user.name.to_string(),
                email: it.user.email.to_string(),
                joined: moment(it.joined_at, now),
                is_admin: it.role == Role::Admin,
                is_you: it.user.id == you,
                is_only_admin: is_alone && it.role == Role::Admin,
            })
            .collect(),
        invitations: people
            .invitations
            .into_iter()
            .map(|it| InvitationLine {
                id: it.invitation.id.to_string(),
                email: it.invitation.email.to_string(),
                is_admin: it.invitation.role == Role::Admin,
                by: it.inviter.as_ref().map(ToString::to_string),
                made: moment(it.invitation.created_at, now),
                until: moment(it.invitation.expires_at, now),
                dead: dead(&it.invitation, it.inviter_is_admin, now),
            })
            .collect(),
        email: Field::default(),
        as_admin: false,
    })
}

fn dead(invitation: &Invitation, inviter_is_admin: bool, now: Timestamp) -> Option<String> {
    let why = match invitation.end(now, inviter_is_admin)? {
        InvitationEnd::Expired => "its 7 days are over",
        InvitationEnd::InviterLeft => "not good any more: who invited is no admin now",
        // The list has none that was used, taken back or replaced.
        InvitationEnd::Used | InvitationEnd::Revoked | InvitationEnd::Replaced => "over",
    };
    Some(why.to_owned())
}
