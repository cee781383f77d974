-- People, teams, and what a team needs to connect a Jira site.
-- Times are milliseconds since 1970 (UTC). Sealed columns hold bytes that only `vault` opens.

CREATE TABLE users (
    id            BLOB    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    email         TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id           BLOB    NOT NULL PRIMARY KEY,
    user_id      BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash   BLOB    NOT NULL UNIQUE,
    ends_at      INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_user_id ON sessions (user_id);

CREATE TABLE teams (
    id         BLOB    NOT NULL PRIMARY KEY,
    slug       TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE memberships (
    team_id    BLOB    NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role       TEXT    NOT NULL CHECK (role IN ('member', 'admin')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (team_id, user_id)
) STRICT;
CREATE INDEX memberships_user_id ON memberships (user_id);

CREATE TABLE connect_attempts (
    id                     BLOB    NOT NULL PRIMARY KEY,
    team_id                BLOB    NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id                BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id             BLOB    REFERENCES sessions (id) ON DELETE SET NULL,
    provider               TEXT    NOT NULL CHECK (provider IN ('jira')),
    purpose                TEXT    NOT NULL CHECK (purpose IN ('connect', 'reconnect')),
    code_verifier          BLOB    NOT NULL,
    expires_at             INTEGER NOT NULL,
    finished_at            INTEGER,
    outcome                TEXT,
    access_token           BLOB,
    refresh_token          BLOB,
    token_expires_at       INTEGER,
    scopes                 TEXT,
    granted_at             INTEGER,
    erase_at               INTEGER,
    created_at             INTEGER NOT NULL,
    updated_at             INTEGER NOT NULL,
    -- A grant is there as a whole or not at all.
    CHECK ((access_token IS NULL) = (refresh_token IS NULL)),
    CHECK ((access_token IS NULL) = (token_expires_at IS NULL)),
    CHECK ((access_token IS NULL) = (scopes IS NULL)),
    CHECK ((access_token IS NULL) = (granted_at IS NULL)),
    CHECK ((access_token IS NULL) = (erase_at IS NULL))
) STRICT;
CREATE INDEX connect_attempts_team ON connect_attempts (team_id, provider, created_at);
CREATE INDEX connect_attempts_user_id ON connect_attempts (user_id);
CREATE INDEX connect_attempts_session_id ON connect_attempts (session_id);
CREATE INDEX connect_attempts_erase_at ON connect_attempts (erase_at) WHERE erase_at IS NOT NULL;

CREATE TABLE integration_credentials (
    id                   BLOB    NOT NULL PRIMARY KEY,
    team_id              BLOB    NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    provider             TEXT    NOT NULL CHECK (provider IN ('jira')),
    access_token         BLOB,
    refresh_token        BLOB,
    token_expires_at     INTEGER,
    scopes               TEXT    NOT NULL,
    account_id           TEXT,
    connected_by         BLOB    REFERENCES users (id) ON DELETE SET NULL,
    consented_at         INTEGER,
    generation           INTEGER NOT NULL CHECK (generation >= 0),
    consecutive_failures INTEGER NOT NULL CHECK (consecutive_failures >= 0),
    last_outcome         TEXT,
    last_refreshed_at    INTEGER,
    last_used_at         INTEGER,
    revoked_at           INTEGER,
    revocation_reason    TEXT,
    disconnected_at      INTEGER,
    disconnected_by      BLOB    REFERENCES users (id) ON DELETE SET NULL,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL,
    UNIQUE (team_id, provider),
    -- Lets `jira_integrations` prove that its credential is of the same team.
    UNIQUE (team_id, id),
    CHECK ((access_token IS NULL) = (refresh_token IS NULL)),
    CHECK ((access_token IS NULL) = (token_expires_at IS NULL)),
    CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL))
) STRICT;
CREATE INDEX integration_credentials_connected_by ON integration_credentials (connected_by);
CREATE INDEX integration_credentials_disconnected_by ON integration_credentials (disconnected_by);

CREATE TABLE jira_integrations (
    id            BLOB    NOT NULL PRIMARY KEY,
    team_id       BLOB    NOT NULL,
    credential_id BLOB    NOT NULL UNIQUE,
    cloud_id      TEXT    NOT NULL,
    site_name     TEXT    NOT NULL,
    site_url      TEXT    NOT NULL,
    avatar_url    TEXT,
    last_sync_at  INTEGER,
    sync_status   TEXT    NOT NULL CHECK (sync_status IN ('pending', 'syncing', 'complete', 'error')),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    FOREIGN KEY (team_id, credential_id) REFERENCES integration_credentials (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX jira_integrations_cloud_id ON jira_integrations (cloud_id);
CREATE INDEX jira_integrations_team_id ON jira_integrations (team_id);

-- Plain ids without foreign keys: the log outlives what it tells of.
CREATE TABLE audit_events (
    id            BLOB    NOT NULL PRIMARY KEY,
    team_id       BLOB,
    actor_user_id BLOB,
    action        TEXT    NOT NULL,
    subject_id    BLOB,
    detail        TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_events_team ON audit_events (team_id, created_at);

-- One row: what belongs to the installation as a whole.
CREATE TABLE installation (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    canary     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
