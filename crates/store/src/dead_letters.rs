//! Dead letters: input that could not be processed, kept as it came until somebody sends it back.

use crate::{
    bytes::{Bytes, OwnedBytes},
    error::Result,
    store::Store,
};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::Xxh3;

/// Input that could not be processed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetter {
    /// Owner.
    pub tenant: String,
    /// What makes two letters one: [`LetterContent::id`], or that of the content without what differs at every sending.
    pub id: String,
    /// When it died, in UTC milliseconds.
    pub seen_ms: i64,
    /// Where it died: `decode`, `classify`, `store`.
    pub stage: String,
    /// A stable name of the reason.
    pub reason: String,
    /// The reason for people, without log text.
    pub message: String,
    /// Whose, or empty where that cannot be told.
    pub endpoint: String,
    /// The kind of log, or empty.
    pub source: String,
    /// Where the sender read it, or empty.
    pub path: String,
    /// First source byte.
    pub offset: u64,
    /// Source bytes.
    pub length: u64,
    /// The input as it came.
    pub content: LetterContent,
    /// Where it lay in Kafka; none where it did not come through Kafka.
    pub origin: Option<KafkaOrigin>,
    /// The build that could not process it.
    pub build: String,
    /// The rule set it was to be classified with; 0 where it did not come so far.
    pub rule_set: u32,
}

/// Key, headers and payload as they came; Kafka tells none from empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterContent {
    /// The key.
    pub key: Option<Vec<u8>>,
    /// Names and values, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The payload.
    pub payload: Option<Vec<u8>>,
}

/// A place in a Kafka topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaOrigin {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The broker's stamp, in UTC milliseconds.
    pub timestamp_ms: i64,
}

/// Letters that one statement throws away: their ids are some 40 KB.
const DROPPED_AT_ONCE: usize = 1_000;

/// What became of a letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LetterState {
    /// It waits for somebody.
    #[default]
    Open,
    /// It was sent back and has not died since.
    SentBack,
    /// Its content was thrown away, and it has not died since.
    Dropped,
}

/// A letter as the store holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredLetter {
    /// The letter of its last death; `seen_ms` is that of the first one. Without content where many are listed.
    pub letter: DeadLetter,
    /// How often it died.
    pub deaths: u32,
    /// What became of it.
    pub state: LetterState,
}

/// Which letters to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Only ids that start so; empty for all.
    pub id_prefix: String,
    /// Only of this endpoint; empty for all.
    pub endpoint: String,
    /// Only in this state.
    pub state: Option<LetterState>,
    /// At most so many, the oldest first.
    pub limit: usize,
}

impl LetterState {
    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::SentBack => "sent_back",
            Self::Dropped => "dropped",
        }
    }
}

impl LetterContent {
    /// Digest over key, headers and payload, 32 hex digits.
    pub fn id(&self) -> String {
        let mut hash = Xxh3::new();
        let mut part = |bytes: Option<&[u8]>| {
            // None must differ from empty, and a part must not run into the next one.
            let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
            hash.update(&length.to_le_bytes());
            hash.update(bytes.unwrap_or_default());
        };
        part(self.key.as_deref());
        for (name, value) in &self.headers {
            part(Some(name.as_bytes()));
            part(value.as_deref());
        }
        part(self.payload.as_deref());
        format!("{:032x}", hash.digest128())
    }
}

