//! Mail: links of invitations and for forgotten passwords, against servers that behave and ones that do not.

use std::time::Duration;

use axum::http::StatusCode;
use jiff::SignedDuration;
use testkit::{
    app::{Answer, Browser, ORIGIN, TestApp},
    db::TestDb,
    db_tests, logs,
    smtp::{self, MAIL_FROM, Mail, Manner, SmtpSink},
    world::{PASSWORD, World},
};

const FORGOTTEN: &str = "/password/forgotten";

/// A service that sends mail to a server of this manner.
async fn with(db: TestDb, manner: Manner) -> (TestApp, SmtpSink) {
    let sink = SmtpSink::start(manner).await;
    let world = World::new(db).await.with_mail(sink.server());
    (TestApp::of(world), sink)
}

async fn ask(browser: &Browser, email: &str) -> Answer {
    browser.post(FORGOTTEN, &[("email", email)]).await
}

/// The one mail that came.
fn only(sink: &SmtpSink) -> Mail {
    let mails = sink.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    mails.into_iter().next().unwrap()
}

/// Everything of an answer that may tell one asker from the other.
fn seen(answer: &Answer) -> (StatusCode, String, String) {
    let body = answer.body.replace(answer.header("x-request-id"), "");
    (answer.status, answer.header("location").to_owned(), body)
}

