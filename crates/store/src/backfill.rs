//! Rows of older builds, copied into tables that came later.

use crate::{
    erase::Erasing,
    error::Result,
    news::OpenNews,
    rows::{Days, NewsRow},
    store::Store,
};
use clickhouse::Row;
use event::{Day, Marker, Month, Unit, UnitNews};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::Xxh3;

/// The name of the copy of `events` in `backfills`: that of the table it first went to.
const INPUTS: &str = "inputs";

/// The names of months that are to be counted again begin with it.
const RECOUNT: &str = "recount";

#[derive(Row, Serialize, Deserialize, Default)]
struct Progress {
    name: String,
    tenant: String,
    endpoint: String,
    done: u8,
    step: u64,
}

impl Store {
    /// Copies events that a build without `day_inputs` stored into that table, of the next `limit` endpoints, and opens news of every month
    /// that these have. Returns that news; nothing once all are copied.
    ///
    /// May be cut short anywhere, and several may run at once: rows that are copied twice fold, and what is noted is only how far
    /// everything is copied. By endpoint and not by month, because a day is derived from what is around it: news of an endpoint opens
    /// when all of it is there.
    pub async fn backfill_inputs(&self, limit: usize) -> Result<Option<Vec<OpenNews>>> {
        let limit = limit.max(1);
        let progress = self.backfill_progress().await?;
        if progress.done != 0 {
            return Ok(None);
        }
        let next: Vec<(String, String)> = self
            .fetch_all(
                "list endpoints to copy",
                self.sql(
                    "SELECT DISTINCT toString(tenant) AS owner, endpoint FROM (\
                       SELECT DISTINCT tenant, endpoint FROM events UNION ALL SELECT DISTINCT tenant, endpoint FROM derivations) \
                     WHERE {step:UInt64} = 0 OR (owner, endpoint) > ({tenant:String}, {endpoint:String}) \
                     ORDER BY owner, endpoint LIMIT {limit:UInt64}",
                )
                .param("step", progress.step)
                .param("tenant", &progress.tenant)
                .param("endpoint", &progress.endpoint)
                .param("limit", limit as u64),
            )
            .await?;
        let mut by_tenant: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (tenant, endpoint) in &next {
            by_tenant.entry(tenant).or_default().push(endpoint);
        }
        let mut opened = Vec::new();
        for (tenant, endpoints) in by_tenant {
            opened.extend(self.backfill_inputs_of(tenant, &endpoints).await?);
        }
        let is_last = next.len() < limit;
        let (tenant, endpoint) = next
            .into_iter()
            .next_back()
            .unwrap_or((progress.tenant, progress.endpoint));
        let reached = Progress {
            name: INPUTS.to_owned(),
            tenant,
            endpoint,
            done: is_last.into(),
            step: progress.step + 1,
        };
        self.insert_rows::<Progress, _>("backfills", std::iter::once(reached))
            .await?;
        Ok(Some(opened))
    }

    /// Whether all endpoints are copied.
    pub async fn is_backfilled(&self) -> Result<bool> {
        Ok(self.backfill_progress().await?.done != 0)
    }

    async fn backfill_progress(&self) -> Result<Progress> {
        let progress = self
            .fetch_optional(
                "read how far events are copied",
                self.sql("SELECT ?fields FROM backfills FINAL WHERE name = {name:String}")
                    .param("name", INPUTS),
            )
            .await?;
        Ok(progress.unwrap_or_default())
    }

    /// Notes that rows of older builds were counted or copied.
    pub(crate) async fn note_backfilled(&self, name: &str) -> Result<()> {
        let done = Progress {
            name: name.to_owned(),
            done: 1,
            ..Progress::default()
        };
        self.insert_rows::<Progress, _>("backfills", std::iter::once(done))
            .await
    }

    /// Notes that the sums of a month are to be counted again because an endpoint was erased, or that they are.
    pub(crate) async fn note_recount(&self, of: &Erasing, month: Month, done: bool) -> Result<()> {
        let name = format!("{RECOUNT} {} {}", of.tenant, month.yyyymm());
        let before: u64 = self
            .fetch_one(
                "read which months are to be counted again",
                self.sql("SELECT max(step) FROM backfills WHERE name = {name:String}")
                    .param("name", &name),
            )
            .await?;
        let noted = Progress {
            name,
            tenant: of.tenant.clone(),
            endpoint: String::new(),
            done: done.into(),
            step: before + 1,
        };
        self.insert_rows::<Progress, _>("backfills", std::iter::once(noted))
            .await
    }

