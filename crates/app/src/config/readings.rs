//! Every setting read for itself, so that all that is wrong can be told at once.

use service::{mail::MailServer, webhook::WebhookReceiver};
use url::Url;
use vault::KeyRing;

use super::{
    Client, Environment, ServeArgs, SettingError, base_url, client::client, database_url, flag,
    key_ring, listen, mail::mail, metrics_listen, origin, retention::retention, seconds,
    trusted_proxies,
};

/// The settings of `serve`, each good or not.
pub(crate) struct Readings {
    pub(crate) base_url: Result<Url, SettingError>,
    pub(crate) listen: Result<std::net::SocketAddr, SettingError>,
    pub(crate) client: Result<Option<Client>, SettingError>,
    pub(crate) auth_url: Result<Url, SettingError>,
    pub(crate) api_url: Result<Url, SettingError>,
    pub(crate) mail: Result<Option<MailServer>, SettingError>,
    pub(crate) receiver: Result<Option<WebhookReceiver>, SettingError>,
    pub(crate) database_url: Result<secrecy::SecretString, SettingError>,
    pub(crate) key_ring: Result<KeyRing, SettingError>,
    others: Vec<SettingError>,
}

impl Readings {
    /// Reads all of them.
    pub(crate) fn read(args: &ServeArgs, env: &dyn Environment) -> Self {
        let plain_http = flag("ALLOW_PLAIN_HTTP", &args.allow_plain_http);
        // Whether plain http is allowed is told by that setting alone.
        let allow_plain_http = plain_http.as_ref().is_ok_and(|it| *it);
        let base_url = base_url(&args.base_url, allow_plain_http);
        let others = [
            plain_http.err(),
            trusted_proxies(&args.trusted_proxies).err(),
            metrics_listen(&args.metrics_listen).err(),
            flag("ALLOW_SIGNUP", &args.allow_signup).err(),
            args.consent.lifetime_days().err(),
            args.limits.requests_per_second().err(),
            args.notices.operator_email().err(),
            retention(&args.retention).err(),
            seconds("SHUTDOWN_SECONDS", &args.shutdown_seconds).err(),
        ];
        Self {
            base_url,
            listen: listen(&args.listen),
            client: client(&args.jira_client_id, env),
            auth_url: origin(
                "JIRA_AUTH_URL",
                &args.jira_auth_url,
                "https://auth.atlassian.com",
            ),
            api_url: origin(
                "JIRA_API_URL",
                &args.jira_api_url,
                "https://api.atlassian.com",
            ),
            mail: mail(&args.mail_from, env),
            receiver: args.notices.receiver(allow_plain_http, env),
            database_url: database_url(&args.store, env),
            key_ring: key_ring(env),
            others: others.into_iter().flatten().collect(),
        }
    }

    /// What is wrong, all of it.
    pub(crate) fn mistakes(&self) -> Vec<&SettingError> {
        let read = [
            self.base_url.as_ref().err(),
            self.listen.as_ref().err(),
            self.client.as_ref().err(),
            self.auth_url.as_ref().err(),
            self.api_url.as_ref().err(),
            self.mail.as_ref().err(),
            self.receiver.as_ref().err(),
            self.database_url.as_ref().err(),
            self.key_ring.as_ref().err(),
        ];
        read.into_iter().flatten().chain(&self.others).collect()
    }
}
