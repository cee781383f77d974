//! What an answer of the gateway says of Atlassian's limits (`atlassian.md` 6.3). Pure.
//!
//! Headers with the prefix `Beta-` tell of limits that are not enforced, and are left alone. Of the others
//! nothing is relied on: they may be missing, wrong, of other forms, or of limits that nobody has heard of.

use domain::rate_budget::{Limit, Report, Told, jittered, next_hour};
use jiff::{SignedDuration, Timestamp, civil::DateTime, fmt::rfc2822, tz::TimeZone};
use reqwest::header::HeaderMap;

/// Nothing is waited for less.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// A wait that nobody can mean (none, a past date, years) is taken for this, moved at random.
const BOGUS_WAIT: SignedDuration = SignedDuration::from_secs(5);

/// More policies than these no answer has.
const MOST_ITEMS: usize = 20;

/// Reads what an answer says; nothing, as a rule. `drawn` at random where something has to be guessed.
///
/// A refusal (429) is reported exactly once, whatever else is told beside it.
pub fn read(
    status: u16,
    headers: &HeaderMap,
    now: Timestamp,
    drawn: impl FnOnce() -> u16,
) -> Vec<Report> {
    let mut reports = left(headers, now);
    if status == 429 {
        let limit = refused_limit(headers, &reports);
        // Of a limit that refuses, the rest is nothing.
        reports.retain(|it| it.limit != limit);
        let until = end_of_refusal(headers, limit, now, drawn);
        let of = number(headers, "x-ratelimit-limit").or_else(|| quota_of(headers, limit));
        let told = Told::Refused { until, of };
        reports.push(Report { limit, told });
    }
    reports
}

/// Which limit refused.
fn refused_limit(headers: &HeaderMap, reports: &[Report]) -> Limit {
    let reason = text(headers, "ratelimit-reason")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let says = |word| reason.contains(word);
    if says("quota-global") {
        return Limit::AppHour;
    }
    // Undocumented: a cost is counted in points.
    if says("quota-tenant") || says("cost-based") {
        return Limit::SiteHour;
    }
    if says("per-issue") {
        return Limit::IssueWrites;
    }
    if says("burst") || says("concurrent") {
        return Limit::Burst;
    }
    if headers.contains_key("x-failure-category") {
        return Limit::Gateway;
    }
    let is_empty = |it: &&Report| matches!(it.told, Told::Left { points: 0, .. });
    let empty = reports.iter().find(is_empty).filter(|_| reason.is_empty());
    empty.map_or(Limit::Unnamed, |it| it.limit)
}

/// Until when it refuses: the later of what is told, within what is possible; none where nothing is told.
fn end_of_refusal(
    headers: &HeaderMap,
    limit: Limit,
    now: Timestamp,
    drawn: impl FnOnce() -> u16,
) -> Option<Timestamp> {
    let after = all(headers, "retry-after").map(|it| moment(it, now, false));
    let reset = all(headers, "x-ratelimit-reset").map(|it| moment(it, now, true));
    let by_policy = items(headers, "ratelimit")
        .filter(|it| limit_of(it.name) == Some(limit))
        .filter_map(|it| it.number("t"))
        .map(|it| after_seconds(it, now));
    let told: Vec<_> = after.chain(reset).chain(by_policy).flatten().collect();
    let last = told.into_iter().max()?;
    let latest = limit.latest_end(now);
    // Too far away for an hour's points is the end of the hour; for what lasts seconds, nonsense.
    let is_bogus = last <= now || (last > latest && !limit.is_of_hour());
    let end = if is_bogus {
        now + jittered(BOGUS_WAIT, drawn())
    } else {
        last
    };
    Some(end.clamp(now + SHORTEST_WAIT, latest.max(now + SHORTEST_WAIT)))
}

