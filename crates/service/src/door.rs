//! The door by which services come in: a key leads to its team's connection, and that to a token.
//!
//! Whoever has a good key pays one statement for a good token: key, grant and site are read together, and
//! that the key was used is counted in memory. Bad keys are counted for an address; a good one is served
//! whatever others behind the same address try. What a key may do is said with it: each call names its errand.

use std::{pin::Pin, sync::Arc};

use anyhow::anyhow;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    api_key::{ApiKey, Forbidden},
    credential::{Generation, IntegrationCredential, Provider, Scopes},
    ids::CredentialId,
    jira::Site,
    session::TokenHash,
    text::{AccountId, CloudId},
};
use jiff::Timestamp;
use store::ConnectionOverview;
use url::Url;
use uuid::Uuid;

use crate::{
    Error, Services,
    assess::Assessment,
    refresh::{self, Caveat, TokenError, ValidToken, Wish},
};

mod identify;
mod warning;

pub use identify::{KeyEnded, KeyError, identify};
pub use warning::Warning;

/// A service that presented a good key, and what it is after. Made by [`identify()`] only.
#[derive(Clone, Debug)]
pub struct ApiClient {
    key: ApiKey,
    /// By which the key is found again.
    hash: TokenHash,
    provider: Provider,
    connection: ConnectionOverview,
}

impl ApiClient {
    /// The key.
    pub const fn key(&self) -> &ApiKey {
        &self.key
    }

    /// Whether there is a grant that Atlassian has not refused.
    pub(crate) fn has_live_grant(&self) -> bool {
        live(self).is_some()
    }

    /// The site that was chosen when the key was read.
    pub fn site(&self) -> Option<&Site> {
        let integration = self.connection.integration.as_ref();
        integration.map(|it| &it.site)
    }
}

/// What a service is told of its team's connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its state, and why.
    pub assessment: Assessment,
    /// The chosen site.
    pub site: Option<Site>,
    /// Whose grant it is, where that is known.
    pub account_id: Option<AccountId>,
    /// What was granted.
    pub scopes: Scopes,
    /// Until when the token in force is good.
    pub token_valid_until: Option<Timestamp>,
    /// What to know of it.
    pub warning: Option<Warning>,
}

/// A token, and all that is needed to call the provider with it.
#[derive(Clone, Debug)]
pub struct Served {
    /// The token.
    pub token: ValidToken,
    /// The chosen site.
    pub site: Site,
    /// Where calls of that site begin; none while the operator has not set up the provider.
    pub base_url: Option<Url>,
    /// What was granted.
    pub scopes: Scopes,
    /// What to know of it.
    pub warning: Option<Warning>,
}

