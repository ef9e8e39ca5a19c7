-- What classification made of it.

-- One row per event; copies of one identity fold, and the version says which copy stays (see the crate's README).
-- Rows of open records fold apart, by their reference, because they count only while nothing longer covers them.
CREATE TABLE IF NOT EXISTS events {{on_cluster}}
(
    tenant             LowCardinality(String),
    day                Date COMMENT 'day as logged; 1990-01-01 where the record has no time',
    endpoint           String,
    source             LowCardinality(String),
    id                 UInt64 COMMENT 'identity: hash of tenant, endpoint, source, time as logged and text',
    generation         UInt32,
    open               UInt8 COMMENT 'the record may go on',
    open_stream        UInt64 COMMENT 'the stream where open, else 0',
    open_offset        UInt64 COMMENT 'the offset where open, else 0',
    stream             UInt64,
    offset             UInt64,
    length             UInt64,
    logged             Nullable(DateTime64(0, 'UTC')) COMMENT 'wall clock of the endpoint',
    stamp              Nullable(DateTime64(3, 'UTC')) COMMENT 'the record''s own UTC stamp',
    level              LowCardinality(String),
    component          LowCardinality(String),
    marker             LowCardinality(String),
    codes              Array(UInt32) COMMENT 'canonical failure codes that are not noise',
    rule               LowCardinality(String),
    object             String CODEC(ZSTD(1)),
    kb                 LowCardinality(String),
    package            String CODEC(ZSTD(1)),
    component_identity String CODEC(ZSTD(1)),
    session            String CODEC(ZSTD(1)),
    client             LowCardinality(String),
    trace              String CODEC(ZSTD(1)),
    fields             Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    text               String CODEC(ZSTD(1)),
    rule_set           UInt32,
    version            UInt128
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, endpoint, source, id, generation, open, open_stream, open_offset)
SETTINGS {{table_settings}};

-- Harmless look-alikes as sets of identities, which fold overlapping copies without counting twice.
CREATE TABLE IF NOT EXISTS noise {{on_cluster}}
(
    tenant     LowCardinality(String),
    day        Date,
    endpoint   String,
    source     LowCardinality(String),
    rule       LowCardinality(String),
    code       UInt32 COMMENT '0 where the rule names no code',
    session    String,
    generation UInt32,
    ids        SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64))
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, endpoint, source, rule, code, session, generation)
SETTINGS {{table_settings}};

-- Noise from open records, apart and with its reference: a set cannot let go of a member.
CREATE TABLE IF NOT EXISTS open_noise {{on_cluster}}
(
    tenant     LowCardinality(String),
    day        Date,
    endpoint   String,
    source     LowCardinality(String),
    rule       LowCardinality(String),
    code       UInt32,
    session    String,
    generation UInt32,
    id         UInt64,
    stream     UInt64,
    offset     UInt64,
    length     UInt64
)
ENGINE = {{engine:ReplacingMergeTree}}
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, endpoint, source, rule, code, session, generation, id, stream, offset, length)
SETTINGS {{table_settings}};
