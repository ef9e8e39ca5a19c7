-- What the attempts of a set are tries of, so that pages can tell a failure that a later update has made good. Rows that an older build
-- writes have none, and their attempts are told apart by their KB alone.
ALTER TABLE derivations {{on_cluster}}
    ADD COLUMN IF NOT EXISTS told_lines Array(Tuple(LowCardinality(String), LowCardinality(String), UInt64)) DEFAULT [] COMMENT 'of told_attempts, in their order: the package where there is no KB, the line of updates that hold each other or nothing, the version there, 16 bits a part';
