-- People are told: what needs them, what was sent of it, and when to look again.

-- When the state of a connection is to be looked at for whoever is to be told of a change, and what they
-- were told last. The state itself is never stored: it is computed from facts.
CREATE TABLE connection_watches (
    credential_id BLOB    NOT NULL PRIMARY KEY REFERENCES integration_credentials (id) ON DELETE CASCADE,
    team_id       BLOB    NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    due_at        INTEGER,
    -- None before the first look.
    told_state    TEXT,
    told_at       INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX connection_watches_due ON connection_watches (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX connection_watches_team ON connection_watches (team_id);
INSERT INTO connection_watches (credential_id, team_id, due_at, created_at, updated_at)
SELECT id, team_id, 0, created_at, updated_at FROM integration_credentials;

-- The time from a connection needing people until it works again.
CREATE TABLE incidents (
    id               BLOB    NOT NULL PRIMARY KEY,
    -- None where it is the operator's: the whole installation is concerned.
    team_id          BLOB    REFERENCES teams (id) ON DELETE CASCADE,
    -- Without a reference: the timeline of a team outlives a credential.
    credential_id    BLOB,
    provider         TEXT    NOT NULL,
    kind             TEXT    NOT NULL,
    reason           TEXT,
    opened_at        INTEGER NOT NULL,
    -- Since when it works, while that has not held for long enough.
    working_since    INTEGER,
    closed_at        INTEGER,
    -- How it ended.
    ending           TEXT,
    reminders        INTEGER NOT NULL,
    -- When the next reminder is due, or what works has held for long enough.
    due_at           INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    CHECK ((team_id IS NULL) = (credential_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX incidents_open_connection ON incidents (credential_id) WHERE closed_at IS NULL;
CREATE UNIQUE INDEX incidents_open_installation ON incidents (provider, kind)
 WHERE closed_at IS NULL AND team_id IS NULL;
CREATE INDEX incidents_due ON incidents (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX incidents_team ON incidents (team_id, opened_at);
CREATE INDEX incidents_opened_at ON incidents (opened_at);

-- What is to be sent, and what became of it. Written in the transaction of its cause.
CREATE TABLE outbox (
    id            BLOB    NOT NULL PRIMARY KEY,
    -- None where it is the operator's.
    team_id       BLOB    REFERENCES teams (id) ON DELETE CASCADE,
    incident_id   BLOB    REFERENCES incidents (id) ON DELETE CASCADE,
    channel       TEXT    NOT NULL,
    recipient     TEXT    NOT NULL,
    -- Which admin; none for others, and where the account is gone.
    user_id       BLOB    REFERENCES users (id) ON DELETE SET NULL,
    occasion      TEXT    NOT NULL,
    -- What makes it the same notice: written once however often its cause is seen.
    same_as       TEXT    NOT NULL UNIQUE,
    -- Versioned JSON without addresses and secrets.
    payload       TEXT    NOT NULL,
    -- When it is tried next; none once it ended.
    due_at        INTEGER,
    claimed_by    BLOB,
    claimed_until INTEGER,
    attempts      INTEGER NOT NULL,
    -- Sent, given up, or not to be sent any more.
    outcome       TEXT,
    ended_at      INTEGER,
    -- Why the last attempt failed: one of our words, never the other side's.
    last_error    TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    CHECK ((due_at IS NULL) = (outcome IS NOT NULL))
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_incident ON outbox (incident_id);
CREATE INDEX outbox_team ON outbox (team_id, created_at);
CREATE INDEX outbox_user ON outbox (user_id);
CREATE INDEX outbox_ended_at ON outbox (ended_at) WHERE ended_at IS NOT NULL;

-- How a receiver of webhooks answers, known by the hash of its address.
CREATE TABLE webhook_receivers (
    url_hash        BLOB  NOT NULL PRIMARY KEY,
    failing_since   INTEGER,
    last_success_at INTEGER,
    disabled_at     INTEGER,
    disabled_reason TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
