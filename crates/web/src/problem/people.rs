//! Words and way on of what people are refused: links, roles, too many failures.

use domain::{
    invitation::InvitationEnd,
    team::Team,
    text::{PersonName, ServiceName},
};
use service::{
    account::AccountError, invitations::InvitationError, members::ChangeError,
    password_reset::ResetError, setup::SetupError, throttle::Throttled,
};

use super::{Action, Problem, back_to, codes::code, names};
use crate::pages::{integrations_path, keys::keys_path, members_path};

fn link(label: &str, href: &str) -> Action {
    Action::Link {
        label: label.to_owned(),
        href: href.to_owned(),
    }
}

impl From<Throttled> for Problem {
    fn from(err: Throttled) -> Self {
        let minutes = err.retry_after.as_secs().unsigned_abs().div_ceil(60);
        let wait = match minutes {
            0 | 1 => "a minute".to_owned(),
            many => format!("{many} minutes"),
        };
        let meaning = format!(
            "Too many tries failed of late, so this one was not looked at. Nothing was changed. Try \
             again in {wait}."
        );
        Self::of(code!("too_many_failures"), meaning)
            .with_heading("Please wait a little")
            .with_retry_after(err.retry_after)
    }
}

impl From<InvitationError> for Problem {
    fn from(err: InvitationError) -> Self {
        match err {
            InvitationError::Unknown => Self::of(
                code!("INVITATION_UNKNOWN"),
                "The link may be cut off, it may be too old, or its team was deleted. Ask whoever \
                 sent it for a new one.",
            ),
            InvitationError::Ended(end) => ended(end),
            InvitationError::OtherAddress { invited, signed_in } => Self::of(
                code!("INVITATION_OTHER_ADDRESS"),
                format!(
                    "It is for {invited}, and you are signed in as {signed_in}. Nothing was changed. \
                     If both are yours, sign out and open the link again."
                ),
            )
            .with_action(Action::Post {
                label: "Sign out".to_owned(),
                href: "/logout".to_owned(),
                attempt: None,
            }),
            InvitationError::AlreadyMember(team) => Self::of(
                code!("INVITATION_ALREADY_MEMBER"),
                "Nothing was changed, and your role is what it was.",
            )
            .with_heading(format!("You are in {} already", team.name))
            .with_action(link(
                &format!("Go to {}", team.name),
                &integrations_path(&team.slug),
            )),
            InvitationError::Throttled(err) => err.into(),
            InvitationError::Failed(err) => err.into(),
        }
    }
}

fn ended(end: InvitationEnd) -> Problem {
    match end {
        InvitationEnd::Used => Problem::of(
            code!("INVITATION_USED"),
            "It is good for one person, once. If that was you, sign in; if not, ask whoever sent it \
             for a new one.",
        )
        .with_action(link("Sign in", "/login")),
        InvitationEnd::Revoked => Problem::of(
            code!("INVITATION_REVOKED"),
            "An admin of the team ended it. Ask them if you think that was a mistake.",
        ),
        InvitationEnd::Replaced => Problem::of(
            code!("INVITATION_REPLACED"),
            "You were invited again, and the newer link counts. Ask whoever invited you for it.",
        ),
        InvitationEnd::Expired => Problem::of(
            code!("INVITATION_EXPIRED"),
            "An invitation is good for 7 days. Ask whoever sent it for a new one.",
        ),
        InvitationEnd::InviterLeft => Problem::of(
            code!("INVITATION_INVITER_LEFT"),
            "Whoever sent it is no admin of the team any more. Ask another admin to invite you.",
        ),
    }
}

