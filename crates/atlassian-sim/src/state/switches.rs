//! What is unknown or disputed of Atlassian, either way, and what an administrator or a console may
//! have set.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How the token endpoint tells of a dead refresh token; all four were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadGrant {
    /// 403 `unauthorized_client`, "`refresh_token` is invalid": what is really sent.
    #[default]
    UnauthorizedClient,
    /// 403 `invalid_grant`, "Unknown or invalid refresh token.": as documented.
    InvalidGrant,
    /// 400 `invalid_grant`, "Token has been expired or revoked."
    ExpiredOrRevoked,
    /// 401 `access_denied`, "Token was globally revoked": the error alone would mean the secret.
    GloballyRevoked,
}

/// What `POST /oauth/revoke` does with a token of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeEffect {
    /// It answers 200 and does nothing.
    #[default]
    Nothing,
    /// The token ends, and the access token that came with it.
    Token,
    /// All tokens of the consent end.
    Family,
    /// The grant ends, whoever else uses it.
    Grant,
    /// There is no such address: 404.
    NotFound,
}

/// How the gateway answers an access token that has expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiredToken {
    /// 401 of the gateway.
    #[default]
    Unauthorized,
    /// 403 of the gateway.
    Forbidden,
    /// 404 of the edge.
    NotFound,
}

/// In whose words a site says that the app is not installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotInstalled {
    /// `{"code":403,"message":"The app is not installed on this instance"}`.
    #[default]
    Gateway,
    /// `{"errorMessages":["The app is not installed on this instance."]}`.
    Jira,
}

/// How `changelog/bulkfetch` writes the time of a change; all three were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkCreated {
    /// Seconds since 1970, as in the example of the documentation.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// A text, as everywhere else in Jira.
    Text,
}

/// What is unknown or disputed of Atlassian, either way.
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Demand the PKCE verifier. Atlassian ignores it today.
    pub enforce_pkce: bool,
    /// The app is "in development": only its owner gets past the consent page.
    pub private_app: bool,
    /// A site's administrator must approve the app first: a page, and nobody comes back.
    pub admin_approval_needed: bool,
    /// Where every site that would be granted blocks the app, consent ends on a page. Else the first call
    /// to the site tells.
    pub blocked_site_stops_consent: bool,
    /// Consent shows a site picker, and the grant reaches only the sites picked last.
    pub resource_level_grants: bool,
    /// Consent shows a site picker for account-level grants as well; what is picked is added.
    pub site_picker: bool,
    /// Consent does not grant these, though they were asked for.
    pub withheld_scopes: BTreeSet<String>,
    /// A new consent ends the tokens of the account's earlier ones.
    pub reconsent_ends_old_families: bool,
    /// How a dead refresh token is told.
    pub dead_grant: DeadGrant,
    /// So long a refresh token that was rotated still works, and the access token that came with it; 0 is
    /// single use.
    pub leeway_seconds: u32,
    /// Reuse after the leeway kills the whole family.
    pub reuse_revokes_family: bool,
    /// A refresh answers without a refresh token, and the old one stays in force.
    pub omits_refresh_token: bool,
    /// A rotation ends the old access token after the leeway.
    pub companion_access_token_dies: bool,
    /// How long access tokens live.
    pub access_token_seconds: i64,
    /// A consent ends after so many days, however often it was refreshed; 0 is never, 365 was true once.
    pub absolute_life_days: u32,
    /// What `POST /oauth/revoke` does.
    pub revoke_effect: RevokeEffect,
    /// How the gateway answers an access token that has expired.
    pub expired_token: ExpiredToken,
    /// In whose words a site says that the app is not installed.
    pub not_installed: NotInstalled,
    /// A site that blocks the app is still listed among the accessible resources.
    pub blocked_site_is_listed: bool,
    /// For so long after a code was exchanged, the gateway's first answer is a 401 of a missing scope.
    pub propagation_lag_millis: u32,
    /// Points that the app may use in an hour, over all sites; 0 is without limit, 65,000 is Atlassian's.
    pub hourly_points: u32,
    /// Calls that a site takes in a second, of one endpoint by one method; 0 is without limit, 100 is Atlassian's
    /// for most.
    pub calls_per_second: u32,
    /// How `changelog/bulkfetch` writes times.
    pub bulk_created: BulkCreated,
    /// So many days after which `report-accounts` wants to be asked again; 0 leaves the header out.
    pub cycle_period_days: u32,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            enforce_pkce: false,
            private_app: false,
            admin_approval_needed: false,
            blocked_site_stops_consent: false,
            resource_level_grants: false,
            site_picker: false,
            withheld_scopes: BTreeSet::new(),
            reconsent_ends_old_families: false,
            dead_grant: DeadGrant::default(),
            leeway_seconds: 600,
            reuse_revokes_family: true,
            omits_refresh_token: false,
            companion_access_token_dies: true,
            access_token_seconds: 3_600,
            absolute_life_days: 0,
            revoke_effect: RevokeEffect::default(),
            expired_token: ExpiredToken::default(),
            not_installed: NotInstalled::default(),
            blocked_site_is_listed: true,
            propagation_lag_millis: 0,
            hourly_points: 0,
            calls_per_second: 0,
            bulk_created: BulkCreated::default(),
            cycle_period_days: 7,
        }
    }
}

/// Why switches stay as they were.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// There is no switch of this name.
    #[error("there is no switch \"{name}\"; there are: {known}")]
    Unknown {
        /// What was named.
        name: String,
        /// What could have been.
        known: String,
    },
    /// The switch does not take this.
    #[error("the switch \"{name}\" does not take this value: {source}")]
    Value {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Switches {
    /// These, with what is named changed.
    ///
    /// # Errors
    ///
    /// [`SwitchError`] if a name is not known or a value does not fit; then nothing is changed.
    pub fn changed(&self, changes: &Map<String, Value>) -> Result<Self, SwitchError> {
        let mut result = self.clone();
        for (name, value) in changes {
            let mut all = result.as_map();
            let Some(place) = all.get_mut(name) else {
                return Err(SwitchError::Unknown {
                    name: name.clone(),
                    known: all.keys().cloned().collect::<Vec<_>>().join(", "),
                });
            };
            place.clone_from(value);
            result = serde_json::from_value(Value::Object(all)).map_err(|source| {
                SwitchError::Value {
                    name: name.clone(),
                    source,
                }
            })?;
        }
        Ok(result)
    }

    /// Each with its value as in JSON.
    pub(crate) fn as_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(all)) => all,
            // A struct of plain values is an object.
            _ => Map::new(),
        }
    }
}
