//! Where questions about many endpoints find attempts and findings: in what the rows that make sets current tell of them.
//!
//! Rows of an older build tell nothing; for them the set itself is read. Planning that costs the engine more than the answer does in a
//! small store, so it is asked once in a while in which months there are such rows, and elsewhere nobody looks for them.

use super::{
    Day, Filter,
    kept::boundless,
    overview::{AHEAD_S, SILENT_DAYS, days_of},
};
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
    /// What is told of it, one value for each row of the set. Rows of a build that told less have empty ones.
    told: &'static str,
    /// What it is in the set itself.
    stored: &'static str,
}

/// What is told under one name.
pub(super) struct Kind {
    table: &'static str,
    columns: &'static [Column],
}

const fn column(name: &'static str, told: &'static str, stored: &'static str) -> Column {
    Column { name, told, stored }
}

pub(super) const ATTEMPTS: Kind = Kind {
    table: "attempts",
    columns: &[
        column("day", "told_attempts.1", "day"),
        column(
            "start_at",
            "told_attempts.2",
            "toInt64(coalesce(start, `end`, toDateTime64(day, 0, 'UTC')))",
        ),
        column(
            "end_at",
            "told_attempts.3",
            "toInt64(coalesce(`end`, start, toDateTime64(day, 0, 'UTC')))",
        ),
        column("outcome", "told_attempts.4", "outcome"),
        column("kb", "told_attempts.5", "kb"),
        // Of a failure that nothing explains it says so.
        column(
            "category",
            "arrayMap((words, outcome) -> multiIf(words != '', toString(words), outcome IN ('failed', 'rolled_back'), 'unclassified', ''), \
               told_attempts.6, told_attempts.4)",
            "multiIf(category != '', toString(category), outcome IN ('failed', 'rolled_back'), 'unclassified', '')",
        ),
        column("rule", "told_attempts.7", "rule"),
        column("root", "told_attempts.8", "ifNull(root_code, 0)"),
        column("terminal", "told_attempts.9", "ifNull(terminal_code, 0)"),
        column(
            "package_of",
            "arrayResize(told_lines.1, length(told_attempts.1))",
            "if(kb = '', package, '')",
        ),
        column(
            "line",
            "arrayResize(told_lines.2, length(told_attempts.1))",
            "extract(package, '^(Package_for_RollupFix|Package_for_DotNetRollup|Package_for_ServicingStack)')",
        ),
        column(
            "line_version",
            "arrayResize(told_lines.3, length(told_attempts.1))",
            "arraySum((part, at) -> bitShiftLeft(toUInt64(ifNull(toUInt16OrNull(part), 0)), at), \
               arrayResize(splitByChar('.', if(position(package, '~') > 0, splitByChar('~', package)[-1], '')), 4, ''), [48, 32, 16, 0])",
        ),
        // Where the attempt itself stands.
        column("of_set", "arrayMap(day -> `set`, told_attempts.1)", "`set`"),
        column(
            "ordinal_of",
            "arrayMap(at -> at - 1, arrayEnumerate(told_attempts.1))",
            "ordinal",
        ),
    ],
};

pub(super) const FINDINGS: Kind = Kind {
    table: "findings",
    columns: &[
        column("day", "told_findings.1", "day"),
        column(
            "found_at",
            "told_findings.2",
            "toInt64(coalesce(logged, toDateTime64(day, 0, 'UTC')))",
        ),
        column("severity", "told_findings.4", "severity"),
        column("kb", "told_findings.5", "kb"),
        column("category", "told_findings.6", "category"),
        column("rule", "told_findings.7", "rule"),
        column("root", "told_findings.8", "ifNull(root_code, 0)"),
        column("terminal", "told_findings.9", "ifNull(terminal_code, 0)"),
        column("named", "told_findings.10", "object"),
        column("repeats", "told_findings.11", "count"),
        // Where the finding itself stands.
        column("of_set", "arrayMap(day -> `set`, told_findings.1)", "`set`"),
        column(
            "ordinal_of",
            "arrayMap(at -> at - 1, arrayEnumerate(told_findings.1))",
            "ordinal",
        ),
    ],
};

