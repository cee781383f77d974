//! A person's own account, forgotten passwords, the first account, and who fails too often.

use domain::{
    audit::AuditAction, invitation::PASSWORD_RESET_LIFE, retention::Kept, text::EmailAddress,
};
use jiff::SignedDuration;
use secrecy::SecretString;
use service::{
    Policy,
    account::{self, AccountError, change_password, sign_out_everywhere},
    password_reset::{self, AskedBy, ResetError, make_link},
    setup::{self, SetupError, make_link_if_needed, sign_up_first},
    sign_in::{SignInError, sign_in},
    sign_up::SignUpForm,
    throttle::{ClientAddress, MOST_FOR_ACCOUNT, MOST_FOR_ADDRESS},
    who::find_person,
    worker::retain,
};
use testkit::{
    db_tests,
    world::{PASSWORD, World},
};
use tokio_util::sync::CancellationToken;

const FROM: ClientAddress = ClientAddress::UNKNOWN;
const NEW: &str = "another password";

async fn is_known(world: &World, token: &SecretString) -> bool {
    find_person(&world.services, token).await.unwrap().is_some()
}

async fn signs_in(world: &World, name: &str, password: &str) -> bool {
    let email = format!("{name}@example.com");
    sign_in(&world.services, &email, password.into(), FROM)
        .await
        .is_ok()
}

fn form(name: &str) -> SignUpForm {
    SignUpForm {
        name: name.to_owned(),
        email: format!("{name}@example.com"),
        password: PASSWORD.into(),
    }
}

async fn audit(world: &World) -> Vec<AuditAction> {
    let mut tx = world.services.store.read().await.unwrap();
    let events = tx.list_audit_events_without_team(100).await.unwrap();
    events.into_iter().map(|it| it.action).collect()
}

/// How many rows of the audit log are of this kind, with this word.
async fn audited(world: &World, action: &str, detail: &str) -> usize {
    let rows = world.db.rows("audit_events").await;
    let is_one = |it: &&String| it.contains(action) && it.contains(detail);
    rows.iter().filter(is_one).count()
}

