//! What comes back: Jira's answer as it is, without what belongs to a connection or speaks for a host.

use super::{
    wire::{Play, RawCaller, header_in, said},
    *,
};

db_tests! {
    async fn an_answer_comes_as_it_is_but_for_what_is_of_the_connection_or_the_host(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        let headers = "content-type: text/html\r\nretry-after: 17\r\nx-ratelimit-limit: 350\r\nx-ratelimit-remaining: 0\r\n\
            x-ratelimit-reset: 2026-01-01T01:01Z\r\nratelimit-reason: jira-burst-based\r\nbeta-ratelimit-policy: \"q\";q=1;w=1\r\n\
            ratelimit: \"global-app-quota\";r=11000;t=600\r\nratelimit: \"tenant-app-quota\";t=6\r\natl-traceid: abc\r\n\
            x-arequestid: def\r\netag: \"1\"\r\nwww-authenticate: OAuth realm=\"x\"\r\nvary: Accept\r\nx-own: 1\r\n\
            set-cookie: atlassian.xsrf.token=x; Path=/\r\nset-cookie: b=c\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\n\
            connection: x-too\r\nx-too: 1\r\nkeep-alive: timeout=5\r\nstrict-transport-security: max-age=1\r\nalt-svc: h3=\":443\"\r\n\
            access-control-allow-origin: *\r\ncontent-security-policy: default-src *\r\nx-frame-options: SAMEORIGIN\r\n\
            x-content-type-options: none\r\ncache-control: public, max-age=600\r\nclear-site-data: \"*\"\r\nx-request-id: theirs\r\n\
            tformance-source: self\r\n";
        gateway.play(Play::Say(said("429 Own Words", headers, "<html>too many</html>")));
        let request = billing.head(&format!("GET {PROXY}rest/x"), "connection: close\r\n");
        let answer = RawCaller::send(address, request.as_bytes()).await.all().await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "<html>too many</html>");
        assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
        let lines: Vec<_> = head.lines().skip(1).collect();
        for same in headers.split("\r\n").take(15).chain(["content-length: 21"]) {
            assert!(lines.contains(&same), "{same} is missing: {head}");
        }
        for (name, value) in [
            ("tformance-source", "upstream"), ("content-security-policy", "sandbox"), ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"), ("x-frame-options", "DENY"),
        ] {
            let values: Vec<_> = lines.iter().filter(|it| it.starts_with(&format!("{name}: "))).collect();
            assert_eq!(values, [&format!("{name}: {value}")]);
        }
        for gone in ["set-cookie", "x-hop", "x-too", "keep-alive", "strict-transport-security", "alt-svc", "access-control-allow-origin", "clear-site-data"] {
            assert_eq!(header_in(head, gone), None, "{gone}");
        }
        assert_eq!(header_in(head, "x-request-id").unwrap().len(), 36);
    }

    async fn a_redirect_is_passed_on_and_not_followed(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        for status in [301, 302, 303, 307, 308] {
            let to = format!("{}elsewhere", gateway.url);
            gateway.play(Play::Say(said(&format!("{status} X"), &format!("location: {to}\r\n"), "")));
            let answer = billing.get("rest/api/3/attachment/content/10000").await;
            is_of_jira(&answer, status);
            assert_eq!(answer.location(), to);
        }
        assert_eq!(gateway.arrived().len(), 5);
    }

    async fn what_is_compressed_stays_so_and_what_is_not_stays_so(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        let text = "x".repeat(5_000);
        gateway.play(Play::Say(said("200 OK", "content-type: application/json\r\n", &text)));
        // What it says is not compressed, whatever it says of itself.
        gateway.play(Play::Say(said("200 OK", "content-type: application/json\r\ncontent-encoding: gzip\r\n", &text)));
        for encoding in [None, Some("gzip")] {
            let request = billing.head(&format!("GET {PROXY}rest/x"), "accept-encoding: gzip\r\nconnection: close\r\n");
            let answer = RawCaller::send(address, request.as_bytes()).await.all().await;
            let answer = String::from_utf8(answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert_eq!((header_in(head, "content-encoding"), header_in(head, "content-length")), (encoding, Some("5000")));
            assert_eq!(body, text);
        }
        assert!(gateway.arrived().iter().all(|it| it.header("accept-encoding") == Some("gzip")));
        // Our own answers are compressed as ever.
        let page = Request::get("/login").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
        let page = tower::ServiceExt::oneshot(web::router(billing.app.world.services.clone(), web::Settings::new(ORIGIN.parse().unwrap())), page);
        assert_eq!(page.await.unwrap().headers()["content-encoding"], "gzip");
    }

    async fn an_answer_without_a_body_has_none_and_keeps_its_length(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        for (method, said, length) in [
            ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 77\r\n\r\n", Some("77")),
            ("HEAD", "HTTP/1.1 200 OK\r\nx-own: 1\r\ntransfer-encoding: chunked\r\n\r\n", None),
            ("GET", "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n", None),
            ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
        ] {
            gateway.play(Play::Say(said.as_bytes().to_vec()));
            let request = billing.head(&format!("{method} {PROXY}rest/x"), "if-none-match: \"1\"\r\nconnection: close\r\n");
            let answer = RawCaller::send(address, request.as_bytes()).await.all().await;
            let answer = String::from_utf8(answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert_eq!(body, "");
            assert_eq!(header_in(head, "content-length"), length, "{said}: {head}");
            assert_eq!(gateway.arrived().last().unwrap().header("if-none-match"), Some("\"1\""));
        }
    }
}
