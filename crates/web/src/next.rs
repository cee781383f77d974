//! Where a person goes after signing in: a path of ours, never anywhere else.

use url::Url;

/// A path of this installation, with its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next(String);

impl Next {
    /// The path, if `text` is one of ours: no other host, no scheme, nothing that a browser would
    /// read as one (`//host`, `/\host`, control characters).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let odd = |it: char| it.is_control() || it == '\\' || it.is_whitespace();
        if !text.starts_with('/')
            || text.starts_with("//")
            || text.len() > 2000
            || text.contains(odd)
        {
            return None;
        }
        // Read as a browser reads it, against a host that cannot be meant.
        let base = Url::parse("http://here.invalid/").ok()?;
        let url = base.join(text).ok()?;
        (url.origin() == base.origin() && !url.path().starts_with("//"))
            .then(|| Self(text.to_owned()))
    }

    /// The path.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_of_ours_are_followed() {
        for good in [
            "/",
            "/a/acme/integrations/",
            "/a/acme/integrations/?notice=connected",
        ] {
            assert!(Next::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "javascript:alert(1)",
            " /",
            "/a b",
            "/.//evil.example",
        ] {
            assert!(Next::parse(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_afterwards_stays_here(text in "\\PC{0,100}|/[/\\\\a-z.:@%0-9]{0,40}") {
            if let Some(next) = Next::parse(&text) {
                let here = Url::parse("https://tformance.example.com/login").unwrap();
                let there = here.join(next.as_str()).unwrap();
                prop_assert_eq!(there.origin(), here.origin());
            }
        }
    }
}
