-- People are told: what needs them, what was sent of it, and when to look again.

-- When the state of a connection is to be looked at for whoever is to be told of a change, and what they
-- were told last. The state itself is never stored: it is computed from facts.
CREATE TABLE connection_watches (
    credential_id UUID   NOT NULL PRIMARY KEY REFERENCES integration_credentials (id) ON DELETE CASCADE,
    team_id       UUID   NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    due_at        BIGINT,
    -- None before the first look.
    told_state    TEXT   COLLATE "C",
    told_at       BIGINT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE INDEX connection_watches_due ON connection_watches (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX connection_watches_team ON connection_watches (team_id);
INSERT INTO connection_watches (credential_id, team_id, due_at, created_at, updated_at)
SELECT id, team_id, 0, created_at, updated_at FROM integration_credentials;

-- The time from a connection needing people until it works again.
CREATE TABLE incidents (
    id               UUID   NOT NULL PRIMARY KEY,
    -- None where it is the operator's: the whole installation is concerned.
    team_id          UUID   REFERENCES teams (id) ON DELETE CASCADE,
    -- Without a reference: the timeline of a team outlives a credential.
    credential_id    UUID,
    provider         TEXT   NOT NULL COLLATE "C",
    kind             TEXT   NOT NULL COLLATE "C",
    reason           TEXT   COLLATE "C",
    opened_at        BIGINT NOT NULL,
    -- Since when it works, while that has not held for long enough.
    working_since    BIGINT,
    closed_at        BIGINT,
    -- How it ended.
    ending           TEXT   COLLATE "C",
    reminders        BIGINT NOT NULL,
    -- When the next reminder is due, or what works has held for long enough.
    due_at           BIGINT,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    CHECK ((team_id IS NULL) = (credential_id IS NULL))
);
CREATE UNIQUE INDEX incidents_open_connection ON incidents (credential_id) WHERE closed_at IS NULL;
CREATE UNIQUE INDEX incidents_open_installation ON incidents (provider, kind)
 WHERE closed_at IS NULL AND team_id IS NULL;
CREATE INDEX incidents_due ON incidents (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX incidents_team ON incidents (team_id, opened_at);
CREATE INDEX incidents_opened_at ON incidents (opened_at);

-- What is to be sent, and what became of it. Written in the transaction of its cause.
CREATE TABLE outbox (
    id            UUID   NOT NULL PRIMARY KEY,
    -- None where it is the operator's.
    team_id       UUID   REFERENCES teams (id) ON DELETE CASCADE,
    incident_id   UUID   REFERENCES incidents (id) ON DELETE CASCADE,
    channel       TEXT   NOT NULL COLLATE "C",
    recipient     TEXT   NOT NULL COLLATE "C",
    -- Which admin; none for others, and where the account is gone.
    user_id       UUID   REFERENCES users (id) ON DELETE SET NULL,
    occasion      TEXT   NOT NULL COLLATE "C",
    -- What makes it the same notice: written once however often its cause is seen.
    same_as       TEXT   NOT NULL UNIQUE COLLATE "C",
    -- Versioned JSON without addresses and secrets.
    payload       TEXT   NOT NULL COLLATE "C",
    -- When it is tried next; none once it ended.
    due_at        BIGINT,
    claimed_by    UUID,
    claimed_until BIGINT,
    attempts      BIGINT NOT NULL,
    -- Sent, given up, or not to be sent any more.
    outcome       TEXT   COLLATE "C",
    ended_at      BIGINT,
    -- Why the last attempt failed: one of our words, never the other side's.
    last_error    TEXT   COLLATE "C",
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    CHECK ((due_at IS NULL) = (outcome IS NOT NULL))
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_incident ON outbox (incident_id);
CREATE INDEX outbox_team ON outbox (team_id, created_at);
CREATE INDEX outbox_user ON outbox (user_id);
CREATE INDEX outbox_ended_at ON outbox (ended_at) WHERE ended_at IS NOT NULL;

-- How a receiver of webhooks answers, known by the hash of its address.
CREATE TABLE webhook_receivers (
    url_hash        BYTEA  NOT NULL PRIMARY KEY,
    failing_since   BIGINT,
    last_success_at BIGINT,
    disabled_at     BIGINT,
    disabled_reason TEXT   COLLATE "C",
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);
