//! Another Atlassian account is asked about, not taken silently.

use atlassian_sim::{Endpoint, Fault};
use domain::{
    attempt::{AttemptOutcome, GRANT_LIFE},
    audit::AuditAction,
    credential::IntegrationCredential,
    state::ConnectionState,
};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use service::{
    account_question::{account_question, sign_in_with_another, take_other_account},
    choose_site::{choose, offered_sites},
    connect::{Ended, Next, Reason, resume},
};
use testkit::{
    db_tests,
    world::{SignedInAdmin, World, reason},
};

/// Connected as Sam, then signed in as Mia, who chose her first site: the question waits.
async fn asked(world: &World) -> (SignedInAdmin, IntegrationCredential) {
    let ada = world.admin("Ada", "Acme").await;
    world.connect(&ada, "Sam One").await.unwrap();
    let before = world.stored(&ada).await.0;
    // Attempts of one millisecond have no order.
    world.env.advance(SignedDuration::from_secs(1));
    let ended = world.connect(&ada, "Mia Krystof").await.unwrap();
    assert!(matches!(ended, Ended::ChooseSite { .. }));
    let site = world.sim.sites_of("Mia Krystof")[0].clone();
    let ended = choose(&world.services, &ada, &site).await.unwrap();
    assert!(matches!(ended, Ended::AskAccount { .. }));
    (ada, before)
}

db_tests! {
    async fn until_a_person_answers_what_was_there_stays_in_force(db: TestDb) {
        let world = World::new(db).await;
        let (ada, before) = asked(&world).await;
        assert_eq!(world.stored(&ada).await.0, before);
        assert_eq!(world.state(&ada).await, ConnectionState::Connected);
        let question = account_question(&world.services, &ada).await.unwrap();
        assert_eq!(question.connected_as.as_deref(), Some("Sam One"));
        assert_eq!(question.signed_in_as.as_deref(), Some("Mia Krystof"));
        let attempt = world.open_attempt(&ada).await.unwrap();
        let next = resume(&world.services, &ada, attempt).await.unwrap();
        assert!(matches!(next, Next::Ended(Ended::AskAccount { .. })));
        world.env.advance(GRANT_LIFE);
        let err = account_question(&world.services, &ada).await.unwrap_err();
        assert_eq!(reason(err), Reason::ChoiceExpired);
        let err = take_other_account(&world.services, &ada).await.unwrap_err();
        assert_eq!(reason(err), Reason::ChoiceExpired, "the account in force is not the asked one's doing");
        assert_eq!(world.stored(&ada).await.0, before);
    }

    async fn the_connection_changes_its_account_when_told_to(db: TestDb) {
        let world = World::new(db).await;
        let (ada, before) = asked(&world).await;
        let ended = take_other_account(&world.services, &ada).await.unwrap();
        assert!(matches!(ended, Ended::Connected { .. }));
        let (after, integration) = world.stored(&ada).await;
        let issued = world.sim.newest_tokens("Mia Krystof").unwrap();
        assert_eq!(after.id, before.id);
        assert_eq!(after.account_id.as_ref().unwrap().as_str(), issued.account_id);
        assert_eq!(world.open_tokens(&after).refresh.expose_secret(), issued.refresh);
        assert_eq!(integration.site.cloud_id.as_str(), world.sim.sites_of("Mia Krystof")[0]);
        let audit = world.audit(&ada).await;
        assert!(audit.contains(&AuditAction::Reconnected) && audit.contains(&AuditAction::SiteChanged));
        let again = take_other_account(&world.services, &ada).await.unwrap();
        assert!(matches!(again, Ended::AlreadyDone { .. }), "sent twice, done once");
        assert_eq!(world.stored(&ada).await.0, after);
    }

    async fn the_connection_keeps_its_account_when_told_to(db: TestDb) {
        let world = World::new(db).await;
        let (ada, before) = asked(&world).await;
        let url = sign_in_with_another(&world.services, &ada).await.unwrap();
        assert!(url.path().ends_with("authorize"));
        let attempts = world.attempts(&ada).await;
        assert!(attempts.iter().all(|it| it.grant.is_none()), "what was granted is erased");
        assert!(attempts.iter().any(|it| it.outcome == Some(AttemptOutcome::Discarded)));
        let query = world.consent(&url, "Sam One").await;
        service::connect::finish(&world.services, Some(&ada.person), &query).await.unwrap();
        let after = world.stored(&ada).await.0;
        assert_eq!((after.id, &after.account_id), (before.id, &before.account_id));
    }

    async fn the_question_is_asked_without_names_while_atlassian_is_down(db: TestDb) {
        let world = World::new(db).await;
        let (ada, _) = asked(&world).await;
        world.sim.fault_always(Endpoint::Myself, Fault::Status(503));
        let question = account_question(&world.services, &ada).await.unwrap();
        assert_eq!((question.connected_as, question.signed_in_as), (None, None));
        world.sim.fault_always(Endpoint::Resources, Fault::Status(503));
        let err = take_other_account(&world.services, &ada).await.unwrap_err();
        assert_eq!(reason(err), Reason::AtlassianDown);
        world.sim.clear_faults();
        take_other_account(&world.services, &ada).await.unwrap();
    }

    async fn an_account_that_did_not_answer_is_not_another_one(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.sim.fault(Endpoint::Myself, Fault::Status(503));
        let ended = world.connect(&ada, "Sam One").await.unwrap();
        assert!(matches!(ended, Ended::Connected { .. }));
        assert_eq!(world.stored(&ada).await.0.account_id, None, "unknown, not guessed");
        let ended = world.connect(&ada, "Sam One").await.unwrap();
        assert!(matches!(ended, Ended::Connected { .. }));
        assert!(world.stored(&ada).await.0.account_id.is_some());
    }

    async fn another_persons_question_is_not_answered(db: TestDb) {
        let world = World::new(db).await;
        let (ada, before) = asked(&world).await;
        let bob = world.join(&ada, "Bob", domain::team::Role::Admin).await;
        assert_eq!(reason(account_question(&world.services, &bob).await.unwrap_err()), Reason::ChoiceExpired);
        assert_eq!(reason(take_other_account(&world.services, &bob).await.unwrap_err()), Reason::ChoiceExpired);
        assert_eq!(world.stored(&ada).await.0, before);
        // A picker that waits can still be used for another choice.
        assert!(offered_sites(&world.services, &ada).await.unwrap().until.is_some());
    }
}
