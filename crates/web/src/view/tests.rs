//! Every page in every state, and names that want to be markup.

use std::{collections::HashSet, fs, path::Path};

use askama::Template as _;

use crate::view::{
    self, Authority, Shell, TeamLink,
    disconnect::DisconnectPage,
    integrations::IntegrationsPage,
    jira_card::{Attempt, Condition, Connected, JiraCard, JiraState, SiteName},
    sites::{SiteChoice, SitesPage},
};

#[path = "../../examples/gallery"]
mod gallery {
    use crate::{description, problem, view};

    pub(super) mod samples;
}

use gallery::samples;

mod states;

/// What stands between `before` and the next `after`, each time.
fn all_between<'a>(html: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let pieces = html.split(before).skip(1);
    pieces.map(|it| it.split(after).next().unwrap()).collect()
}

fn for_each_sample(check: impl Fn(&str, &str)) {
    for (name, html) in samples::all() {
        check(name, &html.unwrap());
    }
}

fn sample(wanted: &str) -> String {
    let found = samples::all().into_iter().find(|(name, _)| *name == wanted);
    found.unwrap().1.unwrap()
}

/// The text as a person reads it.
fn text(html: &str) -> String {
    let main = html.split("<main").nth(1).unwrap();
    let pieces = main
        .split('<')
        .map(|it| it.split_once('>').map_or("", |(_, text)| text));
    pieces
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn every_page_has_language_title_and_one_heading() {
    for_each_sample(|name, html| {
        assert!(html.starts_with("<!doctype html>"), "{name}");
        assert!(html.contains(r#"<html lang="en">"#), "{name}");
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        assert_eq!(html.matches("<main ").count(), 1, "{name}");
        let titles = all_between(html, "<title>", "</title>");
        assert_eq!(titles.len(), 1, "{name}");
        assert!(titles[0].ends_with(" — Tformance"), "{name}: {}", titles[0]);
    });
}

#[test]
fn a_title_says_error_where_there_is_one() {
    for_each_sample(|name, html| {
        let has_error = name.ends_with("-errors")
            || name.ends_with("-error")
            || [
                "signup-taken",
                "login-empty",
                "account-question",
                "account-question-nameless",
                "unknown",
            ]
            .contains(&name)
            || (name.starts_with("problem-") && !html.contains("<dd>200</dd>"));
        assert_eq!(html.contains("<title>Error: "), has_error, "{name}");
    });
}

#[test]
fn ids_are_unique_and_what_refers_to_them_finds_them() {
    for_each_sample(|name, html| {
        let mut ids = HashSet::new();
        for id in all_between(html, " id=\"", "\"") {
            assert!(ids.insert(id), "{name}: {id} twice");
        }
        for attribute in [
            " for=\"",
            " form=\"",
            "describedby=\"",
            "labelledby=\"",
            "href=\"#",
            "data-dialog=\"",
        ] {
            for id in all_between(html, attribute, "\"")
                .iter()
                .flat_map(|it| it.split(' '))
            {
                assert!(ids.contains(id), "{name}: nothing has the id {id}");
            }
        }
    });
}

#[test]
fn nothing_comes_from_elsewhere_or_stands_inline() {
    for_each_sample(|name, html| {
        let lower = html.to_lowercase();
        for forbidden in [
            " style=",
            "<style",
            "javascript:",
            "<img",
            "<iframe",
            "<link rel=\"pre",
        ] {
            assert!(!lower.contains(forbidden), "{name}: {forbidden}");
        }
        assert!(
            html.contains(r#"<script src="app.js" defer></script>"#),
            "{name}"
        );
        assert_eq!(lower.matches("<script").count(), 1, "{name}");
        for attribute in all_between(&lower, " on", "=") {
            let is_name = attribute.chars().all(|it| it.is_ascii_lowercase());
            assert!(!is_name || attribute.is_empty(), "{name}: on{attribute}");
        }
    });
    let css = include_str!("../../assets/app.css");
    assert!(!css.contains("url(") && !css.contains("@import"));
}

#[test]
fn templates_switch_no_escaping_off() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut seen = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let template = fs::read_to_string(&path).unwrap();
        for forbidden in [
            "|safe",
            "| safe",
            "escape(\"none\")",
            "<style",
            " style=",
            "<script>",
        ] {
            assert!(
                !template.contains(forbidden),
                "{}: {forbidden}",
                path.display()
            );
        }
        seen += 1;
    }
    assert!(seen > 8);
}

#[test]
fn a_first_visit_stays_below_40_kilobytes() {
    let css = include_str!("../../assets/app.css").len();
    let js = include_str!("../../assets/app.js").len();
    let icon = include_str!("../../assets/favicon.svg").len();
    assert!(css <= 23 * 1024, "{css}");
    assert!(js <= 5 * 1024, "{js}");
    for_each_sample(|name, html| {
        // What is known of a connection, and what there is for programs, has a limit of its own; nobody sees it first.
        if name.contains("health-") || name.starts_with("api-") || name.starts_with("keys") {
            assert!(html.len() < 60_000, "{name}: {}", html.len());
            return;
        }
        let bytes = html.len() + css + js + icon;
        assert!(bytes <= 40_000, "{name}: {bytes}");
    });
}

#[test]
fn each_state_is_told_in_words() {
    let check = |name: &str, expected: &[&str]| {
        let text = text(&sample(name));
        for it in expected {
            assert!(text.contains(it), "{name} does not say {it:?}: {text}");
        }
    };
    check(
        "not-connected",
        &[
            "Jira Not connected No Jira site connected",
            "Connect Jira so that your services can read issues for Platform.",
            "You will go to Atlassian, sign in, and allow: read issues, read users, stay connected.",
        ],
    );
    check(
        "connecting-own",
        &[
            "Jira Connecting Ada Lovelace went to Atlassian 2 minutes ago and has not come back.",
            "Continue",
            "Saw an error at Atlassian?",
        ],
    );
    check(
        "connecting-try-again",
        &[
            "Try again",
            "kept until 24 Nov 2026, 11:10 UTC (in 30 minutes)",
        ],
    );
    check("choose-site-own", &["Choose a site", "Cancel"]);
    check(
        "lapsed",
        &[
            "Jira Not connected",
            "Ada Lovelace went to Atlassian on 24 Nov 2026, 10:38 UTC (3 hours ago) and did not come back.",
            "Saw an error at Atlassian?",
        ],
    );
    check(
        "connected",
        &[
            "Jira Connected A Acme acme.atlassian.net Connected by Ada Lovelace on 24 Nov 2026, \
             10:40 UTC · last refreshed 12 minutes ago",
            "Test connection",
            "Disconnect",
        ],
    );
    check(
        "disconnected",
        &["Disconnected by Grace Hopper on 24 Nov 2026, 10:40 UTC. Tokens erased."],
    );
    check(
        "reconnect-needed",
        &[
            "Reconnect needed",
            "Atlassian no longer accepts this connection.",
            "Your services cannot read issues since 27 Nov 2026, 08:12 UTC (12 minutes ago).",
        ],
    );
    check(
        "reconnect-idle",
        &[
            "because it was not refreshed for more than 90 days",
            "Reconnect once",
        ],
    );
    check(
        "reconnect-consent-ended",
        &["its consent, given on 24 Nov 2025, 10:40 UTC, is more than 365 days old."],
    );
    check(
        "reconnect-interrupted",
        &[
            "A refresh that began at 27 Nov 2026, 08:02 UTC was interrupted",
            "Reconnect once",
        ],
    );
    check(
        "reconnect-interrupted-found",
        &[
            "A refresh was interrupted",
            "as we learned at 27 Nov 2026, 08:12 UTC.",
        ],
    );
    check("unknown", &["State unknown", "We could not load the state"]);
    check(
        "told-only-site",
        &["It is the only Jira site that your Atlassian account can reach"],
    );
    check(
        "setup",
        &[
            "with exactly this callback URL",
            "JIRA_CLIENT_ID",
            "Sharing",
        ],
    );
}

#[test]
fn an_unknown_state_offers_nothing_to_press() {
    let html = sample("unknown");
    assert!(!html.contains("integrations/jira/connect"));
    assert!(!html.contains("integrations/jira/disconnect"));
}

#[test]
fn who_may_not_act_sees_the_button_disabled_with_the_reason() {
    for_each_sample(|name, html| {
        if name.starts_with("member-") {
            assert!(
                html.contains(r#" disabled aria-describedby="admins">"#),
                "{name}"
            );
            assert!(html.contains("Only team admins can "), "{name}");
            assert!(
                html.contains("Admins: Ada Lovelace, Grace Hopper."),
                "{name}"
            );
            assert!(
                !html.contains("action=\"/a/platform/integrations/"),
                "{name}"
            );
            assert!(!html.contains("integrations/jira/sites"), "{name}");
        }
    });
}

#[test]
fn a_card_has_at_most_one_primary_button() {
    for_each_sample(|name, html| {
        let primary = all_between(html, "class=\"", "\"")
            .iter()
            .filter(|it| it.contains("primary"))
            .count();
        assert!(primary <= 1, "{name}: {primary}");
    });
}

#[test]
fn only_its_own_person_goes_on_with_an_attempt() {
    assert!(sample("connecting-own").contains(r#"name="attempt""#));
    assert!(!sample("connecting-other").contains(r#"name="attempt""#));
    assert!(sample("connected-and-attempt").contains("and has not come back"));
}

#[test]
fn while_the_server_is_not_set_up_nobody_is_sent_to_atlassian() {
    for name in ["setup", "setup-member"] {
        assert!(
            !sample(name).contains("integrations/jira/connect"),
            "{name}"
        );
    }
}

#[test]
fn the_picker_preselects_nothing_and_filters_long_lists() {
    let html = sample("sites");
    assert!(!html.contains(" checked"));
    assert!(!html.contains("data-filter"));
    assert!(html.contains("already used by team Mobile"));
    assert!(sample("sites-many").contains("data-filter=\"sites\" hidden"));
    assert!(sample("sites-error").contains(r##"<a href="#site-0">Choose a site</a>"##));
}

#[test]
fn names_are_text_whatever_they_contain() {
    const NAME: &str = "<script>alert(1)</script>\"'&";
    let name = || NAME.to_owned();
    let team = || TeamLink {
        name: name(),
        slug: "team".to_owned(),
    };
    let shell = || Shell {
        user_name: Some(name()),
        team: Some(team()),
        teams: vec![team()],
        ..Shell::default()
    };
    let moment = || view::Moment {
        iso: name(),
        absolute: name(),
        relative: name(),
    };
    let site = SiteName {
        name: name(),
        host: name(),
        url: Some(name()),
    };
    let attempt = Attempt {
        id: name(),
        by: name(),
        began: moment(),
        is_own: true,
        waits_for: None,
        kept_until: None,
    };
    let connected = Connected {
        site,
        by: Some(name()),
        at: Some(moment()),
        last_refreshed: None,
        condition: Condition::PermissionsMissing(vec![name()]),
    };
    let integrations = IntegrationsPage {
        shell: shell(),
        team: team(),
        notice: Some(view::integrations::Notice::Connected {
            site: name(),
            only_site: false,
        }),
        card: JiraCard {
            team: team(),
            authority: Authority {
                may_manage: true,
                admins: vec![name()],
            },
            jira: JiraState::Connected(connected),
            attempt: Some(attempt),
            lapsed: Some(view::jira_card::Lapsed {
                by: Some(name()),
                began: moment(),
            }),
            setup: None,
            test: None,
            services: vec![name(), name()],
            is_own_page: false,
        },
    };
    let choice = SiteChoice {
        cloud_id: name(),
        name: name(),
        host: name(),
        used_by: vec![name()],
        missing: Some(name()),
    };
    let sites = SitesPage {
        shell: shell(),
        team: team(),
        account: Some(name()),
        sites: vec![choice],
        until: Some(moment()),
        current: None,
        services: Vec::new(),
        error: Some(name()),
    };
    let disconnect = DisconnectPage {
        shell: shell(),
        team: team(),
        site: name(),
        services: vec![name()],
    };
    for html in [integrations.render(), sites.render(), disconnect.render()] {
        let html = html.unwrap();
        assert!(!html.contains("<script>"), "{html}");
        assert!(!html.contains("\"'&"), "{html}");
        assert!(
            html.contains("&#60;script&#62;alert(1)&#60;/script&#62;"),
            "{html}"
        );
    }
}

#[test]
fn names_are_listed_as_people_do() {
    let list =
        |names: &[&str]| view::list(&names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
    assert_eq!(list(&[]), "");
    assert_eq!(list(&["a"]), "a");
    assert_eq!(list(&["a", "b"]), "a and b");
    assert_eq!(list(&["a", "b", "c"]), "a, b and c");
}

/// The codes in our own source: what stands between quotes, in one case, with a low line.
fn codes(source: &str) -> Vec<&str> {
    let quoted = source.split('"').skip(1).step_by(2);
    let is_code = |it: &&str| {
        it.contains('_')
            && (it.bytes().all(|it| it.is_ascii_uppercase() || it == b'_')
                || it.bytes().all(|it| it.is_ascii_lowercase() || it == b'_'))
    };
    quoted.filter(is_code).collect()
}

#[test]
fn each_coded_page_is_in_the_gallery() {
    let pages: Vec<String> = samples::all().into_iter().map(|it| it.1.unwrap()).collect();
    let mut seen = 0;
    for source in [
        include_str!("../problem.rs"),
        include_str!("../problem/people.rs"),
        include_str!("../problem/refusals.rs"),
    ] {
        // It leads to the sign-in page and has no page of its own.
        for code in codes(source)
            .into_iter()
            .filter(|it| *it != "sign_in_required")
        {
            let shown = format!("<code>{code}</code>");
            assert!(pages.iter().any(|it| it.contains(&shown)), "{code}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}
