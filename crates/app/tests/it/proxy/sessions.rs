//! Whole sessions, as whoever listens on either side would see them.

use atlassian_sim::Endpoint;
use jiff::SignedDuration;

use super::{
    wire::{RawCaller, Relay},
    *,
};

db_tests! {
    async fn a_captured_session_holds_no_token_on_one_side_and_no_key_on_the_other(db: TestDb) {
        let service = Service::new(db).await;
        let sim_address = service.app.world.sim_addresses().1.socket_addrs(|| None).unwrap();
        let sim_address = *sim_address.iter().find(|it| it.is_ipv4()).unwrap();
        let of_atlassian = Relay::to(sim_address).await;
        let url = format!("http://{}", of_atlassian.address).parse().unwrap();
        let app = TestApp::of(service.app.world.process_at_gateway(&url, TIMEOUTS));
        let billing = Service { app, ..service };
        let of_callers = Relay::to(serve(&billing.app.world).await).await;
        let world = &billing.app.world;
        let ask = async |line: &str, headers: &str, body: &str| {
            let length = body.len();
            let head = billing.head(line, &format!("connection: close\r\ncontent-length: {length}\r\n{headers}"));
            let mut caller = RawCaller::send(of_callers.address, format!("{head}{body}").as_bytes()).await;
            String::from_utf8(caller.all().await).unwrap()
        };
        let mut tokens = vec![world.sim.newest_tokens("Sam One").unwrap()];
        let cookie = format!("cookie: tformance_session=x\r\nx-own-key: {}\r\nreferer: http://x/?key={}\r\n", billing.key, billing.key);
        for (line, headers, body) in [
            (format!("GET {PROXY}rest/api/3/myself"), "", ""),
            (format!("GET {PROXY}rest/api/3/myself"), &*cookie, ""),
            (format!("POST {PROXY}rest/api/3/search/jql"), "content-type: application/json\r\n", "{\"jql\":\"project = SOLO\"}"),
            (format!("GET {PROXY}rest/api/3/issue/NONE-1"), "", ""),
            (format!("GET {PROXY}rest/api/3/project/search"), "tformance-links: proxy\r\n", ""),
            (format!("GET {PROXY}../oauth"), "", ""),
            (format!("TRACE {PROXY}rest/api/3/myself"), "", ""),
        ] {
            let answer = ask(&line, headers, body).await;
            assert!(answer.starts_with("HTTP/1.1 ") && answer.contains("tformance-source"), "{answer}");
        }
        // A token that ends on the way, and the next one.
        let held = world.sim.hold(Endpoint::Myself);
        let line = format!("GET {PROXY}rest/api/3/myself");
        let (answer, ()) = tokio::join!(ask(&line, "", ""), async {
            held.reached().await;
            world.env.advance(SignedDuration::from_mins(61));
            held.release();
        });
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        tokens.push(world.sim.newest_tokens("Sam One").unwrap());
        assert!(tokens[0].access != tokens[1].access);
        for token in &tokens {
            assert!(of_atlassian.saw(&token.access), "else this test looks at nothing");
            assert!(!of_callers.saw(&token.access) && !of_callers.saw(&token.refresh));
            assert!(!of_atlassian.saw(&token.refresh));
        }
        assert!(of_callers.saw(&billing.key), "else this test looks at nothing");
        assert!(!of_atlassian.saw(&billing.key) && !of_atlassian.saw("tfk_") && !of_atlassian.saw("tformance_session"));
    }
}
