//! What was derived of each day: the parts of which a month's answer is made.

use crate::{
    bytes::{Bytes, OwnedBytes},
    error::Result,
    store::Store,
    version::DerivationVersion,
};
use clickhouse::Row;
use event::{Day, Month, Unit};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is stored of a day, without what was derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayMark {
    /// Which.
    pub day: Day,
    /// Hashes of what landmarks of other days may tell of it.
    pub waits: Vec<u64>,
}

/// What was derived of a day, as it is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDay {
    /// Which.
    pub day: Day,
    /// How well informed it is.
    pub version: DerivationVersion,
    /// As it was stored.
    pub body: Vec<u8>,
}

/// What was derived of a day, to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayRow {
    /// The month it is part of.
    pub unit: Unit,
    /// Which.
    pub day: Day,
    /// How well informed it is; the best informed one stays.
    pub version: DerivationVersion,
    /// Hashes of what landmarks of other days may tell of it.
    pub waits: Vec<u64>,
    /// What only the deriver reads.
    pub body: Vec<u8>,
}

impl Store {
    /// Stores parts of days. They are no answer yet: a month's derivation is.
    pub async fn insert_days(&self, days: &[DayRow]) -> Result<()> {
        let mut by_month: BTreeMap<Month, Vec<&DayRow>> = BTreeMap::new();
        for day in days {
            by_month.entry(day.unit.month).or_default().push(day);
        }
        try_join_all(by_month.values().map(|days| {
            let rows = days.iter().map(|row| PartRow {
                tenant: &row.unit.tenant,
                endpoint: &row.unit.endpoint,
                month: row.unit.month.yyyymm(),
                day: row.day.number(),
                version: row.version.packed(),
                waits: &row.waits,
                body: Bytes(&row.body),
            });
            self.insert_rows::<PartRow<'static>, _>("day_parts", rows)
        }))
        .await?;
        Ok(())
    }

    /// What is stored of the days `from` to `to` of endpoints, without what was derived. Of the far-off day, which has none beside
    /// it, `from` and `to` are that day.
    ///
    /// `max_bytes` bounds the answer, in the engine and here; a larger one is an error that [`StoreError::is_too_large`]: ask for less
    /// at once.
    ///
    /// [`StoreError::is_too_large`]: crate::StoreError::is_too_large
    pub async fn day_marks(
        &self,
        tenant: &str,
        endpoints: &[&str],
        from: Day,
        to: Day,
        max_bytes: u64,
    ) -> Result<BTreeMap<String, Vec<DayMark>>> {
        let rows: Vec<MarkRow> = self
            .fetch_all(
                "read marks of days",
                self.bounded(
                    "SELECT ?fields FROM day_parts FINAL \
                     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} \
                       AND month BETWEEN {first:UInt32} AND {last:UInt32} \
                       AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) ORDER BY endpoint, day",
                    max_bytes,
                )
                .param("tenant", tenant)
                .param("endpoints", endpoints)
                .param("first", from.month().yyyymm())
                .param("last", to.month().yyyymm())
                .param("from", from.number())
                .param("to", to.number()),
            )
            .await?;
        let mut marks: BTreeMap<String, Vec<DayMark>> = BTreeMap::new();
        for row in rows {
            marks.entry(row.endpoint).or_default().push(DayMark {
                day: Day::new(row.day),
                waits: row.waits,
            });
        }
        Ok(marks)
    }

    /// What was derived of each day of endpoints' months, by day.
    ///
    /// `max_bytes` bounds the answer, in the engine and here; a larger one is an error that [`StoreError::is_too_large`]: ask for less
    /// at once.
    ///
    /// [`StoreError::is_too_large`]: crate::StoreError::is_too_large
    pub async fn day_bodies(
        &self,
        tenant: &str,
        endpoints: &[&str],
        months: &[Month],
        max_bytes: u64,
    ) -> Result<BTreeMap<Unit, Vec<StoredDay>>> {
        let months: Vec<u32> = months.iter().map(|month| month.yyyymm()).collect();
        let rows: Vec<BodyRow> = self
            .fetch_all(
                "read parts of days",
                self.bounded(
                    "SELECT ?fields FROM day_parts FINAL \
                     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} \
                       AND month IN {months:Array(UInt32)} ORDER BY endpoint, month, day",
                    max_bytes,
                )
                .param("tenant", tenant)
                .param("endpoints", endpoints)
                .param("months", months),
            )
            .await?;
        let mut days: BTreeMap<Unit, Vec<StoredDay>> = BTreeMap::new();
        for row in rows {
            let unit = Unit {
                tenant: tenant.to_owned(),
                endpoint: row.endpoint,
                month: Month::from_yyyymm(row.month),
            };
            days.entry(unit).or_default().push(StoredDay {
                day: Day::new(row.day),
                version: DerivationVersion::unpacked(row.version),
                body: row.body.0,
            });
        }
        Ok(days)
    }
}

#[derive(Row, Serialize)]
struct PartRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    month: u32,
    day: u16,
    version: u128,
    waits: &'a [u64],
    body: Bytes<'a>,
}

#[derive(Row, Deserialize)]
struct MarkRow {
    endpoint: String,
    day: u16,
    waits: Vec<u64>,
}

#[derive(Row, Deserialize)]
struct BodyRow {
    endpoint: String,
    month: u32,
    day: u16,
    version: u128,
    body: OwnedBytes,
}
