//! Every query on both databases, each with another team that must see nothing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod api_keys;
mod attempts;
mod audit;
mod clean_up;
mod columns;
mod counts;
mod credentials;
mod error;
mod grants;
mod health;
mod hints;
mod incidents;
mod installation;
mod invitations;
mod jira;
mod leases;
mod links;
mod members;
mod one_grant;
mod outbox;
mod overview;
mod provider_health;
mod refresh_events;
mod retention;
mod rows;
mod schema;
mod sealed_values;
mod sending;
mod sessions;
mod teams;
mod tx;
mod usage;
mod users;
mod watches;
mod webhook_receivers;
