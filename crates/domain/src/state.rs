//! The state of a connection, computed from facts: one pure function, never stored.
//!
//! [`Facts::state`] is that function, and [`Facts::reason`] says why it is so. What both go by is in
//! [`Facts`] and nowhere else: pages, API and command line ask with the same facts and so tell the same.

use std::num::NonZeroU16;

use jiff::{SignedDuration, Timestamp};

use crate::{
    attempt::{AttemptOutcome, ConnectAttempt},
    credential::{IntegrationCredential, RefreshOutcome, RevocationReason, SealedTokens},
    jira::JiraIntegration,
    provider_health::ProviderHealth,
};

/// People are asked to renew a consent this long before it ends.
pub const RENEW_AHEAD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A refresh token ends when it was not used for this long (`atlassian.md` 3.2).
pub const IDLE_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What people and services are told of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Atlassian refused the grant; a person must give a new one.
    ReconnectNeeded,
    /// The operator's settings are in the way: client id, secret, or the key ring.
    Misconfigured,
    /// The grant is good and no longer reaches the chosen site.
    SiteLost,
    /// It works, but lacks a permission that we ask for.
    PermissionsMissing,
    /// The token has ended and no new one could be had yet.
    Waiting,
    /// The token is good; refreshing it failed of late.
    Degraded,
    /// It works; the consent ends soon.
    RenewSoon,
    /// It works, as far as we know.
    Connected,
    /// A person came back from Atlassian and must choose a site, or let us ask Atlassian again.
    ChooseSite,
    /// A person is on the way to Atlassian.
    Connecting,
    /// It was disconnected; the tokens are erased.
    Disconnected,
    /// There was never one.
    NotConnected,
}

impl ConnectionState {
    /// All of them, in the order in which they go before each other.
    pub const ALL: [Self; 12] = [
        Self::ReconnectNeeded,
        Self::Misconfigured,
        Self::SiteLost,
        Self::PermissionsMissing,
        Self::Waiting,
        Self::Degraded,
        Self::RenewSoon,
        Self::Connected,
        Self::ChooseSite,
        Self::Connecting,
        Self::Disconnected,
        Self::NotConnected,
    ];

    /// The word that services are told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReconnectNeeded => "reconnect_needed",
            Self::Misconfigured => "misconfigured",
            Self::SiteLost => "site_lost",
            Self::PermissionsMissing => "permissions_missing",
            Self::Waiting => "waiting",
            Self::Degraded => "degraded",
            Self::RenewSoon => "renew_soon",
            Self::Connected => "connected",
            Self::ChooseSite => "choose_site",
            Self::Connecting => "connecting",
            Self::Disconnected => "disconnected",
            Self::NotConnected => "not_connected",
        }
    }

    /// Whether there is a grant that Atlassian has not refused. Where there is none, services are
    /// refused whatever they ask for; where there is one, a token that has not ended is served.
    pub const fn has_grant(self) -> bool {
        match self {
            Self::Misconfigured
            | Self::SiteLost
            | Self::PermissionsMissing
            | Self::Waiting
            | Self::Degraded
            | Self::RenewSoon
            | Self::Connected => true,
            Self::ReconnectNeeded
            | Self::ChooseSite
            | Self::Connecting
            | Self::Disconnected
            | Self::NotConnected => false,
        }
    }
}

/// Why a connection is in its state, where the state alone does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The grant is of no use any more.
    Grant(RevocationReason),
    /// Atlassian refused our client id or secret.
    ClientRefused,
    /// The stored tokens do not open under the key ring.
    TokensUnreadable,
    /// Atlassian was not reached, or did not answer as it should.
    ProviderUnavailable,
    /// Atlassian refused to refresh, in a way that nobody foresaw.
    ProviderUnexpected,
}

impl Reason {
    /// The word that services are told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant(reason) => reason.as_str(),
            Self::ClientRefused => "client_refused",
            Self::TokensUnreadable => "tokens_unreadable",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::ProviderUnexpected => "provider_unexpected",
        }
    }
}

/// All that the state of a team's connection depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The stored grant.
    pub credential: Option<&'a IntegrationCredential>,
    /// The chosen site.
    pub integration: Option<&'a JiraIntegration>,
    /// The newest attempt that can go on.
    pub attempt: Option<&'a ConnectAttempt>,
    /// Whether both tokens open under the key ring; of no account where there are none.
    pub tokens_open: bool,
    /// How the provider answered of late; none if it was never asked.
    pub provider: Option<&'a ProviderHealth>,
    /// The time.
    pub now: Timestamp,
    /// How long Atlassian lets a consent live; none if for ever.
    pub consent_lifetime_days: Option<NonZeroU16>,
}

impl<'a> Facts<'a> {
    /// Says what state the connection is in (`design.md` 7): with tokens, the first that applies. A
    /// credential that holds tokens decides alone; an open attempt is then told beside the state.
    /// Without tokens the attempt decides, then what was there before.
    pub fn state(&self) -> ConnectionState {
        if let Some((credential, tokens)) = self.tokens() {
            return self.state_with_tokens(credential, tokens);
        }
        match self.attempt {
            Some(it) if awaits_choice(it, self.now) => ConnectionState::ChooseSite,
            Some(it) if it.is_open(self.now) => ConnectionState::Connecting,
            _ if self.credential.is_some() => ConnectionState::Disconnected,
            _ => ConnectionState::NotConnected,
        }
    }