/// Months whose sets may have rows on the days that are asked for.
pub(super) const MONTHS: &str =
    "month BETWEEN toYYYYMM(toDate({from:UInt16})) AND toYYYYMM(toDate({end:UInt16}))";

/// What a row of `derivations` tells, as a number. Rows of a build that told less are others.
pub(super) const DIGEST: &str = "cityHash64(`set`, version, told, length(told_lines), length(told_zones), length(told_finding_zones))";

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

/// When a machine sent a log that has no time: on the day that stands for far-off ones.
pub(super) const NEVER: i64 = 7_305 * 86_400;

impl<'a> Told<'a> {
    /// The same of some endpoints.
    pub(super) fn of(mut self, endpoints: Vec<&'a str>) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// The first second of the page's days.
    pub(super) fn starts(&self) -> i64 {
        i64::from(self.from) * 86_400
    }

    /// What the page takes for now, as logged: the end of its last day where that is over.
    pub(super) fn now(&self) -> i64 {
        let end = (i64::from(self.to) + 1) * 86_400;
        self.filter.now.map_or(end, |now| now.0.min(end))
    }

    /// Whose.
    pub(super) fn tenant(&self) -> &'a str {
        &self.filter.tenant
    }

    /// First and last day.
    pub(super) fn days(&self) -> (Day, Day) {
        (self.from, self.to)
    }

    /// Rows of a kind as a table: `endpoint`, and the columns that are named. Only those that the page asks for.
    pub(super) fn rows(&self, kind: &Kind, columns: &[&str]) -> String {
        let mut narrow = self.narrow_kb().to_owned();
        let mut needed = vec!["kb"];
        if self.has_cause() {
            narrow.push_str(" AND ");
            narrow.push_str(&self.matches());
            needed.extend(["category", "rule", "root", "terminal"]);
        }
        self.table(kind, columns, &needed, &narrow)
    }

    /// The same, whatever the page is narrowed to beside days and endpoints.
    pub(super) fn whole(&self, kind: &Kind, columns: &[&str]) -> String {
        self.table(kind, columns, &[], "")
    }