    /// Months that are to be counted again.
    pub(crate) async fn months_to_count(&self, tenant: &str) -> Result<Vec<Month>> {
        let names: Vec<String> = self
            .fetch_all(
                "read which months are to be counted again",
                self.sql(
                    "SELECT name FROM backfills FINAL WHERE tenant = {tenant:String} AND startsWith(name, {recount:String}) AND done = 0",
                )
                .param("tenant", tenant)
                .param("recount", format!("{RECOUNT} ")),
            )
            .await?;
        let months = names
            .iter()
            .filter_map(|name| name.rsplit(' ').next()?.parse().ok());
        Ok(months.map(Month::from_yyyymm).collect())
    }

    /// Copies what these endpoints have, whether it was copied before or not: who derives one of them for new events must not wait for
    /// all. Returns the news it opens of each of their months.
    pub async fn backfill_inputs_of(
        &self,
        tenant: &str,
        endpoints: &[&str],
    ) -> Result<Vec<OpenNews>> {
        let known: Vec<(String, u32)> = self
            .fetch_all(
                "read months of endpoints to copy",
                self.sql(
                    "SELECT DISTINCT endpoint, month FROM (\
                       SELECT endpoint, toYYYYMM(day) AS month FROM events \
                       WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND generation = 0 \
                       UNION ALL \
                       SELECT endpoint, month FROM derivations \
                       WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND generation = 0) \
                     ORDER BY endpoint, month",
                )
                .param("tenant", tenant)
                .param("endpoints", endpoints),
            )
            .await?;
        let months: BTreeSet<u32> = known.iter().map(|&(_, month)| month).collect();
        let near = Month::near();
        let near = Days::of(near.0, near.1);
        let statement = copy_statement();
        for month in months {
            let copy = self
                .insertion(&statement)
                .param("tenant", tenant)
                .param("endpoints", endpoints)
                .param("month", month)
                .param("first", near.first)
                .param("last", near.last)
                .param("far", Day::FAR_OFF.number());
            self.insert_selected("day_inputs", copy).await?;
        }
        // Then the news: whoever derives meanwhile has less, and derives again.
        let units: BTreeSet<Unit> = known
            .into_iter()
            .map(|(endpoint, month)| Unit {
                tenant: tenant.to_owned(),
                endpoint,
                month: Month::from_yyyymm(month),
            })
            .collect();
        let opened: Vec<OpenNews> = units
            .into_iter()
            .map(|unit| OpenNews {
                ids: vec![news_name(&unit)],
                news: UnitNews::of_all_days(),
                unit,
            })
            .collect();
        let news = opened.iter().flat_map(|open| {
            let ids = open.ids.iter();
            ids.map(|id| NewsRow::open(&open.unit, *id, &open.news))
        });
        self.insert_rows::<NewsRow<'static>, _>("news", news)
            .await?;
        Ok(opened)
    }
}

/// Equal whenever the step is made again, so that news that is done stays so. No batch is called so: those names begin with a time.
fn news_name(unit: &Unit) -> u64 {
    let mut hasher = Xxh3::new();
    for part in [INPUTS, &unit.tenant, &unit.endpoint] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&unit.month.yyyymm().to_le_bytes());
    hasher.digest()
}

/// One month's events of endpoints, as `day_inputs` would have them.
fn copy_statement() -> String {
    const SAME: &str = "source, id, open, open_stream, open_offset, stream, offset, length, logged, stamp, level, component, \
         marker, codes, rule, object, kb, package, component_identity, session, client, trace, fields, text, version, gone";
    let landmark = landmark_expression();
    format!(
        "INSERT INTO day_inputs (tenant, endpoint, landmark, day, {SAME}) \
         SELECT tenant, endpoint, {landmark}, \
           if(toUInt16(day) BETWEEN {{first:UInt16}} AND {{last:UInt16}}, day, toDate({{far:UInt16}})), {SAME} \
         FROM events WHERE tenant = {{tenant:String}} AND endpoint IN {{endpoints:Array(String)}} AND generation = 0 \
           AND toYYYYMM(day) = {{month:UInt32}}"
    )
}

/// As [`event::Event::is_landmark`] has it.
fn landmark_expression() -> String {
    let markers: Vec<String> = Marker::ALL
        .into_iter()
        .filter(|marker| marker.is_landmark())
        .map(|marker| format!("'{}'", marker.name()))
        .collect();
    format!("toUInt8(rule != '' OR marker IN ({}))", markers.join(", "))
}