impl Store {
    /// Keeps letters; durable when it returns. The same letter again, from the same place in Kafka, changes nothing; one that
    /// died again after it was sent back is open again.
    pub async fn insert_dead_letters(&self, letters: &[DeadLetter]) -> Result<()> {
        let mut by_tenant: BTreeMap<&str, Vec<&DeadLetter>> = BTreeMap::new();
        for letter in letters {
            by_tenant.entry(&letter.tenant).or_default().push(letter);
        }
        for (tenant, letters) in by_tenant {
            let known = self.known_letters(tenant, &letters).await?;
            let mut rows: BTreeMap<&str, LetterRow<'_>> = BTreeMap::new();
            for letter in letters {
                let known = known.get(&letter.id);
                if letter.origin.is_some() && known.is_some_and(|known| known.is_at(letter)) {
                    continue;
                }
                let deaths = known.map_or(0, |known| known.deaths) + 1;
                let first_seen = known.map_or(letter.seen_ms, |known| known.first_seen);
                let row = LetterRow::new(letter, first_seen, deaths, LetterState::Open);
                rows.insert(&letter.id, row);
            }
            self.insert_rows::<LetterRow<'static>, _>("dead_letters", rows.into_values())
                .await?;
        }
        Ok(())
    }

    /// Letters without their content, the oldest first.
    pub async fn dead_letters(
        &self,
        tenant: &str,
        filter: &LetterFilter,
    ) -> Result<Vec<StoredLetter>> {
        let rows: Vec<StoredHead> = self
            .fetch_all(
                "list dead letters",
                self.sql(
                    "SELECT ?fields FROM dead_letters FINAL WHERE tenant = {tenant:String} AND startsWith(id, {prefix:String}) \
                       AND ({endpoint:String} = '' OR endpoint = {endpoint:String}) \
                       AND ({state:String} = '' OR state = {state:String}) \
                     ORDER BY first_seen, id LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("prefix", filter.id_prefix.as_str())
                .param("endpoint", filter.endpoint.as_str())
                .param("state", filter.state.map_or("", LetterState::name))
                .param("limit", filter.limit as u64),
            )
            .await?;
        Ok(rows.into_iter().map(StoredHead::into_letter).collect())
    }

    /// How many letters wait for somebody.
    pub async fn open_dead_letters(&self, tenant: &str) -> Result<u64> {
        self.fetch_one(
            "count dead letters",
            self.sql("SELECT count() FROM dead_letters FINAL WHERE tenant = {tenant:String} AND state = 'open'")
                .param("tenant", tenant),
        )
        .await
    }

    /// One letter with its content.
    pub async fn dead_letter(&self, tenant: &str, id: &str) -> Result<Option<StoredLetter>> {
        let head: Option<StoredHead> = self
            .fetch_optional(
                "read a dead letter",
                self.sql("SELECT ?fields FROM dead_letters FINAL WHERE tenant = {tenant:String} AND id = {id:String}")
                    .param("tenant", tenant)
                    .param("id", id),
            )
            .await?;
        let content: Option<StoredContent> = self
            .fetch_optional(
                "read the content of a dead letter",
                self.sql("SELECT ?fields FROM dead_letters FINAL WHERE tenant = {tenant:String} AND id = {id:String}")
                    .param("tenant", tenant)
                    .param("id", id),
            )
            .await?;
        Ok(head.zip(content).map(|(head, content)| {
            let mut stored = head.into_letter();
            stored.letter.content = content.into_content();
            stored
        }))
    }

    /// Notes that a letter was sent back. Only after whoever it was sent to has acknowledged it.
    ///
    /// `letter` is what was read before sending: one that died again meanwhile stays open.
    pub async fn mark_sent_back(&self, letter: &StoredLetter) -> Result<()> {
        let row = LetterRow::new(
            &letter.letter,
            letter.letter.seen_ms,
            letter.deaths,
            LetterState::SentBack,
        );
        self.insert_rows::<LetterRow<'static>, _>("dead_letters", std::iter::once(row))
            .await
    }

    /// Throws the content of letters away: what is left says that there was one, so that the same one from the same place in Kafka does not
    /// come back. One that died again meanwhile stays open.
    pub async fn drop_dead_letters(&self, letters: &[StoredLetter]) -> Result<()> {
        let mut by_tenant: BTreeMap<&str, Vec<DeadLetter>> = BTreeMap::new();
        for stored in letters {
            let of_tenant = by_tenant.entry(&stored.letter.tenant).or_default();
            of_tenant.push(DeadLetter {
                content: LetterContent::default(),
                ..stored.letter.clone()
            });
        }
        let deaths: BTreeMap<&str, u32> = letters
            .iter()
            .map(|stored| (stored.letter.id.as_str(), stored.deaths))
            .collect();
        for (tenant, letters) in by_tenant {
            let rows = letters.iter().map(|letter| {
                let deaths = deaths.get(letter.id.as_str()).copied().unwrap_or(1);
                LetterRow::new(letter, letter.seen_ms, deaths, LetterState::Dropped)
            });
            self.insert_rows::<LetterRow<'static>, _>("dead_letters", rows)
                .await?;
            // The rows that hold what it was: those of a later death stay.
            for some in letters.chunks(DROPPED_AT_ONCE) {
                let ids: Vec<&str> = some.iter().map(|letter| letter.id.as_str()).collect();
                let of: Vec<u32> = ids
                    .iter()
                    .filter_map(|id| deaths.get(id).copied())
                    .collect();
                let query = self
                    .sql(
                        "ALTER TABLE dead_letters DELETE WHERE tenant = {tenant:String} AND id IN {ids:Array(String)} AND state != 'dropped' \
                           AND deaths <= {deaths:Array(UInt32)}[indexOf({ids:Array(String)}, id)]",
                    )
                    .param("tenant", tenant)
                    .param("ids", ids)
                    .param("deaths", of)
                    .with_setting("mutations_sync", "0");
                self.execute_query("throw dead letters away", query).await?;
                self.mutations_done("dead_letters").await?;
            }
        }
        Ok(())
    }

    async fn known_letters(
        &self,
        tenant: &str,
        letters: &[&DeadLetter],
    ) -> Result<BTreeMap<String, Known>> {
        let ids: Vec<&str> = letters.iter().map(|letter| letter.id.as_str()).collect();
        let known: Vec<Known> = self
            .fetch_all(
                "look up dead letters",
                self.sql("SELECT ?fields FROM dead_letters FINAL WHERE tenant = {tenant:String} AND id IN {ids:Array(String)}")
                    .param("tenant", tenant)
                    .param("ids", ids),
            )
            .await?;
        Ok(known
            .into_iter()
            .map(|known| (known.id.clone(), known))
            .collect())
    }
}

/// What an insertion must know of letters that are there.
#[derive(Row, Deserialize)]
struct Known {
    id: String,
    first_seen: i64,
    kafka_topic: String,
    kafka_partition: i32,
    kafka_offset: i64,
    deaths: u32,
}

impl Known {
    fn is_at(&self, letter: &DeadLetter) -> bool {
        letter.origin.as_ref().is_some_and(|origin| {
            (&self.kafka_topic, self.kafka_partition, self.kafka_offset)
                == (&origin.topic, origin.partition, origin.offset)
        })
    }
}

#[derive(Row, Serialize)]
struct LetterRow<'a> {
    tenant: &'a str,
    id: &'a str,
    first_seen: i64,
    stage: &'a str,
    reason: &'a str,
    message: &'a str,
    endpoint: &'a str,
    source: &'a str,
    path: &'a str,
    offset: u64,
    length: u64,
    key: Option<Bytes<'a>>,
    header_names: Vec<&'a str>,
    header_values: Vec<Option<Bytes<'a>>>,
    payload: Option<Bytes<'a>>,
    kafka_topic: &'a str,
    kafka_partition: i32,
    kafka_offset: i64,
    kafka_at: i64,
    build: &'a str,
    rule_set: u32,
    deaths: u32,
    state: &'a str,
    version: u64,
}

