//! The session cookie: what it is called, and what browsers are told of it.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite, time::Duration};
use domain::session::ABSOLUTE_LIFE;
use secrecy::{ExposeSecret as _, SecretString};

use crate::Settings;

/// Over https the prefix makes browsers refuse the cookie from anywhere but this host.
const fn name(is_https: bool) -> &'static str {
    if is_https {
        "__Host-tformance_session"
    } else {
        "tformance_session"
    }
}

/// The token that the browser sent along.
pub(crate) fn token(settings: &Settings, headers: &HeaderMap) -> Option<SecretString> {
    let wanted = name(settings.is_https());
    let sent = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|it| it.to_str().ok());
    let value = sent
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|it| it.name() == wanted)?
        .value()
        .to_owned();
    // Ours have 43 characters; whatever is longer is not looked up.
    (1..=64).contains(&value.len()).then(|| value.into())
}

/// Makes the browser keep `token`.
///
/// # Errors
///
/// Never in practice: tokens consist of URL-safe characters.
pub(crate) fn keep(
    settings: &Settings,
    token: &SecretString,
) -> Result<HeaderValue, header::InvalidHeaderValue> {
    let life = Duration::seconds(ABSOLUTE_LIFE.as_secs());
    header_value(settings, token.expose_secret(), life)
}

/// Makes the browser forget its token.
///
/// # Errors
///
/// Never in practice.
pub(crate) fn forget(settings: &Settings) -> Result<HeaderValue, header::InvalidHeaderValue> {
    header_value(settings, "", Duration::ZERO)
}

/// `SameSite=Lax`, because `Strict` would be withheld when Atlassian sends the browser back.
fn header_value(
    settings: &Settings,
    value: &str,
    life: Duration,
) -> Result<HeaderValue, header::InvalidHeaderValue> {
    let is_https = settings.is_https();
    let cookie = Cookie::build((name(is_https), value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_https)
        .max_age(life);
    let mut value = HeaderValue::from_str(&cookie.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(base_url: &str) -> Settings {
        Settings::new(base_url.parse().unwrap())
    }

    #[test]
    fn the_cookie_is_bound_to_this_host_over_https() {
        let token = "abc".to_owned().into();
        let text = |url| {
            keep(&settings(url), &token)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            text("https://t.example"),
            "__Host-tformance_session=abc; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000"
        );
        assert_eq!(
            text("http://127.0.0.1:8000"),
            "tformance_session=abc; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000"
        );
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let token_of = |cookie: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            token(&settings("http://127.0.0.1"), &headers).map(|it| it.expose_secret().to_owned())
        };
        assert_eq!(
            token_of("a=b; tformance_session=abc; c=d").as_deref(),
            Some("abc")
        );
        assert_eq!(token_of("__Host-tformance_session=abc"), None);
        assert_eq!(token_of("tformance_session="), None);
        assert_eq!(
            token_of(&format!("tformance_session={}", "x".repeat(65))),
            None
        );
        assert_eq!(token_of("%%%; =; tformance_session"), None);
    }
}
