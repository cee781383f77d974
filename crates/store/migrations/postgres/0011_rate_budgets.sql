-- What Atlassian allows, as far as it has told us: shared by all processes, and by all teams of a site.

CREATE TABLE rate_budgets (
    -- Empty where the limit is of all sites.
    cloud_id      TEXT   NOT NULL COLLATE "C",
    limit_name    TEXT   NOT NULL COLLATE "C",
    -- Of a limit of one endpoint its method and path template, of one issue its key; else empty.
    scope         TEXT   NOT NULL COLLATE "C",
    refused_until BIGINT,
    refusals      BIGINT NOT NULL,
    -- What is left of an hour, and when that hour ends.
    points_left   BIGINT,
    hour_ends_at  BIGINT,
    -- How much the limit allows, where that was said.
    allowed       BIGINT,
    -- From then on nothing of this means anything.
    ends_at       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (cloud_id, limit_name, scope)
);
CREATE INDEX rate_budgets_ends_at ON rate_budgets (ends_at);
