//! Who may do what: every route, asked by everybody.

use axum::{body::Body, http::Method};
use testkit::{
    app::{Admin, Answer, Browser, TestApp, encoded, keys_in},
    db_tests,
};

use crate::routes;

/// The reviewed table: what a route answers to somebody without a session, a person of no team, a member
/// and an admin of the team. `login`: to the sign-in page; `out`: the same, signed out; `away`: to
/// Atlassian. At the end are addresses that are none of ours, and then what the others need is ended.
const TABLE: &str = "
GET /                                                   login  303      303    303
GET /signup                                             200    303      303    303
POST /signup                                            422    422      422    422
GET /login                                              200    303      303    303
POST /login                                             422    422      422    422
GET /teams/new                                          login  200      200    200
POST /teams/new                                         login  422      422    422
GET /account                                            login  200      200    200
POST /account/name                                      login  422      422    422
POST /account/password                                  login  422      422    422
POST /account/delete                                    login  422      422    422
GET /invitations/{token}                                404    404      404    404
POST /invitations/{token}                               login  404      404    404
POST /invitations/{token}/signup                        422    422      422    422
GET /setup/{token}                                      410    410      410    410
POST /setup/{token}                                     422    422      422    422
GET /password/forgotten                                 200    200      200    200
POST /password/forgotten                                422    422      422    422
GET /password/{token}                                   404    404      404    404
POST /password/{token}                                  422    422      422    422
GET /a/{team}/members                                   login  404      200    200
POST /a/{team}/members/invite                           login  404      403    422
POST /a/{team}/members/invitations/{invitation}/revoke  login  404      403    303
POST /a/{team}/members/{user}/role                      login  404      403    422
GET /a/{team}/members/{user}/remove                     login  404      403    404
POST /a/{team}/members/{user}/remove                    login  404      403    404
GET /a/{team}/leave                                     login  404      200    200
GET /a/{team}/keys                                      login  404      200    200
POST /a/{team}/keys                                     login  404      403    422
POST /a/{team}/keys/{id}/rotate                         login  404      403    303
GET /a/{team}/keys/{id}/revoke                          login  404      403    303
POST /a/{team}/keys/{id}/revoke                         login  404      403    303
GET /a/{team}/audit                                     login  404      403    200
GET /a/{team}/audit/usage                               login  404      403    200
GET /a/{team}/audit/changes.csv                         login  404      403    200
GET /a/{team}/audit/changes.jsonl                       login  404      403    200
GET /a/{team}/audit/usage.csv                           login  404      403    200
GET /a/{team}/audit/usage.jsonl                         login  404      403    200
GET /a/{team}/settings                                  login  404      200    200
POST /a/{team}/settings                                 login  404      403    422
POST /a/{team}/settings/delete                          login  404      403    422
GET /a/{team}/                                          login  404      303    303
GET /a/{team}                                           login  404      303    303
GET /a/{team}/integrations                              login  404      303    303
GET /a/{team}/integrations/                             login  404      200    200
GET /a/{team}/integrations/jira/                        login  404      200    200
GET /a/{team}/integrations/jira                         login  404      303    303
GET /a/{team}/integrations/jira/summary                 login  404      200    200
POST /a/{team}/integrations/jira/refresh                login  404      403    303
POST /a/{team}/integrations/jira/connect                login  404      403    away
GET /a/{team}/integrations/jira/sites                   login  404      403    410
POST /a/{team}/integrations/jira/sites                  login  404      403    410
POST /a/{team}/integrations/jira/cancel                 login  404      403    303
GET /a/{team}/integrations/jira/disconnect              login  404      403    303
POST /a/{team}/integrations/jira/disconnect             login  404      403    303
POST /a/{team}/integrations/jira/test                   login  404      403    200
POST /a/{team}/integrations/jira/reconnect              login  404      403    away
GET /a/{team}/integrations/jira/account                 login  404      403    410
POST /a/{team}/integrations/jira/account                login  404      403    422
GET /integrations/jira/callback                         400    400      400    400
GET /api/v1/integrations/jira                           401    401      401    401
POST /api/v1/integrations/jira/token                    401    401      401    401
POST /api/v1/integrations/jira/token/rejected           401    401      401    401
ANY /api/v1/integrations/jira/proxy                     401    401      401    401
ANY /api/v1/integrations/jira/proxy/                    401    401      401    401
ANY /api/v1/integrations/jira/proxy/{*path}             401    401      401    401
GET /api/openapi.json                                   200    200      200    200
GET /api/docs                                           200    200      200    200
GET /api/problems                                       200    200      200    200
GET /api/problems/{code}                                200    200      200    200
ANY /api                                                404    404      404    404
ANY /api/                                               404    404      404    404
ANY /api/{*rest}                                        404    404      404    404
GET /healthz                                            200    200      200    200
GET /readyz                                             200    200      200    200
GET /assets/{name}                                      200    200      200    200
GET /nothing                                            404    404      404    404
POST /nothing                                           404    404      404    404
DELETE /login                                           405    405      405    405
POST /a/{team}/leave                                    login  404      303    409
POST /account/sign-out-everywhere                       login  out      out    out
POST /logout                                            out    out      out    out
";

