//! Accounts, sessions, teams.

use domain::{
    session::{ABSOLUTE_LIFE, IDLE_LIFE},
    team::Role,
    text::Slug,
};
use jiff::SignedDuration;
use service::{
    sign_in::{SignInError, sign_in, sign_out},
    sign_up::{SignUpError, SignUpForm, sign_up},
    teams::{create_team, teams_of},
    throttle::ClientAddress,
    who::{Found, find_member, find_person},
};
use testkit::{db_tests, world::World};

fn form(name: &str, email: &str, password: &str) -> SignUpForm {
    SignUpForm {
        name: name.to_owned(),
        email: email.to_owned(),
        password: password.to_owned().into(),
    }
}

db_tests! {
    async fn an_account_signs_in_with_its_password_only(db: TestDb) {
        let world = World::new(db).await;
        let made = sign_up(&world.services, form("Ada", "Ada@Example.com", "correct horse")).await.unwrap();
        let person = find_person(&world.services, &made.token).await.unwrap().unwrap();
        assert_eq!(person.user().name.as_str(), "Ada");

        let again = sign_in(&world.services, "ada@example.COM", "correct horse".into(), ClientAddress::UNKNOWN).await.unwrap();
        assert_eq!(again.person.user().id, person.user().id);
        assert!(again.person.session().id != person.session().id, "each sign-in has a session of its own");
        for (email, password) in [("ada@example.com", "wrong horse!"), ("eve@example.com", "correct horse"), ("", "")] {
            let err = sign_in(&world.services, email, password.into(), ClientAddress::UNKNOWN).await.unwrap_err();
            assert!(matches!(err, SignInError::Refused), "{email}");
        }
    }

    async fn an_address_has_one_account(db: TestDb) {
        let world = World::new(db).await;
        sign_up(&world.services, form("Ada", "ada@example.com", "correct horse")).await.unwrap();
        let err = sign_up(&world.services, form("Eve", "ADA@example.com", "other password")).await.unwrap_err();
        assert!(matches!(err, SignUpError::AddressTaken));
        assert!(sign_in(&world.services, "ada@example.com", "other password".into(), ClientAddress::UNKNOWN).await.is_err());
    }

    async fn mistakes_are_told_by_field_and_nothing_is_kept(db: TestDb) {
        let world = World::new(db).await;
        let err = sign_up(&world.services, form(" ", "nobody", "short")).await.unwrap_err();
        let SignUpError::Mistakes(mistakes) = err else { panic!("{err:?}") };
        assert!(mistakes.name.is_some() && mistakes.email.is_some() && mistakes.password.is_some());
    }

    async fn where_sign_up_is_closed_nobody_makes_an_account(db: TestDb) {
        let closed = World::with_policy(db, service::Policy::default()).await;
        let err = sign_up(&closed.services, form("Ada", "ada@example.com", "correct horse")).await.unwrap_err();
        assert!(matches!(err, SignUpError::Closed));
    }

    async fn a_session_ends_by_signing_out_by_idleness_and_by_age(db: TestDb) {
        let world = World::new(db).await;
        let made = sign_up(&world.services, form("Ada", "ada@example.com", "correct horse")).await.unwrap();
        let is_known = async |token| find_person(&world.services, token).await.unwrap().is_some();
        let other = sign_in(&world.services, "ada@example.com", "correct horse".into(), ClientAddress::UNKNOWN).await.unwrap();
        sign_out(&world.services, &made.person).await.unwrap();
        assert!(!is_known(&made.token).await);
        assert!(is_known(&other.token).await, "other sessions go on");

        // Used every day it lives for its absolute life, and no longer.
        let day = SignedDuration::from_hours(24);
        for _ in 0..ABSOLUTE_LIFE.as_hours() / 24 - 1 {
            world.env.advance(day);
            assert!(is_known(&other.token).await);
        }
        world.env.advance(day);
        assert!(!is_known(&other.token).await);

        let idle = sign_in(&world.services, "ada@example.com", "correct horse".into(), ClientAddress::UNKNOWN).await.unwrap();
        world.env.advance(IDLE_LIFE);
        assert!(!is_known(&idle.token).await);
    }

    async fn teams_of_one_name_get_slugs_of_their_own(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.person("Ada").await;
        let slugs = [
            create_team(&world.services, &ada.person, "Acme").await.unwrap().slug,
            create_team(&world.services, &ada.person, "acme!").await.unwrap().slug,
            create_team(&world.services, &ada.person, "日本").await.unwrap().slug,
        ];
        assert_eq!(slugs.each_ref().map(Slug::as_str), ["acme", "acme-2", "team"]);
        assert!(create_team(&world.services, &ada.person, " ").await.is_err());
        let teams = teams_of(&world.services, &ada.person).await.unwrap();
        assert!(teams.len() == 3 && teams.iter().all(|(_, role)| *role == Role::Admin));
    }

    async fn a_team_is_nothing_to_a_stranger(db: TestDb) {
        let world = World::new(db).await;
        let (ada, eve) = (world.person("Ada").await, world.person("Eve").await);
        let team = create_team(&world.services, &ada.person, "Acme").await.unwrap();
        let found = find_member(&world.services, &eve.token, &team.slug).await.unwrap();
        assert!(matches!(found, Found::Stranger(_)));
        let found = find_member(&world.services, &ada.token, &team.slug).await.unwrap();
        assert!(matches!(found, Found::Member(it) if it.role() == Role::Admin));
        let found = find_member(&world.services, &"forged".into(), &team.slug).await.unwrap();
        assert!(matches!(found, Found::Nobody));
    }
}
