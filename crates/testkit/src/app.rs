//! The whole service over HTTP, without a socket: the router over a [`World`], people with browsers, and
//! one way through which every request goes and every answer is looked at ([`rules`]).

use std::{
    fmt::Write as _,
    ops::Deref,
    sync::{Arc, Mutex},
};

use atlassian_sim::SimState;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use domain::team::Role;
use secrecy::{ExposeSecret as _, SecretString};
use service::sign_in::SignedIn;
use tower::ServiceExt as _;
use url::{Url, form_urlencoded};

use crate::{
    db::TestDb,
    output::{self, Kind},
    world::{SignedInAdmin, World},
};

pub mod rules;

/// Where browsers reach the service.
pub const ORIGIN: &str = "http://127.0.0.1:8000";

/// What the session cookie is called over plain http.
pub const SESSION_COOKIE: &str = "tformance_session";

/// The service. Clones are the same one.
#[derive(Clone, Debug)]
pub struct TestApp {
    /// What is behind it.
    pub world: World,
    router: Router,
    _script: Arc<Script>,
}

/// Dropped with the last clone of its service.
#[derive(Debug)]
struct Script(SimState);

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// A browser: it keeps the session's cookie, and says of its requests what browsers say.
#[derive(Debug)]
pub struct Browser {
    app: TestApp,
    session: Mutex<Option<SecretString>>,
}

/// Nobody yet.
pub type Visitor = Browser;

/// Somebody who is signed in, and their browser.
#[derive(Debug)]
pub struct Person<T> {
    /// Who it is.
    pub who: T,
    browser: Browser,
}

/// Somebody who is in no team of the test's.
pub type Stranger = Person<SignedIn>;

/// A member of a team, by name no admin.
#[derive(Debug)]
pub struct Member(Person<SignedInAdmin>);

/// An admin of a team.
#[derive(Debug)]
pub struct Admin(Person<SignedInAdmin>);

impl<T> Deref for Person<T> {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

impl Deref for Member {
    type Target = Person<SignedInAdmin>;

    fn deref(&self) -> &Person<SignedInAdmin> {
        &self.0
    }
}

impl Deref for Admin {
    type Target = Person<SignedInAdmin>;

    fn deref(&self) -> &Person<SignedInAdmin> {
        &self.0
    }
}

impl TestApp {
    /// The service over a usual world.
    pub async fn new(db: TestDb) -> Self {
        Self::of(World::new(db).await)
    }

    /// The service over this world.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub fn of(world: World) -> Self {
        Self::with(world, web::Settings::new(ORIGIN.parse().unwrap()))
    }

    /// The service over this world, with other settings.
    pub fn with(world: World, settings: web::Settings) -> Self {
        let router = web::router(world.services.clone(), settings);
        let script = Arc::new(Script(world.sim.clone()));
        Self {
            world,
            router,
            _script: script,
        }
    }

    /// A browser without a session.
    pub fn visitor(&self) -> Visitor {
        self.browser(None)
    }

    /// Somebody with an account and no team.
    pub async fn stranger(&self, name: &str) -> Stranger {
        let who = self.world.person(name).await;
        let browser = self.browser(Some(who.token.clone()));
        Person { who, browser }
    }

    /// Somebody with a team of their own.
    pub async fn admin(&self, name: &str, team: &str) -> Admin {
        self.admin_of(self.world.admin(name, team).await)
    }

    /// Another team of the same person, in another tab of the same browser.
    pub async fn another_team(&self, admin: &Admin, name: &str) -> Admin {
        self.admin_of(self.world.another_team(&admin.who, name).await)
    }

    /// One more admin of the team.
    pub async fn another_admin(&self, of: &Admin, name: &str) -> Admin {
        self.admin_of(self.world.join(&of.who, name, Role::Admin).await)
    }

    /// A member of the team.
    pub async fn member(&self, of: &Admin, name: &str) -> Member {
        let who = self.world.join(&of.who, name, Role::Member).await;
        let browser = self.browser(Some(who.token.clone()));
        Member(Person { who, browser })
    }

