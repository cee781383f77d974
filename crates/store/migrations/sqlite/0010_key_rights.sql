-- What a key may do, until when, and for which site; and two keys of a service while one replaces the other.

-- What it may do: a preset's word, or a document with a version; null is everything.
ALTER TABLE api_keys ADD COLUMN rights TEXT;
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
-- The cloud id of the only site that it is for.
ALTER TABLE api_keys ADD COLUMN pinned_to TEXT;
ALTER TABLE api_keys ADD COLUMN is_second INTEGER NOT NULL DEFAULT 0 CHECK (is_second IN (0, 1));

-- A name is that of one service, which has two keys in force at most.
DROP INDEX api_keys_live;
CREATE UNIQUE INDEX api_keys_live ON api_keys (team_id, name, is_second) WHERE revoked_at IS NULL;
