//! Codes and refresh tokens for pairs: rotation, leeway, reuse detection, the death of companions.

use std::collections::BTreeSet;

use atlassian::wire::{TokenRequest, TokenResponse};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::{Access, Family, IDLE_LIFE, Inner, IssuedTokens, JiraSite, LEEWAY, Refresh};
use crate::mint;

/// Why the token endpoint gave nothing: status, error, description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

pub(crate) type TokenAnswer = Result<TokenResponse, Refused>;

const WRONG_CLIENT: Refused = Refused {
    status: 401,
    error: "access_denied",
    description: "Unauthorized",
};
const WRONG_CODE: Refused = Refused {
    status: 400,
    error: "invalid_request",
    description: "authorization_code is invalid",
};
const DEAD: Refused = Refused {
    status: 403,
    error: "unauthorized_client",
    description: "refresh_token is invalid",
};
const DEAD_AS_DOCUMENTED: Refused = Refused {
    status: 403,
    error: "invalid_grant",
    description: "Unknown or invalid refresh token.",
};

impl Inner {
    /// Answers `POST /oauth/token`. Where a refresh does not rotate, the old refresh token stays in
    /// force, and the answer has none.
    pub(crate) fn token(&mut self, request: &TokenRequest, rotates: bool) -> TokenAnswer {
        self.counts.token_requests += 1;
        let (TokenRequest::AuthorizationCode {
            client_id,
            client_secret,
            ..
        }
        | TokenRequest::RefreshToken {
            client_id,
            client_secret,
            ..
        }) = request;
        if *client_id != self.client_id || client_secret != self.client_secret.expose_secret() {
            self.counts.client_refused += 1;
            return Err(WRONG_CLIENT);
        }
        match request {
            TokenRequest::AuthorizationCode {
                code,
                redirect_uri,
                code_verifier,
                ..
            } => self.exchange(code, redirect_uri, code_verifier.as_deref()),
            TokenRequest::RefreshToken { refresh_token, .. } => {
                self.refresh(refresh_token, rotates)
            }
        }
    }

    fn exchange(&mut self, code: &str, redirect_uri: &str, verifier: Option<&str>) -> TokenAnswer {
        let now = self.now();
        let enforce_pkce = self.switches.enforce_pkce;
        let matches_challenge = |challenge: &Option<String>| match (challenge, verifier) {
            (Some(challenge), Some(verifier)) => {
                URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == *challenge
            }
            _ => false,
        };
        let same_redirect = redirect_uri == self.redirect_uri;
        let found = self.codes.get_mut(code).filter(|it| {
            !it.is_used
                && now < it.expires_at
                && same_redirect
                && (!enforce_pkce || matches_challenge(&it.challenge))
        });
        let Some(found) = found else {
            self.counts.exchange_refused += 1;
            return Err(WRONG_CODE);
        };
        found.is_used = true;
        let (grant, has_matched) = (found.grant, matches_challenge(&found.challenge));
        self.counts.exchange += 1;
        self.counts.verifier_matched += u64::from(has_matched);
        self.families.push(Family {
            grant,
            is_revoked: false,
        });
        Ok(self.issue(self.families.len() - 1))
    }

    fn refresh(&mut self, token: &str, rotates: bool) -> TokenAnswer {
        let now = self.now();
        let dead = if self.switches.documented_errors {
            DEAD_AS_DOCUMENTED
        } else {
            DEAD
        };
        let Some(found) = self.refresh_tokens.get(token).cloned() else {
            self.counts.refresh_refused += 1;
            return Err(dead);
        };
        let family = found.family;
        let is_alive = self.families.get(family).is_some_and(|it| {
            !it.is_revoked && self.grants.get(it.grant).is_some_and(|it| !it.is_revoked)
        });
        let is_idle = found.used_at + IDLE_LIFE <= now;
        let is_too_late = found.rotated_at.is_some_and(|it| it + LEEWAY <= now);
        if !is_alive || is_idle || is_too_late {
            if is_too_late && self.switches.reuse_revokes_family {
                self.revoke_family(family);
            }
            self.counts.refresh_refused += 1;
            return Err(dead);
        }
        if !rotates {
            self.counts.refresh += 1;
            return Ok(self.issue_access_alone(family, token));
        }
        if found.rotated_at.is_some() {
            self.counts.refresh_reused += 1;
        } else {
            self.counts.refresh += 1;
            // Its companion dies with it.
            if let Some(access) = self.access_tokens.get_mut(&found.access) {
                access.dies_at = access.dies_at.min(now + LEEWAY);
            }
            if let Some(it) = self.refresh_tokens.get_mut(token) {
                it.rotated_at = Some(now);
            }
        }
        Ok(self.issue(family))
    }

