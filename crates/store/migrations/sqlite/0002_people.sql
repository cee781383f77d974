-- Links that let people in: invitations, forgotten passwords, the first account.
-- Of each token only the hash is kept.

CREATE TABLE invitations (
    id          BLOB    NOT NULL PRIMARY KEY,
    team_id     BLOB    NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    email       TEXT    NOT NULL,
    role        TEXT    NOT NULL CHECK (role IN ('member', 'admin')),
    token_hash  BLOB    NOT NULL UNIQUE,
    invited_by  BLOB    REFERENCES users (id) ON DELETE SET NULL,
    expires_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    outcome     TEXT    CHECK (outcome IN ('accepted', 'revoked', 'replaced')),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT;
-- An address has one open invitation to a team.
CREATE UNIQUE INDEX invitations_open ON invitations (team_id, email) WHERE ended_at IS NULL;
CREATE INDEX invitations_invited_by ON invitations (invited_by);
CREATE INDEX invitations_expires_at ON invitations (expires_at);

CREATE TABLE password_resets (
    id          BLOB    NOT NULL PRIMARY KEY,
    user_id     BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash  BLOB    NOT NULL UNIQUE,
    expires_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX password_resets_user_id ON password_resets (user_id);
CREATE INDEX password_resets_expires_at ON password_resets (expires_at);

-- Links for the first account. All of them go when it is made.
CREATE TABLE setup_links (
    id          BLOB    NOT NULL PRIMARY KEY,
    token_hash  BLOB    NOT NULL UNIQUE,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
