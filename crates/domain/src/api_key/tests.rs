//! What a key may do, and until when.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::usage::Method;

pub(super) fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
}

pub(super) fn key(rights: Rights) -> ApiKey {
    ApiKey {
        id: ApiKeyId::from_uuid(Uuid::from_u128(1)),
        team: TeamId::from_uuid(Uuid::from_u128(1)),
        name: ServiceName::parse("billing").unwrap(),
        is_second: false,
        rights,
        pin: None,
        created_by: None,
        created_at: at(0),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

fn proxy(method: Method, path: &str) -> Errand<'_> {
    Errand::Proxy { method, path }
}

fn chosen(may: &[Right], methods: &[Method], paths: &[&str]) -> Rights {
    let paths = paths.iter().map(|it| PathPrefix::parse(it).unwrap());
    let proxy = ProxyRight::new(methods.iter().copied(), paths).unwrap();
    Rights::Chosen(ChosenRights::new(may.iter().copied(), proxy).unwrap())
}

/// Method and path, and what "everything", "read everything" and "read issues" say to it. Whoever is behind
/// the proxy might find another way in the last ones; the proxy itself refuses them too.
const PRESETS: &str = "
GET     /rest/api/3/issue/A-1                 ok  ok      ok
HEAD    /rest/api/2/issue/A-1/comment         ok  ok      ok
GET     /rest/api/latest/project/search       ok  ok      ok
GET     /rest/api/3/search/jql                ok  ok      ok
POST    /rest/api/3/search/jql                ok  ok      ok
POST    /rest/api/3/search/approximate-count  ok  ok      ok
POST    /rest/api/2/changelog/bulkfetch       ok  ok      ok
GET     /rest/agile/1.0/board/1/sprint        ok  ok      ok
GET     /rest/api/3/myself                    ok  ok      ok
GET     /rest/api/3/users/search              ok  ok      path
GET     /rest/api/3/issueLink/1               ok  ok      path
GET     /rest/api/4/issue/A-1                 ok  ok      path
GET     /rest/servicedeskapi/request          ok  ok      path
POST    /rest/agile/1.0/board                 ok  method  method
POST    /rest/api/3/issue                     ok  method  method
POST    /rest/api/3/issue/bulk                ok  method  method
POST    /rest/api/3/search                    ok  method  method
POST    /rest/api/3/users/search              ok  method  path
PUT     /rest/api/3/search/jql                ok  method  method
DELETE  /rest/api/3/issue/A-1                 ok  method  method
OPTIONS /rest/api/3/issue/A-1                 ok  method  method
BREW    /rest/api/3/issue/A-1                 ok  method  method
GET     /rest/api/3/issue/../users            ok  path    path
POST    /rest/api/3/search/jql/../../issue    ok  path    path
GET     /rest/api/3/issue//A-1                ok  path    path
";

#[test]
fn a_preset_allows_what_it_says() {
    let presets = [
        Rights::Everything,
        Rights::ReadEverything,
        Rights::ReadIssues,
    ];
    for line in PRESETS.lines().skip(1) {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let errand = proxy(Method::of(method), path);
        let got = presets.each_ref().map(|it| match it.check(errand) {
            Ok(()) => "ok",
            Err(Forbidden::Method) => "method",
            Err(Forbidden::Path) => "path",
            Err(_) => "more",
        });
        assert_eq!(got, *words.collect::<Vec<_>>(), "{line}");
    }
    let token = Err(Forbidden::Right(Right::Token));
    let got = presets.each_ref().map(|it| it.check(Errand::Token));
    assert_eq!(got, [Ok(()), token, token]);
    let got = presets.map(|it| it.check(Errand::Status));
    assert_eq!(got, [Ok(()), Ok(()), Ok(())]);
}

#[test]
fn what_was_chosen_is_allowed_and_nothing_else() {
    use Method as M;
    let rights = chosen(
        &[Right::Proxy],
        &[M::Get, M::Post],
        &["/rest/api/3/issue", "/rest/agile"],
    );
    let check = |errand| rights.check(errand);
    assert_eq!(check(Errand::Status), Err(Forbidden::Right(Right::Status)));
    assert_eq!(check(Errand::Token), Err(Forbidden::Right(Right::Token)));
    assert_eq!(check(proxy(M::Post, "/rest/api/3/issue")), Ok(()));
    assert_eq!(check(proxy(M::Get, "/rest/agile/1.0/board")), Ok(()));
    assert_eq!(
        check(proxy(M::Put, "/rest/api/3/issue")),
        Err(Forbidden::Method)
    );
    assert_eq!(
        check(proxy(M::Put, "/rest/api/3/project")),
        Err(Forbidden::Path)
    );
    let rights = chosen(&[Right::Status, Right::Token], &[], &[]);
    assert_eq!(rights.check(Errand::Token), Ok(()));
    let refused = rights.check(proxy(M::Get, "/rest/api/3/issue"));
    assert_eq!(refused, Err(Forbidden::Right(Right::Proxy)));
    assert_eq!(check(proxy(M::Head, "/rest/api/3/issue")), Ok(()), "as GET");
    // Nothing named is everything, such as a method that nobody knows.
    let rights = chosen(&[Right::Proxy], &[], &[]);
    assert_eq!(rights.check(proxy(M::Other, "/any/thing")), Ok(()));
    let rights = chosen(&[Right::Proxy], &[M::Get], &[]);
    assert_eq!(rights.check(proxy(M::Get, "/any/thing")), Ok(()));
    assert_eq!(
        rights.check(proxy(M::Other, "/any/thing")),
        Err(Forbidden::Method)
    );
}

#[test]
fn rights_that_allow_nothing_or_cannot_be_kept_are_none() {
    let none = ChosenRights::new([], ProxyRight::default());
    assert_eq!(none, Err(RightsError::Nothing));
    let odd = ProxyRight::new([Method::Get, Method::Other], []);
    assert_eq!(odd, Err(RightsError::Method));
    let prefix = || PathPrefix::parse("/rest").unwrap();
    let paths: Vec<_> = (0..=ProxyRight::MOST_PATHS)
        .map(|n| PathPrefix::parse(&format!("/rest/{n}")).unwrap())
        .collect();
    assert_eq!(ProxyRight::new([], paths), Err(RightsError::TooManyPaths));
    let same = ProxyRight::new([Method::Get, Method::Get], [prefix(), prefix()]).unwrap();
    assert_eq!((same.methods().len(), same.paths().len()), (1, 1));
    // What the proxy may be used for says nothing where it may not be used.
    let without = ChosenRights::new([Right::Token], same).unwrap();
    assert_eq!(without.proxy(), &ProxyRight::default());
}

#[test]
fn rights_are_chosen_by_words() {
    let good = Rights::chosen(["proxy", " status"], ["GET"], ["/rest/api/3/issue/"]);
    let same = chosen(
        &[Right::Status, Right::Proxy],
        &[Method::Get],
        &["/rest/api/3/issue"],
    );
    assert_eq!(good, Ok(same));
    let refused = |may: &[&'static str], methods: &[&'static str], paths: &[&'static str]| {
        let rights = Rights::chosen(may.to_vec(), methods.to_vec(), paths.to_vec());
        rights.unwrap_err().to_string()
    };
    assert_eq!(refused(&[], &["GET"], &["/rest"]), "they allow nothing");
    assert_eq!(
        refused(&["all"], &[], &[]),
        "a right is none of status, token and proxy"
    );
    assert_eq!(refused(&["proxy"], &["get"], &[]), "a method is unknown");
    let of_path = "path 2 is not of the form /rest/api/3/issue";
    assert_eq!(refused(&["proxy"], &[], &["/rest", "rest"]), of_path);
}

#[test]
fn a_pin_is_for_what_reaches_a_site() {
    let [here, there] = ["here", "there"].map(|it| CloudId::parse(it).unwrap());
    let pinned = ApiKey {
        pin: Some(here.clone()),
        ..key(Rights::Everything)
    };
    let call = proxy(Method::Get, "/rest/api/3/myself");
    for errand in [Errand::Token, call] {
        assert_eq!(pinned.may(errand, Some(&here)), Ok(()));
        assert_eq!(pinned.may(errand, None), Ok(()), "told that there is none");
        assert_eq!(pinned.may(errand, Some(&there)), Err(Forbidden::Site));
        assert_eq!(key(Rights::Everything).may(errand, Some(&there)), Ok(()));
    }
    assert_eq!(pinned.may(Errand::Status, Some(&there)), Ok(()));
    let narrow = ApiKey {
        rights: Rights::ReadIssues,
        ..pinned
    };
    let refused = narrow.may(Errand::Token, Some(&there));
    assert_eq!(
        refused,
        Err(Forbidden::Right(Right::Token)),
        "what it may do comes first"
    );
}

#[test]
fn a_key_ends_with_the_moment_that_is_named() {
    let made = key(Rights::Everything);
    assert_eq!(made.end(at(9_999)), End::Never);
    assert_eq!(made.end_of_successor(at(5)), None);
    let end = at(24 * 30);
    let made = ApiKey {
        expires_at: Some(end),
        ..made
    };
    assert_eq!(made.end(at(24 * 16 - 1)), End::Later(end));
    assert_eq!(made.end(at(24 * 16)), End::Soon(end));
    assert!(!made.has_expired(end - SignedDuration::from_millis(1)));
    assert_eq!(made.end(end), End::Past(end));
    assert_eq!(made.end_of_successor(at(24 * 29)), Some(at(24 * 59)));
}

#[test]
fn of_two_keys_the_older_is_replaced() {
    let old = key(Rights::Everything);
    let new = ApiKey {
        id: ApiKeyId::from_uuid(Uuid::from_u128(2)),
        is_second: true,
        ..old.clone()
    };
    assert!(old.is_replaced_by(&new) && !new.is_replaced_by(&old) && !old.is_replaced_by(&old));
    let other = ApiKey {
        name: ServiceName::parse("search").unwrap(),
        ..new
    };
    assert!(!old.is_replaced_by(&other));
}

#[test]
fn a_prefix_is_a_plain_path() {
    for (text, kept) in [
        ("/rest/api/3/issue", "/rest/api/3/issue"),
        (" /rest/api/3/issue/ ", "/rest/api/3/issue"),
        ("/", "/"),
        ("/rest/api/3/issue/A%20B", "/rest/api/3/issue/A%20B"),
        ("/rest/agile/1.0", "/rest/agile/1.0"),
    ] {
        assert_eq!(PathPrefix::parse(text).unwrap().as_str(), kept, "{text}");
    }
    for bad in [
        "",
        " ",
        "rest",
        "https://acme.atlassian.net/rest",
        "//rest",
        "/rest//api",
        "/rest/../x",
        "/rest/./x",
        "/rest/*",
        "/rest?x=1",
        "/rest#x",
        "/a b",
        "/\u{e9}",
        "/rest/%2e%2e/x",
        "/a%2Fb",
        "/a%",
        "/a%zz",
        "/a;b",
        "/a\\b",
        "/%00",
    ] {
        assert!(PathPrefix::parse(bad).is_err(), "{bad:?}");
    }
    assert!(PathPrefix::parse(&format!("/{}", "a".repeat(200))).is_err());
}

/// Whether a key with this prefix alone may read there.
fn has(prefix: &PathPrefix, path: &str) -> bool {
    let rights = chosen(&[Right::Proxy], &[], &[prefix.as_str()]);
    rights.check(proxy(Method::Get, path)).is_ok()
}

#[test]
fn a_path_is_below_a_prefix_by_whole_segments_and_as_it_was_sent() {
    let prefix = PathPrefix::parse("/rest/api/3/issue").unwrap();
    for path in [
        "/rest/api/3/issue",
        "/rest/api/3/issue/",
        "/rest/api/3/issue/A-1/comment",
        "/rest/api/3/issue/a%20b",
    ] {
        assert!(has(&prefix, path), "{path}");
    }
    for path in [
        "",
        "/",
        "/rest/api/3",
        "/rest/api/3/issueLink",
        "/rest/api/3/issue-x",
        "/rest/api/3/ISSUE",
        "/rest/api/3/%69ssue",
        "/rest/api/3/issue%2FA-1",
        "/rest/api/3/issue;x/A-1",
        "/rest/api/3/issue/../users",
        "/rest/api/3/issue/..",
        "/rest/api/3/issue/%2e%2e/users",
        "/rest/api/3/issue/%2E./users",
        "/rest/api/3/issue/..;/users",
        "/rest/api/3/issue/..;x=1/users",
        "/rest/api/3/issue//users",
        "/rest/api/3/issue/..%2fusers",
        "/rest/api/3/issue/..%5cusers",
        "/rest/api/3/issue/..\\users",
        "/rest/api/3/issue/%252e%252e/users",
        "/rest/api/3/issue/..%3b/users",
        "/rest/api/3/issue/%",
        "/rest/api/3/issue/%0a",
        "//rest/api/3/issue",
        "/rest/api/3/issue?x",
        "/rest/api/3/issue/%ef%bc%8fusers",
        "x/rest/api/3/issue",
        "/x/rest/api/3/issue",
    ] {
        assert!(!has(&prefix, path), "{path}");
    }
    let all = PathPrefix::parse("/").unwrap();
    assert!(
        has(&all, "/any/thing")
            && !has(&all, "/")
            && !has(&all, "/any/../thing")
            && !has(&all, "any")
    );
}

#[test]
fn a_life_ends_when_it_says() {
    let now: Timestamp = "2026-11-28T10:00:00Z".parse().unwrap();
    let end = |of: Lasting| of.end(now).map(|it| it.map(|at| at.to_string()));
    assert_eq!(end(Lasting::Forever), Ok(None));
    assert_eq!(
        end(Lasting::Days(30)),
        Ok(Some("2026-12-28T10:00:00Z".to_owned()))
    );
    let day = |text| Lasting::through(text).unwrap();
    // The last day is a whole one.
    assert_eq!(
        end(day("2026-11-28")),
        Ok(Some("2026-11-29T00:00:00Z".to_owned()))
    );
    assert_eq!(
        end(day(" 2027-02-28 ")),
        Ok(Some("2027-03-01T00:00:00Z".to_owned()))
    );
    assert_eq!(end(day("2026-11-27")), Err(LastingError::Past));
    assert_eq!(end(Lasting::Days(0)), Err(LastingError::Past));
    assert_eq!(end(day("9999-12-31")), Err(LastingError::TooFar));
    assert_eq!(end(Lasting::Days(36_501)), Err(LastingError::TooFar));
    for bad in [
        "",
        "tomorrow",
        "2026-02-30",
        "28.11.2026",
        "2026-11-28T10:00:00Z",
        "-2026-11-28",
    ] {
        assert_eq!(Lasting::through(bad), Err(LastingError::Form), "{bad:?}");
    }
}

proptest! {
    /// As whoever decodes and normalizes the path may understand it: what is let through stays below.
    #[test]
    fn whatever_is_below_a_prefix_is_below_it_however_it_is_read(
        prefix in "(/(rest|api|3|issue|[a-z]{1,3})){1,4}",
        path in "(/|rest|api|3|issue|[a-z]|\\.|%2e|%2F|%5c|%25|%69|;|\\\\|//){1,14}",
        is_joined in any::<bool>(),
    ) {
        let path = if is_joined { format!("{prefix}{path}") } else { path };
        let parsed = PathPrefix::parse(&prefix).unwrap();
        if has(&parsed, &path) {
            prop_assert!(path.starts_with(&prefix));
            prop_assert!(is_below(&read_by_another(&path), &prefix), "{path}");
        }
    }

    #[test]
    fn what_is_plainly_below_a_prefix_is_let_through(
        prefix in "(/[A-Za-z0-9._~-]{0,3}[a-z]){1,4}",
        rest in "(/[A-Za-z0-9_~-]{1,6}){0,4}/?",
    ) {
        let prefix = PathPrefix::parse(&prefix).unwrap();
        let path = format!("{}{rest}", prefix.as_str());
        prop_assert!(has(&prefix, &path));
        // One more character of the last segment is another segment.
        let longer = format!("{}x{rest}", prefix.as_str());
        prop_assert!(!has(&prefix, &longer));
    }
}

/// Decodes until nothing changes, takes `\` for `/`, drops parameters of segments, resolves dots.
fn read_by_another(path: &str) -> Vec<String> {
    let mut text = path.to_owned();
    loop {
        let decoded = url::form_urlencoded::parse(
            format!("x={}", text.replace('+', "%2B").replace('&', "%26")).as_bytes(),
        )
        .next()
        .map(|(_, it)| it.into_owned())
        .unwrap_or_default();
        if decoded == text {
            break;
        }
        text = decoded;
    }
    let mut segments: Vec<String> = Vec::new();
    for segment in text.replace('\\', "/").split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name.to_owned()),
        }
    }
    segments
}

fn is_below(segments: &[String], prefix: &str) -> bool {
    let prefix: Vec<_> = prefix.split('/').filter(|it| !it.is_empty()).collect();
    segments.len() >= prefix.len() && segments.iter().zip(prefix).all(|(a, b)| a == b)
}
