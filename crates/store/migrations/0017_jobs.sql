-- What it takes to change what is stored already: what a newer rule set takes back, and the jobs that ask for it.

-- A row of a newer rule set wins, and so does one that says that there is no such event any more: it has the key of the event's row and
-- nothing else of it. Sums that the views of `0011_read` keep learn nothing from it, and are counted again by whoever writes such rows.
ALTER TABLE events {{on_cluster}}
    ADD COLUMN IF NOT EXISTS gone UInt8 DEFAULT 0 COMMENT '1: a newer rule set makes no event of the record';

ALTER TABLE inputs {{on_cluster}}
    ADD COLUMN IF NOT EXISTS gone UInt8 DEFAULT 0 COMMENT 'never 1: here so that it has the columns of day_inputs';

ALTER TABLE day_inputs {{on_cluster}}
    ADD COLUMN IF NOT EXISTS gone UInt8 DEFAULT 0 COMMENT '1: a newer rule set makes no event of the record';

-- Events of an endpoint that becomes another one's and whose text is gone cannot be made again: they are copied, and say so. Here, because
-- a view has the columns that its table had when it was made.
ALTER TABLE events {{on_cluster}}
    ADD COLUMN IF NOT EXISTS merged_from LowCardinality(String) DEFAULT '' COMMENT 'the endpoint it was copied from without being classified again';

-- Noise that a rule set takes back or gives again: a set of `noise` cannot let go of a member, so what is gone stands here.
CREATE TABLE IF NOT EXISTS noise_gone {{on_cluster}}
(
    tenant   LowCardinality(String),
    day      Date,
    endpoint String,
    source   LowCardinality(String),
    rule     LowCardinality(String),
    code     UInt32,
    session  String,
    id       UInt64,
    gone     UInt8 COMMENT '1: taken back, 0: given again',
    version  UInt32 COMMENT 'sequence of the rule set that says so'
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, endpoint, source, rule, code, session, id)
SETTINGS {{table_settings}};

CREATE OR REPLACE VIEW current_events {{on_cluster}} AS
SELECT * EXCEPT (gone)
FROM events FINAL
WHERE generation = 0 AND gone = 0
    AND (open = 0 OR (tenant, endpoint, stream, offset, length) NOT IN (SELECT tenant, endpoint, stream, offset, length FROM superseded));

-- One row per member.
CREATE OR REPLACE VIEW current_noise {{on_cluster}} AS
SELECT tenant, day, endpoint, source, rule, code, session, id
FROM
(
    SELECT tenant, day, endpoint, source, rule, code, session, arrayJoin(ids) AS id
    FROM noise
    WHERE generation = 0
    UNION ALL
    SELECT tenant, day, endpoint, source, rule, code, session, id
    FROM open_noise
    WHERE generation = 0
        AND (tenant, endpoint, stream, offset, length) NOT IN (SELECT tenant, endpoint, stream, offset, length FROM superseded)
)
WHERE (tenant, day, endpoint, source, rule, code, session, id) NOT IN (
    SELECT tenant, day, endpoint, source, rule, code, session, id FROM noise_gone FINAL WHERE gone = 1);

-- Jobs that change what is stored, with what they would change, which is known before they do.
CREATE TABLE IF NOT EXISTS jobs {{on_cluster}}
(
    tenant      LowCardinality(String),
    id          String,
    kind        LowCardinality(String) COMMENT 'reprocess | rollback',
    undoes      String COMMENT 'of a rollback the job that it takes back',
    state       LowCardinality(String) COMMENT 'planned | applying | applied | rolled_back',
    made        DateTime64(3, 'UTC'),
    changed     DateTime64(3, 'UTC') COMMENT 'when the state did',
    actor       String COMMENT 'who asked for that state',
    from_day    Date COMMENT 'of the chunks, as logged',
    to_day      Date,
    endpoints   Array(String) COMMENT 'none: all',
    label       String COMMENT 'NAME=VALUE that these endpoints had, or empty',
    sources     Array(LowCardinality(String)) COMMENT 'none: all',
    made_after  UInt32 COMMENT 'of a rollback: chunks that a newer rule set than this classified when they came are selected too; else 0',
    digest      String COMMENT 'of the rules',
    names       Array(String) COMMENT 'of their files',
    texts       Array(String) CODEC(ZSTD(1)),
    origin      LowCardinality(String) COMMENT 'shipped | site',
    base        UInt32 COMMENT 'sequence of the newest rule set when the diff was made',
    base_digest String,
    rule_set    UInt32 COMMENT 'sequence under which the rules were published; 0 before',
    diff        String COMMENT 'what it changes, as JSON' CODEC(ZSTD(1)),
    recount     UInt8 COMMENT '1: sums of pages are counted again',
    version     UInt64 COMMENT 'the state: it only goes forward'
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
ORDER BY (tenant, id)
SETTINGS {{table_settings}};

-- How far a job is; a row a step, and the last step counts.
CREATE TABLE IF NOT EXISTS job_steps {{on_cluster}}
(
    tenant       LowCardinality(String),
    id           String,
    step         UInt64,
    round        UInt32 COMMENT 'how often all of it was gone through',
    phase        LowCardinality(String) COMMENT 'classify | take_back | derive | count | done',
    at           DateTime64(3, 'UTC'),
    month        UInt32 COMMENT 'YYYYMM of the chunks read last',
    day          Date COMMENT 'place of the last of them',
    endpoint     String,
    stream       UInt64,
    offset       UInt64,
    length       UInt64,
    content_hash UInt64,
    bytes_total  UInt64,
    bytes        UInt64,
    chunks       UInt64,
    records      UInt64,
    events       UInt64,
    poisoned     UInt64 COMMENT 'chunks that cannot be classified, whose events stay as they are',
    taken_back   UInt64,
    units        UInt64 COMMENT 'months of endpoints whose answer was asked for again',
    busy_ms      UInt64 COMMENT 'without waits for the live pipelines'
)
ENGINE = {{engine:ReplacingMergeTree}}(step)
ORDER BY (tenant, id)
SETTINGS {{table_settings}};
