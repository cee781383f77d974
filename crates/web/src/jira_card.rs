//! From what was read of a connection to what is shown of it.

use axum::http::StatusCode;
use domain::{
    attempt::{AttemptOutcome, ConnectAttempt},
    credential::{IntegrationCredential, RevocationReason},
    jira::Site,
    permission::Action,
    state::{ConnectionState, Reason},
};
use jiff::Timestamp;
use service::{overview::JiraOverview, surroundings::Surroundings, who::Member};

use crate::{
    App,
    moment::moment,
    problem::Problem,
    shell,
    view::{
        Authority,
        jira_card::{
            Attempt, Choice, Condition, Connected, Death, FailedRead, JiraCard, JiraState, Lapsed,
            Setup, SiteName, TestResult, Trouble, Unknown, WaitsFor,
        },
    },
};

/// The card, and the status of a page that it is the matter of.
pub(crate) fn jira_card(
    app: &App,
    member: &Member,
    around: Surroundings,
    reference: &str,
    test: Option<TestResult>,
) -> (StatusCode, JiraCard) {
    let now = app.services.env.now();
    let authority = authority(member, &around);
    let (status, jira, overview) = match around.jira {
        Ok(overview) => (StatusCode::OK, state(&overview, now), Some(overview)),
        // Unknown is not "disconnected": the page says so and offers nothing to press.
        Err(err) => {
            let problem = Problem::from(err);
            let failed = FailedRead {
                code: problem.code().to_owned(),
                reference: reference.to_owned(),
            };
            let unknown = JiraState::Unknown(Unknown {
                failed: Some(failed),
            });
            (problem.status(), unknown, None)
        }
    };
    let beside = overview.as_ref().filter(|it| is_attempt_news(it));
    let card = JiraCard {
        team: shell::link(member.team()),
        authority,
        attempt: beside.and_then(|it| it.attempt.as_ref().map(|found| attempt(it, found, now))),
        lapsed: overview.as_ref().and_then(|it| {
            let lapsed = it.lapsed.as_ref()?;
            Some(Lapsed {
                by: lapsed.by.as_ref().map(ToString::to_string),
                began: moment(lapsed.began_at, now),
            })
        }),
        setup: overview
            .as_ref()
            .is_some_and(|it| !it.is_set_up)
            .then(|| Setup {
                redirect_uri: app.settings.redirect_uri().into(),
            }),
        jira,
        test,
        services: overview.as_ref().map(services).unwrap_or_default(),
        is_own_page: false,
    };
    (status, card)
}

/// Who may manage the connection, and whom to ask.
pub(crate) fn authority(member: &Member, around: &Surroundings) -> Authority {
    let may_manage = member.may(Action::ManageIntegrations);
    let admins = around.admins.iter().filter(|_| !may_manage);
    Authority {
        may_manage,
        admins: admins.map(ToString::to_string).collect(),
    }
}

/// The names of the services that rely on the connection.
pub(crate) fn services(overview: &JiraOverview) -> Vec<String> {
    let services = overview.services.iter();
    services.map(ToString::to_string).collect()
}

/// Whether the trip under way is worth telling beside the connection: not one that was given up for
/// another, by which the connection was then made.
fn is_attempt_news(overview: &JiraOverview) -> bool {
    let consented_at = overview.credential.as_ref().and_then(|it| it.consented_at);
    let is_later = overview
        .attempt
        .as_ref()
        .is_some_and(|it| it.grant.is_some() || consented_at.is_none_or(|at| it.created_at > at));
    is_later
        && (overview.assessment.state.has_grant()
            || overview.assessment.state == ConnectionState::ReconnectNeeded)
}

fn state(overview: &JiraOverview, now: Timestamp) -> JiraState {
    let credential = overview.credential.as_ref();
    let name = |it: &Option<_>| it.as_ref().map(ToString::to_string);
    let when = |at: Option<Timestamp>| at.map(|it| moment(it, now));
    match (overview.assessment.state, &overview.attempt) {
        (state, _) if state.has_grant() => {
            match &overview.site {
                Some(site) => JiraState::Connected(Connected {
                    site: site_name(site),
                    by: connected_by(overview),
                    at: when(credential.and_then(|it| it.consented_at)),
                    last_refreshed: when(credential.and_then(|it| it.last_refreshed_at)),
                    condition: condition(overview, now),
                }),
                // Written in one transaction: a credential without a site is not ours to explain away.
                None => JiraState::Unknown(Unknown { failed: None }),
            }
        }
        (ConnectionState::ReconnectNeeded, _) => JiraState::ReconnectNeeded {
            site: overview.site.as_ref().map(site_name),
            death: death(overview, now),
            since: when(credential.and_then(|it| it.revoked_at)),
        },
        (ConnectionState::ChooseSite, Some(found)) => JiraState::ChooseSite(Choice {
            by: by(overview),
            is_own: overview.is_own_attempt,
            until: when(found.grant.as_ref().map(|it| it.erase_at)),
        }),
        (ConnectionState::Connecting, Some(found)) => {
            JiraState::Connecting(attempt(overview, found, now))
        }
        (ConnectionState::Disconnected, _) => JiraState::Disconnected {
            by: name(&overview.disconnected_by),
            at: when(credential.and_then(|it| it.disconnected_at)),
        },
        _ => JiraState::NotConnected,
    }
}

