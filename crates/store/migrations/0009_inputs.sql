-- What is derived, day by day: a derivation costs what is new of a month, not what is there.

-- One row per event as derivations read it, written with the event's row. By endpoint first, and landmarks apart: a day is derived
-- from its own events and the landmarks of a month on either side.
-- What was a landmark to one rule set and is none to another stands twice; who reads takes the greater version.
CREATE TABLE IF NOT EXISTS inputs {{on_cluster}}
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
ORDER BY (tenant, endpoint, landmark, day, source, id, open, open_stream, open_offset)
-- A granule of about one busy day of one endpoint, so that few rows are read beside those that are asked for.
SETTINGS index_granularity = 1024, {{table_settings}};

-- Finds what a newer rule set made, which is all over a store or nowhere.
ALTER TABLE inputs {{on_cluster}}
    ADD INDEX IF NOT EXISTS versions version TYPE minmax GRANULARITY 1;

-- What was derived of each day; a month's answer is put together from those of its days.
CREATE TABLE IF NOT EXISTS day_parts {{on_cluster}}
(
    tenant   LowCardinality(String),
    endpoint String,
    month    UInt32 COMMENT 'YYYYMM as logged',
    day      Date,
    version  UInt128 COMMENT 'rule set sequence, weight of the inputs, where they stand',
    waits    Array(UInt64) COMMENT 'hashes of what landmarks of other days may tell of it',
    body     String CODEC(ZSTD(1))
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
PARTITION BY month
ORDER BY (tenant, endpoint, month, day)
-- Bodies are large: a granule holds two months of one endpoint.
SETTINGS index_granularity = 64, {{table_settings}};

-- With defaults, or an older build that still runs could not write its rows.
ALTER TABLE news {{on_cluster}}
    ADD COLUMN IF NOT EXISTS days  Array(UInt16) DEFAULT [] COMMENT 'days it touches, since 1970; none stands for all days of the month',
    ADD COLUMN IF NOT EXISTS links Array(UInt64) DEFAULT [] COMMENT 'hashes of what its landmarks are about';

ALTER TABLE derivations {{on_cluster}}
    ADD COLUMN IF NOT EXISTS content UInt64 DEFAULT 0 COMMENT 'hash of what the set holds; 0 where an older build stored it';

-- How far rows of older builds were copied into tables that came later.
CREATE TABLE IF NOT EXISTS backfills {{on_cluster}}
(
    name     LowCardinality(String),
    tenant   String COMMENT 'of the endpoint copied last',
    endpoint String,
    done     UInt8,
    step     UInt64
)
ENGINE = {{engine:ReplacingMergeTree}}(step)
ORDER BY name
SETTINGS {{table_settings}};