db_tests! {
    async fn a_changed_password_ends_the_other_sessions_and_renews_this_one(db: TestDb) {
        let world = World::new(db).await;
        let here = world.person("Ada").await;
        let other = world.sign_in_again("Ada").await;
        let change = |old: &str, new: &str| {
            change_password(&world.services, &here.person, old.into(), new.into(), FROM)
        };
        assert!(matches!(change("wrong password", NEW).await, Err(AccountError::WrongPassword)));
        assert!(matches!(change(PASSWORD, "short").await, Err(AccountError::NewPassword(_))));
        assert!(is_known(&world, &other.token).await);

        let renewed = change(PASSWORD, NEW).await.unwrap();
        assert!(is_known(&world, &renewed).await);
        assert!(!is_known(&world, &other.token).await);
        assert!(!is_known(&world, &here.token).await, "the old token of this session is no good");
        assert!(signs_in(&world, "Ada", NEW).await);
        assert!(!signs_in(&world, "Ada", PASSWORD).await);
        assert!(audit(&world).await.contains(&AuditAction::PasswordChanged));
    }

    async fn a_person_signs_out_everywhere(db: TestDb) {
        let world = World::new(db).await;
        let here = world.person("Ada").await;
        let (other, eve) = (world.sign_in_again("Ada").await, world.person("Eve").await);
        sign_out_everywhere(&world.services, &here.person).await.unwrap();
        assert!(!is_known(&world, &here.token).await && !is_known(&world, &other.token).await);
        assert!(is_known(&world, &eve.token).await);
    }

    async fn an_account_is_renamed_in_any_script_without_invisible_characters(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.person("Ada").await;
        account::rename(&world.services, &ada.person, "آدا 🦉").await.unwrap();
        let seen = find_person(&world.services, &ada.token).await.unwrap().unwrap();
        assert_eq!(seen.user().name.as_str(), "آدا 🦉");
        for bad in [" ", "a\u{2066}b", "a\u{7}b", &"x".repeat(101)] {
            let err = account::rename(&world.services, &ada.person, bad).await.unwrap_err();
            assert!(matches!(err, AccountError::Name(_)), "{bad:?}");
        }
    }

    async fn an_account_is_deleted_unless_a_team_would_lose_its_last_admin(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let delete = |password: &str| account::delete(&world.services, &ada.person, password.into(), FROM);
        assert!(matches!(delete("wrong password").await, Err(AccountError::WrongPassword)));
        let err = delete(PASSWORD).await.unwrap_err();
        assert!(matches!(err, AccountError::OnlyAdmin(teams) if teams[0].name.as_str() == "Acme"));
        assert!(is_known(&world, &ada.token).await);

        world.join(&ada, "Bob", domain::team::Role::Admin).await;
        delete(PASSWORD).await.unwrap();
        assert!(!is_known(&world, &ada.token).await);
        assert!(!signs_in(&world, "Ada", PASSWORD).await);
        assert!(world.audit(&ada).await.contains(&AuditAction::MemberLeft));
        assert!(audit(&world).await.contains(&AuditAction::UserDeleted));
        world.person("Ada").await;
    }

    async fn two_admins_who_delete_their_accounts_at_once_leave_one(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let bob = world.join(&ada, "Bob", domain::team::Role::Admin).await;
        let delete = |person| account::delete(&world.services, person, PASSWORD.into(), FROM);
        let (one, two) = tokio::join!(delete(&ada.person), delete(&bob.person));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    }

    async fn a_reset_link_sets_the_password_once_within_the_hour_and_ends_all_sessions(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.person("Ada").await;
        let address = EmailAddress::parse("ada@example.com").unwrap();
        let nobody = EmailAddress::parse("nobody@example.com").unwrap();
        assert!(make_link(&world.services, &nobody, AskedBy::Operator).await.unwrap().is_none());
        let link = async || make_link(&world.services, &address, AskedBy::Operator).await.unwrap().unwrap().token;
        let old = link().await;
        let token = link().await;
        let reset = async |token: &SecretString, new: &str| {
            password_reset::set_password(&world.services, token, new.into(), FROM).await
        };
        assert!(matches!(reset(&old, NEW).await, Err(ResetError::Used)), "the newer one counts");
        assert!(matches!(reset(&token, "short").await, Err(ResetError::NewPassword(_))));
        assert!(matches!(reset(&"x".repeat(43).into(), NEW).await, Err(ResetError::Unknown)));
        let seen = password_reset::look(&world.services, &token, FROM).await.unwrap();
        assert_eq!(seen, address);
        assert_eq!(audited(&world, "password_reset_link_made", "operator").await, 2);

        reset(&token, NEW).await.unwrap();
        assert!(!is_known(&world, &ada.token).await);
        assert!(signs_in(&world, "Ada", NEW).await && !signs_in(&world, "Ada", PASSWORD).await);
        assert!(matches!(reset(&token, PASSWORD).await, Err(ResetError::Used)));

        let late = link().await;
        world.env.advance(PASSWORD_RESET_LIFE);
        assert!(matches!(reset(&late, PASSWORD).await, Err(ResetError::Expired)));
        world.env.advance(SignedDuration::from_hours(31 * 24));
        let done = retain::run_once(&world.services, &CancellationToken::new()).await.unwrap();
        assert_eq!(done.removed(Kept::PasswordResets), 3);
    }

    async fn a_reset_link_used_twice_at_once_counts_once(db: TestDb) {
        let world = World::new(db).await;
        world.person("Ada").await;
        let address = EmailAddress::parse("ada@example.com").unwrap();
        let token = make_link(&world.services, &address, AskedBy::Operator).await.unwrap().unwrap().token;
        let reset = |new: &str| password_reset::set_password(&world.services, &token, new.into(), FROM);
        let (one, two) = tokio::join!(reset(NEW), reset("a third password"));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    }

    async fn a_changed_password_ends_reset_links(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.person("Ada").await;
        let token = make_link(&world.services, &ada.person.user().email, AskedBy::Operator).await.unwrap().unwrap().token;
        change_password(&world.services, &ada.person, PASSWORD.into(), NEW.into(), FROM).await.unwrap();
        let err = password_reset::look(&world.services, &token, FROM).await.unwrap_err();
        assert!(matches!(err, ResetError::Used));
    }

    async fn the_first_account_needs_the_link_where_sign_up_is_closed(db: TestDb) {
        let world = World::with_policy(db, Policy::default()).await;
        let token = make_link_if_needed(&world.services).await.unwrap().unwrap();
        let after_restart = make_link_if_needed(&world.services).await.unwrap().unwrap();
        assert_eq!(audited(&world, "setup_link_made", "operator").await, 2);
        let forged = "x".repeat(43).into();
        let err = sign_up_first(&world.services, &forged, form("Eve"), FROM).await.unwrap_err();
        assert!(matches!(err, SetupError::Unknown));
        setup::look(&world.services, &token, FROM).await.unwrap();

        let (one, two) = tokio::join!(
            sign_up_first(&world.services, &token, form("Ada"), FROM),
            sign_up_first(&world.services, &after_restart, form("Bob"), FROM),
        );
        let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
        assert!(is_known(&world, &won.unwrap().token).await);
        assert!(matches!(lost.unwrap_err(), SetupError::Done));
        let late = setup::look(&world.services, &after_restart, FROM).await.unwrap_err();
        assert!(matches!(late, SetupError::Done));
        assert!(make_link_if_needed(&world.services).await.unwrap().is_none());
        assert_eq!(audited(&world, "setup_link_made", "operator").await, 2, "no link, no row");
    }

    async fn restarts_do_not_pile_up_links_and_open_sign_up_needs_none(db: TestDb) {
        let world = World::with_policy(db, Policy::default()).await;
        let first = make_link_if_needed(&world.services).await.unwrap().unwrap();
        for _ in 0..10 {
            world.env.advance(SignedDuration::from_secs(1));
            make_link_if_needed(&world.services).await.unwrap().unwrap();
        }
        let err = setup::look(&world.services, &first, FROM).await.unwrap_err();
        assert!(matches!(err, SetupError::Unknown));
    }

    async fn the_21st_wrong_password_of_an_account_waits(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.person("Ada").await;
        for _ in 0..30 {
            assert!(signs_in(&world, "ada", PASSWORD).await, "what succeeds does not count");
        }
        let wrong = async || sign_in(&world.services, "ada@example.com", "wrong".into(), FROM).await;
        for _ in 0..MOST_FOR_ACCOUNT / 2 {
            assert!(matches!(wrong().await, Err(SignInError::Refused)));
            let err = account::delete(&world.services, &ada.person, "wrong".into(), FROM).await;
            assert!(matches!(err, Err(AccountError::WrongPassword)));
        }
        assert!(matches!(wrong().await, Err(SignInError::Throttled(_))));
        assert!(!signs_in(&world, "ada", PASSWORD).await, "guessing goes nowhere");
        let change = change_password(&world.services, &ada.person, PASSWORD.into(), NEW.into(), FROM);
        assert!(matches!(change.await, Err(AccountError::Throttled(_))));
        world.person("Eve").await;
        assert!(signs_in(&world, "eve", PASSWORD).await, "others are not held up");
        world.env.advance(SignedDuration::from_mins(10));
        assert!(signs_in(&world, "ada", PASSWORD).await);
    }

    async fn of_many_guesses_at_once_only_twenty_are_answered(db: TestDb) {
        let world = World::new(db).await;
        world.person("Ada").await;
        let guesses: Vec<_> = (0..24)
            .map(|_| {
                let services = world.services.clone();
                tokio::spawn(async move {
                    sign_in(&services, "ada@example.com", "wrong".into(), FROM).await
                })
            })
            .collect();
        let mut told = 0;
        for guess in guesses {
            told += usize::from(matches!(guess.await.unwrap(), Err(SignInError::Refused)));
        }
        assert_eq!(told, MOST_FOR_ACCOUNT);
    }

    async fn bad_tokens_of_an_address_are_counted_together(db: TestDb) {
        let world = World::new(db).await;
        let from = ClientAddress::of("192.0.2.7".parse().unwrap());
        world.person("Ada").await;
        for n in 0..MOST_FOR_ADDRESS {
            let token: SecretString = format!("{n}").into();
            if n % 2 == 0 {
                let err = service::invitations::look(&world.services, None, &token, from).await;
                assert!(matches!(err, Err(service::invitations::InvitationError::Unknown)));
            } else {
                let err = password_reset::look(&world.services, &token, from).await;
                assert!(matches!(err, Err(ResetError::Unknown)));
            }
        }
        let err = sign_in(&world.services, "ada@example.com", PASSWORD.into(), from).await;
        assert!(matches!(err, Err(SignInError::Throttled(_))));
    }
}