/// How a connection is that has a grant.
fn condition(overview: &JiraOverview, now: Timestamp) -> Condition {
    let credential = overview.credential.as_ref();
    let told = &overview.assessment;
    let when = |at: Option<Timestamp>| at.map(|it| moment(it, now));
    let tokens = credential.and_then(|it| it.tokens.as_ref());
    let ends_at = tokens.map(|it| it.access_expires_at);
    let failures = credential.map_or(0, |it| it.consecutive_failures);
    let own = credential.and_then(|it| it.schedule.failing_since);
    let of_all = overview.provider.as_ref().and_then(|it| it.failing_since);
    let trouble = Trouble {
        is_refused: told.reason == Some(Reason::ProviderUnexpected),
        failures,
        since: when(if failures == 0 { of_all } else { own }),
    };
    match told.state {
        ConnectionState::Misconfigured => {
            let is_unreadable = told.reason == Some(Reason::TokensUnreadable);
            let is_served = |it: &Timestamp| !is_unreadable && *it > now;
            Condition::Misconfigured {
                is_unreadable,
                works_until: when(ends_at.filter(is_served)),
            }
        }
        ConnectionState::SiteLost => Condition::SiteLost {
            since: when(overview.site_lost_at),
        },
        ConnectionState::PermissionsMissing => {
            Condition::PermissionsMissing(credential.map(missing).unwrap_or_default())
        }
        ConnectionState::Waiting => Condition::Waiting {
            trouble,
            next: when(told.next_attempt_at.filter(|it| *it > now)),
        },
        ConnectionState::Degraded => Condition::Degraded {
            trouble,
            works_until: moment(ends_at.unwrap_or(now), now),
        },
        ConnectionState::RenewSoon => {
            let ends_at = told.consent_ends_at.unwrap_or(now);
            Condition::RenewSoon {
                days: overview.consent_lifetime_days.unwrap_or_default(),
                by: moment(ends_at, now),
                is_over: ends_at <= now,
            }
        }
        _ => Condition::Good,
    }
}

/// Why the grant is dead.
pub(crate) fn death(overview: &JiraOverview, now: Timestamp) -> Death {
    let credential = overview.credential.as_ref();
    let when = |at: Option<Timestamp>| at.map(|it| moment(it, now));
    match overview.assessment.reason {
        Some(Reason::Grant(RevocationReason::GrantIdleExpired)) => Death::IdleExpired,
        Some(Reason::Grant(RevocationReason::GrantConsentEnded)) => Death::ConsentEnded {
            given: when(credential.and_then(|it| it.consented_at)),
            days: overview.consent_lifetime_days,
        },
        Some(Reason::Grant(RevocationReason::RefreshInterrupted)) => Death::Interrupted {
            began: when(credential.and_then(|it| it.schedule.started_at)),
            found: when(credential.and_then(|it| it.revoked_at)),
        },
        _ => Death::Revoked,
    }
}

fn attempt(overview: &JiraOverview, found: &ConnectAttempt, now: Timestamp) -> Attempt {
    let kept = found.grant.as_ref().filter(|_| overview.can_try_again());
    Attempt {
        id: found.id.to_string(),
        by: by(overview),
        began: moment(found.created_at, now),
        is_own: overview.is_own_attempt,
        waits_for: found.grant.as_ref().and(match found.outcome {
            Some(AttemptOutcome::ChooseSite) => Some(WaitsFor::Site),
            Some(AttemptOutcome::ChooseAccount) => Some(WaitsFor::Account),
            _ => None,
        }),
        kept_until: kept.map(|it| moment(it.erase_at, now)),
    }
}

/// Permissions that were asked for and not granted, in words.
pub(crate) fn missing(credential: &IntegrationCredential) -> Vec<String> {
    let words = |scope| match scope {
        "read:jira-work" => "read issues",
        "read:jira-user" => "read users",
        other => other,
    };
    let missing = credential.scopes.missing();
    missing.map(|it| words(it).to_owned()).collect()
}

fn by(overview: &JiraOverview) -> String {
    overview
        .attempt_by
        .as_ref()
        .map_or_else(|| "Somebody".to_owned(), ToString::to_string)
}

/// Who connected, and whether that is somebody who is in the team no more: the connection stays, and
/// somebody else can take it over.
pub(crate) fn connected_by(overview: &JiraOverview) -> Option<String> {
    overview.credential.as_ref()?.consented_at?;
    Some(match &overview.connected_by {
        Some(name) if overview.connected_by_is_member => name.to_string(),
        Some(name) => format!("{name}, a former member,"),
        None => "a former member".to_owned(),
    })
}

pub(crate) fn site_name(site: &Site) -> SiteName {
    let url = site.url.as_str();
    SiteName {
        name: site.name.to_string(),
        host: site.url.host().to_owned(),
        url: url.starts_with("https://").then(|| url.to_owned()),
    }
}
