//! Age: raw text whose days are over goes, by a day that the caller vouches for. The engine's own expiry is switched off, because
//! it goes by a clock that may have jumped.

use super::plan::rewrite_needs;
use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::Deserialize;

/// What a step of expiry did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expired {
    /// Text went, of this many parts; there may be more.
    Parts(usize),
    /// Nothing is over, or too little of each part to rewrite it yet.
    Nothing,
    /// Parts are still being rewritten from before.
    Busy,
    /// The same, but the last try of it failed. The engine tries again and again, and nothing else goes until that succeeds.
    Stuck {
        /// The engine's name of the rewrite.
        mutation: String,
        /// The first line of what the engine says.
        reason: String,
    },
    /// Text is over, but the file system has no room for the part that is written instead.
    NoRoom {
        /// Free bytes that the smallest such rewrite needs.
        needed: u64,
    },
}

/// A part that is over in part is rewritten when an eighth of it is over, so that text is written at most eight times more often
/// than it comes, …
const WORTH_A_REWRITE: u64 = 8;

/// … or when some of it has been over for a week. So text may stay that much longer than its days.
const OVERDUE_DAYS: u16 = 7;

/// Parts dropped and bytes rewritten by one step: seconds of work, then others have their turn.
const PARTS_A_STEP: usize = 100;
const BYTES_A_STEP: u64 = 4 << 30;

/// Whether a row's days are over. The second sign beside its receipt are the times in it: text cannot have come before it was
/// written, so a receipt by a clock that was behind counts from there. Times that lie ahead of us say nothing.
const IS_OVER: &str = "keep_until < toDate(65535) AND toInt32(toUInt16(keep_until)) + \
    if(ifNull(intDiv(toInt64(last), 86400), 0) BETWEEN toInt64(toUInt16(toDate(received_at))) AND {today:Int64}, \
       ifNull(intDiv(toInt64(last), 86400), 0) - toInt64(toUInt16(toDate(received_at))), 0) < {today:Int64}";

#[derive(Row, Deserialize)]
struct PartRow {
    part: String,
    partition: String,
    bytes: u64,
    rows: u64,
    rows_over: u64,
    length: u64,
    length_over: u64,
    first_over: u16,
}

impl PartRow {
    fn is_due(&self, today: u16) -> bool {
        self.length_over >= self.length / WORTH_A_REWRITE
            || self.first_over.saturating_add(OVERDUE_DAYS) < today
    }
}

impl Store {
    /// Removes text whose last day is before `today`, in days since 1970; one step of bounded work, which writes no more than fits
    /// into `room` bytes.
    pub async fn expire_raw(&self, today: u16, room: u64) -> Result<Expired> {
        // One that fails holds up those behind it, so it is the one to speak of.
        let running: Option<(String, String)> = self
            .fetch_optional(
                "read the rewrites of `chunks`",
                self.sql(
                    "SELECT mutation_id, substringUTF8(splitByChar('\n', latest_fail_reason)[1], 1, 300) FROM system.mutations \
                     WHERE database = currentDatabase() AND table = 'chunks' AND NOT is_done \
                     ORDER BY latest_fail_reason = '', create_time, mutation_id LIMIT 1",
                ),
            )
            .await?;
        match running {
            None => {}
            Some((_, reason)) if reason.is_empty() => return Ok(Expired::Busy),
            Some((mutation, reason)) => return Ok(Expired::Stuck { mutation, reason }),
        }
        let over = self.parts_over(today).await?;
        let whole: Vec<String> = over
            .iter()
            .filter(|part| part.rows_over == part.rows)
            .take(PARTS_A_STEP)
            .map(|part| part.part.clone())
            .collect();
        if !whole.is_empty() {
            self.drop_parts(&whole).await?;
            return Ok(Expired::Parts(whole.len()));
        }
        let due = over.iter().filter(|part| part.is_due(today));
        let (mut chosen, mut bytes, mut needed): (Vec<&PartRow>, u64, Option<u64>) =
            (Vec::new(), 0, None);
        for part in due {
            let needs = rewrite_needs(part.bytes);
            if bytes + needs > room {
                needed = Some(needed.unwrap_or(u64::MAX).min(needs));
                continue;
            }
            let is_more = !chosen.is_empty() && bytes + needs > BYTES_A_STEP;
            if is_more || chosen.len() == PARTS_A_STEP {
                break;
            }
            if chosen
                .first()
                .is_some_and(|first| first.partition != part.partition)
            {
                continue;
            }
            chosen.push(part);
            bytes += needs;
        }
        let Some(first) = chosen.first() else {
            return Ok(needed.map_or(Expired::Nothing, |needed| Expired::NoRoom { needed }));
        };
        // Names of parts and partitions are digits and underscores of the engine's own, and these clauses take no parameter.
        let names: Vec<&str> = chosen.iter().map(|part| part.part.as_str()).collect();
        let statement = format!(
            "ALTER TABLE chunks DELETE IN PARTITION {} WHERE _part IN ('{}') AND {IS_OVER}",
            first.partition,
            names.join("', '"),
        );
        // Not waited for: on replicas a rewrite may take longer than a statement may. The next step sees that it runs.
        let query = self
            .sql(&statement)
            .with_setting("mutations_sync", "0")
            .param("today", i64::from(today));
        self.execute_query("remove text whose days are over", query)
            .await?;
        Ok(Expired::Parts(chosen.len()))
    }

