-- What Atlassian allows, as far as it has told us: shared by all processes, and by all teams of a site.

CREATE TABLE rate_budgets (
    -- Empty where the limit is of all sites.
    cloud_id      TEXT    NOT NULL,
    limit_name    TEXT    NOT NULL,
    -- Of a limit of one endpoint its method and path template, of one issue its key; else empty.
    scope         TEXT    NOT NULL,
    refused_until INTEGER,
    refusals      INTEGER NOT NULL,
    -- What is left of an hour, and when that hour ends.
    points_left   INTEGER,
    hour_ends_at  INTEGER,
    -- How much the limit allows, where that was said.
    allowed       INTEGER,
    -- From then on nothing of this means anything.
    ends_at       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (cloud_id, limit_name, scope)
) STRICT;
CREATE INDEX rate_budgets_ends_at ON rate_budgets (ends_at);
