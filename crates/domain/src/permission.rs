//! What each role may do: one `match`.

use crate::team::Role;

/// Something that a person can ask for in a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See the integrations page and the state of each connection.
    SeeIntegrations,
    /// Ask Jira once with the team's connection, to see that it works.
    TestConnection,
    /// Connect, choose a site, cancel, disconnect.
    ManageIntegrations,
    /// See who is in the team.
    SeeMembers,
    /// Read who changed what, and which service called what.
    SeeAudit,
    /// Invite, change roles, take people out, rename the team, delete it.
    ManageTeam,
}

/// Whether a person with `role` may do `action`.
pub const fn may(role: Role, action: Action) -> bool {
    match (role, action) {
        (_, Action::SeeIntegrations | Action::SeeMembers) | (Role::Admin, _) => true,
        (
            Role::Member,
            Action::TestConnection
            | Action::ManageIntegrations
            | Action::SeeAudit
            | Action::ManageTeam,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_admins_change_anything() {
        assert!(may(Role::Member, Action::SeeIntegrations));
        assert!(!may(Role::Member, Action::TestConnection));
        assert!(!may(Role::Member, Action::ManageIntegrations));
        assert!(may(Role::Admin, Action::ManageIntegrations));
        assert!(may(Role::Member, Action::SeeMembers));
        assert!(!may(Role::Member, Action::SeeAudit));
        assert!(may(Role::Admin, Action::SeeAudit));
        assert!(!may(Role::Member, Action::ManageTeam));
        assert!(may(Role::Admin, Action::ManageTeam));
    }
}
