//! What Atlassian allows, over HTTP: one process runs into a limit, and no other does.

use atlassian_sim::{Endpoint, Fault, RateLimit};
use jiff::SignedDuration;
use serde_json::json;
use service::worker::note_use;
use testkit::world::key_ring;

use super::{
    wire::{Play, said},
    *,
};

const MYSELF: &str = "rest/api/3/myself";
const SERVER_INFO: &str = "rest/api/3/serverInfo";

impl Service {
    /// The same service at another process.
    fn elsewhere(&self) -> Self {
        let app = TestApp::of(self.app.world.another_process(key_ring("tests", 1)));
        let ada = app.moved_here(&self.ada);
        Self {
            app,
            ada,
            key: self.key.clone(),
            cloud_id: self.cloud_id.clone(),
        }
    }

    /// Another service of the same team.
    async fn colleague(&self, name: &str) -> Self {
        let page = self
            .ada
            .post(&self.ada.path("keys"), &[("name", name)])
            .await;
        let key = keys_in(&page.body).remove(0);
        self.app.world.add_secret(&key.as_str().into());
        Self {
            key,
            ..self.elsewhere_is_here()
        }
    }

    fn elsewhere_is_here(&self) -> Self {
        let app = self.app.clone();
        let ada = app.moved_here(&self.ada);
        let (key, cloud_id) = (self.key.clone(), self.cloud_id.clone());
        Self {
            app,
            ada,
            key,
            cloud_id,
        }
    }

    fn switch(&self, change: &Value) {
        let sim = &self.app.world.sim;
        let change = change.as_object().unwrap();
        sim.set_switches(sim.switches().changed(change).unwrap());
    }

    fn refuse_next(&self, form: RateLimit) {
        let sim = &self.app.world.sim;
        sim.fault(Endpoint::Jira, Fault::RateLimited(form));
    }
}

fn source(answer: &Answer) -> &str {
    answer.headers["tformance-source"].to_str().unwrap()
}

/// An answer of ours: its code, its limit, and how many seconds it says to wait.
fn refused(answer: &Answer) -> (String, String, i64) {
    assert_eq!((answer.status.as_u16(), source(answer)), (429, "self"));
    let kind = answer.headers["content-type"].to_str().unwrap();
    assert_eq!(kind, "application/problem+json");
    let body = json_of(answer);
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    assert!(text("detail").contains(&text("until")), "{body}");
    let wait = answer.headers["retry-after"].to_str().unwrap();
    (text("code"), text("limit"), wait.parse().unwrap())
}

