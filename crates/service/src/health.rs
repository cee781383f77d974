//! What the health page shows: the state of the connection, what happened to it, who uses it, and what was
//! sent when it needed somebody. One snapshot, no call to Atlassian.

use domain::ids::CredentialId;
use jiff::{SignedDuration, Timestamp};
use store::{HealthCounts, SentNotices, TimelineEntry, TimelineFilter, TimelinePlace, Tx};

use crate::{
    Error, Services,
    surroundings::{self, Surroundings, With},
    who::Member,
};

pub use store::{
    Happened, Notice as SentNotice, ServiceUse, TimelineEntry as Entry, TimelineFilter as Filter,
    TimelinePlace as Place,
};

/// So many days are drawn.
pub const DAYS: i64 = 30;

/// So much of the timeline is on one page.
const PER_PAGE: usize = 25;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// All that the page shows.
#[derive(Debug)]
pub struct Health {
    /// The connection as it is, and what surrounds the page.
    pub around: Surroundings,
    /// What was; none where it could not be read.
    pub history: Option<History>,
    /// The day of today, counted from 1970 in UTC.
    pub today: i64,
}

/// What happened, is counted and was sent.
#[derive(Debug, Default)]
pub struct History {
    /// What happened, the newest first.
    pub timeline: Vec<TimelineEntry>,
    /// What comes after the last of it, if anything does.
    pub older: Option<TimelinePlace>,
    /// What is counted.
    pub counts: HealthCounts,
    /// What was sent when it needed people.
    pub sent: SentNotices,
}

/// Which part of the timeline is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What of it.
    pub filter: TimelineFilter,
    /// What comes after this.
    pub before: Option<TimelinePlace>,
}

/// Reads the page of the member's team.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn health(services: &Services, member: &Member, part: Part) -> Result<Health, Error> {
    let now = services.env.now();
    let today = day_of(now);
    let mut tx = services.store.read().await?;
    let around = match surroundings::read(services, member, &mut tx, With::Attempts).await {
        Ok(around) => around,
        Err(err) => {
            drop(tx);
            return Ok(Health {
                around: surroundings::without_connection(services, member, err).await?,
                history: None,
                today,
            });
        }
    };
    let credential = around
        .jira
        .as_ref()
        .ok()
        .and_then(|it| it.credential.as_ref())
        .map(|it| it.id);
    let history = match read(services, member, &mut tx, credential, part, now).await {
        Ok(history) => Some(history),
        Err(err) => {
            tracing::error!(error = %err, "the history of a connection was not read");
            None
        }
    };
    Ok(Health {
        around,
        history,
        today,
    })
}

async fn read(
    services: &Services,
    member: &Member,
    tx: &mut Tx,
    credential: Option<CredentialId>,
    part: Part,
    now: Timestamp,
) -> Result<History, Error> {
    let team = member.team().id;
    let today = start_of(day_of(now));
    let month = today - DAY.saturating_mul(29);
    let counts = tx
        .find_health_counts(team, credential, month, today, now)
        .await?;
    let Some(credential) = credential else {
        return Ok(History {
            counts,
            ..History::default()
        });
    };
    let receiver = services
        .webhooks
        .as_ref()
        .map(|it| it.receiver().url_hash());
    // One more than is shown says whether there is more.
    let limit = i64::try_from(PER_PAGE)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let mut timeline = tx
        .list_timeline(team, credential, part.filter, part.before, limit)
        .await?;
    let has_more = timeline.len() > PER_PAGE;
    timeline.truncate(PER_PAGE);
    Ok(History {
        older: timeline.last().filter(|_| has_more).map(|it| it.place),
        timeline,
        counts,
        sent: tx
            .find_sent_notices(
                team,
                credential,
                receiver.as_ref().map(<[u8; 32]>::as_slice),
            )
            .await?,
    })
}

/// The day of a time, counted from 1970 in UTC.
fn day_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(DAY.as_secs())
}

/// When a day starts.
pub fn start_of(day: i64) -> Timestamp {
    Timestamp::from_second(day.saturating_mul(DAY.as_secs())).unwrap_or(Timestamp::UNIX_EPOCH)
}
