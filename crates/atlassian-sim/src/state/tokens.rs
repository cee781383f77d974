//! Codes and refresh tokens for pairs: rotation, leeway, reuse detection, the death of companions.

use std::collections::BTreeSet;

use atlassian::wire::{TokenRequest, TokenResponse};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::{Access, DeadGrant, Family, IDLE_LIFE, Inner, IssuedTokens, JiraSite, Refresh, later};
use crate::mint;

/// Why the token endpoint gave nothing: status, error, description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

pub(crate) type TokenAnswer = Result<TokenResponse, Refused>;

pub(crate) const WRONG_CLIENT: Refused = Refused {
    status: 401,
    error: "access_denied",
    description: "Unauthorized",
};
const WRONG_CODE: Refused = Refused {
    status: 400,
    error: "invalid_request",
    description: "authorization_code is invalid",
};

impl DeadGrant {
    const fn refused(self) -> Refused {
        match self {
            Self::UnauthorizedClient => Refused {
                status: 403,
                error: "unauthorized_client",
                description: "refresh_token is invalid",
            },
            Self::InvalidGrant => Refused {
                status: 403,
                error: "invalid_grant",
                description: "Unknown or invalid refresh token.",
            },
            Self::ExpiredOrRevoked => Refused {
                status: 400,
                error: "invalid_grant",
                description: "Token has been expired or revoked.",
            },
            Self::GloballyRevoked => Refused {
                status: 401,
                error: "access_denied",
                description: "Token was globally revoked",
            },
        }
    }
}

impl Inner {
    /// Whether the caller is the registered app.
    pub(crate) fn is_client(&self, id: &str, secret: &str) -> bool {
        id == self.client_id && secret == self.client_secret.expose_secret()
    }

    /// Answers `POST /oauth/token` of the registered app. Where a refresh does not rotate, the old
    /// refresh token stays in force, and the answer has none.
    pub(crate) fn token(&mut self, request: &TokenRequest, rotates: bool) -> TokenAnswer {
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
        let kept = &mut self.kept;
        let enforce_pkce = kept.switches.enforce_pkce;
        let matches_challenge = |challenge: &Option<String>| match (challenge, verifier) {
            (Some(challenge), Some(verifier)) => {
                URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == *challenge
            }
            _ => false,
        };
        let same_redirect = redirect_uri == self.redirect_uri;
        let found = kept.codes.get_mut(code).filter(|it| {
            let grant = kept.grants.get(it.grant);
            !it.is_used
                && now < it.expires_at
                && same_redirect
                && grant.is_some_and(|it| !it.is_revoked)
                && (!enforce_pkce || matches_challenge(&it.challenge))
        });
        let Some(found) = found else {
            kept.counts.exchange_refused += 1;
            return Err(WRONG_CODE);
        };
        found.is_used = true;
        let (grant, has_matched) = (found.grant, matches_challenge(&found.challenge));
        kept.counts.exchange += 1;
        kept.counts.verifier_matched += u64::from(has_matched);
        let granted = kept.grants.get(grant);
        let account = granted.and_then(|it| kept.accounts.iter().find(|an| an.id == it.account));
        kept.families.push(Family {
            grant,
            began_at: now,
            password_epoch: account.map(|it| it.password_epoch).unwrap_or_default(),
            has_refresh_tokens: granted.is_some_and(|it| it.scopes.contains("offline_access")),
            is_revoked: false,
        });
        let family = kept.families.len() - 1;
        let lag = SignedDuration::from_millis(kept.switches.propagation_lag_millis.into());
        let answer = self.issue(family);
        if let Some(access) = self.kept.access_tokens.get_mut(&answer.access_token) {
            access.lags_until = lag.is_positive().then(|| later(now, lag));
        }
        Ok(answer)
    }

    /// Inside it a rotated refresh token still works, and the old access token too.
    fn leeway(&self) -> SignedDuration {
        SignedDuration::from_secs(self.kept.switches.leeway_seconds.into())
    }

    /// Whether a refresh token would be exchanged for a pair now.
    pub(super) fn honours(&self, refresh_token: &str) -> bool {
        let found = self.kept.refresh_tokens.get(refresh_token);
        found.is_some_and(|it| {
            let is_too_late = |at| later(at, self.leeway()) <= self.now();
            !it.is_revoked
                && self.is_family_alive(it.family)
                && later(it.used_at, IDLE_LIFE) > self.now()
                && !it.rotated_at.is_some_and(is_too_late)
        })
    }

    fn refresh(&mut self, token: &str, rotates: bool) -> TokenAnswer {
        let now = self.now();
        let dead = self.kept.switches.dead_grant.refused();
        let Some(found) = self.kept.refresh_tokens.get(token).cloned() else {
            self.kept.counts.refresh_refused += 1;
            return Err(dead);
        };
        let family = found.family;
        let is_alive = !found.is_revoked && self.is_family_alive(family);
        let is_idle = later(found.used_at, IDLE_LIFE) <= now;
        let leeway = self.leeway();
        let is_too_late = found.rotated_at.is_some_and(|it| later(it, leeway) <= now);
        if !is_alive || is_idle || is_too_late {
            if is_too_late && self.kept.switches.reuse_revokes_family {
                self.end_family(family);
            }
            self.kept.counts.refresh_refused += 1;
            self.kept.counts.refresh_too_late += u64::from(is_too_late);
            return Err(dead);
        }
        if !rotates || self.kept.switches.omits_refresh_token {
            self.kept.counts.refresh += 1;
            return Ok(self.issue_access_alone(family, token));
        }
        if found.rotated_at.is_some() {
            self.kept.counts.refresh_reused += 1;
        } else {
            self.kept.counts.refresh += 1;
            let companion_dies = self.kept.switches.companion_access_token_dies;
            if let Some(access) = self.kept.access_tokens.get_mut(&found.access)
                && companion_dies
            {
                access.dies_at = access.dies_at.min(later(now, leeway));
            }
            if let Some(it) = self.kept.refresh_tokens.get_mut(token) {
                it.rotated_at = Some(now);
            }
        }
        Ok(self.issue(family))
    }