db_tests! {
    async fn what_one_process_runs_into_another_answers_without_a_call(db: TestDb) {
        let one = Service::new(db).await;
        let other = one.elsewhere();
        let world = &one.app.world;
        world.env.advance(SignedDuration::from_mins(5));
        assert_eq!(other.get(SERVER_INFO).await.status, 200);
        world.env.advance(SignedDuration::from_secs(1));
        one.refuse_next(RateLimit::GlobalQuota);
        // Atlassian's own refusal comes as it is.
        let first = one.get(MYSELF).await;
        assert_eq!((first.status.as_u16(), source(&first)), (429, "upstream"));
        assert_eq!(first.headers["ratelimit-reason"], "jira-quota-global-based");
        let wait: i64 = first.headers["retry-after"].to_str().unwrap().parse().unwrap();
        let asked = world.sim.counts();
        for process in [&one, &other] {
            for path in [MYSELF, SERVER_INFO] {
                let answer = process.get(path).await;
                assert_eq!(refused(&answer), ("budget_hour_exhausted".to_owned(), "app_hour".to_owned(), wait));
                assert_eq!(json_of(&answer)["until"], "2026-12-18T01:00:00Z");
            }
        }
        assert_eq!(world.sim.counts(), asked, "Atlassian was not asked");
        note_use::run_once(&one.app.world.services).await.unwrap();
        note_use::run_once(&other.app.world.services).await.unwrap();
        let page = one.ada.get(&one.ada.path("integrations/jira/")).await;
        assert!(page.body.contains("hourly limit is used up until"), "{}", page.body);
        assert!(page.body.contains("<td class=\"count\">6</td><td class=\"count\">5</td>"), "six calls, five of them 429: {}", page.body);
        world.env.advance(SignedDuration::from_secs(wait));
        for process in [&one, &other] {
            assert_eq!(process.get(MYSELF).await.status, 200);
        }
    }

    async fn a_burst_holds_up_its_endpoint_for_as_long_as_is_said(db: TestDb) {
        let billing = Service::new(db).await;
        billing.switch(&json!({"calls_per_second": 3}));
        for _ in 0..3 {
            assert_eq!(billing.get(MYSELF).await.status, 200);
        }
        assert_eq!(source(&billing.get(MYSELF).await), "upstream");
        let answer = billing.get(MYSELF).await;
        assert_eq!(refused(&answer), ("budget_burst".to_owned(), "burst".to_owned(), 1));
        assert_eq!(billing.get(SERVER_INFO).await.status, 200);
        billing.app.world.env.advance(SignedDuration::from_secs(1));
        assert_eq!(billing.get(MYSELF).await.status, 200);
        assert_eq!(billing.app.world.sim.counts().rate_limited, 1);
        let text = billing.app.world.services.metrics.text().unwrap();
        for line in ["{source=\"upstream\",class=\"4xx\"} 1", "{source=\"self\",class=\"4xx\"} 1"] {
            assert!(text.contains(&format!("tformance_proxy_answers_total{line}")), "{line}\n{text}");
        }
    }

    async fn a_noisy_service_is_held_back_and_its_colleague_is_not(db: TestDb) {
        let noisy = Service::new(db).await;
        let quiet = noisy.colleague("quiet").await;
        let world = &noisy.app.world;
        // Three points a call, and some for connecting.
        noisy.switch(&json!({"hourly_points": 300}));
        let mut held_back = 0;
        for _ in 0..6 {
            for _ in 0..40 {
                let answer = noisy.get(MYSELF).await;
                if answer.status != 200 {
                    let (code, limit, _) = refused(&answer);
                    assert_eq!((code.as_str(), limit.as_str()), ("budget_fair_share", "app_hour"));
                    held_back += 1;
                }
            }
            assert_eq!(quiet.get(MYSELF).await.status, 200);
            note_use::run_once(&world.services).await.unwrap();
            world.env.advance(SignedDuration::from_secs(6));
        }
        assert!(held_back > 100, "{held_back}");
    }

    async fn a_connection_that_has_ended_says_so_however_much_is_used_up(db: TestDb) {
        let billing = Service::new(db).await;
        billing.refuse_next(RateLimit::GlobalQuota);
        assert_eq!(source(&billing.get(MYSELF).await), "upstream");
        refused(&billing.get(MYSELF).await);
        let world = &billing.app.world;
        world.db.raw("UPDATE integration_credentials SET revoked_at = 1, revocation_reason = 'grant_revoked'").await.unwrap();
        for _ in 0..3 {
            let answer = billing.get(MYSELF).await;
            assert_eq!((answer.status.as_u16(), source(&answer)), (409, "self"));
            assert_eq!(json_of(&answer)["code"], "connection_reconnect_needed");
        }
    }

    async fn writes_to_one_issue_leave_other_issues_alone(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let headers = "retry-after: 2\r\nratelimit-reason: jira-per-issue-on-write\r\n";
        gateway.play(Play::Say(said("429 X", headers, "")));
        gateway.say_json("{}");
        let write = async |issue: &str| billing.send(Method::POST, &format!("rest/api/3/issue/{issue}/comment"), "{}").await;
        assert_eq!(source(&write("SOLO-1").await), "upstream");
        let answer = write("SOLO-1").await;
        assert_eq!(refused(&answer), ("budget_burst".to_owned(), "issue_writes".to_owned(), 2));
        let other = write("SOLO-2").await;
        assert_eq!((other.status.as_u16(), source(&other)), (200, "upstream"));
        assert_eq!(gateway.arrived().len(), 2);
    }
}
