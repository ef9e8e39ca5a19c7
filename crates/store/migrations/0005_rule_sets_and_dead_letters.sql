-- What is needed to run a rule set taken from the store, and what could not be processed.

-- A set is known by the digest over its texts and the classifier's version, so a published row never changes.
-- Rows from before have no texts: nobody can run them, and the next publication replaces them.
ALTER TABLE rule_sets {{on_cluster}}
    ADD COLUMN IF NOT EXISTS classifier_version UInt32 COMMENT 'of the build that published it; an older build cannot run it',
    ADD COLUMN IF NOT EXISTS origin             LowCardinality(String) DEFAULT 'shipped' COMMENT 'shipped | site',
    ADD COLUMN IF NOT EXISTS names              Array(String) COMMENT 'of its files, in the order of loading',
    ADD COLUMN IF NOT EXISTS texts              Array(String) COMMENT 'of its files, as names has them' CODEC(ZSTD(1));

-- Input that could not be processed, as it came. One row per content; the version counts how often it died, never a clock.
CREATE TABLE IF NOT EXISTS dead_letters {{on_cluster}}
(
    tenant          LowCardinality(String),
    id              String COMMENT 'digest of key, headers and payload, hex',
    first_seen      DateTime64(3, 'UTC'),
    stage           LowCardinality(String) COMMENT 'decode | classify | store',
    reason          LowCardinality(String) COMMENT 'stable code',
    message         String CODEC(ZSTD(1)),
    endpoint        String,
    source          LowCardinality(String),
    path            String CODEC(ZSTD(1)),
    offset          UInt64,
    length          UInt64,
    -- The content as it came. Kafka tells an empty value from none.
    key             Nullable(String),
    header_names    Array(String),
    header_values   Array(Nullable(String)) CODEC(ZSTD(1)),
    payload         Nullable(String) CODEC(ZSTD(1)),
    kafka_topic     LowCardinality(String) COMMENT 'empty where it did not come through Kafka',
    kafka_partition Int32,
    kafka_offset    Int64,
    kafka_at        DateTime64(3, 'UTC'),
    build           LowCardinality(String),
    rule_set        UInt32,
    deaths          UInt32 COMMENT 'how often it died',
    state           LowCardinality(String) COMMENT 'open | sent_back',
    version         UInt64 COMMENT 'deaths, then sent back'
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
ORDER BY (tenant, id)
-- A granule of 2 MiB: to show one letter few payloads are unpacked.
SETTINGS index_granularity_bytes = 2097152, {{table_settings}};
