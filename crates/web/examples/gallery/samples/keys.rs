//! The keys of services.

use super::{
    super::view::{
        Authority, Field, Section, Shell,
        key_revoke::KeyRevokePage,
        keys::{KeyLine, KeysPage, NewKey},
    },
    Sample, field, inside, moment, sample, team,
};

fn shell() -> Shell {
    Shell {
        section: Some(Section::Keys),
        ..inside()
    }
}

fn line(name: &str, by: Option<&str>, is_used: bool) -> KeyLine {
    KeyLine {
        id: format!("id-of-{name}"),
        name: name.to_owned(),
        by: by.map(str::to_owned),
        made: moment("3 Aug 2026, 09:12 UTC", "113 days ago"),
        last_used: is_used.then(|| moment("24 Nov 2026, 10:38 UTC", "2 minutes ago")),
    }
}

pub(super) fn keys() -> Vec<Sample> {
    let page = KeysPage {
        shell: shell(),
        team: team("Platform", "platform"),
        is_revoked: false,
        made: None,
        authority: Authority {
            may_manage: true,
            admins: Vec::new(),
        },
        keys: vec![
            line("billing", Some("Ada Lovelace"), true),
            line(
                "the-importer-with-the-longest-name-that-a-service-may-have-1",
                None,
                false,
            ),
            line("Отчёты", Some("Grace Hopper"), true),
        ],
        name: Field::default(),
    };
    let made = NewKey {
        name: "search".to_owned(),
        key: "tfk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        url: "https://tformance.example.com/api/v1/integrations/jira/token".to_owned(),
    };
    let revoke = KeyRevokePage {
        shell: shell(),
        team: team("Platform", "platform"),
        name: "billing".to_owned(),
        last_used: Some(moment("24 Nov 2026, 10:38 UTC", "2 minutes ago")),
        action: "/a/platform/keys/id/revoke".to_owned(),
    };
    vec![
        sample("keys", &page),
        sample(
            "keys-none",
            &KeysPage {
                keys: Vec::new(),
                ..page.clone()
            },
        ),
        sample(
            "keys-made",
            &KeysPage {
                made: Some(made),
                ..page.clone()
            },
        ),
        sample(
            "keys-revoked",
            &KeysPage {
                is_revoked: true,
                ..page.clone()
            },
        ),
        sample(
            "keys-errors",
            &KeysPage {
                name: field(
                    "billing",
                    Some("A key in force has this name. Choose another, or revoke that key first."),
                ),
                ..page.clone()
            },
        ),
        sample(
            "keys-as-member",
            &KeysPage {
                authority: Authority {
                    may_manage: false,
                    admins: ["Ada Lovelace", "Grace Hopper"].map(str::to_owned).to_vec(),
                },
                ..page
            },
        ),
        sample("key-revoke", &revoke),
        sample(
            "key-revoke-unused",
            &KeyRevokePage {
                last_used: None,
                ..revoke
            },
        ),
    ]
}
