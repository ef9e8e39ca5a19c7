-- What readers see: each identity once, nothing superseded. Clients of their own should ask these and not the tables.

-- References of open records that a longer piece of the same stream has covered since.
CREATE VIEW IF NOT EXISTS superseded {{on_cluster}} AS
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

CREATE VIEW IF NOT EXISTS current_events {{on_cluster}} AS
SELECT *
FROM events FINAL
WHERE generation = 0
    AND (open = 0 OR (tenant, endpoint, stream, offset, length) NOT IN (SELECT tenant, endpoint, stream, offset, length FROM superseded));

-- One row per member.
CREATE VIEW IF NOT EXISTS current_noise {{on_cluster}} AS
SELECT tenant, day, endpoint, source, rule, code, session, arrayJoin(ids) AS id
FROM noise
WHERE generation = 0
UNION ALL
SELECT tenant, day, endpoint, source, rule, code, session, id
FROM open_noise
WHERE generation = 0
    AND (tenant, endpoint, stream, offset, length) NOT IN (SELECT tenant, endpoint, stream, offset, length FROM superseded);

CREATE VIEW IF NOT EXISTS current_attempts {{on_cluster}} AS
SELECT *
FROM attempts FINAL
WHERE (tenant, endpoint, month, `set`) IN (SELECT tenant, endpoint, month, `set` FROM derivations FINAL WHERE generation = 0);

CREATE VIEW IF NOT EXISTS current_findings {{on_cluster}} AS
SELECT *
FROM findings FINAL
WHERE (tenant, endpoint, month, `set`) IN (SELECT tenant, endpoint, month, `set` FROM derivations FINAL WHERE generation = 0);
