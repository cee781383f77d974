//! What Atlassian allows, and what was not asked of it for that.

use domain::rate_budget::Limit;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::budget::Why;

/// Which limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

/// Which limit, and whether it is in the way of all or of one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabel {
    limit: &'static str,
    why: &'static str,
}

/// The metrics of limits.
#[derive(Debug)]
pub(super) struct BudgetMetrics {
    refused: Family<RefusedLabel, Counter>,
    limited: Family<LimitLabel, Counter>,
    used_up: Family<LimitLabel, Gauge>,
}

impl BudgetMetrics {
    /// All at zero.
    pub(super) fn new() -> Self {
        let metrics = Self {
            refused: Family::default(),
            limited: Family::default(),
            used_up: Family::default(),
        };
        for limit in Limit::ALL {
            drop(metrics.limited.get_or_create(&label(limit)));
            for why in Why::ALL {
                drop(metrics.refused.get_or_create(&refused_label(limit, why)));
            }
            if limit.is_of_hour() {
                drop(metrics.used_up.get_or_create(&label(limit)));
            }
        }
        metrics
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "over_budget",
            "Calls through the proxy that were not made, by the limit that was in the way, and whether of all or of one key",
            self.refused.clone(),
        );
        registry.register(
            "provider_limited",
            "Refusals of Atlassian's for the number of calls (429), by limit",
            self.limited.clone(),
        );
        registry.register(
            "used_up_hours",
            "Of how many sites the points of this hour are used up, and whether those of all are; looked at once a minute",
            self.used_up.clone(),
        );
    }
}

const fn label(limit: Limit) -> LimitLabel {
    LimitLabel {
        limit: limit.as_str(),
    }
}

const fn refused_label(limit: Limit, why: Why) -> RefusedLabel {
    RefusedLabel {
        limit: limit.as_str(),
        why: why.as_str(),
    }
}

impl super::Metrics {
    /// A call was not made.
    pub(crate) fn over_budget(&self, limit: Limit, why: Why) {
        let label = refused_label(limit, why);
        self.budgets.refused.get_or_create(&label).inc();
    }

    /// Atlassian refused one.
    pub(crate) fn provider_limited(&self, limit: Limit) {
        self.budgets.limited.get_or_create(&label(limit)).inc();
    }

    /// How often the points of this hour are used up, by limit.
    pub(crate) fn set_used_up_hours(&self, count: impl Fn(Limit) -> i64) {
        for limit in Limit::ALL.into_iter().filter(|it| it.is_of_hour()) {
            self.budgets
                .used_up
                .get_or_create(&label(limit))
                .set(count(limit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;

    #[test]
    fn every_series_of_limits_is_there_from_the_start_and_counts() {
        let metrics = Metrics::new();
        let text = metrics.text().unwrap();
        for limit in Limit::ALL {
            let limit = limit.as_str();
            for line in [
                format!("tformance_over_budget_total{{limit=\"{limit}\",why=\"used_up\"}} 0"),
                format!("tformance_over_budget_total{{limit=\"{limit}\",why=\"fair_share\"}} 0"),
                format!("tformance_provider_limited_total{{limit=\"{limit}\"}} 0"),
            ] {
                assert!(text.contains(&line), "{line}\n{text}");
            }
        }
        metrics.over_budget(Limit::Burst, Why::FairShare);
        metrics.provider_limited(Limit::AppHour);
        metrics.set_used_up_hours(|it| i64::from(it == Limit::SiteHour) * 3);
        let text = metrics.text().unwrap();
        for line in [
            "tformance_over_budget_total{limit=\"burst\",why=\"fair_share\"} 1",
            "tformance_provider_limited_total{limit=\"app_hour\"} 1",
            "tformance_used_up_hours{limit=\"app_hour\"} 0",
            "tformance_used_up_hours{limit=\"site_hour\"} 3",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
