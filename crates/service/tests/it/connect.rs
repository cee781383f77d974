//! To Atlassian and back.

use atlassian_sim::{Endpoint, Fault, Switches};
use domain::{
    attempt::{AttemptOutcome, GRANT_LIFE},
    audit::AuditAction,
    credential::Generation,
    state::ConnectionState,
    team::Role,
};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use service::connect::{Ended, Next, Reason, begin, finish, resume};
use testkit::{
    db_tests,
    world::{World, reason},
};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

db_tests! {
    async fn one_site_is_connected_with_everything_that_was_granted(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let ended = world.connect(&ada, "Sam One").await.unwrap();
        assert!(matches!(ended, Ended::Connected { only_site: true, .. }));

        let (credential, integration) = world.stored(&ada).await;
        let issued = world.sim.newest_tokens("Sam One").unwrap();
        let opened = world.open_tokens(&credential);
        assert_eq!(opened.access.expose_secret(), issued.access);
        assert_eq!(opened.refresh.expose_secret(), issued.refresh);
        let tokens = credential.tokens.as_ref().unwrap();
        assert_eq!(tokens.access_expires_at, world.now() + MINUTE * 60);
        assert!(["read:jira-work", "read:jira-user", "offline_access"].iter().all(|it| credential.scopes.contains(it)));
        assert_eq!(credential.account_id.as_ref().unwrap().as_str(), issued.account_id);
        assert_eq!(credential.connected_by, Some(ada.person.user().id));
        assert_eq!(credential.consented_at, Some(world.now()));
        assert_eq!(credential.generation, Generation(1));
        assert!(world.sim.sites_of("Sam One").contains(&integration.site.cloud_id.to_string()));
        assert_eq!(world.state(&ada).await, ConnectionState::Connected);
        assert!(world.audit(&ada).await.contains(&AuditAction::Connected));
    }

    async fn the_first_use_two_hours_later_works(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(MINUTE * 120);
        let token = world.token(&ada).await.unwrap();
        let issued = world.sim.newest_tokens("Sam One").unwrap();
        assert_eq!(token.access.expose_secret(), issued.access);
        assert_eq!(world.sim.counts().refresh, 1);
        let (credential, _) = world.stored(&ada).await;
        assert_eq!(world.open_tokens(&credential).refresh.expose_secret(), issued.refresh);
    }

    async fn the_authorize_address_is_complete_and_its_verifier_matches(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let first = begin(&world.services, &ada).await.unwrap();
        let second = begin(&world.services, &ada).await.unwrap();
        let param = |url: &url::Url, name: &str| {
            url.query_pairs().find(|(it, _)| it == name).map(|(_, value)| value.into_owned()).unwrap()
        };
        assert_eq!(param(&first, "audience"), "api.atlassian.com");
        assert_eq!(param(&first, "response_type"), "code");
        assert_eq!(param(&first, "prompt"), "consent");
        assert_eq!(param(&first, "code_challenge_method"), "S256");
        assert_eq!(param(&first, "redirect_uri"), world.redirect_uri().as_str());
        assert_eq!(param(&first, "scope"), "read:jira-work read:jira-user offline_access");
        assert!(first.query().unwrap().contains("read%3Ajira-work%20read%3Ajira-user%20offline_access"));
        assert!(param(&first, "state") != param(&second, "state"));
        assert!(param(&first, "code_challenge") != param(&second, "code_challenge"));
        world.sim.set_switches(Switches { enforce_pkce: true, ..Switches::default() });
        let query = world.consent(&first, "Sam One").await;
        finish(&world.services, Some(&ada.person), &query).await.unwrap();
    }

    async fn a_callback_is_taken_once(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let url = begin(&world.services, &ada).await.unwrap();
        let query = world.consent(&url, "Sam One").await;
        let twice = tokio::join!(
            finish(&world.services, Some(&ada.person), &query),
            finish(&world.services, Some(&ada.person), &query),
        );
        let done = [twice.0, twice.1].into_iter().filter(|it| matches!(it, Ok(Ended::Connected { .. }))).count();
        assert_eq!(done, 1);
        assert_eq!(world.sim.counts().exchange, 1);
        let reloaded = finish(&world.services, Some(&ada.person), &query).await.unwrap();
        assert!(matches!(reloaded, Ended::AlreadyDone { site: Some(_), .. }));
        world.env.advance(MINUTE * 60 * 24);
        let much_later = finish(&world.services, Some(&ada.person), &query).await.unwrap();
        assert!(matches!(much_later, Ended::AlreadyDone { .. }));
        assert_eq!(world.stored(&ada).await.0.generation, Generation(1));
    }

    async fn a_state_is_good_for_its_own_person_session_and_time_only(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let bob = world.join(&ada, "Bob", Role::Admin).await;
        let ada_elsewhere = world.sign_in_again("Ada").await;
        let url = begin(&world.services, &ada).await.unwrap();
        let query = world.consent(&url, "Sam One").await;

        let unknown = [Some(&bob.person), Some(&ada_elsewhere.person), None];
        for person in unknown {
            let err = finish(&world.services, person, &query).await.unwrap_err();
            assert_eq!(reason(err), Reason::StateUnknown);
        }
        let forged = query.replace("state=", "state=A");
        let err = finish(&world.services, Some(&ada.person), &forged).await.unwrap_err();
        assert_eq!(reason(err), Reason::StateUnknown);
        let of_another_key = world.state_of_another_ring(&url);
        let err = finish(&world.services, Some(&ada.person), &format!("code=c&state={of_another_key}")).await.unwrap_err();
        assert_eq!(reason(err), Reason::StateUnknown);
        world.env.advance(MINUTE * 10);
        let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
        assert_eq!(reason(err), Reason::StateExpired);

        assert_eq!(world.sim.counts().exchange, 0, "nothing was asked of Atlassian");
        assert_eq!(world.state(&ada).await, ConnectionState::NotConnected);
        let refused = world.audit(&ada).await.iter().filter(|it| **it == AuditAction::CallbackRefused).count();
        assert_eq!(refused, 4, "those that name the team are in its log");
    }

    async fn only_who_is_still_an_admin_finishes(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.join(&ada, "Bob", Role::Admin).await;
        let url = begin(&world.services, &ada).await.unwrap();
        let query = world.consent(&url, "Sam One").await;
        world.set_role(&ada, Role::Member).await;
        let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
        let Reason::NotAdmin { admins } = reason(err) else { panic!("another reason") };
        assert_eq!(admins.iter().map(ToString::to_string).collect::<Vec<_>>(), ["Bob"]);
        world.remove_from_team(&ada).await;
        let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
        assert_eq!(reason(err), Reason::StateUnknown);
        assert_eq!(world.sim.counts().exchange, 0);
    }

    async fn what_is_not_a_callback_is_a_bad_request(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let url = begin(&world.services, &ada).await.unwrap();
        let query = world.consent(&url, "Sam One").await;
        let state = query.split('&').find(|it| it.starts_with("state=")).unwrap();
        let long = format!("code=c&state={}", "A".repeat(20_000));
        let bad = [
            String::new(), state.to_owned(), "code=c".to_owned(), long, "code=c&state=%00%ff%fe".to_owned(),
            format!("code=c&code=d&{state}"), format!("code=c&{state}&{state}"), format!("code=&{state}"),
        ];
        for query in bad {
            let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
            assert_eq!(reason(err), Reason::BadRequest, "{query:.60}");
        }
        // None of this has spent the attempt.
        finish(&world.services, Some(&ada.person), &query).await.unwrap();
    }

    async fn what_atlassian_says_instead_of_a_code_is_told_in_our_words(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let url = begin(&world.services, &ada).await.unwrap();
        let query = world.cancel_consent(&url, "Sam One").await;
        for _ in 0..2 {
            let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
            assert_eq!(reason(err), Reason::Denied, "the second time too");
        }
        for error in ["server_error", "invalid_scope", "temporarily_unavailable", "<script>"] {
            let url = begin(&world.services, &ada).await.unwrap();
            let state = url.query_pairs().find(|(it, _)| it == "state").unwrap().1.into_owned();
            let query = format!("error={error}&error_description=Evil+text&state={state}");
            let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
            assert_eq!(reason(err), Reason::RefusedByAtlassian);
        }
        assert_eq!(world.state(&ada).await, ConnectionState::NotConnected);
    }

    async fn a_code_that_atlassian_refuses_ends_the_attempt(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let url = begin(&world.services, &ada).await.unwrap();
        let state = url.query_pairs().find(|(it, _)| it == "state").unwrap().1.into_owned();
        let err = finish(&world.services, Some(&ada.person), &format!("code=made-up&state={state}")).await.unwrap_err();
        assert_eq!(reason(err), Reason::CodeRefused);
        assert_eq!(world.state(&ada).await, ConnectionState::NotConnected);
    }

    async fn an_exchange_without_an_answer_must_be_begun_anew(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        for fault in [Fault::Status(503), Fault::DropBeforeRotation, Fault::DropAfterRotation, Fault::HtmlWith200, Fault::TruncatedJson] {
            world.sim.fault(Endpoint::Token, fault);
            let url = begin(&world.services, &ada).await.unwrap();
            let query = world.consent(&url, "Sam One").await;
            let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
            assert_eq!(reason(err), Reason::ExchangeFailed);
        }
        world.sim.fault(Endpoint::Token, Fault::MissingField("refresh_token".to_owned()));
        let url = begin(&world.services, &ada).await.unwrap();
        let query = world.consent(&url, "Sam One").await;
        let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
        assert_eq!(reason(err), Reason::NoRefreshToken);
        assert_eq!(world.state(&ada).await, ConnectionState::NotConnected);
    }

    async fn when_atlassian_fails_after_the_exchange_the_sign_in_is_kept(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        for fault in [Fault::Status(503), Fault::HtmlWith200, Fault::TruncatedJson, Fault::DropBeforeRotation] {
            world.sim.fault(Endpoint::Resources, fault.clone());
            world.sim.fault(Endpoint::Resources, fault);
            let url = begin(&world.services, &ada).await.unwrap();
            let query = world.consent(&url, "Sam One").await;
            let exchanges = world.sim.counts().exchange;
            let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
            let attempt = testkit::world::attempt_of(&err).unwrap();
            assert_eq!(reason(err), Reason::AtlassianDown);
            assert_eq!(world.state(&ada).await, ConnectionState::Connecting);
            let err = resume(&world.services, &ada, attempt).await.unwrap_err();
            assert_eq!(reason(err), Reason::AtlassianDown, "still down");
            let next = resume(&world.services, &ada, attempt).await.unwrap();
            assert!(matches!(next, Next::Ended(Ended::Connected { .. })));
            assert_eq!(world.sim.counts().exchange, exchanges + 1, "no new consent, no new code");
            world.disconnect(&ada).await;
        }
    }

    async fn a_kept_sign_in_is_erased_after_half_an_hour(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.sim.fault(Endpoint::Resources, Fault::Status(503));
        let url = begin(&world.services, &ada).await.unwrap();
        let query = world.consent(&url, "Sam One").await;
        let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
        let attempt = testkit::world::attempt_of(&err).unwrap();
        world.env.advance(GRANT_LIFE);
        let err = resume(&world.services, &ada, attempt).await.unwrap_err();
        assert_eq!(reason(err), Reason::ChoiceExpired);
        let done = service::worker::clean_up::run_once(&world.services).await.unwrap();
        assert_eq!(done.erased_grants, 1);
        let stored = world.attempts(&ada).await.into_iter().find(|it| it.id == attempt).unwrap();
        assert!(stored.grant.is_none());
        assert_eq!(stored.outcome, Some(AttemptOutcome::Discarded));
        assert_eq!(world.state(&ada).await, ConnectionState::NotConnected);
    }

    async fn an_open_trip_goes_on_at_atlassian(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let first = begin(&world.services, &ada).await.unwrap();
        assert_eq!(world.state(&ada).await, ConnectionState::Connecting);
        let attempt = world.open_attempt(&ada).await.unwrap();
        world.env.advance(MINUTE * 4);
        let Next::Atlassian(again) = resume(&world.services, &ada, attempt).await.unwrap() else { panic!("no address") };
        assert_eq!(first, again, "the same trip");
        let bob = world.join(&ada, "Bob", Role::Admin).await;
        let err = resume(&world.services, &bob, attempt).await.unwrap_err();
        assert_eq!(reason(err), Reason::StateUnknown, "another admin begins a trip of their own");
        let query = world.consent(&again, "Sam One").await;
        finish(&world.services, Some(&ada.person), &query).await.unwrap();
        let Next::Ended(Ended::AlreadyDone { .. }) = resume(&world.services, &ada, attempt).await.unwrap() else { panic!("not done") };
    }

    async fn two_teams_interleaved_each_end_at_their_own(db: TestDb) {
        let world = World::new(db).await;
        let acme = world.admin("Ada", "Acme").await;
        let beta = world.another_team(&acme, "Beta").await;
        let (to_acme, to_beta) = (begin(&world.services, &acme).await.unwrap(), begin(&world.services, &beta).await.unwrap());
        let (from_acme, from_beta) = (world.consent(&to_acme, "Sam One").await, world.consent(&to_beta, "Sam One").await);
        let Ended::Connected { team, .. } = finish(&world.services, Some(&acme.person), &from_beta).await.unwrap() else { panic!() };
        assert_eq!(team.id, beta.team().id);
        let Ended::Connected { team, .. } = finish(&world.services, Some(&acme.person), &from_acme).await.unwrap() else { panic!() };
        assert_eq!(team.id, acme.team().id);
    }

    async fn a_second_sign_in_replaces_the_whole_grant(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let (before, site_before) = world.stored(&ada).await;
        world.env.advance(MINUTE);
        world.connect(&ada, "Sam One").await.unwrap();
        let (after, site_after) = world.stored(&ada).await;
        assert_eq!((after.id, after.generation), (before.id, before.generation.next()));
        assert_eq!(site_after, site_before);
        let issued = world.sim.newest_tokens("Sam One").unwrap();
        let opened = world.open_tokens(&after);
        assert_eq!((opened.access.expose_secret(), opened.refresh.expose_secret()), (issued.access.as_str(), issued.refresh.as_str()));
        assert_eq!(after.tokens.unwrap().access_expires_at, world.now() + MINUTE * 60);
        assert!(world.audit(&ada).await.contains(&AuditAction::Reconnected));
    }
}
