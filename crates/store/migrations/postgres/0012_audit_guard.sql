-- The audit log is added to and read. A fault of ours, or SQL by hand, neither changes a row nor removes one of the
-- last 30 days by the clock of the database. What removes rows by their age does so after 31 days at least.

CREATE FUNCTION refuse_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_events: %', TG_ARGV[0];
END
$$;

CREATE TRIGGER audit_events_refuse_update BEFORE UPDATE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_events('a row is never changed');

CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
    FOR EACH ROW
    WHEN (OLD.created_at > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) - 2592000000)
    EXECUTE FUNCTION refuse_audit_events('a row of the last 30 days is not removed');

CREATE TRIGGER audit_events_refuse_truncate BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_events('its rows are not removed at once');

-- Pages go from one row to the next, also among those of one moment.
DROP INDEX audit_events_team;
CREATE INDEX audit_events_team ON audit_events (team_id, created_at, id);
