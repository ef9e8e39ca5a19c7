-- Where little comes, parts are few and small, and the engine would merge each handful of them with all of the month: it takes a part of
-- up to 5 MB for one of its own size. For 64
-- endpoints and 60 days of 1,000 events each that was 192 MB of text, half a second of CPU, every few inserts. So more parts wait for
-- each other, until they are many or old.
ALTER TABLE chunks {{on_cluster}}
    MODIFY SETTING merge_selector_base = 50;

ALTER TABLE events {{on_cluster}}
    MODIFY SETTING merge_selector_base = 30;

ALTER TABLE inputs {{on_cluster}}
    MODIFY SETTING merge_selector_base = 30;
