//! Keys: each is proved at the start, rotated beside serving processes, and goes when nothing needs it.

use domain::{audit::AuditAction, credential::Provider, state::ConnectionState};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use service::{
    connect::finish,
    keys::{KeyRole, RetireError, retire, status},
    rotate_keys::{reseal_batch, rotate},
    start::{StartError, check_key_ring, readiness},
};
use store::SealedColumn;
use testkit::{
    db_tests,
    world::{SignedInAdmin, World, key_ring_of},
};
use uuid::Uuid;
use vault::{KeyId, OpenError};

const OLD: (&str, u8) = ("tests", 1);
const NEW: (&str, u8) = ("new", 2);

fn id(text: &str) -> KeyId {
    KeyId::parse(text).unwrap()
}

/// How many values a key sealed, and what it is for.
async fn of_key(world: &World, key: &str) -> (Option<KeyRole>, u64) {
    let status = status(&world.services).await.unwrap();
    let key = status.keys.iter().find(|it| it.id.as_str() == key);
    (
        key.map(|it| it.role),
        key.map_or(0, service::keys::KeyStatus::total),
    )
}

/// What the database holds is what the simulator would take, and a token can be had.
async fn nothing_is_lost(world: &World, admin: &SignedInAdmin) {
    let (credential, _) = world.stored(admin).await;
    let stored = world.open_tokens(&credential);
    assert!(
        world
            .sim
            .secrets()
            .iter()
            .any(|it| it == stored.refresh.expose_secret())
    );
    assert_eq!(world.state(admin).await, ConnectionState::Connected);
    world.token(admin).await.unwrap();
}

