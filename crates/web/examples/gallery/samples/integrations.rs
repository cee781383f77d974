//! The integrations page in every state.

use super::{
    super::view::{
        Authority,
        integrations::{
            Attempt, Choice, Connected, FailedRead, IntegrationsPage, JiraState, Lapsed, Notice,
            Setup, SiteName, TestResult, Unknown, WaitsFor,
        },
    },
    Sample, inside, moment, sample, team,
};

fn site() -> SiteName {
    SiteName {
        name: "Acme".to_owned(),
        host: "acme.atlassian.net".to_owned(),
        url: Some("https://acme.atlassian.net".to_owned()),
    }
}

fn page(jira: JiraState) -> IntegrationsPage {
    IntegrationsPage {
        shell: inside(),
        team: team("Platform", "platform"),
        notice: None,
        authority: Authority {
            may_manage: true,
            admins: Vec::new(),
        },
        jira,
        attempt: None,
        lapsed: None,
        setup: None,
        test: None,
        services: Vec::new(),
    }
}

fn for_a_member(jira: JiraState) -> IntegrationsPage {
    let admins = vec!["Ada Lovelace".to_owned(), "Grace Hopper".to_owned()];
    IntegrationsPage {
        authority: Authority {
            may_manage: false,
            admins,
        },
        ..page(jira)
    }
}

fn attempt(is_own: bool, kept: bool) -> Attempt {
    Attempt {
        id: "019ab1c2-0000-7000-8000-000000000001".to_owned(),
        by: "Ada Lovelace".to_owned(),
        began: moment("24 Nov 2026, 10:38 UTC", "2 minutes ago"),
        is_own,
        waits_for: None,
        kept_until: kept.then(|| moment("24 Nov 2026, 11:10 UTC", "in 30 minutes")),
    }
}

fn choice(is_own: bool) -> JiraState {
    JiraState::ChooseSite(Choice {
        by: "Ada Lovelace".to_owned(),
        is_own,
        until: Some(moment("24 Nov 2026, 11:10 UTC", "in 30 minutes")),
    })
}

fn connected() -> JiraState {
    lacking(&[])
}

fn lacking(missing: &[&str]) -> JiraState {
    JiraState::Connected(Connected {
        site: site(),
        by: Some("Ada Lovelace".to_owned()),
        at: Some(moment("24 Nov 2026, 10:40 UTC", "3 days ago")),
        last_refreshed: Some(moment("27 Nov 2026, 08:12 UTC", "12 minutes ago")),
        missing: missing.iter().map(|it| (*it).to_owned()).collect(),
    })
}

fn beside(waits_for: WaitsFor) -> IntegrationsPage {
    IntegrationsPage {
        attempt: Some(Attempt {
            waits_for: Some(waits_for),
            ..attempt(true, false)
        }),
        ..page(connected())
    }
}

fn after_a_lapse(jira: JiraState) -> IntegrationsPage {
    IntegrationsPage {
        lapsed: Some(Lapsed {
            by: Some("Ada Lovelace".to_owned()),
            began: moment("24 Nov 2026, 10:38 UTC", "3 hours ago"),
        }),
        ..page(jira)
    }
}

fn disconnected() -> JiraState {
    JiraState::Disconnected {
        by: Some("Grace Hopper".to_owned()),
        at: Some(moment("24 Nov 2026, 10:40 UTC", "3 days ago")),
    }
}

fn reconnect_needed() -> JiraState {
    JiraState::ReconnectNeeded {
        site: Some(site()),
        reason: "Atlassian no longer accepts this connection. Usual causes: the password of the \
                 Atlassian account was changed, access was removed in the Atlassian profile, or \
                 the consent is more than a year old."
            .to_owned(),
        since: Some(moment("27 Nov 2026, 08:12 UTC", "12 minutes ago")),
    }
}

fn setup() -> Setup {
    let redirect_uri = "https://tformance.example.com/integrations/jira/callback".to_owned();
    Setup { redirect_uri }
}

