//! Who reports: machines by day, those that are silent, and logs with holes.

use super::{
    Day, Filter,
    endpoints::{SEEN, machines},
    messages::is_message,
    told::Told,
    whole::Whole,
};
use crate::{error::Result, store::Store};
use clickhouse::{Row, query::Query};
use event::{MESSAGE_PATH, Source, StreamId};
use serde::Deserialize;

/// Pieces of logs that are looked at one by one while a page waits: some 100 ms for each million (a guess from what an endpoint's take).
const PIECES: u64 = 3_000_000;

/// Gaps of an answer.
const GAPS: u64 = 50;

/// Who reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// First and last day.
    pub days: Option<(Day, Day)>,
    /// Machines whose logs reach into the days.
    pub seen: u64,
    /// Machines without a log for [`SILENT_DAYS`](super::SILENT_DAYS) days, whatever the days of the page.
    pub silent: u64,
    /// Machines whose newest log is of a time that no clock on earth shows yet.
    pub clock_ahead: u64,
    /// By day the machines that have a piece of a log which reaches into it; nothing where there are too many pieces.
    pub reporting: Option<Vec<(Day, u64)>>,
    /// Holes in logs before pieces of the days, the latest first; nothing where there are too many pieces.
    pub gaps: Option<Vec<LogGap>>,
    /// How many holes there are.
    pub gaps_total: u64,
}

/// Bytes of a log that never arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGap {
    /// Whose.
    pub endpoint: String,
    /// Of which log.
    pub stream: StreamId,
    /// What kind of log.
    pub source: Source,
    /// Where it stood.
    pub path: String,
    /// First missing byte.
    pub from: u64,
    /// First byte after.
    pub to: u64,
}

#[derive(Row, Deserialize)]
struct Reporting {
    seen: u64,
    silent: u64,
    ahead: u64,
}

#[derive(Row, Deserialize)]
struct GapRow {
    endpoint: String,
    stream: u64,
    source: String,
    path: String,
    reach: u64,
    offset: u64,
    total: u64,
}

