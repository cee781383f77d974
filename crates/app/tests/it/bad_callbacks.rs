//! Whatever comes back that is not the end of a trip begun here, now, by this admin in this browser: a
//! coded page, nothing stored, and a row in the audit log where the refusal is ours.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use domain::team::Role;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use testkit::{
    app::{Admin, Answer, Browser, TestApp, callback},
    db_tests,
    world::PASSWORD,
};
use url::Url;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What a callback must not change.
async fn stored(app: &TestApp) -> Vec<Vec<String>> {
    let db = &app.world.db;
    vec![
        db.rows("integration_credentials").await,
        db.rows("jira_integrations").await,
    ]
}

/// How often each reason for refusing a callback stands in the log, of teams and of none.
async fn refusals(app: &TestApp) -> Vec<String> {
    let rows = app.world.db.rows("audit_events").await;
    rows.into_iter()
        .filter(|it| it.contains("callback_refused"))
        .collect()
}

/// What it is, the query, status and code of the answer, and the word in the audit log.
type Case<'a> = (&'a str, String, &'a str, Option<&'a str>);

/// Sends each query and compares; nothing is stored and nothing is asked of Atlassian.
async fn all_refused(app: &TestApp, browser: &Browser, cases: &[Case<'_>]) {
    for (name, query, told, audited) in cases {
        let (before, log) = (stored(app).await, refusals(app).await);
        let asked = app.world.sim.counts();
        let answer = browser.come_back(&callback(query)).await;
        assert_eq!(answer.told(), *told, "{name}");
        assert!(stored(app).await == before, "{name}: something was stored");
        assert_eq!(app.world.sim.counts(), asked, "{name}");
        let new: Vec<_> = refusals(app)
            .await
            .into_iter()
            .filter(|it| !log.contains(it))
            .collect();
        match audited {
            Some(word) => {
                assert_eq!(new.len(), 1, "{name}: {new:?}");
                assert!(new[0].contains(word), "{name}: {new:?}");
            }
            None => assert!(new.is_empty(), "{name}: {new:?}"),
        }
    }
}

fn state_of(url: &Url) -> String {
    let (_, state) = url.query_pairs().find(|(it, _)| it == "state").unwrap();
    state.into_owned()
}

fn with(state: &str) -> String {
    format!("code=a-code&state={state}")
}

/// A team that is connected, so that there is something to lose, and a trip that is under way.
async fn under_way(app: &TestApp) -> (Admin, Url) {
    let ada = app.admin("Ada", "Acme").await;
    ada.connect("Sam One").await;
    let url = ada.begin().await;
    (ada, url)
}

fn is_over(answer: &Answer, admin: &Admin, notice: &str) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let expected = admin.path(&format!("integrations/?notice={notice}"));
    assert_eq!(answer.location(), expected);
}

