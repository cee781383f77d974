//! How well the promise was kept, for the operator.

use domain::{
    slo::{Period, Reads},
    text::Slug,
};
use jiff::Timestamp;

use crate::{Error, Services};

/// What was asked for in a period, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Over how long.
    pub period: Period,
    /// When it began.
    pub began_at: Timestamp,
    /// The reads.
    pub reads: Reads,
}

/// Of all teams, or of one; none if there is no such team.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn read(
    services: &Services,
    slug: Option<&str>,
) -> Result<Option<[Kept; Period::ALL.len()]>, Error> {
    let now = services.env.now();
    let mut tx = services.store.read().await?;
    let team = match slug {
        Some(slug) => {
            let Ok(slug) = Slug::parse(slug) else {
                return Ok(None);
            };
            let Some(team) = tx.find_team(&slug).await? else {
                return Ok(None);
            };
            Some(team.id)
        }
        None => None,
    };
    let mut all = Period::ALL.map(|period| Kept {
        period,
        began_at: period.began_at(now),
        reads: Reads::default(),
    });
    for kept in &mut all {
        let since = kept.began_at;
        let sums = match (kept.period, team) {
            (Period::Day, None) => tx.sum_key_usage(since).await?,
            (Period::Day, Some(team)) => tx.sum_key_usage_of(team, since).await?,
            (_, None) => tx.sum_daily_usage(since).await?,
            (_, Some(team)) => tx.sum_daily_usage_of(team, since).await?,
        };
        kept.reads = Reads::of(sums.into_iter().map(|it| (it.call, it.answer, it.count)));
    }
    Ok(Some(all))
}
