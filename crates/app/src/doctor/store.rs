//! The database: reached, of this version, writable, opened by the keys, this server's, in time.

use domain::env::Env;
use jiff::Timestamp;
use secrecy::SecretString;
use service::{
    Services,
    adopt::{Identity, refusal},
    receiver::disabled_since,
    start::{StartError, look_at_key_ring},
};
use store::{Schema, Store};

use super::Finding;
use crate::{
    config::{self, ProcessEnvironment, Readings},
    open, operator,
    serve::key_error,
};

/// More than this between process and database, and leases and ages are told wrongly.
const MOST_SECONDS_APART: i64 = 5;

const CLOCK: &str = "clock";

/// Makes the checks; what needs a part that is broken is skipped.
pub(super) async fn check(readings: &Readings, env: &dyn Env) -> Vec<Finding> {
    let Ok(url) = &readings.database_url else {
        return vec![Finding::skipped("store", "DATABASE_URL is wrong")];
    };
    let store = match reach(url).await {
        Ok(store) => store,
        Err(finding) => return vec![finding],
    };
    let mut findings = vec![Finding::good("store")];
    let schema = schema(&store).await;
    let is_right = matches!(schema.outcome, super::Outcome::Good);
    findings.push(schema);
    findings.push(clock(&store, env).await);
    if is_right {
        findings.push(writable(&store).await);
        findings.extend(owned(readings, store.clone()).await);
    }
    store.close().await;
    findings
}

async fn reach(url: &SecretString) -> Result<Store, Finding> {
    let missing = open::sqlite_file(url).filter(|it| !it.exists());
    if let Some(path) = missing {
        return Err(Finding::fault(
            "store",
            format!("DATABASE_URL names {}, which is not there", path.display()),
            "correct DATABASE_URL, or make the database with `tformance migrate`",
        ));
    }
    open::open_existing(url).await.map_err(|err| {
        Finding::fault(
            "store",
            format!("the database cannot be reached: {err:#}"),
            "start it, let this machine reach it, and correct DATABASE_URL",
        )
    })
}

async fn schema(store: &Store) -> Finding {
    const CHECK: &str = "schema";
    match store.schema().await {
        Ok(Schema::UpToDate) => Finding::good(CHECK),
        Ok(Schema::Missing) => Finding::fault(
            CHECK,
            "the database has no schema",
            "run `tformance migrate`",
        ),
        Ok(Schema::Older) => Finding::fault(
            CHECK,
            "the database's schema is an older version's",
            "run `tformance migrate`",
        ),
        Ok(Schema::Newer) => Finding::fault(
            CHECK,
            "the database's schema was made by a newer version, or changed by hand",
            "run that version, or restore a backup of this one",
        ),
        Err(err) => Finding::fault(
            CHECK,
            format!("the schema cannot be read: {err}"),
            "give the user of DATABASE_URL the right to read it",
        ),
    }
}

async fn clock(store: &Store, env: &dyn Env) -> Finding {
    let read = async { store.read().await?.find_clock().await };
    match read.await {
        Ok(theirs) => compared(env.now(), theirs),
        Err(err) => Finding::skipped(CLOCK, err.to_string()),
    }
}

fn compared(ours: Timestamp, theirs: Timestamp) -> Finding {
    let apart = ours.duration_since(theirs).as_secs();
    if apart.abs() <= MOST_SECONDS_APART {
        return Finding::good(CLOCK);
    }
    let which = if apart > 0 { "ahead of" } else { "behind" };
    Finding::fault(
        CLOCK,
        format!(
            "this machine's clock is {} seconds {which} the database's",
            apart.abs()
        ),
        "let both follow a time server, such as chrony or systemd-timesyncd",
    )
}

/// A write that is never committed.
async fn writable(store: &Store) -> Finding {
    const CHECK: &str = "writing";
    let written = async { store.write().await?.set_unchanged().await };
    match written.await {
        Ok(()) => Finding::good(CHECK),
        Err(err) => {
            let source = std::error::Error::source(&err).map(ToString::to_string);
            Finding::fault(
                CHECK,
                format!(
                    "the database cannot be written: {}",
                    source.unwrap_or_default()
                ),
                "give the user of DATABASE_URL, or of this process, the right to write, and free space",
            )
        }
    }
}

/// Whether keys and address are the ones of this store.
async fn owned(readings: &Readings, store: Store) -> Vec<Finding> {
    // Read once more: a ring is not copied.
    let Ok(key_ring) = config::key_ring(&ProcessEnvironment) else {
        return vec![Finding::skipped("keys", "ENCRYPTION_KEYS is wrong")];
    };
    let services = operator::services_on(store, key_ring);
    let mut findings = vec![keys(&services).await, server(readings, &services).await];
    findings.extend(webhooks(readings, &services).await);
    findings
}

/// Whether the receiver of webhooks is switched off, where there is one.
async fn webhooks(readings: &Readings, services: &Services) -> Option<Finding> {
    const CHECK: &str = "webhooks";
    let Ok(Some(receiver)) = &readings.receiver else {
        return None;
    };
    Some(match disabled_since(services, receiver).await {
        Ok(None) => Finding::good(CHECK),
        Ok(Some(since)) => Finding::fault(
            CHECK,
            format!(
                "the receiver {} is switched off since {since}: it failed for five days, or said that it is gone",
                receiver.host()
            ),
            "mend it, then run `tformance admin enable-webhook`",
        ),
        Err(err) => Finding::skipped(CHECK, err.to_string()),
    })
}

async fn keys(services: &Services) -> Finding {
    const CHECK: &str = "keys";
    match look_at_key_ring(services).await {
        Ok(()) => Finding::good(CHECK),
        Err(StartError::Failed(err)) => Finding::skipped(CHECK, err.to_string()),
        Err(err) => {
            let fault = err.to_string();
            let cure = key_error(err).to_string();
            Finding::fault(CHECK, fault, cure)
        }
    }
}

async fn server(readings: &Readings, services: &Services) -> Finding {
    const CHECK: &str = "server";
    let (Ok(base_url), Ok(client)) = (&readings.base_url, &readings.client) else {
        return Finding::skipped(CHECK, "BASE_URL or the client id is wrong");
    };
    let asked = Identity {
        base_url: base_url.origin().ascii_serialization(),
        client_id: client.as_ref().map(|it| it.id.clone()),
    };
    let read = async { services.store.read().await?.find_served().await };
    match read.await {
        Ok(served) => match refusal(&served, &asked) {
            None => Finding::good(CHECK),
            Some(err) => Finding::fault(
                CHECK,
                err.to_string(),
                "correct the setting, or run `tformance admin adopt` if no other server uses this database's connections",
            ),
        },
        Err(err) => Finding::skipped(CHECK, err.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::doctor::Outcome;

    #[test]
    fn a_clock_that_is_off_is_told_with_the_seconds_and_the_side() {
        let theirs = Timestamp::UNIX_EPOCH;
        let told =
            |seconds: i64| match compared(theirs + SignedDuration::from_secs(seconds), theirs)
                .outcome
            {
                Outcome::Good => "good".to_owned(),
                Outcome::Fault { fault, cure } => {
                    assert!(cure.contains("time server"), "{cure}");
                    fault
                }
                Outcome::Skipped(why) => why,
            };
        for near in [-5, -1, 0, 4, 5] {
            assert_eq!(told(near), "good", "{near}");
        }
        assert_eq!(
            told(6),
            "this machine's clock is 6 seconds ahead of the database's"
        );
        assert_eq!(
            told(-3_600),
            "this machine's clock is 3600 seconds behind the database's"
        );
    }
}
