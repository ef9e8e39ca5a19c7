-- What was read: the text as it travels, and what of each stream is or was held.

-- One row per chunk, the text compressed as a whole. Chunks of other cuts of the same bytes are all kept; readers trim.
CREATE TABLE IF NOT EXISTS chunks {{on_cluster}}
(
    tenant       LowCardinality(String),
    day          Date COMMENT 'day of the earliest head as logged; 1990-01-01 where no head has a time',
    endpoint     String,
    source       LowCardinality(String),
    stream       UInt64,
    offset       UInt64 COMMENT 'first source byte',
    length       UInt64 COMMENT 'source bytes',
    content_hash UInt64 COMMENT 'xxh3 of the text',
    path         String CODEC(ZSTD(1)),
    encoding     LowCardinality(String),
    format       LowCardinality(String),
    open         UInt8 COMMENT 'its last record may go on',
    sender       LowCardinality(String),
    received_at  DateTime64(3, 'UTC'),
    first        Nullable(DateTime64(0, 'UTC')) COMMENT 'earliest head, wall clock of the endpoint',
    last         Nullable(DateTime64(0, 'UTC')) COMMENT 'latest head, wall clock of the endpoint',
    records      UInt32,
    codes        Array(UInt32),
    kbs          Array(LowCardinality(String)),
    rule_set     UInt32,
    generations  Array(UInt32) COMMENT 'generations its events were made for',
    keep_until   Date,
    version      UInt128,
    text         String CODEC(ZSTD(1))
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, endpoint, stream, offset, length, content_hash)
TTL keep_until
-- A granule of 2 MiB: to show one record eight chunks of 256 KiB are unpacked, not the forty of the default 10 MiB.
SETTINGS index_granularity_bytes = 2097152, {{table_settings}};

-- One row per chunk without its text; outlives the chunk, so that "expired" is not "gap".
-- Asked for by endpoint and stream only, over all time: hence no day in the key.
CREATE TABLE IF NOT EXISTS coverage {{on_cluster}}
(
    tenant         LowCardinality(String),
    endpoint       String,
    stream         UInt64,
    offset         UInt64,
    `end`          UInt64 COMMENT 'first source byte after it',
    content_hash   UInt64,
    day            Date COMMENT 'of the earliest head; 1990-01-01 where no head has a time',
    last_day       Date COMMENT 'of the latest head',
    source         LowCardinality(String),
    path           String CODEC(ZSTD(1)),
    encoding       LowCardinality(String),
    format         LowCardinality(String),
    open           UInt8,
    first          Nullable(DateTime64(0, 'UTC')),
    last           Nullable(DateTime64(0, 'UTC')),
    anchor_offsets Array(UInt64),
    anchor_minutes Array(Int32),
    anchor_hows    Array(LowCardinality(String)),
    anchor_logged  Array(DateTime64(0, 'UTC')),
    version        UInt128
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, endpoint, stream, offset, `end`, content_hash)
SETTINGS {{table_settings}};

-- Whole files taken once, by digest.
CREATE TABLE IF NOT EXISTS imports {{on_cluster}}
(
    tenant   LowCardinality(String),
    endpoint String,
    digest   String COMMENT 'sha-256 of the file, hex',
    source   LowCardinality(String),
    stream   UInt64,
    path     String,
    bytes    UInt64
)
ENGINE = {{engine:ReplacingMergeTree}}
ORDER BY (tenant, endpoint, digest)
SETTINGS {{table_settings}};