impl<'a> LetterRow<'a> {
    fn new(letter: &'a DeadLetter, first_seen: i64, deaths: u32, state: LetterState) -> Self {
        static NOWHERE: KafkaOrigin = KafkaOrigin {
            topic: String::new(),
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
        };
        let (content, origin) = (&letter.content, letter.origin.as_ref().unwrap_or(&NOWHERE));
        let headers = &content.headers;
        Self {
            tenant: &letter.tenant,
            id: &letter.id,
            first_seen,
            stage: &letter.stage,
            reason: &letter.reason,
            message: &letter.message,
            endpoint: &letter.endpoint,
            source: &letter.source,
            path: &letter.path,
            offset: letter.offset,
            length: letter.length,
            key: content.key.as_deref().map(Bytes),
            header_names: headers.iter().map(|(name, _)| name.as_str()).collect(),
            header_values: headers
                .iter()
                .map(|(_, value)| value.as_deref().map(Bytes))
                .collect(),
            payload: content.payload.as_deref().map(Bytes),
            kafka_topic: &origin.topic,
            kafka_partition: origin.partition,
            kafka_offset: origin.offset,
            kafka_at: origin.timestamp_ms,
            build: &letter.build,
            rule_set: letter.rule_set,
            deaths,
            state: state.name(),
            // A death beats having been sent back or dropped before it, whoever writes last.
            version: u64::from(deaths) << 1 | u64::from(state != LetterState::Open),
        }
    }
}

