//! Asks Jira once with the team's connection, to see that it works.

use std::{sync::Arc, time::Instant};

use atlassian::CallError;
use domain::{credential::Provider, jira::Site, permission::Action, state::ConnectionState};
use jiff::SignedDuration;

use crate::{
    Error, Services,
    refresh::{TokenError, ensure_valid_token},
    who::Admin,
};

/// What Jira answered.
#[derive(Clone, Debug)]
pub struct TestReport {
    /// Which site.
    pub site: Site,
    /// The name of the Atlassian account; never kept.
    pub account_name: Option<String>,
    /// How long the answer took.
    pub took: std::time::Duration,
}

/// Why the test did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// There is no token to ask with.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Jira refused the token.
    #[error("Jira refused the token")]
    TokenRefused,
    /// The grant lacks a permission that the call needs.
    #[error("a permission is missing")]
    PermissionMissing,
    /// The site does not let the app in, or is gone.
    #[error("the site does not let the app in")]
    SiteRefused,
    /// Jira did not answer as it should; later it may.
    #[error("Jira did not answer")]
    NoAnswer,
}

impl From<store::StoreError> for TestError {
    fn from(err: store::StoreError) -> Self {
        Self::Token(err.into())
    }
}

impl From<CallError> for TestError {
    fn from(err: CallError) -> Self {
        tracing::info!(error = %err, "a test of a connection failed");
        match err {
            CallError::Unauthorized => Self::TokenRefused,
            CallError::ScopeMissing => Self::PermissionMissing,
            CallError::SiteRefused | CallError::NotFound => Self::SiteRefused,
            _ => Self::NoAnswer,
        }
    }
}

/// Asks `myself` of the chosen site, with a token that is refreshed first where that is due.
///
/// # Errors
///
/// [`TestError`]; nothing is changed by a failed test.
pub async fn test_connection(
    services: &Arc<Services>,
    admin: &Admin,
) -> Result<TestReport, TestError> {
    debug_assert!(admin.may(Action::TestConnection));
    let team = admin.team().id;
    let token = ensure_valid_token(services, team, Provider::Jira, SignedDuration::ZERO).await?;
    let integration = {
        let mut tx = services.store.read().await?;
        tx.find_jira_integration(team, Provider::Jira).await?
    };
    let Some(integration) = integration else {
        return Err(TokenError::NoConnection(ConnectionState::Disconnected).into());
    };
    let Some(atlassian) = &services.atlassian else {
        return Err(TokenError::Misconfigured { retry_after: None }.into());
    };
    let begun = Instant::now();
    let account = atlassian
        .myself(&token.access, &integration.site.cloud_id)
        .await?;
    let took = begun.elapsed();
    // Where the account was not known yet, it is now.
    let mut tx = services.store.write().await?;
    tx.set_account_id(
        team,
        token.credential,
        token.generation,
        &account.account_id,
        services.env.now(),
    )
    .await?;
    tx.commit()
        .await
        .map_err(|err| TestError::Token(Error::from(err).into()))?;
    Ok(TestReport {
        site: integration.site,
        account_name: account.display_name,
        took,
    })
}