    /// Parts of `chunks` with text that is over, those with the oldest first.
    async fn parts_over(&self, today: u16) -> Result<Vec<PartRow>> {
        let statement = format!(
            "SELECT part, partition, bytes, found.rows AS rows, rows_over, all_length AS length, length_over, first_over FROM \
               (SELECT toString(_part) AS part, count() AS rows, countIf({IS_OVER}) AS rows_over, sum(length) AS all_length, \
                       sumIf(length, {IS_OVER}) AS length_over, toUInt16(minIf(keep_until, {IS_OVER})) AS first_over \
                FROM chunks GROUP BY part HAVING rows_over > 0) AS found \
             INNER JOIN (SELECT name, partition, bytes_on_disk AS bytes FROM system.parts \
                WHERE database = currentDatabase() AND table = 'chunks' AND active) AS on_disk ON found.part = on_disk.name \
             ORDER BY first_over, part"
        );
        self.fetch_all(
            "look for text whose days are over",
            self.sql(&statement).param("today", i64::from(today)),
        )
        .await
    }

    /// The newest day on which raw text was received, and on how many days after `after` and not after `until` some was.
    pub async fn days_received(&self, after: u16, until: u16) -> Result<(u16, u64)> {
        self.fetch_one(
            "read the days of receipt",
            self.sql(
                "SELECT max(toUInt16(toDate(received_at))), uniqExactIf(toDate(received_at), \
                   toUInt16(toDate(received_at)) > {after:UInt16} AND toUInt16(toDate(received_at)) <= {until:UInt16}) FROM chunks",
            )
            .param("after", after)
            .param("until", until),
        )
        .await
    }

    /// The day that housekeeping went by last, in days since 1970; none in a new store.
    pub async fn housekeeping_day(&self) -> Result<Option<u16>> {
        let (rows, day): (u64, u16) = self
            .fetch_one(
                "read the day of housekeeping",
                self.sql(
                    "SELECT count(), toUInt16(max(day)) FROM housekeeping WHERE name = 'expiry'",
                ),
            )
            .await?;
        Ok((rows > 0).then_some(day))
    }

    /// Remembers the day that housekeeping goes by.
    pub async fn set_housekeeping_day(&self, day: u16) -> Result<()> {
        let row = HousekeepingRow {
            name: "expiry".to_owned(),
            day,
        };
        self.insert_rows::<HousekeepingRow, _>("housekeeping", std::iter::once(row))
            .await
    }

    /// UTC milliseconds by the store's own clock.
    pub async fn now_ms(&self) -> Result<i64> {
        self.fetch_one(
            "read the store's clock",
            self.sql("SELECT toUnixTimestamp64Milli(now64(3, 'UTC'))"),
        )
        .await
    }
}

#[derive(Row, serde::Serialize, Deserialize)]
struct HousekeepingRow {
    name: String,
    day: u16,
}
