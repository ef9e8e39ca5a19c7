-- Other names of endpoints. What comes under one is stored under the endpoint that it stands for, by `crates/pipeline/src/names.rs`.

CREATE TABLE IF NOT EXISTS aliases {{on_cluster}}
(
    tenant   LowCardinality(String),
    alias    String COMMENT 'as it is written; names are compared without regard to case, ids of merged endpoints with',
    endpoint String COMMENT 'what it stands for; an alias with two of them stands for neither',
    kind     LowCardinality(String) COMMENT 'name | merged',
    state    LowCardinality(String) COMMENT 'merging | active | removed',
    changed  DateTime64(3, 'UTC'),
    by       String COMMENT 'the user of the command',
    version  UInt64 COMMENT 'how often it was changed, then a hash of the state: of two changes at once no order of inserts decides'
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
ORDER BY (tenant, alias, endpoint)
SETTINGS {{table_settings}};

-- A stream's name holds its endpoint's. Which one a stream has under the endpoint that its own became is remembered, because the start of a
-- log, from which that follows, may be gone when more of it comes.
CREATE TABLE IF NOT EXISTS merged_streams {{on_cluster}}
(
    tenant        LowCardinality(String),
    endpoint      String COMMENT 'the alias',
    stream        UInt64 COMMENT 'as its sender names it',
    into_endpoint String,
    into_stream   UInt64,
    exact         UInt8 COMMENT '1: as if it had come under that endpoint; 0: the start of the log is not known'
)
ENGINE = {{engine:ReplacingMergeTree}}(exact)
ORDER BY (tenant, endpoint, stream, into_endpoint)
SETTINGS {{table_settings}};

-- By which two machines that send as one are told from one that was renamed: at these times a record itself named the host, while `first` and
-- `last` are those of whole chunks. Null of rows of older builds.
ALTER TABLE endpoint_hosts {{on_cluster}}
    ADD COLUMN IF NOT EXISTS named_first SimpleAggregateFunction(min, Nullable(DateTime64(0, 'UTC'))),
    ADD COLUMN IF NOT EXISTS named_last  SimpleAggregateFunction(max, Nullable(DateTime64(0, 'UTC')));
