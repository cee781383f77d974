//! What processes tell each other of Atlassian's limits, through the database.

use std::time::Duration;

use domain::rate_budget::{Budget, BudgetOf, next_hour};
use jiff::{SignedDuration, Timestamp};
use store::StoreError;
use tokio::time::{Instant, timeout_at};

use super::known::Looker;
use crate::Services;

/// No caller waits longer for this.
const PATIENCE: Duration = Duration::from_millis(500);

/// Once a second at most: writes what this process has heard, and reads what others have.
pub(super) async fn if_due(services: &Services) {
    if services.budgets.is_exchange_due(services.env.elapsed()) {
        Box::pin(run(services)).await;
    }
}

/// The same at once: others would run into what this process has just run into.
pub(super) async fn now(services: &Services) {
    services.budgets.set_exchanged(services.env.elapsed());
    Box::pin(run(services)).await;
}

/// Boxed by whoever calls it, as it is rare: room for it would be moved about with each call.
async fn run(services: &Services) {
    let deadline = Instant::now() + PATIENCE;
    let unwritten = services.budgets.lock().unwritten();
    let done = timeout_at(deadline, exchange(services, &unwritten)).await;
    let failed = match done {
        Ok(Ok(())) => None,
        Ok(Err(err)) => Some(err.to_string()),
        Err(_) => Some("it takes too long".to_owned()),
    };
    settle(services, failed.as_deref());
    if failed.is_some() {
        return;
    }
    // At once where little is left all of a sudden; where it takes too long, the worker looks, on nobody's way.
    let looked = timeout_at(deadline, look_if_due(services, Looker::Call)).await;
    if !matches!(looked, Ok(Ok(()))) {
        services.budgets.lock().leave_looking_to_the_worker();
    }
}

/// What an exchange leaves behind, and why it `failed` if it did.
fn settle(services: &Services, failed: Option<&str>) {
    let mut known = services.budgets.lock();
    // Once, and again when it has answered meanwhile.
    if let Some(why) = failed.filter(|_| !known.is_failing) {
        tracing::warn!(
            why,
            "what Atlassian allows is not shared with other processes now"
        );
    }
    known.is_failing = failed.is_some();
    known.forget_ended(services.env.now());
    services.budgets.count(&known);
}

async fn exchange(services: &Services, unwritten: &[(BudgetOf, Budget)]) -> Result<(), StoreError> {
    let now = services.env.now();
    if !unwritten.is_empty() {
        write(services, unwritten, now).await?;
        services.budgets.lock().set_written(unwritten);
    }
    let heard = services.store.list_rate_budgets(now).await?;
    let mut known = services.budgets.lock();
    for (of, budget) in heard {
        known.add(of, budget);
    }
    Ok(())
}

/// Once in five seconds, while little is left of an hour: looks at who calls how often.
pub(super) async fn look_if_due(services: &Services, by: Looker) -> Result<(), StoreError> {
    let (now, elapsed) = (services.env.now(), services.env.elapsed());
    if !services.budgets.lock().wants_look(by, now, elapsed) {
        return Ok(());
    }
    let hour = next_hour(now) - SignedDuration::from_hours(1);
    let calls = services.store.list_proxy_calls(hour).await?;
    services.budgets.lock().set_shares(calls, elapsed);
    Ok(())
}

async fn write(
    services: &Services,
    unwritten: &[(BudgetOf, Budget)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = services.store.write().await?;
    for (of, budget) in unwritten {
        let stands = tx.lock_rate_budget(of, now).await?;
        tx.set_rate_budget(of, &stands.merged(*budget), now).await?;
    }
    tx.commit().await
}
