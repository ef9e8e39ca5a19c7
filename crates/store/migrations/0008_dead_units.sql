-- Units whose derivation fails by itself, and not because the store is away: what is known of them waits for a mended build, a new
-- rule set or somebody who asks for it.

CREATE TABLE IF NOT EXISTS dead_units {{on_cluster}}
(
    tenant     LowCardinality(String),
    endpoint   String,
    month      UInt32 COMMENT 'YYYYMM as logged',
    state      LowCardinality(String) COMMENT 'dead, reopened or derived',
    reason     LowCardinality(String),
    message    String COMMENT 'for people, without log text',
    rule_set   UInt32 COMMENT 'sequence of the rule set it failed with',
    attempts   UInt32 COMMENT 'how often it failed',
    first_seen DateTime64(3, 'UTC'),
    last_seen  DateTime64(3, 'UTC'),
    version    UInt64 COMMENT 'attempts, then state'
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
ORDER BY (tenant, endpoint, month)
SETTINGS {{table_settings}};