    /// A condition on `kb`; nothing where the page asks for all.
    pub(super) fn narrow_kb(&self) -> &'static str {
        match self.filter.kb {
            Some(_) => " AND kb = {kb:String}",
            None => "",
        }
    }

    /// Whether the page is narrowed to some causes.
    pub(super) fn has_cause(&self) -> bool {
        has_cause(self.filter)
    }

    /// Whether a row has a cause that the page asks for, from `category`, `rule`, `root` and `terminal`.
    pub(super) fn matches(&self) -> String {
        let mut all = Vec::new();
        if self.filter.category.is_some() {
            all.push("category = {category:String}");
        }
        if self.filter.cause.is_some() {
            all.push(
                "if(rule = '', category, rule) = {cause:String} AND root = {cause_code:UInt32}",
            );
        }
        if !self.filter.codes.is_empty() {
            all.push("(root IN {codes:Array(UInt32)} OR terminal IN {codes:Array(UInt32)})");
        }
        match all.is_empty() {
            true => "1".to_owned(),
            false => format!("({})", all.join(" AND ")),
        }
    }

    fn table(&self, kind: &Kind, columns: &[&str], needed: &[&str], narrow: &str) -> String {
        let narrow =
            format!("day BETWEEN toDate({{from:UInt16}}) AND toDate({{to:UInt16}}){narrow}");
        let (mut names, mut joined, mut stored) = (String::new(), String::new(), String::new());
        let is_needed = |column: &&Column| {
            column.name == "day" || columns.contains(&column.name) || needed.contains(&column.name)
        };
        for Column {
            name,
            told,
            stored: of_set,
        } in kind.columns.iter().filter(is_needed)
        {
            let _ = write!(names, ", {name}");
            let comma = if joined.is_empty() { "" } else { ", " };
            let _ = write!(joined, "{comma}{told} AS {name}");
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
    pub(super) fn of_endpoints(&self) -> String {
        match self.endpoints.is_empty() {
            true => labelled(self.filter),
            false => format!(
                " AND endpoint IN {{endpoints:Array(String)}}{}",
                labelled(self.filter)
            ),
        }
    }

    /// A question about these rows, with its parameters.
    pub(super) fn ask(&self, store: &Store, sql: &str) -> Query {
        let cause = self.filter.cause.as_ref();
        narrowed(store.page(sql), self.filter, self.from, self.to)
            .param("end", self.to.saturating_add(TRY_DAYS))
            .param("category", self.filter.category.as_deref().unwrap_or(""))
            .param("cause", cause.map_or("", |cause| cause.word.as_str()))
            .param(
                "cause_code",
                cause.and_then(|cause| cause.code).map_or(0, Code::value),
            )
            .param("day_ago", self.now() - 86_400)
            .param("week_ago", self.now() - 7 * 86_400)
            .param("endpoints", self.endpoints.as_slice())
    }

    /// Whoever sent its newest log before this time is silent.
    pub(super) fn silent_from(&self) -> i64 {
        // Whatever days the page shows: who is silent is so now.
        let now = self.filter.now.map_or_else(|| self.now(), |now| now.0);
        now - SILENT_DAYS * 86_400
    }

    /// A question about when machines sent their newest logs, with its parameters.
    pub(super) fn reporting(&self, query: Query) -> Query {
        query
            .param("never", NEVER)
            .param("silent_from", self.silent_from())
            .param(
                "ahead_from",
                self.filter.now.map_or(i64::MAX, |now| now.0 + AHEAD_S),
            )
    }

    /// The last day on which current sets of a month have a try, or a finding that pages count, if any has one.
    pub(super) fn last_day(&self, store: &Store, month: u32) -> Query {
        let mut sql = "SELECT toUInt16(max(last)) FROM (\
             SELECT arrayMax(arrayFilter(day -> day <= toDate({to:UInt16}), arrayConcat(told_attempts.1, \
               arrayMap(found -> found.1, arrayFilter(found -> found.4 != 'info', told_findings))))) AS last FROM derivations FINAL \
             WHERE tenant = {tenant:String} AND generation = 0 AND told = 1 AND attempts + findings > 0 AND month = {month:UInt32}"
            .to_owned();
        if self.untold {
            for (kind, narrow) in [(&ATTEMPTS, ""), (&FINDINGS, " AND severity != 'info'")] {
                let _ = write!(
                    sql,
                    " UNION ALL SELECT day AS last FROM {} FINAL WHERE day <= toDate({{to:UInt16}}){narrow} AND {}",
                    kind.table,
                    self.of_untold()
                );
            }
        }
        sql.push_str(") HAVING max(last) > toDate(0)");
        self.ask(store, &sql).param("month", month)
    }

    /// What narrows the page.
    pub(super) fn filter(&self) -> &'a Filter {
        self.filter
    }

    /// Whether it asks for some endpoints by their names.
    pub(super) fn is_of_few(&self) -> bool {
        !self.endpoints.is_empty()
    }

    /// Those.
    pub(super) fn few(&self) -> &[&'a str] {
        &self.endpoints
    }

    /// A question about the endpoints that have the labels of the page; nothing where it asks for none.
    pub(super) fn labelled(&self, store: &Store) -> Option<Query> {
        if self.filter.labels.is_empty() {
            return None;
        }
        let sql = format!(
            "SELECT DISTINCT endpoint FROM endpoint_labels WHERE tenant = {{tenant:String}}{}",
            labelled(self.filter)
        );
        Some(boundless(self.ask(store, &sql)))
    }

    /// Whether some rows of the days tell nothing, so that their sets are read.
    pub(super) fn has_untold(&self) -> bool {
        self.untold
    }

    /// A question about the tries and findings that rows of the months hold, those of superseded ones among them.
    pub(super) fn rows_told(&self, store: &Store) -> Query {
        let sql = format!(
            "SELECT toUInt64(sum(attempts) + sum(findings)) FROM derivations \
             WHERE tenant = {{tenant:String}} AND generation = 0 AND {MONTHS}"
        );
        self.ask(store, &sql)
    }

    /// A row for each endpoint and month of some: `digest`, `tries`, their `lines`, and `found`, as they are stored.
    pub(super) fn told_rows(&self, narrow: &str) -> String {
        format!(
            "SELECT endpoint, {DIGEST} AS digest, told_attempts AS tries, told_lines AS lines, told_zones AS zones, \
               told_findings AS found, told_finding_zones AS found_zones FROM derivations FINAL \
             WHERE tenant = {{tenant:String}} AND generation = 0 AND attempts + findings > 0 AND {narrow}"
        )
    }

    /// The same for what is told of in sets alone: of one kind, the other is empty.
    pub(super) fn untold_rows(&self, kind: &Kind, part: &str) -> String {
        let of = |name: &str| {
            let column = kind.columns.iter().find(|column| column.name == name);
            column.map_or("", |column| column.stored)
        };
        let (tries, lines, found) = match kind.table {
            "attempts" => (
                format!(
                    "groupArray((day, {}, {}, toString(outcome), toString(kb), {}, toString(rule), {}, {}))",
                    of("start_at"),
                    of("end_at"),
                    of("category"),
                    of("root"),
                    of("terminal")
                ),
                format!(
                    "groupArray(({}, {}, {}))",
                    of("package_of"),
                    of("line"),
                    of("line_version")
                ),
                "CAST([] AS Array(Tuple(Date, Int64, Nullable(Int64), String, String, String, String, UInt32, UInt32, String, UInt32)))"
                    .to_owned(),
            ),
            _ => (
                "CAST([] AS Array(Tuple(Date, Int64, Int64, String, String, String, String, UInt32, UInt32)))".to_owned(),
                "CAST([] AS Array(Tuple(String, String, UInt64)))".to_owned(),
                format!(
                    "groupArray((day, {}, CAST(NULL AS Nullable(Int64)), toString(severity), toString(kb), toString(category), toString(rule), {}, {}, object, toUInt32(count)))",
                    of("found_at"),
                    of("root"),
                    of("terminal")
                ),
            ),
        };
        format!(
            "SELECT endpoint, toUInt64(0) AS digest, {tries} AS tries, {lines} AS lines, CAST([] AS Array(Int16)) AS zones, {found} AS found, \
               CAST([] AS Array(Int16)) AS found_zones FROM {} FINAL \
             WHERE {} AND day BETWEEN toDate({{from:UInt16}}) AND toDate({{to:UInt16}}){part} GROUP BY endpoint",
            kind.table,
            self.of_untold()
        )
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

/// Whether a filter names causes.
pub(super) fn has_cause(filter: &Filter) -> bool {
    filter.category.is_some() || filter.cause.is_some() || !filter.codes.is_empty()
}

/// A condition on endpoints that have the labels of a filter; nothing where it has none. The table is ordered by label, so that of each
/// only those rows are read.
pub(super) fn labelled(filter: &Filter) -> String {
    let mut sql = String::new();
    for at in 0..filter.labels.len() {
        let _ = write!(
            sql,
            " AND endpoint IN (SELECT endpoint FROM endpoint_labels FINAL \
               WHERE tenant = {{tenant:String}} AND label = {{label{at}:String}} AND value = {{value{at}:String}})"
        );
    }
    sql
}

/// Gives a question the parameters of what narrows it.
pub(super) fn narrowed(query: Query, filter: &Filter, from: Day, to: Day) -> Query {
    let codes: Vec<u32> = filter.codes.iter().copied().map(Code::value).collect();
    let query = query
        .param("tenant", &filter.tenant)
        .param("from", from)
        .param("to", to)
        .param("kb", filter.kb.as_deref().unwrap_or(""))
        .param("codes", codes);
    let labels = filter.labels.iter().enumerate();
    labels.fold(query, |query, (at, (label, value))| {
        query
            .param(&format!("label{at}"), label)
            .param(&format!("value{at}"), value)
    })
}
