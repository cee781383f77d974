//! What is sent and answered at `/api/v1/integrations/jira`.

use std::time::Duration;

use domain::{
    credential::RevocationReason,
    state::{ConnectionState, Reason},
};
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::{Map, Value};
use service::{door, refresh::Wish};

use crate::{
    api::JsonBody,
    description::{Address, Described, RequestBody as _, Schema, Seconds, Time, described},
    problem::Problem,
};

/// Nobody can ask for a token that lasts longer: Atlassian's live an hour.
const MOST_MINIMUM_SECONDS: u64 = 3_000;

/// Nobody waits longer.
const MOST_WAIT_SECONDS: u64 = 60;

described! {
    /// A team's connection with Jira, without a token.
    pub(crate) struct ConnectionBody as answer "Connection" {
        /// How it stands.
        state: StateWord,
        /// Why, where the state does not say it.
        reason: Option<ReasonWord>,
        /// The chosen site.
        site: Option<SiteBody>,
        /// The Atlassian account that gave the consent.
        account_id: Option<String>,
        /// What was granted.
        scopes: Vec<String>,
        /// When the token in force ends.
        token_valid_until: Option<Time>,
        /// When Atlassian is asked for the next one.
        next_refresh_at: Option<Time>,
        /// When the consent ends.
        consent_ends_at: Option<Time>,
        /// What you should know.
        warning: Option<WarningBody>,
    }
}

described! {
    /// A Jira site.
    pub(crate) struct SiteBody as answer "Site" {
        /// Its id at Atlassian, which is part of the addresses at the gateway.
        cloud_id: String,
        /// What it is called.
        name: String,
        /// Where people open it.
        url: Address,
    }
}

described! {
    /// A token that works, with what is needed to use it.
    pub(crate) struct TokenBody as answer "Token" {
        /// The token: send it to Jira as Authorization: Bearer. Do not write it to logs.
        access_token: String,
        /// How it is sent.
        token_type: TokenType,
        /// When it ends.
        expires_at: Time,
        /// Names the token, for a report that Jira refused it.
        token_id: String,
        /// The id of the chosen site.
        cloud_id: String,
        /// Where calls of the site begin: add the path, such as /rest/api/3/myself. Null while the server has no
        /// settings for Atlassian.
        base_url: Option<Address>,
        /// What was granted.
        scopes: Vec<String>,
        /// Whether a newer token is being fetched beside this answer.
        refreshing: bool,
        /// What you should know. The token works all the same.
        warning: Option<WarningBody>,
    }
}

described! {
    /// What you should know, and need not do anything about.
    pub(crate) struct WarningBody as answer "Warning" {
        /// What it is about; it does not change.
        code: WarningWord,
        /// The same in words, which may change.
        message: &'static str,
    }
}

described! {
    /// What a token has to be like.
    pub(crate) struct TokenRequest as request "TokenRequest" {
        /// For so long the token shall be good; 0 if it is left out. If less is left, the call waits for a newer one.
        minimum_seconds: Option<Seconds<MOST_MINIMUM_SECONDS>>,
        /// So long the call waits at most, where a newer token has to be had first; 30 if it is left out.
        max_wait_seconds: Option<Seconds<MOST_WAIT_SECONDS>>,
    }
}

described! {
    /// Which token Jira refused, and what the next one has to be like.
    pub(crate) struct RejectedRequest as request "RejectedRequest" {
        /// The id that came with the token which Jira refused.
        token_id: String,
        /// For so long the token shall be good; 0 if it is left out. If less is left, the call waits for a newer one.
        minimum_seconds: Option<Seconds<MOST_MINIMUM_SECONDS>>,
        /// So long the call waits at most, where a newer token has to be had first; 30 if it is left out.
        max_wait_seconds: Option<Seconds<MOST_WAIT_SECONDS>>,
    }
}

