//! What Atlassian allows, shared by all callers and all processes: a call that it would refuse is not made, and
//! what little is left is parted fairly.
//!
//! [`admit`] is asked before each call to the gateway, [`Admission::observe`] hears what the answer said. What is
//! known is in memory; once a second at most a caller brings it together with the database ([`exchange`]), and a
//! refusal is written at once. While nothing is scarce, a call costs the look at two numbers. Who calls how often is
//! looked at as soon as little is left, and from then on by the worker as well ([`look_at_shares`]).
//!
//! The budget must not stand in the way: while the database does not answer, what this process knows counts, and
//! what nobody knows is allowed.

use std::sync::Arc;

use atlassian::CallError;
use domain::{
    api_key::KeyHolder,
    env::random,
    jira_path::JiraPath,
    rate_budget::{Budget, BudgetOf, Limit, Planned, Report, Told},
    text::CloudId,
    usage::{Method, PathTemplate},
};
use jiff::{SignedDuration, Timestamp};

use crate::{Error, Services, door::ApiClient};
use known::{Known, Looker};

mod exchange;
mod known;

pub(crate) use known::Budgets;

/// Why a call is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Atlassian would refuse it.
    UsedUp,
    /// It would use what is kept for others.
    FairShare,
}

impl Why {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::UsedUp, Self::FairShare];

    /// The word that metrics have for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UsedUp => "used_up",
            Self::FairShare => "fair_share",
        }
    }
}

/// A call that is not made, since Atlassian would refuse it, or others would starve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("over budget: {} until {until}", .limit.as_str())]
pub struct OverBudget {
    /// Which limit is in the way.
    pub limit: Limit,
    /// Whether of all, or of this service.
    pub why: Why,
    /// From then on it is not.
    pub until: Timestamp,
    /// How long that is.
    pub retry_after: SignedDuration,
}

/// Leave to make one call. Dropped before [`Admission::sent`], it gives back what it holds.
#[derive(Debug)]
#[must_use = "what the answer says of limits is to be observed"]
pub struct Admission {
    planned: Planned,
    /// Of what was scarce: what is held until the answer is there.
    held: Vec<BudgetOf>,
    /// The endpoint where services take turns and whose this was, if this call took one.
    turn: Option<(BudgetOf, KeyHolder)>,
    /// When the call was made, if it was: then nothing is given back.
    sent_at: Option<Timestamp>,
    budgets: Arc<Budgets>,
}

/// Whether a service may make a call. Makes no call itself, and waits for the database once a second at most.
///
/// A service whose connection has ended is let through: it is to hear that, not that it should come again.
///
/// # Errors
///
/// [`OverBudget`].
pub async fn admit(
    services: &Services,
    client: &ApiClient,
    planned: Planned,
) -> Result<Admission, OverBudget> {
    exchange::if_due(services).await;
    let budgets = &services.budgets;
    let mut admission = Admission {
        planned,
        held: Vec::new(),
        turn: None,
        sent_at: None,
        budgets: Arc::clone(budgets),
    };
    if budgets.is_nothing_scarce() || !client.has_live_grant() {
        return Ok(admission);
    }
    let now = services.env.now();
    let taken = {
        let mut known = budgets.lock();
        admission.take(&mut known, client.key().holder(), now)
    };
    if let Err((limit, why, until)) = taken {
        services.metrics.over_budget(limit, why);
        return Err(OverBudget {
            limit,
            why,
            until,
            retry_after: until.duration_since(now),
        });
    }
    Ok(admission)
}

impl Admission {
    /// Takes what the call needs, or says what is in the way; then nothing is taken.
    fn take(
        &mut self,
        known: &mut Known,
        who: KeyHolder,
        now: Timestamp,
    ) -> Result<(), (Limit, Why, Timestamp)> {
        let mut refusals = Vec::new();
        let mut held = Vec::new();
        for of in self.planned.budgets() {
            let Some(entry) = known.get(&of) else {
                continue;
            };
            if let Some(until) = entry.budget.refuses_until(now, entry.held) {
                refusals.push((of.limit, Why::UsedUp, until));
            } else if let Some(left) = entry.budget.left_at(now) {
                if entry.budget.is_reserve(now) && known.is_noisy(&who, of.site.as_ref()) {
                    refusals.push((of.limit, Why::FairShare, left.until));
                }
                held.push(of);
            }
        }
        // What holds longest is told: whoever comes back then is not refused by another one.
        if let Some(worst) = refusals.into_iter().max_by_key(|(_, _, until)| *until) {
            return Err(worst);
        }
        if let Some(of) = self.planned.budget(Limit::Burst)
            && let Some(turns) = known.turns(&of, now)
        {
            let taken = turns.take(&who, now);
            taken.map_err(|next| (Limit::Burst, Why::FairShare, next))?;
            self.turn = Some((of, who));
        }
        for of in &held {
            known.hold(of);
        }
        self.held = held;
        Ok(())
    }

