//! What derivations read, and how well informed each of them is.

use crate::queries::messages::is_message;
use crate::{
    error::Result,
    rows::{Days, Piece, StoredEvent, StoredPiece, month_of},
    store::Store,
    version::{DerivationVersion, rule_set_of},
};
use clickhouse::query::Query;
use event::{Event, LoggedAt, MESSAGE_PATH, Month, StreamId};
use futures_util::future::try_join;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::Xxh3;

/// Everything a derivation reads of one endpoint, over the months of its units and one month on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitRows {
    /// Events that count, each identity once.
    pub events: Vec<Event>,
    /// Pieces of the streams that reach into these months, over the streams' whole length. Messages of shippers' topics are none:
    /// each is whole and shows no offset, so none of them changes what is derived, and there may be one for each event.
    pub pieces: Vec<Piece>,
    /// Earliest and latest time of such messages.
    pub messages: Option<(LoggedAt, LoggedAt)>,
    /// Every event row by its month: their weight, and their hash. Superseded copies included, because this must never shrink.
    inputs: BTreeMap<Month, (u64, u64)>,
}

/// What the derivation of one month reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitView<'a> {
    /// How well informed it is.
    pub version: DerivationVersion,
    /// Events of the month and its neighbours.
    pub events: Vec<&'a Event>,
    /// By stream, the pieces of those whose times reach into the month or a neighbour.
    pub streams: Vec<&'a [Piece]>,
}

impl UnitRows {
    /// What the derivation of one of the months reads: the same, whichever other months were read along with it.
    pub fn unit(&self, rule_set: u32, month: Month) -> UnitView<'_> {
        let near = month.before()..=month.after();
        let mut version = DerivationVersion {
            rule_set,
            ..DerivationVersion::default()
        };
        // The first release drew these otherwise: to the first and the last it weighed a month more in, so what it derived would
        // outrank what is derived now; of the far-off one it read less, and equal inputs would name equal sets of other rows.
        let (first, last) = Month::near();
        if [first, last, Month::FAR_OFF].contains(&month) {
            version.inputs = REDRAWN;
        }
        for (rows, hash) in self.inputs.range(near.clone()).map(|(_, input)| input) {
            version.inputs += rows;
            version.hash = version.hash.wrapping_add(*hash);
        }
        let streams: Vec<&[Piece]> = self
            .pieces
            .chunk_by(|a, b| a.stream == b.stream)
            .filter(|pieces| {
                // None is the least: a piece without a time may be from ever.
                let first = pieces.iter().map(|piece| piece.first).min().flatten();
                let last = pieces.iter().filter_map(|piece| piece.last).max();
                month.is_reached(first, last)
            })
            .collect();
        for piece in streams.iter().copied().flatten() {
            version.inputs += 1;
            let hash = hash_parts(&[piece.stream.0, piece.offset, piece.end, piece.content_hash]);
            version.hash = version.hash.wrapping_add(hash);
        }
        let events = self
            .events
            .iter()
            .filter(|event| near.contains(&month_of(event.logged)))
            .collect();
        UnitView {
            version,
            events,
            streams,
        }
    }
}

impl Store {
    /// Reads what the derivations of an endpoint's months `from` to `to` need.
    pub async fn unit_rows(
        &self,
        tenant: &str,
        endpoint: &str,
        from: Month,
        to: Month,
    ) -> Result<UnitRows> {
        let mut rows = self
            .unit_rows_of(tenant, &[endpoint], from, to, UNBOUNDED)
            .await?;
        Ok(rows.remove(endpoint).unwrap_or_default())
    }

    /// The same for several endpoints at once: a question costs some 5 ms whatever it reads.
    ///
    /// `max_bytes` bounds each answer, in the engine and here; a larger one is an error that [`StoreError::is_too_large`]: ask
    /// for less at once.
    ///
    /// [`StoreError::is_too_large`]: crate::StoreError::is_too_large
    pub async fn unit_rows_of(
        &self,
        tenant: &str,
        endpoints: &[&str],
        from: Month,
        to: Month,
        max_bytes: u64,
    ) -> Result<BTreeMap<String, UnitRows>> {
        let days = Days::of(from.before(), to.after());
        // Pieces first: they are written after the events they stand for, so the events read next miss none of theirs,
        // and whatever arrives in between only makes this derivation count as less informed than the one that follows.
        let pieces = self.fetch_all::<StoredPiece>(
            "read coverage of units",
            self.bounded(
                &UNIT_PIECES.replace("{streams}", days.stream_condition()),
                max_bytes,
            )
            .param("tenant", tenant)
            .param("endpoints", endpoints)
            .param("messages", MESSAGE_PATH)
            .param("first", days.first)
            .param("last", days.last),
        );
        let messages = self.message_spans(tenant, endpoints, days);
        let (pieces, messages) = try_join(pieces, messages).await?;
        let events: Vec<StoredEvent> = self
            .fetch_all(
                "read the events of units",
                self.bounded(&UNIT_EVENTS.replace("{days}", days.condition()), max_bytes)
                    .param("tenant", tenant)
                    .param("endpoints", endpoints)
                    .param("first", days.first)
                    .param("last", days.last),
            )
            .await?;
        let mut of_endpoints: BTreeMap<String, UnitRows> = BTreeMap::new();
        for mut stored in pieces {
            let endpoint = std::mem::take(&mut stored.endpoint);
            let rows = of_endpoints.entry(endpoint).or_default();
            rows.pieces.extend(stored.into_piece());
        }
        for (endpoint, first, last) in messages {
            of_endpoints.entry(endpoint).or_default().messages = Some((first, last));
        }
        let mut events: Vec<StoredEvent> = events;
        // One copy of each identity that counts: the greatest version first.
        events.sort_by(|a, b| (&a.endpoint, a.id, b.version).cmp(&(&b.endpoint, b.id, a.version)));
        let mut last_kept: Option<(String, u64)> = None;
        for mut stored in events {
            let endpoint = std::mem::take(&mut stored.endpoint);
            let (id, version, superseded) = (stored.id, stored.version, stored.flag != 0);
            let Some(event) = stored.into_event() else {
                continue;
            };
            let rows = of_endpoints.entry(endpoint.clone()).or_default();
            let input = rows.inputs.entry(month_of(event.logged)).or_default();
            // A row that a newer rule set replaces leaves their number as it is, so each weighs as much as its set is new.
            input.0 += u64::from(rule_set_of(version)).max(1);
            let (high, low) = ((version >> 64) as u64, version as u64);
            input.1 = input.1.wrapping_add(hash_parts(&[
                id,
                high,
                low,
                event.open.into(),
                superseded.into(),
            ]));
            let is_copy = last_kept
                .as_ref()
                .is_some_and(|(kept, kept_id)| *kept == endpoint && *kept_id == id);
            if !superseded && !is_copy {
                last_kept = Some((endpoint, id));
                rows.events.push(event);
            }
        }
        for rows in of_endpoints.values_mut() {
            rows.events
                .sort_unstable_by_key(|event| (event.stream, event.offset, event.id));
        }
        Ok(of_endpoints)
    }