    fn revoke_family(&mut self, family: usize) {
        if let Some(it) = self.families.get_mut(family) {
            it.is_revoked = true;
        }
    }

    /// Gives a new access token beside the refresh token that stays.
    fn issue_access_alone(&mut self, family: usize, kept: &str) -> TokenResponse {
        let mut answer = self.issue(family);
        if let Some(unsent) = answer.refresh_token.take() {
            self.refresh_tokens.remove(&unsent);
            for issued in self.newest.values_mut().filter(|it| it.refresh == unsent) {
                kept.clone_into(&mut issued.refresh);
            }
        }
        if let Some(it) = self.refresh_tokens.get_mut(kept) {
            answer.access_token.clone_into(&mut it.access);
            it.used_at = self.env.now();
        }
        answer
    }

    /// Gives a new pair of a family.
    fn issue(&mut self, family: usize) -> TokenResponse {
        let env = std::sync::Arc::clone(&self.env);
        let now = self.now();
        let grant = self
            .families
            .get(family)
            .map(|it| it.grant)
            .unwrap_or_default();
        let (account, scopes) = self
            .grants
            .get(grant)
            .map(|it| (it.account.clone(), it.scopes.clone()))
            .unwrap_or_default();
        let access = mint::access_token(env.as_ref());
        let seconds = self.switches.access_token_seconds;
        let dies_at = now + SignedDuration::from_secs(seconds);
        self.access_tokens.insert(
            access.clone(),
            Access {
                grant,
                scopes: scopes.clone(),
                dies_at,
            },
        );
        self.secrets.push(access.clone());
        let refresh = scopes
            .contains("offline_access")
            .then(|| mint::refresh_token(env.as_ref()));
        if let Some(refresh) = &refresh {
            self.secrets.push(refresh.clone());
            let entry = Refresh {
                family,
                access: access.clone(),
                used_at: now,
                rotated_at: None,
            };
            self.refresh_tokens.insert(refresh.clone(), entry);
            let issued = IssuedTokens {
                account_id: account.clone(),
                access: access.clone(),
                refresh: refresh.clone(),
            };
            self.newest.insert(account, issued);
        }
        let mut words: Vec<String> = scopes.into_iter().collect();
        mint::shuffle(env.as_ref(), &mut words);
        TokenResponse {
            access_token: access,
            refresh_token: refresh,
            expires_in: Some(seconds),
            scope: Some(words.join(" ")),
            token_type: Some("Bearer".to_owned()),
        }
    }

    /// What an access token may do now: the account, the scopes, the sites. `None` if it is dead.
    pub(crate) fn bearer(&self, token: &str) -> Option<Bearer<'_>> {
        let access = self
            .access_tokens
            .get(token)
            .filter(|it| self.now() < it.dies_at)?;
        let grant = self.grants.get(access.grant).filter(|it| !it.is_revoked)?;
        let account = self.accounts.iter().find(|it| it.id == grant.account)?;
        let sites = grant
            .sites
            .iter()
            .filter_map(|it| self.sites.get(it))
            .collect();
        Some(Bearer {
            account,
            scopes: &access.scopes,
            sites,
        })
    }
}

/// Whom a request with an access token comes from.
pub(crate) struct Bearer<'a> {
    pub(crate) account: &'a super::Account,
    pub(crate) scopes: &'a BTreeSet<String>,
    pub(crate) sites: Vec<&'a JiraSite>,
}