    fn state_with_tokens(
        &self,
        credential: &IntegrationCredential,
        tokens: &SealedTokens,
    ) -> ConnectionState {
        let has_ended = tokens.access_expires_at <= self.now;
        let has_failed = credential.consecutive_failures > 0;
        if credential.revoked_at.is_some() {
            ConnectionState::ReconnectNeeded
        } else if self.is_misconfigured(credential, has_ended) {
            ConnectionState::Misconfigured
        } else if self.integration.is_some_and(|it| it.lost_at.is_some()) {
            ConnectionState::SiteLost
        } else if credential.scopes.missing().next().is_some() {
            ConnectionState::PermissionsMissing
        } else if has_ended && (has_failed || self.provider.is_some_and(|it| it.is_down)) {
            ConnectionState::Waiting
        } else if has_failed && !has_ended {
            ConnectionState::Degraded
        } else if self.is_to_be_renewed() {
            ConnectionState::RenewSoon
        } else {
            // Also where the token ended and nobody has asked for another one yet: an idle connection
            // is refreshed when it is used.
            ConnectionState::Connected
        }
    }

    /// What Atlassian refused of another connection says something of this one only once its own token
    /// is to be refreshed.
    fn is_misconfigured(&self, credential: &IntegrationCredential, has_ended: bool) -> bool {
        let refused = Some(RefreshOutcome::Misconfigured);
        !self.tokens_open
            || credential.last_outcome == refused
            || (has_ended
                && self
                    .provider
                    .is_some_and(|it| it.is_down && it.last_outcome == refused))
    }

    /// Why it is in that state; none where the state says all.
    pub fn reason(&self) -> Option<Reason> {
        let credential = self.credential?;
        match self.state() {
            ConnectionState::ReconnectNeeded => Some(Reason::Grant(self.why_dead(credential))),
            ConnectionState::Misconfigured if self.tokens_open => Some(Reason::ClientRefused),
            ConnectionState::Misconfigured => Some(Reason::TokensUnreadable),
            ConnectionState::Waiting | ConnectionState::Degraded
                if credential.last_outcome == Some(RefreshOutcome::Unexpected) =>
            {
                Some(Reason::ProviderUnexpected)
            }
            ConnectionState::Waiting | ConnectionState::Degraded => {
                Some(Reason::ProviderUnavailable)
            }
            _ => None,
        }
    }

    /// What Atlassian refused without a word of why may be known from our own dates.
    fn why_dead(&self, credential: &IntegrationCredential) -> RevocationReason {
        let stored = credential.revocation_reason;
        let refused_at = credential.revoked_at.unwrap_or(self.now);
        let last_used = credential.last_refreshed_at.max(credential.consented_at);
        match stored.unwrap_or(RevocationReason::GrantRevoked) {
            RevocationReason::GrantRevoked
                if self.consent_ends_at().is_some_and(|it| it <= refused_at) =>
            {
                RevocationReason::GrantConsentEnded
            }
            RevocationReason::GrantRevoked
                if last_used.is_some_and(|it| refused_at.duration_since(it) >= IDLE_LIFETIME) =>
            {
                RevocationReason::GrantIdleExpired
            }
            reason => reason,
        }
    }

    /// When the consent ends; none if it never does, or if there is none.
    pub fn consent_ends_at(&self) -> Option<Timestamp> {
        let days = i64::from(self.consent_lifetime_days?.get());
        let lifetime = SignedDuration::from_hours(days.saturating_mul(24));
        Some(self.credential?.consented_at? + lifetime)
    }

    fn is_to_be_renewed(&self) -> bool {
        self.consent_ends_at()
            .is_some_and(|it| it.duration_since(self.now) <= RENEW_AHEAD)
    }

    /// When Atlassian is asked for a new pair next; none if it is not. While the provider is down, one
    /// connection asks for all of them.
    pub fn next_attempt_at(&self) -> Option<Timestamp> {
        let own = self.credential.filter(|it| it.is_live())?.schedule.next_at;
        let down = self.provider.filter(|it| it.is_down);
        let probe = down.and_then(|it| it.next_probe_at);
        probe.or(own)
    }

    fn tokens(&self) -> Option<(&'a IntegrationCredential, &'a SealedTokens)> {
        let credential = self.credential?;
        credential.tokens.as_ref().map(|it| (credential, it))
    }
}

/// The state of a connection without live tokens, for which nothing else counts. Of one that has them,
/// only [`Facts::state`] knows enough.
pub fn connection_state(
    credential: Option<&IntegrationCredential>,
    attempt: Option<&ConnectAttempt>,
    now: Timestamp,
) -> ConnectionState {
    let facts = Facts {
        credential,
        integration: None,
        attempt,
        tokens_open: true,
        provider: None,
        now,
        consent_lifetime_days: None,
    };
    facts.state()
}

/// Whether the attempt holds a grant for which a person must choose a site.
pub fn awaits_choice(attempt: &ConnectAttempt, now: Timestamp) -> bool {
    attempt.outcome == Some(AttemptOutcome::ChooseSite) && attempt.usable_grant(now).is_some()
}

#[cfg(test)]
mod tests;
