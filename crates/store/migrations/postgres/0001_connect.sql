-- People, teams, and what a team needs to connect a Jira site.
-- Times are milliseconds since 1970 (UTC). Sealed columns hold bytes that only `vault` opens.

CREATE TABLE users (
    id            UUID   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL COLLATE "C",
    email         TEXT   NOT NULL COLLATE "C" UNIQUE,
    password_hash TEXT   NOT NULL COLLATE "C",
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE TABLE sessions (
    id           UUID   NOT NULL PRIMARY KEY,
    user_id      UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash   BYTEA  NOT NULL UNIQUE,
    ends_at      BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);
CREATE INDEX sessions_user_id ON sessions (user_id);

CREATE TABLE teams (
    id         UUID   NOT NULL PRIMARY KEY,
    slug       TEXT   NOT NULL COLLATE "C" UNIQUE,
    name       TEXT   NOT NULL COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE memberships (
    team_id    UUID   NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id    UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role       TEXT   NOT NULL COLLATE "C" CHECK (role IN ('member', 'admin')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX memberships_user_id ON memberships (user_id);

CREATE TABLE connect_attempts (
    id               UUID   NOT NULL PRIMARY KEY,
    team_id          UUID   NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id          UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id       UUID   REFERENCES sessions (id) ON DELETE SET NULL,
    provider         TEXT   NOT NULL COLLATE "C" CHECK (provider IN ('jira')),
    purpose          TEXT   NOT NULL COLLATE "C" CHECK (purpose IN ('connect', 'reconnect')),
    code_verifier    BYTEA  NOT NULL,
    expires_at       BIGINT NOT NULL,
    finished_at      BIGINT,
    outcome          TEXT   COLLATE "C",
    access_token     BYTEA,
    refresh_token    BYTEA,
    token_expires_at BIGINT,
    scopes           TEXT   COLLATE "C",
    granted_at       BIGINT,
    erase_at         BIGINT,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    -- A grant is there as a whole or not at all.
    CHECK ((access_token IS NULL) = (refresh_token IS NULL)),
    CHECK ((access_token IS NULL) = (token_expires_at IS NULL)),
    CHECK ((access_token IS NULL) = (scopes IS NULL)),
    CHECK ((access_token IS NULL) = (granted_at IS NULL)),
    CHECK ((access_token IS NULL) = (erase_at IS NULL))
);
CREATE INDEX connect_attempts_team ON connect_attempts (team_id, provider, created_at);
CREATE INDEX connect_attempts_user_id ON connect_attempts (user_id);
CREATE INDEX connect_attempts_session_id ON connect_attempts (session_id);
CREATE INDEX connect_attempts_erase_at ON connect_attempts (erase_at) WHERE erase_at IS NOT NULL;

CREATE TABLE integration_credentials (
    id                   UUID   NOT NULL PRIMARY KEY,
    team_id              UUID   NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    provider             TEXT   NOT NULL COLLATE "C" CHECK (provider IN ('jira')),
    access_token         BYTEA,
    refresh_token        BYTEA,
    token_expires_at     BIGINT,
    scopes               TEXT   NOT NULL COLLATE "C",
    account_id           TEXT   COLLATE "C",
    connected_by         UUID   REFERENCES users (id) ON DELETE SET NULL,
    consented_at         BIGINT,
    generation           BIGINT NOT NULL CHECK (generation >= 0),
    consecutive_failures BIGINT NOT NULL CHECK (consecutive_failures >= 0),
    last_outcome         TEXT   COLLATE "C",
    last_refreshed_at    BIGINT,
    last_used_at         BIGINT,
    revoked_at           BIGINT,
    revocation_reason    TEXT   COLLATE "C",
    disconnected_at      BIGINT,
    disconnected_by      UUID   REFERENCES users (id) ON DELETE SET NULL,
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL,
    UNIQUE (team_id, provider),
    -- Lets `jira_integrations` prove that its credential is of the same team.
    UNIQUE (team_id, id),
    CHECK ((access_token IS NULL) = (refresh_token IS NULL)),
    CHECK ((access_token IS NULL) = (token_expires_at IS NULL)),
    CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL))
);
CREATE INDEX integration_credentials_connected_by ON integration_credentials (connected_by);
CREATE INDEX integration_credentials_disconnected_by ON integration_credentials (disconnected_by);

CREATE TABLE jira_integrations (
    id            UUID   NOT NULL PRIMARY KEY,
    team_id       UUID   NOT NULL,
    credential_id UUID   NOT NULL UNIQUE,
    cloud_id      TEXT   NOT NULL COLLATE "C",
    site_name     TEXT   NOT NULL COLLATE "C",
    site_url      TEXT   NOT NULL COLLATE "C",
    avatar_url    TEXT   COLLATE "C",
    last_sync_at  BIGINT,
    sync_status   TEXT   NOT NULL COLLATE "C" CHECK (sync_status IN ('pending', 'syncing', 'complete', 'error')),
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    FOREIGN KEY (team_id, credential_id) REFERENCES integration_credentials (team_id, id) ON DELETE CASCADE
);
CREATE INDEX jira_integrations_cloud_id ON jira_integrations (cloud_id);
CREATE INDEX jira_integrations_team_id ON jira_integrations (team_id);

-- Plain ids without foreign keys: the log outlives what it tells of.
CREATE TABLE audit_events (
    id            UUID   NOT NULL PRIMARY KEY,
    team_id       UUID,
    actor_user_id UUID,
    action        TEXT   NOT NULL COLLATE "C",
    subject_id    UUID,
    detail        TEXT   COLLATE "C",
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE INDEX audit_events_team ON audit_events (team_id, created_at);

-- One row: what belongs to the installation as a whole.
CREATE TABLE installation (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    canary     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
