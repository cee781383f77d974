//! Members, invitations, links, the account, a team's settings.

use super::{
    super::view::{
        Authority, Field, Section, Shell,
        account::{AccountNotice, AccountPage},
        first_account::FirstAccountPage,
        invitation::InvitationPage,
        login::{LoginNotice, LoginPage},
        member_remove::MemberRemovePage,
        members::{InvitationLine, MemberLine, MembersNotice, MembersPage, NewLink},
        password_forgotten::PasswordForgottenPage,
        password_new::PasswordNewPage,
        settings::SettingsPage,
    },
    Sample, field, inside, moment, outside, sample, team,
};

fn at(section: Section) -> Shell {
    Shell {
        section: Some(section),
        ..inside()
    }
}

fn alone() -> Shell {
    Shell {
        team: None,
        section: None,
        ..inside()
    }
}

fn authority(may_manage: bool) -> Authority {
    let admins = if may_manage {
        Vec::new()
    } else {
        ["Ada Lovelace", "Grace Hopper"].map(str::to_owned).to_vec()
    };
    Authority { may_manage, admins }
}

fn line(name: &str, email: &str, is_admin: bool) -> MemberLine {
    MemberLine {
        id: format!("id-of-{email}"),
        name: name.to_owned(),
        email: email.to_owned(),
        joined: moment("3 Aug 2026, 09:12 UTC", "113 days ago"),
        is_admin,
        is_you: name == "Ada Lovelace",
        is_only_admin: false,
    }
}

fn invitation(email: &str, is_admin: bool, dead: Option<&str>) -> InvitationLine {
    InvitationLine {
        id: format!("id-of-{email}"),
        email: email.to_owned(),
        is_admin,
        by: Some("Grace Hopper".to_owned()),
        made: moment("22 Nov 2026, 10:40 UTC", "2 days ago"),
        until: moment("29 Nov 2026, 10:40 UTC", "in 5 days"),
        dead: dead.map(str::to_owned),
    }
}

fn members_page() -> MembersPage {
    MembersPage {
        shell: at(Section::Members),
        team: team("Platform", "platform"),
        notice: None,
        invited: None,
        can_mail: false,
        authority: authority(true),
        members: vec![
            line("Ada Lovelace", "ada@example.com", true),
            line("Grace Hopper", "grace@example.com", true),
            line(
                "Софья Ковалевская",
                "a-rather-long-address-of-somebody@a-rather-long-name-of-a-company.example.com",
                false,
            ),
        ],
        invitations: vec![
            invitation("edsger@example.com", false, None),
            invitation("barbara@example.com", true, Some("its 7 days are over")),
        ],
        email: Field::default(),
        as_admin: false,
    }
}

fn new_link(is_mailed: bool) -> NewLink {
    NewLink {
        email: "linus@example.com".to_owned(),
        link:
            "https://tformance.example.com/invitations/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                .to_owned(),
        until: moment("1 Dec 2026, 10:40 UTC", "in 7 days"),
        is_mailed,
    }
}

pub(super) fn members() -> Vec<Sample> {
    let page = members_page();
    let only = MemberLine {
        is_only_admin: true,
        ..line("Ada Lovelace", "ada@example.com", true)
    };
    let remove = MemberRemovePage {
        shell: at(Section::Members),
        team: team("Platform", "platform"),
        name: Some("Grace Hopper".to_owned()),
        action: "/a/platform/members/id/remove".to_owned(),
    };
    vec![
        sample(
            "people",
            &MembersPage {
                notice: Some(MembersNotice::RoleChanged),
                ..page.clone()
            },
        ),
        sample(
            "people-invited",
            &MembersPage {
                invited: Some(new_link(false)),
                ..page.clone()
            },
        ),
        sample(
            "people-errors",
            &MembersPage {
                email: field(
                    "grace@example.com",
                    Some("Grace Hopper is in the team already."),
                ),
                as_admin: true,
                ..page.clone()
            },
        ),
        sample(
            "people-alone",
            &MembersPage {
                members: vec![only],
                invitations: Vec::new(),
                ..page.clone()
            },
        ),
        sample(
            "people-as-member",
            &MembersPage {
                authority: Authority {
                    admins: vec!["Grace Hopper".to_owned()],
                    ..authority(false)
                },
                members: vec![
                    line("Grace Hopper", "grace@example.com", true),
                    line("Ada Lovelace", "ada@example.com", false),
                ],
                invitations: Vec::new(),
                notice: Some(MembersNotice::Removed),
                ..page
            },
        ),
        sample("remove", &remove),
        sample(
            "leave",
            &MemberRemovePage {
                name: None,
                ..remove
            },
        ),
    ]
}

