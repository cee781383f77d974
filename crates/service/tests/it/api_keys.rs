//! Keys of services: made, replaced, listed, revoked, with their audit rows; gone with their team.

use domain::{
    api_key::{Lasting, LastingError, MOST_KEYS, Rights},
    audit::AuditAction,
    team::Role,
    text::{CloudId, Slug, TextError},
};
use jiff::SignedDuration;
use service::{
    api_keys::{
        CreateKeyError, Created, KeyMistakes, KeyNameMistake, KeyWish, OperatorKeyError,
        RotateKeyError, Standing, create, create_as_operator, list, revoke, rotate,
    },
    members::ChangeError,
    overview,
    teams::delete_team,
};
use testkit::{
    db_tests,
    world::{SignedInAdmin, World},
};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

async fn names(world: &World, admin: &SignedInAdmin) -> Vec<String> {
    let keys = list(&world.services, admin).await.unwrap();
    keys.iter().map(|it| it.key.name.to_string()).collect()
}

async fn make(world: &World, admin: &SignedInAdmin, name: &str) -> Result<Created, CreateKeyError> {
    create(&world.services, admin, &KeyWish::named(name)).await
}

/// The newest audit row of a team: what was done, and the word about it.
async fn newest(world: &World, admin: &SignedInAdmin) -> (AuditAction, Option<String>) {
    let mut tx = world.services.store.read().await.unwrap();
    let rows = tx.list_audit_events(admin.team().id, 1).await.unwrap();
    let row = rows.into_iter().next().unwrap();
    (row.action, row.detail)
}

