//! Invitations, roles, removal, leaving; what stays when somebody left.

use domain::{
    audit::AuditAction,
    invitation::{INVITATION_LIFE, InvitationEnd},
    retention::Kept,
    team::Role,
};
use jiff::SignedDuration;
use secrecy::SecretString;
use service::{
    Policy,
    invitations::{
        InvitationError, InviteError, InvitedSignUpError, accept, invite, look, revoke,
        sign_up_invited,
    },
    members::{ChangeError, leave, people, remove, set_role},
    overview,
    sign_in::SignedIn,
    sign_up::SignUpError,
    teams::{DeleteTeamError, RenameTeamError, delete_team, rename_team},
    throttle::ClientAddress,
    who::{Found, find_member},
    worker::retain,
};
use testkit::{
    db_tests,
    world::{PASSWORD, SignedInAdmin, World},
};
use tokio_util::sync::CancellationToken;

const FROM: ClientAddress = ClientAddress::UNKNOWN;

async fn link(world: &World, admin: &SignedInAdmin, email: &str, role: Role) -> SecretString {
    let invited = invite(&world.services, admin, email, role).await;
    invited.unwrap().token
}

async fn removed(world: &World) -> u64 {
    let done = retain::run_once(&world.services, &CancellationToken::new()).await;
    done.unwrap().removed(Kept::Invitations)
}

async fn role_of(world: &World, person: &SignedIn, admin: &SignedInAdmin) -> Option<Role> {
    let slug = &admin.team().slug;
    match find_member(&world.services, &person.token, slug).await {
        Ok(Found::Member(member)) => Some(member.role()),
        _ => None,
    }
}

fn end(err: &InvitationError) -> InvitationEnd {
    match err {
        InvitationError::Ended(end) => *end,
        other => panic!("{other:?}"),
    }
}

