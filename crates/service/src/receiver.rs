//! The receiver of webhooks, for the operator: is it switched off, on again, does it take a test.

use domain::{
    env::{Env, random},
    sending::{RESEND_SINCE, SendTrouble},
};
use jiff::Timestamp;
use serde_json::json;

use crate::{Error, Services, webhook::WebhookReceiver};

/// What switching on did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enabled {
    /// Whether it was off.
    pub was_off: bool,
    /// How many webhooks that were given up are sent after all.
    pub resent: u64,
}

/// Since when it is switched off; none where it is on.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn disabled_since(
    services: &Services,
    receiver: &WebhookReceiver,
) -> Result<Option<Timestamp>, Error> {
    let mut tx = services.store.read().await?;
    let health = tx.find_receiver_health(&receiver.url_hash()).await?;
    Ok(health.disabled_at)
}

/// Switches it on again, as if it had never failed. What was given up in the last three days is sent after
/// all, with the ids that it had.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn enable(services: &Services, receiver: &WebhookReceiver) -> Result<Enabled, Error> {
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    let was_off = tx.enable_receiver(&receiver.url_hash(), now).await?;
    let resent = if was_off {
        tx.resend_webhooks(now - RESEND_SINCE, now).await?
    } else {
        0
    };
    tx.commit().await?;
    Ok(Enabled { was_off, resent })
}

/// Sends an event of the type `test`, now and once.
///
/// # Errors
///
/// Why it was not taken.
pub async fn send_test(env: &dyn Env, receiver: &WebhookReceiver) -> Result<(), SendTrouble> {
    let now = env.now();
    let id = format!("msg_{:032x}", u128::from_be_bytes(random(env)));
    let event = json!({ "type": "test", "timestamp": now, "data": { "version": 1 } });
    receiver
        .send(&id, event.to_string(), now)
        .await
        .map_err(|it| it.trouble)
}
