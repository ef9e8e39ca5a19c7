CREATE TABLE IF NOT EXISTS migrations ON CLUSTER `cbsift`
(
    number UInt32,
    name   String,
    digest UInt64 COMMENT 'of the template, to notice an edited one'
)
ENGINE = ReplicatedReplacingMergeTree
ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What was read: the text as it travels, and what of each stream is or was held.

-- One row per chunk, the text compressed as a whole. Chunks of other cuts of the same bytes are all kept; readers trim.
CREATE TABLE IF NOT EXISTS chunks ON CLUSTER `cbsift`
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
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, endpoint, stream, offset, length, content_hash)
TTL keep_until
-- A granule of 2 MiB: to show one record eight chunks of 256 KiB are unpacked, not the forty of the default 10 MiB.
SETTINGS index_granularity_bytes = 2097152, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- One row per chunk without its text; outlives the chunk, so that "expired" is not "gap".
-- Asked for by endpoint and stream only, over all time: hence no day in the key.
CREATE TABLE IF NOT EXISTS coverage ON CLUSTER `cbsift`
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
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, endpoint, stream, offset, `end`, content_hash)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Whole files taken once, by digest.
CREATE TABLE IF NOT EXISTS imports ON CLUSTER `cbsift`
(
    tenant   LowCardinality(String),
    endpoint String,
    digest   String COMMENT 'sha-256 of the file, hex',
    source   LowCardinality(String),
    stream   UInt64,
    path     String,
    bytes    UInt64
)
ENGINE = ReplicatedReplacingMergeTree
ORDER BY (tenant, endpoint, digest)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What classification made of it.

-- One row per event; copies of one identity fold, and the version says which copy stays (see the crate's README).
-- Rows of open records fold apart, by their reference, because they count only while nothing longer covers them.
CREATE TABLE IF NOT EXISTS events ON CLUSTER `cbsift`
(
    tenant             LowCardinality(String),
    day                Date COMMENT 'day as logged; 1990-01-01 where the record has no time',
    endpoint           String,
    source             LowCardinality(String),
    id                 UInt64 COMMENT 'identity: hash of tenant, endpoint, source, time as logged and text',
    generation         UInt32,
    open               UInt8 COMMENT 'the record may go on',
    open_stream        UInt64 COMMENT 'the stream where open, else 0',
    open_offset        UInt64 COMMENT 'the offset where open, else 0',
    stream             UInt64,
    offset             UInt64,
    length             UInt64,
    logged             Nullable(DateTime64(0, 'UTC')) COMMENT 'wall clock of the endpoint',
    stamp              Nullable(DateTime64(3, 'UTC')) COMMENT 'the record''s own UTC stamp',
    level              LowCardinality(String),
    component          LowCardinality(String),
    marker             LowCardinality(String),
    codes              Array(UInt32) COMMENT 'canonical failure codes that are not noise',
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
    rule_set           UInt32,
    version            UInt128
)
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, endpoint, source, id, generation, open, open_stream, open_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Harmless look-alikes as sets of identities, which fold overlapping copies without counting twice.
CREATE TABLE IF NOT EXISTS noise ON CLUSTER `cbsift`
(
    tenant     LowCardinality(String),
    day        Date,
    endpoint   String,
    source     LowCardinality(String),
    rule       LowCardinality(String),
    code       UInt32 COMMENT '0 where the rule names no code',
    session    String,
    generation UInt32,
    ids        SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, endpoint, source, rule, code, session, generation)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Noise from open records, apart and with its reference: a set cannot let go of a member.
CREATE TABLE IF NOT EXISTS open_noise ON CLUSTER `cbsift`
(
    tenant     LowCardinality(String),
    day        Date,
    endpoint   String,
    source     LowCardinality(String),
    rule       LowCardinality(String),
    code       UInt32,
    session    String,
    generation UInt32,
    id         UInt64,
    stream     UInt64,
    offset     UInt64,
    length     UInt64
)
ENGINE = ReplicatedReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, endpoint, source, rule, code, session, generation, id, stream, offset, length)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What derivation made of the events, and the outbox that drives it.

