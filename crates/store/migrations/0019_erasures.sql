-- Machines that were erased, so that what was logged before comes back from nowhere. No name is here, only hashes: who may read the store can
-- test a name that he guesses, and list none.
CREATE TABLE IF NOT EXISTS erasures {{on_cluster}}
(
    tenant LowCardinality(String),
    key    String COMMENT 'random, hex; all erasures of a tenant have one',
    kind   LowCardinality(String) COMMENT 'id | name: an id is hashed as it is, another name of the machine in small letters',
    name   String COMMENT 'hex SHA-256 over key, kind and name',
    until  DateTime64(3, 'UTC') COMMENT 'what was logged or received before is refused'
)
ENGINE = {{engine:ReplacingMergeTree}}(until)
ORDER BY (tenant, key, kind, name)
SETTINGS {{table_settings}};
