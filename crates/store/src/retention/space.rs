//! Space: how much is used, and making room.

use super::plan::{self, Cut, Key, Limits, Part, Share, Step};
use crate::{Profile, error::Result, store::Store};
use clickhouse::Row;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a step of making room did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freed {
    /// Text went, of this many parts; evidence among it only when no other text was left.
    Text {
        /// Parts that went, or were rewritten without it.
        parts: usize,
        /// It was text in which a failure was found.
        evidence: bool,
    },
    /// There is no raw text.
    Nothing,
    /// Text could go, but the file system has no room for the part that is written instead.
    NoRoom {
        /// Free bytes that the smallest such rewrite needs.
        needed: u64,
    },
}

/// Raw text that is held, of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct TextHeld {
    /// A failure was found in it.
    pub evidence: u8,
    /// Chunks.
    pub chunks: u64,
    /// Source bytes.
    pub bytes: u64,
    /// Its oldest day as logged, in days since 1970.
    pub oldest: u16,
}

#[derive(Row, Deserialize)]
struct ShareRow {
    part: String,
    evidence: u8,
    day: u16,
    length: u64,
}

#[derive(Row, Deserialize)]
struct ReceivedRow {
    part: String,
    received: i64,
    length: u64,
}

/// Parts of this share of the bound and more are merged no further, so that a rewrite needs little room, and a step that frees
/// frees little too much. Some twenty such parts make the store, and reading a record looks at the index of each: a guess between both.
const PARTS_OF_BOUND: u64 = 20;

/// What the engine says of a part that is not there.
pub(super) const NO_SUCH_DATA_PART: u32 = 232;

/// ClickHouse's own bound on what a merge makes.
const LARGEST_MERGE: u64 = 150 << 30;

/// Where parts may not grow beyond this, they are merged as eagerly as ClickHouse does by itself: a removal passes over each part of its
/// month, so they must be few. Elsewhere small ones wait for each other, as the table's definition has it.
const SMALL_PARTS: u64 = 256 << 20;

/// `merge_selector_base` of ClickHouse itself, and of `chunks`.
const EAGER: u8 = 5;
const PATIENT: u8 = 50;

impl Store {
    /// Bytes that our tables hold on disk. Parts that merges and rewrites have replaced are not counted: they go within moments,
    /// and counted in they would make room be made twice.
    pub async fn disk_used(&self) -> Result<u64> {
        self.fetch_one(
            "read the space used",
            self.sql(
                "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND active",
            ),
        )
        .await
    }

    /// Bytes that parts still take which nobody reads any more.
    pub async fn disk_replaced(&self) -> Result<u64> {
        self.fetch_one(
            "read the space of replaced parts",
            self.sql(
                "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND NOT active",
            ),
        )
        .await
    }

    /// Removes parts of `chunks` from the disk that nobody reads any more. The engine does so by itself, but waits up to minutes
    /// when it has nothing else to do.
    pub async fn clear_replaced(&self) -> Result<()> {
        // No day is in this partition, so nothing is dropped; the engine clears up on the way.
        self.execute(
            "clear replaced parts of `chunks`",
            "ALTER TABLE chunks DROP PARTITION 190001",
        )
        .await
    }

    /// Keeps parts of raw text small enough for [`Self::free_raw`] under this bound on the whole store; 0 = no bound.
    pub async fn bound_parts(&self, max_disk: u64) -> Result<()> {
        let largest = match max_disk {
            0 => LARGEST_MERGE,
            bound => (bound / PARTS_OF_BOUND).min(LARGEST_MERGE),
        };
        let base = if largest < SMALL_PARTS {
            EAGER
        } else {
            PATIENT
        };
        self.execute(
            "bound the parts of `chunks`",
            &format!(
                "ALTER TABLE chunks MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = {largest}, merge_selector_base = {base}"
            ),
        )
        .await
    }

    /// Removes raw text that is worth about `want` bytes on disk, or a part of that: ask [`Self::disk_used`] and call it again.
    ///
    /// Text without evidence goes first, then the oldest day, then what was received first. A step touches parts of at most `spare`
    /// bytes, so that no more can go however their days share them, and writes no more than fits into `room` bytes.
    pub async fn free_raw(&self, want: u64, spare: u64, room: u64) -> Result<Freed> {
        let mut parts = self.parts_of_text().await?;
        let Some(found) = plan::cut(&parts, want) else {
            return Ok(Freed::Nothing);
        };
        let key = if found.of_key / 5 > found.left / 4 {
            self.cut_within(&mut parts, found).await?
        } else {
            found.key
        };
        let step = plan::step(&parts, key, Limits { want, spare, room });
        if let Some(needed) = step.needed {
            return Ok(Freed::NoRoom { needed });
        }
        self.remove(&step).await?;
        Ok(Freed::Text {
            parts: step.dropped.len() + step.rewritten.len(),
            evidence: key.evidence,
        })
    }

    /// The raw text that is held, by kind, in the order in which it would go.
    pub async fn text_held(&self) -> Result<Vec<TextHeld>> {
        self.fetch_all(
            "read what is held of `chunks`",
            self.sql(
                "SELECT evidence, count() AS chunks, sum(length) AS bytes, toUInt16(min(day)) AS oldest \
                 FROM chunks GROUP BY evidence ORDER BY evidence",
            ),
        )
        .await
    }

