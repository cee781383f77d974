//! The keys of services.

use super::{
    super::view::{
        Authority, Field, Section, Shell,
        key_revoke::KeyRevokePage,
        keys::{KeyEnd, KeyFields, KeyLine, KeyPin, KeySite, KeysPage, NewKey, Trial},
        quickstarts::QuickStarts,
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
        rights: "May do everything".to_owned(),
        pin: None,
        by: by.map(str::to_owned),
        made: moment("3 Aug 2026, 09:12 UTC", "113 days ago"),
        last_used: is_used.then(|| moment("24 Nov 2026, 10:38 UTC", "2 minutes ago")),
        end: None,
        is_being_replaced: false,
        may_rotate: true,
    }
}

fn form() -> KeyFields {
    KeyFields {
        rights: "everything".to_owned(),
        lasting: "never".to_owned(),
        ..KeyFields::default()
    }
}

fn site() -> KeySite {
    KeySite {
        cloud_id: "1324a887-45db-1bf4-1e99-ef0ff456d421".to_owned(),
        name: "Acme".to_owned(),
        host: "acme.atlassian.net".to_owned(),
        is_pinned: false,
    }
}

fn page() -> KeysPage {
    KeysPage {
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
        form: form(),
        quick_starts: QuickStarts {
            url: "https://tformance.example.com".to_owned(),
            key: None,
        },
    }
}

/// Keys that may not do everything, that end, and that are being replaced.
fn narrow() -> Vec<KeyLine> {
    let soon = KeyEnd::Soon(moment("29 Nov 2026, 00:00 UTC", "in 4 days"));
    let pin = |site: &str, is_elsewhere| {
        Some(KeyPin {
            site: site.to_owned(),
            is_elsewhere,
        })
    };
    vec![
        KeyLine {
            is_being_replaced: true,
            may_rotate: false,
            end: Some(soon),
            ..line("billing", Some("Ada Lovelace"), true)
        },
        KeyLine {
            may_rotate: false,
            made: moment("24 Nov 2026, 10:00 UTC", "40 minutes ago"),
            end: Some(KeyEnd::Later(moment("22 Feb 2027, 10:00 UTC", "in 90 days"))),
            ..line("billing", Some("Ada Lovelace"), false)
        },
        KeyLine {
            rights: "May ask for the status and GET and POST /rest/api/3/issue, /rest/api/3/search/jql, \
                     /rest/api/3/project and 4 others"
                .to_owned(),
            ..line("importer", None, true)
        },
        KeyLine {
            rights: "May read issues".to_owned(),
            pin: pin("Acme", false),
            end: Some(KeyEnd::Past(moment("22 Nov 2026, 00:00 UTC", "3 days ago"))),
            ..line("reports", Some("Grace Hopper"), true)
        },
        KeyLine {
            rights: "May read everything".to_owned(),
            pin: pin("7a1c7a4e-0b6f-4d28-a2a1-5a2f6f0a9d11", true),
            ..line("search", Some("Grace Hopper"), true)
        },
    ]
}

/// The form with everything chosen by hand, and with mistakes.
fn chosen(error: impl Fn(&str) -> Option<String>) -> KeyFields {
    let words = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
    KeyFields {
        name: Field {
            value: "importer".to_owned(),
            error: error("A key has this name. Choose another, or rotate or revoke that key."),
        },
        rights: "chosen".to_owned(),
        rights_error: error("Choose at least one call."),
        may: words(&["status", "proxy"]),
        methods: words(&["GET"]),
        paths: Field {
            value: "/rest/api/3/issue\nrest/api/3/project".to_owned(),
            error: error("Path 2 is not of the form /rest/api/3/issue."),
        },
        lasting: "until".to_owned(),
        until: Field {
            value: "2026-01-31".to_owned(),
            error: error("The last day has passed."),
        },
        site: Some(KeySite {
            is_pinned: true,
            ..site()
        }),
    }
}

fn made(name: &str, is_for_token: bool, is_second: bool) -> NewKey {
    let url = "https://tformance.example.com/api/v1/integrations/jira";
    let (what, url) = if is_for_token {
        ("ask for a token", format!("{url}/token"))
    } else {
        (
            "ask Jira who you are",
            format!("{url}/proxy/rest/api/3/myself"),
        )
    };
    NewKey {
        name: name.to_owned(),
        key: "tfk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2c7uEg".to_owned(),
        is_second,
        trial: Some(Trial {
            what,
            is_post: is_for_token,
            url,
        }),
    }
}

pub(super) fn keys() -> Vec<Sample> {
    let made_as = |made: NewKey| KeysPage {
        quick_starts: QuickStarts {
            key: Some(made.key.clone()),
            ..page().quick_starts
        },
        made: Some(made),
        ..page()
    };
    let with_form = |form| KeysPage { form, ..page() };
    let as_member = KeysPage {
        authority: Authority {
            may_manage: false,
            admins: ["Ada Lovelace", "Grace Hopper"].map(str::to_owned).to_vec(),
        },
        keys: narrow(),
        ..page()
    };
    let none = KeysPage {
        keys: Vec::new(),
        ..page()
    };
    let revoked = KeysPage {
        is_revoked: true,
        ..page()
    };
    let narrow = KeysPage {
        keys: narrow(),
        form: KeyFields {
            site: Some(site()),
            ..form()
        },
        ..page()
    };
    let without_trial = NewKey {
        trial: None,
        ..made("importer", false, false)
    };
    let one_error = KeyFields {
        name: field(
            "billing",
            Some("A key has this name. Choose another, or rotate or revoke that key."),
        ),
        ..form()
    };
    let mut all = vec![
        sample("keys", &page()),
        sample("keys-none", &none),
        sample("keys-narrow", &narrow),
        sample("keys-made", &made_as(made("search", true, false))),
        sample("keys-made-to-read", &made_as(made("reports", false, false))),
        sample("keys-made-without-trial", &made_as(without_trial)),
        sample("keys-rotated", &made_as(made("billing", true, true))),
        sample("keys-revoked", &revoked),
        sample("keys-chosen", &with_form(chosen(|_| None))),
        sample("keys-errors", &with_form(one_error)),
        sample(
            "keys-chosen-errors",
            &with_form(chosen(|it| Some(it.to_owned()))),
        ),
        sample("keys-as-member", &as_member),
    ];
    all.extend(revoking());
    all
}

fn revoking() -> [Sample; 4] {
    let page = KeyRevokePage {
        shell: shell(),
        team: team("Platform", "platform"),
        name: "billing".to_owned(),
        made: moment("3 Aug 2026, 09:12 UTC", "113 days ago"),
        has_ended: false,
        is_one_of_two: false,
        other: None,
        last_used: Some(moment("24 Nov 2026, 10:38 UTC", "2 minutes ago")),
        action: "/a/platform/keys/id/revoke".to_owned(),
    };
    let ended = KeyRevokePage {
        has_ended: true,
        is_one_of_two: true,
        ..page.clone()
    };
    let replaced = KeyRevokePage {
        is_one_of_two: true,
        other: Some("newer"),
        ..page.clone()
    };
    let unused = KeyRevokePage {
        last_used: None,
        ..page.clone()
    };
    [
        sample("key-revoke", &page),
        sample("key-revoke-ended", &ended),
        sample("key-revoke-replaced", &replaced),
        sample("key-revoke-unused", &unused),
    ]
}