/// What is left of the points of the hour, by name.
fn left(headers: &HeaderMap, now: Timestamp) -> Vec<Report> {
    let mut reports = Vec::new();
    for item in items(headers, "ratelimit") {
        let limit = limit_of(item.name).filter(|it| it.is_of_hour());
        let (Some(limit), Some(points)) = (limit, item.number("r")) else {
            continue;
        };
        let until = item.number("t").map(|it| after_seconds(it, now));
        let Some(until) = end_of_hour(until.flatten(), now) else {
            continue;
        };
        let told = Told::Left {
            points,
            of: quota_of(headers, limit),
            until,
        };
        reports.push(Report { limit, told });
    }
    // The older headers name no limit; that little is left is never said of bursts.
    let is_near =
        text(headers, "x-ratelimit-nearlimit").is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let reset = all(headers, "x-ratelimit-reset").find_map(|it| moment(it, now, true));
    if let (true, true, Some(points), Some(until)) = (
        reports.is_empty(),
        is_near,
        number(headers, "x-ratelimit-remaining"),
        end_of_hour(reset, now),
    ) {
        let named = |limit| quota_of(headers, limit).is_some();
        let is_apps = named(Limit::AppHour) && !named(Limit::SiteHour);
        let told = Told::Left {
            points,
            of: number(headers, "x-ratelimit-limit"),
            until,
        };
        let limit = if is_apps {
            Limit::AppHour
        } else {
            Limit::SiteHour
        };
        reports.push(Report { limit, told });
    }
    reports
}

/// The end of the hour that is told, to the minute: several answers must mean the same one. None if that hour is
/// over by now: what was left of it is nothing that the new one lacks.
fn end_of_hour(told: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let latest = next_hour(now);
    let minute = |it: Timestamp| {
        let minutes = it.as_second().saturating_add(30).div_euclid(60);
        Timestamp::from_second(minutes.saturating_mul(60)).unwrap_or(latest)
    };
    match told.map(minute) {
        Some(it) if it <= now => None,
        Some(it) => Some(it.min(latest)),
        None => Some(latest),
    }
}

fn limit_of(policy: &str) -> Option<Limit> {
    match policy {
        "global-app-quota" => Some(Limit::AppHour),
        "tenant-app-quota" => Some(Limit::SiteHour),
        "jira-burst-based" => Some(Limit::Burst),
        _ => None,
    }
}

/// How much a limit allows, by its policy.
fn quota_of(headers: &HeaderMap, limit: Limit) -> Option<u64> {
    items(headers, "ratelimit-policy")
        .find(|it| limit_of(it.name) == Some(limit))
        .and_then(|it| it.number("q"))
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|it| it.to_str().ok().map(str::trim))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    all(headers, name).next()
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

/// A time in any of the forms that were seen: seconds from now, a date of HTTP, one of ISO 8601 with or
/// without seconds; where it `may_be_epoch`, also seconds or milliseconds since 1970.
pub(crate) fn moment(value: &str, now: Timestamp, may_be_epoch: bool) -> Option<Timestamp> {
    if let Ok(number) = value.parse::<i64>() {
        return match number {
            100_000_000_000.. if may_be_epoch => Timestamp::from_millisecond(number).ok(),
            1_000_000_000.. if may_be_epoch => Timestamp::from_second(number).ok(),
            _ => now.checked_add(SignedDuration::from_secs(number)).ok(),
        };
    }
    if let Ok(seconds) = value.parse::<f64>() {
        let wait = SignedDuration::try_from_secs_f64(seconds).ok()?;
        return now.checked_add(wait).ok();
    }
    if let Ok(at) = value.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(at) = rfc2822::parse(value) {
        return Some(at.timestamp());
    }
    let without_zone = value.strip_suffix(['Z', 'z']).unwrap_or(value);
    let at = without_zone.parse::<DateTime>().ok()?;
    Some(at.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp())
}

fn after_seconds(seconds: u64, now: Timestamp) -> Option<Timestamp> {
    let seconds = i64::try_from(seconds).ok()?;
    now.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// One policy of a `RateLimit` or `RateLimit-Policy` header: `"name";r=1;t=2`.
#[derive(Clone, Copy, Debug)]
struct Item<'a> {
    name: &'a str,
    parameters: &'a str,
}

impl Item<'_> {
    fn number(&self, name: &str) -> Option<u64> {
        self.parameters.split(';').find_map(|it| {
            let (key, value) = it.split_once('=')?;
            let value = value.trim().trim_matches('"');
            (key.trim() == name).then(|| value.parse().ok()).flatten()
        })
    }
}

/// The policies of all headers of a name (RFC 9651: a list of strings with parameters).
fn items<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Item<'a>> {
    all(headers, name).flat_map(list).take(MOST_ITEMS)
}

/// Takes a list apart at its commas. Nothing that we look for has a comma or a quote in its name.
fn list(value: &str) -> impl Iterator<Item = Item<'_>> {
    value.split(',').map(|it| {
        let (name, parameters) = it.split_once(';').unwrap_or((it, ""));
        Item {
            name: name.trim().trim_matches('"'),
            parameters,
        }
    })
}

#[cfg(test)]
mod tests;
