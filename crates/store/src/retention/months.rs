//! Age of what was found: months that ended long ago go as a whole, derived rows, events and coverage together.

use super::space::NO_SUCH_DATA_PART;
use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::{Day, Month};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Tables with a partition a month, as logged: what says that a month is there goes first, so that who reads meanwhile finds no month
/// rather than half of one.
pub const MONTHLY_TABLES: [&str; 13] = [
    "derivations",
    "attempts",
    "findings",
    "day_parts",
    "events_seen",
    "noise_seen",
    "noise_gone",
    "open_noise",
    "noise",
    "day_inputs",
    "inputs",
    "events",
    "coverage",
];

/// Of these, what comes with text: the others are made of it, and may be made anew at any time.
const TAKEN: [&str; 4] = ["open_noise", "noise", "events", "coverage"];

/// A month by its days of receipt is counted generously.
const DAYS_A_MONTH: u16 = 31;

#[derive(Row, Deserialize)]
struct PartRow {
    table: String,
    month: u32,
    part: String,
    written: u16,
}

impl Store {
    /// Removes what is stored of months that ended more than `keep` months before `today`, in days since 1970, and to which nothing was
    /// added for as long: history that was taken in late stays as long as if it were new. A month of which text is held stays, and what has
    /// no month. Returns the months that went.
    ///
    /// By parts, which hold the rows they were looked at with: what is stored meanwhile stays.
    pub async fn expire_months(&self, today: u16, keep: u16) -> Result<Vec<Month>> {
        let first = (0..keep).fold(Day::new(today).month(), |month, _| month.before());
        let parts: Vec<PartRow> = self
            .fetch_all(
                "look for months that are over",
                self.sql(
                    "SELECT table, toUInt32(partition) AS month, name AS part, toUInt16(toDate(modification_time, 'UTC')) AS written \
                     FROM system.parts WHERE database = currentDatabase() AND active AND table IN {tables:Array(String)} \
                       AND toUInt32OrZero(partition) >= {earliest:UInt32} AND toUInt32OrZero(partition) < {first:UInt32} \
                     ORDER BY month, table, part",
                )
                .param("tables", MONTHLY_TABLES.iter().chain(&["chunks"]).collect::<Vec<_>>())
                .param("first", first.yyyymm())
                // What is before it is of the far-off month, whichever partition it stands in.
                .param("earliest", Month::near().0.yyyymm()),
            )
            .await?;
        let days = keep.saturating_mul(DAYS_A_MONTH);
        let is_young = |part: &&PartRow| {
            let is_taken = TAKEN.contains(&part.table.as_str());
            part.table == "chunks" || is_taken && part.written.saturating_add(days) >= today
        };
        let kept: BTreeSet<u32> = parts
            .iter()
            .filter(is_young)
            .map(|part| part.month)
            .collect();
        let mut gone: BTreeMap<&str, Vec<&PartRow>> = BTreeMap::new();
        for part in parts.iter().filter(|part| !kept.contains(&part.month)) {
            gone.entry(&part.table).or_default().push(part);
        }
        let mut months: BTreeSet<u32> = BTreeSet::new();
        for table in MONTHLY_TABLES {
            for part in gone.get(table).into_iter().flatten() {
                // One by one: the others do not wait for one that was merged meanwhile, which the next look sees again.
                let dropped = self
                    .execute(
                        &format!("drop a month of `{table}`"),
                        // Names of parts are digits and underscores of the engine's own, and this clause takes no parameter.
                        &format!("ALTER TABLE {table} DROP PART '{}'", part.part),
                    )
                    .await;
                match dropped {
                    Err(error) if error.code() == Some(NO_SUCH_DATA_PART) => {}
                    dropped => dropped?,
                }
                months.insert(part.month);
            }
        }
        Ok(months.into_iter().map(Month::from_yyyymm).collect())
    }
}
