//! What a service is told beside what it gets.

use domain::{
    api_key::{ApiKey, End},
    state::ConnectionState,
};
use jiff::Timestamp;

use crate::refresh::Caveat;

/// What a service should know of a connection that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The operator's settings are in the way of the next refresh.
    Misconfigured,
    /// The grant does not reach the chosen site any more.
    SiteLost,
    /// The grant lacks a permission that we ask for.
    PermissionsMissing,
    /// The token is good, and no newer one could be had of late.
    RefreshFailing,
    /// The consent ends soon.
    RenewSoon,
    /// The token does not last as long as was asked.
    MinimumNotMet,
    /// The token was said to be refused, and Atlassian takes it.
    TokenWorks,
    /// The token is in the memory of one process alone.
    NotSaved,
    /// The key of whoever asks ends soon.
    KeyEndsSoon,
}

impl Warning {
    /// All of them, in the order in which they go before each other.
    pub const ALL: [Self; 9] = [
        Self::Misconfigured,
        Self::SiteLost,
        Self::PermissionsMissing,
        Self::RefreshFailing,
        Self::RenewSoon,
        Self::MinimumNotMet,
        Self::TokenWorks,
        Self::NotSaved,
        Self::KeyEndsSoon,
    ];

    const fn of_state(state: ConnectionState) -> Option<Self> {
        match state {
            ConnectionState::Misconfigured => Some(Self::Misconfigured),
            ConnectionState::SiteLost => Some(Self::SiteLost),
            ConnectionState::PermissionsMissing => Some(Self::PermissionsMissing),
            ConnectionState::Waiting | ConnectionState::Degraded => Some(Self::RefreshFailing),
            ConnectionState::RenewSoon => Some(Self::RenewSoon),
            ConnectionState::Connected
            | ConnectionState::ReconnectNeeded
            | ConnectionState::ChooseSite
            | ConnectionState::Connecting
            | ConnectionState::Disconnected
            | ConnectionState::NotConnected => None,
        }
    }

    const fn of_caveat(caveat: Caveat) -> Self {
        match caveat {
            Caveat::RefusedAgain => Self::RefreshFailing,
            Caveat::MinimumNotMet => Self::MinimumNotMet,
            Caveat::TokenWorks => Self::TokenWorks,
            Caveat::NotSaved => Self::NotSaved,
        }
    }

    pub(super) fn of_key(key: &ApiKey, now: Timestamp) -> Option<Self> {
        matches!(key.end(now), End::Soon(_)).then_some(Self::KeyEndsSoon)
    }

    /// The one that is told: the first that applies.
    pub(super) fn first(
        state: ConnectionState,
        caveat: Option<Caveat>,
        of_key: Option<Self>,
    ) -> Option<Self> {
        let caveat = caveat.map(Self::of_caveat);
        let told = [Self::of_state(state), caveat, of_key]
            .into_iter()
            .flatten();
        told.min_by_key(|it| *it as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_warning_that_applies_is_told() {
        use ConnectionState as S;
        for (state, caveat, told) in [
            (S::Connected, None, None),
            (
                S::Connected,
                Some(Caveat::NotSaved),
                Some(Warning::NotSaved),
            ),
            (
                S::Misconfigured,
                Some(Caveat::RefusedAgain),
                Some(Warning::Misconfigured),
            ),
            (
                S::RenewSoon,
                Some(Caveat::RefusedAgain),
                Some(Warning::RefreshFailing),
            ),
            (
                S::RenewSoon,
                Some(Caveat::MinimumNotMet),
                Some(Warning::RenewSoon),
            ),
            (S::Degraded, None, Some(Warning::RefreshFailing)),
            (
                S::Connected,
                Some(Caveat::TokenWorks),
                Some(Warning::TokenWorks),
            ),
        ] {
            let first = Warning::first(state, caveat, None);
            assert_eq!(first, told, "{state:?} {caveat:?}");
            let key = Some(Warning::KeyEndsSoon);
            assert_eq!(Warning::first(state, caveat, key), told.or(key));
        }
    }
}
