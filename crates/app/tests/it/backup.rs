//! `tformance backup` and `tformance restore --verify`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use testkit::{db::TestDb, world::World};

use crate::tformance::{Machine, key};

async fn connected() -> (World, Machine) {
    let world = World::new(TestDb::sqlite().await).await;
    let ada = world.admin("Ada", "Acme").await;
    world.connect(&ada, "Sam One").await.unwrap();
    let machine = Machine::new()
        .set("DATABASE_URL", &world.db.url)
        .set("ENCRYPTION_KEYS", key("tests", 1))
        .set("LISTEN", "127.0.0.1:0")
        // What is served removes by the machine's clock what was made by that of the tests.
        .set("RETENTION", "connect_attempts=forever");
    (world, machine)
}

#[tokio::test]
async fn a_backup_is_private_whole_and_served_only_once_it_was_adopted() {
    let (_world, machine) = connected().await;
    // While it is served.
    let serving = machine.start_serving().unwrap();
    let made = machine.run(&["backup", "copy.db"]);
    assert!(made.good().starts_with("backed up into copy.db"));
    drop(serving);
    let path = machine.path("copy.db");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let beside: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert_eq!(beside, ["copy.db"]);
    let before = fs::read(&path).unwrap();
    let verified = machine.run(&["restore", "--verify", "copy.db"]);
    for line in [
        "integrity     good",
        "schema        of this version",
        "key           tests: opens, 4 values",
        "values        3 open",
        "last served   http://127.0.0.1:8000",
        "`tformance admin adopt`",
    ] {
        assert!(verified.good().contains(line), "{line} in {verified:?}");
    }
    assert_eq!(
        before,
        fs::read(&path).unwrap(),
        "verifying changes nothing"
    );
    assert!(
        machine
            .run(&["backup", "copy.db"])
            .refused()
            .starts_with("copy.db cannot be made")
    );

    let restored = machine.set("DATABASE_URL", "sqlite://copy.db");
    let line = restored.serve_once().unwrap_err();
    assert!(
        line.starts_with("this database is a backup of 20"),
        "{line}"
    );
    assert!(
        restored
            .run(&["admin", "adopt"])
            .good()
            .starts_with("a backup of 20")
    );
    restored.serve_once().unwrap();
}

#[tokio::test]
async fn a_backup_that_cannot_be_served_is_told() {
    let (world, machine) = connected().await;
    machine.run(&["backup", "copy.db"]).good();
    let other = Machine::new().set("ENCRYPTION_KEYS", key("tests", 2));
    let path = machine.path("copy.db");
    let file = path.to_str().unwrap();
    let wrong = other.run(&["restore", "--verify", file]);
    assert!(
        wrong
            .refused()
            .starts_with("ENCRYPTION_KEYS is not the key ring of this database"),
        "{wrong:?}"
    );

    world
        .db
        .raw("UPDATE integration_credentials SET access_token = refresh_token")
        .await
        .unwrap();
    machine.run(&["backup", "moved.db"]).good();
    let moved = machine.run(&["restore", "--verify", "moved.db"]);
    assert_eq!(moved.refused(), "1 values do not open");
    assert!(
        moved
            .out
            .contains("integration_credentials.access_token of row"),
        "{moved:?}"
    );

    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    fs::write(machine.path("broken.db"), &bytes).unwrap();
    assert!(
        machine
            .run(&["restore", "--verify", "broken.db"])
            .refused()
            .contains("damaged")
    );
    fs::write(
        machine.path("text.db"),
        "no database at all, but long enough to be looked at",
    )
    .unwrap();
    assert!(
        machine
            .run(&["restore", "--verify", "text.db"])
            .refused()
            .starts_with("text.db is no database")
    );
    assert!(
        machine
            .run(&["restore", "--verify", "gone.db"])
            .refused()
            .starts_with("gone.db cannot be read")
    );
}

#[tokio::test]
async fn postgres_is_backed_up_with_its_own_tools() {
    let machine = Machine::new().set("DATABASE_URL", "postgres://somebody@127.0.0.1:1/x");
    let told = machine.run(&["backup", "x.dump"]);
    assert_eq!(
        told.refused(),
        "PostgreSQL has its own tools for this: pg_dump --format=custom --file=x.dump \"$DATABASE_URL\""
    );
}
