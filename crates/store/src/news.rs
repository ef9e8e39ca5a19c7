//! News: which units are to be derived, and which of that is done.

use crate::{error::Result, rows::NewsRow, store::Store};
use clickhouse::Row;
use event::{Month, Unit};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A unit with open news, and the names of that news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenNews {
    /// What to derive.
    pub unit: Unit,
    /// Names of the batches that brought news.
    pub ids: Vec<u64>,
}

/// What is left to derive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenNewsState {
    /// Units with open news.
    pub units: u64,
    /// How long the oldest of that news waits.
    pub oldest: Duration,
}

impl Store {
    /// Units with open news that is at least so old, at most `limit` of them.
    pub async fn open_news(&self, age: Duration, limit: usize) -> Result<Vec<OpenNews>> {
        self.open_news_after(age, None, limit).await
    }

    /// Units with open news that is at least so old, by endpoint, at most `limit` of them: those after `after`. So a caller that
    /// goes on where it stopped meets every endpoint, however much news one of them has. Of one unit a thousand names are read;
    /// those beyond are found once these are closed.
    pub async fn open_news_after(
        &self,
        age: Duration,
        after: Option<&Unit>,
        limit: usize,
    ) -> Result<Vec<OpenNews>> {
        let (tenant, endpoint) = after.map_or(("", ""), |unit| (&unit.tenant, &unit.endpoint));
        let rows: Vec<OpenNewsRow> = self
            .fetch_all(
                "read open news",
                self.sql(
                    "SELECT tenant, endpoint, month, arraySort(groupArray(1000)(id)) AS ids FROM (\
                       SELECT tenant, endpoint, month, id FROM news \
                       WHERE (tenant, endpoint, month) > ({tenant:String}, {endpoint:String}, {month:UInt32}) \
                       GROUP BY tenant, endpoint, month, id \
                       HAVING max(done) = 0 AND min(at) <= now() - toIntervalSecond({age:UInt32})) \
                     GROUP BY tenant, endpoint, month ORDER BY tenant, endpoint, month LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("month", after.map_or(0, |unit| unit.month.yyyymm()))
                .param("age", u32::try_from(age.as_secs()).unwrap_or(u32::MAX))
                .param("limit", limit as u64),
            )
            .await?;
        let mut open: BTreeMap<Unit, BTreeSet<u64>> = BTreeMap::new();
        let mut of_older_build = Vec::new();
        for row in rows {
            let unit = Unit {
                tenant: row.tenant,
                endpoint: row.endpoint,
                month: Month::from_yyyymm(row.month),
            };
            if unit.month.yyyymm() != row.month {
                of_older_build.push((unit.clone(), row.month, row.ids.clone()));
            }
            open.entry(unit).or_default().extend(row.ids);
        }
        self.refile_news(&of_older_build).await?;
        Ok(open
            .into_iter()
            .map(|(unit, ids)| OpenNews {
                unit,
                ids: ids.into_iter().collect(),
            })
            .collect())
    }

    /// News of months that an older build kept by themselves becomes news of the far-off one.
    async fn refile_news(&self, open: &[(Unit, u32, Vec<u64>)]) -> Result<()> {
        let rows = |done: u8| {
            open.iter().flat_map(move |(unit, month, ids)| {
                ids.iter().map(move |&id| NewsRow {
                    tenant: &unit.tenant,
                    endpoint: &unit.endpoint,
                    month: if done == 0 {
                        unit.month.yyyymm()
                    } else {
                        *month
                    },
                    id,
                    done,
                })
            })
        };
        // The new row first: a unit whose news is closed is forgotten.
        self.insert_rows::<NewsRow<'static>, _>("news", rows(0))
            .await?;
        self.insert_rows::<NewsRow<'static>, _>("news", rows(1))
            .await
    }

    /// How many units have open news.
    pub async fn pending_units(&self) -> Result<u64> {
        Ok(self.open_news_state().await?.units)
    }

    /// How many units have open news, and since when the oldest of them waits.
    pub async fn open_news_state(&self) -> Result<OpenNewsState> {
        let (units, seconds): (u64, u64) = self
            .fetch_one(
                "count open news",
                self.sql(
                    "SELECT uniqExact(tenant, endpoint, month), \
                       toUInt64(if(count() = 0, 0, greatest(dateDiff('second', min(since), now()), 0))) FROM \
                     (SELECT tenant, endpoint, month, min(at) AS since FROM news \
                      GROUP BY tenant, endpoint, month, id HAVING max(done) = 0)",
                ),
            )
            .await?;
        Ok(OpenNewsState {
            units,
            oldest: Duration::from_secs(seconds),
        })
    }

    /// Marks news as done. Only after the derivations that read it are stored.
    pub async fn close_news(&self, news: &[OpenNews]) -> Result<()> {
        let rows = news.iter().flat_map(|news| {
            news.ids.iter().map(|&id| NewsRow {
                tenant: &news.unit.tenant,
                endpoint: &news.unit.endpoint,
                month: news.unit.month.yyyymm(),
                id,
                done: 1,
            })
        });
        self.insert_rows::<NewsRow<'static>, _>("news", rows).await
    }

    /// Of some months, those in which endpoints have events or a derivation: the neighbours that news must wake too.
    pub async fn known_months(
        &self,
        tenant: &str,
        endpoints: &[&str],
        months: &[Month],
    ) -> Result<Vec<(String, Month)>> {
        let wanted: Vec<u32> = months.iter().map(|month| month.yyyymm()).collect();
        let rows: Vec<(String, u32)> = self
            .fetch_all(
                "read months of endpoints",
                self.sql(
                    "SELECT DISTINCT endpoint, month FROM (\
                       SELECT endpoint, toYYYYMM(day) AS month FROM events \
                       WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND toYYYYMM(day) IN {months:Array(UInt32)} \
                       UNION ALL \
                       SELECT endpoint, month FROM derivations \
                       WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND month IN {months:Array(UInt32)}) \
                     ORDER BY endpoint, month",
                )
                .param("tenant", tenant)
                .param("endpoints", endpoints)
                .param("months", wanted),
            )
            .await?;
        Ok(rows
            .into_iter()
            .map(|(endpoint, month)| (endpoint, Month::from_yyyymm(month)))
            .collect())
    }
}

#[derive(Row, Deserialize)]
struct OpenNewsRow {
    tenant: String,
    endpoint: String,
    month: u32,
    ids: Vec<u64>,
}
