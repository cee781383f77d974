-- What is removed by its age is found by its age.

CREATE INDEX audit_events_created_at ON audit_events (created_at);
CREATE INDEX connect_attempts_created_at ON connect_attempts (created_at);
CREATE INDEX incidents_closed_at ON incidents (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX sessions_ends_at ON sessions (ends_at);
CREATE INDEX sessions_last_seen_at ON sessions (last_seen_at);
