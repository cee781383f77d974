//! `/a/{team}/keys`: a key is shown once, listed without itself, replaced, and revoked.

use jiff::SignedDuration;
use testkit::{
    app::{Admin, Answer, TestApp, keys_in},
    db_tests,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A service in the list; the form has its name as an example.
const BILLING: &str = "<strong>billing</strong>";

async fn make(admin: &Admin, name: &str) -> Answer {
    admin.post(&admin.path("keys"), &[("name", name)]).await
}

/// The same with more fields.
async fn make_with(admin: &Admin, name: &str, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("name", name)];
    all.extend(fields);
    admin.post(&admin.path("keys"), &all).await
}

/// The addresses that the page's forms and links lead to and that end so, in its order.
async fn paths(admin: &Admin, end: &str) -> Vec<String> {
    let page = admin.get(&admin.path("keys")).await.body;
    let quoted = page.split('"').skip(1).step_by(2);
    let found = quoted.filter(|it| it.ends_with(end));
    found.map(str::to_owned).collect()
}

/// The text of the page without its markup and white space.
fn text(page: &Answer) -> String {
    let pieces = page
        .body
        .split('<')
        .map(|it| it.split_once('>').map_or("", |(_, text)| text));
    let text = pieces.collect::<Vec<_>>().join(" ");
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").replace(" ,", ",")
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
        assert_eq!(keys.len(), 1, "the same one, in the command and the variables too");
        assert_eq!(made.body.matches(&keys[0]).count(), 3);
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
            ("", "The name is missing."), ("billing", "A key has this name."),
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

    async fn a_key_is_made_as_it_was_chosen_and_listed_so(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let (_, integration) = app.world.stored(&ada.who).await;
        let site = integration.site.cloud_id.to_string();
        let chosen = [
            ("rights", "chosen"), ("may", "status"), ("may", "proxy"), ("method", "GET"), ("method", "POST"),
            ("paths", "/rest/api/3/issue/\r\n\r\n /rest/agile\r\n"),
        ];
        let ends = [("rights", "read_issues"), ("lasting", "30"), ("pin", &site)];
        let until = [("rights", "read_everything"), ("lasting", "until"), ("until", "2099-01-01"), ("pin", "another-site")];
        for (name, fields) in [("chosen", &chosen[..]), ("ends", &ends)] {
            assert_eq!(make_with(&ada, name, fields).await.told(), "200", "{name}");
        }
        assert_eq!(make_with(&ada, "too far", &until).await.told(), "422");
        let day = (app.world.now() + DAY * 300).strftime("%Y-%m-%d").to_string();
        let until = [until[0], until[1], ("until", &day), until[3]];
        assert_eq!(make_with(&ada, "until", &until).await.told(), "200");
        make(&ada, "all").await;
        let soon = (app.world.now() + DAY * 2).strftime("%Y-%m-%d").to_string();
        make_with(&ada, "soon", &[("lasting", "until"), ("until", &soon)]).await;
        let page = ada.get(&ada.path("keys")).await;
        let text = text(&page);
        for told in [
            "all May do everything Made by Ada",
            "chosen May ask for the status and GET and POST /rest/agile and /rest/api/3/issue Made by Ada",
            "ends May read issues, for",
            "until May read everything, for another-site alone",
            "For another site",
            "· ends in 30 days",
            "· ends in 301 days",
            "soon May do everything Made by Ada just now · not used yet Ends in 3 days",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
        let keys = service::api_keys::list(&app.world.services, &ada.who).await.unwrap();
        let pin = keys.iter().find(|it| it.key.name.as_str() == "ends").unwrap().key.pin.clone();
        assert_eq!(pin.unwrap(), integration.site.cloud_id);
        app.world.env.advance(DAY * 6);
        let text = self::text(&ada.get(&ada.path("keys")).await);
        assert!(text.contains("Ended 3 days ago"), "{text}");
    }

    async fn what_was_filled_in_is_there_again_beside_what_is_wrong(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let chosen = [
            ("rights", "chosen"), ("may", "proxy"), ("method", "POST"), ("paths", "/rest\nhttps://acme.example/<b>"),
            ("lasting", "until"), ("until", "2020-01-31"),
        ];
        // All that can be told is told at once; what is found where the key is made comes after it.
        let refused = make_with(&ada, "importer", &chosen).await;
        assert_eq!(refused.told(), "422");
        for kept in [
            "value=\"importer\"", "value=\"chosen\" checked", "value=\"proxy\" checked", "value=\"POST\" checked",
            "<option value=\"until\" selected>", "value=\"2020-01-31\"", "/rest\nhttps://acme.example/&#60;b&#62;</textarea>",
            "<a href=\"#paths\">Path 2 is not of the form /rest/api/3/issue.</a>",
        ] {
            assert!(refused.body.contains(kept), "{kept}\n{}", refused.body);
        }
        for unset in ["value=\"status\" checked", "value=\"GET\" checked", "value=\"everything\" checked"] {
            assert!(!refused.body.contains(unset), "{unset}");
        }
        let many = vec!["/rest"; 1].into_iter().chain((0..51).map(|_| "/x")).collect::<Vec<_>>().join("\n");
        let distinct = (0..51).map(|n| format!("/rest/{n}")).collect::<Vec<_>>().join("\n");
        for (fields, said) in [
            (&[("rights", "chosen")][..], "<a href=\"#rights\">Choose at least one call.</a>"),
            (&[("rights", "all")], "<a href=\"#rights\">Choose what the key may do.</a>"),
            (&[("rights", "chosen"), ("may", "everything")], "<a href=\"#rights\">Choose among the calls and methods below.</a>"),
            (&[("rights", "chosen"), ("may", "proxy"), ("method", "BREW")], "<a href=\"#rights\">Choose among the calls and methods below.</a>"),
            (&[("rights", "chosen"), ("may", "proxy"), ("paths", &distinct)], "<a href=\"#paths\">There are more than 50 paths.</a>"),
            (&[("lasting", "until"), ("until", "2020-01-31")], "<a href=\"#until\">The last day has passed.</a>"),
            (&[("lasting", "until")], "<a href=\"#until\">The last day is not of the form 2027-03-31.</a>"),
            (&[("lasting", "for ever")], "The last day is not of the form 2027-03-31."),
            (&[("lasting", "60000")], "The last day is more than ten years ahead."),
            (&[("lasting", "99999999999")], "The last day is not of the form 2027-03-31."),
            (&[("pin", "../x")], "The site’s id is not of the form 1324a887"),
        ] {
            let refused = make_with(&ada, "importer", fields).await;
            assert_eq!(refused.told(), "422", "{fields:?}");
            assert!(refused.body.contains(said), "{said}\n{}", refused.body);
        }
        assert!(ada.get(&ada.path("keys")).await.body.contains("No service has a key yet."), "something was made");
        // The same path again is no other one.
        let fields = [("rights", "chosen"), ("may", "proxy"), ("paths", many.as_str())];
        assert_eq!(make_with(&ada, "importer", &fields).await.told(), "200");
    }

    async fn a_key_is_replaced_without_a_gap(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let max = app.member(&ada, "Max").await;
        let old = keys_in(&make_with(&ada, "billing", &[("rights", "read_issues")]).await.body).remove(0);
        app.world.env.advance(DAY);
        let rotate = paths(&ada, "/rotate").await.remove(0);
        assert_eq!(max.post(&rotate, &[]).await.told(), "403 admin_required");
        let made = ada.post(&rotate, &[]).await;
        assert_eq!(made.told(), "200");
        let new = keys_in(&made.body);
        assert!(new.len() == 1 && new[0] != old);
        let text = self::text(&made);
        assert!(text.contains("A second key for billing is made"), "{text}");
        assert!(text.contains("The older key works until you revoke it: first give this one to billing."), "{text}");
        let command = format!("curl -H &#39;Authorization: Bearer {}&#39; http", new[0]);
        assert!(made.body.contains(&command) && made.body.contains("/jira/proxy/rest/api/3/myself"), "what it may do is tried");
        let page = ada.get(&ada.path("keys")).await;
        assert_eq!((page.body.matches(BILLING).count(), page.body.matches("Being replaced").count()), (2, 1));
        assert!(keys_in(&page.body).is_empty() && !page.body.contains("/rotate\""), "no third one is offered");
        let refused = ada.post(&rotate, &[]).await;
        assert_eq!(refused.told(), "409 TWO_KEYS");
        assert!(refused.body.contains("billing has two keys already") && refused.body.contains("href=\"/a/acme/keys\""));
        // The older one is named where it is revoked, and goes alone.
        let revoke = paths(&ada, "/revoke").await;
        assert_eq!(revoke.len(), 2);
        let question = self::text(&ada.get(&revoke[0]).await);
        assert!(question.contains("The newer key of billing goes on working."), "{question}");
        let question = self::text(&ada.get(&revoke[1]).await);
        assert!(question.contains("The older key of billing goes on working."), "{question}");
        ada.post(&revoke[0], &[]).await;
        let page = ada.get(&ada.path("keys")).await;
        assert_eq!((page.body.matches(BILLING).count(), page.body.matches("Being replaced").count()), (1, 0));
        // What has gone is not replaced.
        assert_eq!(ada.post(&rotate, &[]).await.location(), "/a/acme/keys");
        let rotate = paths(&ada, "/rotate").await.remove(0);
        assert_eq!(ada.post(&rotate, &[]).await.told(), "200");
    }

    async fn a_key_that_has_expired_is_told_so_and_makes_room(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let old = keys_in(&make_with(&ada, "billing", &[("lasting", "5")]).await.body).remove(0);
        app.world.env.advance(DAY * 3);
        let rotate = paths(&ada, "/rotate").await.remove(0);
        ada.post(&rotate, &[]).await;
        let first = paths(&ada, "/revoke").await.remove(0);
        app.world.env.advance(DAY * 3);
        // The older one ended: it is not being replaced any more, and stands in nobody's way.
        let page = ada.get(&ada.path("keys")).await;
        assert_eq!((page.body.matches(BILLING).count(), page.body.matches("Being replaced").count()), (2, 0));
        assert!(text(&page).contains("Revoke the expired key of billing"), "{}", text(&page));
        let call = async || {
            let call = axum::http::Request::get("/api/v1/integrations/jira").header("authorization", format!("Bearer {old}"));
            app.send(call.body(axum::body::Body::empty()).unwrap()).await
        };
        assert_eq!(call().await.told(), "401 key_expired");
        let question = text(&ada.get(&first).await);
        assert!(question.contains("This is the key made") && question.contains("calls with it are refused already"), "{question}");
        let rotate = paths(&ada, "/rotate").await;
        assert_eq!(rotate.len(), 1);
        let made = ada.post(&rotate[0], &[]).await;
        assert!(text(&made).contains("A second key for billing is made"), "{}", text(&made));
        assert!(!paths(&ada, "/revoke").await.contains(&first), "the expired one has gone");
        assert_eq!(call().await.told(), "401 key_expired", "what ended it first");
        let log = text(&ada.get(&ada.path("audit")).await);
        assert!(log.contains("it had expired, and made room for another"), "{log}");
        // Where all have ended, a new key is not a second one.
        app.world.env.advance(DAY * 6);
        let made = make(&ada, "billing").await;
        assert!(text(&made).contains("The key for billing is made"), "{}", text(&made));
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
        // While one of them goes from one key to the next it is still one.
        let rotate = paths(&ada, "/rotate").await.remove(0);
        assert_eq!(ada.post(&rotate, &[]).await.told(), "200");
        let sites = ada.get(&ada.path("integrations/jira/sites")).await;
        assert!(sites.body.contains("billing and search read from the new one"));
        // One whose key has expired calls nothing any more.
        make_with(&ada, "brief", &[("lasting", "1")]).await;
        let before = ada.get(&ada.path("integrations/jira/disconnect")).await;
        assert!(before.body.contains("Calls of billing, brief and search will fail at once."), "{}", before.body);
        app.world.env.advance(DAY);
        let after = ada.get(&ada.path("integrations/jira/disconnect")).await;
        assert!(after.body.contains("Calls of billing and search will fail at once."), "{}", after.body);
        for name in ["one", "two", "three"] {
            make(&ada, name).await;
        }
        let question = ada.get(&ada.path("integrations/jira/disconnect")).await;
        assert!(question.body.contains("Calls of billing, one, search and 2 others will fail at once."));
    }
}
