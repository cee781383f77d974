//! What lies in the database is sealed, and opens in its own place only.

use domain::audit::AuditAction;
use service::start::{StartError, check_key_ring, readiness};
use testkit::{db_tests, world::World};

db_tests! {
    async fn two_rows_with_swapped_ciphertexts_both_refuse_to_open(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Evil").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.connect(&eve, "Sam One").await.unwrap();
        // What one row holds goes into the other, in one statement.
        let swap = "UPDATE integration_credentials SET access_token = other.access_token
            FROM (SELECT id, access_token FROM integration_credentials ORDER BY id LIMIT 2) AS other
            WHERE other.id <> integration_credentials.id";
        world.db.raw(swap).await.unwrap();
        for team in [&ada, &eve] {
            let err = world.token(team).await.unwrap_err();
            assert!(err.to_string().contains("does not open"), "{err}");
            assert!(world.audit(team).await.contains(&AuditAction::CiphertextRefused));
        }
        assert_eq!(world.sim.counts().refresh, 0, "never a refresh");
    }

    async fn a_wrong_key_ring_does_not_start_and_writes_nothing(db: TestDb) {
        let world = World::new(db).await;
        check_key_ring(&world.services).await.unwrap();
        check_key_ring(&world.services).await.unwrap();
        readiness(&world.services).await.unwrap();
        let stranger = world.with_another_ring();
        assert!(matches!(check_key_ring(&stranger).await, Err(StartError::WrongKeyRing(_))));
        assert!(readiness(&stranger).await.is_err());
        check_key_ring(&world.services).await.unwrap();
    }

    async fn the_database_holds_no_secret_in_the_clear(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Mia Krystof").await.unwrap();
        let secrets = world.secrets();
        assert!(secrets.len() >= 6);
        let dump = world.dump().await;
        for secret in &secrets {
            assert!(!dump.contains(secret.as_str()));
        }
        // The search finds what is planted.
        world.plants_a_secret();
        world.db.raw(&format!("UPDATE users SET name = '{}'", &secrets[0][..90])).await.unwrap();
        assert!(world.dump().await.contains(&secrets[0][..90]));
    }
}
