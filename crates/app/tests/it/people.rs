//! Members, invitations, accounts, set-up, settings and throttles, over HTTP.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use domain::{invitation::INVITATION_LIFE, text::EmailAddress};
use service::{Policy, password_reset, setup, throttle::ClientAddress};
use testkit::{
    app::{Admin, Answer, Browser, TestApp},
    db_tests,
    world::{PASSWORD, World},
};

/// Invites and gives the path of the link, as it is shown.
async fn invite(admin: &Admin, email: &str, role: &str) -> String {
    let form = [("email", email), ("role", role)];
    let answer = admin.post(&admin.path("members/invite"), &form).await;
    assert_eq!(answer.status, StatusCode::OK);
    let (_, rest) = answer
        .body
        .split_once("http://127.0.0.1:8000/invitations/")
        .unwrap();
    format!("/invitations/{}", rest.split_once('<').unwrap().0)
}

fn is_refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_deref()),
        (status, Some(code)),
        "{}",
        answer.body
    );
}

/// The id of somebody, as it stands in the addresses of the members page.
async fn id_of(admin: &Admin, name: &str) -> String {
    let page = admin.get(&admin.path("members")).await.body;
    let (before, _) = page.split_once(&format!(": {name}</span>")).unwrap();
    let (_, rest) = before.rsplit_once("/members/").unwrap();
    rest.split_once('/').unwrap().0.to_owned()
}

async fn from(browser: &Browser, ip: &str, path: &str) -> Answer {
    let mut req = browser
        .request(Method::GET, path)
        .body(Body::empty())
        .unwrap();
    req.extensions_mut()
        .insert(ClientAddress::of(ip.parse().unwrap()));
    browser.send(req).await
}

/// A form, sent from an address.
pub(crate) async fn from_address(
    browser: &Browser,
    ip: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let body = Body::from(testkit::app::encoded(fields));
    let mut req = browser.form(path).body(body).unwrap();
    req.extensions_mut()
        .insert(ClientAddress::of(ip.parse().unwrap()));
    browser.send(req).await
}

