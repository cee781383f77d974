//! `tformance demo --drill NAME --once`, the real binary: it ends well only if all that is to be seen was seen.
//! And the demo's own pages, over HTTP.

use reqwest::{Client, Response, StatusCode, redirect::Policy};
use testkit::db::TestDb;

use crate::process::{Ended, Running, run, tformance};

/// Runs what blocks beside the test's own tasks.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn rehearse(drill: &'static str, database: Option<String>) -> Ended {
    beside(move || {
        let folder = tempfile::tempdir().unwrap();
        let mut args = vec!["demo", "--port", "0", "--drill", drill, "--once"];
        if let Some(url) = &database {
            args.extend(["--database-url", url]);
        }
        let ended = run(folder.path(), &args, &[]);
        let left = folder.path().read_dir().unwrap().count();
        assert_eq!(left, 0, "a demo leaves nothing behind");
        ended
    })
    .await
}

/// Ended well, having seen these, in this order.
#[track_caller]
fn saw(drill: &str, ended: &Ended, sights: &[&str]) {
    let said = &ended.stdout;
    assert_eq!(ended.code, Some(0), "{said}\n{}", ended.stderr);
    let mut rest = said.as_str();
    for sight in sights {
        let found = rest.split_once(sight);
        let Some((_, after)) = found else {
            panic!("{drill}: not seen, or not in this place: {sight}\n{said}");
        };
        rest = after;
    }
    assert!(
        rest.contains(&format!("All of {drill} was seen.")),
        "{said}"
    );
}

const REVOKED: &[&str] = &[
    "sees  the state connected",
    "sees  the state reconnect_needed\n        http://127.0.0.1:",
    "sees  a banner on every page of the team",
    "sees  a mail to ada@example.com: “Jira for Acme needs to be reconnected”\n        http://localhost:",
    "sees  a webhook: connection.state_changed, signature good",
    "The end:",
    "does  Ada Admin reconnects",
    "sees  the state connected",
    "sees  no banner",
    "sees  a webhook: connection.state_changed, signature good",
    "sees  a mail to ada@example.com: “Jira for Acme works again”",
];

const KILLED: &[&str] = &[
    "does  a second process of this server (",
    "the process is killed (SIGKILL)",
    "saves the new pair",
    "sees  the state connected",
    "sees  no banner",
    "sees  no mail to anybody of the team",
    "The end:",
    "does  a service asks for a token, and gets one",
];

#[tokio::test]
async fn a_grant_that_is_revoked() {
    saw(
        "grant-revoked",
        &rehearse("grant-revoked", None).await,
        REVOKED,
    );
}

#[tokio::test]
async fn a_grant_that_is_revoked_on_postgresql() {
    let Some(db) = TestDb::empty_postgres().await else {
        return;
    };
    let ended = rehearse("grant-revoked", Some(db.url.clone())).await;
    saw("grant-revoked", &ended, REVOKED);
}

#[tokio::test]
async fn a_process_that_is_killed_in_the_middle_of_a_refresh() {
    saw(
        "process-killed",
        &rehearse("process-killed", None).await,
        KILLED,
    );
}

#[tokio::test]
async fn a_process_that_is_killed_in_the_middle_of_a_refresh_on_postgresql() {
    let Some(db) = TestDb::empty_postgres().await else {
        return;
    };
    let ended = rehearse("process-killed", Some(db.url.clone())).await;
    saw("process-killed", &ended, KILLED);
}

#[tokio::test]
async fn an_atlassian_that_is_down() {
    let ended = rehearse("provider-down", None).await;
    let sights = [
        "sees  the state degraded",
        "does  a service asks for a token, and gets the one that is still good",
        "sees  the state waiting",
        "sees  a webhook: provider.down, signature good",
        "sees  no banner",
        "sees  no mail to anybody of the team",
        "The end:",
        "sees  the state connected",
        "sees  a webhook: provider.recovered, signature good",
        "sees  no mail to anybody of the team",
    ];
    saw("provider-down", &ended, &sights);
}

#[tokio::test]
async fn a_client_secret_that_was_rotated() {
    let ended = rehearse("secret-rotated", None).await;
    let sights = [
        "sees  the state misconfigured",
        "sees  a mail to operator@example.com: “Atlassian refuses Tformance’s client id or secret”",
        "sees  a webhook: server.misconfigured, signature good",
        "sees  no mail to anybody of the team",
        "sees  no banner",
        "The end:",
        "sees  the state connected",
        "sees  a webhook: server.mended, signature good",
        "sees  a mail to operator@example.com: “Tformance works with Atlassian again”",
        "sees  no mail to anybody of the team",
    ];
    saw("secret-rotated", &ended, &sights);
}

#[tokio::test]
async fn a_site_that_is_removed() {
    let ended = rehearse("site-removed", None).await;
    let sights = [
        "sees  the state site_lost",
        "sees  a banner on every page of the team",
        "sees  a mail to ada@example.com: “Jira for Acme has lost its site”",
        "sees  a webhook: connection.state_changed, signature good",
        "The end:",
        "sees  the state connected",
        "sees  no banner",
        "sees  a webhook: connection.state_changed, signature good",
        "sees  a mail to ada@example.com: “Jira for Acme works again”",
    ];
    saw("site-removed", &ended, &sights);
}

