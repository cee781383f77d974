//! The integrations page in every state.

use super::{
    super::view::{
        Authority,
        integrations::{IntegrationsPage, Notice},
        jira_card::{
            Attempt, Choice, Condition, Connected, Death, FailedRead, JiraCard, JiraState, Lapsed,
            Setup, SiteName, TestResult, Trouble, Unknown, WaitsFor,
        },
    },
    Sample, inside, moment, sample, team,
};

pub(super) fn site() -> SiteName {
    SiteName {
        name: "Acme".to_owned(),
        host: "acme.atlassian.net".to_owned(),
        url: Some("https://acme.atlassian.net".to_owned()),
    }
}

pub(super) fn card(jira: JiraState) -> JiraCard {
    JiraCard {
        team: team("Platform", "platform"),
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
        is_own_page: false,
    }
}

pub(super) fn members_card(jira: JiraState) -> JiraCard {
    let admins = vec!["Ada Lovelace".to_owned(), "Grace Hopper".to_owned()];
    JiraCard {
        authority: Authority {
            may_manage: false,
            admins,
        },
        ..card(jira)
    }
}

fn showing(card: JiraCard) -> IntegrationsPage {
    IntegrationsPage {
        shell: inside(),
        team: team("Platform", "platform"),
        notice: None,
        card,
    }
}

fn page(jira: JiraState) -> IntegrationsPage {
    showing(card(jira))
}

fn for_a_member(jira: JiraState) -> IntegrationsPage {
    showing(members_card(jira))
}

pub(super) fn attempt(is_own: bool, kept: bool) -> Attempt {
    Attempt {
        id: "019ab1c2-0000-7000-8000-000000000001".to_owned(),
        by: "Ada Lovelace".to_owned(),
        began: moment("24 Nov 2026, 10:38 UTC", "2 minutes ago"),
        is_own,
        waits_for: None,
        kept_until: kept.then(|| moment("24 Nov 2026, 11:10 UTC", "in 30 minutes")),
    }
}

pub(super) fn choice(is_own: bool) -> JiraState {
    JiraState::ChooseSite(Choice {
        by: "Ada Lovelace".to_owned(),
        is_own,
        until: Some(moment("24 Nov 2026, 11:10 UTC", "in 30 minutes")),
    })
}

pub(super) fn connected() -> JiraState {
    being(Condition::Good)
}

pub(super) fn being(condition: Condition) -> JiraState {
    JiraState::Connected(Connected {
        site: site(),
        by: Some("Ada Lovelace".to_owned()),
        at: Some(moment("24 Nov 2026, 10:40 UTC", "3 days ago")),
        last_refreshed: Some(moment("27 Nov 2026, 08:12 UTC", "12 minutes ago")),
        condition,
    })
}

pub(super) fn lacking(missing: &str) -> JiraState {
    being(Condition::PermissionsMissing(vec![missing.to_owned()]))
}

pub(super) fn renew_soon(is_over: bool) -> JiraState {
    being(Condition::RenewSoon {
        days: 365,
        by: moment(
            "24 Nov 2027, 10:40 UTC",
            if is_over { "2 days ago" } else { "in 28 days" },
        ),
        is_over,
    })
}

fn trouble(failures: u32, is_refused: bool) -> Trouble {
    Trouble {
        is_refused,
        failures,
        since: Some(moment("27 Nov 2026, 08:20 UTC", "4 minutes ago")),
    }
}

pub(super) fn degraded(failures: u32, is_refused: bool) -> JiraState {
    being(Condition::Degraded {
        trouble: trouble(failures, is_refused),
        works_until: moment("27 Nov 2026, 09:12 UTC", "in 48 minutes"),
    })
}

pub(super) fn waiting(failures: u32, is_refused: bool, is_due: bool) -> JiraState {
    being(Condition::Waiting {
        trouble: trouble(failures, is_refused),
        next: (!is_due).then(|| moment("27 Nov 2026, 08:25 UTC", "in 40 seconds")),
    })
}

pub(super) fn misconfigured(is_unreadable: bool, works: bool) -> JiraState {
    being(Condition::Misconfigured {
        is_unreadable,
        works_until: works.then(|| moment("27 Nov 2026, 09:12 UTC", "in 48 minutes")),
    })
}

