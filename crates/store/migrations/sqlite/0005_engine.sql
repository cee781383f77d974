-- A token that is always valid: who refreshes what, when the next refresh is due, how Atlassian answers.

-- The lease, by the database's own clock, and the written intent: since when an exchange may have spent
-- the token that stands here.
ALTER TABLE integration_credentials ADD COLUMN lease_owner BLOB;
ALTER TABLE integration_credentials ADD COLUMN lease_until INTEGER;
ALTER TABLE integration_credentials ADD COLUMN refresh_started_at INTEGER;
-- None without a live pair.
ALTER TABLE integration_credentials ADD COLUMN next_refresh_at INTEGER;
ALTER TABLE integration_credentials ADD COLUMN failing_since INTEGER;
ALTER TABLE integration_credentials ADD COLUMN forced_at INTEGER;
UPDATE integration_credentials SET next_refresh_at = token_expires_at - 300000
 WHERE access_token IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX integration_credentials_due ON integration_credentials (next_refresh_at)
 WHERE next_refresh_at IS NOT NULL;
CREATE INDEX integration_credentials_interrupted ON integration_credentials (refresh_started_at)
 WHERE refresh_started_at IS NOT NULL;
CREATE INDEX integration_credentials_failing ON integration_credentials (provider, next_refresh_at)
 WHERE consecutive_failures > 0;
CREATE INDEX integration_credentials_leased ON integration_credentials (lease_owner)
 WHERE lease_owner IS NOT NULL;

ALTER TABLE jira_integrations ADD COLUMN checked_at INTEGER;
ALTER TABLE jira_integrations ADD COLUMN lost_at INTEGER;

-- One row a provider: whether it answers at all, for all processes.
CREATE TABLE provider_health (
    provider        TEXT NOT NULL PRIMARY KEY,
    failing_since   INTEGER,
    first_failed    BLOB,
    is_down         INTEGER NOT NULL CHECK (is_down IN (0, 1)),
    last_outcome    TEXT,
    next_probe_at   INTEGER,
    probes          INTEGER NOT NULL,
    last_success_at INTEGER,
    last_success_of BLOB,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

-- What each refresh came to.
CREATE TABLE refresh_events (
    id            BLOB NOT NULL PRIMARY KEY,
    team_id       BLOB NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    credential_id BLOB NOT NULL,
    generation    INTEGER NOT NULL,
    cause         TEXT NOT NULL,
    outcome       TEXT NOT NULL,
    http_status   INTEGER,
    duration_ms   INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX refresh_events_credential ON refresh_events (team_id, credential_id, created_at);
CREATE INDEX refresh_events_created_at ON refresh_events (created_at);
