//! Input that was checked: a value of these types is fit to keep and to show.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Why a text was refused. The words are fit for the page: they complete "The name …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("is missing")]
    Missing,
    /// Longer than allowed.
    #[error("is too long: at most {max} characters")]
    TooLong {
        /// The most characters that are allowed.
        max: usize,
    },
    /// Shorter than allowed.
    #[error("is too short: at least {min} characters")]
    TooShort {
        /// The fewest characters that are allowed.
        min: usize,
    },
    /// Has characters that cannot be seen or that turn the text around.
    #[error("has invisible control characters")]
    ControlCharacter,
    /// Not of the expected form.
    #[error("is not of the form {example}")]
    Form {
        /// A text of the right form.
        example: &'static str,
    },
}

/// Whether a character has no shape of its own: controls, and what changes the direction of text.
fn is_invisible(it: char) -> bool {
    it.is_control()
        || matches!(it, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The text without characters that have no shape of their own: for what others named, where it goes into
/// a line of ours.
pub fn visible_only(text: &str) -> String {
    text.chars().filter(|it| !is_invisible(*it)).collect()
}

fn visible(text: &str, max: usize) -> Result<String, TextError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextError::Missing);
    }
    if text.chars().any(is_invisible) {
        return Err(TextError::ControlCharacter);
    }
    if text.chars().count() > max {
        return Err(TextError::TooLong { max });
    }
    Ok(text.to_owned())
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

texts! {
    /// A person's name, in any script, 1 to 100 characters.
    PersonName
    /// A team's name, in any script, 1 to 100 characters.
    TeamName
    /// The name of a service that has a key, in any script, 1 to 60 characters.
    ServiceName
    /// The part of an address that names a team: `[a-z0-9-]`, 1 to 50 characters.
    Slug
    /// An electronic mail address, in lower case: two spellings are one account.
    EmailAddress
    /// The id of a Jira Cloud site, as Atlassian gives it.
    CloudId
    /// The id of an Atlassian account, 1 to 128 characters (`atlassian.md` 6.6). Not personal data.
    AccountId
    /// A site's name as Atlassian tells it, made fit to show.
    SiteName
}

impl PersonName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is missing, too long, or has control characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        visible(text, 100).map(Self)
    }
}

impl TeamName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is missing, too long, or has control characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        visible(text, 100).map(Self)
    }
}

impl ServiceName {
    /// The most characters.
    pub const MAX: usize = 60;

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is missing, too long, or has control characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        visible(text, Self::MAX).map(Self)
    }
}

impl SiteName {
    /// Takes what Atlassian says: never refused, because a site's odd name is nobody's mistake.
    /// Control characters are left out, a long name is cut, an empty one becomes the host.
    pub fn from_provider(text: &str, url: &SiteUrl) -> Self {
        let shown: String = text
            .chars()
            .filter(|it| !is_invisible(*it))
            .take(255)
            .collect();
        let shown = shown.trim();
        if shown.is_empty() {
            Self(url.host().to_owned())
        } else {
            Self(shown.to_owned())
        }
    }
}

impl Slug {
    /// The longest slug.
    pub const MAX: usize = 50;