/// The word for a state.
#[derive(Serialize)]
pub(crate) struct StateWord(&'static str);

impl From<ConnectionState> for StateWord {
    fn from(state: ConnectionState) -> Self {
        Self(state.as_str())
    }
}

impl Described for StateWord {
    fn schema() -> Schema {
        Schema::Words(ConnectionState::ALL.map(ConnectionState::as_str).to_vec())
    }
}

/// The word for the reason of a state.
#[derive(Serialize)]
pub(crate) struct ReasonWord(&'static str);

impl From<Reason> for ReasonWord {
    fn from(reason: Reason) -> Self {
        Self(reason.as_str())
    }
}

impl Described for ReasonWord {
    fn schema() -> Schema {
        let grants = RevocationReason::ALL.map(Reason::Grant);
        let others = [
            Reason::ClientRefused,
            Reason::TokensUnreadable,
            Reason::ProviderUnavailable,
            Reason::ProviderUnexpected,
        ];
        let all = grants.into_iter().chain(others);
        Schema::Words(all.map(Reason::as_str).collect())
    }
}

/// How a token is sent.
#[derive(Serialize)]
pub(crate) enum TokenType {
    /// In a header of its own.
    Bearer,
}

impl Described for TokenType {
    fn schema() -> Schema {
        Schema::Words(vec!["Bearer"])
    }
}

/// The word for a warning.
#[derive(Serialize)]
pub(crate) struct WarningWord(&'static str);

impl Described for WarningWord {
    fn schema() -> Schema {
        Schema::Words(door::Warning::ALL.map(|it| told(it).0).to_vec())
    }
}

impl From<door::Warning> for WarningBody {
    fn from(of: door::Warning) -> Self {
        let (code, message) = told(of);
        Self {
            code: WarningWord(code),
            message,
        }
    }
}

const fn told(of: door::Warning) -> (&'static str, &'static str) {
    use door::Warning as W;
    match of {
        W::Misconfigured => (
            "misconfigured",
            "This server's settings are in the way of the next refresh; its operator has to mend them. The \
             token works until it ends.",
        ),
        W::SiteLost => (
            "site_lost",
            "The site is out of reach of the connection; an admin of the team has to choose another one.",
        ),
        W::PermissionsMissing => (
            "permissions_missing",
            "The connection lacks a permission; an admin of the team has to reconnect and allow all of it.",
        ),
        W::RefreshFailing => (
            "refresh_failing",
            "No newer token could be had of late. We keep trying; the token works until it ends.",
        ),
        W::RenewSoon => (
            "renew_soon",
            "The consent ends soon; an admin of the team has to reconnect before.",
        ),
        W::MinimumNotMet => (
            "minimum_not_met",
            "The token does not last for minimum_seconds, and no better one can be had now.",
        ),
        W::TokenWorks => (
            "token_works",
            "Atlassian takes this token. What refused it did so for another reason.",
        ),
        W::KeyEndsSoon => (
            "key_ends_soon",
            "The key that was presented ends within two weeks; an admin of the team has to replace it before.",
        ),
        W::NotSaved => (
            "not_saved",
            "The token works, and this server's database does not take it yet; its operator is told.",
        ),
    }
}

impl TokenRequest {
    /// Reads what was sent.
    ///
    /// # Errors
    ///
    /// A coded [`Problem`] for the first member that cannot be taken.
    pub(super) fn read(body: &JsonBody) -> Result<Self, Problem> {
        body.has_only(Self::MEMBERS)?;
        Self::read_members(&body.0)
    }

    fn read_members(body: &Map<String, Value>) -> Result<Self, Problem> {
        let minimum = whole_seconds(body, "minimum_seconds");
        let minimum = minimum.map_err(|NotWholeSeconds| Problem::minimum_invalid())?;
        if minimum.is_some_and(|it| it > MOST_MINIMUM_SECONDS) {
            return Err(Problem::minimum_too_long(MOST_MINIMUM_SECONDS));
        }
        let max_wait = whole_seconds(body, "max_wait_seconds");
        match max_wait {
            Ok(it) if it.is_none_or(|it| it <= MOST_WAIT_SECONDS) => Ok(Self {
                minimum_seconds: minimum.map(Seconds),
                max_wait_seconds: it.map(Seconds),
            }),
            Ok(_) | Err(NotWholeSeconds) => Err(Problem::max_wait_invalid(MOST_WAIT_SECONDS)),
        }
    }

    /// The same, for a use case.
    pub(super) fn wish(&self) -> Wish {
        let minimum = self.minimum_seconds.map_or(0, |it| it.0);
        Wish {
            minimum: SignedDuration::from_secs(minimum.cast_signed()),
            max_wait: self
                .max_wait_seconds
                .map_or(Wish::NOW.max_wait, |it| Duration::from_secs(it.0)),
        }
    }
}

impl RejectedRequest {
    /// As [`TokenRequest::read`].
    ///
    /// # Errors
    ///
    /// A coded [`Problem`] for the first member that cannot be taken.
    pub(super) fn read(body: &JsonBody) -> Result<Self, Problem> {
        body.has_only(Self::MEMBERS)?;
        let TokenRequest {
            minimum_seconds,
            max_wait_seconds,
        } = TokenRequest::read_members(&body.0)?;
        match body.0.get("token_id") {
            Some(Value::String(token_id)) => Ok(Self {
                token_id: token_id.clone(),
                minimum_seconds,
                max_wait_seconds,
            }),
            _ => Err(Problem::token_id_missing()),
        }
    }

    /// What is wished for in its place.
    pub(super) fn wish(&self) -> Wish {
        let wish = TokenRequest {
            minimum_seconds: self.minimum_seconds,
            max_wait_seconds: self.max_wait_seconds,
        };
        wish.wish()
    }
}

struct NotWholeSeconds;

/// A number of seconds, if one is given.
fn whole_seconds(body: &Map<String, Value>, name: &str) -> Result<Option<u64>, NotWholeSeconds> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or(NotWholeSeconds),
    }
}
