-- What derivation made of the events, and the outbox that drives it.

-- One row per batch and unit touched, written before the batch's chunks; a second row with done = 1 closes it.
-- Small and short-lived, so not partitioned: one INSERT serves all months of a batch.
CREATE TABLE IF NOT EXISTS news {{on_cluster}}
(
    tenant   LowCardinality(String),
    endpoint String,
    month    UInt32 COMMENT 'YYYYMM as logged',
    id       UInt64,
    done     UInt8,
    -- The one clock: a sweep leaves young news to the process whose batch may still be on its way. It reaches no answer.
    at       DateTime DEFAULT now()
)
ENGINE = {{engine:ReplacingMergeTree}}(done)
ORDER BY (tenant, endpoint, month, id)
SETTINGS {{table_settings}};

-- One row per unit and generation names the set of rows that readers see.
CREATE TABLE IF NOT EXISTS derivations {{on_cluster}}
(
    tenant     LowCardinality(String),
    endpoint   String,
    month      UInt32 COMMENT 'YYYYMM as logged',
    generation UInt32,
    version    UInt128 COMMENT 'rule set sequence, number of distinct inputs, their hash',
    `set`      UInt64,
    attempts   UInt32,
    findings   UInt32
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
PARTITION BY month
ORDER BY (tenant, endpoint, month, generation)
SETTINGS {{table_settings}};

CREATE TABLE IF NOT EXISTS attempts {{on_cluster}}
(
    tenant        LowCardinality(String),
    day           Date COMMENT 'day of the start as logged',
    endpoint      String,
    month         UInt32,
    generation    UInt32,
    `set`         UInt64,
    ordinal       UInt32,
    version       UInt128 COMMENT 'of the set',
    id            UInt64,
    package       String CODEC(ZSTD(1)),
    kb            LowCardinality(String),
    client        LowCardinality(String),
    session       String CODEC(ZSTD(1)),
    start         Nullable(DateTime64(0, 'UTC')),
    `end`         Nullable(DateTime64(0, 'UTC')),
    start_utc     Nullable(DateTime64(3, 'UTC')),
    outcome       LowCardinality(String),
    terminal_code Nullable(UInt32),
    finding       Nullable(UInt32) COMMENT 'ordinal in findings of the same set',
    -- Of its finding, so that pages can narrow without a join.
    rule          LowCardinality(String),
    category      LowCardinality(String),
    root_code     Nullable(UInt32)
)
ENGINE = {{engine:ReplacingMergeTree}}
PARTITION BY month
ORDER BY (tenant, day, endpoint, `set`, ordinal)
SETTINGS {{table_settings}};

CREATE TABLE IF NOT EXISTS findings {{on_cluster}}
(
    tenant           LowCardinality(String),
    day              Date COMMENT 'day of the cause as logged',
    endpoint         String,
    month            UInt32,
    generation       UInt32,
    `set`            UInt64,
    ordinal          UInt32,
    version          UInt128 COMMENT 'of the set',
    id               UInt64,
    rule             LowCardinality(String),
    category         LowCardinality(String),
    severity         LowCardinality(String),
    root_code        Nullable(UInt32),
    terminal_code    Nullable(UInt32),
    object           String CODEC(ZSTD(1)),
    kb               LowCardinality(String),
    package          String CODEC(ZSTD(1)),
    component        String CODEC(ZSTD(1)),
    logged           Nullable(DateTime64(0, 'UTC')),
    utc              Nullable(DateTime64(3, 'UTC')),
    confidence       UInt8,
    reasons          Array(LowCardinality(String)),
    count            UInt32,
    evidence_ids     Array(UInt64),
    evidence_sources Array(LowCardinality(String)),
    evidence_streams Array(UInt64),
    evidence_offsets Array(UInt64),
    evidence_lengths Array(UInt64),
    evidence_texts   Array(String) CODEC(ZSTD(1))
)
ENGINE = {{engine:ReplacingMergeTree}}
PARTITION BY month
ORDER BY (tenant, day, endpoint, `set`, ordinal)
SETTINGS {{table_settings}};

-- What is known of a machine; every column folds by itself, so a replay changes nothing.
CREATE TABLE IF NOT EXISTS endpoints {{on_cluster}}
(
    tenant          LowCardinality(String),
    endpoint        String,
    host            SimpleAggregateFunction(max, String),
    -- (time as logged in seconds, text): the latest wins.
    servicing_stack SimpleAggregateFunction(max, Tuple(Int64, String)),
    first           SimpleAggregateFunction(min, Nullable(DateTime64(0, 'UTC'))),
    last            SimpleAggregateFunction(max, Nullable(DateTime64(0, 'UTC')))
)
ENGINE = {{engine:AggregatingMergeTree}}
ORDER BY (tenant, endpoint)
SETTINGS {{table_settings}};

CREATE TABLE IF NOT EXISTS rule_sets {{on_cluster}}
(
    sequence UInt32,
    digest   String
)
ENGINE = {{engine:ReplacingMergeTree}}
ORDER BY (sequence, digest)
SETTINGS {{table_settings}};
