-- A derivation reads all columns of few rows of each part: of a part with a file a column that is 3 ms of CPU before the first row, of one
-- with a file for all 1.3 ms, at a third more bytes on disk. So parts stay in one file until they hold some 350,000 events.
ALTER TABLE day_inputs {{on_cluster}}
    MODIFY SETTING min_bytes_for_wide_part = 67108864;
