//! What a receiver may be, and how long it may ask us to wait.

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn refused(url: &str, rules: WebhookRules) -> Option<WebhookSettingError> {
    WebhookReceiver::parse(url, &SECRET.into(), rules).err()
}

#[test]
fn a_receiver_is_https_or_on_this_machine() {
    use WebhookSettingError::{Plain, Url, User};
    let usual = WebhookRules::default();
    for (url, expected) in [
        ("https://hooks.example.com/a?b=c", None),
        ("http://127.0.0.1:9000/hook", None),
        ("http://localhost:9000", None),
        ("http://[::1]:9000", None),
        ("https://10.0.0.1/hook", None),
        ("http://hooks.example.com", Some(Plain)),
        ("http://10.0.0.1", Some(Plain)),
        ("https://ada:secret@hooks.example.com", Some(User)),
        ("ftp://hooks.example.com", Some(Url)),
        ("hooks.example.com", Some(Url)),
        ("", Some(Url)),
    ] {
        assert_eq!(refused(url, usual), expected, "{url}");
    }
    let plain = WebhookRules {
        allow_plain_http: true,
        ..usual
    };
    assert_eq!(refused("http://hooks.example.com", plain), None);
}

#[test]
fn an_address_inside_is_refused_at_once_where_that_is_forbidden() {
    let strict = WebhookRules {
        allow_plain_http: true,
        forbid_private: true,
    };
    // Other ways to write 127.0.0.1 are read as it.
    for url in [
        "https://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "https://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
    ] {
        assert_eq!(
            refused(url, strict),
            Some(WebhookSettingError::Private),
            "{url}"
        );
    }
    assert_eq!(refused("https://1.1.1.1/", strict), None);
}

#[test]
fn neither_address_nor_secret_is_printed() {
    let url = "https://hooks.example.com/token-in-path";
    let receiver = WebhookReceiver::parse(url, &SECRET.into(), WebhookRules::default()).unwrap();
    let printed = format!("{receiver:?}");
    assert!(printed.contains("hooks.example.com"), "{printed}");
    assert!(
        !printed.contains("token-in-path") && !printed.contains("MfKQ9"),
        "{printed}"
    );
}

#[test]
fn a_receiver_asks_for_patience_in_seconds_or_by_date() {
    let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
    let secs = |text| wait_in(text, now).map(|it| it.as_secs());
    assert_eq!(secs("120"), Some(120));
    assert_eq!(secs("Fri, 27 Nov 2026 12:01:00 GMT"), Some(60));
    assert_eq!(secs("Fri, 27 Nov 2026 11:00:00 GMT"), Some(0));
    for text in ["-5", "soon", "", "99999999999999999999"] {
        assert_eq!(secs(text), None, "{text}");
    }
}
