-- Raw text goes by housekeeping alone, never because a clock says so; and what is lost or must be remembered has its place.

-- The engine's own expiry goes by its clock at the moment of a merge, and that clock may have jumped. So the day is never reached,
-- and the condition never holds, whatever the clock says. Stored parts are left as they are.
ALTER TABLE chunks {{on_cluster}}
    MODIFY TTL greatest(keep_until, toDate('2149-06-06')) DELETE WHERE keep_until < toDate('1970-01-01') SETTINGS materialize_ttl_after_modify = 0;

-- Text in which a failure was found goes last. Of rows that an older build writes it follows from how long they are kept.
ALTER TABLE chunks {{on_cluster}}
    ADD COLUMN IF NOT EXISTS evidence UInt8 DEFAULT toUInt16(keep_until) - toUInt16(toDate(received_at)) > 90 COMMENT 'a failure was found in it';

-- What a merge or a rewrite replaced is on the disk before it counts, so the parts before it need not wait for a kernel's write-back:
-- under load they would hold several times the space of the data.
ALTER TABLE chunks {{on_cluster}}
    MODIFY SETTING min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 1;

-- Days that housekeeping must remember across a restart. They only grow.
CREATE TABLE IF NOT EXISTS housekeeping {{on_cluster}}
(
    name LowCardinality(String),
    day  Date
)
ENGINE = {{engine:ReplacingMergeTree}}(day)
ORDER BY name
SETTINGS {{table_settings}};

-- Parts that the engine could not read and put aside: rows of theirs are missing, and nobody can say which.
CREATE TABLE IF NOT EXISTS lost_parts {{on_cluster}}
(
    host      LowCardinality(String) COMMENT 'of the engine that lost it',
    `table`   LowCardinality(String),
    partition String,
    part      String,
    reason    LowCardinality(String) COMMENT 'as the engine names it, or unreadable',
    bytes     UInt64,
    at        DateTime('UTC') COMMENT 'when it was put aside, by the clock of its disk'
)
ENGINE = {{engine:ReplacingMergeTree}}(at)
ORDER BY (host, `table`, partition, part, reason)
SETTINGS {{table_settings}};