    /// What each part of `chunks` takes, and what is in it.
    async fn parts_of_text(&self) -> Result<Vec<Part>> {
        let on_disk: BTreeMap<String, (String, u64)> = self
            .fetch_all::<(String, String, u64)>(
                "read the parts of `chunks`",
                self.sql(
                    "SELECT name, partition, bytes_on_disk FROM system.parts \
                     WHERE database = currentDatabase() AND table = 'chunks' AND active",
                ),
            )
            .await?
            .into_iter()
            .map(|(name, partition, bytes)| (name, (partition, bytes)))
            .collect();
        let rows: Vec<ShareRow> = self
            .fetch_all(
                "read the days of `chunks`",
                self.sql(
                    "SELECT toString(_part) AS part, evidence, toUInt16(day) AS day, sum(length) AS length \
                     FROM chunks GROUP BY part, evidence, day ORDER BY part, evidence, day",
                ),
            )
            .await?;
        let mut parts: BTreeMap<String, Part> = BTreeMap::new();
        for row in rows {
            // A part that was made between the two questions is left to the next step.
            let Some((partition, bytes)) = on_disk.get(&row.part) else {
                continue;
            };
            let part = parts.entry(row.part).or_insert_with_key(|name| Part {
                name: name.clone(),
                partition: partition.clone(),
                bytes: *bytes,
                shares: Vec::new(),
            });
            part.shares.push(Share {
                key: Key {
                    evidence: row.evidence != 0,
                    day: row.day,
                    received: None,
                },
                length: row.length,
            });
        }
        Ok(parts.into_values().collect())
    }

    /// Where within a day text must end, as the day holds more than is wanted.
    async fn cut_within(&self, parts: &mut [Part], found: Cut) -> Result<Key> {
        let rows: Vec<ReceivedRow> = self
            .fetch_all(
                "read a day of `chunks`",
                self.sql(
                    "SELECT toString(_part) AS part, toUnixTimestamp64Milli(received_at) AS received, sum(length) AS length \
                     FROM chunks WHERE evidence = {evidence:UInt8} AND day = toDate({day:UInt16}) \
                     GROUP BY part, received ORDER BY part, received",
                )
                .param("evidence", u8::from(found.key.evidence))
                .param("day", found.key.day),
            )
            .await?;
        for part in parts.iter_mut() {
            part.shares.retain(|share| share.key != found.key);
            let finer = rows.iter().filter(|row| row.part == part.name);
            part.shares.extend(finer.map(|row| Share {
                key: Key {
                    received: Some(row.received),
                    ..found.key
                },
                length: row.length,
            }));
        }
        let before = |share: &&Share| share.key < found.key;
        let earlier: u64 = parts
            .iter()
            .map(|part| {
                let shares = part.shares.iter().filter(before);
                part.on_disk(shares.map(|share| share.length).sum())
            })
            .sum();
        let key = plan::cut(parts, earlier + found.left).map(|cut| cut.key);
        Ok(key.unwrap_or(found.key))
    }

    async fn remove(&self, step: &Step) -> Result<()> {
        if !step.rewritten.is_empty() {
            // Names of parts and partitions are digits and underscores of the engine's own, and these clauses take no parameter.
            let names = step.rewritten.join("', '");
            let within = match step.cut.received {
                Some(_) => {
                    "(day < toDate({day:UInt16}) OR day = toDate({day:UInt16}) \
                     AND toUnixTimestamp64Milli(received_at) <= {received:Int64})"
                }
                None => "day <= toDate({day:UInt16})",
            };
            let statement = format!(
                "ALTER TABLE chunks DELETE IN PARTITION {} WHERE _part IN ('{names}') \
                 AND (evidence < {{evidence:UInt8}} OR evidence = {{evidence:UInt8}} AND {within})",
                step.partition
            );
            let mut query = self
                .sql(&statement)
                .with_setting("mutations_sync", "1")
                .param("evidence", u8::from(step.cut.evidence))
                .param("day", step.cut.day);
            if let Some(received) = step.cut.received {
                query = query.param("received", received);
            }
            self.execute_query("rewrite parts of `chunks`", query)
                .await?;
        }
        self.drop_parts(&step.dropped).await
    }

    /// Drops parts of `chunks`, and clears what was replaced. A part has the rows that it was looked at with, so nothing that came
    /// since goes with it, as it would with a partition.
    pub(super) async fn drop_parts(&self, names: &[String]) -> Result<()> {
        if names.is_empty() {
            return self.clear_if_local().await;
        }
        let drops: Vec<String> = names
            .iter()
            .map(|name| format!("DROP PART '{name}'"))
            .collect();
        let dropped = self
            .execute(
                "drop parts of `chunks`",
                &format!("ALTER TABLE chunks {}", drops.join(", ")),
            )
            .await;
        match dropped {
            // Merged since it was looked at: the next look sees what it became.
            Err(error) if error.code() == Some(NO_SUCH_DATA_PART) => Ok(()),
            dropped => dropped,
        }
    }

    async fn clear_if_local(&self) -> Result<()> {
        match self.profile() {
            Profile::Embedded => self.clear_replaced().await,
            Profile::Server { .. } => Ok(()),
        }
    }
}
