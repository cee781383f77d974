//! `tformance demo --data DIR`, the real binary: what was connected works after a restart.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use reqwest::{Client, Response, header, redirect::Policy};
use serde_json::{Value, json};
use url::Url;

/// A running demo.
struct Demo {
    child: Child,
    base: Url,
    control: Url,
    /// The commands with the key of a service: a call through the proxy, and one for a token.
    curls: Vec<Vec<String>>,
    http: Client,
}

impl Demo {
    /// Starts one that keeps its things in `folder`.
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tformance"))
            .args(["demo", "--port", "0", "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let printed: Vec<_> = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap)
            .take_while(|it| !it.starts_with("Ctrl-C"))
            .collect();
        let control = printed
            .iter()
            .find_map(|it| it.trim().strip_prefix("control "));
        let curls = printed.iter().filter(|it| it.trim().starts_with("curl "));
        let curls = curls.map(|it| it.trim().split('\'').map(str::to_owned).collect());
        let policy = Policy::none();
        Self {
            base: printed[0].parse().unwrap(),
            curls: curls.collect(),
            control: control.unwrap().trim().parse().unwrap(),
            http: Client::builder()
                .redirect(policy)
                .no_proxy()
                .build()
                .unwrap(),
            child,
        }
    }

    /// Ends it as Ctrl-C does.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.child.wait().unwrap().success());
    }

    async fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Response {
        let request = self
            .http
            .post(self.base.join(path).unwrap())
            .header(header::ORIGIN, self.base.origin().ascii_serialization())
            .header(header::COOKIE, cookie)
            .form(fields);
        let response = request.send().await.unwrap();
        assert!(
            response.status().is_success() || response.status() == 303,
            "{path}"
        );
        response
    }

