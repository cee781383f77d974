//! The simulator as its clients see it, over real HTTP: each switch, each fault, each refusal has the
//! answer that Atlassian documents or was seen to give.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod consent;
mod control;
mod faults;
mod fuzz;
mod gateway;
mod jira;
mod page;
mod rate_limits;
mod saved;
mod search;
mod support;
mod tokens;
mod webhooks;