#[tokio::test]
async fn a_consent_that_ends_soon() {
    let ended = rehearse("consent-ending", None).await;
    let sights = [
        "sees  the state renew_soon",
        "sees  a banner on every page of the team",
        "sees  a mail to ada@example.com: “Jira for Acme is to be renewed by ",
        "sees  a webhook: connection.state_changed, signature good",
        "sees  a mail to ada@example.com: “Reminder: Jira for Acme is to be renewed by ",
        "The end:",
        "sees  the state connected",
        "sees  a mail to ada@example.com: “Jira for Acme works again”",
    ];
    saw("consent-ending", &ended, &sights);
}

#[test]
fn drills_are_listed_and_asked_for_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let listed = run(folder.path(), &["demo", "--drill", "list"], &[]);
    assert_eq!((listed.code, &*listed.stderr), (Some(0), ""));
    insta::assert_snapshot!("drills", listed.stdout);
    for args in [
        &["demo", "--drill", "fire"][..],
        &["demo", "--once"],
        // It has nobody who tells it what to do.
        &["drill-refresh"],
    ] {
        let ended = run(folder.path(), args, &[]);
        assert_ne!(ended.code, Some(0), "{args:?}");
        assert_ne!(ended.stderr, "", "{args:?}");
    }
}

#[tokio::test]
async fn a_drill_that_is_cut_short_does_not_end_well() {
    let code = beside(|| {
        let folder = tempfile::tempdir().unwrap();
        let args = ["demo", "--port", "0", "--drill", "grant-revoked", "--once"];
        let mut demo = Running::start(tformance(folder.path(), &args, &[]));
        demo.says("Drill: ");
        demo.signal("INT");
        demo.wait().code
    });
    assert_eq!(code.await, Some(1));
}

/// A demo's own pages.
struct Desk {
    inbox: String,
    client: Client,
}

impl Desk {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let url = format!("{}{path}", self.inbox);
        said(self.client.get(url).send().await.unwrap()).await
    }

    async fn post(&self, path: &str, site: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let url = format!("{}{path}", self.inbox);
        let request = self.client.post(url).header("sec-fetch-site", site);
        said(request.form(fields).send().await.unwrap()).await
    }
}

async fn said(response: Response) -> (StatusCode, String) {
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_demos_own_pages_are_for_whoever_runs_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Running::start(tformance(folder.path(), &["demo", "--port", "0"], &[]));
    let (demo, inbox) = beside(move || {
        let inbox = demo.says("  inbox       ");
        (demo, inbox)
    })
    .await;
    let policy = Policy::none();
    let client = Client::builder().redirect(policy).no_proxy().build();
    let desk = Desk {
        inbox,
        client: client.unwrap(),
    };
    let (status, page) = desk.get("/").await;
    assert_eq!(status, 200);
    assert!(page.contains("None yet."), "{page}");
    for path in ["/mails/1", "/mails/1/html", "/webhooks/1"] {
        assert_eq!(desk.get(path).await.0, 404, "{path}");
    }

    // Somebody else's webhook is shown as what it is; it is text, whatever it holds.
    let forged = desk.client.post(format!("{}/webhook", desk.inbox));
    let forged = forged.body(r#"{"type":"<script>alert(1)</script>"}"#);
    assert_eq!(forged.send().await.unwrap().status(), 204);
    let (_, page) = desk.get("/").await;
    assert!(
        page.contains("not signed") && !page.contains("<script"),
        "{page}"
    );
    let (_, page) = desk.get("/webhooks/1").await;
    assert!(
        page.contains("not signed") && !page.contains("<script"),
        "{page}"
    );

    // Pages of other sites get nothing done, and no other name of this machine is known.
    let grant = [("drill", "grant-revoked")];
    for site in ["cross-site", "same-site"] {
        for path in ["/drills", "/drills/end", "/webhook"] {
            assert_eq!(desk.post(path, site, &grant).await.0, 403, "{path}");
        }
    }
    let other_name = desk.client.get(&desk.inbox).header("host", "evil.example");
    assert_eq!(other_name.send().await.unwrap().status(), 403);

    let (status, page) = desk
        .post("/drills", "same-origin", &[("drill", "fire")])
        .await;
    assert_eq!(status, 422);
    assert!(page.contains("There is no such drill."));
    assert_eq!(desk.post("/drills/end", "same-origin", &[]).await.0, 409);
    assert_eq!(desk.post("/drills", "same-origin", &grant).await.0, 303);
    let (status, page) = desk.post("/drills", "same-origin", &grant).await;
    assert_eq!(status, 409, "one at a time");
    assert!(page.contains("a drill is under way"));
    demo.signal("INT");
    let ended = beside(move || demo.wait()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