    /// The same person in another browser.
    pub async fn another_browser(&self, name: &str) -> Browser {
        self.browser(Some(self.world.sign_in_again(name).await.token))
    }

    /// The same admin, in the same browser, whose requests now reach this process.
    pub fn moved_here(&self, admin: &Admin) -> Admin {
        self.admin_of(admin.who.clone())
    }

    fn admin_of(&self, who: SignedInAdmin) -> Admin {
        let browser = self.browser(Some(who.token.clone()));
        Admin(Person { who, browser })
    }

    fn browser(&self, session: Option<SecretString>) -> Browser {
        Browser {
            app: self.clone(),
            session: Mutex::new(session),
        }
    }

    /// Sends a request and checks what must hold for every answer.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub async fn send(&self, req: Request<Body>) -> Answer {
        let (method, path) = (req.method().clone(), req.uri().path().to_owned());
        let (parts, body) = self.router.clone().oneshot(req).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        // What is given on purpose may be read here and nowhere else.
        let (given, rest) = answer.given(&method, &path);
        for secret in &given {
            self.world.add_secret(&secret.as_str().into());
        }
        rest.leave_behind(&method, &path);
        let broken = if method == Method::HEAD {
            rules::broken_head(&path, &rest)
        } else {
            let mut broken = rules::broken(&path, &rest, &self.world.secrets());
            broken.extend(rules::undescribed(&method, &path, &rest));
            broken
        };
        assert!(
            broken.is_empty(),
            "{method} {path} was answered with {}, but: {}",
            answer.status,
            broken.join("; ")
        );
        answer
    }
}

#[expect(clippy::unwrap_used, reason = "test support")]
impl Browser {
    /// Opens a page of ours.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap())
            .await
    }

    /// Comes back from another site: the session's cookie is `SameSite=Lax`, so it is sent.
    pub async fn come_back(&self, path: &str) -> Answer {
        let req = self
            .request(Method::GET, path)
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "navigate");
        self.send(req.body(Body::empty()).unwrap()).await
    }

    /// Sends a form of ours.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let req = self
            .form(path)
            .header(header::ORIGIN, ORIGIN)
            .header("sec-fetch-site", "same-origin");
        self.send(req.body(Body::from(encoded(fields))).unwrap())
            .await
    }

    /// A request with this browser's cookie and nothing else, to be completed.
    pub fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let mut req = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1:8000");
        if let Some(session) = &*self.session.lock().unwrap() {
            let cookie = format!("{SESSION_COOKIE}={}", session.expose_secret());
            req = req.header(header::COOKIE, cookie);
        }
        req
    }

    /// A posted form, without what browsers say of where it comes from.
    pub fn form(&self, path: &str) -> axum::http::request::Builder {
        let kind = "application/x-www-form-urlencoded";
        self.request(Method::POST, path)
            .header(header::CONTENT_TYPE, kind)
    }

    /// Sends a request and keeps the session that the answer gives, or forgets the one that it ends.
    pub async fn send(&self, req: Request<Body>) -> Answer {
        let answer = self.app.send(req).await;
        if let Some(session) = answer.session() {
            let session = (!session.expose_secret().is_empty()).then_some(session);
            if let Some(session) = &session {
                self.app.world.add_secret(session);
            }
            *self.session.lock().unwrap() = session;
        }
        answer
    }
}

/// A form's body.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

#[expect(clippy::unwrap_used, reason = "test support")]
impl Admin {
    /// The path of a page of the team.
    pub fn path(&self, rest: &str) -> String {
        format!("/a/{}/{rest}", self.who.team().slug)
    }

    /// Presses *Connect Jira*; gives the address at Atlassian.
    pub async fn begin(&self) -> Url {
        let answer = self
            .post(&self.path("integrations/jira/connect"), &[])
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        answer.location().parse().unwrap()
    }

    /// Begins, consents as `account`, and gives the path that Atlassian sends the browser back to.
    pub async fn consent(&self, account: &str) -> String {
        let query = self.app.world.consent(&self.begin().await, account).await;
        callback(&query)
    }

    /// A whole trip.
    pub async fn connect(&self, account: &str) -> Answer {
        let path = self.consent(account).await;
        self.come_back(&path).await
    }

