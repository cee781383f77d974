//! What is a path below a site, and what pretends to be.

use proptest::prelude::*;
use url::Url;

use super::*;

const BASE: &str = "https://api.atlassian.com/ex/jira/1324a887-45db-1bf4-1e99-ef0ff456d421/";

#[test]
fn addresses_of_jira_are_taken_as_they_are() {
    for path in [
        "rest/api/3/myself",
        "rest/api/3/issue/ACME-1/comment/10000",
        "rest/api/3/issue/ACME-1/attachments/",
        "rest/api/latest/field/customfield_10020/context",
        "rest/agile/1.0/board/7/sprint",
        "rest/api/3/user/properties/a.b-c~d",
        "rest/api/3/group/members,all/x@y:z=1&2",
        "rest/api/3/project/%C3%84PFEL",
        "rest/api/3/issue/ACME-1/properties/a%20b%3Ac",
        "rest/api/3/issue/ACME-1/properties/...x",
        "rest/api/3/issue/ACME-1/properties/..%20x",
        "secure/attachment/10000/it's%20(new)!.png",
    ] {
        assert_eq!(JiraPath::parse(path).map(JiraPath::as_str), Ok(path));
        let url = Url::parse(&format!("{BASE}{path}")).unwrap();
        assert_eq!(url.as_str(), format!("{BASE}{path}"));
    }
}

#[test]
fn what_could_mean_another_place_is_refused_by_its_kind() {
    use PathError as E;
    for (path, why) in [
        ("", E::Empty),
        ("/", E::EmptyPart),
        ("//", E::EmptyPart),
        ("/rest/api/3/myself", E::EmptyPart),
        ("rest//api", E::EmptyPart),
        ("rest/api//", E::EmptyPart),
        ("//evil.example/rest", E::EmptyPart),
        ("https://evil.example/", E::EmptyPart),
        ("..", E::Dots),
        (".", E::Dots),
        ("../../oauth/token/accessible-resources", E::Dots),
        ("rest/../../other/rest", E::Dots),
        ("rest/./api", E::Dots),
        ("rest/...", E::Dots),
        ("rest/..", E::Dots),
        ("..%20", E::Dots),
        ("rest/%20..%09/x", E::Dots),
        ("rest/%20..%20/x", E::Dots),
        ("rest/.%20./x", E::Dots),
        ("rest/..%c2%a0/x", E::Dots),
        ("rest/%20", E::Dots),
        ("rest/%2e%2e/x", E::EncodedSeparator),
        ("rest/.%2E/x", E::EncodedSeparator),
        ("rest/%2e./x", E::EncodedSeparator),
        ("rest/a%2fb", E::EncodedSeparator),
        ("rest/..%2f..%2fx", E::EncodedSeparator),
        ("rest/%252e%252e/x", E::EncodedSeparator),
        ("rest/%25252fx", E::EncodedSeparator),
        ("rest/a%3fb", E::EncodedSeparator),
        ("rest/a%23b", E::EncodedSeparator),
        ("rest/a%5cb", E::Backslash),
        ("rest\\..\\x", E::Backslash),
        ("\\\\evil.example\\x", E::Backslash),
        ("rest/..;/x", E::Semicolon),
        ("rest/a;b=c", E::Semicolon),
        ("rest/..%3bx", E::Semicolon),
        ("rest/a b", E::NotEncoded),
        ("rest/a\tb", E::NotEncoded),
        ("rest/a\r\nHost: evil.example", E::NotEncoded),
        ("rest/\u{e4}", E::NotEncoded),
        ("rest/a?b", E::NotEncoded),
        ("rest/a#b", E::NotEncoded),
        ("rest/<x>", E::NotEncoded),
        ("rest/{x}", E::NotEncoded),
        ("rest/a%", E::BadEncoding),
        ("rest/a%2", E::BadEncoding),
        ("rest/a%zz", E::BadEncoding),
        ("rest/a%u002f", E::BadEncoding),
        ("rest/a%00", E::BadEncoding),
        ("rest/a%0d%0aHost:%20x", E::BadEncoding),
        ("rest/a%7f", E::BadEncoding),
        ("rest/a%c2%85", E::BadEncoding),
        ("rest/%c0%ae%c0%ae/x", E::BadEncoding),
        ("rest/%c0%afx", E::BadEncoding),
        ("rest/%e0%80%afx", E::BadEncoding),
        ("rest/%ff", E::BadEncoding),
        ("rest/%c3x%a4", E::BadEncoding),
        ("rest/%ef%bc%8e%ef%bc%8e/x", E::BadEncoding),
    ] {
        assert_eq!(JiraPath::parse(path).unwrap_err(), why, "{path:?}");
    }
    let long = "x/".repeat(LONGEST);
    assert_eq!(JiraPath::parse(&long).unwrap_err(), E::TooLong);
}

/// Decodes as a careless server does.
fn decoded(path: &str) -> String {
    let mut bytes = path.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut rest = bytes.clone();
        match (byte, hex(rest.next()), hex(rest.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                bytes = rest;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Pieces of which attacks are made, and of good addresses.
fn any_path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "/",
            "//",
            ".",
            "..",
            "../",
            "..;",
            ";",
            "\\",
            "%2e",
            "%2E",
            "%2f",
            "%5c",
            "%252e",
            "%25",
            "%00",
            "%0a",
            "%c0%ae",
            "%ef%bc%8f",
            "%",
            "@",
            "@evil.example",
            ":",
            "http:",
            "https://evil.example",
            "?",
            "#",
            "&",
            " ",
            "\t",
            "\n",
            "rest",
            "/rest/api/3/",
            "issue/",
            "ACME-1",
            "%20",
            "%C3%A4",
            "\u{2025}",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,6}",
        any::<char>().prop_map(|it| it.to_string()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|it| it.concat())
}

proptest! {
    #[test]
    fn whatever_path_is_asked_for_leads_nowhere_else(path in any_path()) {
        let Ok(taken) = JiraPath::parse(&path) else {
            return Ok(());
        };
        prop_assert_eq!(taken.as_str(), &path);
        let (base, asked) = (Url::parse(BASE).unwrap(), format!("{BASE}{path}"));
        let url = Url::parse(&asked).unwrap();
        // Whoever tidies it has nothing to do.
        prop_assert_eq!(url.as_str(), &asked);
        prop_assert_eq!(url.origin(), base.origin());
        prop_assert!(url.query().is_none() && url.fragment().is_none() && url.username().is_empty());
        // And whoever decodes it, once or twice, before tidying, goes to the same site.
        let mut read = path;
        for _ in 0..3 {
            let meant = base.join(&format!("./{read}")).unwrap();
            prop_assert!(meant.as_str().starts_with(BASE), "{} means {}", read, meant);
            let odd = |it: &str| it.contains(['\\', ';', '?', '#', '%']) || it.chars().any(char::is_control);
            let next = decoded(&read);
            prop_assert!(!odd(&next), "{:?}", next);
            prop_assert_eq!(next.matches('/').count(), read.matches('/').count());
            read = next;
        }
    }

    #[test]
    fn whatever_path_is_counted_has_one_of_few_templates(path in any_path()) {
        if let Ok(taken) = JiraPath::parse(&path) {
            let template = taken.template();
            prop_assert!(templates::all().any(|it| it == template.as_str()), "{}", template.as_str());
        }
    }
}
