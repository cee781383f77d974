//! What is removed by its age, in all teams alike. The least age is checked where settings are read; what
//! is still needed stays whatever its age.

use domain::{retention::Kept, session::IDLE_LIFE};
use jiff::Timestamp;

use crate::{StoreError, Tx, columns::Millis};

impl Tx {
    /// Removes the oldest that are as old as `before`, at most `most`; says how many.
    ///
    /// What is still needed stays: sign-ins that go on, grants that wait for a choice, what is not sent,
    /// incidents that are open and all that was sent of them.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_old(
        &mut self,
        kept: Kept,
        before: Timestamp,
        most: i64,
    ) -> Result<u64, StoreError> {
        const REFRESH_EVENTS: &str = "
            DELETE FROM refresh_events
             WHERE id IN (SELECT id FROM refresh_events WHERE created_at <= $1 ORDER BY created_at LIMIT $2)";
        // The schema refuses to remove what is younger than 30 days by the clock of the database: where ours
        // is ahead of it, such rows are not asked for, so that they keep nothing else from being removed.
        const AUDIT_EVENTS_SQLITE: &str = "
            DELETE FROM audit_events
             WHERE id IN (SELECT id FROM audit_events
                           WHERE created_at <= $1
                             AND created_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - 2592000000
                           ORDER BY created_at LIMIT $2)";
        const AUDIT_EVENTS_POSTGRES: &str = "
            DELETE FROM audit_events
             WHERE id IN (SELECT id FROM audit_events
                           WHERE created_at <= $1
                             AND created_at <= CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)
                                               - 2592000000
                           ORDER BY created_at LIMIT $2)";
        // A grant that waits is erased at its own time, long before this.
        const CONNECT_ATTEMPTS: &str = "
            DELETE FROM connect_attempts
             WHERE id IN (SELECT id FROM connect_attempts WHERE created_at <= $1 AND erase_at IS NULL
                           ORDER BY created_at LIMIT $2)";
        const INVITATIONS: &str = "
            DELETE FROM invitations
             WHERE id IN (SELECT id FROM invitations WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
        const PASSWORD_RESETS: &str = "
            DELETE FROM password_resets
             WHERE id IN (SELECT id FROM password_resets WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
        // While an incident is open, what was sent of it is what keeps it from being sent again.
        const OUTBOX: &str = "
            DELETE FROM outbox
             WHERE id IN (SELECT o.id FROM outbox o
                           WHERE o.ended_at <= $1
                             AND NOT EXISTS (SELECT 1 FROM incidents i
                                              WHERE i.id = o.incident_id AND i.closed_at IS NULL)
                           ORDER BY o.ended_at LIMIT $2)";
        const INCIDENTS: &str = "
            DELETE FROM incidents
             WHERE id IN (SELECT i.id FROM incidents i
                           WHERE i.closed_at <= $1
                             AND NOT EXISTS (SELECT 1 FROM outbox o
                                              WHERE o.incident_id = i.id AND o.due_at IS NOT NULL)
                           ORDER BY i.closed_at LIMIT $2)";
        // Rows without an id are found by where they lie.
        const KEY_USAGE_SQLITE: &str = "
            DELETE FROM key_usage
             WHERE rowid IN (SELECT rowid FROM key_usage WHERE minute_at <= $1 ORDER BY minute_at LIMIT $2)";
        const KEY_USAGE_POSTGRES: &str = "
            DELETE FROM key_usage
             WHERE ctid = ANY (ARRAY(SELECT ctid FROM key_usage WHERE minute_at <= $1
                                      ORDER BY minute_at LIMIT $2))";
        const DAILY_USAGE_SQLITE: &str = "
            DELETE FROM daily_usage
             WHERE rowid IN (SELECT rowid FROM daily_usage WHERE day_at <= $1 ORDER BY day_at LIMIT $2)";
        const DAILY_USAGE_POSTGRES: &str = "
            DELETE FROM daily_usage
             WHERE ctid = ANY (ARRAY(SELECT ctid FROM daily_usage WHERE day_at <= $1
                                      ORDER BY day_at LIMIT $2))";
        const SESSIONS: &str = "
            DELETE FROM sessions
             WHERE id IN (SELECT id FROM sessions WHERE ends_at <= $1 OR last_seen_at <= $3 LIMIT $2)";
        let sql = match kept {
            Kept::RefreshEvents => REFRESH_EVENTS,
            Kept::AuditEvents => self.pick(AUDIT_EVENTS_SQLITE, AUDIT_EVENTS_POSTGRES),
            Kept::ConnectAttempts => CONNECT_ATTEMPTS,
            Kept::Invitations => INVITATIONS,
            Kept::PasswordResets => PASSWORD_RESETS,
            Kept::Outbox => OUTBOX,
            Kept::Incidents => INCIDENTS,
            Kept::KeyUsage => self.pick(KEY_USAGE_SQLITE, KEY_USAGE_POSTGRES),
            Kept::DailyUsage => self.pick(DAILY_USAGE_SQLITE, DAILY_USAGE_POSTGRES),
            Kept::Sessions => {
                let idle_since = before - IDLE_LIFE;
                return Ok(execute!(
                    self,
                    SESSIONS,
                    Millis::from(before),
                    most,
                    Millis::from(idle_since)
                )?);
            }
        };
        Ok(execute!(self, sql, Millis::from(before), most)?)
    }
}