impl Store {
    /// Who reports, of the machines and days of a filter; what updates it names changes nothing.
    pub async fn coverage(&self, filter: &Filter) -> Result<Coverage> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Coverage::default());
        };
        let told = self.told(filter, from, to).await?;
        let sql = format!(
            "SELECT countIf({SEEN}) AS seen, countIf(heard < {{silent_from:Int64}}) AS silent, countIf(ends > {{ahead_from:Int64}}) AS ahead FROM {}",
            machines(&told)
        );
        let query = told
            .reporting(told.ask(self, &sql))
            .with_setting("optimize_aggregation_in_order", "1");
        let (found, pieces) = tokio::try_join!(
            self.fetch_one::<Reporting>("count endpoints", query),
            self.pieces_of_fleet(),
        )?;
        let mut coverage = Coverage {
            days: Some((from, to)),
            seen: found.seen,
            silent: found.silent,
            clock_ahead: found.ahead,
            ..Coverage::default()
        };
        if pieces <= PIECES || filter.endpoint.is_some() {
            let (reporting, gaps) =
                tokio::try_join!(self.reporting_days(&told), self.holes(&told, GAPS))?;
            coverage.reporting = Some(reporting);
            coverage.gaps_total = gaps.first().map_or(0, |gap| gap.total);
            coverage.gaps = Some(gaps.into_iter().filter_map(GapRow::into_gap).collect());
        }
        Ok(coverage)
    }

    /// Holes in logs as [`Store::coverage`] tells of them, up to a bound; nothing where there are too many pieces to look at.
    pub async fn log_gaps(&self, filter: &Filter, limit: u64) -> Result<Option<Whole<LogGap>>> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Some(Whole {
                rows: Vec::new(),
                total: 0,
            }));
        };
        if filter.endpoint.is_none() && self.pieces_of_fleet().await? > PIECES {
            return Ok(None);
        }
        let told = self.told(filter, from, to).await?;
        let gaps = self.holes(&told, limit).await?;
        Ok(Some(Whole {
            total: gaps.first().map_or(0, |gap| gap.total),
            rows: gaps.into_iter().filter_map(GapRow::into_gap).collect(),
        }))
    }

    /// Endpoints of a filter that several machines send as, with the names of these: see [`Store::cloned_endpoints`]. The days of the
    /// filter change nothing: whose name a log bears is not told by day.
    pub async fn clones(&self, filter: &Filter) -> Result<Vec<(String, Vec<String>)>> {
        let tenant = filter.tenant.as_str();
        let mut clones = match &filter.endpoint {
            Some(endpoint) => {
                let hosts = self.clones_of(tenant, endpoint).await?;
                let found = (!hosts.is_empty()).then(|| (endpoint.clone(), hosts));
                found.into_iter().collect()
            }
            None => self.cloned_endpoints(tenant).await?,
        };
        if !filter.labels.is_empty() && !clones.is_empty() {
            let ids = clones.keys().map(String::as_str).collect();
            let labels = self.labels_of(tenant, &ids).await?;
            clones.retain(|endpoint, _| {
                let own = labels.get(endpoint);
                let mut asked = filter.labels.iter();
                asked.all(|(label, value)| own.and_then(|own| own.get(label)) == Some(value))
            });
        }
        Ok(clones.into_iter().collect())
    }

    /// Pieces of logs of all machines and times, read without reading any.
    async fn pieces_of_fleet(&self) -> Result<u64> {
        self.fetch_one(
            "count pieces of logs",
            self.page("SELECT sum(rows) FROM system.parts WHERE database = currentDatabase() AND table = 'coverage' AND active"),
        )
        .await
    }

    async fn reporting_days(&self, told: &Told<'_>) -> Result<Vec<(Day, u64)>> {
        // A piece of a quiet log reaches over days. Copies of a row change no set.
        let sql = format!(
            "SELECT on_day, uniqExact(endpoint) FROM (\
               SELECT endpoint, toUInt16(arrayJoin(range(greatest(toUInt16(day), {{from:UInt16}}), least(toUInt16(greatest(day, last_day)), {{to:UInt16}}) + 1))) AS on_day \
               FROM coverage WHERE tenant = {{tenant:String}} AND day <= toDate({{to:UInt16}}) AND greatest(day, last_day) >= toDate({{from:UInt16}}){}) \
             GROUP BY on_day ORDER BY on_day",
            told.of_endpoints()
        );
        let rows: Vec<(u16, u64)> = self
            .fetch_all("count who reports", told.ask(self, &sql))
            .await?;
        Ok(rows)
    }

    /// Where a piece of the days starts behind all that came before it. All pieces of all logs are looked at, because the one before may
    /// be as old as the log.
    async fn holes(&self, told: &Told<'_>, limit: u64) -> Result<Vec<GapRow>> {
        let sql = format!(
            "SELECT endpoint, stream, toString(of_source) AS source, at_path AS path, reach, offset, count() OVER () AS total FROM (\
               SELECT endpoint, stream, source AS of_source, path AS at_path, offset, day AS on_day, \
                 max(`end`) OVER (PARTITION BY endpoint, stream ORDER BY offset, `end` ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach \
               FROM coverage WHERE tenant = {{tenant:String}} AND `end` > offset AND NOT {}{}) \
             WHERE offset > reach AND on_day BETWEEN toDate({{from:UInt16}}) AND toDate({{to:UInt16}}) \
             ORDER BY on_day DESC, endpoint, stream, offset LIMIT {{gaps:UInt64}}",
            is_message!(),
            told.of_endpoints()
        );
        let query: Query = told
            .ask(self, &sql)
            .param("messages", MESSAGE_PATH)
            .param("gaps", limit);
        self.fetch_all("look for holes in logs", query).await
    }
}

impl GapRow {
    fn into_gap(self) -> Option<LogGap> {
        Some(LogGap {
            endpoint: self.endpoint,
            stream: StreamId(self.stream),
            source: Source::from_name(&self.source)?,
            path: self.path,
            from: self.reach,
            to: self.offset,
        })
    }
}
