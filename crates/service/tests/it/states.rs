//! What people are told of a connection, from what is stored.

use domain::{
    audit::AuditAction,
    credential::{Provider, RefreshOutcome, RevocationReason},
    provider_health::ProviderHealth,
    state::{ConnectionState, RENEW_AHEAD, Reason},
};
use jiff::SignedDuration;
use service::{Policy, assess::Assessment, connections, overview};
use testkit::{
    db_tests,
    world::{SignedInAdmin, World, key_ring},
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The same for people and for the operator.
async fn told(world: &World, admin: &SignedInAdmin) -> Assessment {
    let page = overview::jira(&world.services, admin).await.unwrap();
    let slug = admin.team().slug.as_str();
    let found = connections::find(&world.services, slug).await.unwrap();
    assert_eq!(found.unwrap().assessment, page.assessment);
    let (_, mut all) = connections::list(&world.services, None).await.unwrap();
    let mut listed = Vec::new();
    while let Some(page) = all.next_page().await.unwrap() {
        listed.extend(page);
    }
    assert!(
        listed
            .iter()
            .any(|it| it.team.id == admin.team().id && it.assessment == page.assessment)
    );
    page.assessment
}

async fn set_health(world: &World, change: impl FnOnce(ProviderHealth) -> ProviderHealth) {
    let now = world.now();
    let mut tx = world.services.store.write().await.unwrap();
    let health = tx.lock_provider_health(Provider::Jira, now).await.unwrap();
    tx.set_provider_health(&change(health), now).await.unwrap();
    tx.commit().await.unwrap();
}

db_tests! {
    async fn tokens_that_do_not_open_are_the_operators_and_looking_is_no_event(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        assert_eq!(told(&world, &ada).await.state, ConnectionState::Connected);
        let before = world.audit(&ada).await;
        let other = world.another_process(key_ring("other", 9));
        let found = told(&other, &ada).await;
        assert_eq!(found.state, ConnectionState::Misconfigured);
        assert_eq!(found.reason, Some(Reason::TokensUnreadable));
        assert_eq!(world.audit(&ada).await, before);
        assert!(!before.contains(&AuditAction::CiphertextRefused));
        // One of the two suffices: the access token of before beside a refresh token from elsewhere.
        world.db.raw("UPDATE integration_credentials SET refresh_token = access_token").await.unwrap();
        assert_eq!(told(&world, &ada).await.state, ConnectionState::Misconfigured);
    }

    async fn a_consent_is_renewed_before_its_end_as_the_operator_says_how_long_it_lives(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let ends_at = world.stored(&ada).await.0.consented_at.unwrap() + DAY * 365;
        let found = told(&world, &ada).await;
        assert_eq!((found.state, found.consent_ends_at), (ConnectionState::Connected, Some(ends_at)));
        world.env.advance(DAY * 365 - RENEW_AHEAD);
        assert_eq!(told(&world, &ada).await.state, ConnectionState::RenewSoon);
        world.connect(&ada, "Sam One").await.unwrap();
        assert_eq!(told(&world, &ada).await.state, ConnectionState::Connected);
    }

    async fn a_consent_that_never_ends_is_never_renewed(db: TestDb) {
        let policy = Policy { allow_signup: true, consent_lifetime_days: None, ..Policy::default() };
        let world = World::with_policy(db, policy).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(DAY * 4_000);
        let found = told(&world, &ada).await;
        assert_eq!((found.state, found.consent_ends_at), (ConnectionState::Connected, None));
    }

    async fn an_outage_is_waited_for_only_once_the_token_has_ended(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let bob = world.admin("Bob", "Bolt").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let other = world.stored(&ada).await.0.id;
        assert_eq!(told(&world, &ada).await.state, ConnectionState::Connected);
        let now = world.now();
        set_health(&world, |it| it.after_failure(other, RefreshOutcome::NotSent, None, now)).await;
        assert_eq!(told(&world, &ada).await.state, ConnectionState::Connected);
        world.env.advance(HOUR * 2);
        let found = told(&world, &ada).await;
        assert_eq!((found.state, found.reason), (ConnectionState::Waiting, Some(Reason::ProviderUnavailable)));
        assert_eq!(found.next_attempt_at, Some(now + SignedDuration::from_secs(5)));
        let page = overview::jira(&world.services, &ada).await.unwrap();
        assert_eq!(page.provider.and_then(|it| it.failing_since), Some(now));
        set_health(&world, |it| it.after_failure(other, RefreshOutcome::Misconfigured, None, now)).await;
        let found = told(&world, &ada).await;
        assert_eq!((found.state, found.reason), (ConnectionState::Misconfigured, Some(Reason::ClientRefused)));
        let stranger = overview::jira(&world.services, &bob).await.unwrap();
        assert_eq!(stranger.assessment.state, ConnectionState::NotConnected);
    }

    async fn a_site_that_is_lost_is_told_until_one_is_chosen(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.db.raw("UPDATE jira_integrations SET lost_at = 1").await.unwrap();
        assert_eq!(told(&world, &ada).await.state, ConnectionState::SiteLost);
        world.connect(&ada, "Sam One").await.unwrap();
        assert_eq!(told(&world, &ada).await.state, ConnectionState::Connected);
    }

    async fn why_a_grant_died_is_told(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(DAY * 100);
        let now = world.now().as_millisecond();
        for (stored, reason) in [
            ("grant_revoked", RevocationReason::GrantIdleExpired),
            ("refresh_interrupted", RevocationReason::RefreshInterrupted),
        ] {
            let dead = format!("UPDATE integration_credentials SET revoked_at = {now}, revocation_reason = '{stored}'");
            world.db.raw(&dead).await.unwrap();
            let found = told(&world, &ada).await;
            assert_eq!(found.state, ConnectionState::ReconnectNeeded);
            assert_eq!(found.reason, Some(Reason::Grant(reason)));
        }
    }
}
