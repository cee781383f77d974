//! Requests and answers as they go over the wire; shared with the simulator, so that client and
//! simulator cannot drift apart in the names of fields.
//!
//! Sources: `D-3LO` and `SW26` of the fact sheet, that is
//! <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/> and Jira's `OpenAPI` file.

use serde::{Deserialize, Serialize};

/// The body of `POST /oauth/token`, JSON or form (RFC 6749, 4.1.3 and 6).
#[derive(Serialize, Deserialize)]
#[serde(tag = "grant_type", rename_all = "snake_case")]
pub enum TokenRequest {
    /// A code is exchanged for a pair.
    AuthorizationCode {
        /// Who asks.
        client_id: String,
        /// Proof of it.
        client_secret: String,
        /// What the callback brought.
        code: String,
        /// The same as in the authorize URL.
        redirect_uri: String,
        /// PKCE (RFC 7636, 4.5). Atlassian ignores it today.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code_verifier: Option<String>,
    },
    /// A refresh token is exchanged for a new pair.
    RefreshToken {
        /// Who asks.
        client_id: String,
        /// Proof of it.
        client_secret: String,
        /// The refresh token in force.
        refresh_token: String,
    },
}

impl std::fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AuthorizationCode { .. } => "AuthorizationCode",
            Self::RefreshToken { .. } => "RefreshToken",
        })
    }
}

/// A good answer of `POST /oauth/token` (RFC 6749, 5.1). Every field but the first may be missing.
#[derive(Serialize, Deserialize)]
pub struct TokenResponse {
    /// Opaque, of any length.
    pub access_token: String,
    /// The next refresh token; where it is missing or null, the old one stays in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Seconds; 3600 is what everybody saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<i64>,
    /// Separated by spaces, in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `Bearer`, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
}

impl std::fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .field("has_refresh_token", &self.refresh_token.is_some())
            .finish_non_exhaustive()
    }
}

/// `POST /oauth/revoke` (RFC 7009, 2.1), with the client's credentials in the body as at the token
/// endpoint.
#[derive(Serialize, Deserialize)]
pub struct RevokeRequest {
    /// The token to forget.
    pub token: String,
    /// Which kind it is.
    pub token_type_hint: String,
    /// The app's client id.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: String,
}

/// A refusal of `POST /oauth/token` (RFC 6749, 5.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenErrorResponse {
    /// `invalid_grant`, `access_denied`, …
    pub error: String,
    /// In Atlassian's words; never shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
}

/// One entry of `GET /oauth/token/accessible-resources`: a site and one of its products, so that a
/// site may come twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessibleResource {
    /// The cloud id.
    pub id: String,
    /// The site's name.
    pub name: String,
    /// The site's address.
    pub url: String,
    /// What was granted there; tells the product.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
}

/// `GET /rest/api/3/myself`: as much of it as we read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Myself {
    /// Who granted access.
    pub account_id: String,
    /// Shown where it is fetched, never kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// May be hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_address: Option<String>,
}

/// A refusal of the API gateway: `{"code":401,"message":"…"}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewayError {
    /// The status again.
    pub code: u16,
    /// In Atlassian's words.
    pub message: String,
}

/// A refusal of Jira itself: `{"errorMessages":["…"],"errors":{}}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JiraError {
    /// In Atlassian's words.
    #[serde(default)]
    pub error_messages: Vec<String>,
    /// By field.
    #[serde(default)]
    pub errors: serde_json::Map<String, serde_json::Value>,
}
