//! The authorize URL, and code or refresh token for a pair.

use std::sync::{Arc, atomic::Ordering};

use domain::credential::{RefreshOutcome, Scopes};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::{
    Atlassian, ExchangeError, RefreshError, RevokeError,
    before_send::{Always, BeforeSend, Look},
    classify::{TokenAnswer, refresh_outcome, retry_after},
    transport::{Answer, Lost},
    wire::{RevokeRequest, TokenErrorResponse, TokenRequest, TokenResponse},
};

/// An access token that is said to live longer is not believed.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a code was exchanged for.
#[derive(Clone, Debug)]
pub struct GrantedTokens {
    /// The access token.
    pub access: SecretString,
    /// The refresh token; missing without `offline_access`.
    pub refresh: Option<SecretString>,
    /// How long the access token lives; missing where Atlassian did not say it, or said nonsense.
    pub expires_in: Option<SignedDuration>,
    /// What was granted, where Atlassian said it.
    pub scopes: Option<Scopes>,
}

/// What a refresh token was exchanged for; a missing refresh token means that the old one goes on.
pub type RefreshedTokens = GrantedTokens;

impl Atlassian {
    /// The address at Atlassian where the person consents (Atlassian's 3LO page; RFC 6749, 4.1.1).
    pub fn authorize_url(&self, state: &str, code_challenge: &str) -> Url {
        let mut url = joined(&self.settings.auth_url, "authorize");
        url.query_pairs_mut()
            .append_pair("audience", "api.atlassian.com")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("scope", &Scopes::REQUESTED.join(" "))
            .append_pair("redirect_uri", self.settings.redirect_uri.as_str())
            .append_pair("state", state)
            .append_pair("response_type", "code")
            .append_pair("prompt", "consent")
            .append_pair("code_challenge", code_challenge)
            .append_pair("code_challenge_method", "S256");
        // Atlassian is said to refuse `+` for a space; a `+` of a value is already `%2B`.
        let query = url.query().unwrap_or_default().replace('+', "%20");
        url.set_query(Some(&query));
        url
    }

    /// Exchanges a code for a pair (RFC 6749, 4.1.3; RFC 7636, 4.5).
    ///
    /// # Errors
    ///
    /// [`ExchangeError`]: the code is spent after anything but [`ExchangeError::ClientMisconfigured`].
    pub async fn exchange_code(
        &self,
        code: &SecretString,
        verifier: &SecretString,
    ) -> Result<GrantedTokens, ExchangeError> {
        let asked = |client_secret: &SecretString| TokenRequest::AuthorizationCode {
            client_id: self.settings.client_id.clone(),
            client_secret: client_secret.expose_secret().to_owned(),
            code: code.expose_secret().to_owned(),
            redirect_uri: self.settings.redirect_uri.to_string(),
            code_verifier: Some(verifier.expose_secret().to_owned()),
        };
        let always: Arc<dyn BeforeSend> = Arc::new(Always);
        let answer = match self.ask_for_tokens("exchange_code", asked, &always).await {
            Ok(answer) => answer,
            Err((lost, _)) => {
                return Err(ExchangeError::NoAnswer {
                    sent: lost != Lost::NotSent,
                });
            }
        };
        match (answer.status.as_u16(), tokens_of(&answer)) {
            (200, Some(tokens)) => Ok(tokens),
            (400 | 403, _) if is_refused_code(&answer) => Err(ExchangeError::CodeRefused),
            (0..400 | 408 | 429 | 500.., _) => Err(ExchangeError::NoAnswer { sent: true }),
            (status, _) => Err(match meaning(&answer) {
                RefreshOutcome::Misconfigured => ExchangeError::ClientMisconfigured,
                _ => ExchangeError::Unexpected { status },
            }),
        }
    }

    /// Exchanges a refresh token for a new pair (RFC 6749, 6). Sends it once, and not at all where
    /// `before_send` says no when the connection stands.
    ///
    /// # Errors
    ///
    /// [`RefreshError`], whose outcome says whether the old token may be spent.
    pub async fn refresh(
        &self,
        refresh_token: &SecretString,
        before_send: &Arc<dyn BeforeSend>,
    ) -> Result<RefreshedTokens, RefreshError> {
        let asked = |client_secret: &SecretString| TokenRequest::RefreshToken {
            client_id: self.settings.client_id.clone(),
            client_secret: client_secret.expose_secret().to_owned(),
            refresh_token: refresh_token.expose_secret().to_owned(),
        };
        let failed = |outcome| RefreshError {
            outcome,
            retry_after: None,
            status: None,
            held_back: false,
        };
        let answer = match self.ask_for_tokens("refresh", asked, before_send).await {
            Ok(answer) => answer,
            Err((Lost::NotSent, held_back)) => {
                return Err(RefreshError {
                    held_back,
                    ..failed(RefreshOutcome::NotSent)
                });
            }
            Err((Lost::TooLarge(status), _)) if status.is_client_error() => {
                return Err(RefreshError {
                    status: Some(status.as_u16()),
                    ..failed(RefreshOutcome::Unexpected)
                });
            }
            Err(_) => return Err(failed(RefreshOutcome::Ambiguous)),
        };
        match (meaning(&answer), tokens_of(&answer)) {
            (RefreshOutcome::Ok, Some(tokens)) => Ok(tokens),
            (outcome, _) => Err(RefreshError {
                outcome,
                retry_after: self.wait_asked_for(&answer),
                status: Some(answer.status.as_u16()),
                held_back: false,
            }),
        }
    }