pub(super) fn site_lost() -> JiraState {
    being(Condition::SiteLost {
        since: Some(moment("27 Nov 2026, 08:12 UTC", "12 minutes ago")),
    })
}

fn beside(waits_for: WaitsFor) -> IntegrationsPage {
    showing(JiraCard {
        attempt: Some(Attempt {
            waits_for: Some(waits_for),
            ..attempt(true, false)
        }),
        ..card(connected())
    })
}

fn after_a_lapse(jira: JiraState) -> IntegrationsPage {
    showing(JiraCard {
        lapsed: Some(Lapsed {
            by: Some("Ada Lovelace".to_owned()),
            began: moment("24 Nov 2026, 10:38 UTC", "3 hours ago"),
        }),
        ..card(jira)
    })
}

pub(super) fn disconnected() -> JiraState {
    JiraState::Disconnected {
        by: Some("Grace Hopper".to_owned()),
        at: Some(moment("24 Nov 2026, 10:40 UTC", "3 days ago")),
    }
}

pub(super) fn reconnect_needed() -> JiraState {
    dead(Death::Revoked)
}

pub(super) fn dead(death: Death) -> JiraState {
    JiraState::ReconnectNeeded {
        site: Some(site()),
        death,
        since: Some(moment("27 Nov 2026, 08:12 UTC", "12 minutes ago")),
    }
}

fn consent_ended(days: u16) -> JiraState {
    dead(Death::ConsentEnded {
        given: Some(moment("24 Nov 2025, 10:40 UTC", "368 days ago")),
        days: Some(days),
    })
}

fn interrupted(began: bool) -> JiraState {
    let at = |known: bool, time| known.then(|| moment(time, "20 minutes ago"));
    dead(Death::Interrupted {
        began: at(began, "27 Nov 2026, 08:02 UTC"),
        found: at(true, "27 Nov 2026, 08:12 UTC"),
    })
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
        state("permissions-missing", lacking("read users")),
        state("renew-soon", renew_soon(false)),
        state("renew-late", renew_soon(true)),
        state("degraded", degraded(3, false)),
        state("degraded-refused", degraded(1, true)),
        state("waiting", waiting(3, false, false)),
        state("waiting-due", waiting(0, false, true)),
        state("waiting-refused", waiting(5, true, false)),
        state("misconfigured", misconfigured(false, true)),
        state("misconfigured-ended", misconfigured(false, false)),
        state("misconfigured-keys", misconfigured(true, false)),
        sample(
            "misconfigured-member",
            &for_a_member(misconfigured(false, true)),
        ),
        state("site-lost", site_lost()),
        sample("connected-choose-site", &beside(WaitsFor::Site)),
        sample("connected-choose-account", &beside(WaitsFor::Account)),
        state("disconnected", disconnected()),
        state("reconnect-needed", reconnect_needed()),
        state("reconnect-idle", dead(Death::IdleExpired)),
        state("reconnect-consent-ended", consent_ended(365)),
        state("reconnect-interrupted", interrupted(true)),
        state("reconnect-interrupted-found", interrupted(false)),
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
        member("member-permissions-missing", lacking("read issues")),
        member("member-renew-soon", renew_soon(false)),
        member("member-degraded", degraded(3, false)),
        member("member-site-lost", site_lost()),
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
            &showing(JiraCard {
                test: Some(test),
                ..card(connected())
            }),
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
            &showing(JiraCard {
                attempt: Some(attempt(true, false)),
                ..card(connected())
            }),
        ),
        sample(
            "reconnect-and-attempt",
            &showing(JiraCard {
                attempt: Some(attempt(true, false)),
                ..card(reconnect_needed())
            }),
        ),
        sample("lapsed", &after_a_lapse(JiraState::NotConnected)),
        sample("connected-and-lapsed", &after_a_lapse(connected())),
        sample(
            "setup",
            &showing(JiraCard {
                setup: Some(setup()),
                ..card(JiraState::NotConnected)
            }),
        ),
        sample(
            "setup-member",
            &showing(JiraCard {
                setup: Some(setup()),
                ..members_card(JiraState::NotConnected)
            }),
        ),
    ]
}
