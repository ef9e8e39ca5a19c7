//! What other batch jobs get: rows of a selection with columns that are named, typed and versioned, a page at a time.
//!
//! What is selected is what the pages select: attempts and findings are those that [`Told`] tells of, states are those of `states.rs`, and
//! records those that count for an endpoint. It is read by pages in the order of keys, and no snapshot: what is stored meanwhile is in it
//! where its place was not reached yet.

mod columns;

pub use columns::{ExportColumn, ExportKind, ExportType};

use super::states::{Stand, Stands};
use super::told::{ATTEMPTS, FINDINGS, Kind, Told};
use super::tries::Words;
use super::{Day, Filter};
use crate::{StoreError, error::Result, store::Store};
use clickhouse::query::Query;
use serde_json::Value;
use std::time::{Duration, Instant};

/// A row: one value a column, in the order of [`ExportKind::columns`]. Days are numbers since 1970, times are seconds as logged, and UTC times
/// are milliseconds.
pub type ExportRow = Vec<Value>;

/// How far an export is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportProgress {
    /// Parts of the selection, days or groups of endpoints, …
    pub parts: u64,
    /// … and those that are done.
    pub done: u64,
    /// Rows so far.
    pub rows: u64,
}

/// Days whose attempts or findings are asked for together: what is told of a month is read for each page of them.
const DAYS_AT_ONCE: Day = 7;

/// Endpoints whose states are asked for together.
const ENDPOINTS_AT_ONCE: u64 = 200;

/// How long a page is asked for again while the store cannot answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a page ended, in the order of the table's key.
#[derive(Clone, Default)]
struct Place {
    day: Day,
    endpoint: String,
    /// Of events.
    source: String,
    /// Of events their identity, else the set.
    id: u64,
    ordinal: u32,
}

/// What a page's statement asks for beside the columns.
struct Asked<'a> {
    told: Told<'a>,
    sql: String,
    /// How many values of a row tell its place and whether it counts.
    keys: usize,
}

impl Store {
    /// Hands the rows of a selection to `each`, in parts. Without a first day from the first there is, without a last one until today as
    /// [`Filter::now`] has it.
    pub async fn export<E: From<StoreError>>(
        &self,
        kind: ExportKind,
        filter: &Filter,
        mut each: impl FnMut(Vec<ExportRow>, ExportProgress) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let from = filter.from.unwrap_or(0);
        let latest = filter.now.map_or(Day::MAX, super::overview::latest_day);
        let to = filter.to.unwrap_or(latest);
        if from > to {
            return Ok(());
        }
        match kind {
            ExportKind::States => self.export_states(filter, (from, to), &mut each).await,
            _ => self.export_days(kind, filter, (from, to), &mut each).await,
        }
    }

