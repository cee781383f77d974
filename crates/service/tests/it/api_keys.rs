//! Keys of services: made, listed, revoked, with their audit rows; gone with their team.

use domain::{audit::AuditAction, team::Role, text::TextError};
use jiff::SignedDuration;
use service::{
    api_keys::{CreateKeyError, MOST_KEYS, create, list, revoke},
    members::ChangeError,
    teams::delete_team,
};
use testkit::{
    db_tests,
    world::{SignedInAdmin, World},
};

async fn names(world: &World, admin: &SignedInAdmin) -> Vec<String> {
    let keys = list(&world.services, admin).await.unwrap();
    keys.iter().map(|it| it.key.name.to_string()).collect()
}

db_tests! {
    async fn a_key_is_made_listed_and_revoked_with_an_audit_row_each(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Evil").await;
        world.env.advance(SignedDuration::from_mins(1));
        let made = create(&world.services, &ada, "billing").await.unwrap();
        assert!(made.shown_once().starts_with("tfk_"));
        assert_eq!(made.shown_once().len(), 47);
        assert_eq!(names(&world, &ada).await, ["billing"]);
        assert!(names(&world, &eve).await.is_empty());
        assert_eq!(world.audit(&ada).await[0], AuditAction::ApiKeyCreated);
        world.env.advance(SignedDuration::from_mins(1));
        assert!(!revoke(&world.services, &eve, made.key.id).await.unwrap());
        assert!(revoke(&world.services, &ada, made.key.id).await.unwrap());
        assert!(!revoke(&world.services, &ada, made.key.id).await.unwrap(), "once");
        assert_eq!(world.audit(&ada).await[..2], [AuditAction::ApiKeyRevoked, AuditAction::ApiKeyCreated]);
        assert!(names(&world, &ada).await.is_empty());
    }

    async fn a_name_is_checked_and_free_again_after_its_key(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Evil").await;
        let make = async |admin, name| create(&world.services, admin, name).await;
        assert!(matches!(make(&ada, " ").await, Err(CreateKeyError::Name(TextError::Missing))));
        let made = make(&ada, "billing").await.unwrap();
        make(&eve, "billing").await.unwrap();
        assert!(matches!(make(&ada, " billing").await, Err(CreateKeyError::NameTaken)));
        let rows = world.audit(&ada).await.len();
        revoke(&world.services, &ada, made.key.id).await.unwrap();
        make(&ada, "billing").await.unwrap();
        assert_eq!(world.audit(&ada).await.len(), rows + 2);
    }

    async fn who_is_no_admin_any_more_makes_and_revokes_nothing(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let max = world.join(&ada, "Max", Role::Admin).await;
        let made = create(&world.services, &max, "billing").await.unwrap();
        world.set_role(&max, Role::Member).await;
        assert!(matches!(
            create(&world.services, &max, "search").await,
            Err(CreateKeyError::Change(ChangeError::NoLongerAdmin))
        ));
        assert!(matches!(revoke(&world.services, &max, made.key.id).await, Err(ChangeError::NoLongerAdmin)));
        assert_eq!(names(&world, &ada).await, ["billing"]);
    }

    async fn a_team_has_so_many_keys_and_they_go_with_it(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        for n in 0..MOST_KEYS {
            create(&world.services, &ada, &format!("service {n}")).await.unwrap();
        }
        assert!(matches!(create(&world.services, &ada, "one more").await, Err(CreateKeyError::TooMany)));
        delete_team(&world.services, &ada, "Acme").await.unwrap();
        assert!(world.db.rows("api_keys").await.is_empty());
    }
}
