//! What the pages show of a connection, read in one snapshot.

use std::num::NonZeroU16;

use domain::{
    attempt::{AttemptOutcome, ConnectAttempt},
    credential::{IntegrationCredential, Provider},
    jira::Site,
    provider_health::ProviderHealth,
    text::{PersonName, ServiceName},
};
use jiff::Timestamp;
use store::ConnectionOverview;

use crate::{Error, Services, assess::Assessment, who::Member};

/// A team's connection with Jira.
#[derive(Clone, Debug)]
pub struct JiraOverview {
    /// Its state, and why.
    pub assessment: Assessment,
    /// The stored grant; its tokens are sealed.
    pub credential: Option<IntegrationCredential>,
    /// The chosen site.
    pub site: Option<Site>,
    /// When the site was found not to be reached any more; none while it is.
    pub site_lost_at: Option<Timestamp>,
    /// How many days Atlassian lets a consent live; none if for ever.
    pub consent_lifetime_days: Option<u16>,
    /// How Atlassian answered of late; none without a credential, or if it was never asked.
    pub provider: Option<ProviderHealth>,
    /// The newest attempt that can go on.
    pub attempt: Option<ConnectAttempt>,
    /// Whether the reader may go on with it: its own, in this browser.
    pub is_own_attempt: bool,
    /// Who connected; none if that account is gone.
    pub connected_by: Option<PersonName>,
    /// Whether who connected is in the team now.
    pub connected_by_is_member: bool,
    /// Who disconnected.
    pub disconnected_by: Option<PersonName>,
    /// Who is on the way to Atlassian.
    pub attempt_by: Option<PersonName>,
    /// The services that have a key, by name.
    pub services: Vec<ServiceName>,
    /// Who went last and did not come back, where nothing came after it.
    pub lapsed: Option<Lapsed>,
    /// Whether the operator has set client id and secret.
    pub is_set_up: bool,
}

/// A trip to Atlassian that ended because nobody came back. It is no state: what was before goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapsed {
    /// Who went.
    pub by: Option<PersonName>,
    /// When.
    pub began_at: Timestamp,
}

impl JiraOverview {
    /// Whether the open attempt waits for Atlassian to answer, with the grant kept.
    pub fn can_try_again(&self) -> bool {
        self.attempt.as_ref().is_some_and(|it| {
            it.grant.is_some() && it.outcome == Some(AttemptOutcome::AtlassianDown)
        })
    }
}

/// Reads the connection of the member's team. Makes no call to Atlassian.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer: the state is then unknown, which is
/// not "disconnected".
pub async fn jira(services: &Services, member: &Member) -> Result<JiraOverview, Error> {
    let now = services.env.now();
    let mut tx = services.store.read().await?;
    let found = tx
        .find_connection_overview(member.team().id, Provider::Jira, now)
        .await?;
    drop(tx);
    Ok(JiraOverview::of(services, member, found, now))
}

impl JiraOverview {
    /// Of what was read.
    pub(crate) fn of(
        services: &Services,
        member: &Member,
        found: ConnectionOverview,
        now: Timestamp,
    ) -> Self {
        let person = member.person();
        let is_own_attempt = found.attempt.as_ref().is_some_and(|it| {
            it.user == person.user().id && it.session == Some(person.session().id)
        });
        let assessment = Assessment::from(services.facts(&found, now));
        // What was made since by a sign-in of before says that all is well.
        let made_at = found.credential.as_ref().and_then(|it| it.consented_at);
        let lapsed = found
            .lapsed
            .filter(|it| made_at.is_none_or(|at| at < it.began_at))
            .map(|it| Lapsed {
                by: it.by,
                began_at: it.began_at,
            });
        Self {
            assessment,
            credential: found.credential,
            site_lost_at: found.integration.as_ref().and_then(|it| it.lost_at),
            consent_lifetime_days: services.policy.consent_lifetime_days.map(NonZeroU16::get),
            site: found.integration.map(|it| it.site),
            provider: found.provider,
            attempt: found.attempt,
            is_own_attempt,
            connected_by: found.connected_by,
            connected_by_is_member: found.connected_by_is_member,
            disconnected_by: found.disconnected_by,
            attempt_by: found.attempt_by,
            services: found.services,
            lapsed,
            is_set_up: services.atlassian.is_some(),
        }
    }
}
