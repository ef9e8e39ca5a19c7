//! How many distinct records carry a code: of the fleet from sketches, of an endpoint from the records.

/// Sketches of the fleet on some days: `code`, `day`, `ids`, `machines`, `is_noise`. Noise knows of no KB.
macro_rules! sketches {
    () => {
        "(SELECT code, day, ids, endpoints AS machines, 0 AS is_noise FROM events_seen \
          WHERE tenant = {tenant:String} AND kb = {kb:String} AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
          UNION ALL \
          SELECT code, day, ids, endpoints AS machines, 1 AS is_noise FROM noise_seen \
          WHERE tenant = {tenant:String} AND {kb:String} = '' AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}))"
    };
}

/// Records of one endpoint's days, each identity that counts once: `id`, `codes`, `is_noise`. Whether an open record is superseded is asked
/// of this endpoint's alone. Copies are folded here and not by the table, which would read the keys of all endpoints beside.
macro_rules! records {
    () => {
        concat!(
            "(SELECT id, latest.1 AS codes, 0 AS is_noise FROM (\
               SELECT id, argMax((codes, kb), version) AS latest FROM events \
               WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 \
                 AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
                 AND (open = 0 OR (stream, offset, length) NOT IN (",
            superseded!("events WHERE open = 1 AND"),
            ")) GROUP BY id) \
             WHERE ({kb:String} = '' OR latest.2 = {kb:String}) \
               AND (empty({codes:Array(UInt32)}) OR hasAny(latest.1, {codes:Array(UInt32)})) \
             UNION ALL \
             SELECT arrayJoin(ids) AS id, [code] AS codes, 1 AS is_noise FROM noise \
               WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 AND {kb:String} = '' \
                 AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
                 AND (empty({codes:Array(UInt32)}) OR code IN {codes:Array(UInt32)}) \
             UNION ALL \
             SELECT id, [code] AS codes, 1 AS is_noise FROM open_noise \
               WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 AND {kb:String} = '' \
                 AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
                 AND (empty({codes:Array(UInt32)}) OR code IN {codes:Array(UInt32)}) \
                 AND (stream, offset, length) NOT IN (",
            superseded!("open_noise WHERE"),
            "))"
        )
    };
}

/// Open records of the endpoint's days that a longer piece has covered since.
macro_rules! superseded {
    ($of:literal) => {
        concat!(
            "SELECT record.stream, record.offset, record.length FROM \
               (SELECT stream, offset, length FROM ",
            $of,
            " tenant = {tenant:String} AND endpoint = {endpoint:String} \
                  AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16})) AS record \
             INNER JOIN (SELECT stream, offset, `end` FROM coverage \
                         WHERE tenant = {tenant:String} AND endpoint = {endpoint:String}) AS piece \
               ON record.stream = piece.stream \
             WHERE piece.offset <= record.offset AND piece.`end` > record.offset + record.length"
        )
    };
}

pub(super) use {records, sketches, superseded};
