//! `tformance admin enable-webhook`, `test-webhook` and `test-mail`: whether notices arrive.

use anyhow::{Context as _, bail};
use domain::text::EmailAddress;
use service::{mail::Mailer, receiver, webhook::WebhookReceiver};

use crate::{
    cli::say,
    config::{ProcessEnvironment, ServeArgs, Settings},
    env::SystemEnv,
    operator,
    serve::runtime,
    telemetry,
};

fn settings(args: &ServeArgs) -> anyhow::Result<Settings> {
    let settings = Settings::read(args, &ProcessEnvironment)?;
    telemetry::start(args.store())?;
    Ok(settings)
}

fn receiver_of(settings: &Settings) -> anyhow::Result<WebhookReceiver> {
    let receiver = settings.receiver.clone();
    receiver.context("WEBHOOK_URL is not set: there is no receiver of webhooks")
}

/// Switches the receiver of webhooks on again.
///
/// # Errors
///
/// A wrong setting or database.
pub(super) fn enable_webhook(args: &ServeArgs) -> anyhow::Result<()> {
    let settings = settings(args)?;
    let to = receiver_of(&settings)?;
    runtime()?.block_on(async {
        let services = operator::services(&settings.database_url, settings.key_ring).await?;
        let enabled = receiver::enable(&services, &to).await?;
        services.store.close().await;
        let host = to.host();
        say(&if enabled.was_off {
            format!(
                "the receiver {host} is on again; {} webhooks that were given up are sent after all",
                enabled.resent
            )
        } else {
            format!("the receiver {host} is on")
        });
        Ok(())
    })
}

/// Sends one event of the type `test`.
///
/// # Errors
///
/// A wrong setting, or what the receiver did instead of taking it.
pub(super) fn test_webhook(args: &ServeArgs) -> anyhow::Result<()> {
    let settings = settings(args)?;
    let to = receiver_of(&settings)?;
    runtime()?.block_on(async {
        let host = to.host();
        if let Err(trouble) = receiver::send_test(&SystemEnv, &to).await {
            bail!("the receiver {host} did not take it: {}", trouble.as_str());
        }
        say(&format!("the receiver {host} took it"));
        Ok(())
    })
}

/// Sends one mail.
///
/// # Errors
///
/// A wrong setting, or what the mail server did instead of taking it.
pub(super) fn test_mail(args: &ServeArgs, to: &str) -> anyhow::Result<()> {
    let settings = settings(args)?;
    let Ok(to) = EmailAddress::parse(to) else {
        bail!("this is no mail address");
    };
    let server = settings
        .mail
        .context("SMTP_URL is not set: there is no mail server")?;
    runtime()?.block_on(async {
        Mailer::new(server, settings.base_url)
            .send_test(&SystemEnv, &to)
            .await
            .context("the mail was not taken; `tformance doctor` looks at the mail server")?;
        say("the mail server took it");
        Ok(())
    })
}