    /// Asks Atlassian to forget a refresh token (RFC 7009). Not documented for 3LO: an effort, whose
    /// outcome nothing may rest on.
    ///
    /// # Errors
    ///
    /// [`RevokeError`]; people are told where they can end the grant themselves in any case.
    pub async fn revoke(&self, refresh_token: &SecretString) -> Result<(), RevokeError> {
        let secrets = &self.settings.client_secrets;
        let accepted = self.accepted_secret.load(Ordering::Relaxed) % secrets.len();
        let Some(client_secret) = secrets.get(accepted) else {
            return Err(RevokeError::NoAnswer);
        };
        let asked = RevokeRequest {
            token: refresh_token.expose_secret().to_owned(),
            token_type_hint: "refresh_token".to_owned(),
            client_id: self.settings.client_id.clone(),
            client_secret: client_secret.expose_secret().to_owned(),
        };
        let url = joined(&self.settings.auth_url, "oauth/revoke");
        let request = self.transport.call.post(url).json(&asked);
        match self.transport.send("revoke", request).await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(RevokeError::Refused {
                status: answer.status.as_u16(),
            }),
            Err(_) => Err(RevokeError::NoAnswer),
        }
    }

    pub(crate) fn wait_asked_for(&self, answer: &Answer) -> Option<SignedDuration> {
        retry_after(
            answer.headers.get("retry-after")?.to_str().ok()?,
            self.env.now(),
        )
    }

    /// Asks the token endpoint; an error says whether the request was held back. Where our secret is refused and there is another one, asks once more
    /// with that: such a refusal surely rotated nothing.
    async fn ask_for_tokens(
        &self,
        operation: &'static str,
        asked: impl Fn(&SecretString) -> TokenRequest,
        before_send: &Arc<dyn BeforeSend>,
    ) -> Result<Answer, (Lost, bool)> {
        let secrets = &self.settings.client_secrets;
        let first = self.accepted_secret.load(Ordering::Relaxed) % secrets.len();
        let mut last = Err((Lost::NotSent, false));
        for turn in 0..secrets.len() {
            let index = (first + turn) % secrets.len();
            let Some(secret) = secrets.get(index) else {
                continue;
            };
            let url = joined(&self.settings.auth_url, "oauth/token");
            let look = Look::new(Arc::clone(before_send));
            let request = self.transport.token.post(url).json(&asked(secret));
            last = self
                .transport
                .send_after(operation, request, &look)
                .await
                .map_err(|lost| (lost, look.was_held_back()));
            match &last {
                Ok(answer) if meaning(answer) == RefreshOutcome::Misconfigured => {}
                _ => {
                    self.accepted_secret.store(index, Ordering::Relaxed);
                    break;
                }
            }
        }
        last
    }
}

/// Puts a path under the path of a base address.
pub(crate) fn joined(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

fn meaning(answer: &Answer) -> RefreshOutcome {
    refresh_outcome(TokenAnswer::Answer {
        status: answer.status.as_u16(),
        body: &answer.body,
        has_access_token: tokens_of(answer).is_some(),
    })
}

/// `invalid_request` or `invalid_grant`: Atlassian has used both for a code that it does not take.
fn is_refused_code(answer: &Answer) -> bool {
    serde_json::from_slice::<TokenErrorResponse>(&answer.body)
        .is_ok_and(|it| matches!(it.error.as_str(), "invalid_request" | "invalid_grant"))
}

fn tokens_of(answer: &Answer) -> Option<GrantedTokens> {
    let said: TokenResponse = serde_json::from_slice(&answer.body).ok()?;
    if said.access_token.is_empty() {
        return None;
    }
    let life = said.expires_in.map(SignedDuration::from_secs);
    Some(GrantedTokens {
        access: said.access_token.into(),
        refresh: said
            .refresh_token
            .filter(|it| !it.is_empty())
            .map(SecretString::from),
        expires_in: life.filter(|it| it.is_positive() && *it <= LONGEST_LIFE),
        scopes: said.scope.map(|it| Scopes::from_space_separated(&it)),
    })
}
