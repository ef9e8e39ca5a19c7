//! Where questions about many endpoints find attempts and findings: in what the rows that make sets current tell of them.
//!
//! Rows of an older build tell nothing; for them the set itself is read. The sets to be read that way are looked for by the key of such
//! rows, so that where there are none, nothing is read.

use super::{Day, Filter};
use clickhouse::query::Query;
use event::Code;

/// Months whose sets may have rows on the days that are asked for. A try is told with the day of its end, and stands on that of its
/// start, some weeks before at most.
macro_rules! months {
    () => {
        "month BETWEEN toYYYYMM(toDate({from:UInt16})) AND toYYYYMM(toDate({end:UInt16}))"
    };
}

/// As far apart as the start and the end of a try may be, and three days.
const TRY_DAYS: Day = 31;

/// Some endpoints, or all where none is named.
macro_rules! endpoints {
    () => {
        "(empty({endpoints:Array(String)}) OR endpoint IN {endpoints:Array(String)})"
    };
}

/// What attempts and findings are narrowed by; both have these columns.
macro_rules! narrow {
    () => {
        "day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
         AND ({kb:String} = '' OR kb = {kb:String}) \
         AND ({category:String} = '' OR category = {category:String}) \
         AND (empty({codes:Array(UInt32)}) OR root IN {codes:Array(UInt32)} OR terminal IN {codes:Array(UInt32)})"
    };
}

/// Current sets of which only their own rows tell.
macro_rules! untold {
    () => {
        concat!(
            "SELECT `set` FROM derivations FINAL WHERE tenant = {tenant:String} AND generation = 0 AND ",
            months!(),
            " AND (endpoint, month) IN (SELECT endpoint, month FROM derivations \
               WHERE tenant = {tenant:String} AND generation = 0 AND told = 0 AND attempts + findings > 0 AND ",
            months!(),
            " AND ",
            endpoints!(),
            ") AND told = 0"
        )
    };
}

/// Attempts: `endpoint`, `day`, `start_at`, `end_at`, `outcome`, `kb`, `category`, `rule`, `root`, `terminal`.
macro_rules! attempts {
    () => {
        concat!(
            "(SELECT endpoint, day, start_at, end_at, outcome, kb, category, rule, root, terminal FROM derivations FINAL \
             ARRAY JOIN told_attempts.1 AS day, told_attempts.2 AS start_at, told_attempts.3 AS end_at, told_attempts.4 AS outcome, \
               told_attempts.5 AS kb, told_attempts.6 AS category, told_attempts.7 AS rule, told_attempts.8 AS root, told_attempts.9 AS terminal \
             WHERE tenant = {tenant:String} AND generation = 0 AND ",
            months!(),
            " AND ",
            endpoints!(),
            " AND ",
            narrow!(),
            " UNION ALL \
             SELECT endpoint, day, toInt64(coalesce(start, `end`, toDateTime64(day, 0, 'UTC'))) AS start_at, \
               toInt64(coalesce(`end`, start, toDateTime64(day, 0, 'UTC'))) AS end_at, outcome, kb, category, rule, \
               ifNull(root_code, 0) AS root, ifNull(terminal_code, 0) AS terminal \
             FROM attempts FINAL WHERE tenant = {tenant:String} AND `set` IN (",
            untold!(),
            ") AND ",
            narrow!(),
            ")"
        )
    };
}

/// Findings: `endpoint`, `day`, `found_at`, `logged_at`, `severity`, `kb`, `category`, `rule`, `root`, `terminal`, `named`, `repeats`.
macro_rules! findings {
    () => {
        concat!(
            "(SELECT endpoint, day, found_at, logged_at, severity, kb, category, rule, root, terminal, named, repeats FROM derivations FINAL \
             ARRAY JOIN told_findings.1 AS day, told_findings.2 AS found_at, told_findings.3 AS logged_at, told_findings.4 AS severity, \
               told_findings.5 AS kb, told_findings.6 AS category, told_findings.7 AS rule, told_findings.8 AS root, \
               told_findings.9 AS terminal, told_findings.10 AS named, told_findings.11 AS repeats \
             WHERE tenant = {tenant:String} AND generation = 0 AND ",
            months!(),
            " AND ",
            endpoints!(),
            " AND ",
            narrow!(),
            " UNION ALL \
             SELECT endpoint, day, toInt64(coalesce(logged, toDateTime64(day, 0, 'UTC'))) AS found_at, toInt64(logged) AS logged_at, severity, kb, \
               category, rule, ifNull(root_code, 0) AS root, ifNull(terminal_code, 0) AS terminal, object AS named, count AS repeats \
             FROM findings FINAL WHERE tenant = {tenant:String} AND `set` IN (",
            untold!(),
            ") AND ",
            narrow!(),
            ")"
        )
    };
}

pub(super) use {attempts, endpoints, findings, months, narrow, untold};

/// Gives a question the parameters of these.
pub(super) fn narrowed(query: Query, filter: &Filter, from: Day, to: Day) -> Query {
    let codes: Vec<u32> = filter.codes.iter().copied().map(Code::value).collect();
    let endpoints: Vec<&str> = filter.endpoint.as_deref().into_iter().collect();
    query
        .param("tenant", &filter.tenant)
        .param("from", from)
        .param("to", to)
        .param("end", to.saturating_add(TRY_DAYS))
        .param("kb", filter.kb.as_deref().unwrap_or(""))
        .param("category", filter.category.as_deref().unwrap_or(""))
        .param("codes", codes)
        .param("endpoints", endpoints)
}