db_tests! {
    async fn a_key_of_the_ring_that_is_not_the_right_one_does_not_start(db: TestDb) {
        let world = World::new(db).await;
        let both = world.another_process(key_ring_of(&[OLD, NEW]));
        check_key_ring(&both.services).await.unwrap();
        let slip = world.another_process(key_ring_of(&[OLD, ("new", 3)]));
        let err = check_key_ring(&slip.services).await.unwrap_err();
        assert!(matches!(err, StartError::WrongKey { ref id, .. } if id.as_str() == "new"), "{err}");
        assert!(readiness(&slip.services).await.is_err());
        readiness(&both.services).await.unwrap();
    }

    async fn a_key_that_is_needed_and_missing_does_not_start(db: TestDb) {
        let world = World::new(db).await;
        let both = world.another_process(key_ring_of(&[NEW, OLD]));
        check_key_ring(&both.services).await.unwrap();
        rotate(&both.services).await.unwrap();
        // Nothing needs the old key: it may be missing, retired or not.
        let without = world.another_process(key_ring_of(&[NEW]));
        check_key_ring(&without.services).await.unwrap();
        // A process that is still on the old order seals with the old key.
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let err = check_key_ring(&without.services).await.unwrap_err();
        assert!(
            matches!(err, StartError::MissingKey { ref id, values: 3 } if id.as_str() == "tests"),
            "{err}"
        );
    }

    async fn a_store_that_kept_no_canary_of_each_key_gets_them_if_the_keys_are_right(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let both = world.another_process(key_ring_of(&[NEW, OLD]));
        check_key_ring(&both.services).await.unwrap();
        both.db.raw("UPDATE installation SET updated_at = 0").await.unwrap();
        // The ring's canary is the new key's, the tokens are the old one's, as after a rotation that
        // was cut off.
        let mut tx = both.services.store.write().await.unwrap();
        let canary = tx.find_canary().await.unwrap().unwrap();
        let anew = vault::canary::reseal(&both.services.key_ring, both.env.as_ref(), &canary).unwrap().unwrap();
        assert!(tx.replace_canary(&canary, &anew, both.now()).await.unwrap());
        tx.commit().await.unwrap();
        world.db.raw("DELETE FROM key_canaries").await.unwrap();
        let slip = world.another_process(key_ring_of(&[NEW, ("tests", 9)]));
        let err = check_key_ring(&slip.services).await.unwrap_err();
        assert!(matches!(err, StartError::WrongKey { ref id, .. } if id.as_str() == "tests"), "{err}");
        let lacking = world.another_process(key_ring_of(&[NEW]));
        let err = check_key_ring(&lacking.services).await.unwrap_err();
        assert!(matches!(err, StartError::MissingKey { .. }), "{err}");
        check_key_ring(&both.services).await.unwrap();
        assert_eq!(status(&both.services).await.unwrap().keys.len(), 2);
    }

    async fn rotating_reaches_every_sealed_column_and_the_old_key_can_go(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Evil").await;
        world.connect(&ada, "Sam One").await.unwrap();
        // Several sites: the grant waits on the attempt.
        world.connect(&eve, "Mia Krystof").await.unwrap();
        let status_before = status(&world.services).await.unwrap();
        let columns: Vec<&str> = status_before.keys[0].values.iter().map(|(it, _)| it.as_str()).collect();
        assert_eq!(columns, [
            "integration_credentials.access_token",
            "integration_credentials.refresh_token",
            "connect_attempts.code_verifier",
            "connect_attempts.access_token",
            "connect_attempts.refresh_token",
            "installation.canary",
        ]);
        assert_eq!(status_before.keys[0].total(), 7);

        let both = world.another_process(key_ring_of(&[NEW, OLD]));
        assert!(matches!(retire(&both.services, &id("new")).await, Err(RetireError::Seals)));
        assert!(matches!(retire(&both.services, &id("other")).await, Err(RetireError::Unknown)));
        match retire(&both.services, &id("tests")).await {
            Err(RetireError::InUse(counts)) => assert_eq!(counts.len(), 6),
            other => panic!("{other:?}"),
        }
        world.env.advance(SignedDuration::from_secs(1));
        let done = rotate(&both.services).await.unwrap();
        assert_eq!((done.resealed, done.overtaken, done.left, done.refused.len()), (7, 0, 0, 0));
        assert_eq!(of_key(&both, "tests").await, (Some(KeyRole::Opens), 0));
        assert_eq!(of_key(&both, "new").await, (Some(KeyRole::Seals), 7));
        let again = rotate(&both.services).await.unwrap();
        assert_eq!((again.resealed, again.left), (0, 0));

        world.env.advance(SignedDuration::from_secs(1));
        let left = retire(&both.services, &id("tests")).await.unwrap();
        assert_eq!(left, [id("new")]);
        let alone = world.another_process(key_ring_of(&[NEW]));
        check_key_ring(&alone.services).await.unwrap();
        assert_eq!(of_key(&alone, "tests").await, (None, 0));
        nothing_is_lost(&alone, &ada).await;
        world.env.advance(SignedDuration::from_mins(5));
        let attempt = alone.open_attempt(&eve).await.unwrap();
        assert!(alone.attempts(&eve).await.iter().any(|it| it.id == attempt && it.grant.is_some()));
        let mut tx = alone.services.store.read().await.unwrap();
        let actions: Vec<_> = tx.list_audit_events_without_team(2).await.unwrap();
        let told: Vec<_> = actions.iter().map(|it| (it.action, it.actor, it.detail.as_deref().unwrap())).collect();
        assert_eq!(told, [
            (AuditAction::KeyRetired, None, "operator tests"),
            (AuditAction::KeysRotated, None, "operator new"),
        ]);
    }

    async fn a_pair_that_was_saved_meanwhile_is_never_overwritten(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let both = world.another_process(key_ring_of(&[NEW, OLD]));
        check_key_ring(&both.services).await.unwrap();
        let head = vault::sealing::head(&id("new"));
        let column = SealedColumn::CredentialRefresh;
        let mut tx = both.services.store.read().await.unwrap();
        let read = tx.list_sealed_not_under(column, &head, Uuid::nil(), 10).await.unwrap();
        drop(tx);
        // A refresh of a process that seals with the old key comes in between.
        world.env.advance(SignedDuration::from_mins(120));
        world.token(&ada).await.unwrap();
        let mut tx = both.services.store.write().await.unwrap();
        let stale = domain::sealed::Sealed::from_bytes(b"stale".to_vec());
        assert!(!tx.replace_sealed(column, &read[0], &stale, both.now()).await.unwrap());
        tx.commit().await.unwrap();
        nothing_is_lost(&world, &ada).await;
        rotate(&both.services).await.unwrap();
        nothing_is_lost(&both, &ada).await;
    }

    async fn a_value_of_another_team_is_never_written(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Evil").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let column = SealedColumn::CredentialAccess;
        let head = vault::sealing::head(&id("new"));
        let mut tx = world.services.store.write().await.unwrap();
        let mut read = tx.list_sealed_not_under(column, &head, Uuid::nil(), 10).await.unwrap();
        let mut value = read.remove(0);
        value.team = eve.team().id;
        let new = domain::sealed::Sealed::from_bytes(b"new".to_vec());
        assert!(!tx.replace_sealed(column, &value, &new, world.now()).await.unwrap());
    }

    async fn what_does_not_open_is_named_and_left_alone(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Evil").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.connect(&eve, "Sam One").await.unwrap();
        let credential = world.stored(&eve).await.0;
        let changed = match world.db.store {
            store::Store::Sqlite { .. } => "CAST(substr(refresh_token, 1, 40) AS BLOB)",
            store::Store::Postgres(_) => "substr(refresh_token, 1, 40)",
        };
        let of_eve = "WHERE team_id = (SELECT id FROM teams WHERE slug = 'evil')";
        world.db.raw(&format!("UPDATE integration_credentials SET refresh_token = {changed} {of_eve}")).await.unwrap();
        let both = world.another_process(key_ring_of(&[NEW, OLD]));
        let done = rotate(&both.services).await.unwrap();
        assert_eq!((done.resealed, done.left), (6, 1));
        let [refused] = done.refused.as_slice() else { panic!("{done:?}") };
        assert_eq!(refused.column, SealedColumn::CredentialRefresh);
        assert_eq!((refused.value.row, refused.value.team), (credential.id.uuid(), eve.team().id));
        assert_eq!(refused.why, OpenError::Forged);
        assert!(world.audit(&eve).await.contains(&AuditAction::CiphertextRefused));
        assert!(matches!(retire(&both.services, &id("tests")).await, Err(RetireError::InUse(_))));
        // Bytes that name no key at all are counted as such.
        let nothing = match world.db.store {
            store::Store::Sqlite { .. } => "x'01'",
            store::Store::Postgres(_) => "'\\x01'::bytea",
        };
        world.db.raw(&format!("UPDATE integration_credentials SET refresh_token = {nothing} {of_eve}")).await.unwrap();
        assert_eq!(status(&both.services).await.unwrap().malformed, [("integration_credentials.refresh_token".to_owned(), 1)]);
        assert_eq!(rotate(&both.services).await.unwrap().refused[0].why, OpenError::Malformed);
        nothing_is_lost(&both, &ada).await;
    }

    async fn rotating_goes_on_where_it_was_stopped(db: TestDb) {
        let world = World::new(db).await;
        for n in 0..5 {
            let admin = world.admin(&format!("Admin{n}"), &format!("Team {n}")).await;
            world.connect(&admin, "Sam One").await.unwrap();
        }
        let both = world.another_process(key_ring_of(&[NEW, OLD]));
        check_key_ring(&both.services).await.unwrap();
        let batch = reseal_batch(&both.services, SealedColumn::CredentialAccess, Uuid::nil(), 2).await.unwrap();
        assert_eq!((batch.resealed, batch.overtaken), (2, 0));
        let next = reseal_batch(&both.services, SealedColumn::CredentialAccess, batch.last.unwrap(), 2).await.unwrap();
        assert_eq!(next.resealed, 2);
        assert_eq!(of_key(&both, "new").await.1, 4);
        let done = rotate(&both.services).await.unwrap();
        assert_eq!((done.resealed, done.left), (5 * 3 - 4 + 1, 0));
    }

    async fn a_trip_that_began_under_the_old_key_ends_under_the_new_one(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let url = service::connect::begin(&world.services, &ada).await.unwrap();
        let query = world.consent(&url, "Sam One").await;
        let both = world.another_process(key_ring_of(&[NEW, OLD]));
        rotate(&both.services).await.unwrap();
        finish(&both.services, Some(&ada.person), &query).await.unwrap();
        nothing_is_lost(&both, &ada).await;
    }

    async fn two_processes_go_from_one_key_to_the_next_while_people_connect(db: TestDb) {
        let world = World::new(db).await;
        // Step 1: the new key comes last, everywhere.
        let old_order = world.another_process(key_ring_of(&[OLD, NEW]));
        check_key_ring(&old_order.services).await.unwrap();
        // Step 2: it comes first, in one process after the other.
        let new_order = world.another_process(key_ring_of(&[NEW, OLD]));
        check_key_ring(&new_order.services).await.unwrap();
        let mut teams = Vec::new();
        for n in 0..6 {
            let admin = world.admin(&format!("Admin{n}"), &format!("Team {n}")).await;
            if n < 4 {
                world.connect(&admin, "Sam One").await.unwrap();
            }
            teams.push(admin);
        }
        for round in 0..3 {
            world.env.advance(SignedDuration::from_mins(120));
            let mut work = tokio::task::JoinSet::new();
            for (n, admin) in teams.iter().enumerate() {
                let (one, other) = if (n + round) % 2 == 0 { (&old_order, &new_order) } else { (&new_order, &old_order) };
                let (one, other, admin) = (one.clone(), other.clone(), admin.clone());
                work.spawn(async move {
                    if n % 3 == round || one.credential(&admin).await.is_none() {
                        // Out through one process, back through the other.
                        let url = service::connect::begin(&one.services, &admin).await.unwrap();
                        let query = one.consent(&url, "Sam One").await;
                        finish(&other.services, Some(&admin.person), &query).await.unwrap();
                    }
                    for reader in [&one, &other, &one] {
                        reader.token(&admin).await.unwrap();
                    }
                });
            }
            for process in [&new_order, &new_order] {
                let process = process.clone();
                work.spawn(async move {
                    for _ in 0..4 {
                        let done = rotate(&process.services).await.unwrap();
                        assert_eq!(done.refused, []);
                    }
                });
            }
            while let Some(done) = work.join_next().await {
                done.unwrap();
            }
        }
        // Every process has the new order now.
        rotate(&new_order.services).await.unwrap();
        assert_eq!(of_key(&new_order, "tests").await.1, 0);
        retire(&new_order.services, &id("tests")).await.unwrap();
        let alone = world.another_process(key_ring_of(&[NEW]));
        check_key_ring(&alone.services).await.unwrap();
        for admin in &teams {
            nothing_is_lost(&alone, admin).await;
            world.env.advance(SignedDuration::from_mins(120));
            alone.token(admin).await.unwrap();
            nothing_is_lost(&alone, admin).await;
            let mut tx = alone.services.store.read().await.unwrap();
            let stored = tx.find_credential(admin.team().id, Provider::Jira).await.unwrap().unwrap();
            assert_eq!(stored.consecutive_failures, 0);
        }
    }
}
