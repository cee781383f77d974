//! What Atlassian allows is shared by all callers and processes, and parted fairly.

use atlassian::rate_limits;
use atlassian_sim::{Endpoint, Fault, RateLimit};
use domain::{
    api_key::Errand,
    credential::Provider,
    rate_budget::{Limit, Planned, Report, Told},
    text::CloudId,
    usage::{Answer, Call, CountedCall, Method, PathTemplate},
};
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use secrecy::ExposeSecret as _;
use service::{
    Services,
    api_keys::{Created, KeyWish, create, rotate},
    budget::{Admission, OverBudget, Why, admit, look_at_shares},
    choose_site::choose,
    connect::Ended,
    door::{ApiClient, identify},
    throttle::ClientAddress,
    worker::note_use,
};
use testkit::{
    db_tests,
    world::{SignedInAdmin, World, key_ring},
};

mod fairness;
mod trouble;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

const MYSELF: &str = "rest/api/3/myself";
const SERVER_INFO: &str = "rest/api/3/serverInfo";

/// A service of a team, and what it needs to call its site as the proxy does.
struct Caller {
    client: ApiClient,
    admin: SignedInAdmin,
    site: CloudId,
    http: Client,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// Atlassian was asked, and answered so.
    To(u16),
    /// It was not.
    Over(OverBudget),
}

impl Came {
    fn over(self) -> OverBudget {
        match self {
            Self::Over(over) => over,
            Self::To(status) => panic!("Atlassian was asked: {status}"),
        }
    }
}

impl Caller {
    async fn new(world: &World, admin: &SignedInAdmin, name: &str) -> Self {
        let wish = KeyWish::named(name);
        let made = create(&world.services, admin, &wish).await.unwrap();
        Self::with(world, admin, &made).await
    }

    /// The same service with another key.
    async fn rotated(&self, world: &World) -> Self {
        let made = rotate(&world.services, &self.admin, self.client.key().id).await;
        Self::with(world, &self.admin, &made.unwrap()).await
    }

