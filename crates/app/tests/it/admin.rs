//! `tformance admin`, and whose database it is.

use std::{io::Write as _, process::Stdio};

use domain::{
    api_key::{Errand, Rights},
    audit::AuditAction,
    credential::Provider,
    usage::{Answer, Call, CountedCall, Method, PathTemplate},
};
use serde_json::json;
use service::{
    api_keys::KeyWish,
    door::{KeyError, identify},
    password_reset,
    throttle::ClientAddress,
    worker::note_use,
};
use testkit::{
    db_tests,
    world::{World, WorldOptions},
};

use crate::tformance::{Machine, ended, key};

fn on(world: &World) -> Machine {
    Machine::new()
        .set("DATABASE_URL", &world.db.url)
        .set("ENCRYPTION_KEYS", key("tests", 1))
        .set("LISTEN", "127.0.0.1:0")
}

db_tests! {
    async fn an_account_and_a_team_are_made_and_told_in_the_log(db: TestDb) {
        let world = World::new(db).await;
        let machine = on(&world);
        let made = machine.run(&["admin", "create-user", "ada@example.com", "--name", "Ada"]);
        let password = made.good().lines().find_map(|it| it.strip_prefix("password: ")).unwrap();
        service::sign_in::sign_in(&world.services, "ada@example.com", password.into(), ClientAddress::UNKNOWN).await.unwrap();
        let again = machine.run(&["admin", "create-user", "ada@example.com", "--name", "Ada"]);
        assert_eq!(again.refused(), "the address has an account");
        let team = machine.run(&["admin", "create-team", "Acme", "--admin", "ada@example.com"]);
        assert_eq!(team.good(), "the team's pages are at /a/acme/\n");
        let nobody = machine.run(&["admin", "create-team", "Acme", "--admin", "eve@example.com"]);
        assert_eq!(nobody.refused(), "no account has this address");
        let mut tx = world.services.store.read().await.unwrap();
        let slug = domain::text::Slug::parse("acme").unwrap();
        let team = tx.find_team(&slug).await.unwrap().unwrap();
        let events = tx.list_audit_events(team.id, 9).await.unwrap();
        assert_eq!((events[0].action, events[0].actor, events[0].detail.as_deref()),
            (AuditAction::TeamCreated, None, Some("operator")));
        let events = tx.list_audit_events_without_team(9).await.unwrap();
        assert!(events.iter().any(|it| it.action == AuditAction::UserSignedUp && it.actor.is_none()
            && it.detail.as_deref() == Some("operator")));
    }

    async fn a_password_can_come_from_standard_input(db: TestDb) {
        let world = World::new(db).await;
        let args = ["admin", "create-user", "ada@example.com", "--name", "Ada", "--password-stdin"];
        for (password, code) in [("short\n", 1), ("a long enough password\n", 0)] {
            let mut child = on(&world).command(&args)
                .stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
            let ended = ended(child.wait_with_output().unwrap());
            assert_eq!(ended.code, code, "{ended:?}");
            assert!(!ended.out.contains("password:"));
        }
        let password = "a long enough password";
        service::sign_in::sign_in(&world.services, "ada@example.com", password.into(), ClientAddress::UNKNOWN).await.unwrap();
    }

    async fn links_for_a_first_account_and_a_new_password_are_printed_once(db: TestDb) {
        let world = World::new(db).await;
        let machine = on(&world).set("BASE_URL", "https://one.example");
        let first = machine.run(&["admin", "setup-link"]);
        assert!(first.good().starts_with("https://one.example/setup/"), "{first:?}");
        world.person("Ada").await;
        assert!(machine.run(&["admin", "setup-link"]).refused().starts_with("there is an account"));
        let reset = machine.run(&["admin", "reset-password", "ada@example.com"]);
        let token = reset.good().lines().next().unwrap().strip_prefix("https://one.example/password/").unwrap();
        let email = password_reset::look(&world.services, &token.into(), ClientAddress::UNKNOWN).await;
        // The clock of the tests is not the one of the binary: the link is known, that is enough.
        assert!(!matches!(email, Err(password_reset::ResetError::Unknown)), "{email:?}");
        let nobody = machine.run(&["admin", "reset-password", "eve@example.com"]);
        assert_eq!(nobody.refused(), "no account has this address");
    }

    async fn a_key_is_printed_once_and_alone(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let machine = on(&world);
        let made = machine.run(&["admin", "create-key", "acme", "billing"]);
        let key = made.good().strip_suffix('\n').unwrap();
        assert!(key.starts_with("tfk_") && key.len() == 53 && !key.contains('\n'), "{made:?}");
        assert_eq!(made.err, "the key of billing, shown this once; rights: everything; works until it is revoked\n");
        identify(&world.services, &key.into(), Provider::Jira, Errand::Token, ClientAddress::UNKNOWN).await.unwrap();
        let narrow = machine.run(&[
            "admin", "create-key", "acme", "reports", "--may", "status,proxy", "--methods", "GET,POST",
            "--paths", "/rest/api/3/issue,/rest/agile", "--until", "2030-12-31", "--site", "a-site", "--json",
        ]);
        narrow.good();
        let told = narrow.json();
        assert_eq!(narrow.err, "");
        let keys = service::api_keys::list(&world.services, &ada).await.unwrap();
        let kept = &keys.iter().find(|it| it.key.name.as_str() == "reports").unwrap().key;
        let paths = ["/rest/api/3/issue", "/rest/agile"];
        let rights = Rights::chosen(["status", "proxy"], ["GET", "POST"], paths).unwrap();
        assert_eq!((&kept.rights, kept.created_by), (&rights, None));
        let key = told["key"].as_str().unwrap();
        let expected = json!({
            "id": kept.id.to_string(), "team": "acme", "service": "reports", "key": key, "rights": "chosen",
            "site": "a-site", "expires_at": "2031-01-01T00:00:00Z",
        });
        assert_eq!(told, expected);
        let may = async |errand| {
            identify(&world.services, &key.into(), Provider::Jira, errand, ClientAddress::UNKNOWN).await
        };
        may(Errand::Status).await.unwrap();
        assert!(matches!(may(Errand::Token).await, Err(KeyError::Forbidden { .. })));
        let log = world.audit(&ada).await;
        assert_eq!(log.iter().filter(|it| **it == AuditAction::ApiKeyCreated).count(), 2);
        assert!(!world.dump().await.contains(key));
    }

    async fn a_key_that_cannot_be_made_is_told_with_why(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let machine = on(&world);
        for (args, said) in [
            (&["--rights", "all"][..], "--rights \"all\" is unknown; it is one of read_issues, read_everything, everything"),
            (&["--may", "all"], "--may, --methods or --paths: a right is none of status, token and proxy"),
            (&["--may", "proxy", "--methods", "BREW"], "--may, --methods or --paths: a method is unknown"),
            (&["--may", "proxy", "--paths", "rest"], "--may, --methods or --paths: path 1 is not of the form /rest/api/3/issue"),
            (&["--until", "soon"], "--until is not of the form 2027-03-31"),
            (&["--site", "a b"], "--site is not of the form 1324a887-45db-1bf4-1e99-ef0ff456d421"),
        ] {
            let mut all = vec!["admin", "create-key", "acme", "billing"];
            all.extend(args);
            let ended = machine.run(&all);
            assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{ended:?}");
            let last = ended.err.lines().last().unwrap();
            assert_eq!(last, format!("tformance: {said}"));
        }
        for both in [["--may", "token", "--rights", "everything"], ["--days", "3", "--until", "2030-01-01"], ["--methods", "GET", "--paths", "/rest"]] {
            let mut all = vec!["admin", "create-key", "acme", "billing"];
            all.extend(both);
            assert_eq!(machine.run(&all).code, 2, "{both:?}");
        }
        for team in ["nowhere", "No Where"] {
            let ended = machine.run(&["admin", "create-key", team, "billing"]);
            assert_eq!(ended.refused(), format!("no team has the short name {team:?}"));
        }
        assert!(service::api_keys::list(&world.services, &ada).await.unwrap().is_empty());
        machine.run(&["admin", "create-key", "acme", "billing"]).good();
        let again = machine.run(&["admin", "create-key", "acme", "billing", "--days", "0"]);
        assert_eq!(again.refused(), "the name is that of another key; replace or revoke that one; the last day has passed");
        assert_eq!(again.out, "");
    }

    async fn connections_are_shown_without_secrets(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.admin("Eve", "Evil").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let machine = on(&world);
        let soon = machine.run(&["admin", "connection", "acme", "--json", "--consent-lifetime-days", "1"]);
        assert_eq!(soon.json()["state"], "renew_soon");
        let machine = machine.set("CONSENT_LIFETIME_DAYS", "0");
        let list = machine.run(&["admin", "connections"]);
        let lines: Vec<_> = list.good().lines().collect();
        assert_eq!(lines.len(), 4, "{list:?}");
        assert_eq!(lines[0], "Atlassian was not asked yet");
        assert!(lines[2].starts_with("TEAM                            STATE                SINCE"), "{list:?}");
        assert!(lines[3].starts_with("acme                            connected            20"), "{list:?}");
        assert!(lines[3].contains("  https://") && lines[3].matches('Z').count() == 2, "{list:?}");
        let all = machine.run(&["admin", "connections", "--json"]);
        let one = machine.run(&["admin", "connection", "acme", "--json"]);
        assert_eq!(all.json()["connections"][0], one.json());
        assert_eq!(all.json()["provider"]["is_down"], false);
        assert_eq!(all.json()["operator_incidents"], serde_json::json!([]));
        let none = machine.run(&["admin", "connections", "--json", "--state", "site_lost"]);
        assert_eq!(none.json()["connections"], serde_json::json!([]));
        let odd = machine.run(&["admin", "connections", "--state", "fine"]);
        assert_eq!(odd.code, 2);
        assert!(odd.err.contains("no state is called \"fine\"; they are reconnect_needed, "), "{odd:?}");
        let credential = world.stored(&ada).await.0;
        assert_eq!(one.json()["credential_id"], credential.id.to_string());
        let words = machine.run(&["admin", "connection", "acme"]);
        assert!(words.good().contains("state                  connected"), "{words:?}");
        for secret in world.secrets() {
            for shown in [&list, &all, &one, &words] {
                assert!(!shown.out.contains(&secret) && !shown.err.contains(&secret));
            }
        }
        assert_eq!(machine.run(&["admin", "connection", "evil", "--json"]).json()["state"], "not_connected");
        assert_eq!(machine.run(&["admin", "connection", "nobody"]).refused(), "no team has the short name \"nobody\"");
    }

    async fn how_well_the_promise_is_kept_is_told_of_all_teams_and_of_one(db: TestDb) {
        // The binary goes by the real time.
        let world = World::with_options(db, WorldOptions { is_real_time: true, ..WorldOptions::default() }).await;
        let ada = world.admin("Ada", "Acme").await;
        world.admin("Eve", "Evil").await;
        let made = service::api_keys::create(&world.services, &ada, &KeyWish::named("billing")).await.unwrap();
        world.add_secret(&made.token);
        let client = identify(&world.services, &made.token, Provider::Jira, Errand::Token, ClientAddress::UNKNOWN).await.unwrap();
        let answers = [Answer::Served, Answer::Served, Answer::Served, Answer::ProviderOutage, Answer::OurFault, Answer::NoGrant];
        for answer in answers {
            let (call, method, path_template) = (Call::Token, Method::Post, PathTemplate::NONE);
            world.services.count_call(&client, CountedCall { call, method, path_template, http_status: 200, answer });
        }
        note_use::run_once(&world.services).await.unwrap();
        let machine = on(&world);
        let told = machine.run(&["admin", "slo"]);
        let lines: Vec<_> = told.good().lines().map(|it| it.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(lines.len(), 4, "{told:?}");
        assert_eq!(lines[1], ["24h", "60.000", "%", "75.000", "%", "3", "1", "1", "1", "0"]);
        let own = machine.run(&["admin", "slo", "--team", "acme", "--json"]).json();
        assert_eq!((&own[2]["over"], &own[2]["valid_token_percent"], &own[2]["no_grant"]), (&json!("30d"), &json!(60.0), &json!(1)));
        let other = machine.run(&["admin", "slo", "--team", "evil", "--json"]).json();
        assert_eq!((&other[0]["served"], &other[0]["valid_token_percent"]), (&json!(0), &json!(null)));
        assert_eq!(machine.run(&["admin", "slo", "--team", "nobody"]).refused(), "no team has the short name \"nobody\"");
    }

    async fn a_store_is_served_under_one_address_and_client_id_until_it_is_adopted(db: TestDb) {
        let world = World::new(db).await;
        let machine = on(&world).set("BASE_URL", "https://one.example");
        machine.serve_once().unwrap();
        // From no client id to one is no other one.
        let machine = machine.set("JIRA_CLIENT_ID", "first").set("JIRA_CLIENT_SECRET", "x");
        machine.serve_once().unwrap();

        let moved = on(&world).set("BASE_URL", "https://two.example").set("JIRA_CLIENT_ID", "first").set("JIRA_CLIENT_SECRET", "x");
        let line = moved.serve_once().unwrap_err();
        assert!(line.starts_with("this database was last served under BASE_URL https://one.example, not https://two.example; if no other"), "{line}");
        assert!(line.contains("`tformance admin adopt`"), "{line}");
        let other = on(&world).set("BASE_URL", "https://one.example").set("JIRA_CLIENT_ID", "second").set("JIRA_CLIENT_SECRET", "x");
        let line = other.serve_once().unwrap_err();
        assert!(line.starts_with("this database was last served with JIRA_CLIENT_ID first, not second; "), "{line}");
        // Without a client id nothing can be spent.
        on(&world).set("BASE_URL", "https://one.example").serve_once().unwrap();
        moved.run(&["migrate"]).good();

        let adopted = moved.run(&["admin", "adopt"]);
        assert_eq!(adopted.good(), "was served at https://one.example with client id first\n\
            is served at https://two.example with client id first from now on\n");
        moved.serve_once().unwrap();
        assert!(machine.serve_once().is_err());
        let mut tx = world.services.store.read().await.unwrap();
        let events = tx.list_audit_events_without_team(10).await.unwrap();
        let adopted: Vec<_> = events.iter().filter(|it| it.action == AuditAction::StoreAdopted).collect();
        assert_eq!(adopted.len(), 1);
        assert_eq!(adopted[0].detail.as_deref(), Some("operator"));
    }
}
