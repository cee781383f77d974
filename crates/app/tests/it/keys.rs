//! `tformance keys` and what `serve` says to a wrong ring.

use testkit::{db_tests, world::World};

use crate::tformance::{Machine, key};

db_tests! {
    async fn a_key_is_rotated_and_retired_from_the_command_line(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        // `World` seals with the key "tests" of equal bytes.
        let machine = Machine::new().set("DATABASE_URL", &world.db.url);
        let old = machine.set("ENCRYPTION_KEYS", key("tests", 1));
        let status = old.run(&["keys", "status", "--json"]);
        assert_eq!(status.good(), "{\"keys\":[{\"id\":\"tests\",\"is_right\":true,\"may_go\":false,\"role\":\"seals\",\"total\":4,\
            \"values\":{\"connect_attempts.code_verifier\":1,\"installation.canary\":1,\
            \"integration_credentials.access_token\":1,\"integration_credentials.refresh_token\":1}}],\"malformed\":{}}\n");
        assert!(old.run(&["keys", "status"]).good().contains("tests             seals            4"));

        let both = old.set("ENCRYPTION_KEYS", format!("{},{}", key("new", 2), key("tests", 1)));
        let early = both.run(&["keys", "retire", "tests"]);
        assert_eq!(early.refused(), "tests cannot go: 4 stored values need it; run `tformance keys rotate` first");
        assert!(early.out.contains("1  integration_credentials.refresh_token"), "{early:?}");
        assert_eq!(both.run(&["keys", "retire", "new"]).refused(),
            "new cannot go: it is the first of the ring: everything new is sealed with it");
        let rotated = both.run(&["keys", "rotate"]);
        assert_eq!(rotated.good(), "4 values sealed anew with new; 0 were replaced by newer ones meanwhile; 0 left under other keys\n");
        let again = both.run(&["keys", "rotate", "--json"]);
        again.good();
        assert_eq!(again.json()["resealed"], 0);
        assert!(both.run(&["keys", "status"]).good().contains("tests             opens            0  may go"));
        let retired = both.run(&["keys", "retire", "tests"]);
        assert_eq!(retired.good(), "tests is needed by nothing; take it out of ENCRYPTION_KEYS, which keeps: new\n");
    }

    async fn values_that_do_not_open_are_named(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let id = world.stored(&ada).await.0.id;
        world.db.raw("UPDATE integration_credentials SET access_token = refresh_token").await.unwrap();
        let machine = Machine::new().set("DATABASE_URL", &world.db.url);
        let machine = machine.set("ENCRYPTION_KEYS", format!("{},{}", key("new", 2), key("tests", 1)));
        let rotated = machine.run(&["keys", "rotate"]);
        assert_eq!(rotated.refused(), "1 values do not open and stay as they are");
        let line = format!("integration_credentials.access_token of row {id}, team {}: the value fails its check", ada.team().id);
        assert!(rotated.out.contains(&line), "{rotated:?}");
    }

    async fn a_ring_that_lacks_a_key_or_has_a_wrong_one_is_told_in_one_line(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let both = world.another_process(testkit::world::key_ring_of(&[("tests", 1), ("new", 2)]));
        service::start::check_key_ring(&both.services).await.unwrap();
        let machine = Machine::new().set("DATABASE_URL", &world.db.url).set("LISTEN", "127.0.0.1:0");
        for (ring, line) in [
            (key("new", 2), "ENCRYPTION_KEYS is not the key ring of this database"),
            (key("tests", 7), "ENCRYPTION_KEYS is not the key ring of this database"),
            (format!("{},{}", key("tests", 1), key("new", 3)), "ENCRYPTION_KEYS has another key under the id new"),
        ] {
            let machine = Machine::new().set("DATABASE_URL", &world.db.url).set("LISTEN", "127.0.0.1:0").set("ENCRYPTION_KEYS", ring);
            let ended = machine.run(&["serve"]);
            assert!(ended.refused().starts_with(line), "{ended:?}");
        }
        // A rotation that was stopped after the ring's canary: only the values need the old key.
        let mut tx = world.services.store.write().await.unwrap();
        let canary = tx.find_canary().await.unwrap().unwrap();
        let ring = testkit::world::key_ring_of(&[("new", 2), ("tests", 1)]);
        let anew = vault::canary::reseal(&ring, world.env.as_ref(), &canary).unwrap().unwrap();
        assert!(tx.replace_canary(&canary, &anew, world.now()).await.unwrap());
        tx.commit().await.unwrap();
        let machine = machine.set("ENCRYPTION_KEYS", key("new", 2));
        let ended = machine.run(&["serve"]);
        assert!(ended.refused().starts_with("ENCRYPTION_KEYS lacks the key tests; put it back"), "{ended:?}");
        assert!(ended.refused().contains("3 stored values need the key tests"), "{ended:?}");
        let status = machine.run(&["keys", "status"]);
        assert_eq!(status.refused(), "3 stored values need the key tests, which ENCRYPTION_KEYS lacks; put it back");
    }
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let machine = Machine::new();
    let ended = machine.run(&["keys", "status"]);
    assert_eq!(
        ended.refused(),
        "DATABASE_URL names tformance.db, which is not there"
    );
    assert!(!machine.path("tformance.db").exists());
}
