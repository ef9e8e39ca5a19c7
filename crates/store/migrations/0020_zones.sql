-- How far ahead of UTC clocks were, so that what alerts have told of can be told from what came later: times are as logged elsewhere. Rows
-- that an older build writes have none.
ALTER TABLE derivations {{on_cluster}}
    ADD COLUMN IF NOT EXISTS told_zones Array(Int16) DEFAULT [] COMMENT 'of told_attempts, in their order: minutes ahead of UTC, 32767 where no log shows it',
    ADD COLUMN IF NOT EXISTS told_finding_zones Array(Int16) DEFAULT [] COMMENT 'the same of told_findings';
