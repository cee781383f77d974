-- A token that is always valid: who refreshes what, when the next refresh is due, how Atlassian answers.

-- The lease, by the database's own clock, and the written intent: since when an exchange may have spent
-- the token that stands here.
ALTER TABLE integration_credentials ADD COLUMN lease_owner UUID;
ALTER TABLE integration_credentials ADD COLUMN lease_until BIGINT;
ALTER TABLE integration_credentials ADD COLUMN refresh_started_at BIGINT;
-- None without a live pair.
ALTER TABLE integration_credentials ADD COLUMN next_refresh_at BIGINT;
ALTER TABLE integration_credentials ADD COLUMN failing_since BIGINT;
ALTER TABLE integration_credentials ADD COLUMN forced_at BIGINT;
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

ALTER TABLE jira_integrations ADD COLUMN checked_at BIGINT;
ALTER TABLE jira_integrations ADD COLUMN lost_at BIGINT;

-- One row a provider: whether it answers at all, for all processes.
CREATE TABLE provider_health (
    provider        TEXT NOT NULL PRIMARY KEY COLLATE "C",
    failing_since   BIGINT,
    first_failed    UUID,
    is_down         BOOLEAN NOT NULL,
    last_outcome    TEXT COLLATE "C",
    next_probe_at   BIGINT,
    probes          BIGINT NOT NULL,
    last_success_at BIGINT,
    last_success_of UUID,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);

-- What each refresh came to.
CREATE TABLE refresh_events (
    id            UUID NOT NULL PRIMARY KEY,
    team_id       UUID NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    credential_id UUID NOT NULL,
    generation    BIGINT NOT NULL,
    cause         TEXT NOT NULL COLLATE "C",
    outcome       TEXT NOT NULL COLLATE "C",
    http_status   BIGINT,
    duration_ms   BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE INDEX refresh_events_credential ON refresh_events (team_id, credential_id, created_at);
CREATE INDEX refresh_events_created_at ON refresh_events (created_at);
