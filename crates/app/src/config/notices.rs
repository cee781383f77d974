//! Whom to tell besides the admins of teams: the operator by mail, a receiver by webhooks.

use clap::Args;
use domain::text::EmailAddress;
use service::webhook::{WebhookReceiver, WebhookRules, WebhookSettingError};

use super::{Environment, SettingError, flag, secret, shortened};

const OPERATOR: &str = "OPERATOR_EMAIL";
const URL: &str = "WEBHOOK_URL";
const SECRET: &str = "WEBHOOK_SECRET";
const FORBID: &str = "WEBHOOK_FORBID_PRIVATE";
const URL_EXAMPLE: &str = "https://hooks.example.com/tformance";
const SECRET_EXAMPLE: &str = "whsec_BASE64, of 24 to 64 random bytes";

/// The settings as they are given.
#[derive(Debug, Args)]
pub(crate) struct NoticeArgs {
    /// Where mail goes that is about this server, not about a team: wrong client secret, webhooks
    /// switched off. With `SMTP_URL`.
    #[arg(
        long,
        env = "OPERATOR_EMAIL",
        value_name = "ADDRESS",
        default_value = ""
    )]
    operator_email: String,
    /// Where changes of connections are told as signed webhooks; with `WEBHOOK_SECRET`. https, but on
    /// this machine or with `ALLOW_PLAIN_HTTP=true`.
    // Not shown with `--help`: some receivers have a secret in their address.
    #[arg(
        long,
        env = "WEBHOOK_URL",
        hide_env_values = true,
        value_name = "URL",
        default_value = ""
    )]
    webhook_url: String,
    /// Refuses a `WEBHOOK_URL` that leads to this machine, a private network or a cloud's own services,
    /// whatever its name.
    #[arg(
        long,
        env = "WEBHOOK_FORBID_PRIVATE",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        default_value = "false"
    )]
    webhook_forbid_private: String,
}

impl NoticeArgs {
    /// The operator's address, where one is set.
    ///
    /// # Errors
    ///
    /// [`SettingError`] if it is none.
    pub(super) fn operator_email(&self) -> Result<Option<EmailAddress>, SettingError> {
        let text = self.operator_email.trim();
        if text.is_empty() {
            return Ok(None);
        }
        EmailAddress::parse(text).map(Some).map_err(|err| {
            let what = format!("is {:?}: the address {err}", shortened(text));
            SettingError::new(OPERATOR, what, "operator@example.com")
        })
    }

    /// The receiver of webhooks, where one is set.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for an address without a secret, the reverse, or what is none. Neither is
    /// repeated.
    pub(super) fn receiver(
        &self,
        allow_plain_http: bool,
        env: &dyn Environment,
    ) -> Result<Option<WebhookReceiver>, SettingError> {
        let rules = WebhookRules {
            allow_plain_http,
            forbid_private: self.forbids_private()?,
        };
        let secrets = secret(SECRET, SECRET_EXAMPLE, env)?;
        let url = self.webhook_url.trim();
        let secrets = match (url.is_empty(), secrets) {
            (true, None) => return Ok(None),
            (true, Some(_)) => {
                let what = "is not set, but WEBHOOK_SECRET is; set both or none";
                return Err(SettingError::new(URL, what, URL_EXAMPLE));
            }
            (false, None) => {
                let what = "is not set, but WEBHOOK_URL is; set both or none";
                return Err(SettingError::new(SECRET, what, SECRET_EXAMPLE));
            }
            (false, Some(secrets)) => secrets,
        };
        WebhookReceiver::parse(url, &secrets, rules)
            .map(Some)
            .map_err(|err| {
                let what = err.to_string();
                match err {
                    WebhookSettingError::Secret | WebhookSettingError::TooManySecrets => {
                        SettingError::new(SECRET, what, SECRET_EXAMPLE)
                    }
                    WebhookSettingError::Url
                    | WebhookSettingError::User
                    | WebhookSettingError::Plain
                    | WebhookSettingError::Private
                    | WebhookSettingError::Tls => SettingError::new(URL, what, URL_EXAMPLE),
                }
            })
    }

    fn forbids_private(&self) -> Result<bool, SettingError> {
        flag(FORBID, &self.webhook_forbid_private)
    }
}