    /// Chooses a site.
    pub async fn choose(&self, cloud_id: &str) -> Answer {
        let path = self.path("integrations/jira/sites");
        self.post(&path, &[("cloud_id", cloud_id)]).await
    }
}

/// The callback with a query.
pub fn callback(query: &str) -> String {
    format!("{}?{query}", web::CALLBACK_PATH)
}

impl Answer {
    /// Where the browser is sent.
    #[expect(clippy::panic, reason = "test support")]
    pub fn location(&self) -> &str {
        match self.header("location") {
            "" => panic!("not sent anywhere: {}", self.status),
            location => location,
        }
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// The code that an error page, or a problem, tells.
    pub fn code(&self) -> Option<String> {
        if self
            .header("content-type")
            .starts_with("application/problem+json")
        {
            let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
            return Some(body.get("code")?.as_str()?.to_owned());
        }
        self.fact("Code").map(str::to_owned)
    }

    /// Status and code, as `"404 not_found"`; without a code the status alone.
    pub fn told(&self) -> String {
        let status = self.status.as_u16();
        match self.code() {
            Some(code) => format!("{status} {code}"),
            None => status.to_string(),
        }
    }

    /// What stands beside a word of the technical details.
    pub fn fact(&self, name: &str) -> Option<&str> {
        let (_, rest) = self
            .body
            .split_once(&format!("<dt>{name}</dt><dd><code>"))?;
        Some(rest.split_once("</code>")?.0)
    }

    /// What is read in an element, entities and all: the first of its kind.
    pub fn text_of(&self, element: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{element}"))?;
        let (_, rest) = rest.split_once('>')?;
        Some(rest.split_once(&format!("</{element}>"))?.0)
    }

    /// The session that the answer gives; empty where it ends one.
    pub fn session(&self) -> Option<SecretString> {
        let cookies = self.headers.get_all(header::SET_COOKIE).iter();
        let mut texts = cookies.filter_map(|it| it.to_str().ok());
        let start = format!("{SESSION_COOKIE}=");
        let value = texts.find_map(|it| it.strip_prefix(&start))?;
        Some(value.split(';').next().unwrap_or_default().into())
    }

    /// The secrets that an answer may give, and the answer without them: a service's key to whoever makes
    /// it, an access token to whoever has a key.
    fn given(&self, method: &Method, path: &str) -> (Vec<String>, Self) {
        let mut given = Vec::new();
        let is_given = method == Method::POST && self.status == StatusCode::OK;
        if is_given
            && path.starts_with("/a/")
            && (path.ends_with("/keys") || path.ends_with("/rotate"))
        {
            given.extend(keys_in(&self.body));
        }
        if is_given && path.starts_with("/api/v1/integrations/") {
            let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
            given.extend(body["access_token"].as_str().map(str::to_owned));
        }
        let mut rest = self.clone();
        for secret in &given {
            rest.body = rest.body.replace(secret, "…");
        }
        (given, rest)
    }

    /// Adds everything but the session to what the whole run has seen.
    fn leave_behind(&self, method: &Method, path: &str) {
        let mut text = format!("{method} {path} {}\n", self.status);
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            let _never_fails = match name {
                &header::SET_COOKIE if value.starts_with(SESSION_COOKIE) => {
                    writeln!(text, "{name}: {SESSION_COOKIE}=…")
                }
                _ => writeln!(text, "{name}: {value}"),
            };
        }
        text.push_str(&self.body);
        text.push('\n');
        output::add(Kind::Seen, ".bodies", text.as_bytes());
    }
}

/// The keys that a page shows.
pub fn keys_in(page: &str) -> Vec<String> {
    let starts = page.match_indices("tfk_").map(|(at, _)| at);
    let keys = starts.filter_map(|at| page.get(at..at + "tfk_".len() + 43 + 6));
    let mut keys: Vec<_> = keys.map(str::to_owned).collect();
    keys.dedup();
    keys
}

impl Drop for Script {
    /// A fault that never struck is a test that did not test what it says.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.0.pending_faults(), 0, "faults that never struck");
        }
    }
}
