-- What senders know to be lost of logs for good. Told again a gap is the same row; one that has grown has a later end.
CREATE TABLE IF NOT EXISTS gaps {{on_cluster}}
(
    tenant   LowCardinality(String),
    endpoint String,
    source   LowCardinality(String),
    stream   UInt64 COMMENT '0: no line of the log was ever read',
    path     String COMMENT 'where the log is or was',
    reason   LowCardinality(String) COMMENT 'gone | damaged | overwritten | unreadable',
    `from`   UInt64 COMMENT 'first byte that is missing; first record where the reason is overwritten or unreadable',
    `to`     SimpleAggregateFunction(max, UInt64) COMMENT 'the first one behind it',
    told     SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'when the intake first heard of it'
)
ENGINE = {{engine:AggregatingMergeTree}}
ORDER BY (tenant, endpoint, source, stream, path, reason, `from`)
SETTINGS {{table_settings}};