    /// Whether refresh tokens of a family may give pairs at all.
    pub(crate) fn is_family_alive(&self, family: usize) -> bool {
        let Some(family) = self.kept.families.get(family).filter(|it| !it.is_revoked) else {
            return false;
        };
        let grant = self.kept.grants.get(family.grant);
        let Some(grant) = grant.filter(|it| !it.is_revoked) else {
            return false;
        };
        let days = self.kept.switches.absolute_life_days;
        let life = SignedDuration::from_hours(24 * i64::from(days));
        let is_over = days > 0 && later(family.began_at, life) <= self.now();
        let account = self.account(&grant.account);
        !is_over
            && account.is_some_and(|it| it.is_active && it.password_epoch == family.password_epoch)
    }

    /// Gives a new access token beside the refresh token that stays.
    fn issue_access_alone(&mut self, family: usize, kept_token: &str) -> TokenResponse {
        let now = self.now();
        let mut answer = self.issue(family);
        let kept = &mut self.kept;
        if let Some(unsent) = answer.refresh_token.take() {
            kept.refresh_tokens.remove(&unsent);
            for issued in kept.newest.values_mut().filter(|it| it.refresh == unsent) {
                kept_token.clone_into(&mut issued.refresh);
            }
        }
        if let Some(it) = kept.refresh_tokens.get_mut(kept_token) {
            answer.access_token.clone_into(&mut it.access);
            it.used_at = now;
        }
        answer
    }

    /// Gives a new pair of a family.
    fn issue(&mut self, family: usize) -> TokenResponse {
        let env = std::sync::Arc::clone(&self.env);
        let now = self.now();
        let kept = &mut self.kept;
        let of_family = kept.families.get(family);
        let has_refresh_tokens = of_family.is_some_and(|it| it.has_refresh_tokens);
        let grant = of_family.and_then(|it| kept.grants.get(it.grant));
        let (account, scopes) = grant
            .map(|it| (it.account.clone(), it.scopes.clone()))
            .unwrap_or_default();
        let access = mint::access_token(env.as_ref());
        let seconds = kept.switches.access_token_seconds;
        let token = Access {
            family,
            scopes: scopes.clone(),
            dies_at: later(now, SignedDuration::from_secs(seconds)),
            is_revoked: false,
            lags_until: None,
        };
        kept.access_tokens.insert(access.clone(), token);
        kept.secrets.push(access.clone());
        let refresh = has_refresh_tokens.then(|| mint::refresh_token(env.as_ref()));
        if let Some(refresh) = &refresh {
            kept.secrets.push(refresh.clone());
            let entry = Refresh {
                family,
                access: access.clone(),
                used_at: now,
                rotated_at: None,
                is_revoked: false,
            };
            kept.refresh_tokens.insert(refresh.clone(), entry);
            let issued = IssuedTokens {
                account_id: account.clone(),
                access: access.clone(),
                refresh: refresh.clone(),
            };
            kept.newest.insert(account, issued);
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

    /// What an access token may do now: the account, the scopes, the sites.
    ///
    /// # Errors
    ///
    /// [`BadToken`] if it is dead.
    pub(crate) fn bearer(&self, token: &str) -> Result<Bearer<'_>, BadToken> {
        let kept = &self.kept;
        let access = kept.access_tokens.get(token);
        let access = access
            .filter(|it| !it.is_revoked)
            .ok_or(BadToken::Unknown)?;
        let grant = kept
            .families
            .get(access.family)
            .and_then(|it| kept.grants.get(it.grant))
            .filter(|it| !it.is_revoked)
            .ok_or(BadToken::Unknown)?;
        let account = self.account(&grant.account).filter(|it| it.is_active);
        let account = account.ok_or(BadToken::Unknown)?;
        if self.now() >= access.dies_at {
            return Err(BadToken::Expired);
        }
        let sites = grant.sites.iter().filter_map(|it| kept.sites.get(it));
        Ok(Bearer {
            account,
            scopes: &access.scopes,
            sites: sites.filter(|it| !it.is_removed).collect(),
        })
    }

    /// Whether the edge has not heard of the token yet: true once, right after its consent.
    pub(crate) fn lags(&mut self, token: &str) -> bool {
        let now = self.now();
        let access = self.kept.access_tokens.get_mut(token);
        let until: Option<Timestamp> = access.and_then(|it| it.lags_until.take());
        until.is_some_and(|it| now < it)
    }
}

/// Why an access token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadToken {
    /// Never given, or its grant has ended.
    Unknown,
    /// Its time is over.
    Expired,
}

/// Whom a request with an access token comes from.
pub(crate) struct Bearer<'a> {
    pub(crate) account: &'a super::Account,
    pub(crate) scopes: &'a BTreeSet<String>,
    pub(crate) sites: Vec<&'a JiraSite>,
}
