//! What the service knows and decides, without I/O and without async.
//!
//! Every rule that can be stated as a function of plain values lives here: who may do what
//! ([`permission`]), what state a connection is in ([`state`]), when a token is refreshed
//! ([`refresh`]). Nothing here knows SQL, HTTP or the clock; time and randomness come in through
//! [`env::Env`].
//!
//! Begin reading at [`credential`] (what a team holds) and [`state`] (what people are told of it).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod api_key;
pub mod attempt;
pub mod audit;
pub mod credential;
pub mod env;
pub mod ids;
pub mod incident;
pub mod invitation;
pub mod jira;
pub mod jira_path;
pub mod json_links;
pub mod key_rate;
pub mod need;
pub mod outbox;
pub mod permission;
pub mod provider_health;
pub mod rate_budget;
pub mod refresh;
pub mod refresh_event;
pub mod retention;
pub mod sealed;
pub mod sending;
pub mod session;
pub mod slo;
pub mod state;
pub mod team;
pub mod text;
pub mod usage;
pub mod user;
