//! How well the promise was kept: over a day to the minute, over a week and a month by days.

use domain::{
    api_key::Errand,
    slo::Reads,
    usage::{Answer, Call, CountedCall, Method, PathTemplate},
};
use jiff::SignedDuration;
use service::{
    api_keys::KeyWish,
    door::{ApiClient, identify},
    slo,
    throttle::ClientAddress,
    worker::note_use,
};
use testkit::{
    db_tests,
    world::{SignedInAdmin, World},
};

async fn client(world: &World, admin: &SignedInAdmin) -> ApiClient {
    let made = service::api_keys::create(&world.services, admin, &KeyWish::named("billing"))
        .await
        .unwrap();
    world.add_secret(&made.token);
    let provider = domain::credential::Provider::Jira;
    identify(
        &world.services,
        &made.token,
        provider,
        Errand::Token,
        ClientAddress::UNKNOWN,
    )
    .await
    .unwrap()
}

fn call(call: Call, answer: Answer) -> CountedCall {
    CountedCall {
        call,
        method: Method::Post,
        path_template: PathTemplate::NONE,
        http_status: 200,
        answer,
    }
}

/// The reads of the last day, week and month.
async fn reads(world: &World, team: Option<&str>) -> [Reads; 3] {
    note_use::run_once(&world.services).await.unwrap();
    let all = slo::read(&world.services, team).await.unwrap().unwrap();
    all.map(|it| it.reads)
}

db_tests! {
    async fn reads_count_in_the_periods_that_they_are_of(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let eve = world.admin("Eve", "Evil").await;
        let (acme, evil) = (client(&world, &ada).await, client(&world, &eve).await);
        let count = |client: &ApiClient, of: Call, answer| world.services.count_call(client, call(of, answer));
        count(&acme, Call::Token, Answer::Served);
        count(&acme, Call::Proxy, Answer::ProviderOutage);
        count(&acme, Call::Rejected, Answer::OurFault);
        count(&acme, Call::Status, Answer::Served);
        count(&evil, Call::Token, Answer::NoGrant);
        let own = Reads { served: 1, provider_outage: 1, our_fault: 1, ..Reads::default() };
        assert_eq!(reads(&world, Some("acme")).await, [own; 3]);
        assert_eq!(reads(&world, None).await, [Reads { no_grant: 1, ..own }; 3]);

        world.env.advance(SignedDuration::from_hours(25));
        count(&acme, Call::Token, Answer::Served);
        let newer = Reads { served: 1, ..Reads::default() };
        let both = Reads { served: 2, ..own };
        assert_eq!(reads(&world, Some("acme")).await, [newer, both, both]);
        world.env.advance(SignedDuration::from_hours(7 * 24));
        assert_eq!(reads(&world, Some("acme")).await, [Reads::default(), Reads::default(), both]);
        world.env.advance(SignedDuration::from_hours(30 * 24));
        assert_eq!(reads(&world, Some("acme")).await, [Reads::default(); 3]);
        assert!(slo::read(&world.services, Some("nobody")).await.unwrap().is_none());
        assert!(slo::read(&world.services, Some("No Slug")).await.unwrap().is_none());
    }
}