db_tests! {
    async fn an_invited_person_joins_with_the_role_and_the_link_is_used_up(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let grace = world.person("Grace").await;
        let token = link(&world, &ada, "GRACE@example.com", Role::Admin).await;
        let offer = look(&world.services, None, &token, FROM).await.unwrap();
        assert_eq!((offer.role, offer.email.as_str()), (Role::Admin, "grace@example.com"));
        assert_eq!(offer.inviter.unwrap().as_str(), "Ada");
        assert_eq!(role_of(&world, &grace, &ada).await, None, "looking changes nothing");

        accept(&world.services, &grace.person, &token, FROM).await.unwrap();
        assert_eq!(role_of(&world, &grace, &ada).await, Some(Role::Admin));
        let again = accept(&world.services, &grace.person, &token, FROM).await.unwrap_err();
        assert!(matches!(again, InvitationError::AlreadyMember(_)));
        let nobody = look(&world.services, None, &token, FROM).await.unwrap_err();
        assert_eq!(end(&nobody), InvitationEnd::Used);
        let audit = world.audit(&ada).await;
        for action in [AuditAction::InvitationAccepted, AuditAction::InvitationMade] {
            assert!(audit.contains(&action), "{action:?}");
        }
    }

    async fn an_invitation_used_twice_at_once_makes_one_account(db: TestDb) {
        let world = World::with_policy(db, Policy::default()).await;
        let ada = world.admin("Ada", "Acme").await;
        let token = link(&world, &ada, "grace@example.com", Role::Member).await;
        let sign_up = || sign_up_invited(&world.services, &token, "Grace".to_owned(), PASSWORD.into(), FROM);
        let (one, two) = tokio::join!(sign_up(), sign_up());
        let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
        let (grace, team) = won.unwrap();
        assert_eq!(team.id, ada.team().id);
        assert_eq!(role_of(&world, &grace, &ada).await, Some(Role::Member));
        match lost.unwrap_err() {
            InvitedSignUpError::Invitation(InvitationError::Ended(InvitationEnd::Used))
            | InvitedSignUpError::SignUp(SignUpError::AddressTaken) => {}
            other => panic!("{other:?}"),
        }
    }

    async fn an_invitation_is_for_one_address(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.person("Eve").await;
        let token = link(&world, &ada, "grace@example.com", Role::Member).await;
        let err = accept(&world.services, &eve.person, &token, FROM).await.unwrap_err();
        let InvitationError::OtherAddress { invited, signed_in } = err else { panic!("{err:?}") };
        assert_eq!((invited.as_str(), signed_in.as_str()), ("grace@example.com", "eve@example.com"));
        assert_eq!(role_of(&world, &eve, &ada).await, None);
    }

    async fn an_invitation_ends_by_time_by_hand_by_a_newer_one_and_with_the_inviter(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let bob = world.join(&ada, "Bob", Role::Admin).await;
        let grace = world.person("Grace").await;
        let refused = async |token: &SecretString| {
            accept(&world.services, &grace.person, token, FROM).await.unwrap_err()
        };

        let old = link(&world, &ada, "grace@example.com", Role::Member).await;
        let new = invite(&world.services, &ada, "grace@example.com", Role::Member).await.unwrap();
        assert_eq!(end(&refused(&old).await), InvitationEnd::Replaced);
        assert!(revoke(&world.services, &ada, new.invitation.id).await.unwrap());
        assert!(!revoke(&world.services, &ada, new.invitation.id).await.unwrap());
        assert_eq!(end(&refused(&new.token).await), InvitationEnd::Revoked);

        let of_bob = link(&world, &bob, "grace@example.com", Role::Member).await;
        set_role(&world.services, &ada, bob.person.user().id, Role::Member).await.unwrap();
        assert_eq!(end(&refused(&of_bob).await), InvitationEnd::InviterLeft);
        remove(&world.services, &ada, bob.person.user().id).await.unwrap();
        assert_eq!(end(&refused(&of_bob).await), InvitationEnd::InviterLeft);

        let late = link(&world, &ada, "grace@example.com", Role::Member).await;
        world.env.advance(INVITATION_LIFE);
        assert_eq!(end(&refused(&late).await), InvitationEnd::Expired);
        let forged = "x".repeat(43).into();
        assert!(matches!(refused(&forged).await, InvitationError::Unknown));
        assert_eq!(role_of(&world, &grace, &ada).await, None);
    }

    async fn a_members_address_is_not_invited_and_nobody_invites_into_another_team(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Other").await;
        world.join(&ada, "Grace", Role::Member).await;
        let err = invite(&world.services, &ada, "grace@example.com", Role::Admin).await.unwrap_err();
        assert!(matches!(err, InviteError::AlreadyMember(name) if name.as_str() == "Grace"));
        assert!(matches!(
            invite(&world.services, &ada, "a\u{202e}b@example.com", Role::Member).await,
            Err(InviteError::Address(_))
        ));
        let made = invite(&world.services, &ada, "bob@example.com", Role::Member).await.unwrap();
        assert!(!revoke(&world.services, &eve, made.invitation.id).await.unwrap());
        assert!(people(&world.services, &eve).await.unwrap().invitations.is_empty());
        let of_ada = people(&world.services, &ada).await.unwrap();
        assert_eq!((of_ada.members.len(), of_ada.invitations.len()), (2, 1));
    }

    async fn a_token_of_an_invitation_is_nowhere_in_the_database(db: TestDb) {
        use secrecy::ExposeSecret as _;
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let token = link(&world, &ada, "grace@example.com", Role::Member).await;
        let dump = world.dump().await;
        assert!(dump.contains("grace@example.com"));
        assert!(!dump.contains(token.expose_secret()));
    }

    async fn a_team_keeps_an_admin_whoever_goes(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let max = world.join(&ada, "Max", Role::Member).await;
        let id = |it: &SignedInAdmin| it.person.user().id;
        let last = |it: Result<(), ChangeError>| assert!(matches!(it, Err(ChangeError::LastAdmin)), "{it:?}");
        last(leave(&world.services, &ada).await);
        last(remove(&world.services, &ada, id(&ada)).await);
        last(set_role(&world.services, &ada, id(&ada), Role::Member).await);

        set_role(&world.services, &ada, id(&max), Role::Admin).await.unwrap();
        leave(&world.services, &ada).await.unwrap();
        let gone = find_member(&world.services, &ada.token, &ada.team().slug).await.unwrap();
        assert!(matches!(gone, Found::Stranger(_)), "it counts at once");
        let late = set_role(&world.services, &ada, id(&max), Role::Member).await;
        assert!(matches!(late, Err(ChangeError::NoLongerAdmin)), "a proof of before is not enough");
        last(leave(&world.services, &max).await);
        let audit = world.audit(&max).await;
        for action in [AuditAction::MemberLeft, AuditAction::RoleChanged] {
            assert!(audit.contains(&action), "{action:?}");
        }
    }

    async fn two_admins_who_demote_each_other_at_once_leave_one(db: TestDb) {
        let world = World::new(db).await;
        for round in 0..5 {
            let ada = world.admin(&format!("Ada{round}"), "Acme").await;
            let bob = world.join(&ada, &format!("Bob{round}"), Role::Admin).await;
            let (one, two) = tokio::join!(
                set_role(&world.services, &ada, bob.person.user().id, Role::Member),
                set_role(&world.services, &bob, ada.person.user().id, Role::Member),
            );
            assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
            let members = people(&world.services, &ada).await.unwrap().members;
            assert_eq!(members.iter().filter(|it| it.role == Role::Admin).count(), 1);
        }
    }

    async fn two_admins_who_leave_at_once_leave_one(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let bob = world.join(&ada, "Bob", Role::Admin).await;
        let (one, two) = tokio::join!(leave(&world.services, &ada), leave(&world.services, &bob));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    }

    async fn a_connection_stays_when_its_maker_left_and_others_take_over(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let bob = world.join(&ada, "Bob", Role::Admin).await;
        world.connect(&ada, "Sam One").await.unwrap();
        let (before, _) = world.stored(&ada).await;

        remove(&world.services, &bob, ada.person.user().id).await.unwrap();
        let seen = overview::jira(&world.services, &bob).await.unwrap();
        assert_eq!(seen.connected_by.unwrap().as_str(), "Ada");
        assert!(!seen.connected_by_is_member);
        world.token(&bob).await.unwrap();

        service::account::delete(&world.services, &ada.person, PASSWORD.into(), FROM).await.unwrap();
        let seen = overview::jira(&world.services, &bob).await.unwrap();
        assert!(seen.connected_by.is_none() && !seen.connected_by_is_member);
        world.token(&bob).await.unwrap();

        world.connect(&bob, "Sam One").await.unwrap();
        let (after, _) = world.stored(&bob).await;
        assert_eq!(after.id, before.id);
        let seen = overview::jira(&world.services, &bob).await.unwrap();
        assert!(seen.connected_by_is_member && seen.connected_by.unwrap().as_str() == "Bob");
    }

    async fn a_team_is_renamed_and_keeps_its_address(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        rename_team(&world.services, &ada, " Отдел 日本 ").await.unwrap();
        let found = find_member(&world.services, &ada.token, &ada.team().slug).await.unwrap();
        assert!(matches!(found, Found::Member(it) if it.team().name.as_str() == "Отдел 日本"));
        for bad in ["", "a\u{202e}b", "a\u{0}b", &"x".repeat(101)] {
            let err = rename_team(&world.services, &ada, bad).await.unwrap_err();
            assert!(matches!(err, RenameTeamError::Name(_)), "{bad:?}");
        }
    }

    async fn a_deleted_team_is_gone_but_for_its_audit(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let other = world.another_team(&ada, "Other").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.connect(&other, "Sam One").await.unwrap();
        let token = link(&world, &ada, "grace@example.com", Role::Member).await;
        for wrong in ["", "acme", "Other"] {
            let err = delete_team(&world.services, &ada, wrong).await.unwrap_err();
            assert!(matches!(err, DeleteTeamError::OtherName));
        }
        delete_team(&world.services, &ada, " Acme ").await.unwrap();

        assert!(world.credential(&ada).await.is_none());
        assert!(world.attempts(&ada).await.is_empty());
        let found = find_member(&world.services, &ada.token, &ada.team().slug).await.unwrap();
        assert!(matches!(found, Found::Stranger(_)));
        let invited = look(&world.services, None, &token, FROM).await.unwrap_err();
        assert!(matches!(invited, InvitationError::Unknown));
        let audit = world.audit(&ada).await;
        for action in [AuditAction::TeamDeleted, AuditAction::Connected] {
            assert!(audit.contains(&action), "{action:?}");
        }
        world.token(&other).await.unwrap();
        assert!(delete_team(&world.services, &ada, "Acme").await.is_err(), "a proof of before");
    }

    async fn old_links_are_removed_after_they_have_told_what_became_of_them(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        link(&world, &ada, "grace@example.com", Role::Member).await;
        world.env.advance(INVITATION_LIFE);
        assert_eq!(removed(&world).await, 0);
        world.env.advance(SignedDuration::from_hours(30 * 24));
        assert_eq!(removed(&world).await, 1);
    }
}
