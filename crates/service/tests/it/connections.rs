//! What the operator sees of all connections: who needs people first, however many there are.

use domain::{
    credential::{Generation, IntegrationCredential, Provider, RefreshSchedule, SealedTokens},
    ids::{CredentialId, TeamId},
    need::Need,
    sealed::Sealed,
    state::ConnectionState,
    team::Team,
    text::{Slug, TeamName},
};
use service::connections;
use testkit::{db_tests, world::World};

/// More teams with a connection than fit into a page; nobody can open their tokens.
async fn many(world: &World, count: u32) {
    let now = world.now();
    let mut tx = world.services.store.write().await.unwrap();
    for n in 0..count {
        let team = Team {
            id: TeamId::new(world.env.as_ref()),
            slug: Slug::parse(&format!("many-{n:04}")).unwrap(),
            name: TeamName::parse(&format!("Many {n}")).unwrap(),
            created_at: now,
        };
        tx.add_team(&team).await.unwrap();
        let sealed = || Sealed::from_bytes(vec![1; 40]);
        let credential = IntegrationCredential {
            id: CredentialId::new(world.env.as_ref()),
            team: team.id,
            provider: Provider::Jira,
            tokens: Some(SealedTokens {
                access: sealed(),
                refresh: sealed(),
                access_expires_at: now,
            }),
            scopes: domain::credential::Scopes::default(),
            account_id: None,
            connected_by: None,
            consented_at: Some(now),
            generation: Generation(1),
            consecutive_failures: 0,
            last_outcome: None,
            last_refreshed_at: None,
            last_used_at: None,
            schedule: RefreshSchedule::default(),
            revoked_at: None,
            revocation_reason: None,
            disconnected_at: None,
            disconnected_by: None,
        };
        assert!(tx.add_credential(&credential, now).await.unwrap());
    }
    tx.commit().await.unwrap();
}

/// Short names and states, in order, and how many were in memory at once.
async fn listed(
    world: &World,
    wanted: Option<ConnectionState>,
) -> (Vec<(String, ConnectionState)>, usize) {
    let (_, mut all) = connections::list(&world.services, wanted).await.unwrap();
    let (mut told, mut most) = (Vec::new(), 0);
    while let Some(page) = all.next_page().await.unwrap() {
        most = most.max(page.len());
        told.extend(
            page.iter()
                .map(|it| (it.team.slug.as_str().to_owned(), it.assessment.state)),
        );
    }
    (told, most)
}

db_tests! {
    async fn who_needs_people_comes_first_however_many_there_are(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let zoo = world.another_team(&ada, "Zoo").await;
        world.connect(&zoo, "Sam One").await.unwrap();
        let beta = world.another_team(&ada, "Beta").await;
        world.connect(&beta, "Sam One").await.unwrap();
        let gone = world.another_team(&ada, "Gone").await;
        world.connect(&gone, "Sam One").await.unwrap();
        world.disconnect(&gone).await;
        world.another_team(&ada, "Never").await;
        many(&world, 1_001).await;
        let dead = format!("UPDATE integration_credentials SET revoked_at = {}, revocation_reason = 'grant_revoked' \
            WHERE team_id = (SELECT id FROM teams WHERE slug = 'zoo')", world.now().as_millisecond());
        world.db.raw(&dead).await.unwrap();
        world.db.raw("UPDATE integration_credentials SET consecutive_failures = 1, last_outcome = 'not_sent', failing_since = 7 \
            WHERE team_id = (SELECT id FROM teams WHERE slug = 'beta')").await.unwrap();

        let (all, most) = listed(&world, None).await;
        assert_eq!(all.len(), 1_005);
        assert!(most <= 500, "{most} in memory at once");
        assert_eq!(all[0], ("zoo".to_owned(), ConnectionState::ReconnectNeeded));
        assert_eq!(all[1], ("many-0000".to_owned(), ConnectionState::Misconfigured));
        assert_eq!(all[1_001], ("many-1000".to_owned(), ConnectionState::Misconfigured));
        assert_eq!(all[1_002..], [
            ("beta".to_owned(), ConnectionState::Degraded),
            ("acme".to_owned(), ConnectionState::Connected),
            ("gone".to_owned(), ConnectionState::Disconnected),
        ]);
        assert!(all.is_sorted_by_key(|(_, state)| state.need()));
        assert_eq!(all.iter().filter(|(_, it)| it.need() == Need::People).count(), 1);
        let (some, _) = listed(&world, Some(ConnectionState::Degraded)).await;
        assert_eq!(some, [("beta".to_owned(), ConnectionState::Degraded)]);
        assert_eq!(listed(&world, Some(ConnectionState::SiteLost)).await.0, []);
    }

    async fn since_when_is_told_with_the_incident(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let find = async || connections::find(&world.services, "acme").await.unwrap().unwrap();
        let connected_at = world.now();
        assert_eq!((find().await.since, find().await.incident), (Some(connected_at), None));
        world.env.advance(jiff::SignedDuration::from_hours(2));
        let dead = format!("UPDATE integration_credentials SET revoked_at = {}, revocation_reason = 'grant_revoked'", world.now().as_millisecond());
        world.db.raw(&dead).await.unwrap();
        let found = find().await;
        assert_eq!((found.assessment.state, found.since), (ConnectionState::ReconnectNeeded, Some(world.now())));
        assert!(connections::find(&world.services, "nobody").await.unwrap().is_none());
    }

    async fn a_trip_that_waits_decides_where_there_is_no_grant(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.disconnect(&ada).await;
        service::connect::begin(&world.services, &ada).await.unwrap();
        let connecting = [("acme".to_owned(), ConnectionState::Connecting)];
        assert_eq!(listed(&world, None).await.0, connecting);
        assert_eq!(connections::find(&world.services, "acme").await.unwrap().unwrap().since, Some(world.now()));
    }
}
