//! Where a call may go: below the team's site, whatever is written.

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};

use super::{wire::RawCaller, *};

/// Sends this as the target of a request; gives the status.
async fn ask(billing: &Service, address: SocketAddr, target: &[u8]) -> (u16, String) {
    let head = billing
        .head("GET \u{0}", "connection: close\r\n")
        .into_bytes();
    let at = head.iter().position(|it| *it == 0).unwrap();
    let request = [&head[..at], target, &head[at + 1..]].concat();
    let answer = RawCaller::send(address, &request).await.all().await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
    (status.unwrap_or_default(), answer)
}

db_tests! {
    async fn what_could_lead_elsewhere_is_refused_and_not_sent(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        for path in [
            "", "/", "//", "..", "../", "../../oauth/token/accessible-resources", "rest/../../../oauth/token",
            "%2e%2e/%2e%2e/oauth", ".%2e/x", "rest/%2E%2E/x", "%252e%252e/x", "rest/a%2fb", "rest/a%2Fb", "rest/a%5cb",
            "rest\\..\\x", "..;/x", "rest;x=1/y", "rest/a%3bb", "//evil.example/x", "https://evil.example/x",
            "rest//api", "rest/a%00", "rest/a%0d%0ahost:%20evil.example", "rest/%c0%ae%c0%ae/x", "rest/%ff", "rest/%",
            "rest/%zz", "rest/./x", "rest/x/..", "rest/%3fx", "rest/%23x", "rest/%25", "%2f%2fevil.example",
            "rest/%ef%bc%8e%ef%bc%8e/x", "rest/..%20/x",
        ] {
            let (status, answer) = ask(&billing, address, format!("{PROXY}{path}").as_bytes()).await;
            assert_eq!(status, 400, "{path}: {answer}");
            assert!(answer.contains("\"code\":\"path_refused\"") && answer.contains("tformance-source: self"), "{path}: {answer}");
        }
        for target in [
            b"/api/v1/integrations/jira/proxy/rest/a b".as_slice(), b"/api/v1/integrations/jira/proxy/rest/\xff",
            b"/api/v1/integrations/jira/proxy/rest/\x01", b"/api/v1/integrations/jira/proxy/rest/a\tb",
            b"/api/v1/integrations/jira/proxy", b"/api/v1/integrations/jira/proxy?x=/rest",
        ] {
            let (status, answer) = ask(&billing, address, target).await;
            assert_eq!(status, 400, "{answer}");
        }
        // Around the proxy there is nothing either.
        for path in ["/api/v1/integrations/jira/proxyrest/x", "/api/v1/integrations/jira/../jira/proxy/rest", "/api/v1/integrations/jira/%70roxy/rest"] {
            assert_eq!(ask(&billing, address, path.as_bytes()).await.0, 404, "{path}");
        }
        assert!(gateway.arrived().is_empty(), "{:?}", gateway.arrived());
    }

    async fn a_host_that_the_caller_names_is_not_asked(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        for path in ["rest/@evil.example/x", "rest/x:y@z", "http:x", "evil.example:80", "rest/a?x=https://evil.example#y"] {
            let target = format!("http://evil.example{PROXY}{path}");
            let (status, answer) = ask(&billing, address, target.as_bytes()).await;
            assert_eq!(status, 200, "{answer}");
            let arrived = gateway.arrived();
            let line = arrived.last().unwrap().line();
            let path = path.split('#').next().unwrap();
            assert_eq!(line, format!("GET /ex/jira/{}/{path} HTTP/1.1", billing.cloud_id));
        }
    }

    // The line that arrives is the line that was written, below the site, or nothing arrives.
    async fn whatever_path_is_asked_for_is_refused_or_below_the_site(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        let below = format!("GET /ex/jira/{}/", billing.cloud_id);
        let mut runner = TestRunner::default();
        let piece = "/|//|\\.|\\.\\.|\\.\\./|;|\\\\|%2e|%2f|%5c|%25|%00|@|:|\\?|#|rest|api|http:|%20|'|\u{e4}|[!-~]";
        let path = format!("({piece}){{0,10}}");
        let cases = runner.config().cases;
        let (mut sent, mut refused) = (0, 0);
        for _ in 0..cases {
            let path = path.as_str().new_tree(&mut runner).unwrap().current();
            let before = gateway.arrived().len();
            let (status, answer) = ask(&billing, address, format!("{PROXY}{path}").as_bytes()).await;
            let arrived = gateway.arrived();
            match &arrived[before..] {
                [] => {
                    assert!([400, 404].contains(&status), "{path}: {answer}");
                    refused += 1;
                }
                [one] => {
                    let target = path.split('#').next().unwrap();
                    assert_eq!(one.line(), format!("{below}{target} HTTP/1.1"));
                    let asked = target.split('?').next().unwrap();
                    let tidied = url::Url::parse(&format!("http://h/ex/jira/c/{asked}")).unwrap();
                    assert_eq!(tidied.path(), format!("/ex/jira/c/{asked}"));
                    sent += 1;
                }
                more => panic!("{more:?}"),
            }
        }
        assert!(cases < 40 || (sent > 0 && refused > 0), "{sent} sent, {refused} refused");
    }
}
