-- What derivations read, landmarks of all endpoints before everything else: those of a month are next to each other, where `inputs` had
-- some at the front of each endpoint, so that a part was read from end to end for the landmarks of 64 endpoints.
-- The rows are those of `inputs`, which stays: a migration takes nothing away. Nobody reads or writes it any more, and it may be emptied
-- by hand.
CREATE TABLE IF NOT EXISTS day_inputs {{on_cluster}}
(
    tenant             LowCardinality(String),
    endpoint           String,
    landmark           UInt8 COMMENT 'what other days tell may depend on it',
    day                Date COMMENT 'day as logged; 1990-01-01 where it is far off',
    source             LowCardinality(String),
    id                 UInt64,
    open               UInt8,
    open_stream        UInt64,
    open_offset        UInt64,
    stream             UInt64,
    offset             UInt64,
    length             UInt64,
    logged             Nullable(DateTime64(0, 'UTC')),
    stamp              Nullable(DateTime64(3, 'UTC')),
    level              LowCardinality(String),
    component          LowCardinality(String),
    marker             LowCardinality(String),
    codes              Array(UInt32),
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
    version            UInt128 COMMENT 'of the event''s row'
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, landmark, endpoint, day, source, id, open, open_stream, open_offset)
-- A granule of a part of a busy day of one endpoint, so that few rows are read beside those that are asked for. As in `inputs`, parts wait
-- for each other before they are merged with a month.
SETTINGS index_granularity = 256, merge_selector_base = 30, {{table_settings}};

ALTER TABLE day_inputs {{on_cluster}}
    ADD INDEX IF NOT EXISTS versions version TYPE minmax GRANULARITY 4;

INSERT INTO day_inputs
SELECT * FROM inputs
WHERE toYYYYMM(day) = {month:UInt32};
