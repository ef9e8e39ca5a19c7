//! What derivations read of streams: their times, and where their clock's offset from UTC shows.

use crate::queries::messages::is_message;
use crate::{error::Result, rows::Days, store::Store};
use clickhouse::Row;
use event::{LoggedAt, MESSAGE_PATH, Month, Source, StreamId, UtcAnchor, UtcHow};
use futures_util::future::try_join;
use serde::Deserialize;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// What all pieces of a stream that are or were held say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamTimes {
    /// Which stream.
    pub stream: StreamId,
    /// The kind of log.
    pub source: Source,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
    /// Changes of the UTC offset in it, by offset, each once.
    pub anchors: Vec<UtcAnchor>,
}

impl StreamTimes {
    /// What its anchors add to how well informed a derivation is: how many there are, and a hash over them of 32 bits, whatever their
    /// order, so that the hashes of many streams add up.
    pub fn weight(&self) -> (u64, u64) {
        let hash = self.anchors.iter().fold(0u64, |sum, anchor| {
            let how = xxh3_64(anchor.how.name().as_bytes());
            sum.wrapping_add(hash_parts(&[
                self.stream.0,
                anchor.offset,
                i64::from(anchor.minutes) as u64,
                how,
                anchor.logged.0 as u64,
            ]))
        });
        (self.anchors.len() as u64, hash >> 32)
    }
}

/// The streams of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointStreams {
    /// Those that may reach the months asked for, or a month beside them. Messages of shippers' topics are none: each is whole and
    /// shows no offset, and there may be one for each event.
    pub streams: Vec<StreamTimes>,
    /// Earliest and latest time of such messages.
    pub messages: Option<(LoggedAt, LoggedAt)>,
}

fn hash_parts(parts: &[u64]) -> u64 {
    let mut hasher = Xxh3::new();
    for part in parts {
        hasher.update(&part.to_le_bytes());
    }
    hasher.digest()
}

impl Store {
    /// What is known of the streams of endpoints that reach the months `from` to `to`, or one beside them.
    ///
    /// `max_bytes` bounds the answer, in the engine and here; a larger one is an error that [`StoreError::is_too_large`]: ask for less
    /// at once.
    ///
    /// [`StoreError::is_too_large`]: crate::StoreError::is_too_large
    pub async fn stream_facts_of(
        &self,
        tenant: &str,
        endpoints: &[&str],
        from: Month,
        to: Month,
        max_bytes: u64,
    ) -> Result<BTreeMap<String, EndpointStreams>> {
        let days = Days::of(from.before(), to.after());
        let streams = self.fetch_all::<StreamRow>(
            "read the streams of endpoints",
            self.bounded(
                &STREAMS.replace("{streams}", days.stream_condition()),
                max_bytes,
            )
            .param("tenant", tenant)
            .param("endpoints", endpoints)
            .param("messages", MESSAGE_PATH)
            .param("first", days.first)
            .param("last", days.last),
        );
        let messages = self.message_spans(tenant, endpoints, days);
        let (streams, messages) = try_join(streams, messages).await?;
        let mut of_endpoints: BTreeMap<String, EndpointStreams> = BTreeMap::new();
        for mut row in streams {
            let endpoint = std::mem::take(&mut row.endpoint);
            let of_endpoint = of_endpoints.entry(endpoint).or_default();
            of_endpoint.streams.extend(row.into_times());
        }
        for (endpoint, first, last) in messages {
            of_endpoints.entry(endpoint).or_default().messages = Some((first, last));
        }
        Ok(of_endpoints)
    }
}

/// Streams are chosen by all their rows, as those only add to their days; what they say is taken from the copies that stay, so that
/// it does not depend on what is merged yet.
const STREAMS: &str = concat!(
    "SELECT endpoint, stream, min(source) AS source, min(first) AS first_head, max(last) AS last_head, \
       arraySort(groupUniqArrayArray(arrayZip(anchor_offsets, anchor_minutes, \
         arrayMap(how -> toString(how), anchor_hows), arrayMap(logged -> toUnixTimestamp64Second(logged), anchor_logged)))) AS anchors \
     FROM coverage FINAL \
     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND (endpoint, stream) IN (\
       SELECT endpoint, stream FROM coverage \
       WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND NOT ",
    is_message!(),
    " GROUP BY endpoint, stream \
       HAVING {streams}) \
     GROUP BY endpoint, stream ORDER BY endpoint, stream",
);

#[derive(Row, Deserialize)]
struct StreamRow {
    endpoint: String,
    stream: u64,
    source: String,
    first_head: Option<i64>,
    last_head: Option<i64>,
    anchors: Vec<(u64, i32, String, i64)>,
}

impl StreamRow {
    /// Nothing when a newer build wrote a word this one does not know.
    fn into_times(self) -> Option<StreamTimes> {
        let anchors = self
            .anchors
            .into_iter()
            .filter_map(|(offset, minutes, how, logged)| {
                Some(UtcAnchor {
                    offset,
                    minutes,
                    how: UtcHow::from_name(&how)?,
                    logged: LoggedAt(logged),
                })
            });
        Some(StreamTimes {
            stream: StreamId(self.stream),
            source: Source::from_name(&self.source)?,
            first: self.first_head.map(LoggedAt),
            last: self.last_head.map(LoggedAt),
            anchors: anchors.collect(),
        })
    }
}
