//! Bodies: large ones in little memory, broken ones seen as broken, and nobody kept waiting for ever.

use super::{
    wire::{Play, RawCaller, header_in, said},
    *,
};
use crate::api::broken_off;

const MEBIBYTE: usize = 1024 * 1024;

/// Forgets how much this process has had in memory; gives what it has now.
fn forget_peak() -> usize {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak()
}

/// The most that this process has had in memory since then.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    let kibibytes: usize = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kibibytes * 1_024
}

fn patient(answer: u64, idle: u64) -> Timeouts {
    Timeouts {
        answer: Duration::from_millis(answer),
        idle: Duration::from_millis(idle),
        ..TIMEOUTS
    }
}

db_tests! {
    async fn two_hundred_megabytes_flow_either_way_in_little_memory(db: TestDb) {
        const PIECES: usize = 3_200;
        let piece = vec![b'x'; 64 * 1024];
        let total = PIECES * piece.len();
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        billing.get("rest/warm").await;
        let before = forget_peak();
        // Down.
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {total}\r\n\r\n").into_bytes();
        gateway.play(Play::Pieces(head, PIECES, piece.clone(), Duration::ZERO));
        let request = billing.head(&format!("GET {PROXY}rest/api/3/attachment/content/10000"), "connection: close\r\n");
        let mut caller = RawCaller::send(address, request.as_bytes()).await;
        let (head, first) = caller.head().await;
        assert_eq!(header_in(&head, "content-length"), Some(&*total.to_string()));
        let (mut read, mut buffer) = (first.len(), vec![0; 64 * 1024]);
        loop {
            match caller.some(&mut buffer).await {
                0 => break,
                some => read += some,
            }
        }
        assert_eq!(read, total);
        // Up, with a length and without one.
        for headers in [format!("content-length: {total}\r\n"), "transfer-encoding: chunked\r\n".to_owned()] {
            let request = billing.head(&format!("POST {PROXY}rest/api/3/issue/SOLO-1/attachments"), &headers);
            let mut caller = RawCaller::send(address, request.as_bytes()).await;
            let is_chunked = headers.starts_with("transfer");
            let (before, after) = if is_chunked { ("10000\r\n", "\r\n") } else { ("", "") };
            let framed = [before.as_bytes(), &piece, after.as_bytes()].concat();
            for _ in 0..PIECES {
                assert!(caller.more(&framed).await);
            }
            if is_chunked {
                caller.more(b"0\r\n\r\n").await;
            }
            let (head, _) = caller.head().await;
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            let arrived = gateway.arrived().pop().unwrap();
            assert!(arrived.is_whole && arrived.length >= total, "{}", arrived.length);
            assert_eq!(arrived.header("content-length").is_some(), !is_chunked);
        }
        let grown = peak().saturating_sub(before);
        assert!(grown < 20 * MEBIBYTE, "it took {} MiB", grown / MEBIBYTE);
    }

    async fn a_slow_caller_holds_the_gateway_back_and_fills_no_memory(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        billing.get("rest/warm").await;
        let before = forget_peak();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1_000 * MEBIBYTE).into_bytes();
        gateway.play(Play::Pieces(head, 1_000, vec![b'x'; MEBIBYTE], Duration::ZERO));
        let request = billing.head(&format!("GET {PROXY}rest/x"), "");
        let mut caller = RawCaller::send(address, request.as_bytes()).await;
        let (head, _) = caller.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "));
        // It reads no more, and then goes: whatever was on the way by then is all that there was.
        gateway.read().await;
        gateway.read().await;
        tokio::time::timeout(Duration::from_millis(700), gateway.left()).await.unwrap_err();
        let grown = peak().saturating_sub(before);
        assert!(grown < 20 * MEBIBYTE, "it took {} MiB", grown / MEBIBYTE);
        drop(caller);
        gateway.left().await;
    }

    async fn an_answer_that_breaks_off_is_seen_to_be_cut(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        let half = "x".repeat(70_000);
        for head in ["content-length: 140000", "transfer-encoding: chunked"] {
            let (before, after) = if head.starts_with("transfer") { ("11170\r\n", "\r\n") } else { ("", "") };
            let text = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{before}{half}{after}");
            gateway.play(Play::SayAndCut(text.into_bytes()));
            let request = billing.head(&format!("GET {PROXY}rest/x"), "");
            let mut caller = RawCaller::send(address, request.as_bytes()).await;
            let (got, mut body) = caller.head().await;
            assert!(got.to_lowercase().contains(head), "{got}");
            // The connection ends, with neither all bytes nor a last chunk.
            body.extend(caller.all().await);
            assert!(body.len() < 140_000 && !body.ends_with(b"0\r\n\r\n"));
        }
        // And a client that reads as clients do has an error.
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        gateway.play(Play::SayAndCut(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11170\r\n{half}\r\n").into_bytes()));
        let answer = client.get(format!("http://{address}{PROXY}rest/x")).bearer_auth(&billing.key).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        answer.bytes().await.unwrap_err();
        let text = billing.app.world.services.metrics.text().unwrap();
        assert!(text.contains("tformance_proxy_broken_answers_total 3"), "{text}");
    }

    async fn half_a_body_is_never_taken_for_a_whole_one(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        // A small one does not even begin to go out.
        let request = billing.head(&format!("POST {PROXY}rest/x"), "content-length: 100\r\n");
        let mut caller = RawCaller::send(address, format!("{request}half").as_bytes()).await;
        caller.finish().await;
        let answer = String::from_utf8(caller.all().await).unwrap();
        assert!(answer.is_empty() || answer.contains("body_incomplete"), "{answer}");
        // Where the caller can still hear it.
        let req = billing.request(Method::POST, "rest/x").body(broken_off("half")).unwrap();
        assert_eq!(billing.app.send(req).await.told(), "400 body_incomplete");
        assert!(gateway.arrived().is_empty());
        // A large one has begun: the gateway sees it end before its end.
        for headers in ["content-length: 1000000\r\n", "transfer-encoding: chunked\r\n"] {
            let request = billing.head(&format!("POST {PROXY}rest/x"), headers);
            let mut caller = RawCaller::send(address, request.as_bytes()).await;
            let piece = "x".repeat(0x20000);
            let framed = if headers.starts_with('t') { format!("20000\r\n{piece}\r\n") } else { piece };
            assert!(caller.more(framed.as_bytes()).await);
            drop(caller);
            gateway.left().await;
            let arrived = gateway.arrived().pop().unwrap();
            assert!(!arrived.is_whole);
        }
        assert_eq!(gateway.arrived().len(), 2);
    }

    async fn a_body_that_stands_still_is_given_up(db: TestDb) {
        let gateway = RawGateway::start().await;
        // The gateway is as patient as we are, and is not the one who is late.
        let billing = Service::at(&gateway, db, patient(300, 300)).await;
        let address = serve(&billing.app.world).await;
        for (length, sent) in [(100, 4), (1_000_000, 100_000)] {
            let request = billing.head(&format!("POST {PROXY}rest/x"), &format!("content-length: {length}\r\n"));
            let mut caller = RawCaller::send(address, format!("{request}{}", "x".repeat(sent)).as_bytes()).await;
            let (head, body) = caller.head().await;
            assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
            assert!(String::from_utf8(body).unwrap().contains("\"code\":\"body_stalled\""));
        }
    }

    async fn an_answer_that_does_not_come_is_given_up_and_not_asked_for_again(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, patient(300, 60_000)).await;
        gateway.play(Play::SayAndHold(Vec::new()));
        is_ours(&billing.get("rest/x").await, "504 upstream_slow");
        gateway.left().await;
        assert_eq!(gateway.arrived().len(), 1);
    }

    async fn an_answer_that_stands_still_is_cut_and_a_slow_one_is_not(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, patient(1_000, 1_000)).await;
        let address = serve(&billing.app.world).await;
        let request = billing.head(&format!("GET {PROXY}rest/x"), "connection: close\r\n");
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n".to_vec();
        // In all it takes longer than any wait.
        gateway.play(Play::Pieces(head.clone(), 15, b"x".to_vec(), Duration::from_millis(100)));
        let answer = RawCaller::send(address, request.as_bytes()).await.all().await;
        assert!(answer.ends_with(&[b'x'; 15]), "{}", String::from_utf8_lossy(&answer));
        gateway.play(Play::SayAndHold([&head[..], b"xxx"].concat()));
        let answer = RawCaller::send(address, request.as_bytes()).await.all().await;
        assert!(answer.ends_with(b"\r\n\r\nxxx"), "{}", String::from_utf8_lossy(&answer));
        gateway.left().await;
    }

    async fn a_caller_who_leaves_ends_the_call(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        let request = billing.head(&format!("GET {PROXY}rest/x"), "");
        // Before there is an answer.
        gateway.play(Play::SayAndHold(Vec::new()));
        let caller = RawCaller::send(address, request.as_bytes()).await;
        gateway.read().await;
        drop(caller);
        gateway.left().await;
        // In the middle of one.
        gateway.play(Play::SayAndHold(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec()));
        let mut caller = RawCaller::send(address, request.as_bytes()).await;
        let (head, _) = caller.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "));
        drop(caller);
        gateway.left().await;
    }

    async fn an_answer_before_the_end_of_the_body_is_passed_on(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        gateway.play(Play::SayEarly(said("413 Too Large", "", "no")));
        let request = billing.head(&format!("POST {PROXY}rest/x"), "content-length: 1000000\r\n");
        let mut caller = RawCaller::send(address, format!("{request}{}", "x".repeat(100_000)).as_bytes()).await;
        let (head, _) = caller.head().await;
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    }
}
