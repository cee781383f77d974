-- The audit log is added to and read. A fault of ours, or SQL by hand, neither changes a row nor removes one of the
-- last 30 days by the clock of the database. What removes rows by their age does so after 31 days at least.

CREATE TRIGGER audit_events_refuse_update BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit_events: a row is never changed');
END;

CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
WHEN OLD.created_at > CAST(unixepoch('subsec') * 1000 AS INTEGER) - 2592000000
BEGIN
    SELECT RAISE(ABORT, 'audit_events: a row of the last 30 days is not removed');
END;

-- `INSERT OR REPLACE` removes a row without asking the trigger of removals.
CREATE TRIGGER audit_events_refuse_replace BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit_events: a row is never replaced');
END;

-- Pages go from one row to the next, also among those of one moment.
DROP INDEX audit_events_team;
CREATE INDEX audit_events_team ON audit_events (team_id, created_at, id);
