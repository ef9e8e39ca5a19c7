-- Where little comes, parts are few and small, and the engine would merge each handful of them with all of the month: it takes a part of
-- up to 5 MB for one of its own size. Of tables with much text that costs a second of CPU, of logs that compress well much more. So
-- more of them wait for each other, until they are many or an hour old.
ALTER TABLE chunks {{on_cluster}}
    MODIFY SETTING merge_selector_base = 50;

ALTER TABLE events {{on_cluster}}
    MODIFY SETTING merge_selector_base = 30;

ALTER TABLE inputs {{on_cluster}}
    MODIFY SETTING merge_selector_base = 30;