    /// Checks a slug that was sent or kept.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is missing, too long, or has other characters than `[a-z0-9-]`.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Missing);
        }
        if text.len() > Self::MAX {
            return Err(TextError::TooLong { max: Self::MAX });
        }
        if !text
            .bytes()
            .all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        {
            return Err(TextError::Form {
                example: "acme-platform",
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes a slug from a team's name; `n` tells equal ones apart (0 and 1 add nothing).
    ///
    /// A name without a letter that an address can hold becomes `team`.
    pub fn from_name(name: &TeamName, n: u32) -> Self {
        let mut slug = String::new();
        for it in name.as_str().to_lowercase().chars() {
            if it.is_ascii_alphanumeric() {
                slug.push(it);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            if slug.len() >= Self::MAX - 8 {
                break;
            }
        }
        let slug = slug.trim_end_matches('-');
        let slug = if slug.is_empty() { "team" } else { slug };
        if n < 2 {
            Self(slug.to_owned())
        } else {
            Self(format!("{slug}-{n}"))
        }
    }
}

impl EmailAddress {
    /// Checks an address: something before one `@`, something after it. Whether it exists, only a
    /// mail can tell.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is missing, too long, or not of that form.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = visible(text, 254)?.to_lowercase();
        let form = TextError::Form {
            example: "ada@example.com",
        };
        let (local, host) = text.split_once('@').ok_or(form)?;
        let bad = local.is_empty()
            || host.is_empty()
            || host.contains('@')
            || text.contains(|it: char| {
                it.is_whitespace() || matches!(it, '<' | '>' | ',' | ';' | '"')
            });
        if bad { Err(form) } else { Ok(Self(text)) }
    }
}

impl CloudId {
    /// Checks an id: letters, digits and `-`, so that it can stand in a path.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is missing, too long, or of another form.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        plain_id(
            text,
            100,
            |it| it.is_ascii_alphanumeric() || it == '-',
            "1324a887-45db-1bf4-1e99-ef0ff456d421",
        )
        .map(Self)
    }
}

impl AccountId {
    /// Checks an id: letters, digits, `-`, `_` and `:`.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is missing, too long, or of another form.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        plain_id(
            text,
            128,
            |it| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | ':'),
            "712020:5c1a7f0e",
        )
        .map(Self)
    }
}

fn plain_id(
    text: &str,
    max: usize,
    allowed: fn(char) -> bool,
    example: &'static str,
) -> Result<String, TextError> {
    if text.is_empty() {
        return Err(TextError::Missing);
    }
    if text.len() > max {
        return Err(TextError::TooLong { max });
    }
    if !text.chars().all(allowed) {
        return Err(TextError::Form { example });
    }
    Ok(text.to_owned())
}

/// The address of a Jira site, for people: `https`, or `http` on loopback (the simulator).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteUrl(Url);

impl SiteUrl {
    /// Checks an address that Atlassian gave. It becomes a link on a page, so `javascript:` and the
    /// like must not pass.
    ///
    /// # Errors
    ///
    /// [`TextError::Form`] if it is no such address.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let form = TextError::Form {
            example: "https://acme.atlassian.net",
        };
        let url = Url::parse(text).map_err(|_| form)?;
        let plain = matches!(url.scheme(), "https" | "http")
            && url.host_str().is_some()
            && url.username().is_empty()
            && url.password().is_none();
        if plain { Ok(Self(url)) } else { Err(form) }
    }

    /// The host, to tell equal names apart.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The whole address, without a slash at the end.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

/// A password that somebody chose, not yet hashed. 10 characters at least; 200 at most, so that
/// hashing cannot be made to cost.
#[derive(Clone, Debug)]
pub struct NewPassword(SecretString);

impl NewPassword {
    /// The fewest characters.
    pub const MIN: usize = 10;
    /// The most characters.
    pub const MAX: usize = 200;

    /// Checks a password. Nothing is trimmed: white space may be part of it.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is missing, too short or too long.
    pub fn parse(text: SecretString) -> Result<Self, TextError> {
        let count = text.expose_secret().chars().count();
        match count {
            0 => Err(TextError::Missing),
            _ if count < Self::MIN => Err(TextError::TooShort { min: Self::MIN }),
            _ if count > Self::MAX => Err(TextError::TooLong { max: Self::MAX }),
            _ => Ok(Self(text)),
        }
    }

