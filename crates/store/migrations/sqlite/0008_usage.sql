-- What services ask for: counted in memory, written once a second.

-- One row for each key, call, path template, answer and minute.
CREATE TABLE key_usage (
    team_id       BLOB    NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    key_id        BLOB    NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    -- The start of the minute.
    minute_at     INTEGER NOT NULL,
    call          TEXT    NOT NULL,
    method        TEXT    NOT NULL,
    -- Of a call through the proxy; else empty.
    path_template TEXT    NOT NULL,
    http_status   INTEGER NOT NULL,
    -- What came of it, as the promise counts it.
    answer        TEXT    NOT NULL,
    count         INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (key_id, minute_at, call, method, path_template, http_status, answer)
) STRICT;
CREATE INDEX key_usage_team ON key_usage (team_id, minute_at);
CREATE INDEX key_usage_minute_at ON key_usage (minute_at);

-- The same summed up by day, for the picture of a month and for what is promised.
CREATE TABLE daily_usage (
    team_id    BLOB    NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    -- The start of the day, UTC.
    day_at     INTEGER NOT NULL,
    call       TEXT    NOT NULL,
    answer     TEXT    NOT NULL,
    count      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (team_id, day_at, call, answer)
) STRICT;
CREATE INDEX daily_usage_day_at ON daily_usage (day_at);