db_tests! {
    async fn a_forgotten_password_is_set_with_the_link_from_the_mail_once(db: TestDb) {
        let (app, sink) = with(db, Manner::Takes).await;
        app.admin("Ada", "Acme").await;
        let nobody = app.visitor();
        let page = nobody.get(FORGOTTEN).await.body;
        assert!(page.contains("<form") && !page.contains("tformance admin"));
        let asked = ask(&nobody, " Ada@example.com").await;
        assert_eq!(asked.location(), "/password/forgotten?notice=asked");
        let page = nobody.get(asked.location()).await.body;
        assert!(page.contains("If there is an account with this address, a link is on its way"));
        app.world.tasks_done().await;

        let mail = only(&sink);
        assert_eq!(mail.to, ["ada@example.com"]);
        assert_eq!(mail.header("From"), Some(MAIL_FROM));
        assert_eq!(mail.header("To"), Some("ada@example.com"));
        assert_eq!(mail.header("Subject"), Some("A new password for Tformance"));
        assert!(!mail.text.contains("<img") && mail.text.contains("text/plain") && mail.text.contains("text/html"));
        let link = mail.path(ORIGIN, "/password/").unwrap();
        assert_eq!(mail.text.matches(link).count(), 3, "as text, as a link and to read it");
        let set = nobody.post(link, &[("password", "another password")]).await;
        assert_eq!(set.location(), "/login?notice=password_set");
        let again = app.visitor().post(link, &[("password", "a third password")]).await;
        assert_eq!(again.told(), "410 RESET_USED");
        let form = [("email", "ada@example.com"), ("password", "another password")];
        assert_eq!(nobody.post("/login", &form).await.location(), "/");

        let log = logs::written();
        let token = link.rsplit('/').next().unwrap();
        let audited = app.world.db.rows("audit_events").await.join("\n");
        assert!(audited.contains("password_reset_link_made") && audited.contains("visitor"));
        assert!(log.contains("a mail was sent") && !log.contains(token) && !log.contains("ada@example.com"));
    }

    async fn a_link_from_the_mail_is_good_for_an_hour(db: TestDb) {
        let (app, sink) = with(db, Manner::Takes).await;
        app.stranger("Ada").await;
        ask(&app.visitor(), "ada@example.com").await;
        app.world.tasks_done().await;
        app.world.env.advance(SignedDuration::from_mins(61));
        let mail = only(&sink);
        let late = app.visitor().get(mail.path(ORIGIN, "/password/").unwrap()).await;
        assert_eq!(late.told(), "410 RESET_EXPIRED");
    }

    async fn an_unknown_address_gets_nothing_and_the_answer_is_the_same(db: TestDb) {
        let (app, sink) = with(db, Manner::Takes).await;
        app.stranger("Ada").await;
        let (one, two) = (app.visitor(), app.visitor());
        let known = ask(&one, "ada@example.com").await;
        let unknown = ask(&two, "eve@example.com").await;
        assert_eq!(seen(&known), seen(&unknown));
        let (known, unknown) = (one.get(known.location()).await, two.get(unknown.location()).await);
        assert_eq!(seen(&known), seen(&unknown));
        app.world.tasks_done().await;
        assert_eq!(only(&sink).to, ["ada@example.com"]);
        let wrong = ask(&one, "ada").await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.body.contains("There is a problem"));
    }

    async fn an_address_gets_three_mails_an_hour_and_whoever_asks_too_often_waits(db: TestDb) {
        let (app, sink) = with(db, Manner::Takes).await;
        app.stranger("Ada").await;
        let nobody = app.visitor();
        for _ in 0..5 {
            assert_eq!(ask(&nobody, "ADA@example.com").await.location(), "/password/forgotten?notice=asked");
        }
        app.world.tasks_done().await;
        assert_eq!(sink.mails().len(), 3);
        app.world.env.advance(SignedDuration::from_mins(59));
        ask(&nobody, "ada@example.com").await;
        app.world.tasks_done().await;
        assert_eq!(sink.mails().len(), 3);
        app.world.env.advance(SignedDuration::from_mins(2));
        ask(&nobody, "ada@example.com").await;
        app.world.tasks_done().await;
        assert_eq!(sink.mails().len(), 4);
        // Nobody was kept from signing in by that.
        for _ in 0..20 {
            ask(&nobody, "ada@example.com").await;
        }
        let form = [("email", "ada@example.com"), ("password", PASSWORD)];
        assert_eq!(nobody.post("/login", &form).await.location(), "/");
        for n in 0..100 {
            crate::people::from_address(&nobody, "192.0.2.7", FORGOTTEN, &[("email", &format!("p{n}@example.com"))]).await;
        }
        let late = crate::people::from_address(&nobody, "192.0.2.7", FORGOTTEN, &[("email", "x@example.com")]).await;
        assert_eq!(late.told(), "429 too_many_failures");
    }

    async fn an_invitation_goes_by_mail_and_its_link_can_be_handed_over_as_well(db: TestDb) {
        let (app, sink) = with(db, Manner::Takes).await;
        let ada = app.admin("Ada", "A & <b>B</b>").await;
        let form = [("email", "grace@example.com"), ("role", "member")];
        let page = ada.post(&ada.path("members/invite"), &form).await;
        assert!(page.body.contains("The link is sent to grace@example.com; you can also hand over this link"));
        app.world.tasks_done().await;
        let mail = only(&sink);
        assert_eq!(mail.to, ["grace@example.com"]);
        assert_eq!(mail.header("From"), Some(MAIL_FROM));
        assert_eq!(mail.header("Subject"), Some("An invitation to A & <b>B</b> on Tformance"));
        assert!(mail.text.contains("Ada invites you to the team A &amp; &lt;b&gt;B&lt;/b&gt; on Tformance."));
        let link = mail.path(ORIGIN, "/invitations/").unwrap();
        assert!(page.body.contains(&format!("{ORIGIN}{link}<")));
        let grace = app.visitor();
        let form = [("name", "Grace"), ("password", PASSWORD)];
        assert_eq!(grace.post(&format!("{link}/signup"), &form).await.status, StatusCode::SEE_OTHER);
        let used = app.visitor().get(link).await;
        assert_eq!(used.told(), "410 INVITATION_USED");
        let log = logs::written();
        assert!(!log.contains(link.rsplit('/').next().unwrap()) && !log.contains("grace@example.com"));
    }

    async fn an_address_is_not_flooded_with_invitations(db: TestDb) {
        let (app, sink) = with(db, Manner::Takes).await;
        let ada = app.admin("Ada", "Acme").await;
        let form = [("email", "grace@example.com"), ("role", "member")];
        for _ in 0..3 {
            assert!(ada.post(&ada.path("members/invite"), &form).await.body.contains("The link is sent to"));
        }
        let fourth = ada.post(&ada.path("members/invite"), &form).await;
        assert!(fourth.body.contains("No mail is sent: this address got several within the hour."));
        assert!(fourth.body.contains("http://127.0.0.1:8000/invitations/"));
        app.world.tasks_done().await;
        assert_eq!(sink.mails().len(), 3);
    }

    async fn a_server_that_hangs_holds_up_no_page(db: TestDb) {
        let (app, _sink) = with(db, Manner::Hangs).await;
        let ada = app.admin("Ada", "Acme").await;
        let form = [("email", "grace@example.com"), ("role", "member")];
        assert_eq!(ada.post(&ada.path("members/invite"), &form).await.status, StatusCode::OK);
        assert_eq!(ask(&app.visitor(), "ada@example.com").await.status, StatusCode::SEE_OTHER);
        assert_eq!(app.world.services.tasks.len(), 2, "both are still waited for");
        // Nothing is locked meanwhile.
        assert_eq!(ada.post("/account/name", &[("name", "Ada L.")]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(app.world.services.tasks.len(), 2, "and still");
    }

    async fn what_a_server_refuses_is_logged_without_its_words(db: TestDb) {
        let world = World::new(db).await;
        let hanging = SmtpSink::start(Manner::Hangs).await;
        let later = SmtpSink::start(Manner::TryLater).await;
        for (server, said) in [
            (hanging.server().with_patience(Duration::from_millis(50)), "does not answer in time"),
            (later.server(), "answers with 451"),
            (smtp::nobody(), "refuses the connection"),
        ] {
            let app = TestApp::of(world.with_mail(server));
            if said.contains("time") {
                app.stranger("Ada").await;
            }
            assert_eq!(ask(&app.visitor(), "ada@example.com").await.status, StatusCode::SEE_OTHER);
            app.world.tasks_done().await;
            let log = logs::written();
            assert!(log.contains("a mail was not sent") && log.contains(said), "{said}");
        }
        let log = logs::written();
        assert!(!log.contains("words of the server") && !log.contains("ada@example.com"));
        assert!(later.mails().is_empty());
    }
}
