-- Endpoints as people know them, and who did what.

-- The name that stood last in an endpoint's own logs, or with which it enrolled; in place of `host`, of which the greatest stayed. And
-- when we heard of it last, by the clock of who took its logs.
ALTER TABLE endpoints {{on_cluster}}
    ADD COLUMN IF NOT EXISTS named SimpleAggregateFunction(max, Tuple(Int64, String)) COMMENT '(time as logged in seconds, host name): the latest wins',
    ADD COLUMN IF NOT EXISTS contact SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'receipt of its last log, or enrolment';

-- Host names that stood in an endpoint's logs, from when to when as logged. Those of enrolments are in `enrolments`.
CREATE TABLE IF NOT EXISTS endpoint_hosts {{on_cluster}}
(
    tenant   LowCardinality(String),
    endpoint String,
    host     String,
    first    SimpleAggregateFunction(min, Nullable(DateTime64(0, 'UTC'))),
    last     SimpleAggregateFunction(max, Nullable(DateTime64(0, 'UTC')))
)
ENGINE = {{engine:AggregatingMergeTree}}
ORDER BY (tenant, endpoint, host)
SETTINGS {{table_settings}};

-- What people say of endpoints. By label first, so that the endpoints of a ring or a site are next to each other: pages narrow to them.
CREATE TABLE IF NOT EXISTS endpoint_labels {{on_cluster}}
(
    tenant   LowCardinality(String),
    label    LowCardinality(String) COMMENT 'name, site, model, group, ring, or any other',
    endpoint String,
    value    String COMMENT 'empty: taken away',
    changed  DateTime64(3, 'UTC'),
    by       String COMMENT 'the user of the command',
    version  UInt64 COMMENT 'how often it was changed, then a hash of the value: of two changes at once no order of inserts decides'
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
ORDER BY (tenant, label, endpoint)
SETTINGS {{table_settings}};

-- Who did what. Each row names the hashes of rows before it, so that a change, a hole and a row put in between are found. All of a row is
-- in its key: a row that was put beside another one stays and shows.
CREATE TABLE IF NOT EXISTS audit {{on_cluster}}
(
    tenant   LowCardinality(String),
    at       DateTime64(3, 'UTC'),
    writer   UInt64 COMMENT 'one process',
    number   UInt32 COMMENT 'of its row, from 1 on',
    actor    String COMMENT 'the user of a command, fleet:NAME, or cbsift',
    action   LowCardinality(String),
    object   String,
    before   String COMMENT 'JSON, empty where there was nothing',
    after    String COMMENT 'JSON, empty where nothing is left',
    previous Array(String) COMMENT 'hashes: of the row before it; of the first row of a process of those that no row had named',
    hash     String COMMENT 'hex SHA-256 over all other columns'
)
ENGINE = {{engine:ReplacingMergeTree}}
PARTITION BY toYYYYMM(at)
ORDER BY (tenant, at, writer, number, hash)
SETTINGS {{table_settings}};
