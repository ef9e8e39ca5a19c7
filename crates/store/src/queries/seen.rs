//! How many distinct records carry a code: of the fleet from sketches, of an endpoint from the records.

use super::Day;
use crate::{error::Result, store::Store};
use std::fmt::Write as _;

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

pub(super) use sketches;

/// Records of one endpoint's days, each identity that counts once: `id`, `codes`, `is_noise`. Copies are folded here and not by the table,
/// which would read the keys of all endpoints beside.
fn records(has_open: bool, has_gone: bool) -> String {
    const DAYS: &str = "tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 \
         AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16})";
    const NARROW: &str =
        "{kb:String} = '' AND (empty({codes:Array(UInt32)}) OR code IN {codes:Array(UInt32)})";
    let whole = match has_open {
        false => "open = 0".to_owned(),
        true => format!(
            "(open = 0 OR (stream, offset, length) NOT IN ({}))",
            superseded("events WHERE open = 1 AND")
        ),
    };
    let still = match has_gone {
        false => "1",
        true => {
            "(day, source, rule, code, session, id) NOT IN (\
               SELECT day, source, rule, code, session, id FROM noise_gone FINAL \
               WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                 AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) AND gone = 1)"
        }
    };
    let mut sql = format!(
        "(SELECT id, latest.1 AS codes, 0 AS is_noise FROM (\
           SELECT id, argMax((codes, kb, gone), version) AS latest FROM events WHERE {DAYS} AND {whole} GROUP BY id) \
         WHERE latest.3 = 0 AND ({{kb:String}} = '' OR latest.2 = {{kb:String}}) \
           AND (empty({{codes:Array(UInt32)}}) OR hasAny(latest.1, {{codes:Array(UInt32)}})) \
         UNION ALL \
         SELECT id, [code] AS codes, 1 AS is_noise FROM (\
           SELECT day, source, rule, code, session, arrayJoin(ids) AS id FROM noise WHERE {DAYS} AND {NARROW}) \
         WHERE {still}"
    );
    if has_open {
        let _ = write!(
            sql,
            " UNION ALL \
             SELECT id, [code] AS codes, 1 AS is_noise FROM open_noise WHERE {DAYS} AND {NARROW} AND {still} \
               AND (stream, offset, length) NOT IN ({})",
            superseded("open_noise WHERE")
        );
    }
    sql.push(')');
    sql
}

/// Open records of the endpoint's days that a longer piece has covered since.
fn superseded(of: &str) -> String {
    let of_days = format!(
        "FROM {of} tenant = {{tenant:String}} AND endpoint = {{endpoint:String}} \
           AND day BETWEEN toDate({{from:UInt16}}) AND toDate({{to:UInt16}})"
    );
    format!(
        "SELECT record.stream, record.offset, record.length FROM (SELECT stream, offset, length {of_days}) AS record \
         INNER JOIN (SELECT stream, offset, `end` FROM coverage \
                     WHERE tenant = {{tenant:String}} AND endpoint = {{endpoint:String}} AND stream IN (SELECT stream {of_days})) AS piece \
           ON record.stream = piece.stream \
         WHERE piece.offset <= record.offset AND piece.`end` > record.offset + record.length"
    )
}

impl Store {
    /// Records of an endpoint on some days as a table, see [`records`]. What asks whether open ones are superseded takes as long to plan as
    /// all else, so whoever has none is not asked.
    pub(super) async fn records_of(
        &self,
        tenant: &str,
        endpoint: &str,
        (from, to): (Day, Day),
    ) -> Result<String> {
        let (open, gone): (u64, u64) = self
            .fetch_one(
                "look for records that may go on",
                self.page(
                    "SELECT sumIf(held, is_open), sumIf(held, NOT is_open) FROM (\
                       SELECT count() AS held, 1 AS is_open FROM events WHERE open = 1 AND tenant = {tenant:String} AND endpoint = {endpoint:String} \
                         AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
                       UNION ALL \
                       SELECT count() AS held, 1 AS is_open FROM open_noise WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                         AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
                       UNION ALL \
                       SELECT count() AS held, 0 AS is_open FROM noise_gone WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                         AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}))",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("from", from)
                .param("to", to),
            )
            .await?;
        Ok(records(open > 0, gone > 0))
    }
}