db_tests! {
    async fn a_state_that_we_did_not_make_for_this_is_refused(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, url) = under_way(&app).await;
        let beta = app.another_team(&ada, "Beta").await;
        let good = state_of(&url);
        let signed = |change: &dyn Fn(&mut Map<String, Value>)| app.world.sign_state(&url, "connect state", change);
        let set = |name: &'static str, value: Value| with(&signed(&|it| { it.insert(name.to_owned(), value.clone()); }));
        let without = |name: &'static str| with(&signed(&|it| { it.remove(name); }));
        let in_an_hour = app.world.now().as_second() + 3_600;
        let last = good.chars().last().unwrap();
        let flipped = format!("{}{}", &good[..good.len() - 2], if last == 'A' { "BB" } else { "AA" });
        let unknown = "403 CONNECT_STATE_UNKNOWN";
        all_refused(&app, &ada, &[
            ("altered signature", with(&flipped), unknown, Some("forged")),
            ("altered content", with(&format!("A{good}")), unknown, Some("forged")),
            ("signed with another key", with(&app.world.state_of_another_ring(&url)), unknown, Some("forged")),
            ("signed for another use", with(&app.world.sign_state(&url, "password link", |_| {})), unknown, Some("forged")),
            ("without a time", without("issued_at"), unknown, Some("forged")),
            ("without an end", without("expires_at"), unknown, Some("forged")),
            ("without a team", without("team"), unknown, Some("forged")),
            ("another provider", set("provider", json!("github")), unknown, Some("forged")),
            ("no purpose of ours", set("purpose", json!("login")), unknown, Some("forged")),
            ("another purpose", set("purpose", json!("connect")), unknown, Some("other_purpose")),
            ("another team of the person", set("team", json!(beta.who.team().id.uuid())), unknown, Some("no_attempt")),
            ("no such attempt", set("attempt", json!(ada.who.team().id.uuid())), unknown, Some("no_attempt")),
            ("from the future", set("issued_at", json!(in_an_hour)), unknown, Some("from_the_future")),
        ]).await;
        // The trip is still good after all this.
        let query = app.world.consent(&url, "Sam One").await;
        is_over(&ada.come_back(&callback(&query)).await, &ada, "connected");
    }

    async fn what_cannot_be_read_is_a_bad_request(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, url) = under_way(&app).await;
        let good = state_of(&url);
        let bad = "400 CONNECT_BAD_REQUEST";
        let audited = Some("bad_request");
        let cases = [
            ("nothing at all", String::new(), bad, audited),
            ("no code", format!("state={good}"), bad, audited),
            ("no state", "code=a-code".to_owned(), bad, audited),
            ("an empty code", format!("code=&state={good}"), bad, audited),
            ("an empty state", with(""), bad, audited),
            ("a code twice", format!("code=a&code=b&state={good}"), bad, audited),
            ("a state twice", format!("{}&state={good}", with(&good)), bad, audited),
            ("a code and an error", format!("{}&error=access_denied", with(&good)), bad, audited),
            ("an empty error", format!("error=&state={good}"), bad, audited),
            ("a long state", with(&"A".repeat(4_000)), bad, audited),
            ("bytes that are no text", with("%00%ff%fe%f0%28"), bad, audited),
            ("a percent alone", with("%"), bad, audited),
            ("half a percent", with("%4"), bad, audited),
            ("a path", with("..%2F..%2Fetc%2Fpasswd"), bad, audited),
            ("markup", with("%3Cscript%3Ealert(1)%3C%2Fscript%3E"), bad, audited),
            ("a state of 20 kB", with(&"A".repeat(20_000)), "414 address_too_long", None),
            ("a code of 20 kB", format!("code={}&state={good}", "A".repeat(20_000)), "414 address_too_long", None),
        ];
        all_refused(&app, &ada, &cases).await;
        all_refused(&app, &app.visitor(), &cases).await;
        let query = app.world.consent(&url, "Sam One").await;
        is_over(&ada.come_back(&callback(&query)).await, &ada, "connected");
        // The callback is an address to come back to, nothing to post to.
        let posted = ada.post(&callback(&query), &[]).await;
        assert_eq!(posted.told(), "405 method_not_allowed");
    }

    async fn a_state_is_good_for_ten_minutes_and_for_one_use(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, url) = under_way(&app).await;
        let query = app.world.consent(&url, "Sam One").await;
        app.world.env.advance(MINUTE * 10);
        all_refused(&app, &ada, &[
            ("expired", query.clone(), "410 CONNECT_STATE_EXPIRED", Some("expired")),
            ("expired, once more", query, "410 CONNECT_STATE_EXPIRED", Some("expired")),
        ]).await;

        let path = ada.consent("Sam One").await;
        is_over(&ada.come_back(&path).await, &ada, "connected");
        let (before, exchanges) = (stored(&app).await, app.world.sim.counts().exchange);
        for _ in 0..2 {
            is_over(&ada.come_back(&path).await, &ada, "already_done");
            app.world.env.advance(MINUTE * 60);
        }
        let page = ada.get(&ada.path("integrations/?notice=already_done")).await;
        assert!(page.status == StatusCode::OK && page.body.contains("Solo Works is already connected"));
        assert!(stored(&app).await == before);
        assert_eq!(app.world.sim.counts().exchange, exchanges);
    }

    async fn asking_for_the_head_of_a_callback_spends_nothing(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let path = ada.consent("Sam One").await;
        let (asked, attempts) = (app.world.sim.counts(), app.world.db.rows("connect_attempts").await);
        let head = ada.request(Method::HEAD, &path).header("sec-fetch-site", "cross-site");
        let answer = ada.send(head.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(app.world.sim.counts(), asked);
        assert!(app.world.db.rows("connect_attempts").await == attempts);
        is_over(&ada.come_back(&path).await, &ada, "connected_only_site");
    }

    async fn a_state_is_good_for_the_person_and_browser_that_began(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, url) = under_way(&app).await;
        let query = app.world.consent(&url, "Sam One").await;
        let unknown = "403 CONNECT_STATE_UNKNOWN";
        let case = |name, audited| [(name, query.clone(), unknown, Some(audited))];
        all_refused(&app, &app.visitor(), &case("nobody", "no_session")).await;
        all_refused(&app, &app.another_browser("Ada").await, &case("another browser", "other_browser")).await;
        let (bob, max) = (app.another_admin(&ada, "Bob").await, app.member(&ada, "Max").await);
        let (eve, zoe) = (app.admin("Eve", "Evil").await, app.stranger("Zoe").await);
        all_refused(&app, &bob, &case("another admin", "other_browser")).await;
        all_refused(&app, &max, &case("a member", "other_browser")).await;
        all_refused(&app, &eve, &case("another team's admin", "other_browser")).await;
        all_refused(&app, &zoe, &case("a stranger", "other_browser")).await;
        // Signed out and in again it is another session, in the same browser.
        ada.post("/logout", &[]).await;
        all_refused(&app, &ada, &case("signed out", "no_session")).await;
        ada.post("/login", &[("email", "ada@example.com"), ("password", PASSWORD)]).await;
        all_refused(&app, &ada, &case("signed in again", "other_browser")).await;
        assert!(!ada.come_back(&callback(&query)).await.body.contains("Sam One"));
    }

    async fn who_is_no_admin_any_more_cannot_finish(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, url) = under_way(&app).await;
        app.another_admin(&ada, "Bob").await;
        let query = app.world.consent(&url, "Sam One").await;
        app.world.set_role(&ada.who, Role::Member).await;
        all_refused(&app, &ada, &[("demoted", query.clone(), "403 CONNECT_NOT_ADMIN", Some("not_admin"))]).await;
        let page = ada.come_back(&callback(&query)).await;
        assert!(page.body.contains("Only admins of Acme can finish this") && page.body.contains("Admins: Bob."));
        app.world.remove_from_team(&ada.who).await;
        all_refused(&app, &ada, &[("removed", query.clone(), "403 CONNECT_STATE_UNKNOWN", Some("no_member"))]).await;
        let page = ada.come_back(&callback(&query)).await;
        assert!(!page.body.contains("Acme"), "a team that one is not in is not named");
    }

    async fn the_picker_is_for_the_admin_whose_sign_in_waits(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let (bob, max) = (app.another_admin(&ada, "Bob").await, app.member(&ada, "Max").await);
        let (eve, zoe) = (app.admin("Eve", "Evil").await, app.stranger("Zoe").await);
        let sites = ada.connect("Mia Krystof").await.location().to_owned();
        let before = (stored(&app).await, app.world.db.rows("connect_attempts").await);
        let cloud_id = app.world.sim.sites_of("Mia Krystof")[0].clone();
        let (expired, refused, absent) = ("410 CONNECT_CHOICE_EXPIRED", "403 admin_required", "404 not_found");
        let others: [(&Browser, &str); 4] = [(&bob, expired), (&max, refused), (&eve, absent), (&zoe, absent)];
        for (browser, told) in others {
            for answer in [browser.get(&sites).await, browser.post(&sites, &[("cloud_id", &cloud_id)]).await] {
                assert_eq!(answer.told(), told);
            }
        }
        let nobody = app.visitor();
        assert_eq!(nobody.get(&sites).await.location(), "/login?next=%2Fa%2Facme%2Fintegrations%2Fjira%2Fsites");
        assert_eq!(nobody.post(&sites, &[("cloud_id", &cloud_id)]).await.location(), "/login");
        app.world.set_role(&ada.who, Role::Member).await;
        for answer in [ada.get(&sites).await, ada.choose(&cloud_id).await] {
            assert_eq!(answer.told(), refused);
        }
        assert!((stored(&app).await, app.world.db.rows("connect_attempts").await) == before);
        app.world.remove_from_team(&ada.who).await;
        for answer in [ada.get(&sites).await, ada.choose(&cloud_id).await] {
            assert_eq!(answer.told(), absent);
        }
        assert!((stored(&app).await, app.world.db.rows("connect_attempts").await) == before);
    }

    async fn what_atlassian_says_instead_of_a_code_is_never_shown(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, _) = under_way(&app).await;
        let (denied, refused) = ("200 CONNECT_DENIED", "400 CONNECT_REFUSED_BY_ATLASSIAN");
        let cases = [
            ("access_denied", denied), ("server_error", refused), ("temporarily_unavailable", refused),
            ("invalid_scope", refused), ("unauthorized_client", refused), ("ACCESS_DENIED", refused),
            ("%3Cimg+src=x+onerror=alert(1)%3E", refused), ("%00%ff", refused), ("0", refused),
            ("javascript:alert(1)", refused),
        ];
        for (error, told) in cases {
            let state = state_of(&ada.begin().await);
            let words = "error_description=%3Cscript%3EOddity%3C%2Fscript%3E&error_uri=https%3A%2F%2Foddity.example";
            let query = format!("error={error}&{words}&state={state}");
            let before = stored(&app).await;
            // Told again when the page is loaded again.
            for _ in 0..2 {
                let answer = ada.come_back(&callback(&query)).await;
                assert_eq!(answer.told(), told, "{error}");
                let shown = answer.body.to_lowercase();
                assert!(!["oddity", "onerror", "javascript", "temporarily"].iter().any(|it| shown.contains(it)), "{error}");
            }
            assert!(stored(&app).await == before, "{error}");
        }
        let log = app.world.db.rows("audit_events").await.join("\n");
        assert_eq!(log.matches("attempt_ended").count(), cases.len());
        assert!(!log.to_lowercase().contains("oddity"));
        assert_eq!(app.world.sim.counts().exchange, 1, "only what was connected before");
        // With a state that is not ours it is not even looked at.
        all_refused(&app, &ada, &[("forged", "error=access_denied&state=a.b".to_owned(), "403 CONNECT_STATE_UNKNOWN", Some("forged"))]).await;
    }

    async fn a_code_that_atlassian_does_not_take_is_told(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, url) = under_way(&app).await;
        let before = stored(&app).await;
        let answer = ada.come_back(&callback(&with(&state_of(&url)))).await;
        assert_eq!(answer.told(), "400 CONNECT_CODE_REFUSED");
        assert!(stored(&app).await == before);
        // The attempt is spent: the real code that comes later finds it ended.
        let query = app.world.consent(&url, "Sam One").await;
        let late = ada.come_back(&callback(&query)).await;
        assert_eq!(late.told(), "400 CONNECT_CODE_REFUSED");
        assert!(stored(&app).await == before);
        // A code that is older than Atlassian takes it.
        let path = ada.consent("Sam One").await;
        app.world.env.advance(MINUTE * 6);
        assert_eq!(ada.come_back(&path).await.told(), "400 CONNECT_CODE_REFUSED");
        assert!(stored(&app).await == before);
    }
}