/// The same for services: what a route answers without a key, to the session of an admin, to a key that was
/// revoked, to a key of another team without a connection, and to a key of a team that has one.
const OF_SERVICES: &str = "
GET /api/v1/integrations/jira                   401  401  401  200  200
POST /api/v1/integrations/jira/token            401  401  401  409  200
POST /api/v1/integrations/jira/token/rejected   401  401  401  422  422
ANY /api/v1/integrations/jira/proxy             401  401  401  400  400
ANY /api/v1/integrations/jira/proxy/            401  401  401  400  400
ANY /api/v1/integrations/jira/proxy/{*path}     401  401  401  405  405
GET /api/openapi.json                           200  200  200  200  200
GET /api/docs                                   200  200  200  200  200
GET /api/problems                               200  200  200  200  200
GET /api/problems/{code}                        200  200  200  200  200
ANY /api                                        404  404  404  404  404
ANY /api/                                       404  404  404  404  404
ANY /api/{*rest}                                404  404  404  404  404
";

fn table() -> impl Iterator<Item = (String, [&'static str; 4])> {
    TABLE.lines().skip(1).map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [method, path, nobody, stranger, member, admin] = words[..] else {
            panic!("a line that is not understood: {line}");
        };
        (
            format!("{method} {path}"),
            [nobody, stranger, member, admin],
        )
    })
}

/// The tables that nobody may change who is refused.
const DATA: [&str; 8] = [
    "api_keys",
    "users",
    "teams",
    "memberships",
    "connect_attempts",
    "integration_credentials",
    "jira_integrations",
    "audit_events",
];

async fn data(app: &TestApp) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in DATA {
        all.push(app.world.db.rows(table).await);
    }
    all
}

async fn ask(browser: &Browser, route: &str, asset: &str) -> Answer {
    let method: Method = route.split(' ').next().unwrap().parse().unwrap();
    let path = routes::path_of(route).replace("/assets/{name}", asset);
    if method == Method::POST {
        return browser.post(&path, &[]).await;
    }
    let req = browser
        .request(method, &path)
        .header("sec-fetch-site", "same-origin");
    browser
        .send(req.body(Body::from(encoded(&[]))).unwrap())
        .await
}

fn in_short(answer: &Answer, auth_url: &str) -> String {
    let location = answer.header("location");
    if location.starts_with("/login?notice=") {
        "out".to_owned()
    } else if location.starts_with("/login") {
        "login".to_owned()
    } else if location.starts_with(auth_url) {
        "away".to_owned()
    } else {
        answer.status.as_u16().to_string()
    }
}

fn table_of_services() -> impl Iterator<Item = (String, Vec<&'static str>)> {
    OF_SERVICES.lines().skip(1).map(|line| {
        let mut words = line.split_whitespace();
        let route: Vec<_> = words.by_ref().take(2).collect();
        (route.join(" "), words.collect())
    })
}

/// Makes a key on the team's page.
async fn key(admin: &Admin, name: &str) -> String {
    let page = admin.post(&admin.path("keys"), &[("name", name)]).await;
    keys_in(&page.body).remove(0)
}

#[test]
fn every_route_of_services_is_in_their_table() {
    let missing: Vec<_> = routes::all()
        .into_iter()
        .filter(|route| route.contains(" /api"))
        .filter(|route| !table_of_services().any(|(it, _)| it == *route))
        .collect();
    assert!(
        missing.is_empty(),
        "nobody has decided what keys may do with {missing:?}"
    );
}

#[test]
fn every_route_is_in_the_table() {
    let missing: Vec<_> = routes::all()
        .into_iter()
        .filter(|route| !table().any(|(it, _)| it == *route))
        .collect();
    assert!(
        missing.is_empty(),
        "nobody has decided who may use {missing:?}"
    );
}