    /// The call is on its way: whatever becomes of it, whoever leaves, Atlassian counts it.
    pub fn sent(&mut self, services: &Services) {
        self.sent_at = Some(services.env.now());
    }

    /// It was not: not a byte of it left.
    pub const fn not_sent(&mut self) {
        self.sent_at = None;
    }

    /// Hears what the answer said, as soon as its headers are there. What others have to know at once is written
    /// before this returns; if the caller leaves meanwhile, with the next call.
    pub async fn observe(mut self, services: &Services, reports: &[Report]) {
        let held = std::mem::take(&mut self.held);
        // The call was made: its turn is used, and a point at least.
        self.turn = None;
        if held.is_empty() && reports.is_empty() {
            return;
        }
        let is_urgent = {
            let mut known = services.budgets.lock();
            let now = services.env.now();
            for of in &held {
                let is_told = reports.iter().any(|it| it.limit == of.limit);
                known.spent(of, !is_told, now);
            }
            note(services, &mut known, &self.planned, reports, now)
        };
        if is_urgent {
            exchange::now(services).await;
        } else {
            exchange::if_due(services).await;
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.held.is_empty() && self.turn.is_none() {
            return;
        }
        let mut known = self.budgets.lock();
        if let Some(at) = self.sent_at {
            for of in &self.held {
                known.spent(of, true, at);
            }
            return;
        }
        for of in &self.held {
            known.release(of);
        }
        if let Some((of, who)) = &self.turn {
            known.give_back(of, who);
        }
    }
}

/// Adds what was reported to what is known; says whether others have to know at once.
fn note(
    services: &Services,
    known: &mut Known,
    planned: &Planned,
    reports: &[Report],
    now: Timestamp,
) -> bool {
    let mut is_urgent = false;
    for report in reports {
        let is_refusal = matches!(report.told, Told::Refused { .. });
        if is_refusal {
            services.metrics.provider_limited(report.limit);
        }
        // Of an issue that nobody has named nothing can be remembered.
        let Some(of) = planned.budget(report.limit) else {
            continue;
        };
        let drawn = u16::from_be_bytes(random(services.env.as_ref()));
        let before = known.get(&of).map_or_else(Budget::default, |it| it.budget);
        let after = before.after(report.told, now, drawn);
        if before == after {
            continue;
        }
        let is_new = is_refusal && !before.is_used_up(now);
        // A refusal that names no limit closes the endpoint as a burst does: services take turns there as well.
        let is_of_endpoint = matches!(report.limit, Limit::Burst | Limit::Unnamed);
        if is_new
            && is_of_endpoint
            && let Some(endpoint) = planned.budget(Limit::Burst)
        {
            known.refuse_burst(&endpoint, after.of, now);
        }
        if is_new && report.limit.is_of_hour() {
            tracing::warn!(
                limit = report.limit.as_str(),
                until = %after.refused_until.unwrap_or(now),
                "Atlassian's points of this hour are used up; calls are refused here until then"
            );
        }
        let is_used_up = after.is_used_up(now) && !before.is_used_up(now);
        // From then on it has to be known who calls how often.
        let is_low = after.is_low(now) && !before.is_low(now);
        is_urgent |= is_new || is_used_up || is_low;
        known.set(of, after);
    }
    services.budgets.count(known);
    is_urgent
}

/// Whether a call of our own to a site would be refused, or would use what is kept for services.
pub(crate) async fn is_scarce(services: &Services, site: &CloudId) -> bool {
    exchange::if_due(services).await;
    if services.budgets.is_nothing_scarce() {
        return false;
    }
    let now = services.env.now();
    let known = services.budgets.lock();
    let planned = own_call(site);
    planned.budgets().any(|of| {
        known
            .get(&of)
            .is_some_and(|it| it.budget.is_reserve(now) || it.budget.is_used_up(now))
    })
}

/// Hears what became of a call of our own, `myself` of a site.
pub(crate) async fn observe_own(services: &Services, site: &CloudId, failed: &CallError) {
    let CallError::RateLimited { reports, .. } = failed else {
        return;
    };
    let is_urgent = {
        let now = services.env.now();
        let mut known = services.budgets.lock();
        note(services, &mut known, &own_call(site), reports, now)
    };
    if is_urgent {
        exchange::now(services).await;
    }
}

/// Looks at who calls how often, where that has to be known: once in five seconds while little is left of an hour.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer; what was known counts on.
pub async fn look_at_shares(services: &Services) -> Result<(), Error> {
    Ok(exchange::look_if_due(services, Looker::Worker).await?)
}

fn own_call(site: &CloudId) -> Planned {
    Planned {
        site: site.clone(),
        method: Method::Get,
        template: JiraPath::parse("rest/api/3/myself")
            .map_or(PathTemplate::NONE, JiraPath::template),
        issue: None,
    }
}
