//! Several sites: a person chooses, once, from what Atlassian lists at that moment.

use atlassian_sim::SiteChange;
use domain::audit::AuditAction;
use jiff::SignedDuration;
use testkit::{
    app::{Admin, TestApp},
    db_tests,
};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// An admin whose sign-in waits for a choice among three sites, and their cloud ids by name.
async fn waiting(app: &TestApp) -> (Admin, Vec<String>) {
    let ada = app.admin("Ada", "Acme").await;
    let back = ada.connect("Mia Krystof").await;
    assert_eq!(back.location(), ada.path("integrations/jira/sites"));
    let sites = app.world.sim.sites_of("Mia Krystof");
    assert_eq!(sites.len(), 3);
    (ada, sites)
}

async fn nothing_is_stored(app: &TestApp) {
    for table in ["integration_credentials", "jira_integrations"] {
        assert!(app.world.db.rows(table).await.is_empty(), "{table}");
    }
}

db_tests! {
    async fn a_site_that_atlassian_does_not_list_is_refused(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, sites) = waiting(&app).await;
        let of_sam = app.world.sim.sites_of("Sam One").remove(0);
        let long = "x".repeat(10_000);
        for bad in [of_sam.as_str(), "4dab8e30-2e3f-4c9d-a164-8e218c3dbf24", "../x", "<script>", "\0", &long, "*"] {
            let answer = ada.choose(bad).await;
            assert_eq!(answer.told(), "422 CONNECT_SITE_NOT_OFFERED", "{bad:.40}");
            assert!(answer.body.contains(&format!("href=\"{}\"", ada.path("integrations/jira/sites"))), "the way back");
            assert!(!answer.body.contains("script&") && !answer.body.contains("xxxx"), "nothing sent is shown");
            nothing_is_stored(&app).await;
        }
        assert_eq!(ada.choose(&sites[0]).await.location(), ada.path("integrations/?notice=connected"));
    }

    async fn a_site_that_changes_while_the_picker_is_open_is_stored_as_it_is_now(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, sites) = waiting(&app).await;
        assert!(ada.get(&ada.path("integrations/jira/sites")).await.body.contains("Beta Labs"));
        let change = |at: usize, change| assert!(app.world.sim.change_site(&sites[at], change));
        // The first two are called what the other one was; the third one is gone.
        let called = |name: &str, url: &str| SiteChange {
            name: Some(name.to_owned()),
            url: Some(url.to_owned()),
            ..SiteChange::default()
        };
        change(0, called("Beta Labs", "https://beta-now.atlassian.net"));
        change(1, called("Acme", "https://acme-now.atlassian.net"));
        change(2, SiteChange { removed: Some(true), ..SiteChange::default() });
        assert_eq!(ada.choose(&sites[2]).await.told(), "422 CONNECT_SITE_NOT_OFFERED");
        nothing_is_stored(&app).await;
        assert_eq!(ada.choose(&sites[1]).await.location(), ada.path("integrations/?notice=connected"));
        let site = app.world.stored(&ada.who).await.1.site;
        assert_eq!(
            (site.cloud_id.as_str(), site.name.as_str(), site.url.as_str()),
            (&*sites[1], "Acme", "https://acme-now.atlassian.net"),
            "id, name and address of one site"
        );
    }

    async fn a_choice_of_which_one_site_is_left_is_still_a_choice(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, sites) = waiting(&app).await;
        for gone in &sites[..2] {
            let change = SiteChange { removed: Some(true), ..SiteChange::default() };
            assert!(app.world.sim.change_site(gone, change));
        }
        assert_eq!(ada.choose(&sites[0]).await.told(), "422 CONNECT_SITE_NOT_OFFERED");
        nothing_is_stored(&app).await;
        assert_eq!(ada.choose(&sites[2]).await.location(), ada.path("integrations/?notice=connected"));
    }

    async fn nothing_but_the_cloud_id_is_taken_from_the_form(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, sites) = waiting(&app).await;
        let form = [
            ("site_name", "Evil"), ("cloud_id", &*sites[1]), ("site_url", "https://evil.example"), ("team", "other"),
            ("attempt", "1"), ("account_id", "evil"), ("", ""),
        ];
        let answer = ada.post(&ada.path("integrations/jira/sites"), &form).await;
        assert_eq!(answer.location(), ada.path("integrations/?notice=connected"));
        let site = app.world.stored(&ada.who).await.1.site;
        assert_eq!((site.cloud_id.as_str(), site.name.as_str()), (&*sites[1], "Beta Labs"));
        assert!(!app.world.dump().await.contains("evil.example"));
    }

    async fn a_form_without_a_choice_comes_back(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, sites) = waiting(&app).await;
        let path = ada.path("integrations/jira/sites");
        for form in [&[][..], &[("cloud_id", "")], &[("site", &*sites[0])]] {
            let answer = ada.post(&path, form).await;
            assert_eq!(answer.told(), "422");
            assert!(answer.body.contains("Choose a site") && answer.body.contains("role=\"alert\""));
            assert_eq!(answer.body.matches("type=\"radio\"").count(), 3, "the choice can be made here");
        }
        let both = ada.post(&path, &[("cloud_id", &*sites[0]), ("cloud_id", &*sites[1])]).await;
        assert_eq!(both.told(), "422 bad_form", "nobody knows which one is meant");
        nothing_is_stored(&app).await;
    }

    async fn a_choice_sent_twice_connects_once(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, sites) = waiting(&app).await;
        let (first, second) = tokio::join!(ada.choose(&sites[2]), ada.choose(&sites[2]));
        let third = ada.choose(&sites[2]).await;
        let mut ends: Vec<_> = [&first, &second, &third].map(|it| it.location().to_owned()).to_vec();
        ends.sort();
        let done = ada.path("integrations/?notice=already_done");
        assert_eq!(ends, [done.clone(), done, ada.path("integrations/?notice=connected")]);
        let log = app.world.audit(&ada.who).await;
        assert_eq!(log.iter().filter(|it| **it == AuditAction::Connected).count(), 1);
        for table in ["integration_credentials", "jira_integrations"] {
            assert_eq!(app.world.db.rows(table).await.len(), 1, "{table}");
        }
        // Another site is another wish, and nothing waits for it any more.
        assert_eq!(ada.choose(&sites[0]).await.told(), "410 CONNECT_CHOICE_EXPIRED");
        assert_eq!(app.world.stored(&ada.who).await.1.site.cloud_id.as_str(), sites[2]);
    }

    async fn different_choices_at_once_connect_one_of_them(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, sites) = waiting(&app).await;
        let (first, second) = tokio::join!(ada.choose(&sites[0]), ada.choose(&sites[1]));
        let connected = ada.path("integrations/?notice=connected");
        let won: Vec<_> = [&first, &second].into_iter().map(|it| it.header("location") == connected).collect();
        assert_eq!(won.iter().filter(|it| **it).count(), 1);
        let (lost, site) = if won[0] { (&second, &sites[0]) } else { (&first, &sites[1]) };
        assert_eq!(lost.told(), "410 CONNECT_CHOICE_EXPIRED");
        assert_eq!(app.world.stored(&ada.who).await.1.site.cloud_id.as_str(), *site);
    }

    async fn after_seventy_minutes_the_picker_says_that_it_is_over(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, sites) = waiting(&app).await;
        let path = ada.path("integrations/jira/sites");
        app.world.env.advance(MINUTE * 29);
        assert!(ada.get(&path).await.body.contains("acme.atlassian.net"), "the choice waits for half an hour");
        app.world.env.advance(MINUTE * 41);
        let asked = app.world.sim.counts();
        for answer in [ada.get(&path).await, ada.choose(&sites[0]).await, ada.post(&path, &[]).await] {
            assert_eq!(answer.told(), "410 CONNECT_CHOICE_EXPIRED");
            assert!(answer.body.contains("Start again") && answer.body.contains(&ada.path("integrations/jira/connect")));
        }
        assert_eq!(app.world.sim.counts(), asked, "Atlassian is not asked with a dead token");
        nothing_is_stored(&app).await;
        let erased = service::worker::clean_up::run_once(&app.world.services).await.unwrap().erased_grants;
        assert_eq!(erased, 1);
    }

    async fn an_account_without_a_site_is_told_so_and_its_grant_is_erased(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let path = ada.consent("Noa None").await;
        for _ in 0..2 {
            let answer = ada.come_back(&path).await;
            assert_eq!(answer.told(), "200 CONNECT_NO_SITE");
            assert!(answer.body.contains("has no Jira site") && answer.body.contains("Try again"));
            assert!(app.world.attempts(&ada.who).await.iter().all(|it| it.grant.is_none()));
            nothing_is_stored(&app).await;
        }
        assert_eq!(ada.get(&ada.path("integrations/jira/sites")).await.told(), "410 CONNECT_CHOICE_EXPIRED");
        assert_eq!(app.world.sim.counts().exchange, 1);
    }

    async fn a_discarded_sign_in_is_gone(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, sites) = waiting(&app).await;
        let page = ada.get(&ada.path("integrations/")).await;
        assert!(page.body.contains("Choose a site"), "the way to the picker");
        let gone = ada.post(&ada.path("integrations/jira/cancel"), &[]).await;
        assert_eq!(gone.location(), ada.path("integrations/?notice=discarded"));
        assert!(app.world.attempts(&ada.who).await.iter().all(|it| it.grant.is_none()));
        assert_eq!(ada.choose(&sites[0]).await.told(), "410 CONNECT_CHOICE_EXPIRED");
        assert!(ada.get(gone.location()).await.body.contains("Not connected"));
    }
}
