//! Where questions about many endpoints find attempts and findings: in what the rows that make sets current tell of them.
//!
//! Rows of an older build tell nothing; for them the set itself is read. Planning that costs the engine more than the answer does in a
//! small store, so it is asked once in a while in which months there are such rows, and elsewhere nobody looks for them.

use super::{Day, Filter, overview::days_of};
use crate::{
    error::Result,
    store::{Store, Untold},
};
use clickhouse::query::Query;
use event::Code;
use std::fmt::Write as _;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// As far apart as the start and the end of a try may be, and three days. A try is told with the day of its end, and stands on that of its
/// start.
const TRY_DAYS: Day = event::Day::HORIZON as Day + 3;

/// How long it is remembered in which months rows tell nothing. They only become fewer, but for a process of an older build that still
/// writes beside this one: what it stores is seen so much later.
const REMEMBERED: Duration = Duration::from_secs(60);

/// A column of what is told.
struct Column {
    name: &'static str,
    /// Its place in the tuples that are told.
    at: u8,
    /// What it is in the set itself.
    stored: &'static str,
}

/// What is told under one name.
pub(super) struct Kind {
    told: &'static str,
    table: &'static str,
    columns: &'static [Column],
}

const fn column(name: &'static str, at: u8, stored: &'static str) -> Column {
    Column { name, at, stored }
}

pub(super) const ATTEMPTS: Kind = Kind {
    told: "told_attempts",
    table: "attempts",
    columns: &[
        column("day", 1, "day"),
        column(
            "start_at",
            2,
            "toInt64(coalesce(start, `end`, toDateTime64(day, 0, 'UTC')))",
        ),
        column(
            "end_at",
            3,
            "toInt64(coalesce(`end`, start, toDateTime64(day, 0, 'UTC')))",
        ),
        column("outcome", 4, "outcome"),
        column("kb", 5, "kb"),
        column("category", 6, "category"),
        column("rule", 7, "rule"),
        column("root", 8, "ifNull(root_code, 0)"),
        column("terminal", 9, "ifNull(terminal_code, 0)"),
    ],
};

pub(super) const FINDINGS: Kind = Kind {
    told: "told_findings",
    table: "findings",
    columns: &[
        column("day", 1, "day"),
        column(
            "found_at",
            2,
            "toInt64(coalesce(logged, toDateTime64(day, 0, 'UTC')))",
        ),
        column("logged_at", 3, "toInt64(logged)"),
        column("severity", 4, "severity"),
        column("kb", 5, "kb"),
        column("category", 6, "category"),
        column("rule", 7, "rule"),
        column("root", 8, "ifNull(root_code, 0)"),
        column("terminal", 9, "ifNull(terminal_code, 0)"),
        column("named", 10, "object"),
        column("repeats", 11, "count"),
    ],
};

/// Months whose sets may have rows on the days that are asked for.
const MONTHS: &str =
    "month BETWEEN toYYYYMM(toDate({from:UInt16})) AND toYYYYMM(toDate({end:UInt16}))";

/// What a page asks many endpoints for.
#[derive(Clone)]
pub(super) struct Told<'a> {
    filter: &'a Filter,
    from: Day,
    to: Day,
    /// Endpoints, or none for all.
    endpoints: Vec<&'a str>,
    /// Whether some of the months hold rows that tell nothing.
    untold: bool,
}

impl Store {
    /// What a page asks for, with what is known of the rows that may answer.
    pub(super) async fn told<'a>(
        &self,
        filter: &'a Filter,
        from: Day,
        to: Day,
    ) -> Result<Told<'a>> {
        let end = to.saturating_add(TRY_DAYS);
        let months = self.untold_months().await?;
        Ok(Told {
            filter,
            from,
            to,
            endpoints: filter.endpoint.as_deref().into_iter().collect(),
            untold: months.into_iter().any(|month| {
                let (first, last) = days_of(month);
                first <= end && last >= from
            }),
        })
    }

    /// Months in which rows of an older build stand.
    async fn untold_months(&self) -> Result<Vec<u32>> {
        let remembered = self.untold();
        let known = remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(known) = known.filter(|known| known.asked.elapsed() < REMEMBERED) {
            return Ok(known.months);
        }
        let asked = Instant::now();
        let months: Vec<u32> = self
            .fetch_all(
                "read the months of older builds",
                self.page(
                    "SELECT DISTINCT month FROM derivations WHERE told = 0 AND generation = 0 AND attempts + findings > 0",
                ),
            )
            .await?;
        *remembered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Untold {
            asked,
            months: months.clone(),
        });
        Ok(months)
    }
}

