-- Links that let people in: invitations, forgotten passwords, the first account.
-- Of each token only the hash is kept.

CREATE TABLE invitations (
    id          UUID   NOT NULL PRIMARY KEY,
    team_id     UUID   NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    email       TEXT   NOT NULL COLLATE "C",
    role        TEXT   NOT NULL COLLATE "C" CHECK (role IN ('member', 'admin')),
    token_hash  BYTEA  NOT NULL UNIQUE,
    invited_by  UUID   REFERENCES users (id) ON DELETE SET NULL,
    expires_at  BIGINT NOT NULL,
    ended_at    BIGINT,
    outcome     TEXT   COLLATE "C" CHECK (outcome IN ('accepted', 'revoked', 'replaced')),
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
-- An address has one open invitation to a team.
CREATE UNIQUE INDEX invitations_open ON invitations (team_id, email) WHERE ended_at IS NULL;
CREATE INDEX invitations_invited_by ON invitations (invited_by);
CREATE INDEX invitations_expires_at ON invitations (expires_at);

CREATE TABLE password_resets (
    id          UUID   NOT NULL PRIMARY KEY,
    user_id     UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash  BYTEA  NOT NULL UNIQUE,
    expires_at  BIGINT NOT NULL,
    ended_at    BIGINT,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX password_resets_user_id ON password_resets (user_id);
CREATE INDEX password_resets_expires_at ON password_resets (expires_at);

-- Links for the first account. All of them go when it is made.
CREATE TABLE setup_links (
    id          UUID   NOT NULL PRIMARY KEY,
    token_hash  BYTEA  NOT NULL UNIQUE,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
