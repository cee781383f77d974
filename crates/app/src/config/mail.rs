//! The mail server and the address that mail comes from: both or none.

use service::mail::{MailServer, MailServerError};

use super::{Environment, SettingError, secret};

const URL: &str = "SMTP_URL";
const FROM: &str = "MAIL_FROM";
const URL_EXAMPLE: &str = "smtps://user:password@mail.example.com";
const FROM_EXAMPLE: &str = "tformance@example.com";

/// The mail server, where one is set.
///
/// # Errors
///
/// [`SettingError`] for one without the other, or for what is none. The address is not repeated: it
/// holds a password.
pub(super) fn mail(from: &str, env: &dyn Environment) -> Result<Option<MailServer>, SettingError> {
    let from = from.trim();
    let url = secret(URL, URL_EXAMPLE, env)?;
    let url = match (url, from.is_empty()) {
        (None, true) => return Ok(None),
        (None, false) => {
            let what = "is not set, but MAIL_FROM is; set both or none";
            return Err(SettingError::new(URL, what, URL_EXAMPLE));
        }
        (Some(_), true) => {
            let what = "is not set, but SMTP_URL is; set both or none";
            return Err(SettingError::new(FROM, what, FROM_EXAMPLE));
        }
        (Some(url), false) => url,
    };
    MailServer::parse(&url, from).map(Some).map_err(|err| {
        let what = err.to_string();
        match err {
            MailServerError::From => SettingError::new(FROM, what, FROM_EXAMPLE),
            MailServerError::Url | MailServerError::Clear | MailServerError::NoPassword => {
                SettingError::new(URL, what, URL_EXAMPLE)
            }
        }
    })
}