    async fn with(world: &World, admin: &SignedInAdmin, made: &Created) -> Self {
        world.add_secret(&made.token);
        let services = &world.services;
        let client = identify(
            services,
            &made.token,
            Provider::Jira,
            Errand::Status,
            ClientAddress::UNKNOWN,
        );
        Self {
            client: client.await.unwrap(),
            admin: admin.clone(),
            site: world.stored(admin).await.1.site.cloud_id,
            http: Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// Asks for leave to make a call, and does not make it.
    async fn admit(
        &self,
        services: &Services,
        method: Method,
        template: &PathTemplate,
    ) -> Result<Admission, OverBudget> {
        let planned = Planned {
            site: self.site.clone(),
            method,
            template: template.clone(),
            issue: None,
        };
        admit(services, &self.client, planned).await
    }

    /// Calls as the proxy does, through one process: asks for leave, calls, and tells what was answered.
    async fn call(&self, world: &World, path: &str) -> Came {
        let services = &world.services;
        let template = PathTemplate::new(path);
        let admission = self.admit(services, Method::Get, &template).await;
        let came = match admission {
            Err(over) => Came::Over(over),
            Ok(admission) => {
                let token = world.token(&self.admin).await.unwrap();
                // A refresh that was begun beside it must not see the clock jump.
                world.tasks_done().await;
                let url = format!("{}ex/jira/{}/{path}", world.sim_addresses().1, self.site);
                let asked = self.http.get(url).bearer_auth(token.access.expose_secret());
                let said = asked.send().await.unwrap();
                let status = said.status().as_u16();
                let reports = rate_limits::read(status, said.headers(), world.now(), || 300);
                admission.observe(services, &reports).await;
                Came::To(status)
            }
        };
        let http_status = match came {
            Came::To(status) => status,
            Came::Over(_) => 429,
        };
        services.count_call(
            &self.client,
            CountedCall {
                call: Call::Proxy,
                method: Method::Get,
                path_template: template,
                http_status,
                answer: Answer::Served,
            },
        );
        came
    }
}

async fn connected(world: &World, name: &str, team: &str, account: &str) -> SignedInAdmin {
    let admin = world.admin(name, team).await;
    if let Ended::ChooseSite { .. } = world.connect(&admin, account).await.unwrap() {
        let site = world.sim.sites_of(account)[0].clone();
        choose(&world.services, &admin, &site).await.unwrap();
    }
    admin
}

/// Two processes, and a service of a connected team that is known to both.
async fn two_processes(db: testkit::db::TestDb) -> (World, World, Caller) {
    let world = World::new(db).await;
    let ada = connected(&world, "Ada", "Acme", "Sam One").await;
    let caller = Caller::new(&world, &ada, "billing").await;
    let other = world.another_process(key_ring("tests", 1));
    (world, other, caller)
}

fn limited(form: RateLimit) -> Fault {
    Fault::RateLimited(form)
}

/// The top of the hour that comes.
fn next_hour(now: Timestamp) -> Timestamp {
    domain::rate_budget::next_hour(now)
}

db_tests! {
    async fn what_one_process_runs_into_no_other_does(db: TestDb) {
        let (one, other, billing) = two_processes(db).await;
        one.env.advance(MINUTE * 5);
        assert_eq!(billing.call(&other, MYSELF).await, Came::To(200));
        let before = one.sim.counts();
        one.sim.fault(Endpoint::Jira, limited(RateLimit::GlobalQuota));
        assert_eq!(billing.call(&one, MYSELF).await, Came::To(429));
        // The one knows at once, the other within a second.
        let now = one.now();
        let expected = OverBudget { limit: Limit::AppHour, why: Why::UsedUp, until: next_hour(now), retry_after: next_hour(now).duration_since(now) };
        assert_eq!(billing.call(&one, MYSELF).await.over(), expected);
        one.env.advance(SECOND);
        let over = billing.call(&other, SERVER_INFO).await.over();
        assert_eq!((over.limit, over.until), (expected.limit, expected.until));
        assert_eq!(over.retry_after, expected.retry_after - SECOND);
        // The pool is the app's: other sites of other teams are none the better.
        let eve = connected(&one, "Eve", "Evil", "Mia Krystof").await;
        let hers = Caller::new(&one, &eve, "sync").await;
        assert_ne!(hers.site, billing.site);
        let asked_by_connecting = one.sim.counts();
        assert_eq!(hers.call(&other, MYSELF).await.over().limit, Limit::AppHour);
        // Whoever starts now knows it too.
        let third = one.another_process(key_ring("tests", 1));
        assert_eq!(billing.call(&third, MYSELF).await.over().limit, Limit::AppHour);
        let after = one.sim.counts();
        assert_eq!(after, asked_by_connecting, "nobody asked Atlassian");
        assert_eq!(after.server_info, before.server_info);
        let text = other.services.metrics.text().unwrap();
        assert!(text.contains("tformance_over_budget_total{limit=\"app_hour\",why=\"used_up\"} 2"), "{text}");
        let text = one.services.metrics.text().unwrap();
        assert!(text.contains("tformance_provider_limited_total{limit=\"app_hour\"} 1"), "{text}");

        one.env.advance(next_hour(now).duration_since(one.now()) - SECOND);
        billing.call(&other, MYSELF).await.over();
        one.env.advance(SECOND);
        for world in [&one, &other, &third] {
            assert_eq!(billing.call(world, MYSELF).await, Came::To(200));
            assert_eq!(hers.call(world, MYSELF).await, Came::To(200));
        }
    }

    async fn what_is_of_one_site_or_one_endpoint_holds_up_nothing_else(db: TestDb) {
        let (world, _, billing) = two_processes(db).await;
        let eve = connected(&world, "Eve", "Evil", "Mia Krystof").await;
        let hers = Caller::new(&world, &eve, "sync").await;
        world.sim.fault(Endpoint::Jira, limited(RateLimit::Burst));
        assert_eq!(billing.call(&world, MYSELF).await, Came::To(429));
        assert_eq!(billing.call(&world, MYSELF).await.over().limit, Limit::Burst);
        assert_eq!(billing.call(&world, SERVER_INFO).await, Came::To(200));
        assert_eq!(hers.call(&world, MYSELF).await, Came::To(200));
        let other_method = billing.admit(&world.services, Method::Post, &PathTemplate::new(MYSELF)).await;
        drop(other_method.unwrap());
        world.env.advance(SECOND);
        assert_eq!(billing.call(&world, MYSELF).await, Came::To(200));

        world.sim.fault(Endpoint::Jira, limited(RateLimit::TenantQuota));
        assert_eq!(billing.call(&world, MYSELF).await, Came::To(429));
        assert_eq!(billing.call(&world, SERVER_INFO).await.over().limit, Limit::SiteHour);
        assert_eq!(hers.call(&world, SERVER_INFO).await, Came::To(200));
    }

    async fn writes_to_one_issue_hold_up_no_other_issue(db: TestDb) {
        let (world, _, billing) = two_processes(db).await;
        let planned = |issue: Option<&str>| Planned {
            site: billing.site.clone(),
            method: Method::Put,
            template: PathTemplate::new("/rest/api/3/issue/{}"),
            issue: issue.map(str::to_owned),
        };
        let until = Some(world.now() + SECOND * 2);
        let refused = [Report { limit: Limit::IssueWrites, told: Told::Refused { until, of: None } }];
        for issue in [Some("PROJ-1"), None] {
            let admission = admit(&world.services, &billing.client, planned(issue)).await.unwrap();
            admission.observe(&world.services, &refused).await;
        }
        let over = admit(&world.services, &billing.client, planned(Some("PROJ-1"))).await.unwrap_err();
        assert_eq!((over.limit, Some(over.until)), (Limit::IssueWrites, until));
        for issue in [Some("PROJ-2"), None] {
            drop(admit(&world.services, &billing.client, planned(issue)).await.unwrap());
        }
    }

    async fn each_form_of_a_refusal_is_waited_for_as_long_as_it_says(db: TestDb) {
        let (world, other, billing) = two_processes(db).await;
        for (form, limit, secs) in [
            (RateLimit::Burst, Limit::Burst, 1..=1),
            (RateLimit::HttpDate, Limit::Burst, 1..=1),
            (RateLimit::Html, Limit::Unnamed, 5..=5),
            (RateLimit::Concurrent, Limit::Burst, 1..=3),
            (RateLimit::Bare, Limit::Unnamed, 1..=3),
            (RateLimit::GlobalQuota, Limit::AppHour, 3_300..=3_300),
            (RateLimit::TenantQuota, Limit::SiteHour, 3_300..=3_300),
            (RateLimit::WrongWait, Limit::AppHour, 3_300..=3_300),
            (RateLimit::Gateway, Limit::Gateway, 3_300..=3_300),
            (RateLimit::Beta, Limit::SiteHour, 3_300..=3_300),
        ] {
            // Five minutes into an hour that nothing was said of.
            let now = world.now();
            world.env.advance(next_hour(now).duration_since(now) + MINUTE * 5);
            world.sim.fault(Endpoint::Jira, limited(form));
            assert_eq!(billing.call(&world, MYSELF).await, Came::To(429), "{form:?}");
            let asked = world.sim.counts();
            let over = billing.call(&world, MYSELF).await.over();
            assert_eq!(over.limit, limit, "{form:?}");
            let wait = over.retry_after;
            assert!(secs.contains(&wait.as_secs()), "{form:?}: {wait}");
            assert_eq!(over.until, world.now() + wait);
            assert_eq!(world.sim.counts(), asked);
            world.env.advance(wait);
            assert_eq!(billing.call(&other, MYSELF).await, Came::To(200), "{form:?}");
        }
    }

    async fn a_bogus_wait_is_a_short_one(db: TestDb) {
        let (world, _, billing) = two_processes(db).await;
        for bogus in ["0", "-1", "315360000", "Sat, 28 Nov 2020 10:00:00 GMT", "soon"] {
            world.env.advance(MINUTE * 10);
            world.sim.fault(Endpoint::Jira, Fault::StatusWithRetryAfter(429, bogus.to_owned()));
            assert_eq!(billing.call(&world, MYSELF).await, Came::To(429));
            let wait = billing.call(&world, MYSELF).await.over().retry_after;
            assert!((1..=7).contains(&wait.as_secs()), "{bogus}: {wait}");
        }
    }

    async fn while_nothing_is_scarce_the_database_is_asked_once_a_second_at_most(db: TestDb) {
        let (world, _, billing) = two_processes(db).await;
        let template = PathTemplate::new(MYSELF);
        let ask = async || {
            let admission = billing.admit(&world.services, Method::Get, &template).await;
            admission.unwrap().observe(&world.services, &[]).await;
        };
        ask().await;
        world.tasks_done().await;
        let before = testkit::logs::statements();
        for _ in 0..1_000 {
            ask().await;
        }
        // A connection that the pool opens meanwhile has statements of its own.
        assert!(testkit::logs::statements() - before < 5);
        world.env.advance(SECOND);
        for _ in 0..1_000 {
            ask().await;
        }
        assert!((1..10).contains(&(testkit::logs::statements() - before)));
    }
}
