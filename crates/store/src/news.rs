//! News: which units are to be derived, and which of that is done.

use crate::{error::Result, rows::NewsRow, store::Store};
use clickhouse::Row;
use event::{Day, Month, Unit, UnitNews};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    time::Duration,
};

/// A unit with open news, and the names of that news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenNews {
    /// What to derive.
    pub unit: Unit,
    /// Names of the batches that brought news.
    pub ids: Vec<u64>,
    /// What all of it touches.
    pub news: UnitNews,
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
    /// those beyond are found once these are closed. What news touches is said of all of it.
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
                    "SELECT tenant, endpoint, month, arraySort(groupArray(1000)(id)) AS ids, \
                       toUInt8(max(empty(of_name))) AS all_days, \
                       arraySort(groupUniqArrayArray(31)(of_name)) AS days, \
                       arraySort(groupUniqArrayArray(5000)(links_of_name)) AS links FROM (\
                       SELECT tenant, endpoint, month, id, any(days) AS of_name, any(links) AS links_of_name FROM news \
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
        let mut open: BTreeMap<Unit, (BTreeSet<u64>, UnitNews)> = BTreeMap::new();
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
            let mut news = UnitNews::of_all_days();
            if row.all_days == 0 {
                news.days.extend(row.days.into_iter().map(Day::new));
                // Too many links become all days here.
                let links = row.links.into_iter().collect();
                let days = news.days.clone();
                news.add(&UnitNews { days, links });
            }
            match open.entry(unit) {
                Entry::Vacant(entry) => {
                    entry.insert((row.ids.into_iter().collect(), news));
                }
                Entry::Occupied(mut entry) => {
                    let (ids, known) = entry.get_mut();
                    ids.extend(row.ids);
                    known.add(&news);
                }
            }
        }
        self.refile_news(&of_older_build).await?;
        Ok(open
            .into_iter()
            .map(|(unit, (ids, news))| OpenNews {
                unit,
                ids: ids.into_iter().collect(),
                news,
            })
            .collect())
    }

    /// News of months that an older build kept by themselves becomes news of the far-off one.
    async fn refile_news(&self, open: &[(Unit, u32, Vec<u64>)]) -> Result<()> {
        let all_days = UnitNews::of_all_days();
        let named = || {
            open.iter()
                .flat_map(|(unit, month, ids)| ids.iter().map(move |&id| (unit, *month, id)))
        };
        // The new row first: a unit whose news is closed is forgotten.
        let opened = named().map(|(unit, _, id)| NewsRow::open(unit, id, &all_days));
        self.insert_rows::<NewsRow<'static>, _>("news", opened)
            .await?;
        let closed = named().map(|(unit, month, id)| NewsRow::done(unit, month, id));
        self.insert_rows::<NewsRow<'static>, _>("news", closed)
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
            let month = news.unit.month.yyyymm();
            news.ids
                .iter()
                .map(move |&id| NewsRow::done(&news.unit, month, id))
        });
        self.insert_rows::<NewsRow<'static>, _>("news", rows).await
    }
}

#[derive(Row, Deserialize)]
struct OpenNewsRow {
    tenant: String,
    endpoint: String,
    month: u32,
    ids: Vec<u64>,
    all_days: u8,
    days: Vec<u16>,
    links: Vec<u64>,
}
