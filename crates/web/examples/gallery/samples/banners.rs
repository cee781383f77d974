//! The banner on pages of a team, for each thing that people are needed for.

use super::super::view::{Field, integrations::IntegrationsPage};
use super::{
    super::view::{
        Authority, Section, Shell,
        banner::{Banner, BannerAction, Hit},
        settings::SettingsPage,
    },
    Sample, inside, integrations, moment, sample, team,
};

fn banner(icon: &'static str, title: &str, reason: &str) -> Banner {
    let details = "/a/platform/integrations/jira/".to_owned();
    Banner {
        icon,
        title: title.to_owned(),
        reason: reason.to_owned(),
        hit: Some(Hit {
            services: "billing, search and reports".to_owned(),
            since: moment("27 Nov 2026, 08:12 UTC", "12 minutes ago"),
        }),
        action: Some(BannerAction {
            label: "Reconnect",
            href: details.clone(),
            what: "reconnect",
            details,
        }),
        authority: Authority {
            may_manage: true,
            admins: Vec::new(),
        },
        dismissed_as: None,
    }
}

pub(super) fn reconnect() -> Banner {
    banner(
        "reconnect-needed",
        "Jira for Platform needs to be reconnected.",
        "Atlassian no longer accepts the connection.",
    )
}

fn site_lost() -> Banner {
    banner(
        "site-lost",
        "The Jira site of Platform is no longer available.",
        "It was removed from the account’s access, or its administrator blocked the app.",
    )
}

fn permissions() -> Banner {
    Banner {
        hit: None,
        ..banner(
            "permissions-missing",
            "Jira for Platform lacks a permission.",
            "Missing: read users. Reconnect and allow all of it; nothing is lost.",
        )
    }
}

fn renew() -> Banner {
    Banner {
        hit: None,
        dismissed_as: Some("019ab1c2-1764000000".to_owned()),
        ..banner(
            "renew-soon",
            "Jira for Platform should be renewed by 24 Nov 2027.",
            "Atlassian may end an old consent. It takes a minute, and nothing is lost.",
        )
    }
}

/// On a page that is about something else.
fn settings(banner: Banner) -> SettingsPage {
    SettingsPage {
        shell: Shell {
            section: Some(Section::Settings),
            banner: Some(banner),
            ..inside()
        },
        team: team("Platform", "platform"),
        authority: Authority {
            may_manage: true,
            admins: Vec::new(),
        },
        is_renamed: false,
        name: Field::default(),
        confirm: Field::default(),
    }
}

pub(super) fn banners() -> Vec<Sample> {
    let shown = |name, banner| sample(name, &settings(banner));
    let admins = vec!["Ada Lovelace".to_owned(), "Grace Hopper".to_owned()];
    let for_a_member = Banner {
        authority: Authority {
            may_manage: false,
            admins,
        },
        ..reconnect()
    };
    let beside_card = Banner {
        action: None,
        ..reconnect()
    };
    vec![
        shown("banner-reconnect", reconnect()),
        shown("banner-site-lost", site_lost()),
        shown("banner-permissions", permissions()),
        shown("banner-renew", renew()),
        shown("banner-member", for_a_member),
        sample(
            "banner-beside-card",
            &IntegrationsPage {
                shell: Shell {
                    banner: Some(beside_card),
                    ..inside()
                },
                team: team("Platform", "platform"),
                notice: None,
                card: integrations::card(integrations::reconnect_needed()),
            },
        ),
    ]
}
