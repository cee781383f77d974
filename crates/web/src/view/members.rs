//! `/a/{team}/members`: who is in the team, who is invited, and the form that invites.

use askama::Template;

use super::{Authority, Field, Moment, Shell, TeamLink, letter};

/// What has just happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembersNotice {
    /// Somebody has another role.
    RoleChanged,
    /// Somebody was taken out.
    Removed,
    /// An invitation was taken back.
    Revoked,
}

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "members.html")]
pub struct MembersPage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// What has just happened.
    pub notice: Option<MembersNotice>,
    /// The invitation that was just made.
    pub invited: Option<NewLink>,
    /// Whether mail is set up.
    pub can_mail: bool,
    /// Who may change anything here.
    pub authority: Authority,
    /// Admins first, then by name.
    pub members: Vec<MemberLine>,
    /// Invitations that have not ended, newest first.
    pub invitations: Vec<InvitationLine>,
    /// The address in the form.
    pub email: Field,
    /// Whether the form says admin.
    pub as_admin: bool,
}

impl MembersPage {
    fn base(&self) -> String {
        format!("/a/{}/members", self.team.slug)
    }

    fn has_errors(&self) -> bool {
        self.email.error.is_some()
    }
}

/// A link that is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// For whom.
    pub email: String,
    /// The link.
    pub link: String,
    /// Until when it is good.
    pub until: Moment,
    /// Whether it goes to the address by mail as well.
    pub is_mailed: bool,
}

/// A person in the team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberLine {
    /// In addresses.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Since when.
    pub joined: Moment,
    /// Whether an admin.
    pub is_admin: bool,
    /// Whether the reader.
    pub is_you: bool,
    /// Whether nobody else is an admin.
    pub is_only_admin: bool,
}

impl MemberLine {
    fn letter(&self) -> String {
        letter(&self.name)
    }
}

/// An invitation that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationLine {
    /// In addresses.
    pub id: String,
    /// For whom.
    pub email: String,
    /// Whether as an admin.
    pub is_admin: bool,
    /// Who invited; none if the account is gone.
    pub by: Option<String>,
    /// When.
    pub made: Moment,
    /// Until when it is good.
    pub until: Moment,
    /// Why it is not good any more: a sentence.
    pub dead: Option<String>,
}