impl From<ResetError> for Problem {
    fn from(err: ResetError) -> Self {
        let how = link("How to get a new one", "/password/forgotten");
        match err {
            ResetError::Unknown => Self::of(
                code!("RESET_UNKNOWN"),
                "It may be cut off, or too old. Your password was not changed.",
            )
            .with_action(how),
            ResetError::Used => Self::of(
                code!("RESET_USED"),
                "It sets one password, once; a newer link or a change of the password ends it too. \
                 If you set the password, sign in with it.",
            )
            .with_action(link("Sign in", "/login")),
            ResetError::Expired => Self::of(
                code!("RESET_EXPIRED"),
                "It is good for one hour. Your password was not changed.",
            )
            .with_action(how),
            // The page shows this beside its field.
            ResetError::NewPassword(_) => Self::bad_form(),
            ResetError::Throttled(err) => err.into(),
            ResetError::Failed(err) => err.into(),
        }
    }
}

impl From<SetupError> for Problem {
    fn from(err: SetupError) -> Self {
        match err {
            SetupError::Unknown => Self::of(
                code!("SETUP_UNKNOWN"),
                "It may be cut off. The server prints a new link each time it starts while nobody has \
                 an account.",
            ),
            SetupError::Done => Self::of(
                code!("SETUP_DONE"),
                "This link is not needed any more. If the account is yours, sign in; if not, ask its \
                 owner for an invitation.",
            )
            .with_action(link("Sign in", "/login")),
            // The page shows these beside their fields.
            SetupError::SignUp(_) => Self::bad_form(),
            SetupError::Throttled(err) => err.into(),
            SetupError::Failed(err) => err.into(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(err: AccountError) -> Self {
        match err {
            // The page shows these beside their fields.
            AccountError::Name(_)
            | AccountError::NewPassword(_)
            | AccountError::WrongPassword
            | AccountError::OnlyAdmin(_) => Self::bad_form(),
            AccountError::Throttled(err) => err.into(),
            AccountError::Failed(err) => err.into(),
        }
    }
}

impl Problem {
    /// New accounts need an invitation.
    pub fn sign_up_closed() -> Self {
        let problem = Self::of(
            code!("sign_up_closed"),
            "New accounts need an invitation: ask an admin of your team for one. The very first account is \
             made through the link that the server prints when it starts.",
        );
        problem.with_action(Action::Link {
            label: "Sign in".to_owned(),
            href: "/login".to_owned(),
        })
    }

    /// Only admins may; they are named.
    pub fn not_admin(team: &Team, admins: &[PersonName]) -> Self {
        let mut problem = Self::of(
            code!("admin_required"),
            format!("Nothing was changed. Admins: {}.", names(admins)),
        )
        .with_heading(format!("Only admins of {} can do this", team.name));
        problem.words.action = back_to(team);
        problem
    }

    /// Why the people of a team were not changed.
    pub fn of_change(err: ChangeError, team: &Team, admins: &[PersonName]) -> Self {
        let back = || link("Back to members", &members_path(&team.slug));
        match err {
            ChangeError::LastAdmin => Self::of(
                code!("LAST_ADMIN"),
                "Nothing was changed. Make somebody else an admin first, or delete the team.",
            )
            .with_heading(format!("{} needs an admin", team.name))
            .with_action(back()),
            ChangeError::NotInTeam => Self::of(
                code!("NOT_IN_TEAM"),
                "Somebody else may have removed them, or they left. Nothing was changed.",
            )
            .with_action(back()),
            ChangeError::NoLongerAdmin => Self::not_admin(team, admins),
            ChangeError::Failed(err) => err.into(),
        }
    }
}

impl Problem {
    /// A service cannot have a third key.
    pub fn two_keys(name: &ServiceName, team: &Team) -> Self {
        Self::of(
            code!("TWO_KEYS"),
            "Nothing was changed. Revoke the one that it does not use any more; then another can be made.",
        )
        .with_heading(format!("{name} has two keys already"))
        .with_action(link("Back to keys", &keys_path(&team.slug)))
    }

    /// A team cannot have more keys.
    pub fn too_many_keys(team: &Team) -> Self {
        Self::of(
            code!("TOO_MANY_KEYS"),
            "Nothing was changed. Revoke those that no service uses.",
        )
        .with_heading(format!("{} has too many keys", team.name))
        .with_action(link("Back to keys", &keys_path(&team.slug)))
    }
}
