//! A connect attempt: one trip of a browser to Atlassian and back. Single use; it expires.

use jiff::{SignedDuration, Timestamp};

use crate::{
    credential::{Provider, Scopes, SealedTokens},
    ids::{AttemptId, SessionId, TeamId, UserId},
    sealed::Sealed,
    text::CloudId,
};

/// The way to Atlassian and back may take this long.
pub const TRIP_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// Between callback and completion the grant is kept this long, then erased.
pub const GRANT_LIFE: SignedDuration = SignedDuration::from_mins(30);

/// What the attempt was begun for. A state made for one purpose is useless for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The team had no connection when it began.
    Connect,
    /// The team had one.
    Reconnect,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Connect, Self::Reconnect];

    /// The word that is kept and signed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reconnect => "reconnect",
        }
    }
}

/// How far a claimed attempt came. None yet means that it was interrupted, or is at it right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// The credential was written.
    Connected,
    /// The person pressed Cancel at Atlassian.
    Denied,
    /// Atlassian came back with another error.
    Refused,
    /// Atlassian did not take the code.
    CodeRefused,
    /// The exchange of the code got no usable answer: the code may be spent.
    ExchangeFailed,
    /// Our client id or secret was refused.
    ClientMisconfigured,
    /// Atlassian sent no refresh token: `offline_access` was not granted.
    NoRefreshToken,
    /// The grant is kept; Atlassian did not answer what came next.
    AtlassianDown,
    /// The grant is kept; a person must choose a site.
    ChooseSite,
    /// The account reaches no Jira site; the grant was erased.
    NoSite,
    /// The grant is kept; it is of another Atlassian account than the connection's, and a person must
    /// say whether the connection changes its account.
    ChooseAccount,
    /// A person cancelled here, or the grant was kept for too long.
    Discarded,
}

impl AttemptOutcome {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Connected,
        Self::Denied,
        Self::Refused,
        Self::CodeRefused,
        Self::ExchangeFailed,
        Self::ClientMisconfigured,
        Self::NoRefreshToken,
        Self::AtlassianDown,
        Self::ChooseSite,
        Self::NoSite,
        Self::ChooseAccount,
        Self::Discarded,
    ];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::CodeRefused => "code_refused",
            Self::ExchangeFailed => "exchange_failed",
            Self::ClientMisconfigured => "client_misconfigured",
            Self::NoRefreshToken => "no_refresh_token",
            Self::AtlassianDown => "atlassian_down",
            Self::ChooseSite => "choose_site",
            Self::NoSite => "no_site",
            Self::ChooseAccount => "choose_account",
            Self::Discarded => "discarded",
        }
    }
}

/// The grant between callback and completion, sealed on its attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingGrant {
    /// The pair.
    pub tokens: SealedTokens,
    /// What was granted.
    pub scopes: Scopes,
    /// When Atlassian sent it: the time of the consent.
    pub granted_at: Timestamp,
    /// When it is erased at the latest.
    pub erase_at: Timestamp,
}

/// One trip of a browser to Atlassian and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectAttempt {
    /// Its id; stands in the signed state.
    pub id: AttemptId,
    /// For which team.
    pub team: TeamId,
    /// Who began it, and alone may end it.
    pub user: UserId,
    /// In which browser session. None once that session is gone: nobody can end it then.
    pub session: Option<SessionId>,
    /// With whom.
    pub provider: Provider,
    /// What for.
    pub purpose: Purpose,
    /// The PKCE verifier (RFC 7636), sealed.
    pub code_verifier: Sealed,
    /// When it began.
    pub created_at: Timestamp,
    /// When the trip must be over.
    pub expires_at: Timestamp,
    /// When a callback claimed it; it ends once.
    pub finished_at: Option<Timestamp>,
    /// How far it came.
    pub outcome: Option<AttemptOutcome>,
    /// The grant, between callback and completion.
    pub grant: Option<PendingGrant>,
    /// The site that was chosen, while the account is asked about.
    pub chosen_site: Option<CloudId>,
}

impl ConnectAttempt {
    /// Whether the browser may still be on its way.
    pub fn is_under_way(&self, now: Timestamp) -> bool {
        self.finished_at.is_none() && now < self.expires_at
    }

    /// The grant, if it may still be used.
    pub fn usable_grant(&self, now: Timestamp) -> Option<&PendingGrant> {
        self.grant.as_ref().filter(|it| now < it.erase_at)
    }

    /// Whether a person can go on from here: at Atlassian, at the picker, or by trying again.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.is_under_way(now) || self.usable_grant(now).is_some()
    }
}
