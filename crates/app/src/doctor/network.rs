//! What lies between: browsers and the server, the server and Atlassian.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use atlassian::{Atlassian, AtlassianSettings, CallError, ExchangeError, Timeouts};
use domain::sending::SendTrouble;
use reqwest::{Client, redirect::Policy};
use secrecy::SecretString;
use service::{mail::MailError, probe};
use url::Url;
use vault::KeyRing;

use super::Finding;
use crate::{
    config::{Readings, is_loopback},
    env::SystemEnv,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the checks.
pub(super) async fn check(readings: &Readings) -> Vec<Finding> {
    let mut findings = vec![redirect_uri(readings), proxy(readings).await];
    findings.extend(atlassian(readings).await);
    findings.push(smtp(readings).await);
    findings.push(webhook(readings).await);
    findings
}

fn redirect_uri(readings: &Readings) -> Finding {
    const CHECK: &str = "redirect_uri";
    match &readings.base_url {
        Ok(url) if url.scheme() == "https" || is_loopback(url) => Finding::good(CHECK),
        Ok(url) => Finding::fault(
            CHECK,
            format!(
                "BASE_URL is {url}, plain http beyond this machine: codes and sessions can be read on the way"
            ),
            "put a proxy that speaks https before the server, and set BASE_URL to its https address",
        ),
        Err(_) => Finding::skipped(CHECK, "BASE_URL is wrong"),
    }
}

/// As what our request arrived.
struct Seen {
    host: String,
    origin: String,
    forwarded_for: String,
    /// Whether it came straight to the address that the server listens on.
    is_direct: bool,
}

enum Asked {
    /// Nothing answers.
    Nobody,
    /// Something answers that did not take our question.
    Stranger(u16),
    Server(Seen),
}

async fn proxy(readings: &Readings) -> Finding {
    const CHECK: &str = "proxy";
    let (Ok(base_url), Ok(listen), Ok(ring)) =
        (&readings.base_url, &readings.listen, &readings.key_ring)
    else {
        return Finding::skipped(CHECK, "BASE_URL, LISTEN or ENCRYPTION_KEYS is wrong");
    };
    let origin = base_url.origin().ascii_serialization();
    match ask(base_url, base_url, *listen, ring).await {
        Asked::Server(seen) => as_sent(base_url, &origin, &seen),
        Asked::Stranger(status) => Finding::fault(
            CHECK,
            format!(
                "BASE_URL answers with status {status}, and not as this server under these keys"
            ),
            "let the proxy pass everything to LISTEN, and run doctor with the settings of `serve`",
        ),
        Asked::Nobody => {
            let direct = Url::parse(&format!("http://{listen}/"));
            let runs = match &direct {
                Ok(direct) => !matches!(ask(direct, base_url, *listen, ring).await, Asked::Nobody),
                Err(_) => false,
            };
            if runs {
                return Finding::fault(
                    CHECK,
                    format!("nothing answers at {origin}, but the server runs at {listen}"),
                    "start the proxy, and see that name, port and certificate of BASE_URL are its own",
                );
            }
            Finding::skipped(CHECK, "`serve` does not run; start it and look again")
        }
    }
}

fn as_sent(base_url: &Url, origin: &str, seen: &Seen) -> Finding {
    const CHECK: &str = "proxy";
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    if seen.host != host {
        return Finding::fault(
            CHECK,
            format!("the proxy rewrites Host: {host} arrived as {}", seen.host),
            "let it pass Host as it came; nginx: proxy_set_header Host $http_host;",
        );
    }
    if seen.origin != origin {
        return Finding::fault(
            CHECK,
            format!(
                "the proxy changes Origin: {origin} arrived as {:?}",
                seen.origin
            ),
            "let it pass Origin as it came",
        );
    }
    let is_behind_one = base_url.scheme() == "https" || !seen.is_direct;
    if is_behind_one && seen.forwarded_for.is_empty() {
        return Finding::fault(
            CHECK,
            "the proxy hides the client: X-Forwarded-For did not arrive",
            "let it add the header; nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        );
    }
    Finding::good(CHECK)
}

/// Asks a server as what our request arrived.
async fn ask(at: &Url, base_url: &Url, listen: SocketAddr, ring: &KeyRing) -> Asked {
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(PATIENCE)
        .build();
    let (Ok(client), Ok(url)) = (client, at.join("healthz")) else {
        return Asked::Nobody;
    };
    let request = client
        .get(url)
        .header(probe::HEADER, probe::ask(ring, &SystemEnv))
        .header("origin", base_url.origin().ascii_serialization());
    let Ok(answer) = request.send().await else {
        return Asked::Nobody;
    };
    let status = answer.status().as_u16();
    let is_direct = answer
        .remote_addr()
        .is_some_and(|it| it.port() == listen.port());
    let text = answer.text().await.unwrap_or_default();
    let line = |name: &str| {
        let found = text.lines().find_map(|it| it.strip_prefix(name));
        found.map(|it| it.trim().to_owned())
    };
    match (line("host:"), line("origin:"), line("x-forwarded-for:")) {
        (Some(host), Some(origin), Some(forwarded_for)) => Asked::Server(Seen {
            host,
            origin,
            forwarded_for,
            is_direct,
        }),
        _ => Asked::Stranger(status),
    }
}

async fn atlassian(readings: &Readings) -> Vec<Finding> {
    let (Ok(base_url), Ok(client), Ok(auth_url), Ok(api_url)) = (
        &readings.base_url,
        &readings.client,
        &readings.auth_url,
        &readings.api_url,
    ) else {
        return vec![Finding::skipped(
            "client",
            "a setting of Atlassian's is wrong",
        )];
    };
    let Some(client) = client else {
        return vec![Finding::skipped("client", "JIRA_CLIENT_ID is not set yet")];
    };
    let mut findings = Vec::new();
    for (n, secret) in (1..).zip(&client.secrets) {
        let settings = AtlassianSettings {
            auth_url: auth_url.clone(),
            api_url: api_url.clone(),
            client_id: client.id.clone(),
            client_secrets: vec![secret.clone()],
            redirect_uri: web::Settings::new(base_url.clone()).redirect_uri(),
            timeouts: Timeouts {
                connect: PATIENCE,
                token: PATIENCE,
                call: PATIENCE,
                ..Timeouts::default()
            },
        };
        match Atlassian::new(settings, Arc::new(SystemEnv)) {
            Ok(asking) => {
                findings.push(client_secret(&asking, auth_url, n).await);
                if n == 1 {
                    findings.push(gateway(&asking, api_url).await);
                }
            }
            Err(err) => findings.push(Finding::skipped("client", err.to_string())),
        }
    }
    findings
}

/// A code that nobody gave is refused as a code only where client id and secret are good.
async fn client_secret(atlassian: &Atlassian, auth_url: &Url, n: u32) -> Finding {
    const CHECK: &str = "client";
    let bogus = SecretString::from("doctor");
    match atlassian.exchange_code(&bogus, &bogus).await {
        Ok(_) | Err(ExchangeError::CodeRefused) => Finding::good(CHECK),
        Err(ExchangeError::ClientMisconfigured) => Finding::fault(
            CHECK,
            format!("Atlassian refuses JIRA_CLIENT_ID with secret {n} of JIRA_CLIENT_SECRET"),
            "copy both anew from the app's settings in Atlassian's developer console",
        ),
        Err(ExchangeError::NoAnswer { .. }) => Finding::fault(
            "provider",
            format!("{auth_url} gives no usable answer"),
            "let this machine reach it (name, firewall, certificates); see Atlassian's status page",
        ),
        Err(ExchangeError::Unexpected { status }) => {
            Finding::skipped(CHECK, format!("{auth_url} answers with status {status}"))
        }
    }
}

/// Connects, and signs in where a user is set; sends nothing.
async fn smtp(readings: &Readings) -> Finding {
    const CHECK: &str = "smtp";
    let server = match &readings.mail {
        Ok(Some(server)) => server.clone().with_patience(PATIENCE),
        Ok(None) => return Finding::skipped(CHECK, "SMTP_URL is not set; no mail is sent"),
        Err(_) => return Finding::skipped(CHECK, "SMTP_URL or MAIL_FROM is wrong"),
    };
    let Err(err) = server.test().await else {
        return Finding::good(CHECK);
    };
    let cure = match err {
        MailError::Refused => "start the mail server, or correct host and port of SMTP_URL",
        MailError::Unreachable | MailError::TimedOut => {
            "correct the host of SMTP_URL, and let this machine reach it (name, firewall, port)"
        }
        MailError::Tls => {
            "use smtps:// for a port that speaks TLS at once (465) and smtp://…?tls=required for STARTTLS \
             (587), with the name that is in the certificate"
        }
        MailError::Credentials => {
            "correct user and password of SMTP_URL; percent-encode : / @ in them"
        }
        MailError::Answer(_) | MailError::Unexpected => {
            "see the mail server's log, and that SMTP_URL names its port for submission"
        }
    };
    Finding::fault(CHECK, err.to_string(), cure)
}

/// Connects, and asks what is no event: sends none.
async fn webhook(readings: &Readings) -> Finding {
    const CHECK: &str = "webhook";
    let receiver = match &readings.receiver {
        Ok(Some(receiver)) => receiver,
        Ok(None) => return Finding::skipped(CHECK, "WEBHOOK_URL is not set; no webhooks are sent"),
        Err(_) => return Finding::skipped(CHECK, "WEBHOOK_URL or WEBHOOK_SECRET is wrong"),
    };
    let Err(trouble) = receiver.test().await else {
        return Finding::good(CHECK);
    };
    let host = receiver.host();
    let (fault, cure) = match trouble {
        SendTrouble::PrivateAddress => (
            "is not of the public internet, which WEBHOOK_FORBID_PRIVATE demands",
            "correct WEBHOOK_URL, or set WEBHOOK_FORBID_PRIVATE=false where the receiver is inside",
        ),
        SendTrouble::Refused => (
            "refuses the connection",
            "start the receiver, or correct host and port of WEBHOOK_URL",
        ),
        SendTrouble::Tls => (
            "does not come to terms about TLS",
            "see that its certificate is of this name and of an authority that this machine trusts",
        ),
        _ => (
            "cannot be reached",
            "correct the host of WEBHOOK_URL, and let this machine reach it (name, firewall, port)",
        ),
    };
    Finding::fault(CHECK, format!("the receiver {host} {fault}"), cure)
}

async fn gateway(atlassian: &Atlassian, api_url: &Url) -> Finding {
    const CHECK: &str = "gateway";
    match atlassian
        .accessible_sites(&SecretString::from("doctor"))
        .await
    {
        Err(CallError::NoAnswer) => Finding::fault(
            CHECK,
            format!("{api_url} gives no usable answer"),
            "let this machine reach it (name, firewall, certificates); see Atlassian's status page",
        ),
        // A refusal is an answer.
        Ok(_) | Err(_) => Finding::good(CHECK),
    }
}