db_tests! {
    async fn a_key_is_made_listed_and_revoked_with_an_audit_row_each(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Evil").await;
        world.env.advance(MINUTE);
        let made = make(&world, &ada, "billing").await.unwrap();
        assert!(made.shown_once().starts_with("tfk_"));
        assert_eq!(made.shown_once().len(), 53);
        assert_eq!(names(&world, &ada).await, ["billing"]);
        assert!(names(&world, &eve).await.is_empty());
        assert_eq!(newest(&world, &ada).await, (AuditAction::ApiKeyCreated, Some("everything".to_owned())));
        world.env.advance(MINUTE);
        assert!(!revoke(&world.services, &eve, made.key.id).await.unwrap());
        assert!(revoke(&world.services, &ada, made.key.id).await.unwrap());
        assert!(!revoke(&world.services, &ada, made.key.id).await.unwrap(), "once");
        assert_eq!(world.audit(&ada).await[..2], [AuditAction::ApiKeyRevoked, AuditAction::ApiKeyCreated]);
        assert!(names(&world, &ada).await.is_empty());
    }

    async fn a_key_is_made_as_it_was_wished(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let site = CloudId::parse("a-site").unwrap();
        world.env.advance(MINUTE);
        let wish = KeyWish {
            rights: Rights::ReadIssues,
            lasting: Lasting::Days(30),
            pin: Some(site.clone()),
            ..KeyWish::named("reports")
        };
        let made = create(&world.services, &ada, &wish).await.unwrap();
        assert_eq!(newest(&world, &ada).await.1.as_deref(), Some("read_issues"));
        let listed = list(&world.services, &ada).await.unwrap().remove(0);
        assert_eq!(listed.key, made.key);
        assert_eq!((listed.key.rights, listed.key.pin), (Rights::ReadIssues, Some(site)));
        assert_eq!(listed.key.expires_at, Some(world.now() + SignedDuration::from_hours(24 * 30)));
    }

    async fn what_cannot_be_is_told_by_field(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Evil").await;
        let mistakes = async |name: &str, lasting| {
            let wish = KeyWish { lasting, ..KeyWish::named(name) };
            match create(&world.services, &ada, &wish).await {
                Err(CreateKeyError::Mistakes(KeyMistakes { name, end })) => (name, end),
                other => panic!("{other:?}"),
            }
        };
        let missing = Some(KeyNameMistake::Text(TextError::Missing));
        let past = Lasting::through("2020-01-01").unwrap();
        assert_eq!(mistakes(" ", Lasting::Forever).await, (missing, None));
        assert_eq!(mistakes(" ", past).await, (missing, Some(LastingError::Past)));
        let made = make(&world, &ada, "billing").await.unwrap();
        make(&world, &eve, "billing").await.unwrap();
        assert_eq!(mistakes(" billing", past).await, (Some(KeyNameMistake::Taken), Some(LastingError::Past)));
        let rows = world.audit(&ada).await.len();
        revoke(&world.services, &ada, made.key.id).await.unwrap();
        make(&world, &ada, "billing").await.unwrap();
        assert_eq!(world.audit(&ada).await.len(), rows + 2);
    }

    async fn two_keys_of_a_service_overlap_while_one_replaces_the_other(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Evil").await;
        let max = world.join(&ada, "Max", Role::Admin).await;
        let pin = CloudId::parse("a-site").unwrap();
        let wish = KeyWish {
            rights: Rights::ReadEverything,
            lasting: Lasting::Days(90),
            pin: Some(pin.clone()),
            ..KeyWish::named("billing")
        };
        let old = create(&world.services, &ada, &wish).await.unwrap().key;
        world.env.advance(MINUTE * 60 * 24 * 80);
        let new = rotate(&world.services, &max, old.id).await.unwrap();
        assert!(new.shown_once().starts_with("tfk_"));
        let new = new.key;
        assert_eq!(newest(&world, &ada).await, (AuditAction::ApiKeyRotated, Some(old.id.to_string())));
        assert_eq!((&new.name, &new.rights, &new.pin), (&old.name, &Rights::ReadEverything, &Some(pin)));
        assert_eq!(new.expires_at, Some(world.now() + SignedDuration::from_hours(24 * 90)), "as long as the old one");
        assert_eq!((new.created_by, new.last_used_at), (Some(max.person().user().id), None));
        let listed = async || {
            let keys = list(&world.services, &ada).await.unwrap();
            keys.into_iter().map(|it| (it.key.id, it.standing)).collect::<Vec<_>>()
        };
        assert_eq!(listed().await, [(old.id, Standing::Older), (new.id, Standing::Newer)]);
        // A third is one too many, whichever it is to replace, and under the same name as well.
        for id in [old.id, new.id] {
            let err = rotate(&world.services, &ada, id).await.unwrap_err();
            assert!(matches!(&err, RotateKeyError::TwoInForce(name) if name.as_str() == "billing"), "{err:?}");
        }
        assert!(matches!(make(&world, &ada, "billing").await, Err(CreateKeyError::Mistakes(_))));
        revoke(&world.services, &ada, old.id).await.unwrap();
        assert_eq!(listed().await, [(new.id, Standing::Alone)]);
        // Where the new one goes, the old one is the only one again; and so on.
        let newer = rotate(&world.services, &ada, new.id).await.unwrap().key;
        revoke(&world.services, &ada, newer.id).await.unwrap();
        assert_eq!(listed().await, [(new.id, Standing::Alone)]);
        rotate(&world.services, &ada, new.id).await.unwrap();
        // Others' keys, and those that have gone, are none.
        for (admin, id) in [(&eve, new.id), (&ada, old.id)] {
            let err = rotate(&world.services, admin, id).await.unwrap_err();
            assert!(matches!(err, RotateKeyError::Gone), "{err:?}");
        }
    }

    async fn an_expired_key_is_in_nobodys_way(db: TestDb) {
        const DAY: SignedDuration = SignedDuration::from_hours(24);
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let wish = |days| KeyWish { lasting: Lasting::Days(days), ..KeyWish::named("billing") };
        let old = create(&world.services, &ada, &wish(30)).await.unwrap().key;
        world.env.advance(DAY * 20);
        let new = rotate(&world.services, &ada, old.id).await.unwrap().key;
        let listed = async || {
            let keys = list(&world.services, &ada).await.unwrap();
            keys.into_iter().map(|it| (it.key.id, it.standing)).collect::<Vec<_>>()
        };
        let ended = || (AuditAction::ApiKeyRevoked, Some("expired".to_owned()));
        let rows = async || {
            let mut tx = world.services.store.read().await.unwrap();
            let rows = tx.list_audit_events(ada.team().id, 2).await.unwrap();
            rows.into_iter().map(|it| (it.action, it.detail)).collect::<Vec<_>>()
        };
        // The old one ends by itself, and nobody revokes it: the new one is the only one again.
        world.env.advance(DAY * 10);
        assert_eq!(listed().await, [(old.id, Standing::Older), (new.id, Standing::Alone)]);
        assert!(matches!(create(&world.services, &ada, &wish(30)).await, Err(CreateKeyError::Mistakes(_))));
        let newer = rotate(&world.services, &ada, new.id).await.unwrap().key;
        assert_eq!(listed().await, [(new.id, Standing::Older), (newer.id, Standing::Newer)]);
        assert!(rows().await.contains(&ended()), "{:?}", rows().await);
        // Both end: whoever goes on has a name that is free, or one to rotate.
        world.env.advance(DAY * 31);
        assert_eq!(listed().await, [(new.id, Standing::Alone), (newer.id, Standing::Alone)]);
        let services = async || overview::jira(&world.services, &ada).await.unwrap().services;
        assert!(services().await.is_empty());
        let third = create(&world.services, &ada, &wish(90)).await.unwrap().key;
        assert_eq!(listed().await, [(newer.id, Standing::Older), (third.id, Standing::Alone)]);
        world.env.advance(MINUTE);
        let fourth = rotate(&world.services, &ada, newer.id).await.unwrap().key;
        assert_eq!(listed().await, [(third.id, Standing::Older), (fourth.id, Standing::Newer)]);
        assert_eq!(services().await.iter().map(ToString::to_string).collect::<Vec<_>>(), ["billing"], "once");
        // The command line finds room as well.
        world.env.advance(DAY * 91);
        let slug = ada.team().slug.clone();
        create_as_operator(&world.services, &slug, &wish(1)).await.unwrap();
        assert!(rows().await.contains(&(AuditAction::ApiKeyRevoked, Some("operator expired".to_owned()))));
    }

    async fn the_operator_makes_a_key_without_being_in_the_team(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let slug = ada.team().slug.clone();
        world.env.advance(MINUTE);
        let wish = KeyWish { rights: Rights::ReadIssues, ..KeyWish::named("billing") };
        let made = create_as_operator(&world.services, &slug, &wish).await.unwrap();
        assert_eq!(newest(&world, &ada).await, (AuditAction::ApiKeyCreated, Some("operator read_issues".to_owned())));
        let listed = list(&world.services, &ada).await.unwrap().remove(0);
        assert_eq!((listed.key, listed.created_by), (made.key, None));
        let taken = create_as_operator(&world.services, &slug, &wish).await.unwrap_err();
        assert_eq!(taken.to_string(), "the name is that of another key; replace or revoke that one");
        let nowhere = Slug::parse("nowhere").unwrap();
        let err = create_as_operator(&world.services, &nowhere, &wish).await.unwrap_err();
        assert!(matches!(err, OperatorKeyError::NoSuchTeam));
    }

    async fn who_is_no_admin_any_more_makes_and_revokes_nothing(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let max = world.join(&ada, "Max", Role::Admin).await;
        let made = make(&world, &max, "billing").await.unwrap();
        world.set_role(&max, Role::Member).await;
        assert!(matches!(
            make(&world, &max, "search").await,
            Err(CreateKeyError::Change(ChangeError::NoLongerAdmin))
        ));
        assert!(matches!(
            rotate(&world.services, &max, made.key.id).await,
            Err(RotateKeyError::Change(ChangeError::NoLongerAdmin))
        ));
        assert!(matches!(revoke(&world.services, &max, made.key.id).await, Err(ChangeError::NoLongerAdmin)));
        assert_eq!(names(&world, &ada).await, ["billing"]);
    }

    async fn a_team_has_so_many_keys_and_they_go_with_it(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let mut last = None;
        for n in 0..MOST_KEYS {
            last = Some(make(&world, &ada, &format!("service {n}")).await.unwrap().key.id);
        }
        assert!(matches!(make(&world, &ada, "one more").await, Err(CreateKeyError::TooMany)));
        assert!(matches!(rotate(&world.services, &ada, last.unwrap()).await, Err(RotateKeyError::TooMany)));
        delete_team(&world.services, &ada, "Acme").await.unwrap();
        assert!(world.db.rows("api_keys").await.is_empty());
    }
}
