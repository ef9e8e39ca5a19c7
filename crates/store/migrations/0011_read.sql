-- What pages ask of a fleet is answered from rows that are small because they were counted when they were stored.

-- The row that makes a set current says what pages count of it: so nothing of another set is ever counted, and nothing is joined.
-- Rows that an older build writes have told = 0, and readers look at the set itself.
ALTER TABLE derivations {{on_cluster}}
    ADD COLUMN IF NOT EXISTS told UInt8 DEFAULT 0 COMMENT '1 where the next two hold what the set does',
    ADD COLUMN IF NOT EXISTS told_attempts Array(Tuple(Date, Int64, Int64, LowCardinality(String), LowCardinality(String), LowCardinality(String), LowCardinality(String), UInt32, UInt32)) DEFAULT [] COMMENT 'day, start, end, outcome, KB, category, rule, root code, terminal code; times in seconds since 1970 as logged, the start of the day where there is none; 0 for no code',
    ADD COLUMN IF NOT EXISTS told_findings Array(Tuple(Date, Int64, Nullable(Int64), LowCardinality(String), LowCardinality(String), LowCardinality(String), LowCardinality(String), UInt32, UInt32, String, UInt32)) DEFAULT [] COMMENT 'day, time, time or null, severity, KB, category, rule, root code, terminal code, object, count';

-- How many distinct records of the fleet carry a code, by day, and on how many endpoints: as sketches, which a repeat leaves as they
-- are. Code 0 stands for every record, whatever it carries, and an empty KB likewise, so that no page adds up all KBs. Exact up to some hundreds, then within some
-- 3 %: four times as many registers would halve the error and take a page four times as long to add up.
-- A record that may go on is not in it: a sketch cannot let go of it, and when it is whole it comes again.
CREATE TABLE IF NOT EXISTS events_seen {{on_cluster}}
(
    tenant    LowCardinality(String),
    kb        LowCardinality(String),
    code      UInt32,
    day       Date,
    ids       AggregateFunction(uniqCombined64(12), UInt64),
    endpoints AggregateFunction(uniqCombined64(12), String)
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, kb, code, day)
-- Few rows a granule: a state takes up to 3 KiB.
SETTINGS index_granularity = 1024, {{table_settings}};

-- Noise knows of no KB. A table of its own: inserts into one table that wait for a quorum are made one at a time.
CREATE TABLE IF NOT EXISTS noise_seen {{on_cluster}}
(
    tenant    LowCardinality(String),
    code      UInt32,
    day       Date,
    ids       AggregateFunction(uniqCombined64(12), UInt64),
    endpoints AggregateFunction(uniqCombined64(12), String)
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, code, day)
SETTINGS index_granularity = 1024, {{table_settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS events_seen_view {{on_cluster}} TO events_seen AS
SELECT tenant, of_kb AS kb, code, day, uniqCombined64State(12)(id) AS ids, uniqCombined64State(12)(endpoint) AS endpoints
FROM
(
    SELECT tenant, endpoint, day, id, arrayJoin(arrayDistinct(['', toString(kb)])) AS of_kb, arrayJoin(arrayConcat([toUInt32(0)], codes)) AS code
    FROM events
    WHERE generation = 0 AND open = 0
)
GROUP BY tenant, of_kb, code, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS noise_seen_view {{on_cluster}} TO noise_seen AS
SELECT tenant, of_code AS code, day, uniqCombined64State(12)(id) AS ids, uniqCombined64State(12)(endpoint) AS endpoints
FROM
(
    SELECT tenant, endpoint, day, arrayJoin(ids) AS id, arrayJoin(arrayDistinct([toUInt32(0), code])) AS of_code
    FROM noise
    WHERE generation = 0
)
GROUP BY tenant, of_code, day;

-- What is stored already, month by month. Of rows that the view has seen too it changes nothing.
INSERT INTO events_seen
SELECT tenant, of_kb AS kb, code, day, uniqCombined64State(12)(id) AS ids, uniqCombined64State(12)(endpoint) AS endpoints
FROM
(
    SELECT tenant, endpoint, day, id, arrayJoin(arrayDistinct(['', toString(kb)])) AS of_kb, arrayJoin(arrayConcat([toUInt32(0)], codes)) AS code
    FROM events
    WHERE generation = 0 AND open = 0 AND toYYYYMM(day) = {month:UInt32}
)
GROUP BY tenant, of_kb, code, day;

INSERT INTO noise_seen
SELECT tenant, of_code AS code, day, uniqCombined64State(12)(id) AS ids, uniqCombined64State(12)(endpoint) AS endpoints
FROM
(
    SELECT tenant, endpoint, day, arrayJoin(ids) AS id, arrayJoin(arrayDistinct([toUInt32(0), code])) AS of_code
    FROM noise
    WHERE generation = 0 AND toYYYYMM(day) = {month:UInt32}
)
GROUP BY tenant, of_code, day;

-- The name of a set is a hash over its tenant, endpoint and month too, so it alone tells sets apart.
CREATE OR REPLACE VIEW current_attempts {{on_cluster}} AS
SELECT *
FROM attempts FINAL
WHERE `set` IN (SELECT `set` FROM derivations FINAL WHERE generation = 0);

CREATE OR REPLACE VIEW current_findings {{on_cluster}} AS
SELECT *
FROM findings FINAL
WHERE `set` IN (SELECT `set` FROM derivations FINAL WHERE generation = 0);

-- By the key of coverage, so that only what it has of streams with open records is read.
CREATE OR REPLACE VIEW superseded {{on_cluster}} AS
SELECT DISTINCT record.tenant AS tenant, record.endpoint AS endpoint, record.stream AS stream, record.offset AS offset, record.length AS length
FROM
(
    SELECT tenant, endpoint, stream, offset, length FROM events WHERE open = 1
    UNION ALL
    SELECT tenant, endpoint, stream, offset, length FROM open_noise
) AS record
INNER JOIN
(
    SELECT tenant, endpoint, stream, offset, `end`
    FROM coverage
    WHERE (tenant, endpoint, stream) IN (
        SELECT tenant, endpoint, stream FROM events WHERE open = 1 UNION ALL SELECT tenant, endpoint, stream FROM open_noise)
) AS piece ON record.tenant = piece.tenant AND record.endpoint = piece.endpoint AND record.stream = piece.stream
WHERE piece.offset <= record.offset AND piece.`end` > record.offset + record.length;
