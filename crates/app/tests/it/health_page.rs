//! The page of a connection over HTTP: what it shows in each state, its timeline, a refresh by hand, and the
//! banner on the team's other pages.

use atlassian_sim::{Endpoint, Fault};
use domain::{
    credential::RefreshOutcome,
    rate_budget::{Budget, BudgetOf, Limit, next_hour},
};
use jiff::SignedDuration;
use testkit::{
    app::{Admin, Answer, TestApp},
    db_tests,
};

const HEALTH: &str = "integrations/jira/";

async fn health(admin: &Admin) -> Answer {
    let page = admin.get(&admin.path(HEALTH)).await;
    assert_eq!(page.status, 200);
    page
}

/// The banner, if the page has one.
fn banner(page: &Answer) -> Option<&str> {
    let (_, rest) = page.body.split_once("<section class=\"banner")?;
    Some(rest.split_once("</section>")?.0)
}

/// Presses *Refresh now*; gives the page that says what came of it.
async fn refresh(admin: &Admin) -> Answer {
    let answer = admin
        .post(&admin.path("integrations/jira/refresh"), &[])
        .await;
    assert_eq!(answer.status, 303);
    admin.get(answer.location()).await
}

/// Ends the grant, and has somebody notice.
async fn revoke(app: &TestApp, admin: &Admin) {
    app.world.sim.revoke_grants_of("Sam One");
    app.world.env.advance(SignedDuration::from_hours(2));
    app.world.token(&admin.who).await.unwrap_err();
}

