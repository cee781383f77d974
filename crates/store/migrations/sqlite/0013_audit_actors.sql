-- Whose changes a team's log has: found one by one, from each to the next, however many rows each of them has.
CREATE INDEX audit_events_actor ON audit_events (team_id, actor_user_id);