    async fn export_days<E: From<StoreError>>(
        &self,
        kind: ExportKind,
        filter: &Filter,
        (from, to): (Day, Day),
        each: &mut impl FnMut(Vec<ExportRow>, ExportProgress) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let days = self.export_days_of(kind, filter, (from, to)).await?;
        let slices = slices(
            &days,
            if kind == ExportKind::Events {
                1
            } else {
                DAYS_AT_ONCE
            },
        );
        let mut progress = ExportProgress {
            parts: slices.len() as u64,
            ..ExportProgress::default()
        };
        for (first, last, has_open) in slices {
            let told = self.told(filter, first, last).await?;
            let asked = match kind {
                ExportKind::Attempts => derived(told, kind, &ATTEMPTS),
                ExportKind::Findings => derived(told, kind, &FINDINGS),
                _ => events(told, has_open),
            };
            let (mut place, mut limit) = (None, kind.rows_at_once());
            loop {
                let rows = self
                    .export_page(kind, &asked, place.as_ref(), &mut limit)
                    .await?;
                let Some(last) = rows.last() else { break };
                place = Some(Place::of(kind, last));
                let is_last = (rows.len() as u64) < limit;
                let counts =
                    |row: &ExportRow| kind != ExportKind::Events || row.first() == Some(&1.into());
                let rows: Vec<ExportRow> = rows
                    .into_iter()
                    .filter(counts)
                    .map(|mut row| row.split_off(asked.keys))
                    .collect();
                progress.rows += rows.len() as u64;
                progress.done += u64::from(is_last);
                each(rows, progress)?;
                if is_last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// A page of rows with their keys. Where the store cannot hold so many, fewer are asked for.
    async fn export_page(
        &self,
        kind: ExportKind,
        asked: &Asked<'_>,
        after: Option<&Place>,
        limit: &mut u64,
    ) -> Result<Vec<ExportRow>> {
        let start = Place::default();
        let place = after.unwrap_or(&start);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let query = asked
                .told
                .ask(self, &asked.sql)
                .param("is_first", u8::from(after.is_none()))
                .param("day", place.day)
                .param("endpoint", place.endpoint.as_str())
                .param("source", place.source.as_str())
                .param("id", place.id)
                .param("ordinal", place.ordinal)
                .param("limit", *limit);
            match self.rows_as_json(kind.doing(), query).await {
                Err(error) if error.is_too_large() && *limit > 1 => *limit = limit.div_ceil(4),
                Err(error) if error.is_retryable() && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                done => return done,
            }
        }
    }

    /// The rows of an answer as values, whatever their columns are.
    async fn rows_as_json(&self, doing: &str, query: Query) -> Result<Vec<ExportRow>> {
        let query = query
            .with_setting("max_execution_time", "60")
            .with_setting("output_format_json_quote_64bit_integers", "0");
        let answer = async {
            let mut cursor = query.fetch_bytes("JSONCompactEachRow")?;
            cursor.collect().await
        };
        let bytes = self.within(doing, answer).await?;
        let lines = bytes.split(|byte| *byte == b'\n');
        lines
            .filter(|line| !line.is_empty())
            .map(|line| {
                serde_json::from_slice(line).map_err(|error| {
                    let error = clickhouse::error::Error::BadResponse(error.to_string());
                    StoreError::new(doing, error)
                })
            })
            .collect()
    }

    /// Days that hold rows of a kind, and whether some record of one may go on.
    async fn export_days_of(
        &self,
        kind: ExportKind,
        filter: &Filter,
        (from, to): (Day, Day),
    ) -> Result<Vec<(Day, u8)>> {
        let told = self.told(filter, from, to).await?;
        let (table, open) = match kind {
            ExportKind::Attempts => ("attempts", "toUInt8(0)"),
            ExportKind::Findings => ("findings", "toUInt8(0)"),
            _ => ("events", "max(open)"),
        };
        let sql = format!(
            "SELECT toUInt16(day) AS number, {open} FROM {table} WHERE tenant = {{tenant:String}} AND generation = 0 \
               AND day BETWEEN toDate({{from:UInt16}}) AND toDate({{to:UInt16}}){} GROUP BY day ORDER BY day",
            told.of_endpoints()
        );
        self.fetch_all("list the days of an export", told.ask(self, &sql))
            .await
    }

    async fn export_states<E: From<StoreError>>(
        &self,
        filter: &Filter,
        (from, to): (Day, Day),
        each: &mut impl FnMut(Vec<ExportRow>, ExportProgress) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut progress = ExportProgress::default();
        let told = self.told(filter, from, to).await?;
        let all = format!(
            "SELECT uniqExact(endpoint) FROM derivations WHERE tenant = {{tenant:String}} AND generation = 0{}",
            told.of_endpoints()
        );
        let all: u64 = self
            .fetch_one("count the endpoints of an export", told.ask(self, &all))
            .await?;
        progress.parts = all.div_ceil(ENDPOINTS_AT_ONCE);
        let next = format!(
            "SELECT DISTINCT endpoint FROM derivations WHERE tenant = {{tenant:String}} AND generation = 0 \
               AND endpoint > {{after:String}}{} ORDER BY endpoint LIMIT {{limit:UInt64}}",
            told.of_endpoints()
        );
        let mut after = String::new();
        loop {
            let query = told
                .ask(self, &next)
                .param("after", after.as_str())
                .param("limit", ENDPOINTS_AT_ONCE);
            let endpoints: Vec<String> = self
                .fetch_all("list the endpoints of an export", query)
                .await?;
            let Some(last) = endpoints.last() else {
                return Ok(());
            };
            after.clone_from(last);
            let of = told
                .clone()
                .of(endpoints.iter().map(String::as_str).collect());
            let rows = self.states_of(&of).await?;
            progress.rows += rows.len() as u64;
            progress.done += 1;
            each(rows, progress)?;
        }
    }

    /// What is broken on some machines, and by which cause, in the order of machine, KB and cause.
    async fn states_of(&self, told: &Told<'_>) -> Result<Vec<ExportRow>> {
        let deadline = Instant::now() + PATIENCE;
        let stands = Stands::now(told);
        loop {
            let (mut words, mut rows) = (Words::default(), Vec::new());
            let read = self.each_machine(told, &mut words, |words, machine| {
                let of_machine = stands.of(words, machine).into_iter();
                rows.extend(
                    of_machine
                        .filter(|stand| stand.is_shown)
                        .map(|stand| (machine.endpoint.to_owned(), stand)),
                );
            });
            match read.await {
                Err(error) if error.is_retryable() && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => return Err(error),
                Ok(()) => {
                    rows.sort_by_cached_key(|(endpoint, stand)| {
                        let kb = words.text(stand.kb).to_owned();
                        let cause = stand.failure.map(|(_, cause)| words.told(cause));
                        (endpoint.clone(), kb, stand.is_found, cause)
                    });
                    let rows = rows.iter();
                    return Ok(rows
                        .map(|(endpoint, stand)| row_of(&words, endpoint, stand))
                        .collect());
                }
            }
        }
    }
}

/// The columns of a state.
fn row_of(words: &Words, endpoint: &str, stand: &Stand) -> ExportRow {
    let cause = stand.failure.map(|(_, cause)| words.told(cause));
    let code = cause.and_then(|cause| cause.root_code());
    vec![
        endpoint.into(),
        words.text(stand.kb).into(),
        u8::from(stand.is_found).into(),
        stand.state.name().into(),
        stand.failed.into(),
        stand.failure.map(|(at, _)| at).into(),
        cause.map_or("", |cause| cause.category).into(),
        cause.map_or("", |cause| cause.rule).into(),
        code.map(|code| code.to_string()).into(),
    ]
}

impl Place {
    /// Of a row's keys, see [`events`] and [`derived`].
    fn of(kind: ExportKind, row: &ExportRow) -> Self {
        let number = |at: usize| row.get(at).and_then(Value::as_u64).unwrap_or(0);
        let text = |at: usize| {
            let text = row.get(at).and_then(Value::as_str).unwrap_or_default();
            text.to_owned()
        };
        let day = Day::try_from(number(1)).unwrap_or(0);
        match kind {
            ExportKind::Events => Self {
                day,
                endpoint: text(2),
                source: text(3),
                id: number(4),
                ordinal: 0,
            },
            _ => Self {
                day,
                endpoint: text(2),
                source: String::new(),
                id: number(3),
                ordinal: u32::try_from(number(4)).unwrap_or(0),
            },
        }
    }
}

/// Days as slices of at most so many, and whether one of a slice has records that may go on.
fn slices(days: &[(Day, u8)], length: Day) -> Vec<(Day, Day, bool)> {
    let mut slices: Vec<(Day, Day, bool)> = Vec::new();
    for &(day, open) in days {
        match slices.last_mut() {
            Some((first, last, has_open)) if day - *first < length => {
                *last = day;
                *has_open |= open != 0;
            }
            _ => slices.push((day, day, open != 0)),
        }
    }
    slices
}

/// Records of a day, each identity once, in the newest words there are of it. Those that a newer rule set takes back, or that the filter leaves
/// out in their newest form, come too and say so: the place to go on from must be known.
fn events(told: Told<'_>, has_open: bool) -> Asked<'_> {
    const DAYS: &str = "tenant = {tenant:String} AND generation = 0 AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16})";
    let endpoints = told.of_endpoints();
    let whole = match has_open {
        false => String::new(),
        true => {
            let open = format!("FROM events WHERE {DAYS}{endpoints} AND open = 1");
            format!(
                " AND (open = 0 OR (endpoint, stream, offset, length) NOT IN (\
                   SELECT record.endpoint, record.stream, record.offset, record.length \
                   FROM (SELECT endpoint, stream, offset, length {open}) AS record \
                   INNER JOIN (SELECT endpoint, stream, offset, `end` FROM coverage \
                     WHERE tenant = {{tenant:String}} AND (endpoint, stream) IN (SELECT endpoint, stream {open})) AS piece \
                     ON record.endpoint = piece.endpoint AND record.stream = piece.stream \
                   WHERE piece.offset <= record.offset AND piece.`end` > record.offset + record.length))"
            )
        }
    };
    // The newest form decides; no other one need be looked at where no form has it.
    let narrow = match told.narrow_kb() {
        "" => String::new(),
        kb => format!(" AND id IN (SELECT id FROM events WHERE {DAYS}{endpoints}{kb})"),
    };
    let sql = format!(
        "SELECT toUInt8(gone = 0 AND ({{kb:String}} = '' OR kb = {{kb:String}}) \
             AND (empty({{codes:Array(UInt32)}}) OR hasAny(codes, {{codes:Array(UInt32)}}))), \
           toUInt16(day), endpoint, toString(source), id, {} \
         FROM events WHERE {DAYS}{endpoints}{whole}{narrow} AND endpoint >= {{endpoint:String}} \
           AND ({{is_first:UInt8}} = 1 OR (endpoint, source, id) > ({{endpoint:String}}, {{source:String}}, {{id:UInt64}})) \
         ORDER BY endpoint, source, id, version DESC LIMIT 1 BY endpoint, source, id LIMIT {{limit:UInt64}}",
        ExportKind::Events.sql()
    );
    Asked { told, sql, keys: 5 }
}

/// Attempts or findings of current sets on some days: those that the pages count. Copies of a row are the same.
fn derived<'a>(told: Told<'a>, kind: ExportKind, rows: &Kind) -> Asked<'a> {
    let sql = format!(
        "SELECT toUInt8(1), toUInt16(day), endpoint, `set`, ordinal, {} FROM {} \
         WHERE tenant = {{tenant:String}} AND generation = 0 AND day BETWEEN toDate({{from:UInt16}}) AND toDate({{to:UInt16}}){} \
           AND day >= toDate({{day:UInt16}}) \
           AND (`set`, ordinal) IN (SELECT of_set, ordinal_of FROM {}) \
           AND ({{is_first:UInt8}} = 1 OR (day, endpoint, `set`, ordinal) > \
             (toDate({{day:UInt16}}), {{endpoint:String}}, {{id:UInt64}}, {{ordinal:UInt32}})) \
         ORDER BY day, endpoint, `set`, ordinal LIMIT 1 BY day, endpoint, `set`, ordinal LIMIT {{limit:UInt64}}",
        kind.sql(),
        kind.name(),
        told.of_endpoints(),
        told.rows(rows, &["of_set", "ordinal_of"])
    );
    Asked { told, sql, keys: 5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_cut_where_a_slice_is_full_or_far() {
        assert_eq!(slices(&[], 7), []);
        let days = [(10, 0), (11, 1), (16, 0), (17, 0), (90, 0)];
        assert_eq!(
            slices(&days, 7),
            [(10, 16, true), (17, 17, false), (90, 90, false)]
        );
        assert_eq!(slices(&days, 1).len(), 5);
    }
}