db_tests! {
    async fn somebody_invited_makes_an_account_where_sign_up_is_closed(db: TestDb) {
        let app = TestApp::of(World::with_policy(db, Policy::default()).await);
        let ada = app.admin("Ada", "Acme").await;
        let path = invite(&ada, "grace@example.com", "member").await;
        let shown = ada.get(&ada.path("members")).await.body;
        assert!(shown.contains("grace@example.com") && !shown.contains(&path), "the link is shown once");

        let grace = app.visitor();
        is_refused(&grace.get("/signup").await, StatusCode::FORBIDDEN, "sign_up_closed");
        let page = grace.get(&path).await;
        assert_eq!(page.text_of("h1"), Some("Join Acme"));
        let sign_up = format!("{path}/signup");
        let short = grace.post(&sign_up, &[("name", ""), ("password", "short")]).await;
        assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(short.body.contains("The name is missing.") && short.body.contains("too short"));
        // The address is that of the invitation, whatever is sent.
        let form = [("name", "Grace"), ("email", "eve@example.com"), ("password", PASSWORD)];
        let joined = grace.post(&sign_up, &form).await;
        assert_eq!(joined.location(), "/a/acme/integrations/");
        let account = grace.get("/account").await.body;
        assert!(account.contains("You sign in as grace@example.com."));

        is_refused(&grace.get(&path).await, StatusCode::OK, "INVITATION_ALREADY_MEMBER");
        is_refused(&app.visitor().get(&path).await, StatusCode::GONE, "INVITATION_USED");
        let late = app.visitor().post(&sign_up, &form).await;
        is_refused(&late, StatusCode::GONE, "INVITATION_USED");
    }

    async fn somebody_with_an_account_signs_in_and_joins(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let path = invite(&ada, "grace@example.com", "admin").await;
        let grace = app.stranger("Grace").await;
        assert_eq!(grace.get("/a/acme/members").await.status, StatusCode::NOT_FOUND);
        let page = grace.get(&path).await;
        assert!(page.body.contains("Join Acme") && !page.body.contains("type=\"password\""));
        assert_eq!(grace.post(&path, &[]).await.location(), "/a/acme/integrations/");
        assert!(grace.get("/a/acme/members").await.body.contains("Make an invitation link"));

        let taken = invite(&ada, "max@example.com", "member").await;
        app.stranger("Max").await;
        let form = [("name", "Max"), ("password", PASSWORD)];
        let again = app.visitor().post(&format!("{taken}/signup"), &form).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(again.body.contains("has an account already"));
        let asked = app.visitor().post(&taken, &[]).await;
        assert_eq!(asked.location(), "/login");
    }

    async fn an_invitation_that_is_not_good_says_why(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let eve = app.stranger("Eve").await;
        let path = invite(&ada, "grace@example.com", "member").await;
        let other = eve.get(&path).await;
        is_refused(&other, StatusCode::FORBIDDEN, "INVITATION_OTHER_ADDRESS");
        assert!(other.body.contains("It is for grace@example.com, and you are signed in as eve@example.com."));
        is_refused(&eve.post(&path, &[]).await, StatusCode::FORBIDDEN, "INVITATION_OTHER_ADDRESS");

        let nobody = app.visitor();
        is_refused(&nobody.get("/invitations/x").await, StatusCode::NOT_FOUND, "INVITATION_UNKNOWN");
        let newer = invite(&ada, "grace@example.com", "member").await;
        is_refused(&nobody.get(&path).await, StatusCode::GONE, "INVITATION_REPLACED");
        let page = ada.get(&ada.path("members")).await.body;
        let (_, rest) = page.split_once("/members/invitations/").unwrap();
        let revoke = ada.path(&format!("members/invitations/{}", rest.split_once('"').unwrap().0));
        assert_eq!(ada.post(&revoke, &[]).await.location(), "/a/acme/members?notice=revoked");
        is_refused(&nobody.get(&newer).await, StatusCode::GONE, "INVITATION_REVOKED");
        let third = invite(&ada, "grace@example.com", "member").await;
        app.world.env.advance(INVITATION_LIFE);
        is_refused(&nobody.get(&third).await, StatusCode::GONE, "INVITATION_EXPIRED");

        let ada = app.another_admin(&ada, "Bob").await;
        let of_team = invite(&ada, "grace@example.com", "member").await;
        let id = id_of(&ada, "Ada").await;
        assert_eq!(ada.post(&ada.path(&format!("members/{id}/remove")), &[]).await.location(), "/a/acme/members?notice=removed");
        ada.post(&ada.path("settings/delete"), &[("confirm", "Acme")]).await;
        is_refused(&nobody.get(&of_team).await, StatusCode::NOT_FOUND, "INVITATION_UNKNOWN");
    }

    async fn an_invitation_of_somebody_who_is_no_admin_any_more_is_not_good(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let bob = app.another_admin(&ada, "Bob").await;
        let path = invite(&bob, "grace@example.com", "admin").await;
        let id = id_of(&ada, "Bob").await;
        ada.post(&ada.path(&format!("members/{id}/role")), &[("role", "member")]).await;
        is_refused(&app.visitor().get(&path).await, StatusCode::GONE, "INVITATION_INVITER_LEFT");
        let page = ada.get(&ada.path("members")).await.body;
        assert!(page.contains("not good any more: who invited is no admin now"));
        let refused = bob.post(&bob.path("members/invite"), &[("email", "x@example.com"), ("role", "member")]).await;
        is_refused(&refused, StatusCode::FORBIDDEN, "admin_required");
    }

    async fn members_see_who_is_there_and_why_they_change_nothing(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let max = app.member(&ada, "Max").await;
        let id = id_of(&ada, "Max").await;
        let page = max.get("/a/acme/members").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("Only team admins can invite people") && page.body.contains("Admins: Ada."));
        assert!(!page.body.contains("/role") && !page.body.contains("/remove") && !page.body.contains("/invite"));
        let settings = max.get("/a/acme/settings").await.body;
        assert!(settings.contains("Only team admins can rename") && !settings.contains("/settings/delete"));

        let forms: [(&str, &[(&str, &str)]); 6] = [
            ("members/invite", &[("email", "x@example.com"), ("role", "admin")]),
            ("members/invitations/019ab1c2-5d1e-7000-8000-000000000001/revoke", &[]),
            (&format!("members/{id}/role"), &[("role", "admin")]),
            (&format!("members/{id}/remove"), &[]),
            ("settings", &[("name", "Other")]),
            ("settings/delete", &[("confirm", "Acme")]),
        ];
        let eve = app.stranger("Eve").await;
        for (path, fields) in forms {
            let path = format!("/a/acme/{path}");
            is_refused(&max.post(&path, fields).await, StatusCode::FORBIDDEN, "admin_required");
            is_refused(&eve.post(&path, fields).await, StatusCode::NOT_FOUND, "not_found");
            assert_eq!(app.visitor().post(&path, fields).await.location(), "/login");
        }
        for path in ["members", "settings", "leave"] {
            is_refused(&eve.get(&format!("/a/acme/{path}")).await, StatusCode::NOT_FOUND, "not_found");
        }
        is_refused(&eve.post("/a/acme/leave", &[]).await, StatusCode::NOT_FOUND, "not_found");
        is_refused(&max.get(&format!("/a/acme/members/{id}/remove")).await, StatusCode::FORBIDDEN, "admin_required");
    }

    async fn a_role_and_a_removal_count_from_the_next_request_on(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let max = app.member(&ada, "Max").await;
        let id = id_of(&ada, "Max").await;
        let role = ada.path(&format!("members/{id}/role"));
        let changed = ada.post(&role, &[("role", "admin")]).await;
        assert_eq!(changed.location(), "/a/acme/members?notice=role_changed");
        assert!(max.get("/a/acme/members").await.body.contains("Make an invitation link"));
        is_refused(&ada.post(&role, &[("role", "owner")]).await, StatusCode::UNPROCESSABLE_ENTITY, "bad_form");
        ada.post(&role, &[("role", "member")]).await;
        is_refused(&max.post("/a/acme/settings", &[("name", "x")]).await, StatusCode::FORBIDDEN, "admin_required");

        let question = ada.get(&ada.path(&format!("members/{id}/remove"))).await;
        assert_eq!(question.text_of("h1"), Some("Remove Max?"));
        assert_eq!(max.get("/a/acme/members").await.status, StatusCode::OK, "the question changes nothing");
        ada.post(&ada.path(&format!("members/{id}/remove")), &[]).await;
        is_refused(&max.get("/a/acme/members").await, StatusCode::NOT_FOUND, "not_found");
        let gone = ada.post(&ada.path(&format!("members/{id}/remove")), &[]).await;
        is_refused(&gone, StatusCode::NOT_FOUND, "NOT_IN_TEAM");
        is_refused(&ada.post(&ada.path("leave"), &[]).await, StatusCode::CONFLICT, "LAST_ADMIN");
        is_refused(&ada.post(&ada.path("members/nonsense/remove"), &[]).await, StatusCode::NOT_FOUND, "not_found");
    }

    async fn a_connection_names_that_its_maker_left(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let bob = app.another_admin(&ada, "Bob").await;
        ada.connect("Sam One").await;
        assert_eq!(ada.post(&ada.path("leave"), &[]).await.location(), "/");
        let page = bob.get(&bob.path("integrations/")).await.body;
        assert!(page.contains("Connected by Ada, a former member, on"), "{page}");
        ada.post("/account/delete", &[("password", PASSWORD)]).await;
        let page = bob.get(&bob.path("integrations/")).await.body;
        assert!(page.contains("Connected by a former member on"), "{page}");
    }

    async fn a_team_is_renamed_and_deleted_when_its_name_is_typed(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let renamed = ada.post(&ada.path("settings"), &[("name", "Отдел")]).await;
        assert_eq!(renamed.location(), "/a/acme/settings?notice=renamed");
        assert!(ada.get(renamed.location()).await.body.contains("Delete Отдел"));
        let bad = ada.post(&ada.path("settings"), &[("name", "a\u{202e}b")]).await;
        assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(bad.body.contains("invisible control characters"));
        let wrong = ada.post(&ada.path("settings/delete"), &[("confirm", "Acme")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.body.contains("Nothing was deleted."));
        assert_eq!(ada.post(&ada.path("settings/delete"), &[("confirm", "Отдел")]).await.location(), "/");
        is_refused(&ada.get("/a/acme/settings").await, StatusCode::NOT_FOUND, "not_found");
    }

    async fn an_account_is_renamed_gets_another_password_and_ends(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let other = app.another_browser("Ada").await;
        assert!(app.visitor().get("/account").await.location().ends_with("next=%2Faccount"));
        assert_eq!(ada.post("/account/name", &[("name", "Ada L.")]).await.location(), "/account?notice=renamed");
        assert!(ada.get("/account?notice=renamed").await.body.contains("Your name is changed."));
        assert_eq!(ada.post("/account/name", &[("name", "")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);

        let wrong = ada.post("/account/password", &[("old", "wrong"), ("new", "another password")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.body.contains("This is not your password."));
        let changed = ada.post("/account/password", &[("old", PASSWORD), ("new", "another password")]).await;
        assert_eq!(changed.location(), "/account?notice=password_changed");
        assert_eq!(ada.get("/account").await.status, StatusCode::OK, "this browser goes on");
        assert_eq!(other.get("/account").await.status, StatusCode::SEE_OTHER, "the other one does not");

        let form = [("password", "another password")];
        let stuck = ada.post("/account/delete", &form).await;
        assert_eq!(stuck.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(stuck.body.contains("You are the only admin of Acme."));
        let out = ada.post("/account/sign-out-everywhere", &[]).await;
        assert_eq!(out.location(), "/login?notice=signed_out_everywhere");
        assert!(ada.get(out.location()).await.body.contains("signed out in every browser"));

        let eve = app.stranger("Eve").await;
        let deleted = eve.post("/account/delete", &[("password", PASSWORD)]).await;
        assert_eq!(deleted.location(), "/login?notice=account_deleted");
        let form = [("email", "eve@example.com"), ("password", PASSWORD)];
        assert_eq!(app.visitor().post("/login", &form).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn a_forgotten_password_is_set_with_the_operators_link(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let nobody = app.visitor();
        assert!(nobody.get("/login").await.body.contains("/password/forgotten"));
        let forgotten = nobody.get("/password/forgotten").await.body;
        assert!(forgotten.contains("tformance admin reset-password") && !forgotten.contains("<form"));
        let address = EmailAddress::parse("ada@example.com").unwrap();
        let link = password_reset::make_link(&app.world.services, &address, password_reset::AskedBy::Operator).await.unwrap().unwrap().path();
        assert!(nobody.get(&link).await.body.contains("ada@example.com"));
        assert_eq!(nobody.post(&link, &[("password", "short")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let set = nobody.post(&link, &[("password", "another password")]).await;
        assert_eq!(set.location(), "/login?notice=password_set");
        assert_eq!(ada.get("/account").await.status, StatusCode::SEE_OTHER, "all sessions have ended");
        let form = [("email", "ada@example.com"), ("password", "another password")];
        assert_eq!(nobody.post("/login", &form).await.location(), "/");
        is_refused(&app.visitor().get(&link).await, StatusCode::GONE, "RESET_USED");
        is_refused(&app.visitor().post("/password/x", &[("password", PASSWORD)]).await, StatusCode::NOT_FOUND, "RESET_UNKNOWN");
    }

    async fn the_first_account_is_made_with_the_link_that_the_server_prints(db: TestDb) {
        let app = TestApp::of(World::with_policy(db, Policy::default()).await);
        let token = setup::make_link_if_needed(&app.world.services).await.unwrap().unwrap();
        let path = setup::path(&token);
        let (ada, bob) = (app.visitor(), app.visitor());
        is_refused(&bob.get("/setup/x").await, StatusCode::NOT_FOUND, "SETUP_UNKNOWN");
        assert_eq!(ada.get(&path).await.text_of("h1"), Some("The first account"));
        let bad = ada.post(&path, &[("name", "Ada"), ("email", "ada"), ("password", PASSWORD)]).await;
        assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
        let form = |email| [("name", "Somebody"), ("email", email), ("password", PASSWORD)];
        let (of_ada, of_bob) = (form("ada@example.com"), form("bob@example.com"));
        let (one, two) = tokio::join!(ada.post(&path, &of_ada), bob.post(&path, &of_bob));
        let (won, lost) = if one.status == StatusCode::SEE_OTHER { (one, two) } else { (two, one) };
        assert_eq!(won.location(), "/");
        is_refused(&lost, StatusCode::GONE, "SETUP_DONE");
        is_refused(&app.visitor().get(&path).await, StatusCode::GONE, "SETUP_DONE");
    }

    async fn the_21st_wrong_password_is_a_readable_page_with_retry_after(db: TestDb) {
        let app = TestApp::new(db).await;
        app.stranger("Ada").await;
        let nobody = app.visitor();
        let wrong = [("email", "ada@example.com"), ("password", "wrong")];
        for _ in 0..20 {
            assert_eq!(nobody.post("/login", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        let refused = nobody.post("/login", &wrong).await;
        is_refused(&refused, StatusCode::TOO_MANY_REQUESTS, "too_many_failures");
        assert_eq!(refused.text_of("h1"), Some("Please wait a little"));
        let seconds: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=601).contains(&seconds), "{seconds}");
    }

    async fn forged_callbacks_are_slowed_down_and_a_good_one_never(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let good = ada.consent("Sam One").await;
        for _ in 0..20 {
            let forged = ada.come_back("/integrations/jira/callback?code=c&state=forged").await;
            assert_eq!(forged.code().as_deref(), Some("CONNECT_BAD_REQUEST"));
        }
        let forged = ada.come_back("/integrations/jira/callback?code=c&state=forged").await;
        is_refused(&forged, StatusCode::TOO_MANY_REQUESTS, "too_many_failures");
        let back = ada.come_back(&good).await;
        assert_eq!(back.location(), "/a/acme/integrations/?notice=connected_only_site");
    }

    async fn bad_links_of_one_address_are_slowed_down_and_others_not(db: TestDb) {
        let app = TestApp::new(db).await;
        let nobody = app.visitor();
        for n in 0..100 {
            let kind = ["invitations", "password", "setup"][n % 3];
            let answer = from(&nobody, "192.0.2.7", &format!("/{kind}/{n}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
        }
        let late = from(&nobody, "192.0.2.7", "/invitations/x").await;
        is_refused(&late, StatusCode::TOO_MANY_REQUESTS, "too_many_failures");
        let other = from(&nobody, "192.0.2.8", "/invitations/x").await;
        is_refused(&other, StatusCode::NOT_FOUND, "INVITATION_UNKNOWN");
    }

    async fn thirty_sign_ups_and_sign_ins_a_minute_that_succeed_are_never_refused(db: TestDb) {
        let app = TestApp::new(db).await;
        for n in 0..30 {
            let email = format!("p{n}@example.com");
            let form = [("name", "P"), ("email", email.as_str()), ("password", PASSWORD)];
            assert_eq!(app.visitor().post("/signup", &form).await.location(), "/");
        }
        for _ in 0..30 {
            let form = [("email", "p0@example.com"), ("password", PASSWORD)];
            assert_eq!(app.visitor().post("/login", &form).await.location(), "/");
        }
    }
}
