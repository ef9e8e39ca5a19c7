//! What derivations read, and how well informed each of them is.

use crate::queries::messages::is_message;
use crate::{
    error::Result,
    rows::{Days, Piece, StoredEvent, StoredPiece, month_of},
    store::Store,
};
use event::{Event, MESSAGE_PATH, Month, StreamId};

/// Everything a derivation reads of one endpoint, over the months of its units and one month on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitRows {
    /// Events that count, each identity once.
    pub events: Vec<Event>,
    /// Pieces of the streams that reach into these months, over the streams' whole length. Messages of shippers' topics are none:
    /// each is whole and shows no offset, so none of them changes what is derived, and there may be one for each event.
    pub pieces: Vec<Piece>,
}

/// What the derivation of one month reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitView<'a> {
    /// Events of the month and its neighbours.
    pub events: Vec<&'a Event>,
    /// By stream, the pieces of those whose times reach into the month or a neighbour.
    pub streams: Vec<&'a [Piece]>,
}

impl UnitRows {
    /// What the derivation of one of the months reads: the same, whichever other months were read along with it.
    pub fn unit(&self, month: Month) -> UnitView<'_> {
        let near = month.before()..=month.after();
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
        let events = self
            .events
            .iter()
            .filter(|event| near.contains(&month_of(event.logged)))
            .collect();
        UnitView { events, streams }
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
        let days = Days::of(from.before(), to.after());
        // Pieces first: they are written after the events they stand for, so the events read next miss none of theirs.
        let pieces: Vec<StoredPiece> = self
            .fetch_all(
                "read coverage of units",
                self.sql(&UNIT_PIECES.replace("{streams}", days.stream_condition()))
                    .param("tenant", tenant)
                    .param("endpoint", endpoint)
                    .param("messages", MESSAGE_PATH)
                    .param("first", days.first)
                    .param("last", days.last),
            )
            .await?;
        let mut events: Vec<StoredEvent> = self
            .fetch_all(
                "read the events of units",
                self.sql(&UNIT_EVENTS.replace("{days}", days.condition()))
                    .param("tenant", tenant)
                    .param("endpoint", endpoint)
                    .param("first", days.first)
                    .param("last", days.last),
            )
            .await?;
        // One copy of each identity that counts: the greatest version first, and none where that one says that it is gone.
        events.retain(|stored| stored.flag & SUPERSEDED == 0);
        events.sort_by(|a, b| (a.id, b.version).cmp(&(b.id, a.version)));
        let mut rows = UnitRows::default();
        rows.pieces
            .extend(pieces.into_iter().filter_map(StoredPiece::into_piece));
        let mut last = None;
        for stored in events {
            let is_copy = last.replace(stored.id) == Some(stored.id);
            if !is_copy && stored.flag & GONE == 0 {
                rows.events.extend(stored.into_event());
            }
        }
        rows.events
            .sort_unstable_by_key(|event| (event.stream, event.offset, event.id));
        Ok(rows)
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

/// Streams whose times reach into the months, over their whole length.
const UNIT_PIECES: &str = concat!(
    "SELECT ?fields FROM coverage FINAL \
     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND (endpoint, stream) IN (\
       SELECT endpoint, stream FROM coverage \
       WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND NOT ",
    is_message!(),
    " GROUP BY endpoint, stream \
       HAVING {streams}) \
     ORDER BY endpoint, stream, offset, `end`, content_hash",
);

/// In a flag: a piece has covered the open row.
const SUPERSEDED: u8 = 1;

/// In a flag: a newer rule set has taken the event back.
const GONE: u8 = 2;

const UNIT_EVENTS: &str = "SELECT endpoint, source, id, open, stream, offset, length, logged, stamp, level, component, marker, codes, rule, \
       object, kb, package, component_identity, session, client, trace, fields, text, version, \
       toUInt8(2 * gone + (open = 1 AND (endpoint, stream, offset, length) IN (\
         SELECT record.endpoint, record.stream, record.offset, record.length \
         FROM (SELECT endpoint, stream, offset, length FROM events \
               WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND open = 1) AS record \
         INNER JOIN (SELECT endpoint, stream, offset, `end` FROM coverage \
                     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String}) AS piece \
           ON record.endpoint = piece.endpoint AND record.stream = piece.stream \
         WHERE piece.offset <= record.offset AND piece.`end` > record.offset + record.length))) AS flag \
     FROM events FINAL \
     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 \
       AND {days}";
