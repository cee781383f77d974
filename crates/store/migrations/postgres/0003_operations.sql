-- What an operator relies on: which keys may have sealed something, and under which address and
-- client id the store is served.

-- One row for each key that may have sealed anything: added before the key seals, removed when it is
-- retired. Each holds a known text that only this key opens.
CREATE TABLE key_canaries (
    key_id     TEXT   NOT NULL COLLATE "C" PRIMARY KEY,
    canary     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Served under these last; nothing yet in a store that was never served.
ALTER TABLE installation ADD COLUMN base_url TEXT COLLATE "C";
ALTER TABLE installation ADD COLUMN client_id TEXT COLLATE "C";
-- Set in a copy that `tformance backup` made: it is served only once it was adopted.
ALTER TABLE installation ADD COLUMN copied_at BIGINT;