pub(super) fn links() -> Vec<Sample> {
    let invitation = InvitationPage {
        shell: outside(),
        team: "Platform".to_owned(),
        email: "linus@example.com".to_owned(),
        by: Some("Ada Lovelace".to_owned()),
        until: Some(moment("1 Dec 2026, 10:40 UTC", "in 7 days")),
        action: "/invitations/token".to_owned(),
        password_min: 10,
        ..InvitationPage::default()
    };
    let first = FirstAccountPage {
        shell: outside(),
        action: "/setup/token".to_owned(),
        password_min: 10,
        ..FirstAccountPage::default()
    };
    let password = PasswordNewPage {
        shell: outside(),
        action: "/password/token".to_owned(),
        email: "ada@example.com".to_owned(),
        password_error: None,
        password_min: 10,
    };
    let short = || Some("The password is too short: at least 10 characters.".to_owned());
    let login = |notice| LoginPage {
        shell: outside(),
        notice: Some(notice),
        ..LoginPage::default()
    };
    vec![
        sample("invitation", &invitation),
        sample(
            "invitation-errors",
            &InvitationPage {
                name: field("", Some("The name is missing.")),
                password_error: short(),
                form_error: Some(
                    "This address has an account already. Sign in instead.".to_owned(),
                ),
                ..invitation.clone()
            },
        ),
        sample(
            "invitation-signed-in",
            &InvitationPage {
                shell: alone(),
                is_signed_in: true,
                as_admin: true,
                by: None,
                ..invitation
            },
        ),
        sample("first-account", &first),
        sample(
            "first-account-errors",
            &FirstAccountPage {
                name: field("", Some("The name is missing.")),
                email: field(
                    "ada",
                    Some("The address is not of the form ada@example.com."),
                ),
                password_error: short(),
                ..first
            },
        ),
        sample("password-new", &password),
        sample(
            "password-new-errors",
            &PasswordNewPage {
                password_error: short(),
                ..password
            },
        ),
        sample("login-password-set", &login(LoginNotice::PasswordSet)),
        sample("login-deleted", &login(LoginNotice::AccountDeleted)),
        sample("login-everywhere", &login(LoginNotice::SignedOutEverywhere)),
    ]
}

pub(super) fn account() -> Vec<Sample> {
    let page = AccountPage {
        shell: alone(),
        email: "ada@example.com".to_owned(),
        name: field("Ada Lovelace", None),
        password_min: 10,
        ..AccountPage::default()
    };
    vec![
        sample("account", &page),
        sample(
            "account-changed",
            &AccountPage {
                notice: Some(AccountNotice::PasswordChanged),
                ..page.clone()
            },
        ),
        sample(
            "account-renamed",
            &AccountPage {
                notice: Some(AccountNotice::Renamed),
                stuck: vec![team("Mobile", "mobile"), team("Platform", "platform")],
                ..page.clone()
            },
        ),
        sample(
            "account-errors",
            &AccountPage {
                name: field("", Some("The name is missing.")),
                old_error: Some("This is not your password.".to_owned()),
                new_error: Some(
                    "The new password is too short: at least 10 characters.".to_owned(),
                ),
                delete_error: Some("This is not your password.".to_owned()),
                ..page
            },
        ),
    ]
}

pub(super) fn settings() -> Vec<Sample> {
    let page = SettingsPage {
        shell: at(Section::Settings),
        team: team("Platform", "platform"),
        is_renamed: false,
        authority: authority(true),
        name: field("Platform", None),
        confirm: Field::default(),
    };
    vec![
        sample(
            "settings",
            &SettingsPage {
                is_renamed: true,
                ..page.clone()
            },
        ),
        sample(
            "settings-errors",
            &SettingsPage {
                name: field("", Some("The name is missing.")),
                confirm: field(
                    "platfrom",
                    Some("This is not the name of the team. Nothing was deleted."),
                ),
                ..page.clone()
            },
        ),
        sample(
            "settings-as-member",
            &SettingsPage {
                authority: authority(false),
                ..page
            },
        ),
    ]
}

/// What is another where mail is set up.
pub(super) fn mail() -> Vec<Sample> {
    vec![
        sample(
            "people-invited-by-mail",
            &MembersPage {
                can_mail: true,
                invited: Some(new_link(true)),
                ..members_page()
            },
        ),
        sample(
            "password-forgotten",
            &PasswordForgottenPage {
                shell: outside(),
                ..PasswordForgottenPage::default()
            },
        ),
        sample(
            "password-forgotten-mail",
            &PasswordForgottenPage {
                shell: outside(),
                can_mail: true,
                ..PasswordForgottenPage::default()
            },
        ),
        sample(
            "password-forgotten-mail-errors",
            &PasswordForgottenPage {
                shell: outside(),
                can_mail: true,
                email: field(
                    "ada",
                    Some("The address is not of the form ada@example.com."),
                ),
                ..PasswordForgottenPage::default()
            },
        ),
        sample(
            "password-forgotten-asked",
            &PasswordForgottenPage {
                shell: outside(),
                can_mail: true,
                is_asked: true,
                ..PasswordForgottenPage::default()
            },
        ),
    ]
}