impl<'a> Told<'a> {
    /// The same of some endpoints.
    pub(super) fn of(mut self, endpoints: Vec<&'a str>) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// First and last day.
    pub(super) fn days(&self) -> (Day, Day) {
        (self.from, self.to)
    }

    /// Rows of a kind as a table: `endpoint`, and the columns that are named.
    pub(super) fn rows(&self, kind: &Kind, columns: &[&str]) -> String {
        let mut narrow = "day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16})".to_owned();
        let mut needed = vec!["day"];
        if self.filter.kb.is_some() {
            narrow.push_str(" AND kb = {kb:String}");
            needed.push("kb");
        }
        if self.filter.category.is_some() {
            narrow.push_str(" AND category = {category:String}");
            needed.push("category");
        }
        if !self.filter.codes.is_empty() {
            narrow.push_str(
                " AND (root IN {codes:Array(UInt32)} OR terminal IN {codes:Array(UInt32)})",
            );
            needed.extend(["root", "terminal"]);
        }
        let (mut names, mut joined, mut stored) = (String::new(), String::new(), String::new());
        let is_needed =
            |column: &&Column| columns.contains(&column.name) || needed.contains(&column.name);
        for Column {
            name,
            at,
            stored: of_set,
        } in kind.columns.iter().filter(is_needed)
        {
            let _ = write!(names, ", {name}");
            let comma = if joined.is_empty() { "" } else { ", " };
            let _ = write!(joined, "{comma}{}.{at} AS {name}", kind.told);
            let _ = write!(stored, ", {of_set} AS {name}");
        }
        let endpoints = self.of_endpoints();
        let mut rows = format!(
            "(SELECT endpoint{names} FROM derivations FINAL ARRAY JOIN {joined} \
             WHERE tenant = {{tenant:String}} AND generation = 0 AND {MONTHS}{endpoints} AND {narrow}"
        );
        if self.untold {
            let _ = write!(
                rows,
                " UNION ALL SELECT endpoint{stored} FROM {} FINAL WHERE {} AND {narrow}",
                kind.table,
                self.of_untold()
            );
        }
        rows.push(')');
        rows
    }

    /// A condition on some endpoints; nothing where all are asked for.
    pub(super) fn of_endpoints(&self) -> &'static str {
        match self.endpoints.is_empty() {
            true => "",
            false => " AND endpoint IN {endpoints:Array(String)}",
        }
    }

    /// A question about these rows, with its parameters.
    pub(super) fn ask(&self, store: &Store, sql: &str) -> Query {
        narrowed(store.page(sql), self.filter, self.from, self.to)
            .param("end", self.to.saturating_add(TRY_DAYS))
            .param("category", self.filter.category.as_deref().unwrap_or(""))
            .param("endpoints", self.endpoints.as_slice())
    }

    /// The last day that current sets of a month have rows of, if any has one.
    pub(super) fn last_day(&self, store: &Store, month: u32) -> Query {
        let mut sql = "SELECT toUInt16(max(last)) FROM (\
             SELECT arrayMax(arrayConcat(told_attempts.1, told_findings.1)) AS last FROM derivations FINAL \
             WHERE tenant = {tenant:String} AND generation = 0 AND told = 1 AND attempts + findings > 0 AND month = {month:UInt32}"
            .to_owned();
        if self.untold {
            for kind in [&ATTEMPTS, &FINDINGS] {
                let _ = write!(
                    sql,
                    " UNION ALL SELECT day AS last FROM {} FINAL WHERE {}",
                    kind.table,
                    self.of_untold()
                );
            }
        }
        sql.push_str(") HAVING count() > 0");
        self.ask(store, &sql).param("month", month)
    }

    /// A condition on rows of current sets that only these rows tell of.
    fn of_untold(&self) -> String {
        format!(
            "tenant = {{tenant:String}} AND `set` IN (\
               SELECT `set` FROM derivations FINAL WHERE tenant = {{tenant:String}} AND generation = 0 AND {MONTHS} \
                 AND (endpoint, month) IN (SELECT endpoint, month FROM derivations \
                   WHERE tenant = {{tenant:String}} AND generation = 0 AND told = 0 AND attempts + findings > 0 AND {MONTHS}{endpoints}) \
                 AND told = 0)",
            endpoints = self.of_endpoints()
        )
    }
}

/// Gives a question the parameters of what narrows it.
pub(super) fn narrowed(query: Query, filter: &Filter, from: Day, to: Day) -> Query {
    let codes: Vec<u32> = filter.codes.iter().copied().map(Code::value).collect();
    query
        .param("tenant", &filter.tenant)
        .param("from", from)
        .param("to", to)
        .param("kb", filter.kb.as_deref().unwrap_or(""))
        .param("codes", codes)
}
