//! How often each thing was done: what a test of "exactly once" reads.

use serde::{Deserialize, Serialize};

/// How often each thing was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Authorize requests that were in order.
    pub authorize: u64,
    /// Consents given.
    pub accepted: u64,
    /// Consents refused.
    pub denied: u64,
    /// Requests to the token endpoint, whatever came of them.
    pub token_requests: u64,
    /// Codes exchanged for a pair.
    pub exchange: u64,
    /// Codes refused.
    pub exchange_refused: u64,
    /// Exchanges whose PKCE verifier was the one of the challenge.
    pub verifier_matched: u64,
    /// Refresh tokens exchanged for a pair, the first time.
    pub refresh: u64,
    /// Refresh tokens exchanged again inside the leeway.
    pub refresh_reused: u64,
    /// Refresh tokens refused.
    pub refresh_refused: u64,
    /// Of those, tokens that had been exchanged, and came again after the leeway.
    pub refresh_too_late: u64,
    /// Clients refused.
    pub client_refused: u64,
    /// Revocations asked for.
    pub revoke: u64,
    /// Lists of sites.
    pub resources: u64,
    /// `myself`.
    pub myself: u64,
    /// `serverInfo`.
    pub server_info: u64,
    /// `project/search`.
    pub project_search: u64,
    /// `users/search`.
    pub users_search: u64,
    /// `search/jql`.
    pub search_jql: u64,
    /// Any other call to a site.
    pub other_calls: u64,
    /// Reports of accounts whose personal data are stored.
    pub report_accounts: u64,
    /// Requests that were refused for their number.
    pub rate_limited: u64,
}