pub(super) fn states() -> Vec<Sample> {
    let state = |name, jira| sample(name, &page(jira));
    let member = |name, jira| sample(name, &for_a_member(jira));
    vec![
        state("not-connected", JiraState::NotConnected),
        state(
            "connecting-own",
            JiraState::Connecting(attempt(true, false)),
        ),
        state(
            "connecting-other",
            JiraState::Connecting(attempt(false, false)),
        ),
        state(
            "connecting-try-again",
            JiraState::Connecting(attempt(true, true)),
        ),
        state("choose-site-own", choice(true)),
        state("choose-site-other", choice(false)),
        state("connected", connected()),
        state("permissions-missing", lacking(&["read users"])),
        sample("connected-choose-site", &beside(WaitsFor::Site)),
        sample("connected-choose-account", &beside(WaitsFor::Account)),
        state("disconnected", disconnected()),
        state("reconnect-needed", reconnect_needed()),
        state(
            "unknown",
            JiraState::Unknown(Unknown {
                failed: Some(FailedRead {
                    code: "store_unavailable".to_owned(),
                    reference: "019ab1c2-5d1e-7000-8000-000000000001".to_owned(),
                }),
            }),
        ),
        member("member-not-connected", JiraState::NotConnected),
        member(
            "member-connecting",
            JiraState::Connecting(attempt(false, false)),
        ),
        member("member-choose-site", choice(false)),
        member("member-connected", connected()),
        member("member-disconnected", disconnected()),
        member("member-reconnect-needed", reconnect_needed()),
    ]
}

pub(super) fn told() -> Vec<Sample> {
    let told = |name, notice, jira| {
        sample(
            name,
            &IntegrationsPage {
                notice: Some(notice),
                ..page(jira)
            },
        )
    };
    let tested = |name, test| {
        sample(
            name,
            &IntegrationsPage {
                test: Some(test),
                ..page(connected())
            },
        )
    };
    let acme = || "Acme".to_owned();
    vec![
        told(
            "told-connected",
            Notice::Connected {
                site: acme(),
                only_site: false,
            },
            connected(),
        ),
        told(
            "told-only-site",
            Notice::Connected {
                site: acme(),
                only_site: true,
            },
            connected(),
        ),
        told(
            "told-already",
            Notice::AlreadyConnected { site: acme() },
            connected(),
        ),
        told(
            "told-disconnected",
            Notice::Disconnected { site: Some(acme()) },
            disconnected(),
        ),
        told("told-cancelled", Notice::Cancelled, JiraState::NotConnected),
        told("told-discarded", Notice::Discarded, JiraState::NotConnected),
        tested(
            "test-works",
            TestResult::Works {
                account: Some("Ada Lovelace".to_owned()),
                took_ms: 182,
            },
        ),
        tested(
            "test-failed",
            TestResult::Failed {
                text: "Atlassian did not answer. Nothing was changed; try again in a minute."
                    .to_owned(),
                code: "provider_unavailable".to_owned(),
                reference: "019ab1c2-5d1e-7000-8000-000000000001".to_owned(),
            },
        ),
        sample(
            "connected-and-attempt",
            &IntegrationsPage {
                attempt: Some(attempt(true, false)),
                ..page(connected())
            },
        ),
        sample(
            "reconnect-and-attempt",
            &IntegrationsPage {
                attempt: Some(attempt(true, false)),
                ..page(reconnect_needed())
            },
        ),
        sample("lapsed", &after_a_lapse(JiraState::NotConnected)),
        sample("connected-and-lapsed", &after_a_lapse(connected())),
        sample(
            "setup",
            &IntegrationsPage {
                setup: Some(setup()),
                ..page(JiraState::NotConnected)
            },
        ),
        sample(
            "setup-member",
            &IntegrationsPage {
                setup: Some(setup()),
                ..for_a_member(JiraState::NotConnected)
            },
        ),
    ]
}