impl Served {
    /// Names the token, for a service that reports it. Not for reading.
    pub fn token_id(&self) -> String {
        let mut bytes = [0; 24];
        let (credential, generation) = bytes.split_at_mut(16);
        credential.copy_from_slice(self.token.credential.uuid().as_bytes());
        generation.copy_from_slice(&self.token.generation.0.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// Reads what [`Served::token_id`] made.
fn read_token_id(text: &str) -> Option<(CredentialId, Generation)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (credential, generation) = bytes.split_first_chunk::<16>()?;
    let generation = i64::from_be_bytes(generation.try_into().ok()?);
    let credential = CredentialId::from_uuid(Uuid::from_bytes(*credential));
    Some((credential, Generation(generation)))
}

/// Why no token is handed out.
#[derive(Debug, thiserror::Error)]
pub enum NotServed {
    /// There is none.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The key ended while a token was waited for.
    #[error(transparent)]
    Key(#[from] KeyEnded),
    /// Another site was chosen meanwhile, and the key is not for that one.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

impl From<Error> for NotServed {
    fn from(err: Error) -> Self {
        Self::Token(err.into())
    }
}

/// Why a reported token is not replaced.
#[derive(Debug, thiserror::Error)]
pub enum RejectedError {
    /// The id names no token of this connection.
    #[error("not the id of a token of this connection")]
    UnknownToken,
    /// There is no other token.
    #[error(transparent)]
    NotServed(#[from] NotServed),
}

impl From<TokenError> for RejectedError {
    fn from(err: TokenError) -> Self {
        Self::NotServed(err.into())
    }
}

/// What there is to tell of the connection. Makes no call to Atlassian.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn connection(services: &Services, client: &ApiClient) -> Result<Connection, Error> {
    let now = services.env.now();
    let read;
    let found = if live(client).is_some() {
        &client.connection
    } else {
        read = read_anew(services, client).await?;
        &read
    };
    let assessment = Assessment::from(services.facts(found, now));
    let credential = found.credential.as_ref();
    let tokens = credential.and_then(|it| it.tokens.as_ref());
    Ok(Connection {
        assessment,
        site: found.integration.as_ref().map(|it| it.site.clone()),
        account_id: credential.and_then(|it| it.account_id.clone()),
        scopes: credential.map(|it| it.scopes.clone()).unwrap_or_default(),
        token_valid_until: tokens.map(|it| it.access_expires_at),
        warning: Warning::first(assessment.state, None, Warning::of_key(&client.key, now)),
    })
}

/// A token that is good now, and for as long as is wished where that can be had.
///
/// # Errors
///
/// [`NotServed`].
pub async fn token(
    services: &Arc<Services>,
    client: &ApiClient,
    wish: Wish,
) -> Result<Served, NotServed> {
    let Some(credential) = live(client) else {
        return Err(no_connection(services, client).await.into());
    };
    let token = refresh::serve(services, credential, wish).await?;
    hand_out(services, client, credential, token).await
}

/// A token that is good now, and the site to use it at: [`token`] without what a service is told beside.
pub(crate) async fn token_and_site(
    services: &Arc<Services>,
    client: &ApiClient,
    wish: Wish,
) -> Result<(ValidToken, CloudId), NotServed> {
    let Some(credential) = live(client) else {
        return Err(no_connection(services, client).await.into());
    };
    let token = refresh::serve(services, credential, wish).await?;
    match client.site() {
        Some(site) if !is_stale(credential, &token) => Ok((token, site.cloud_id.clone())),
        _ => {
            let served = hand_out(services, client, credential, token).await?;
            Ok((served.token, served.site.cloud_id))
        }
    }
}

/// Another token in the place of one that was refused at `site`, if there is one or one can be had, and the
/// team's connection is still with that site.
pub(crate) async fn replace_refused(
    services: &Arc<Services>,
    client: &ApiClient,
    refused: &ValidToken,
    site: &CloudId,
) -> Result<Option<ValidToken>, NotServed> {
    // Not as it was when the key was found: another process may have been here.
    let found = read_again(services, client).await?.unwrap_or_default();
    let Some(credential) = live_grant(&found) else {
        return Err(no_connection(services, client).await.into());
    };
    let rejected = (refused.credential, refused.generation);
    let token = refresh::replace_rejected(services, credential, rejected, Wish::NOW).await?;
    if (token.credential, token.generation) == rejected {
        return Ok(None);
    }
    let anew = read_if_stale(services, client, credential, &token).await?;
    let found = anew.unwrap_or(found);
    let now_at = found.integration.as_ref().map(|it| &it.site.cloud_id);
    client.key.fits(now_at)?;
    Ok((now_at == Some(site)).then_some(token))
}

/// For a service whose token was refused: another one, or the same with the proof that it works.
///
/// # Errors
///
/// [`RejectedError`].
pub async fn replace_rejected(
    services: &Arc<Services>,
    client: &ApiClient,
    token_id: &str,
    wish: Wish,
) -> Result<Served, RejectedError> {
    let rejected = read_token_id(token_id).ok_or(RejectedError::UnknownToken)?;
    let Some(credential) = live(client) else {
        return Err(no_connection(services, client).await.into());
    };
    if rejected.0 != credential.id {
        return Err(RejectedError::UnknownToken);
    }
    let token = refresh::replace_rejected(services, credential, rejected, wish).await?;
    Ok(hand_out(services, client, credential, token).await?)
}

/// The grant, if it is one that Atlassian has not refused.
fn live(client: &ApiClient) -> Option<&IntegrationCredential> {
    live_grant(&client.connection)
}

fn live_grant(found: &ConnectionOverview) -> Option<&IntegrationCredential> {
    found.credential.as_ref().filter(|it| it.is_live())
}

/// Whether a token is not of the grant as it was read, for it was refreshed since, or somebody tried to: then
/// somebody waited for it, and key, grant and site may be others by now.
fn is_stale(read: &IntegrationCredential, token: &ValidToken) -> bool {
    token.caveat.is_some() || (token.credential, token.generation) != (read.id, read.generation)
}

/// Key and connection as they are now. None where the store is away: a token that is in hand must not be lost for
/// that, but to a key that has expired.
///
/// # Errors
///
/// [`KeyEnded`].
async fn read_again(
    services: &Services,
    client: &ApiClient,
) -> Result<Option<ConnectionOverview>, KeyEnded> {
    // Boxed, as it is rare: room for it would be moved about with each good token.
    match Box::pin(identify::recheck(services, client)).await {
        Ok(found) => Ok(Some(found)),
        Err(KeyError::Ended(why)) => Err(why),
        Err(_) => {
            KeyEnded::check(&client.key, services.env.now())?;
            Ok(None)
        }
    }
}

/// The same, but only for who may have waited since `read`.
async fn read_if_stale(
    services: &Services,
    client: &ApiClient,
    read: &IntegrationCredential,
    token: &ValidToken,
) -> Result<Option<ConnectionOverview>, KeyEnded> {
    if is_stale(read, token) {
        read_again(services, client).await
    } else {
        Ok(None)
    }
}

/// Adds to a token what a service needs beside it.
async fn hand_out(
    services: &Services,
    client: &ApiClient,
    before: &IntegrationCredential,
    token: ValidToken,
) -> Result<Served, NotServed> {
    let anew = read_if_stale(services, client, before, &token).await?;
    // What is in the memory of one process is newer than whatever could be read of the grant.
    let anew = anew.filter(|_| token.caveat != Some(Caveat::NotSaved));
    let found = anew.as_ref().unwrap_or(&client.connection);
    let now = services.env.now();
    let facts = services.facts_with_open_tokens(found, now);
    let Some(integration) = &found.integration else {
        // They are written in one transaction; or somebody has just disconnected.
        return Err(if facts.state().has_grant() {
            Error::Internal(anyhow!("a grant in force without a site")).into()
        } else {
            no_connection(services, client).await.into()
        });
    };
    let site = integration.site.clone();
    client.key.fits(Some(&site.cloud_id))?;
    let atlassian = services.atlassian.as_ref();
    Ok(Served {
        base_url: atlassian.map(|it| it.gateway_url(&site.cloud_id)),
        scopes: found
            .credential
            .as_ref()
            .map(|it| it.scopes.clone())
            .unwrap_or_default(),
        warning: Warning::first(
            facts.state(),
            token.caveat,
            Warning::of_key(&client.key, now),
        ),
        site,
        token,
    })
}

async fn no_connection(services: &Services, client: &ApiClient) -> TokenError {
    match read_anew(services, client).await {
        Ok(found) => {
            let state = services.facts(&found, services.env.now()).state();
            TokenError::NoConnection(state)
        }
        Err(err) => err.into(),
    }
}

/// Boxed, as it is rare: room for it would be moved about with each good token.
fn read_anew<'a>(
    services: &'a Services,
    client: &'a ApiClient,
) -> Pin<Box<impl Future<Output = Result<ConnectionOverview, Error>>>> {
    Box::pin(async move {
        let now = services.env.now();
        let mut tx = services.store.read().await?;
        Ok(tx
            .find_connection_overview(client.key.team, client.provider, now)
            .await?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_of_a_token_is_not_read() {
        let id = URL_SAFE_NO_PAD.encode([7; 24]);
        let read = read_token_id(&id).unwrap();
        assert_eq!(read.0, CredentialId::from_uuid(Uuid::from_bytes([7; 16])));
        assert_eq!(read.1, Generation(0x0707_0707_0707_0707));
        for bad in ["", "AAAA", &id[1..], &format!("{id}AAAA"), "ä", "+/=="] {
            assert!(read_token_id(bad).is_none(), "{bad:?}");
        }
    }
}