    /// A read whose answer has a bound.
    pub(crate) fn bounded(&self, statement: &str, max_bytes: u64) -> Query {
        let query = self.sql(statement);
        if max_bytes == UNBOUNDED {
            return query;
        }
        query
            .with_setting("max_result_bytes", max_bytes.to_string())
            .with_setting("result_overflow_mode", "throw")
            // What it takes to fold copies beside the answer, which the engine holds whole; the rest is other readers'.
            .with_setting(
                "max_memory_usage",
                (3 * max_bytes + (128 << 20)).to_string(),
            )
    }

    /// Every piece of a stream that is or was held.
    pub async fn pieces(
        &self,
        tenant: &str,
        endpoint: &str,
        stream: StreamId,
    ) -> Result<Vec<Piece>> {
        let rows: Vec<StoredPiece> = self
            .fetch_all(
                "read coverage of a stream",
                self.sql(
                    "SELECT ?fields FROM coverage FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                       AND stream = {stream:UInt64} \
                     ORDER BY stream, offset, `end`, content_hash",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("stream", stream.0),
            )
            .await?;
        Ok(rows
            .into_iter()
            .filter_map(StoredPiece::into_piece)
            .collect())
    }
}

/// What months that the first release drew otherwise weigh beside their inputs: half of what a version holds, and more than the
/// rows of any unit.
const REDRAWN: u64 = 1 << 39;

/// No bound on an answer.
const UNBOUNDED: u64 = 0;

/// Streams whose times reach into the months, over their whole length.
const UNIT_PIECES: &str = concat!(
    "SELECT ?fields FROM coverage FINAL \
     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND (endpoint, stream) IN (\
       SELECT endpoint, stream FROM coverage \
       WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND NOT ",
    is_message!(),
    " GROUP BY endpoint, stream \
       HAVING {streams}) \
     ORDER BY endpoint, stream, offset, `end`, content_hash",
);

/// Open rows come with a flag rather than filtered: they stay inputs, or a derivation that saw them would count as better informed.
const UNIT_EVENTS: &str = "SELECT endpoint, source, id, open, stream, offset, length, logged, stamp, level, component, marker, codes, rule, \
       object, kb, package, component_identity, session, client, trace, fields, text, version, \
       toUInt8(open = 1 AND (endpoint, stream, offset, length) IN (\
         SELECT record.endpoint, record.stream, record.offset, record.length \
         FROM (SELECT endpoint, stream, offset, length FROM events \
               WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND open = 1) AS record \
         INNER JOIN (SELECT endpoint, stream, offset, `end` FROM coverage \
                     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)}) AS piece \
           ON record.endpoint = piece.endpoint AND record.stream = piece.stream \
         WHERE piece.offset <= record.offset AND piece.`end` > record.offset + record.length)) AS flag \
     FROM events FINAL \
     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND generation = 0 \
       AND {days}";

pub(crate) fn hash_parts(parts: &[u64]) -> u64 {
    let mut hasher = Xxh3::new();
    for part in parts {
        hasher.update(&part.to_le_bytes());
    }
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To 2006-01 and 2037-12 it weighed the events of 2005-12 and 2038-01 in, so with the same rule set its sets stayed for good.
    #[test]
    fn what_the_first_release_derived_of_months_redrawn_since_does_not_stay() {
        let version_of = |month: Month, rule_set: u32| {
            let rows = UnitRows {
                inputs: BTreeMap::from([(month, (1, 1))]),
                ..UnitRows::default()
            };
            rows.unit(rule_set, month).version.packed()
        };
        let before = DerivationVersion {
            rule_set: 1,
            inputs: 1_000_000_000,
            hash: u64::MAX,
        };
        let (first, last) = Month::near();
        for month in [first, last, Month::FAR_OFF] {
            assert!(version_of(month, 1) > before.packed());
            assert!(version_of(month, 1) < version_of(month, 2));
        }
        // Every other month is weighed as it was.
        for month in [first.after(), last.before()] {
            assert!(version_of(month, 1) < before.packed());
        }
    }
}