db_tests! {
    async fn each_state_has_its_page(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let page = health(&ada).await;
        assert!(page.body.contains("Not connected") && page.body.contains("Connect Jira"), "{}", page.body);
        assert!(!page.body.contains("id=\"facts\""));
        ada.begin().await;
        assert!(health(&ada).await.body.contains("Connecting"));
        app.world.env.advance(SignedDuration::from_secs(1));
        ada.connect("Mia Krystof").await;
        assert!(health(&ada).await.body.contains("Choose a site"));
        ada.post(&ada.path("integrations/jira/cancel"), &[]).await;
        ada.connect("Sam One").await;
        let page = health(&ada).await;
        for expected in ["data-state=\"connected\"", "solo", "Connected by</dt><dd>Ada<", "read issues, read users and stay connected", "Refresh now", "Test connection", "a first grant"] {
            assert!(page.body.contains(expected), "{expected}: {}", page.body);
        }
        revoke(&app, &ada).await;
        let page = health(&ada).await;
        for expected in ["Reconnect needed", "data-state=\"reconnect_needed\"", "Atlassian refused the grant", "Grant ended", "not served any more"] {
            assert!(page.body.contains(expected), "{expected}: {}", page.body);
        }
        assert_eq!(page.body.matches("class=\"primary\"").count(), 1);
        app.world.disconnect(&ada.who).await;
        let page = health(&ada).await;
        assert!(page.body.contains("Tokens erased") && page.body.contains("the tokens are erased"), "{}", page.body);
    }

    async fn an_hour_that_is_used_up_is_told_until_its_end(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let told = "hourly limit is used up until";
        assert!(!health(&ada).await.body.contains(told));
        let now = app.world.now();
        let of = BudgetOf { site: None, limit: Limit::AppHour, scope: String::new() };
        let budget = Budget { refused_until: Some(next_hour(now)), ..Budget::default() };
        let mut tx = app.world.services.store.write().await.unwrap();
        tx.lock_rate_budget(&of, now).await.unwrap();
        tx.set_rate_budget(&of, &budget, now).await.unwrap();
        tx.commit().await.unwrap();
        let page = health(&ada).await;
        assert!(page.body.contains(told) && page.body.contains("18 Dec 2026, 01:00 UTC"), "{}", page.body);
        assert!(page.body.contains("data-state=\"connected\""), "the connection is well: {}", page.body);
        app.world.env.advance(next_hour(now).duration_since(now));
        assert!(!health(&ada).await.body.contains(told));
    }

    async fn a_member_sees_all_of_it_and_presses_nothing(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let max = app.member(&ada, "Max").await;
        let page = max.get(&ada.path(HEALTH)).await;
        assert!(page.body.contains("Only team admins can test or disconnect Jira. Admins: Ada."), "{}", page.body);
        assert!(!page.body.contains("action=\"/a/acme/"));
        let before = app.world.sim.counts().token_requests;
        let refused = max.post(&ada.path("integrations/jira/refresh"), &[]).await;
        assert_eq!(refused.told(), "403 admin_required");
        assert_eq!(app.world.sim.counts().token_requests, before);
    }

    async fn a_refresh_by_hand_is_made_once_in_ten_minutes(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        assert!(refresh(&ada).await.body.contains("no grant is in force"));
        ada.connect("Sam One").await;
        let exchanges = || app.world.sim.counts().token_requests;
        let before = exchanges();
        let page = refresh(&ada).await;
        assert!(page.body.contains("in 10 minutes</time>, at "), "{}", page.body);
        app.world.env.advance(SignedDuration::from_mins(11));
        assert_eq!(exchanges(), before);
        let page = refresh(&ada).await;
        assert!(page.body.contains("Atlassian gave a new token, good until "), "{}", page.body);
        assert!(page.body.contains("an admin, on this page"));
        assert_eq!(exchanges(), before + 1);
        app.world.env.advance(SignedDuration::from_mins(9));
        let page = refresh(&ada).await;
        assert!(page.body.contains("Nothing was sent"), "{}", page.body);
        assert_eq!(exchanges(), before + 1);
        app.world.env.advance(SignedDuration::from_mins(2));
        assert!(refresh(&ada).await.body.contains("Atlassian gave a new token"));
        assert_eq!(exchanges(), before + 2);
    }

    async fn a_refresh_by_hand_that_fails_says_so_and_is_not_repeated(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        app.world.env.advance(SignedDuration::from_mins(20));
        app.world.sim.fault(Endpoint::Token, Fault::Status(503));
        let before = app.world.sim.counts().token_requests;
        let page = refresh(&ada).await;
        assert!(page.body.contains("Atlassian does not answer as it should"), "{}", page.body);
        assert!(page.body.contains("Atlassian gave no answer of use (HTTP 503)"));
        assert!(page.body.contains("Try now"));
        let tried = app.world.sim.counts().token_requests;
        assert!(refresh(&ada).await.body.contains("the next attempt is <time"));
        assert_eq!(app.world.sim.counts().token_requests, tried, "the schedule says when");
        assert!(tried > before);
        let (credential, _) = app.world.stored(&ada.who).await;
        assert_eq!(credential.last_outcome, Some(RefreshOutcome::Ambiguous));
        app.world.token(&ada.who).await.unwrap();
    }

    async fn a_timeline_is_read_part_by_part_and_by_kind(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        for _ in 0..30 {
            app.world.env.advance(SignedDuration::from_mins(61));
            app.world.token(&ada.who).await.unwrap();
        }
        let rows = |page: &Answer| page.body.matches("<span class=\"outcome\">").count();
        let page = health(&ada).await;
        assert_eq!(rows(&page), 25);
        let (_, rest) = page.body.split_once("before=").unwrap();
        let older = rest.split(['#', '"']).next().unwrap();
        let part = ada.get(&ada.path(&format!("{HEALTH}?show=all&before={older}"))).await;
        assert_eq!(rows(&part), 6);
        assert!(part.body.contains("a first grant") && part.body.contains(">Newest</a>"));
        let page = ada.get(&ada.path(&format!("{HEALTH}?show=changes"))).await;
        assert_eq!(rows(&page), 1);
        let page = ada.get(&ada.path(&format!("{HEALTH}?show=failures"))).await;
        assert!(page.body.contains("Nothing went wrong as far back as is kept."));
        for odd in ["?show=%00&before=x", "?before=-1-", "?before=1-2", "?notice=%3Cscript%3E"] {
            assert_eq!(rows(&ada.get(&ada.path(&format!("{HEALTH}{odd}"))).await), 25, "{odd}");
        }
    }

    async fn the_state_alone_is_a_line_that_a_script_asks_for(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let line = |page: &Answer| {
            let (_, rest) = page.body.split_once("<p data-state=").unwrap();
            rest.split_once("</p>").unwrap().0.to_owned()
        };
        let alone = line(&ada.get(&ada.path("integrations/jira/summary")).await);
        assert!(alone.starts_with("\"connected\">"), "{alone}");
        assert_eq!(line(&health(&ada).await), alone, "the same stands on the page");
        assert!(!alone.contains("<time"), "what changes by itself would be read out again and again");
    }

    async fn while_people_are_needed_every_page_of_the_team_says_so(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let max = app.member(&ada, "Max").await;
        ada.connect("Sam One").await;
        let pages = ["integrations/", HEALTH, "keys", "members", "settings", "leave"];
        for path in pages {
            assert_eq!(banner(&ada.get(&ada.path(path)).await), None, "{path}");
        }
        revoke(&app, &ada).await;
        for path in pages {
            let page = ada.get(&ada.path(path)).await;
            let banner = banner(&page).unwrap_or_else(|| panic!("{path}: {}", page.body));
            assert!(banner.contains("Jira for Acme needs to be reconnected."), "{path}: {banner}");
            assert!(banner.contains("Your services cannot read issues since"), "{path}: {banner}");
            let has_button = banner.contains("href=\"/a/acme/integrations/jira/\">Reconnect</a>");
            let is_beside_card = path.starts_with("integrations");
            assert_eq!(has_button, !is_beside_card, "{path}: {banner}");
        }
        let page = max.get(&ada.path("members")).await;
        let told = banner(&page).unwrap();
        assert!(told.contains("Only team admins can reconnect. Admins: Ada."), "{told}");
        assert!(!told.contains("class=\"button\""), "{told}");
        // Another team's page says nothing of it, also to the same person.
        let other = app.another_team(&ada, "Other").await;
        assert_eq!(banner(&other.get(&other.path("members")).await), None);
        ada.connect("Sam One").await;
        assert_eq!(banner(&ada.get(&ada.path("members")).await), None, "it works again");
    }

    async fn a_consent_that_ends_soon_is_told_and_can_be_put_away(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        app.world.db.raw("UPDATE integration_credentials SET consented_at = consented_at - 30000000000").await.unwrap();
        let page = ada.get(&ada.path("members")).await;
        let told = banner(&page).unwrap();
        assert!(told.contains("Jira for Acme should be renewed by") && told.contains("data-dismiss=\""), "{told}");
        // What the operator must mend is none of the team's business to press.
        app.world.db.raw("UPDATE integration_credentials SET last_outcome = 'misconfigured'").await.unwrap();
        assert_eq!(banner(&ada.get(&ada.path("members")).await), None);
    }

    async fn a_connection_that_cannot_be_read_is_no_trouble_of_other_pages(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        app.world.db.raw("UPDATE integration_credentials SET last_outcome = 'of a newer version'").await.unwrap();
        let page = ada.get(&ada.path("members")).await;
        assert_eq!((page.status.as_u16(), banner(&page)), (200, None));
    }

    async fn what_was_sent_and_whether_it_arrived_is_told(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let page = health(&ada).await;
        assert!(page.body.contains("Mail is not set up on this server") && page.body.contains("the connection never needed anybody"));
        revoke(&app, &ada).await;
        let at = app.world.now().as_millisecond();
        app.world.db.raw(&format!("INSERT INTO incidents (id, team_id, credential_id, provider, kind, opened_at, reminders, created_at, updated_at) \
            SELECT id, team_id, id, 'jira', 'reconnect_needed', {at}, 0, {at}, {at} FROM integration_credentials")).await.unwrap();
        let add = async |same: &str, columns: &str, values: &str| {
            app.world.db.raw(&format!("INSERT INTO outbox (id, team_id, incident_id, user_id, channel, recipient, occasion, same_as, payload, created_at, updated_at, {columns}) \
                SELECT u.id, i.team_id, i.id, u.id, 'mail', 'admin', 'opened', '{same}', '', {at}, {at}, {values} FROM incidents i, users u WHERE u.name = '{same}'")).await.unwrap();
        };
        app.member(&ada, "Eve").await;
        app.member(&ada, "Max").await;
        add("Ada", "attempts, outcome, ended_at", &format!("1, 'sent', {at}")).await;
        add("Eve", "attempts, outcome, ended_at, last_error", &format!("9, 'given_up', {at}, 'mailbox_unknown'")).await;
        add("Max", "attempts, due_at, last_error", &format!("2, {}, 'no_answer'", at + 240_000)).await;
        let body = health(&ada).await.body;
        for expected in ["It needs somebody: mail to Ada</span><span class=\"note\">Arrived ", "mail to Eve</span><span class=\"note\">Given up ", ": mailbox unknown", "mail to Max</span><span class=\"note\">Tried 2 times: no answer; next try ", "in 4 minutes"] {
            let flat = body.replace('\n', "");
            assert!(flat.contains(expected), "{expected}: {body}");
        }
    }
}
