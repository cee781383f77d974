//! That the refreshing holds whatever goes wrong around it: proofs by counting.

use std::collections::BTreeSet;

use domain::credential::IntegrationCredential;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use service::refresh::{TokenError, ValidToken};
use testkit::world::{SignedInAdmin, World};

mod answers;
mod dead;
mod leases;
mod model;
mod outage;
mod rejected;
mod store_trouble;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A team connected as "Sam One", two hours ago: the token has ended.
async fn expired(world: &World) -> SignedInAdmin {
    let ada = connected(world).await;
    world.env.advance(HOUR * 2);
    ada
}

/// A team connected as "Sam One" just now.
async fn connected(world: &World) -> SignedInAdmin {
    let ada = world.admin("Ada", "Acme").await;
    world.connect(&ada, "Sam One").await.unwrap();
    ada
}

/// Somebody in the world's process asks for a token.
fn ask(
    world: &World,
    admin: &SignedInAdmin,
) -> tokio::task::JoinHandle<Result<ValidToken, TokenError>> {
    let (world, admin) = (world.clone(), admin.clone());
    tokio::spawn(async move { world.token(&admin).await })
}

/// The tokens that so many callers at once get, each of which gets one.
async fn ask_all(world: &World, admin: &SignedInAdmin, callers: usize) -> BTreeSet<String> {
    let callers: Vec<_> = (0..callers).map(|_| ask(world, admin)).collect();
    let mut tokens = BTreeSet::new();
    for caller in callers {
        tokens.insert(clear(&caller.await.unwrap().unwrap()));
    }
    tokens
}

fn clear(token: &ValidToken) -> String {
    token.access.expose_secret().to_owned()
}

/// The access token that the row holds.
async fn stored(world: &World, admin: &SignedInAdmin) -> String {
    let credential = row(world, admin).await;
    let tokens = world.open_tokens(&credential);
    tokens.access.expose_secret().to_owned()
}

async fn row(world: &World, admin: &SignedInAdmin) -> IntegrationCredential {
    world.credential(admin).await.unwrap()
}

/// Somebody asks every ten seconds for a minute: so long the process watches whether
/// the store takes what is written, before it sends a token whose leeway is over.
async fn ask_for_a_minute(world: &World, admin: &SignedInAdmin) {
    for _ in 0..6 {
        world.token(admin).await.unwrap_err();
        world.env.advance(SECOND * 10);
    }
}

/// By the database's clock every lease is over: for a holder that gives no sign of life.
async fn lapse_leases(world: &World) {
    let sql = "UPDATE integration_credentials SET lease_until = 1 WHERE lease_until IS NOT NULL";
    world.db.raw(sql).await.unwrap();
}
