//! What every page of a team says while its connection needs people: from facts, never from an incident's row.

use domain::{credential::IntegrationCredential, incident::IncidentKind};
use jiff::Timestamp;
use service::{overview::JiraOverview, surroundings::Surroundings, who::Member};

use crate::{
    App,
    jira_card::{authority, death, missing, services},
    moment::moment,
    view::{
        self,
        banner::{Banner, BannerAction, Hit},
        jira_card::Death,
    },
};

/// The banner; none while nobody is needed, and where that is not known.
pub(crate) fn banner(app: &App, member: &Member, around: &Surroundings) -> Option<Banner> {
    let overview = around.jira.as_ref().ok()?;
    let kind = IncidentKind::of_state(overview.assessment.state)?;
    let credential = overview.credential.as_ref()?;
    let now = app.services.env.now();
    let team = member.team();
    let words = words(kind, &team.name.to_string(), overview, credential, now)?;
    let details = format!("/a/{}/integrations/jira/", team.slug);
    let is_about_site = kind == IncidentKind::SiteLost;
    // Where the operator must act first, the card says so; here is nothing to press.
    let is_mendable = overview.is_set_up;
    Some(Banner {
        icon: words.icon,
        title: words.title,
        reason: words.reason,
        hit: words.since.map(|since| Hit {
            services: match view::services(&services(overview)) {
                names if names.is_empty() => "Your services".to_owned(),
                names => names,
            },
            since: moment(since, now),
        }),
        action: Some(BannerAction {
            label: match kind {
                _ if !is_mendable => "Details",
                IncidentKind::SiteLost => "Choose another site",
                IncidentKind::RenewSoon => "Renew",
                _ => "Reconnect",
            },
            href: if is_about_site && is_mendable {
                format!("{details}sites")
            } else {
                details.clone()
            },
            what: if is_about_site {
                "choose another site"
            } else {
                "reconnect"
            },
            details,
        }),
        authority: authority(member, around),
        // Of another consent it is told anew.
        dismissed_as: (kind == IncidentKind::RenewSoon).then(|| {
            let consent = credential.consented_at.map(Timestamp::as_second);
            format!("{}-{}", credential.id, consent.unwrap_or_default())
        }),
    })
}

struct Words {
    icon: &'static str,
    title: String,
    reason: String,
    since: Option<Timestamp>,
}

fn words(
    kind: IncidentKind,
    team: &str,
    overview: &JiraOverview,
    credential: &IntegrationCredential,
    now: Timestamp,
) -> Option<Words> {
    Some(match kind {
        IncidentKind::ReconnectNeeded => Words {
            icon: "reconnect-needed",
            title: format!("Jira for {team} needs to be reconnected."),
            reason: match death(overview, now) {
                Death::Revoked => "Atlassian no longer accepts the connection.",
                Death::IdleExpired => {
                    "Atlassian ended the connection because it was not refreshed for more than 90 days."
                }
                Death::ConsentEnded { .. } => {
                    "Atlassian ended the connection because its consent is too old."
                }
                Death::Interrupted { .. } => {
                    "A refresh was interrupted and could not be repeated in time."
                }
            }
            .to_owned(),
            since: credential.revoked_at,
        },
        IncidentKind::SiteLost => Words {
            icon: "site-lost",
            title: format!("The Jira site of {team} is no longer available."),
            reason: "It was removed from the account’s access, or its administrator blocked the app."
                .to_owned(),
            since: overview.site_lost_at,
        },
        IncidentKind::PermissionsMissing => Words {
            icon: "permissions-missing",
            title: format!("Jira for {team} lacks a permission."),
            reason: format!(
                "Missing: {}. Reconnect and allow all of it; nothing is lost.",
                view::list(&missing(credential))
            ),
            since: None,
        },
        IncidentKind::RenewSoon => {
            let ends_at = moment(overview.assessment.consent_ends_at?, now);
            let is_over = overview.assessment.consent_ends_at? <= now;
            Words {
                icon: "renew-soon",
                title: if is_over {
                    format!("Jira for {team} should be renewed now.")
                } else {
                    format!("Jira for {team} should be renewed by {}.", ends_at.day())
                },
                reason: "Atlassian may end an old consent. It takes a minute, and nothing is lost."
                    .to_owned(),
                since: None,
            }
        }
        IncidentKind::Misconfigured | IncidentKind::Unexpected | IncidentKind::ProviderDown => {
            return None;
        }
    })
}
