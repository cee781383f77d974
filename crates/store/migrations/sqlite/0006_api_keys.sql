-- Keys by which services ask for tokens. Of each only the hash is kept; a revoked one stays, so that who
-- presents it is told what became of it.
CREATE TABLE api_keys (
    id           BLOB    NOT NULL PRIMARY KEY,
    team_id      BLOB    NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    token_hash   BLOB    NOT NULL UNIQUE,
    created_by   BLOB    REFERENCES users (id) ON DELETE SET NULL,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;
-- A name is that of one service.
CREATE UNIQUE INDEX api_keys_live ON api_keys (team_id, name) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_team_id ON api_keys (team_id);
CREATE INDEX api_keys_created_by ON api_keys (created_by);
