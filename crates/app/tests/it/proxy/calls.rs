//! What goes out: the call as it was made, with the team's token and without anything of ours.

use domain::usage::{Answer as Came, Call, Method as How};
use serde_json::json;
use service::worker::note_use;
use testkit::logs;

use super::{wire::RawCaller, *};

db_tests! {
    async fn a_call_is_answered_as_jira_answers_it(db: TestDb) {
        let billing = Service::new(db).await;
        let answer = billing.get("rest/api/3/project/search?maxResults=1").await;
        is_of_jira(&answer, 200);
        assert_eq!(answer.header("content-type"), "application/json");
        let page = json_of(&answer);
        assert_eq!(page["maxResults"], 1);
        let direct = format!("{}ex/jira/{}/", billing.app.world.sim_addresses().1, billing.cloud_id);
        assert!(page["self"].as_str().unwrap().starts_with(&direct), "{page}");
        let req = billing.request(Method::POST, "rest/api/3/search/jql").header("content-type", "application/json");
        let body = json!({"jql": "project = SOLO", "fields": ["summary"], "maxResults": 2}).to_string();
        let answer = billing.app.send(req.body(body.into()).unwrap()).await;
        is_of_jira(&answer, 200);
        assert!(json_of(&answer)["issues"].is_array());
        is_of_jira(&billing.get("rest/api/3/search?jql=x").await, 410);
        is_of_jira(&billing.get("rest/api/3/issue/NONE-1").await, 404);
        is_of_jira(&billing.get("rest/nothing/like/it").await, 404);
    }

    async fn a_call_costs_one_statement(db: TestDb) {
        const CALLS: usize = 50;
        let billing = Service::new(db).await;
        billing.get("rest/api/3/myself").await;
        let before = logs::statements();
        for _ in 0..CALLS {
            is_of_jira(&billing.get("rest/api/3/myself").await, 200);
        }
        // A thread of SQLite's may tell of a few a little later.
        assert_eq!((logs::statements() - before + CALLS / 2) / CALLS, 1);
    }

    async fn what_goes_out_is_the_call_with_the_teams_token_and_nothing_else(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        let headers = "accept: application/json\r\naccept-language: de\r\ncontent-type: text/x; a=\"b\"\r\n\
            if-match: \"1\"\r\nx-atlassian-token: no-check\r\nX-ExperimentalApi: opt-in\r\nx-force-accept-language: true\r\n\
            cookie: tformance_session=x\r\nx-forwarded-for: 192.0.2.1\r\nforwarded: for=192.0.2.1\r\nvia: 1.1 x\r\n\
            x-http-method-override: DELETE\r\nx-method-override: DELETE\r\nx-http-method: DELETE\r\n\
            connection: close, range\r\nrange: bytes=0-1\r\nte: trailers\r\nupgrade: h2c\r\nproxy-authorization: Basic eA==\r\n\
            origin: https://evil.example\r\nreferer: https://evil.example\r\nuser-agent: mine\r\nx-own: 1\r\ncontent-length: 4\r\n";
        let path = "rest/api/3/search/jql?jql=summary+~+'x'&&a=%2F..%2f%c3&b=[]|;~";
        let head = billing.head(&format!("PATCH {PROXY}{path}"), headers);
        let mut caller = RawCaller::send(address, format!("{head}body").as_bytes()).await;
        let answer = String::from_utf8(caller.all().await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok"), "{answer}");
        let arrived = gateway.only();
        assert_eq!(arrived.line(), format!("PATCH /ex/jira/{}/{path} HTTP/1.1", billing.cloud_id));
        assert_eq!(arrived.body, b"body");
        assert_eq!(arrived.names(), [
            "accept", "accept-language", "authorization", "content-length", "content-type", "host", "if-match",
            "user-agent", "x-atlassian-token", "x-experimentalapi", "x-force-accept-language",
        ]);
        let token = billing.app.world.sim.newest_tokens("Sam One").unwrap().access;
        assert_eq!(arrived.header("authorization"), Some(&*format!("Bearer {token}")));
        assert_eq!(arrived.header("host"), gateway.url.as_str().strip_prefix("http://").and_then(|it| it.strip_suffix('/')));
        assert_eq!(arrived.header("content-type"), Some("text/x; a=\"b\""));
        assert!(arrived.header("user-agent").unwrap().starts_with("tformance/"));
    }

    async fn each_method_is_passed_on_and_what_is_none_is_not(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        for method in ["GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] {
            let answer = billing.send(method.parse().unwrap(), "rest/x", "").await;
            is_of_jira(&answer, 200);
            let arrived = gateway.arrived().pop().unwrap();
            assert!(arrived.line().starts_with(&format!("{method} ")));
            // Where a body is usual, some servers want to know that there is none (411).
            let is_usual = ["POST", "PUT", "PATCH"].contains(&method);
            assert_eq!(arrived.header("content-length"), is_usual.then_some("0"), "{method}");
        }
        let asked = gateway.arrived().len();
        for method in ["TRACE", "CONNECT", "PROPFIND", "get", "X"] {
            let refused = billing.send(method.parse().unwrap(), "rest/x", "").await;
            is_ours(&refused, "405 method_not_allowed");
            assert_eq!(refused.header("allow"), "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE");
        }
        assert_eq!(gateway.arrived().len(), asked);
    }

    async fn a_large_body_without_a_length_is_passed_on_whatever_the_method(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        let size = 100_000;
        for method in ["GET", "DELETE", "POST"] {
            let head = billing.head(&format!("{method} {PROXY}rest/x"), "transfer-encoding: chunked\r\n");
            let request = format!("{head}{size:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(size));
            let (head, _) = RawCaller::send(address, request.as_bytes()).await.head().await;
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            let arrived = gateway.arrived().pop().unwrap();
            assert_eq!(arrived.header("transfer-encoding"), Some("chunked"), "{method}");
            assert!(arrived.is_whole && arrived.length > size, "{method}: {}", arrived.length);
        }
    }

    async fn calls_share_connections(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        for _ in 0..20 {
            is_of_jira(&billing.get("rest/x").await, 200);
        }
        assert_eq!(gateway.connections(), 1);
    }

    async fn what_goes_through_is_counted_by_where_it_went(db: TestDb) {
        let billing = Service::new(db).await;
        billing.get("rest/api/3/issue/SOLO-1?fields=summary").await;
        billing.get("rest/api/3/issue/SOLO-2").await;
        billing.get("rest/api/3/issue/NONE-1").await;
        billing.get("rest/own/words").await;
        billing.get("rest//x").await;
        billing.app.world.disconnect(&billing.ada.who).await;
        billing.get("rest/api/3/issue/SOLO-1").await;
        note_use::run_once(&billing.app.world.services).await.unwrap();
        let mut tx = billing.app.world.services.store.read().await.unwrap();
        let since = billing.app.world.now() - jiff::SignedDuration::from_mins(5);
        let rows = tx.list_key_usage(billing.ada.who.team().id, since, 100).await.unwrap();
        let mut counted: Vec<_> = rows.iter().map(|it| {
            assert_eq!((it.of.call, it.of.method), (Call::Proxy, How::Get));
            (it.of.path_template.as_str(), it.of.http_status, it.of.answer, it.count)
        }).collect();
        counted.sort_unstable();
        assert_eq!(counted, [
            ("", 400, Came::CallersFault, 1),
            ("/rest/*", 404, Came::Served, 1),
            ("/rest/api/3/issue/{}", 200, Came::Served, 2),
            ("/rest/api/3/issue/{}", 404, Came::Served, 1),
            ("/rest/api/3/issue/{}", 409, Came::NoGrant, 1),
        ]);
        let text = billing.app.world.services.metrics.text().unwrap();
        for line in [
            "tformance_reads_total{call=\"proxy\",answer=\"served\"} 4",
            "tformance_proxy_answers_total{source=\"upstream\",class=\"2xx\"} 2",
            "tformance_proxy_answers_total{source=\"upstream\",class=\"4xx\"} 2",
            "tformance_proxy_answers_total{source=\"self\",class=\"4xx\"} 2",
            "tformance_proxy_answers_total{source=\"self\",class=\"5xx\"} 0",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
