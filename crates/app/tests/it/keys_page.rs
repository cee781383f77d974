//! `/a/{team}/keys`: a key is shown once, listed without itself, and revoked.

use testkit::{
    app::{Admin, Answer, TestApp, keys_in},
    db_tests,
};

/// A service in the list; the form has its name as an example.
const BILLING: &str = "<strong>billing</strong>";

async fn make(admin: &Admin, name: &str) -> Answer {
    admin.post(&admin.path("keys"), &[("name", name)]).await
}

/// The address that revokes the only key of the team.
async fn revoke_path(admin: &Admin) -> String {
    let page = admin.get(&admin.path("keys")).await.body;
    let (before, _) = page.split_once("/revoke\"").unwrap();
    format!("{}/revoke", before.rsplit_once("href=\"").unwrap().1)
}

db_tests! {
    async fn a_key_is_shown_in_the_answer_that_makes_it_and_never_again(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let made = make(&ada, " billing ").await;
        assert_eq!(made.told(), "200");
        let keys = keys_in(&made.body);
        assert_eq!(keys.len(), 1, "the same one, in the command too");
        assert_eq!(made.body.matches(&keys[0]).count(), 2);
        assert!(made.body.contains(&format!("Bearer {}", keys[0])));
        assert!(made.body.contains("http://127.0.0.1:8000/api/v1/integrations/jira/token"));
        // Every answer is searched for it from here on.
        let page = ada.get(&ada.path("keys")).await;
        assert!(page.body.contains(BILLING) && page.body.contains("not used yet"));
        assert!(keys_in(&page.body).is_empty());
        assert!(!app.world.dump().await.contains(&keys[0]));
    }

    async fn a_name_that_cannot_be_taken_is_told_with_what_was_written(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        make(&ada, "billing").await;
        for (name, said) in [
            ("", "The name is missing."), ("billing", "A key in force has this name."),
            ("a\u{202e}b", "The name has invisible control characters."),
            (&"x".repeat(61), "The name is too long: at most 60 characters."),
        ] {
            let refused = make(&ada, name).await;
            assert_eq!(refused.told(), "422");
            assert!(refused.body.contains(said), "{said}");
            assert!(keys_in(&refused.body).is_empty());
        }
        let markup = make(&ada, "<script>alert(1)</script>").await;
        assert!(!markup.body.contains("<script>alert"));
    }

    async fn revoking_asks_first(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        make(&ada, "billing").await;
        let path = revoke_path(&ada).await;
        let question = ada.get(&path).await;
        assert!(question.body.contains("Revoke the key of billing?"));
        assert!(ada.get(&ada.path("keys")).await.body.contains(BILLING), "asking changed something");
        let done = ada.post(&path, &[]).await;
        assert_eq!(done.location(), "/a/acme/keys?notice=revoked");
        let page = ada.get(done.location()).await;
        assert!(page.body.contains("The key is revoked") && !page.body.contains(BILLING));
        // Again is no mistake, and there is nothing to ask about.
        assert_eq!(ada.post(&path, &[]).await.told(), "303");
        assert_eq!(ada.get(&path).await.location(), "/a/acme/keys");
        // The name is free.
        assert_eq!(make(&ada, "billing").await.told(), "200");
    }

    async fn a_member_sees_the_keys_and_the_reason_why_not_more(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let max = app.member(&ada, "Max").await;
        make(&ada, "billing").await;
        let page = max.get("/a/acme/keys").await;
        assert!(page.body.contains(BILLING) && page.body.contains("Only team admins can make or revoke keys. Admins: Ada."));
        assert!(!page.body.contains("/revoke") && !page.body.contains("Make a key"));
        let path = revoke_path(&ada).await;
        assert_eq!(max.post(&path, &[]).await.told(), "403 admin_required");
        assert_eq!(max.post("/a/acme/keys", &[("name", "mine")]).await.told(), "403 admin_required");
    }

    async fn a_key_of_another_team_is_out_of_reach(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let eve = app.admin("Eve", "Evil").await;
        make(&ada, "billing").await;
        let path = revoke_path(&ada).await.replace("/a/acme/", "/a/evil/");
        assert_eq!(eve.get(&path).await.location(), "/a/evil/keys");
        eve.post(&path, &[]).await;
        assert!(ada.get(&ada.path("keys")).await.body.contains(BILLING));
    }

    async fn services_are_called_by_the_names_of_their_keys(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let page = ada.get(&ada.path("integrations/")).await;
        assert!(page.body.contains("your services"), "{}", page.body);
        for name in ["search", "billing"] {
            make(&ada, name).await;
        }
        let page = ada.get(&ada.path("integrations/")).await;
        assert!(page.body.contains("billing and search") && !page.body.contains("your services"));
        ada.connect("Sam One").await;
        let question = ada.get(&ada.path("integrations/jira/disconnect")).await;
        assert!(question.body.contains("Calls of billing and search will fail at once."));
        let sites = ada.get(&ada.path("integrations/jira/sites")).await;
        assert!(sites.body.contains("billing and search read from the new one"));
        for name in ["one", "two", "three"] {
            make(&ada, name).await;
        }
        let question = ada.get(&ada.path("integrations/jira/disconnect")).await;
        assert!(question.body.contains("Calls of billing, one, search and 2 others will fail at once."));
    }
}
