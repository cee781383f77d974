//! That what is sent is what was checked, and how it is sent.

mod http2;

use proptest::prelude::*;

use super::*;

fn gateway(api_url: &str) -> Gateway {
    // Nobody is asked: the address is all that is looked at.
    Gateway::new(&api_url.parse().unwrap(), Timeouts::default()).unwrap()
}

fn site() -> CloudId {
    CloudId::parse("1324a887-45db-1bf4-1e99-ef0ff456d421").unwrap()
}

#[test]
fn path_and_query_are_sent_as_they_were_written() {
    let site = site();
    for (api_url, path, query, sent) in [
        (
            "http://localhost:1/",
            "rest/api/3/search/jql",
            Some("jql=summary ~ 'x'".replace(' ', "+")),
            "http://localhost:1/ex/jira/{}/rest/api/3/search/jql?jql=summary+~+'x'",
        ),
        (
            "http://localhost:1",
            "rest/api/3/user/",
            Some("a=%2F..%2f%c3&&b=[]|;x".to_owned()),
            "http://localhost:1/ex/jira/{}/rest/api/3/user/?a=%2F..%2f%c3&&b=[]|;x",
        ),
        (
            "http://localhost:1/below/",
            "rest/a%20(b)'!",
            Some(String::new()),
            "http://localhost:1/below/ex/jira/{}/rest/a%20(b)'!?",
        ),
        (
            "http://localhost:1",
            "rest",
            None,
            "http://localhost:1/ex/jira/{}/rest",
        ),
    ] {
        let path = JiraPath::parse(path).unwrap();
        let target = gateway(api_url).target(&site, path, query.as_deref());
        let sent = sent.replace("{}", site.as_str());
        assert_eq!(target.unwrap().0.to_string(), sent);
    }
}

proptest! {
    #[test]
    fn whatever_is_asked_is_refused_or_goes_below_the_site(
        path in prop_oneof!["[ -~]{0,30}", "(rest|/|\\.|%2[ef5]|@|:|%|a|;|\\\\){0,12}"],
        query in prop::option::of("[!-~]{0,30}"),
    ) {
        let Ok(taken) = JiraPath::parse(&path) else {
            return Ok(());
        };
        let (gateway, site) = (gateway("http://localhost:1"), site());
        let Ok(target) = gateway.target(&site, taken, query.as_deref()) else {
            return Ok(());
        };
        let prefix = format!("/ex/jira/{site}/");
        let uri = target.0;
        prop_assert_eq!(uri.authority().map(Authority::as_str), Some("localhost:1"));
        prop_assert_eq!(uri.scheme(), Some(&Scheme::HTTP));
        prop_assert_eq!(uri.path(), format!("{prefix}{path}"));
        prop_assert_eq!(uri.query(), query.as_deref());
        let tidied = Url::parse(&uri.to_string()).unwrap();
        prop_assert_eq!(tidied.host_str(), Some("localhost"));
        prop_assert!(tidied.path().starts_with(&prefix));
        prop_assert!(tidied.path_segments().unwrap().all(|it| it != "." && it != ".."));
    }
}
