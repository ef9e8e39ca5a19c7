//! What came as messages of shippers' topics, beside what came as files.
//!
//! A message is known by path and format together: a path alone is what a sender says, and would hide what other formats show.

use crate::{
    Piece, error::Result, queries::endpoint::StreamSummary, rows::StoredPiece, store::Store,
};
use clickhouse::Row;
use event::{LoggedAt, MESSAGE_PATH, Source, StreamId, TextEncoding};
use serde::Deserialize;

/// The condition on a row of `coverage`, with [`MESSAGE_PATH`] as the parameter `messages`.
macro_rules! is_message {
    () => {
        "(startsWith(path, {messages:String}) AND format = 'event_json')"
    };
}
pub(crate) use is_message;

#[derive(Row, Deserialize)]
struct MessageLog {
    source: String,
    path: String,
    newest: u64,
    bytes: u64,
    earliest: Option<LoggedAt>,
    latest: Option<LoggedAt>,
}

impl Store {
    /// The pieces of an endpoint's files that are or were held.
    pub(super) async fn file_pieces(&self, tenant: &str, endpoint: &str) -> Result<Vec<Piece>> {
        let rows: Vec<StoredPiece> = self
            .fetch_all(
                "read coverage of an endpoint",
                self.sql(concat!(
                    "SELECT ?fields FROM coverage FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND NOT ",
                    is_message!(),
                    " ORDER BY stream, offset, `end`, content_hash",
                ))
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("messages", MESSAGE_PATH),
            )
            .await?;
        let pieces = rows.into_iter().filter_map(StoredPiece::into_piece);
        Ok(pieces.collect())
    }

    /// The messages of an endpoint, summed up by path: there are as many as the machine has events.
    pub(super) async fn message_logs(
        &self,
        tenant: &str,
        endpoint: &str,
    ) -> Result<Vec<StreamSummary>> {
        let rows: Vec<MessageLog> = self
            .fetch_all(
                "sum up the messages of an endpoint",
                // A message without a time is older than any other.
                self.sql(concat!(
                    "SELECT source, path, argMax(stream, (ifNull(last, toDateTime64(0, 0, 'UTC')), stream)) AS newest, \
                       toUInt64(sum(`end` - offset)) AS bytes, min(first) AS earliest, max(last) AS latest \
                     FROM coverage FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND ",
                    is_message!(),
                    " GROUP BY source, path ORDER BY source, path",
                ))
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("messages", MESSAGE_PATH),
            )
            .await?;
        let summary = |row: MessageLog| {
            Some(StreamSummary {
                stream: StreamId(row.newest),
                source: Source::from_name(&row.source)?,
                path: row.path,
                encoding: TextEncoding::Utf8,
                bytes: row.bytes,
                first: row.earliest,
                last: row.latest,
                utc: Vec::new(),
                // Each is whole; which ones a shipper left out nobody can tell.
                gaps: Vec::new(),
            })
        };
        Ok(rows.into_iter().filter_map(summary).collect())
    }

    /// The times of endpoints' messages between two days, as far as they have any.
    pub(crate) async fn message_spans(
        &self,
        tenant: &str,
        endpoints: &[&str],
        first: u16,
        last: u16,
    ) -> Result<Vec<(String, LoggedAt, LoggedAt)>> {
        // Repeats change neither end, so nothing needs to be folded.
        let rows: Vec<(String, i64, i64)> = self.fetch_all(
            "read the times of messages",
            self.sql(concat!(
                "SELECT endpoint, assumeNotNull(min(first)), assumeNotNull(max(last)) FROM coverage \
                 WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND ",
                is_message!(),
                " AND first IS NOT NULL AND last IS NOT NULL \
                   AND day BETWEEN toDate({first:UInt16}) AND toDate({last:UInt16}) \
                 GROUP BY endpoint",
            ))
            .param("tenant", tenant)
            .param("endpoints", endpoints)
            .param("messages", MESSAGE_PATH)
            .param("first", first)
            .param("last", last),
        )
        .await?;
        let spans = rows.into_iter();
        Ok(spans
            .map(|(endpoint, first, last)| (endpoint, LoggedAt(first), LoggedAt(last)))
            .collect())
    }
}