    /// The password, to hash it.
    pub const fn secret(&self) -> &SecretString {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slug(name: &str) -> String {
        Slug::from_name(&TeamName::parse(name).unwrap(), 1).to_string()
    }

    #[test]
    fn a_slug_is_made_from_any_name() {
        assert_eq!(slug("Acme Platform"), "acme-platform");
        assert_eq!(slug("  --Ünï & co--  "), "n-co");
        assert_eq!(slug("日本語"), "team");
        assert_eq!(
            Slug::from_name(&TeamName::parse("日本語").unwrap(), 3).as_str(),
            "team-3"
        );
        assert!(slug(&"x".repeat(100)).len() <= Slug::MAX - 8);
    }

    #[test]
    fn names_refuse_what_cannot_be_seen() {
        assert_eq!(PersonName::parse(" \t "), Err(TextError::Missing));
        assert_eq!(
            PersonName::parse("a\u{202e}b"),
            Err(TextError::ControlCharacter)
        );
        assert_eq!(PersonName::parse("a\0b"), Err(TextError::ControlCharacter));
        assert_eq!(
            TeamName::parse(&"x".repeat(101)),
            Err(TextError::TooLong { max: 100 })
        );
        assert_eq!(PersonName::parse(" Zoë ").unwrap().as_str(), "Zoë");
    }

    #[test]
    fn addresses_are_compared_without_case() {
        assert_eq!(
            EmailAddress::parse("Ada@Example.COM").unwrap().as_str(),
            "ada@example.com"
        );
        for bad in ["ada", "@example.com", "ada@", "a@b@c", "a b@c", "<a@b>"] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_ids_that_can_stand_in_a_path_are_ids() {
        assert!(CloudId::parse("1324a887-45db-1bf4-1e99-ef0ff456d421").is_ok());
        for bad in ["", "../x", "a/b", "a%2fb", "ä", "a b"] {
            assert!(CloudId::parse(bad).is_err(), "{bad}");
        }
        assert!(AccountId::parse("712020:aa-bb").is_ok());
        assert!(AccountId::parse("a\"b").is_err());
    }

    #[test]
    fn a_link_leads_to_the_web_only() {
        assert_eq!(
            SiteUrl::parse("https://acme.atlassian.net").unwrap().host(),
            "acme.atlassian.net"
        );
        for bad in [
            "javascript:alert(1)",
            "acme",
            "https://user:pw@acme.atlassian.net",
            "data:text/html,x",
        ] {
            assert!(SiteUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sites_odd_name_is_shown_tamed() {
        let url = SiteUrl::parse("https://acme.atlassian.net").unwrap();
        assert_eq!(
            SiteName::from_provider("A\u{202e}cme\n", &url).as_str(),
            "Acme"
        );
        assert_eq!(
            SiteName::from_provider(" ", &url).as_str(),
            "acme.atlassian.net"
        );
    }

    #[test]
    fn a_password_has_a_least_and_a_most_length() {
        let parse = |text: String| NewPassword::parse(text.into()).map(drop);
        assert_eq!(parse(String::new()), Err(TextError::Missing));
        assert_eq!(parse("x".repeat(9)), Err(TextError::TooShort { min: 10 }));
        assert_eq!(parse("x".repeat(10)), Ok(()));
        assert_eq!(parse("x".repeat(201)), Err(TextError::TooLong { max: 200 }));
    }

    proptest! {
        #[test]
        fn whatever_people_write_is_a_plain_line_or_refused(text in any::<String>()) {
            for taken in [
                PersonName::parse(&text).ok().map(|it| it.to_string()),
                TeamName::parse(&text).ok().map(|it| it.to_string()),
                EmailAddress::parse(&text).ok().map(|it| it.to_string()),
            ].into_iter().flatten() {
                prop_assert!(!taken.is_empty() && !taken.chars().any(char::is_control), "{taken:?}");
                prop_assert_eq!(taken.trim(), taken.as_str());
            }
        }

        #[test]
        fn whatever_a_team_is_called_its_slug_is_one(text in any::<String>(), n in 1_u32..100_000) {
            if let Ok(name) = TeamName::parse(&text) {
                let slug = Slug::from_name(&name, n);
                prop_assert_eq!(Slug::parse(slug.as_str()), Ok(slug.clone()));
            }
        }

        #[test]
        fn whatever_a_provider_calls_a_site_it_has_a_name_to_show(text in any::<String>()) {
            let url = SiteUrl::parse("https://acme.atlassian.net").unwrap();
            let name = SiteName::from_provider(&text, &url).to_string();
            prop_assert!(!name.trim().is_empty() && !name.chars().any(char::is_control), "{name:?}");
        }
    }
}