#[derive(Row, Deserialize)]
struct StoredHead {
    tenant: String,
    id: String,
    first_seen: i64,
    stage: String,
    reason: String,
    message: String,
    endpoint: String,
    source: String,
    path: String,
    offset: u64,
    length: u64,
    kafka_topic: String,
    kafka_partition: i32,
    kafka_offset: i64,
    kafka_at: i64,
    build: String,
    rule_set: u32,
    deaths: u32,
    state: String,
}

impl StoredHead {
    fn into_letter(self) -> StoredLetter {
        let origin = (!self.kafka_topic.is_empty()).then_some(KafkaOrigin {
            topic: self.kafka_topic,
            partition: self.kafka_partition,
            offset: self.kafka_offset,
            timestamp_ms: self.kafka_at,
        });
        StoredLetter {
            deaths: self.deaths,
            state: match self.state.as_str() {
                "sent_back" => LetterState::SentBack,
                "dropped" => LetterState::Dropped,
                _ => LetterState::Open,
            },
            letter: DeadLetter {
                tenant: self.tenant,
                id: self.id,
                seen_ms: self.first_seen,
                stage: self.stage,
                reason: self.reason,
                message: self.message,
                endpoint: self.endpoint,
                source: self.source,
                path: self.path,
                offset: self.offset,
                length: self.length,
                content: LetterContent::default(),
                origin,
                build: self.build,
                rule_set: self.rule_set,
            },
        }
    }
}

#[derive(Row, Deserialize)]
struct StoredContent {
    key: Option<OwnedBytes>,
    header_names: Vec<String>,
    header_values: Vec<Option<OwnedBytes>>,
    payload: Option<OwnedBytes>,
}

impl StoredContent {
    fn into_content(self) -> LetterContent {
        let values = self.header_values.into_iter();
        let values = values.map(|value| value.map(|value| value.0));
        LetterContent {
            key: self.key.map(|key| key.0),
            headers: self.header_names.into_iter().zip(values).collect(),
            payload: self.payload.map(|payload| payload.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_none_from_empty_and_parts_apart() {
        let content = |key: Option<&str>, headers: &[(&str, Option<&str>)], payload: &str| {
            let bytes = |text: &str| text.as_bytes().to_vec();
            LetterContent {
                key: key.map(bytes),
                headers: headers
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.map(bytes)))
                    .collect(),
                payload: Some(bytes(payload)),
            }
            .id()
        };
        let ids = [
            content(None, &[], "x"),
            content(Some(""), &[], "x"),
            content(Some("x"), &[], ""),
            content(None, &[("a", None)], "x"),
            content(None, &[("a", Some(""))], "x"),
            content(None, &[("", Some("a"))], "x"),
        ];
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(id.len(), 32);
            assert!(!ids[..at].contains(id), "{at}");
        }
    }
}