    /// Does what a printed command does.
    async fn run_curl(&self, number: usize) -> (u16, Value) {
        let [command, header, url] = self.curls[number].as_slice() else {
            panic!("a command that is not understood: {:?}", self.curls);
        };
        let url = url.trim();
        let request = match command.as_str() {
            "curl -H " => self.http.get(url),
            "curl -X POST -H " => self.http.post(url),
            _ => panic!("a command that is not understood: {command}"),
        };
        let (name, value) = header.split_once(": ").unwrap();
        let answer = request.header(name, value).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn counts(&self) -> Value {
        let url = self.control.join("counts").unwrap();
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Signs the admin in; gives the cookie.
    async fn sign_in(&self) -> String {
        let fields = [("email", "ada@example.com"), ("password", "demo password")];
        cookie_of(&self.post("/login", "", &fields).await)
    }

    /// Connects the team as Sam, who reaches one site.
    async fn connect(&self, cookie: &str) {
        let begun = self
            .post("/a/acme/integrations/jira/connect", cookie, &[])
            .await;
        let login = self.http.get(location(&begun)).send().await.unwrap();
        let login = location(&login);
        let page = self
            .http
            .get(login.clone())
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let before = page.split("\">Sam One").next().unwrap();
        let account = before.rsplit("value=\"").next().unwrap().to_owned();
        let context = login.query_pairs().next().unwrap().1.into_owned();
        let form = [("context", context.as_str()), ("account", account.as_str())];
        let signed_in = self
            .http
            .post(login.clone())
            .form(&form)
            .send()
            .await
            .unwrap();
        let form = [("context", context.as_str()), ("decision", "accept")];
        let decide = login.join("/oauth2/authorize/server/decide").unwrap();
        let decided = self
            .http
            .post(decide)
            .header(header::COOKIE, cookie_of(&signed_in))
            .form(&form);
        let back = location(&decided.send().await.unwrap());
        let request = self.http.get(back).header(header::COOKIE, cookie);
        assert_eq!(request.send().await.unwrap().status(), 303);
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        let _gone = self.child.kill();
    }
}

fn cookie_of(response: &Response) -> String {
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

fn location(response: &Response) -> Url {
    let to = response.headers()[header::LOCATION].to_str().unwrap();
    response.url().join(to).unwrap()
}

#[tokio::test]
async fn a_connection_that_a_demo_kept_is_refreshed_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    let cookie = demo.sign_in().await;
    demo.connect(&cookie).await;
    assert_eq!(demo.counts().await["exchange"], 1);
    demo.stop();
    let kept = folder.path().join("simulator.json");
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let demo = Demo::start(folder.path());
    let later = json!({ "advance_seconds": 7_200 });
    let clock = demo
        .http
        .post(demo.control.join("clock").unwrap())
        .json(&later);
    assert_eq!(clock.send().await.unwrap().status(), 200);
    let cookie = demo.sign_in().await;
    let before = demo.counts().await;
    demo.post("/a/acme/integrations/jira/test", &cookie, &[])
        .await;
    let counts = demo.counts().await;
    assert_eq!(
        (&counts["refresh"], &counts["refresh_refused"]),
        (&json!(1), &json!(0))
    );
    // The scheduler may be at the same: its refresh looks at the sites, and then asks this too.
    let more = |what: &str| counts[what].as_u64().unwrap() - before[what].as_u64().unwrap();
    let (asked, looks) = (more("myself"), more("resources"));
    assert!(
        (1..=1 + looks).contains(&asked),
        "the new token opens the site: asked {asked} times, looked {looks} times"
    );
    demo.stop();
}

#[tokio::test]
async fn a_demo_prints_commands_that_work_and_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    assert_eq!(demo.curls.len(), 2);
    for number in 0..2 {
        let (status, told) = demo.run_curl(number).await;
        assert_eq!(
            (status, &told["code"]),
            (409, &json!("connection_not_connected"))
        );
    }
    let cookie = demo.sign_in().await;
    demo.connect(&cookie).await;
    let (status, myself) = demo.run_curl(0).await;
    assert_eq!((status, &myself["displayName"]), (200, &json!("Sam One")));
    let (status, token) = demo.run_curl(1).await;
    assert_eq!((status, &token["token_type"]), (200, &json!("Bearer")));
    let header = demo.curls[0][1].clone();
    assert_eq!(demo.curls[1][1], header);
    demo.stop();
    let kept = folder.path().join("service-key");
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let demo = Demo::start(folder.path());
    assert_eq!(demo.curls[0][1], header);
    assert_eq!(demo.run_curl(1).await.0, 200);
    demo.stop();
    // Whoever loses the file has lost the key: there is nothing to print, and all else is as it was.
    std::fs::remove_file(kept).unwrap();
    let demo = Demo::start(folder.path());
    assert!(demo.curls.is_empty());
    demo.sign_in().await;
    demo.stop();
}

#[tokio::test]
async fn a_demo_prints_no_command_that_does_not_work() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    let cookie = demo.sign_in().await;
    let keys = demo.base.join("/a/acme/keys").unwrap();
    let page = demo.http.get(keys).header(header::COOKIE, &cookie).send();
    let page = page.await.unwrap().text().await.unwrap();
    let (before, _) = page.split_once("/revoke\"").unwrap();
    let key_path = before.rsplit_once("href=\"").unwrap().1;
    demo.post(&format!("{key_path}/revoke"), &cookie, &[]).await;
    let (status, told) = demo.run_curl(0).await;
    assert_eq!((status, &told["code"]), (401, &json!("key_revoked")));
    let revoked = demo.curls[0][1].clone();
    demo.stop();
    // A revoked key is made anew.
    let demo = Demo::start(folder.path());
    assert_ne!(demo.curls[0][1], revoked);
    assert_eq!(demo.run_curl(0).await.0, 409, "not connected");
    // Without the team there is none.
    let cookie = demo.sign_in().await;
    let named = [("confirm", "Acme")];
    demo.post("/a/acme/settings/delete", &cookie, &named).await;
    demo.stop();
    let demo = Demo::start(folder.path());
    assert!(demo.curls.is_empty());
    demo.sign_in().await;
    demo.stop();
}

#[test]
fn a_demo_says_which_file_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("simulator.json");
    for text in ["{", "{}"] {
        std::fs::write(&kept, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tformance"));
        let command = command
            .args(["demo", "--port", "0", "--data"])
            .arg(folder.path());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("simulator.json") && said.contains("remove it"),
            "{said}"
        );
    }
}
