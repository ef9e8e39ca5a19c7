-- What was lost before it was read: a pipeline that was away for longer than the topic keeps its records.

CREATE TABLE IF NOT EXISTS topic_gaps {{on_cluster}}
(
    topic          String,
    partition      Int32,
    `from`         Int64 COMMENT 'first offset that is gone',
    `to`           Int64 COMMENT 'first that is left',
    last_before_ms Nullable(Int64) COMMENT 'UTC milliseconds of the last record read before',
    first_after_ms Nullable(Int64) COMMENT 'UTC milliseconds of the first record that is left'
)
ENGINE = {{engine:ReplacingMergeTree}}
ORDER BY (topic, partition, `from`, `to`)
SETTINGS {{table_settings}};
