//! An integration credential: the stored grant of a team for a provider.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;

use crate::{
    ids::{CredentialId, TeamId, UserId},
    sealed::Sealed,
    text::AccountId,
};

/// Whom a connection leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Jira Cloud, through Atlassian OAuth 2.0 (3LO).
    Jira,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Jira];

    /// The word that is kept, and that stands in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jira => "jira",
        }
    }
}

/// The scopes of a grant, without order (RFC 6749, 3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// What we ask for, always the same set: a later consent replaces the scopes of the whole grant,
    /// so that asking for less would weaken another team's connection (`atlassian.md` 3.4).
    pub const REQUESTED: [&'static str; 3] = ["read:jira-work", "read:jira-user", "offline_access"];

    /// What a site must offer to be of use.
    pub const REQUIRED_OF_SITE: &'static str = "read:jira-work";

    /// Reads a list separated by spaces, as OAuth sends it.
    pub fn from_space_separated(text: &str) -> Self {
        text.split_ascii_whitespace().collect()
    }

    /// Whether `scope` is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// What was asked for and not granted, of what Jira's calls need. `offline_access` is not among them:
    /// a grant without it is never stored.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        ["read:jira-work", "read:jira-user"]
            .into_iter()
            .filter(|it| !self.contains(it))
    }

    /// Each scope, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<T: IntoIterator<Item = &'a str>>(scopes: T) -> Self {
        Self(scopes.into_iter().map(str::to_owned).collect())
    }
}

impl FromIterator<String> for Scopes {
    fn from_iter<T: IntoIterator<Item = String>>(scopes: T) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// Counts the token pairs that a credential has had. Every write of tokens is fenced by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub i64);

impl Generation {
    /// Of a credential that never had a pair.
    pub const ZERO: Self = Self(0);

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Access and refresh token as they are kept, and until when the first is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTokens {
    /// The access token.
    pub access: Sealed,
    /// The refresh token.
    pub refresh: Sealed,
    /// When the access token ends.
    pub access_expires_at: Timestamp,
}

/// What the last attempt to refresh came to (`design.md` 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshOutcome {
    /// A new pair was saved.
    Ok,
    /// The grant is gone; only a person can give a new one.
    GrantDead,
    /// Our client id or secret was refused: the operator's fault.
    Misconfigured,
    /// The request never reached Atlassian, or was turned away unread.
    NotSent,
    /// Perhaps rotated: the answer did not come or was of no use.
    Ambiguous,
    /// An answer that nobody foresaw.
    Unexpected,
}

impl RefreshOutcome {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Ok,
        Self::GrantDead,
        Self::Misconfigured,
        Self::NotSent,
        Self::Ambiguous,
        Self::Unexpected,
    ];

    /// The word that is kept and counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::GrantDead => "grant_dead",
            Self::Misconfigured => "misconfigured",
            Self::NotSent => "not_sent",
            Self::Ambiguous => "ambiguous",
            Self::Unexpected => "unexpected",
        }
    }
}

/// Why a grant is no longer of use; the `reason` that people and services are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationReason {
    /// Atlassian refused the refresh token.
    GrantRevoked,
    /// It was refused, and had not been used for longer than Atlassian keeps one.
    GrantIdleExpired,
    /// It was refused, and the consent was older than Atlassian lets one be.
    GrantConsentEnded,
    /// It was refused after an earlier refresh of the same token whose end is unknown: the answer did not
    /// reach us, and could not be had again in time.
    RefreshInterrupted,
}

impl RevocationReason {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::GrantRevoked,
        Self::GrantIdleExpired,
        Self::GrantConsentEnded,
        Self::RefreshInterrupted,
    ];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GrantRevoked => "grant_revoked",
            Self::GrantIdleExpired => "grant_idle_expired",
            Self::GrantConsentEnded => "grant_consent_ended",
            Self::RefreshInterrupted => "refresh_interrupted",
        }
    }
}

/// When a credential is refreshed next, and how it went of late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefreshSchedule {
    /// When the next refresh is due; none without a live pair.
    pub next_at: Option<Timestamp>,
    /// The written intent: when the first attempt began whose end is unknown. Only a saved pair, a dead
    /// grant, a reconnect or a disconnect clears it.
    pub started_at: Option<Timestamp>,
    /// When the first of the failures in a row was.
    pub failing_since: Option<Timestamp>,
    /// When a caller last had a refresh made although the token had not ended.
    pub forced_at: Option<Timestamp>,
}

/// The stored grant of a team for a provider. One per team and provider; disconnecting empties it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrationCredential {
    /// Its id; stays over reconnect and disconnect.
    pub id: CredentialId,
    /// Whose it is.
    pub team: TeamId,
    /// To whom it leads.
    pub provider: Provider,
    /// The pair in force; none after a disconnect.
    pub tokens: Option<SealedTokens>,
    /// What was granted.
    pub scopes: Scopes,
    /// Whose Atlassian account granted it; unknown until `myself` answered.
    pub account_id: Option<AccountId>,
    /// Who connected; none once that person's account is gone.
    pub connected_by: Option<UserId>,
    /// When the consent was given.
    pub consented_at: Option<Timestamp>,
    /// Counts the pairs.
    pub generation: Generation,
    /// Failed refreshes since the last good one.
    pub consecutive_failures: u32,
    /// What the last refresh came to.
    pub last_outcome: Option<RefreshOutcome>,
    /// When a pair was last saved by a refresh.
    pub last_refreshed_at: Option<Timestamp>,
    /// When somebody last had a token of it; connecting counts. To the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it is refreshed next.
    pub schedule: RefreshSchedule,
    /// When Atlassian was found to refuse the grant.
    pub revoked_at: Option<Timestamp>,
    /// Why.
    pub revocation_reason: Option<RevocationReason>,
    /// When it was last disconnected; none while connected.
    pub disconnected_at: Option<Timestamp>,
    /// By whom.
    pub disconnected_by: Option<UserId>,
}

impl IntegrationCredential {
    /// Since when it has the pair in force: a refresh saved it, or the consent gave it.
    pub fn paired_at(&self) -> Option<Timestamp> {
        self.last_refreshed_at.or(self.consented_at)
    }

    /// Whether it holds a pair that Atlassian has not refused.
    pub const fn is_live(&self) -> bool {
        self.tokens.is_some() && self.revoked_at.is_none()
    }
}