-- One row per batch and unit touched, written before the batch's chunks; a second row with done = 1 closes it.
-- Small and short-lived, so not partitioned: one INSERT serves all months of a batch.
CREATE TABLE IF NOT EXISTS news ON CLUSTER `cbsift`
(
    tenant   LowCardinality(String),
    endpoint String,
    month    UInt32 COMMENT 'YYYYMM as logged',
    id       UInt64,
    done     UInt8,
    -- The one clock: a sweep leaves young news to the process whose batch may still be on its way. It reaches no answer.
    at       DateTime DEFAULT now()
)
ENGINE = ReplicatedReplacingMergeTree(done)
ORDER BY (tenant, endpoint, month, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- One row per unit and generation names the set of rows that readers see.
CREATE TABLE IF NOT EXISTS derivations ON CLUSTER `cbsift`
(
    tenant     LowCardinality(String),
    endpoint   String,
    month      UInt32 COMMENT 'YYYYMM as logged',
    generation UInt32,
    version    UInt128 COMMENT 'rule set sequence, number of distinct inputs, their hash',
    `set`      UInt64,
    attempts   UInt32,
    findings   UInt32
)
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY month
ORDER BY (tenant, endpoint, month, generation)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

CREATE TABLE IF NOT EXISTS attempts ON CLUSTER `cbsift`
(
    tenant        LowCardinality(String),
    day           Date COMMENT 'day of the start as logged',
    endpoint      String,
    month         UInt32,
    generation    UInt32,
    `set`         UInt64,
    ordinal       UInt32,
    version       UInt128 COMMENT 'of the set',
    id            UInt64,
    package       String CODEC(ZSTD(1)),
    kb            LowCardinality(String),
    client        LowCardinality(String),
    session       String CODEC(ZSTD(1)),
    start         Nullable(DateTime64(0, 'UTC')),
    `end`         Nullable(DateTime64(0, 'UTC')),
    start_utc     Nullable(DateTime64(3, 'UTC')),
    outcome       LowCardinality(String),
    terminal_code Nullable(UInt32),
    finding       Nullable(UInt32) COMMENT 'ordinal in findings of the same set',
    -- Of its finding, so that pages can narrow without a join.
    rule          LowCardinality(String),
    category      LowCardinality(String),
    root_code     Nullable(UInt32)
)
ENGINE = ReplicatedReplacingMergeTree
PARTITION BY month
ORDER BY (tenant, day, endpoint, `set`, ordinal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

CREATE TABLE IF NOT EXISTS findings ON CLUSTER `cbsift`
(
    tenant           LowCardinality(String),
    day              Date COMMENT 'day of the cause as logged',
    endpoint         String,
    month            UInt32,
    generation       UInt32,
    `set`            UInt64,
    ordinal          UInt32,
    version          UInt128 COMMENT 'of the set',
    id               UInt64,
    rule             LowCardinality(String),
    category         LowCardinality(String),
    severity         LowCardinality(String),
    root_code        Nullable(UInt32),
    terminal_code    Nullable(UInt32),
    object           String CODEC(ZSTD(1)),
    kb               LowCardinality(String),
    package          String CODEC(ZSTD(1)),
    component        String CODEC(ZSTD(1)),
    logged           Nullable(DateTime64(0, 'UTC')),
    utc              Nullable(DateTime64(3, 'UTC')),
    confidence       UInt8,
    reasons          Array(LowCardinality(String)),
    count            UInt32,
    evidence_ids     Array(UInt64),
    evidence_sources Array(LowCardinality(String)),
    evidence_streams Array(UInt64),
    evidence_offsets Array(UInt64),
    evidence_lengths Array(UInt64),
    evidence_texts   Array(String) CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree
PARTITION BY month
ORDER BY (tenant, day, endpoint, `set`, ordinal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What is known of a machine; every column folds by itself, so a replay changes nothing.
CREATE TABLE IF NOT EXISTS endpoints ON CLUSTER `cbsift`
(
    tenant          LowCardinality(String),
    endpoint        String,
    host            SimpleAggregateFunction(max, String),
    -- (time as logged in seconds, text): the latest wins.
    servicing_stack SimpleAggregateFunction(max, Tuple(Int64, String)),
    first           SimpleAggregateFunction(min, Nullable(DateTime64(0, 'UTC'))),
    last            SimpleAggregateFunction(max, Nullable(DateTime64(0, 'UTC')))
)
ENGINE = ReplicatedAggregatingMergeTree
ORDER BY (tenant, endpoint)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

CREATE TABLE IF NOT EXISTS rule_sets ON CLUSTER `cbsift`
(
    sequence UInt32,
    digest   String
)
ENGINE = ReplicatedReplacingMergeTree
ORDER BY (sequence, digest)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What readers see: each identity once, nothing superseded. Clients of their own should ask these and not the tables.

-- References of open records that a longer piece of the same stream has covered since.
CREATE VIEW IF NOT EXISTS superseded ON CLUSTER `cbsift` AS
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
    WHERE stream IN (SELECT stream FROM events WHERE open = 1 UNION ALL SELECT stream FROM open_noise)
) AS piece ON record.tenant = piece.tenant AND record.endpoint = piece.endpoint AND record.stream = piece.stream
WHERE piece.offset <= record.offset AND piece.`end` > record.offset + record.length;

CREATE VIEW IF NOT EXISTS current_events ON CLUSTER `cbsift` AS
SELECT *
FROM events FINAL
WHERE generation = 0
    AND (open = 0 OR (tenant, endpoint, stream, offset, length) NOT IN (SELECT tenant, endpoint, stream, offset, length FROM superseded));

-- One row per member.
CREATE VIEW IF NOT EXISTS current_noise ON CLUSTER `cbsift` AS
SELECT tenant, day, endpoint, source, rule, code, session, arrayJoin(ids) AS id
FROM noise
WHERE generation = 0
UNION ALL
SELECT tenant, day, endpoint, source, rule, code, session, id
FROM open_noise
WHERE generation = 0
    AND (tenant, endpoint, stream, offset, length) NOT IN (SELECT tenant, endpoint, stream, offset, length FROM superseded);

CREATE VIEW IF NOT EXISTS current_attempts ON CLUSTER `cbsift` AS
SELECT *
FROM attempts FINAL
WHERE (tenant, endpoint, month, `set`) IN (SELECT tenant, endpoint, month, `set` FROM derivations FINAL WHERE generation = 0);

CREATE VIEW IF NOT EXISTS current_findings ON CLUSTER `cbsift` AS
SELECT *
FROM findings FINAL
WHERE (tenant, endpoint, month, `set`) IN (SELECT tenant, endpoint, month, `set` FROM derivations FINAL WHERE generation = 0);

-- What is needed to run a rule set taken from the store, and what could not be processed.

-- A set is known by the digest over its texts and the classifier's version, so a published row never changes.
-- Rows from before have no texts: nobody can run them, and the next publication replaces them.
ALTER TABLE rule_sets ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS classifier_version UInt32 COMMENT 'of the build that published it; an older build cannot run it',
    ADD COLUMN IF NOT EXISTS origin             LowCardinality(String) DEFAULT 'shipped' COMMENT 'shipped | site',
    ADD COLUMN IF NOT EXISTS names              Array(String) COMMENT 'of its files, in the order of loading',
    ADD COLUMN IF NOT EXISTS texts              Array(String) COMMENT 'of its files, as names has them' CODEC(ZSTD(1));

-- Input that could not be processed, as it came. One row per content; the version counts how often it died, never a clock.
CREATE TABLE IF NOT EXISTS dead_letters ON CLUSTER `cbsift`
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
ENGINE = ReplicatedReplacingMergeTree(version)
ORDER BY (tenant, id)
-- A granule of 2 MiB: to show one letter few payloads are unpacked.
SETTINGS index_granularity_bytes = 2097152, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What was lost before it was read: a pipeline that was away for longer than the topic keeps its records.

CREATE TABLE IF NOT EXISTS topic_gaps ON CLUSTER `cbsift`
(
    topic          String,
    partition      Int32,
    `from`         Int64 COMMENT 'first offset that is gone',
    `to`           Int64 COMMENT 'first that is left',
    last_before_ms Nullable(Int64) COMMENT 'UTC milliseconds of the last record read before',
    first_after_ms Nullable(Int64) COMMENT 'UTC milliseconds of the first record that is left'
)
ENGINE = ReplicatedReplacingMergeTree
ORDER BY (topic, partition, `from`, `to`)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Raw text goes by housekeeping alone, never because a clock says so; and what is lost or must be remembered has its place.

-- The engine's own expiry goes by its clock at the moment of a merge, and that clock may have jumped. So the day is never reached,
-- and the condition never holds, whatever the clock says. Stored parts are left as they are.
ALTER TABLE chunks ON CLUSTER `cbsift`
    MODIFY TTL greatest(keep_until, toDate('2149-06-06')) DELETE WHERE keep_until < toDate('1970-01-01') SETTINGS materialize_ttl_after_modify = 0;

-- Text in which a failure was found goes last. Of rows that an older build writes it follows from how long they are kept.
ALTER TABLE chunks ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS evidence UInt8 DEFAULT toUInt16(keep_until) - toUInt16(toDate(received_at)) > 90 COMMENT 'a failure was found in it';

-- What a merge or a rewrite replaced is on the disk before it counts, so the parts before it need not wait for a kernel's write-back:
-- under load they would hold several times the space of the data.
ALTER TABLE chunks ON CLUSTER `cbsift`
    MODIFY SETTING min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 1;

-- Days that housekeeping must remember across a restart. They only grow.
CREATE TABLE IF NOT EXISTS housekeeping ON CLUSTER `cbsift`
(
    name LowCardinality(String),
    day  Date
)
ENGINE = ReplicatedReplacingMergeTree(day)
ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Parts that the engine could not read and put aside: rows of theirs are missing, and nobody can say which.
CREATE TABLE IF NOT EXISTS lost_parts ON CLUSTER `cbsift`
(
    host      LowCardinality(String) COMMENT 'of the engine that lost it',
    `table`   LowCardinality(String),
    partition String,
    part      String,
    reason    LowCardinality(String) COMMENT 'as the engine names it, or unreadable',
    bytes     UInt64,
    at        DateTime('UTC') COMMENT 'when it was put aside, by the clock of its disk'
)
ENGINE = ReplicatedReplacingMergeTree(at)
ORDER BY (host, `table`, partition, part, reason)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Units whose derivation fails by itself, and not because the store is away: what is known of them waits for a mended build, a new
-- rule set or somebody who asks for it.

CREATE TABLE IF NOT EXISTS dead_units ON CLUSTER `cbsift`
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
ENGINE = ReplicatedReplacingMergeTree(version)
ORDER BY (tenant, endpoint, month)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What is derived, day by day: a derivation costs what is new of a month, not what is there.

-- One row per event as derivations read it, written with the event's row. By endpoint first, and landmarks apart: a day is derived
-- from its own events and the landmarks of a month on either side.
-- What was a landmark to one rule set and is none to another stands twice; who reads takes the greater version.
CREATE TABLE IF NOT EXISTS inputs ON CLUSTER `cbsift`
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
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, endpoint, landmark, day, source, id, open, open_stream, open_offset)
-- A granule of about one busy day of one endpoint, so that few rows are read beside those that are asked for.
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Finds what a newer rule set made, which is all over a store or nowhere.
ALTER TABLE inputs ON CLUSTER `cbsift`
    ADD INDEX IF NOT EXISTS versions version TYPE minmax GRANULARITY 1;

-- What was derived of each day; a month's answer is put together from those of its days.
CREATE TABLE IF NOT EXISTS day_parts ON CLUSTER `cbsift`
(
    tenant   LowCardinality(String),
    endpoint String,
    month    UInt32 COMMENT 'YYYYMM as logged',
    day      Date,
    version  UInt128 COMMENT 'rule set sequence, weight of the inputs, where they stand',
    waits    Array(UInt64) COMMENT 'hashes of what landmarks of other days may tell of it',
    body     String CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY month
ORDER BY (tenant, endpoint, month, day)
-- Bodies are large: a granule holds two months of one endpoint.
SETTINGS index_granularity = 64, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- With defaults, or an older build that still runs could not write its rows.
ALTER TABLE news ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS days  Array(UInt16) DEFAULT [] COMMENT 'days it touches, since 1970; none stands for all days of the month',
    ADD COLUMN IF NOT EXISTS links Array(UInt64) DEFAULT [] COMMENT 'hashes of what its landmarks are about';

ALTER TABLE derivations ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS content UInt64 DEFAULT 0 COMMENT 'hash of what the set holds; 0 where an older build stored it';

-- How far rows of older builds were copied into tables that came later.
CREATE TABLE IF NOT EXISTS backfills ON CLUSTER `cbsift`
(
    name     LowCardinality(String),
    tenant   String COMMENT 'of the endpoint copied last',
    endpoint String,
    done     UInt8,
    step     UInt64
)
ENGINE = ReplicatedReplacingMergeTree(step)
ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Where little comes, parts are few and small, and the engine would merge each handful of them with all of the month: it takes a part of
-- up to 5 MB for one of its own size. For 64
-- endpoints and 60 days of 1,000 events each that was 192 MB of text, half a second of CPU, every few inserts. So more parts wait for
-- each other, until they are many or old.
ALTER TABLE chunks ON CLUSTER `cbsift`
    MODIFY SETTING merge_selector_base = 50;

ALTER TABLE events ON CLUSTER `cbsift`
    MODIFY SETTING merge_selector_base = 30;

ALTER TABLE inputs ON CLUSTER `cbsift`
    MODIFY SETTING merge_selector_base = 30;

-- What pages ask of a fleet is answered from rows that are small because they were counted when they were stored.

-- The row that makes a set current says what pages count of it: so nothing of another set is ever counted, and nothing is joined.
-- Rows that an older build writes have told = 0, and readers look at the set itself.
ALTER TABLE derivations ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS told UInt8 DEFAULT 0 COMMENT '1 where the next two hold what the set does',
    ADD COLUMN IF NOT EXISTS told_attempts Array(Tuple(Date, Int64, Int64, LowCardinality(String), LowCardinality(String), LowCardinality(String), LowCardinality(String), UInt32, UInt32)) DEFAULT [] COMMENT 'day, start, end, outcome, KB, category, rule, root code, terminal code; times in seconds since 1970 as logged, the start of the day where there is none; 0 for no code',
    ADD COLUMN IF NOT EXISTS told_findings Array(Tuple(Date, Int64, Nullable(Int64), LowCardinality(String), LowCardinality(String), LowCardinality(String), LowCardinality(String), UInt32, UInt32, String, UInt32)) DEFAULT [] COMMENT 'day, time, time or null, severity, KB, category, rule, root code, terminal code, object, count';

-- How many distinct records of the fleet carry a code, by day, and on how many endpoints: as sketches, which a repeat leaves as they
-- are. Code 0 stands for every record, whatever it carries, and an empty KB likewise, so that no page adds up all KBs. Exact up to some hundreds, then within some
-- 3 %: four times as many registers would halve the error and take a page four times as long to add up.
-- A record that may go on is not in it: a sketch cannot let go of it, and when it is whole it comes again.
CREATE TABLE IF NOT EXISTS events_seen ON CLUSTER `cbsift`
(
    tenant    LowCardinality(String),
    kb        LowCardinality(String),
    code      UInt32,
    day       Date,
    ids       AggregateFunction(uniqCombined64(12), UInt64),
    endpoints AggregateFunction(uniqCombined64(12), String)
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, kb, code, day)
-- Few rows a granule: a state takes up to 3 KiB.
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Noise knows of no KB. A table of its own: inserts into one table that wait for a quorum are made one at a time.
CREATE TABLE IF NOT EXISTS noise_seen ON CLUSTER `cbsift`
(
    tenant    LowCardinality(String),
    code      UInt32,
    day       Date,
    ids       AggregateFunction(uniqCombined64(12), UInt64),
    endpoints AggregateFunction(uniqCombined64(12), String)
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, code, day)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_seen_view ON CLUSTER `cbsift` TO events_seen AS
SELECT tenant, of_kb AS kb, code, day, uniqCombined64State(12)(id) AS ids, uniqCombined64State(12)(endpoint) AS endpoints
FROM
(
    SELECT tenant, endpoint, day, id, arrayJoin(arrayDistinct(['', toString(kb)])) AS of_kb, arrayJoin(arrayConcat([toUInt32(0)], codes)) AS code
    FROM events
    WHERE generation = 0 AND open = 0
)
GROUP BY tenant, of_kb, code, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS noise_seen_view ON CLUSTER `cbsift` TO noise_seen AS
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
CREATE OR REPLACE VIEW current_attempts ON CLUSTER `cbsift` AS
SELECT *
FROM attempts FINAL
WHERE `set` IN (SELECT `set` FROM derivations FINAL WHERE generation = 0);

CREATE OR REPLACE VIEW current_findings ON CLUSTER `cbsift` AS
SELECT *
FROM findings FINAL
WHERE `set` IN (SELECT `set` FROM derivations FINAL WHERE generation = 0);

-- By the key of coverage, so that only what it has of streams with open records is read.
CREATE OR REPLACE VIEW superseded ON CLUSTER `cbsift` AS
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

-- What derivations read, landmarks of all endpoints before everything else: those of a month are next to each other, where `inputs` had
-- some at the front of each endpoint, so that a part was read from end to end for the landmarks of 64 endpoints.
-- The rows are those of `inputs`, which stays: a migration takes nothing away. Nobody reads or writes it any more, and it may be emptied
-- by hand.
CREATE TABLE IF NOT EXISTS day_inputs ON CLUSTER `cbsift`
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
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, landmark, endpoint, day, source, id, open, open_stream, open_offset)
-- A granule of a part of a busy day of one endpoint, so that few rows are read beside those that are asked for. As in `inputs`, parts wait
-- for each other before they are merged with a month.
SETTINGS index_granularity = 256, merge_selector_base = 30, fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

ALTER TABLE day_inputs ON CLUSTER `cbsift`
    ADD INDEX IF NOT EXISTS versions version TYPE minmax GRANULARITY 4;

INSERT INTO day_inputs
SELECT * FROM inputs
WHERE toYYYYMM(day) = {month:UInt32};

-- Who may speak, for all intakes and pages alike. Of secrets there are only hashes.
CREATE TABLE IF NOT EXISTS tokens ON CLUSTER `cbsift`
(
    tenant        LowCardinality(String),
    id            String COMMENT 'the part of the token before its last dot; of an endpoint its id',
    secret_sha256 String COMMENT 'hex, of the part after it',
    kind          LowCardinality(String) COMMENT 'endpoint | fleet | relay | reader | admin',
    state         LowCardinality(String) COMMENT 'waiting | active | revoked',
    created       DateTime64(3, 'UTC'),
    expires       DateTime64(3, 'UTC') COMMENT '1970: never',
    revoked       DateTime64(3, 'UTC') COMMENT '1970: not',
    made_by       String COMMENT 'fleet:NAME, or the user of the command',
    via           LowCardinality(String) COMMENT 'enrolment | command',
    revoked_by    String COMMENT 'enrolment, or the user of the command',
    reason        LowCardinality(String) COMMENT 'why it waits: known | other_host | at_once | revoked',
    note          String,
    version       UInt8 COMMENT 'the state: it only goes forward, so no clock decides which row is the last'
)
ENGINE = ReplicatedReplacingMergeTree(version)
ORDER BY (tenant, id, secret_sha256)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What machines said of themselves when they enrolled: one row a host name that showed the secret.
CREATE TABLE IF NOT EXISTS enrolments ON CLUSTER `cbsift`
(
    tenant        LowCardinality(String),
    id            String,
    secret_sha256 String,
    host          String,
    machine_guid  String COMMENT 'as it was sent',
    made_by       String COMMENT 'fleet:NAME',
    at            DateTime64(3, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree
ORDER BY (tenant, id, secret_sha256, host)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Enrolments under way: the store has no locks, and two intakes may be asked for one endpoint at once. Nobody needs them when they are
-- some minutes old, but a row or two a machine cost nothing, and a TTL would believe the clock of whoever merges: a claim that is gone too
-- early is a second token.
CREATE TABLE IF NOT EXISTS enrolment_claims ON CLUSTER `cbsift`
(
    tenant        LowCardinality(String),
    id            String,
    secret_sha256 String,
    claimant      UInt64 COMMENT 'one try of one intake',
    created       DateTime64(3, 'UTC'),
    replaces      Array(String) COMMENT 'hashes of secrets that go when this one becomes good',
    closed        UInt8 COMMENT '1: it has become a token, or has given way'
)
ENGINE = ReplicatedReplacingMergeTree(closed)
ORDER BY (tenant, id, secret_sha256, claimant)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Endpoints as people know them, and who did what.

-- The name that stood last in an endpoint's own logs, or with which it enrolled; in place of `host`, of which the greatest stayed. And
-- when we heard of it last, by the clock of who took its logs.
ALTER TABLE endpoints ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS named SimpleAggregateFunction(max, Tuple(Int64, String)) COMMENT '(time as logged in seconds, host name): the latest wins',
    ADD COLUMN IF NOT EXISTS contact SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'receipt of its last log, or enrolment';

-- Host names that stood in an endpoint's logs, from when to when as logged. Those of enrolments are in `enrolments`.
CREATE TABLE IF NOT EXISTS endpoint_hosts ON CLUSTER `cbsift`
(
    tenant   LowCardinality(String),
    endpoint String,
    host     String,
    first    SimpleAggregateFunction(min, Nullable(DateTime64(0, 'UTC'))),
    last     SimpleAggregateFunction(max, Nullable(DateTime64(0, 'UTC')))
)
ENGINE = ReplicatedAggregatingMergeTree
ORDER BY (tenant, endpoint, host)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What people say of endpoints. By label first, so that the endpoints of a ring or a site are next to each other: pages narrow to them.
CREATE TABLE IF NOT EXISTS endpoint_labels ON CLUSTER `cbsift`
(
    tenant   LowCardinality(String),
    label    LowCardinality(String) COMMENT 'name, site, model, group, ring, or any other',
    endpoint String,
    value    String COMMENT 'empty: taken away',
    changed  DateTime64(3, 'UTC'),
    by       String COMMENT 'the user of the command',
    version  UInt64 COMMENT 'how often it was changed, then a hash of the value: of two changes at once no order of inserts decides'
)
ENGINE = ReplicatedReplacingMergeTree(version)
ORDER BY (tenant, label, endpoint)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Who did what. Each row names the hashes of rows before it, so that a change, a hole and a row put in between are found. All of a row is
-- in its key: a row that was put beside another one stays and shows.
CREATE TABLE IF NOT EXISTS audit ON CLUSTER `cbsift`
(
    tenant   LowCardinality(String),
    at       DateTime64(3, 'UTC'),
    writer   UInt64 COMMENT 'one process',
    number   UInt32 COMMENT 'of its row, from 1 on',
    actor    String COMMENT 'the user of a command, fleet:NAME, or cbsift',
    action   LowCardinality(String),
    object   String,
    before   String COMMENT 'JSON, empty where there was nothing',
    after    String COMMENT 'JSON, empty where nothing is left',
    previous Array(String) COMMENT 'hashes: of the row before it; of the first row of a process of those that no row had named',
    hash     String COMMENT 'hex SHA-256 over all other columns'
)
ENGINE = ReplicatedReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (tenant, at, writer, number, hash)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What the attempts of a set are tries of, so that pages can tell a failure that a later update has made good. Rows that an older build
-- writes have none, and their attempts are told apart by their KB alone.
ALTER TABLE derivations ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS told_lines Array(Tuple(LowCardinality(String), LowCardinality(String), UInt64)) DEFAULT [] COMMENT 'of told_attempts, in their order: the package where there is no KB, the line of updates that hold each other or nothing, the version there, 16 bits a part';

-- Alerts: rules as published, what each group of each rule is in, what was sent of it, and who evaluates.

-- A set is known by the digest over its texts and the language they are written in, so a published row never changes.
CREATE TABLE IF NOT EXISTS alert_rules ON CLUSTER `cbsift`
(
    sequence UInt32 COMMENT 'the greatest one counts',
    digest   String,
    language UInt32 COMMENT 'of rules that the publishing build speaks; an older build cannot evaluate it',
    origin   LowCardinality(String) COMMENT 'shipped | site',
    names    Array(String) COMMENT 'of its files, in the order of loading',
    texts    Array(String) COMMENT 'of its files, as names has them' CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree
ORDER BY (sequence, digest)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- One row for each time that a group of a rule has fired, or is about to: what is now, and what was. All changes of one evaluation are one
-- INSERT, and each row names the messages that tell of it: who is killed behind it leaves nothing unsaid, and a repeat says nothing twice.
CREATE TABLE IF NOT EXISTS alert_states ON CLUSTER `cbsift`
(
    tenant        LowCardinality(String),
    rule          LowCardinality(String),
    labels        Array(Tuple(String, String)) COMMENT 'of the group, in the order of the rule; empty where it has no groups',
    episode       UInt32 COMMENT 'from 1 on; a new one begins when it is met again after it had fired and was resolved',
    severity      LowCardinality(String),
    phase         LowCardinality(String) COMMENT 'pending | firing | resolved | dropped: it was not met for long enough to fire',
    since         DateTime64(3, 'UTC') COMMENT 'met since then',
    fired         Nullable(DateTime64(3, 'UTC')),
    quiet         Nullable(DateTime64(3, 'UTC')) COMMENT 'fires, and is not met since then',
    ended         Nullable(DateTime64(3, 'UTC')),
    value         Float64,
    peak          Float64,
    `of`          Nullable(Float64) COMMENT 'PCs that tried, where it is known',
    threshold     Float64,
    evidence      Nullable(Int64) COMMENT 'the latest failure that counted, or the end, in seconds as logged: nothing older begins a new episode',
    pcs           Array(String) COMMENT 'the first ten',
    title_en      String,
    title_zh      String,
    body_en       String CODEC(ZSTD(1)),
    body_zh       String CODEC(ZSTD(1)),
    page          String,
    fired_message String COMMENT 'the message that says that it fires',
    ended_message String,
    changes       UInt32 COMMENT 'of this row: the version, never a clock'
)
ENGINE = ReplicatedReplacingMergeTree(changes)
ORDER BY (tenant, rule, labels, episode)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What is to be sent to whom (before it is) and what became of it (after).
CREATE TABLE IF NOT EXISTS alert_deliveries ON CLUSTER `cbsift`
(
    tenant     LowCardinality(String),
    receiver   LowCardinality(String),
    message    String COMMENT 'its id',
    repetition UInt32 COMMENT '0: the first time',
    rule       LowCardinality(String),
    body       String COMMENT 'the message as JSON' CODEC(ZSTD(1)),
    state      LowCardinality(String) COMMENT 'intended | delivered | refused | given_up',
    attempts   UInt32,
    intended   DateTime64(3, 'UTC'),
    tried      DateTime64(3, 'UTC') COMMENT 'last',
    error      String,
    version    UInt64 COMMENT 'attempts, then state'
)
ENGINE = ReplicatedReplacingMergeTree(version)
ORDER BY (tenant, receiver, message, repetition)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- What each rule last saw; of one evaluation all rows have the same time. For people: nothing is decided by it.
CREATE TABLE IF NOT EXISTS alert_evaluations ON CLUSTER `cbsift`
(
    tenant    LowCardinality(String),
    rule      LowCardinality(String),
    severity  LowCardinality(String),
    state     LowCardinality(String) COMMENT 'inactive | pending | firing | error',
    groups    UInt32 COMMENT 'pending or firing',
    value     Nullable(Float64) COMMENT 'the greatest of its groups',
    threshold Nullable(Float64) COMMENT 'of that group',
    error     String,
    at        DateTime64(3, 'UTC'),
    title_en  String,
    title_zh  String,
    about_en  String,
    about_zh  String,
    receivers UInt16 COMMENT 'to whom its messages go'
)
ENGINE = ReplicatedReplacingMergeTree(at)
ORDER BY (tenant, rule)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Who evaluates: the evaluator of the greatest term, of two in one term the smaller one. Beats are counted and never compared with a clock
-- of another machine.
CREATE TABLE IF NOT EXISTS alert_claims ON CLUSTER `cbsift`
(
    tenant    LowCardinality(String),
    term      UInt64,
    evaluator UInt64 COMMENT 'a process',
    beat      UInt64
)
ENGINE = ReplicatedReplacingMergeTree(beat)
ORDER BY (tenant, term, evaluator)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- A gap counts by when it was noted: its own times are those of records, which may be old by then. 1970 where it was noted before this.
ALTER TABLE topic_gaps ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS noted DateTime64(3, 'UTC');

-- What it takes to change what is stored already: what a newer rule set takes back, and the jobs that ask for it.

-- A row of a newer rule set wins, and so does one that says that there is no such event any more: it has the key of the event's row and
-- nothing else of it. Sums that the views of `0011_read` keep learn nothing from it, and are counted again by whoever writes such rows.
ALTER TABLE events ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS gone UInt8 DEFAULT 0 COMMENT '1: a newer rule set makes no event of the record';

ALTER TABLE inputs ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS gone UInt8 DEFAULT 0 COMMENT 'never 1: here so that it has the columns of day_inputs';

ALTER TABLE day_inputs ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS gone UInt8 DEFAULT 0 COMMENT '1: a newer rule set makes no event of the record';

-- Events of an endpoint that becomes another one's and whose text is gone cannot be made again: they are copied, and say so. Here, because
-- a view has the columns that its table had when it was made.
ALTER TABLE events ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS merged_from LowCardinality(String) DEFAULT '' COMMENT 'the endpoint it was copied from without being classified again';

-- Noise that a rule set takes back or gives again: a set of `noise` cannot let go of a member, so what is gone stands here.
CREATE TABLE IF NOT EXISTS noise_gone ON CLUSTER `cbsift`
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
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, endpoint, source, rule, code, session, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

CREATE OR REPLACE VIEW current_events ON CLUSTER `cbsift` AS
SELECT * EXCEPT (gone)
FROM events FINAL
WHERE generation = 0 AND gone = 0
    AND (open = 0 OR (tenant, endpoint, stream, offset, length) NOT IN (SELECT tenant, endpoint, stream, offset, length FROM superseded));

-- One row per member.
CREATE OR REPLACE VIEW current_noise ON CLUSTER `cbsift` AS
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
CREATE TABLE IF NOT EXISTS jobs ON CLUSTER `cbsift`
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
ENGINE = ReplicatedReplacingMergeTree(version)
ORDER BY (tenant, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- How far a job is; a row a step, and the last step counts.
CREATE TABLE IF NOT EXISTS job_steps ON CLUSTER `cbsift`
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
ENGINE = ReplicatedReplacingMergeTree(step)
ORDER BY (tenant, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- Other names of endpoints. What comes under one is stored under the endpoint that it stands for, by `crates/pipeline/src/names.rs`.

CREATE TABLE IF NOT EXISTS aliases ON CLUSTER `cbsift`
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
ENGINE = ReplicatedReplacingMergeTree(version)
ORDER BY (tenant, alias, endpoint)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- A stream's name holds its endpoint's. Which one a stream has under the endpoint that its own became is remembered, because the start of a
-- log, from which that follows, may be gone when more of it comes.
CREATE TABLE IF NOT EXISTS merged_streams ON CLUSTER `cbsift`
(
    tenant        LowCardinality(String),
    endpoint      String COMMENT 'the alias',
    stream        UInt64 COMMENT 'as its sender names it',
    into_endpoint String,
    into_stream   UInt64,
    exact         UInt8 COMMENT '1: as if it had come under that endpoint; 0: the start of the log is not known'
)
ENGINE = ReplicatedReplacingMergeTree(exact)
ORDER BY (tenant, endpoint, stream, into_endpoint)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- By which two machines that send as one are told from one that was renamed: at these times a record itself named the host, while `first` and
-- `last` are those of whole chunks. Null of rows of older builds.
ALTER TABLE endpoint_hosts ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS named_first SimpleAggregateFunction(min, Nullable(DateTime64(0, 'UTC'))),
    ADD COLUMN IF NOT EXISTS named_last  SimpleAggregateFunction(max, Nullable(DateTime64(0, 'UTC')));

-- Machines that were erased, so that what was logged before comes back from nowhere. No name is here, only hashes: who may read the store can
-- test a name that he guesses, and list none.
CREATE TABLE IF NOT EXISTS erasures ON CLUSTER `cbsift`
(
    tenant LowCardinality(String),
    key    String COMMENT 'random, hex; all erasures of a tenant have one',
    kind   LowCardinality(String) COMMENT 'id | name: an id is hashed as it is, another name of the machine in small letters',
    name   String COMMENT 'hex SHA-256 over key, kind and name',
    until  DateTime64(3, 'UTC') COMMENT 'what was logged or received before is refused'
)
ENGINE = ReplicatedReplacingMergeTree(until)
ORDER BY (tenant, key, kind, name)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- How far ahead of UTC clocks were, so that what alerts have told of can be told from what came later: times are as logged elsewhere. Rows
-- that an older build writes have none.
ALTER TABLE derivations ON CLUSTER `cbsift`
    ADD COLUMN IF NOT EXISTS told_zones Array(Int16) DEFAULT [] COMMENT 'of told_attempts, in their order: minutes ahead of UTC, 32767 where no log shows it',
    ADD COLUMN IF NOT EXISTS told_finding_zones Array(Int16) DEFAULT [] COMMENT 'the same of told_findings';

-- What senders know to be lost of logs for good. Told again a gap is the same row; one that has grown has a later end.
CREATE TABLE IF NOT EXISTS gaps ON CLUSTER `cbsift`
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
ENGINE = ReplicatedAggregatingMergeTree
ORDER BY (tenant, endpoint, source, stream, path, reason, `from`)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0;

-- A derivation reads all columns of few rows of each part: of a part with a file a column that is 3 ms of CPU before the first row, of one
-- with a file for all 1.3 ms, at a third more bytes on disk. So parts stay in one file until they hold some 350,000 events.
ALTER TABLE day_inputs ON CLUSTER `cbsift`
    MODIFY SETTING min_bytes_for_wide_part = 67108864;
