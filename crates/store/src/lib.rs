//! The only crate that knows SQL: one set of queries for `SQLite` and PostgreSQL.
//!
//! [`Store`] is an open database, [`Tx`] a transaction; every query is a method of `Tx`, in the file
//! of its subject. This crate must not know HTTP or secrets in the clear: what is sealed comes in and
//! goes out as [`domain::sealed::Sealed`].
//!
//! # To add a query
//!
//! 1. Find the file of its subject, or add one and its `mod` line here.
//! 2. Write `impl Tx { pub async fn … }`: names begin with `find_` (an `Option`), `get_`, `list_`, `add_`,
//!    `set_`, `remove_`. Data of a team takes `TeamId` first and has `team_id` in its `WHERE`.
//! 3. One `const SQL` with `$1, $2, …`, run through `on_both!`. Where the databases must differ, two
//!    constants and `self.pick`.
//! 4. Rows come out through a private struct (`#[derive(FromRow)]`) and a conversion that names the
//!    odd value's column.
//! 5. Test it in `tests/it`, on both databases, with another team that must see nothing.
//!
//! # To add a table
//!
//! Add a file of the same name to `migrations/sqlite` and `migrations/postgres`; `tests/it/schema.rs`
//! compares what they make. A migration that was released is never edited: `migrations/checksums.txt`
//! knows each file. For files that no release has, write it anew:
//!
//! ```sh
//! (cd crates/store/migrations && LC_ALL=C sha256sum */*.sql > checksums.txt)
//! ```

#[macro_use]
mod tx;

mod api_keys;
mod attempts;
mod audit;
mod audit_log;
mod backup;
mod clean_up;
mod columns;
mod connections;
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
mod key_rights;
mod leases;
mod links;
mod members;
mod outbox;
mod overview;
mod provider_health;
mod rate_budgets;
mod refresh_events;
mod retention;
mod sealed_values;
mod sending;
mod sessions;
mod teams;
mod usage;
mod usage_log;
mod users;
mod watches;
mod webhook_receivers;

pub use api_keys::{ApiCaller, ApiKeyWithName};
pub use audit_log::{
    AuditChoices, AuditFilter, AuditKey, AuditLogEntry, AuditPerson, AuditPlace, Direction, DoneBy,
};
pub use connections::ListedConnection;
pub use counts::ConnectionGroup;
pub use error::StoreError;
pub use health::{
    Happened, HealthCounts, IncidentWithNotices, Notice, SentNotices, ServiceUse, TimelineEntry,
    TimelineFilter, TimelinePlace,
};
pub use hints::RefreshHints;
pub use installation::Served;
pub use invitations::InvitationWithNames;
pub use leases::{DueRefresh, FailedRefresh, RefreshOf};
pub use links::PasswordReset;
pub use members::MemberRecord;
pub use overview::{ConnectionOverview, Lapsed, Surroundings};
pub use rate_budgets::ProxyCalls;
pub use sealed_values::{SealedColumn, SealedValue};
pub use sending::{ToldBefore, Waiting};
pub use sessions::Visitor;
pub use tx::{Schema, Store, Tx};
pub use usage::UsageSum;
pub use usage_log::{UsageCall, UsageFilter, UsageLine, UsagePlace, UsageRow, UsageRowPlace};
pub use watches::{Watch, WatchOf};
pub use webhook_receivers::ReceiverHealth;
