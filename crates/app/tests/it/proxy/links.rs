//! Links in answers: left alone, or leading back to us where that is asked for.

use super::{
    wire::{Play, RawCaller, header_in, said},
    *,
};

fn ours() -> String {
    format!("{ORIGIN}{}", PROXY.trim_end_matches('/'))
}

async fn get(billing: &Service, path: &str, links: &str) -> Answer {
    let req = billing
        .request(Method::GET, path)
        .header("tformance-links", links);
    billing.app.send(req.body(Body::empty()).unwrap()).await
}

db_tests! {
    async fn a_client_that_follows_links_stays_with_us_where_it_asks_for_that(db: TestDb) {
        let billing = Service::new(db).await;
        let path = "rest/api/3/project/search?maxResults=1";
        let direct = json_of(&billing.get(path).await);
        let gateway = format!("{}ex/jira/{}", billing.app.world.sim_addresses().1, billing.cloud_id);
        assert!(direct["self"].as_str().unwrap().starts_with(&gateway));
        let answer = get(&billing, path, "proxy").await;
        is_of_jira(&answer, 200);
        assert_eq!(answer.header("tformance-links"), "proxy");
        let expected = direct.to_string().replace(&gateway, &ours());
        assert_eq!(json_of(&answer).to_string(), expected);
        // And what it leads to is there.
        let page = json_of(&answer);
        let next = page["self"].as_str().unwrap().strip_prefix(ORIGIN).unwrap().strip_prefix(PROXY).unwrap().to_owned();
        is_of_jira(&billing.get(&next).await, 200);
        // The site's own address takes no token of ours, and a client would send our key there.
        let me = json_of(&get(&billing, "rest/api/3/myself", "proxy").await);
        assert!(me["self"].as_str().unwrap().starts_with(&format!("{}/rest/api/3/user?accountId=", ours())), "{me}");
        assert!(!me["avatarUrls"]["48x48"].as_str().unwrap().starts_with(ORIGIN), "for people, and for browsers");
    }

    async fn a_wish_that_is_not_understood_is_refused(db: TestDb) {
        let billing = Service::new(db).await;
        for wish in ["", "on", "Proxy", "proxy, proxy"] {
            is_ours(&get(&billing, "rest/api/3/myself", wish).await, "400 links_unknown");
        }
    }

    async fn what_is_changed_says_so_and_what_cannot_be_is_left_alone(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        let link = format!("{}ex/jira/{}/rest/x", gateway.url, billing.cloud_id);
        let text = format!("{{\"self\":\"{link}\"}}");
        let json = "content-type: application/json;charset=UTF-8\r\netag: \"1\"\r\ncontent-md5: x\r\naccept-ranges: bytes\r\n";
        for (status, headers, is_changed) in [
            ("200 OK", json.to_owned(), true),
            ("400 X", json.replace("application/json", "application/problem+json"), true),
            ("200 OK", json.replace("application/json", "text/plain"), false),
            ("200 OK", format!("{json}content-encoding: br\r\n"), false),
            ("206 X", json.to_owned(), false),
        ] {
            gateway.play(Play::Say(said(status, &headers, &text)));
            let request = billing.head(&format!("GET {PROXY}rest/x"), "tformance-links: proxy\r\naccept-encoding: gzip, br\r\nconnection: close\r\n");
            let answer = RawCaller::send(address, request.as_bytes()).await.all().await;
            let answer = String::from_utf8(answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let is_there = |name| header_in(head, name).is_some();
            assert_eq!(body.contains(&format!("\"{}/rest/x\"", ours())), is_changed, "{answer}");
            assert_eq!(body.contains(&link), !is_changed);
            assert_eq!(header_in(head, "tformance-links"), is_changed.then_some("proxy"));
            assert_eq!(header_in(head, "etag"), Some(if is_changed { "W/\"1\"" } else { "\"1\"" }));
            for name in ["content-length", "content-md5", "accept-ranges"] {
                assert_eq!(is_there(name), !is_changed, "{name}: {head}");
            }
            assert_eq!(gateway.arrived().last().unwrap().header("accept-encoding"), Some("identity"));
        }
        // Whoever does not ask gets every byte as it was.
        gateway.play(Play::Say(said("200 OK", json, &text)));
        let answer = billing.get("rest/x").await;
        assert_eq!((&*answer.body, answer.header("etag")), (&*text, "\"1\""));
    }

    async fn a_redirect_within_the_gateway_leads_to_us(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let below = format!("/ex/jira/{}/rest/y?z", billing.cloud_id);
        let origin = gateway.url.as_str().trim_end_matches('/');
        for (location, led) in [
            (format!("{origin}{below}"), format!("{}/rest/y?z", ours())),
            (below.clone(), format!("{}/rest/y?z", ours())),
            ("https://media.example/file?token=x".to_owned(), "https://media.example/file?token=x".to_owned()),
        ] {
            for (wish, expected) in [(true, &led), (false, &location)] {
                gateway.play(Play::Say(said("303 X", &format!("location: {location}\r\n"), "")));
                let answer = if wish { get(&billing, "rest/x", "proxy").await } else { billing.get("rest/x").await };
                is_of_jira(&answer, 303);
                assert_eq!(answer.location(), expected);
            }
        }
    }

    async fn a_large_answer_with_links_flows_too_and_a_cut_one_is_seen_to_be_cut(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        let entry = format!("{{\"self\":\"{}ex/jira/{}/rest/x\"}},", gateway.url, billing.cloud_id);
        let total = entry.len() * 20_000;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let ask = || client.get(format!("http://{address}{PROXY}rest/x")).bearer_auth(&billing.key).header("tformance-links", "proxy").send();
        for promised in [total, total + 1] {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {promised}\r\nconnection: close\r\n\r\n");
            gateway.play(Play::SayAndCut([head.as_bytes(), entry.repeat(20_000).as_bytes()].concat()));
            let text = ask().await.unwrap().text().await;
            if promised == total {
                let text = text.unwrap();
                assert_eq!(text.matches(&ours()).count(), 20_000);
                assert!(!text.contains(gateway.url.as_str()));
            } else {
                text.unwrap_err();
            }
        }
    }
}
