//! A refresh that a person asks for on a page, although the token is good.

use std::sync::Arc;

use domain::{
    credential::{IntegrationCredential, Provider},
    permission::Action,
    refresh::LEEWAY,
    refresh_event::RefreshCause,
};
use jiff::Timestamp;

use super::{TokenError, ValidToken, Wish, gate, live_tokens, read, wait};
use crate::{Services, who::Admin};

/// Why there is no new pair.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ByHandError {
    /// The pair is young, or somebody had a new one fetched of late: another one would end tokens early that
    /// services were just given.
    #[error("the last refresh was less than ten minutes ago")]
    TooSoon,
    /// As for whoever asks for a token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Has a new pair fetched, at most once in ten minutes while the token is good. Between two attempts, and
/// while Atlassian does not answer, nothing is sent: the schedule knows better when to ask.
///
/// # Errors
///
/// [`ByHandError`].
pub async fn refresh_by_hand(
    services: &Arc<Services>,
    admin: &Admin,
) -> Result<ValidToken, ByHandError> {
    debug_assert!(admin.may(Action::TestConnection));
    let credential = read(services, admin.team().id, Provider::Jira).await?;
    let now = services.env.now();
    let tokens = live_tokens(&credential, now)?;
    if let Some(waits) = gate::backs_off(&credential, now) {
        return Err(waits.into());
    }
    let is_good = tokens.access_expires_at > now;
    if is_good && by_hand_again_at(&credential, now).is_some() {
        return Err(ByHandError::TooSoon);
    }
    Ok(wait(services, &credential, RefreshCause::Person, Wish::NOW).await?)
}

/// From when a person may have a new pair fetched; none if now.
pub fn by_hand_again_at(credential: &IntegrationCredential, now: Timestamp) -> Option<Timestamp> {
    let last = credential.paired_at().max(credential.schedule.forced_at)?;
    (now.duration_since(last).abs() < LEEWAY).then(|| last + LEEWAY)
}