db_tests! {
    async fn every_route_answers_everybody_as_the_table_says(db: TestDb) {
        let app = TestApp::new(db).await;
        let auth_url = app.world.sim_addresses().0.to_string();
        let nobody = app.visitor();
        let zoe = app.stranger("Zoe").await;
        let ada = app.admin("Ada", "Acme").await;
        let max = app.member(&ada, "Max").await;
        let page = nobody.get("/login").await;
        let (_, asset) = page.body.split_once("href=\"/assets/").unwrap();
        let asset = format!("/assets/{}", asset.split('"').next().unwrap());
        let mut wrong = Vec::new();
        for (route, expected) in table() {
            let everybody: [&Browser; 4] = [&nobody, &zoe, &max, &ada];
            for (browser, expected) in everybody.into_iter().zip(expected) {
                let before = data(&app).await;
                let answer = ask(browser, &route, &asset).await;
                let got = in_short(&answer, &auth_url);
                if got != expected {
                    wrong.push(format!("{route}: {got} instead of {expected}"));
                }
                let is_refused = ["login", "401", "403", "404", "405", "422"].contains(&expected);
                if is_refused && data(&app).await != before {
                    wrong.push(format!("{route}: refused with {expected}, and something was changed"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn every_route_of_services_answers_each_key_as_the_table_says(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let eve = app.admin("Eve", "Evil").await;
        let (good, others, revoked) = (key(&ada, "billing").await, key(&eve, "billing").await, key(&ada, "old").await);
        let keys = service::api_keys::list(&app.world.services, &ada.who).await.unwrap();
        let old = keys.iter().find(|it| it.key.name.as_str() == "old").unwrap().key.id;
        let nobody = app.visitor();
        let req = nobody.request(Method::GET, "/api/v1/integrations/jira").header("authorization", format!("Bearer {revoked}"));
        assert_eq!(nobody.send(req.body(Body::empty()).unwrap()).await.status, 200, "it is good until then");
        ada.post(&ada.path(&format!("keys/{old}/revoke")), &[]).await;
        let asking: [(&Browser, Option<&str>); 5] = [
            (&nobody, None), (&ada, None), (&nobody, Some(&revoked)), (&nobody, Some(&others)), (&nobody, Some(&good)),
        ];
        let mut wrong = Vec::new();
        for (route, expected) in table_of_services() {
            let method: Method = route.split(' ').next().unwrap().parse().unwrap();
            for ((browser, key), expected) in asking.into_iter().zip(expected) {
                let before = data(&app).await;
                let mut req = browser.request(method.clone(), &routes::path_of(&route));
                if let Some(key) = key {
                    req = req.header("authorization", format!("Bearer {key}"));
                }
                let got = browser.send(req.body(Body::empty()).unwrap()).await.status.as_u16().to_string();
                if got != expected {
                    wrong.push(format!("{route}: {got} instead of {expected}"));
                }
                if data(&app).await != before {
                    wrong.push(format!("{route}: something was changed"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn a_team_of_others_looks_like_no_team(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let eve = app.admin("Eve", "Evil").await;
        app.member(&ada, "Max").await;
        for rest in ["", "integrations/", "integrations/jira/sites", "integrations/jira/disconnect"] {
            let theirs = eve.get(&format!("/a/acme/{rest}")).await;
            let none = eve.get(&format!("/a/nowhere/{rest}")).await;
            let odd = eve.get(&format!("/a/No%20Where%00/{rest}")).await;
            for answer in [&theirs, &none, &odd] {
                assert_eq!(answer.told(), "404 not_found");
                let reference = answer.header("x-request-id");
                let same = answer.body.replace(reference, "");
                assert_eq!(same, theirs.body.replace(theirs.header("x-request-id"), ""));
            }
            assert!(!theirs.body.contains("Acme") && !theirs.body.contains("Ada"));
        }
        // A forged address in the form of an attack is no page either.
        assert_eq!(eve.get("/a/acme%2F..%2Fevil/integrations/").await.told(), "404 not_found");
    }

    async fn a_member_reads_the_reason_and_whom_to_ask(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let max = app.member(&ada, "Max").await;
        let page = max.get(&ada.path("integrations/")).await;
        assert!(page.body.contains("Only team admins can") && page.body.contains("Ada"));
        let refused = max.post(&ada.path("integrations/jira/connect"), &[]).await;
        assert_eq!(refused.told(), "403 admin_required");
        assert!(refused.body.contains("Only admins of Acme can do this") && refused.body.contains("Admins: Ada."));
    }

    async fn a_session_that_is_over_or_made_up_is_nobody(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let path = ada.path("integrations/");
        for cookie in ["tformance_session=", "tformance_session=x", "tformance_session=%00; a=b", "__Host-tformance_session=x", ";;;", "=\u{7f}"] {
            let Ok(req) = axum::http::Request::builder().uri(&path).header("cookie", cookie).body(Body::empty()) else {
                continue;
            };
            assert!(app.send(req).await.location().starts_with("/login?next="), "{cookie}");
        }
        app.world.env.advance(jiff::SignedDuration::from_hours(24 * 8));
        assert!(ada.get(&path).await.location().starts_with("/login?next="), "idle for more than a week");
    }
}
