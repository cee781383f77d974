//! Who is needed for a connection, and since when it is as it is: what an operator looks at first.

use jiff::Timestamp;

use crate::state::{ConnectionState, Facts, RENEW_AHEAD};

/// Who is needed, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// People of the team.
    People,
    /// Who runs the server.
    Operator,
    /// Nobody: it mends itself, or does not.
    Patience,
    /// Nobody.
    Nothing,
}

impl Need {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 4] = [Self::People, Self::Operator, Self::Patience, Self::Nothing];
}

impl ConnectionState {
    /// Who is needed in this state.
    pub const fn need(self) -> Need {
        match self {
            Self::ReconnectNeeded
            | Self::SiteLost
            | Self::PermissionsMissing
            | Self::RenewSoon
            | Self::ChooseSite
            | Self::Connecting => Need::People,
            Self::Misconfigured => Need::Operator,
            Self::Waiting | Self::Degraded => Need::Patience,
            Self::Connected | Self::Disconnected | Self::NotConnected => Need::Nothing,
        }
    }

    /// The state of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

impl Facts<'_> {
    /// Since when the connection is in its state, as far as that is kept; none where it is not.
    pub fn since(&self) -> Option<Timestamp> {
        let credential = self.credential;
        let failing_since = || {
            let own = credential.and_then(|it| it.schedule.failing_since);
            own.or_else(|| self.provider.and_then(|it| it.failing_since))
        };
        match self.state() {
            ConnectionState::ReconnectNeeded => credential?.revoked_at,
            // When tokens stopped to open is in no fact.
            ConnectionState::Misconfigured if !self.tokens_open => None,
            ConnectionState::Misconfigured
            | ConnectionState::Waiting
            | ConnectionState::Degraded => failing_since(),
            ConnectionState::SiteLost => self.integration?.lost_at,
            ConnectionState::RenewSoon => {
                let ends_at = self.consent_ends_at()?;
                ends_at.checked_sub(RENEW_AHEAD).ok()
            }
            ConnectionState::ChooseSite => {
                let grant = self.attempt?.grant.as_ref();
                grant.map(|it| it.granted_at)
            }
            ConnectionState::Connecting => self.attempt.map(|it| it.created_at),
            ConnectionState::Disconnected => credential?.disconnected_at,
            // Neither is when a scope was missed, or when all was well again.
            ConnectionState::PermissionsMissing
            | ConnectionState::Connected
            | ConnectionState::NotConnected => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::incident::IncidentKind;

    use super::*;

    #[test]
    fn whoever_is_told_of_an_incident_is_needed() {
        for state in ConnectionState::ALL {
            if IncidentKind::of_state(state).is_some() {
                assert_eq!(state.need(), Need::People, "{state:?}");
            }
            assert_eq!(ConnectionState::parse(state.as_str()), Some(state));
        }
        assert_eq!(ConnectionState::parse("CONNECTED"), None);
    }
}
