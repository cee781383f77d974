//! Wrong settings are one line that names the setting, what is wrong, and an example.

use std::{collections::HashMap, num::NonZeroU16};

use clap::Parser;
use secrecy::ExposeSecret as _;

use super::*;

const KEY: &str = "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

#[derive(Parser)]
struct OnlyServe {
    #[command(flatten)]
    serve: ServeArgs,
}

struct Fake(HashMap<&'static str, String>);

impl Environment for Fake {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().map(|it| (*it).to_owned()).collect()
    }
}

fn read(args: &[&str], vars: &[(&'static str, &str)]) -> Result<Settings, SettingError> {
    let args = std::iter::once("serve").chain(args.iter().copied());
    let args = OnlyServe::try_parse_from(args).unwrap().serve;
    let vars = vars
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    let keys = [("ENCRYPTION_KEYS", KEY.to_owned())];
    Settings::read(&args, &Fake(keys.into_iter().chain(vars).collect()))
}

#[track_caller]
fn refused(args: &[&str], vars: &[(&'static str, &str)], expected: &str) {
    let line = read(args, vars).unwrap_err().to_string();
    assert!(line.starts_with(expected), "{line}");
    assert!(line.contains("; for example "), "{line}");
    assert!(!line.contains('\n'), "{line}");
}

#[test]
fn with_a_key_ring_alone_everything_has_a_default() {
    let settings = read(&[], &[]).unwrap();
    assert_eq!(settings.base_url.as_str(), "http://127.0.0.1:8000/");
    assert_eq!(settings.auth_url.as_str(), "https://auth.atlassian.com/");
    assert_eq!(settings.api_url.as_str(), "https://api.atlassian.com/");
    assert_eq!(
        settings.database_url.expose_secret(),
        "sqlite://tformance.db"
    );
    assert!(settings.client.is_none());
    assert!(settings.mail.is_none());
    assert!(!settings.allow_signup);
    assert_eq!(settings.shutdown, Duration::from_secs(75));
}

#[test]
fn wrong_addresses_are_refused() {
    refused(
        &["--base-url", "tformance.example.com"],
        &[],
        "BASE_URL is \"tformance.example.com\", not a URL",
    );
    refused(
        &["--base-url", "ftp://x.example"],
        &[],
        "BASE_URL must begin with https://",
    );
    refused(
        &["--base-url", "https://x.example/app"],
        &[],
        "BASE_URL must be an origin",
    );
    refused(
        &["--base-url", "https://u:p@x.example"],
        &[],
        "BASE_URL must not hold a user",
    );
    refused(
        &["--base-url", "http://x.example"],
        &[],
        "BASE_URL is plain http beyond this machine",
    );
    refused(
        &["--jira-auth-url", "auth"],
        &[],
        "JIRA_AUTH_URL is \"auth\", not a URL",
    );
    refused(
        &["--jira-api-url", "https://x.example/ex"],
        &[],
        "JIRA_API_URL must be an origin",
    );
    refused(
        &["--listen", "8000"],
        &[],
        "LISTEN is \"8000\", not an address and a port",
    );
    let plain = ["--base-url", "http://x.example", "--allow-plain-http"];
    assert!(read(&plain, &[]).is_ok());
    assert!(read(&["--base-url", "http://localhost:9000"], &[]).is_ok());
}

#[test]
fn wrong_numbers_and_flags_are_refused() {
    refused(
        &["--shutdown-seconds=-1"],
        &[],
        "SHUTDOWN_SECONDS is \"-1\", not a number",
    );
    refused(
        &["--shutdown-seconds", "1h"],
        &[],
        "SHUTDOWN_SECONDS is \"1h\", not a number",
    );
    for wrong in ["-1", "36501", "a year", "1.5", ""] {
        let expected = format!("CONSENT_LIFETIME_DAYS is {wrong:?}, not a number of days");
        refused(
            &[&format!("--consent-lifetime-days={wrong}")],
            &[],
            &expected,
        );
    }
    for wrong in ["0", "-1", "1.5", "1000001", "many"] {
        let expected =
            format!("API_REQUESTS_PER_SECOND is {wrong:?}, not a whole number from 1 to 1000000");
        refused(
            &[&format!("--api-requests-per-second={wrong}")],
            &[],
            &expected,
        );
    }
    let rate = |args: &[&str]| read(args, &[]).unwrap().requests_per_second;
    assert_eq!(rate(&[]), None);
    assert_eq!(rate(&["--api-requests-per-second", " "]), None);
    let fifty = rate(&["--api-requests-per-second", "50"]);
    assert_eq!(fifty.map(NonZeroU32::get), Some(50));
    let days = |args: &[&str]| read(args, &[]).unwrap().consent_lifetime_days;
    assert_eq!(days(&[]), NonZeroU16::new(365));
    assert_eq!(days(&["--consent-lifetime-days", "0"]), None);
    refused(
        &["--allow-signup", "maybe"],
        &[],
        "ALLOW_SIGNUP is \"maybe\", neither true nor false",
    );
    assert!(read(&["--allow-signup"], &[]).unwrap().allow_signup);
}

#[test]
fn wrong_keys_are_refused_without_repeating_them() {
    let short = "k1:c2VjcmV0";
    for (text, expected) in [
        ("", "ENCRYPTION_KEYS is not set"),
        (
            "nokey",
            "ENCRYPTION_KEYS entry 1 is not of the form id:base64key",
        ),
        (
            short,
            "ENCRYPTION_KEYS the key of k1 has 6 bytes instead of 32",
        ),
        ("k1:???", "ENCRYPTION_KEYS the key of k1 is not base64"),
        (
            &format!("{KEY},{KEY}"),
            "ENCRYPTION_KEYS the id k1 stands there twice",
        ),
    ] {
        refused(&[], &[("ENCRYPTION_KEYS", text)], expected);
    }
    let line = read(&[], &[("ENCRYPTION_KEYS", short)])
        .unwrap_err()
        .to_string();
    assert!(!line.contains("c2VjcmV0"), "{line}");
}

#[test]
fn client_id_and_secret_come_together() {
    refused(
        &["--jira-client-id", "id"],
        &[],
        "JIRA_CLIENT_SECRET is not set, but JIRA_CLIENT_ID is",
    );
    refused(
        &[],
        &[("JIRA_CLIENT_SECRET", "s")],
        "JIRA_CLIENT_ID is not set, but JIRA_CLIENT_SECRET is",
    );
    let three = [("JIRA_CLIENT_SECRET", "a,b,c")];
    refused(
        &["--jira-client-id", "id"],
        &three,
        "JIRA_CLIENT_SECRET holds 3 secrets",
    );
    let two = read(
        &["--jira-client-id", "id"],
        &[("JIRA_CLIENT_SECRET", "new, old")],
    )
    .unwrap();
    assert_eq!(two.client.unwrap().secrets.len(), 2);
}

#[test]
fn mail_server_and_sender_come_together() {
    let url = |it| [("SMTP_URL", it)];
    let from = ["--mail-from", "Tformance <t@example.com>"];
    refused(&from, &[], "SMTP_URL is not set, but MAIL_FROM is");
    refused(
        &[],
        &url("smtp://mail.example.com"),
        "MAIL_FROM is not set, but SMTP_URL is",
    );
    refused(
        &["--mail-from", "nobody"],
        &url("smtp://mail.example.com"),
        "MAIL_FROM is no mail address",
    );
    for wrong in [
        "mail.example.com:25",
        "https://u:hunter2@mail.example.com",
        "smtp://u:hunter2@mail.example.com?tls=maybe",
        "smtp://",
    ] {
        refused(&from, &url(wrong), "SMTP_URL must be of the form smtps://");
        let line = read(&from, &url(wrong)).unwrap_err().to_string();
        assert!(!line.contains("hunter2"), "{line}");
    }
    refused(
        &from,
        &url("smtps://u@mail.example.com"),
        "SMTP_URL has a user without a password",
    );
    for right in [
        "smtp://127.0.0.1:2525",
        "smtps://u:hunter2@mail.example.com",
        "smtp://u:hunter2@mail.example.com:587?tls=required",
    ] {
        let settings = read(&from, &url(right)).unwrap();
        assert!(settings.mail.is_some());
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}

#[test]
fn a_password_of_a_mail_server_goes_encrypted_or_nowhere() {
    let mail = |url: &str| {
        let vars = [("ENCRYPTION_KEYS", KEY), ("SMTP_URL", url)];
        read(&["--mail-from", "a@example.com"], &vars)
    };
    for clear in [
        "smtp://u:hunter2@mail.example.com",
        "smtp://u:hunter2@mail.example.com:587",
        "smtp://u:hunter2@mail.example.com?tls=opportunistic",
        "smtp://u:hunter2@192.0.2.1",
        "smtp://u:hunter2@[2001:db8::1]",
        "smtp://u:hunter2@localhost.example.com",
        "smtp://u:hunter2@127.0.0.1.example.com",
    ] {
        let line = mail(clear).unwrap_err().to_string();
        assert!(
            line.starts_with(
                "SMTP_URL would send its password in the clear; use smtps://, or add ?tls=required"
            ),
            "{clear}: {line}"
        );
        assert!(!line.contains("hunter2"), "{line}");
    }
    for good in [
        "smtps://u:hunter2@mail.example.com",
        "smtp://u:hunter2@mail.example.com:587?tls=required",
        "smtp://mail.example.com",
        "smtp://u:hunter2@localhost:2525",
        "smtp://u:hunter2@127.0.0.1:2525",
        "smtp://u:hunter2@[::1]:2525",
    ] {
        let settings = mail(good).unwrap_or_else(|err| panic!("{good}: {err}"));
        assert!(settings.mail.is_some(), "{good}");
    }
}

#[test]
fn a_secret_may_lie_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    let path = path.to_str().unwrap();
    let from_file = [("ENCRYPTION_KEYS", ""), ("ENCRYPTION_KEYS_FILE", path)];
    assert!(read(&[], &from_file).is_ok());
    refused(
        &[],
        &[("ENCRYPTION_KEYS_FILE", path)],
        "ENCRYPTION_KEYS and ENCRYPTION_KEYS_FILE are both set",
    );
    let nowhere = [
        ("ENCRYPTION_KEYS", ""),
        ("ENCRYPTION_KEYS_FILE", "/nowhere/keys"),
    ];
    refused(
        &[],
        &nowhere,
        "ENCRYPTION_KEYS_FILE names /nowhere/keys, which cannot be read",
    );
}

#[test]
fn a_database_of_another_kind_is_refused_without_repeating_it() {
    let url = "mysql://root:hunter2@db/x";
    refused(
        &[],
        &[("DATABASE_URL", url)],
        "DATABASE_URL must begin with sqlite:// or postgres://",
    );
    let line = read(&[], &[("DATABASE_URL", url)]).unwrap_err().to_string();
    assert!(!line.contains("hunter2"));
    let flag = ["--database-url", "postgres://u:hunter2@db/x"];
    refused(
        &flag,
        &[],
        "DATABASE_URL has a password on the command line",
    );
    assert!(read(&["--database-url", "postgres://u@db/x"], &[]).is_ok());
    assert!(
        !format!(
            "{:?}",
            read(&[], &[("DATABASE_URL", "postgres://u:hunter2@db/x")]).unwrap()
        )
        .contains("hunter2")
    );
}

#[test]
fn variables_that_look_like_ours_and_are_not_are_named() {
    let env = Fake(
        [
            ("JIRA_CLIENT_SECRTE", String::new()),
            ("JIRA_API_URL", String::new()),
            ("SMTP_URL", String::new()),
            ("SMTP_HOST", String::new()),
            ("WEBHOOK_SECRET_FILE", String::new()),
            ("WEBHOOK_SECRETS", String::new()),
        ]
        .into(),
    );
    let mut found = unknown_variables(&env);
    found.sort();
    assert_eq!(
        found,
        ["JIRA_CLIENT_SECRTE", "SMTP_HOST", "WEBHOOK_SECRETS"]
    );
}

const HOOK_SECRET: &str = "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";

#[test]
fn a_receiver_has_an_address_and_a_secret_or_neither() {
    let at = |url| ["--webhook-url", url];
    let good = at("https://hooks.example.com/secret-path");
    let secret = [("WEBHOOK_SECRET", HOOK_SECRET)];
    assert!(read(&[], &[]).unwrap().receiver.is_none());
    assert!(read(&good, &secret).unwrap().receiver.is_some());
    refused(&good, &[], "WEBHOOK_SECRET is not set, but WEBHOOK_URL is");
    refused(
        &[],
        &secret,
        "WEBHOOK_URL is not set, but WEBHOOK_SECRET is",
    );
    for (url, what) in [
        ("http://hooks.example.com", "is plain http"),
        (
            "https://u:hunter2@hooks.example.com",
            "must not hold a user",
        ),
        ("hooks.example.com", "must be an address"),
    ] {
        refused(&at(url), &secret, &format!("WEBHOOK_URL {what}"));
    }
    let plain = [
        "--allow-plain-http",
        "--webhook-url",
        "http://hooks.example.com",
    ];
    assert!(read(&plain, &secret).unwrap().receiver.is_some());
    let strict = [
        "--webhook-forbid-private",
        "--webhook-url",
        "https://10.0.0.1/",
    ];
    refused(
        &strict,
        &secret,
        "WEBHOOK_URL is no address of the public internet",
    );
    let odd = ["--webhook-forbid-private", "maybe"];
    refused(&odd, &[], "WEBHOOK_FORBID_PRIVATE is");
    for wrong in ["hunter2", "whsec_aHVudGVyMg=="] {
        let line = read(&good, &[("WEBHOOK_SECRET", wrong)]).unwrap_err();
        let line = line.to_string();
        assert!(line.starts_with("WEBHOOK_SECRET must be whsec_"), "{line}");
        assert!(
            !line.contains(wrong) && !line.contains("secret-path"),
            "{line}"
        );
    }
}

#[test]
fn the_operator_has_an_address_or_none() {
    let at = |email| ["--operator-email", email];
    assert!(read(&[], &[]).unwrap().operator_email.is_none());
    let settings = read(&at(" Ops@Example.com "), &[]).unwrap();
    assert_eq!(settings.operator_email.unwrap().as_str(), "ops@example.com");
    refused(&at("ops"), &[], "OPERATOR_EMAIL is");
}

#[test]
fn how_long_things_are_kept_is_a_list_of_names_and_ages() {
    use domain::retention::{Kept, Retention};
    assert_eq!(read(&[], &[]).unwrap().retention, Retention::default());
    let settings = read(&["--retention", "outbox=40d,audit_events=forever"], &[]).unwrap();
    assert_eq!(settings.retention.days(Kept::Outbox), Some(40));
    assert_eq!(settings.retention.days(Kept::AuditEvents), None);
    refused(
        &["--retention", "outbox=7d"],
        &[],
        "RETENTION keeps outbox for less than 31d; for example RETENTION=refresh_events=30d",
    );
}
