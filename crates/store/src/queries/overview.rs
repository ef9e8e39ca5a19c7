//! The first page: is the fleet failing, since when, with what cause, where.

use super::{Day, EndpointSummary};
use crate::{error::Result, rows::day_of, store::Store};
use clickhouse::{Row, RowOwned, RowRead, query::Query};
use event::{Code, LoggedAt};
use serde::Deserialize;

/// What narrows a page. Empty fields narrow nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Owner.
    pub tenant: String,
    /// First day, inclusive.
    pub from: Option<Day>,
    /// Last day, inclusive.
    pub to: Option<Day>,
    /// `KB5014692`
    pub kb: Option<String>,
    /// Category of a finding.
    pub category: Option<String>,
    /// A root or terminal code.
    pub code: Option<Code>,
    /// One endpoint.
    pub endpoint: Option<String>,
}

/// Width of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// One hour.
    Hour,
    /// One day.
    #[default]
    Day,
}

/// Everything the first page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// First day shown; nothing where there is no data.
    pub from: Option<Day>,
    /// First day of what is told over time: later than `from` where the range is longer than [`CHART_DAYS`].
    pub charted_from: Option<Day>,
    /// Last day shown.
    pub to: Option<Day>,
    /// Width of a bucket.
    pub step: Step,
    /// Headline figures.
    pub totals: Totals,
    /// Attempts by time of their start.
    pub over_time: Vec<OutcomeBucket>,
    /// Findings by time and category.
    pub categories_over_time: Vec<CategoryBucket>,
    /// What most findings say.
    pub top_causes: Vec<Cause>,
    /// Codes most records carry.
    pub top_codes: Vec<TopCode>,
    /// KBs with most failures.
    pub kbs: Vec<KbSummary>,
    /// Endpoints with most failures.
    pub endpoints: Vec<EndpointSummary>,
}

/// Headline figures of the range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Endpoints whose logs reach into the range.
    pub endpoints: u64,
    /// Endpoints with a failed attempt, or a finding of severity `error` or above.
    pub endpoints_failing: u64,
    /// Attempts.
    pub attempts: u64,
    /// Of them failed or rolled back.
    pub failed: u64,
    /// Of them succeeded.
    pub succeeded: u64,
    /// Findings above `info`.
    pub findings: u64,
    /// Distinct events.
    pub events: u64,
    /// Distinct noise records.
    pub noise: u64,
    /// Source bytes of the logs that reach into the range, each byte once.
    pub raw_bytes: u64,
}

/// Attempts of one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct OutcomeBucket {
    /// Start of the bucket, as logged.
    pub at: LoggedAt,
    /// Failed or rolled back.
    pub failed: u64,
    /// Succeeded.
    pub succeeded: u64,
    /// Pending, cancelled, unknown.
    pub other: u64,
}

/// Findings of one bucket and category.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct CategoryBucket {
    /// Start of the bucket, as logged.
    pub at: LoggedAt,
    /// Category.
    pub category: String,
    /// Attempts and repeats the findings stand for.
    pub count: u64,
}

/// What several findings have in common.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Cause {
    /// Category.
    pub category: String,
    /// Rule, or empty.
    pub rule: String,
    /// The code that started it.
    pub root_code: Option<Code>,
    /// The object named where all name the same one, or empty.
    pub object: String,
    /// Distinct objects named.
    pub objects: u64,
    /// Attempts and repeats.
    pub count: u64,
    /// Endpoints.
    pub endpoints: u64,
    /// Earliest, as logged.
    pub first: Option<LoggedAt>,
    /// Latest, as logged.
    pub last: Option<LoggedAt>,
}

/// A code over the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct TopCode {
    /// The code.
    pub code: Code,
    /// Distinct records, noise included.
    pub events: u64,
    /// Endpoints.
    pub endpoints: u64,
    /// Those of the records that are noise.
    pub noise: u64,
}

/// A KB over the range.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct KbSummary {
    /// `KB5014692`
    pub kb: String,
    /// Attempts failed or rolled back.
    pub failed: u64,
    /// Attempts succeeded.
    pub succeeded: u64,
    /// Endpoints with a failed one.
    pub endpoints_failing: u64,
}

/// Days shown when nobody asks for others.
const DEFAULT_DAYS: u16 = 30;

/// Days told one by one, the last ones of a range: two years and a bit, more than a screen has points. A stray stamp of 1990 or 2100
/// would else make a chart of ten thousands.
pub const CHART_DAYS: u16 = 800;

/// Rows of a ranking on the first page: what fits on a screen twice.
const TOP: u64 = 20;

/// Narrows `current_attempts` and `current_findings`; both have these columns.
macro_rules! derived {
    ($head:literal, $table:literal, $tail:literal) => {
        concat!(
            $head,
            " FROM ",
            $table,
            " WHERE tenant = {tenant:String} AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
             AND ({kb:String} = '' OR kb = {kb:String}) \
             AND ({category:String} = '' OR category = {category:String}) \
             AND ({code:UInt32} = 0 OR ifNull(root_code, 0) = {code:UInt32} OR ifNull(terminal_code, 0) = {code:UInt32}) \
             AND ({endpoint:String} = '' OR endpoint = {endpoint:String}) ",
            $tail
        )
    };
}

/// What records say, noise beside events; narrowed by what records have.
macro_rules! records {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " FROM (SELECT endpoint, id, codes, 0 AS noise FROM current_events \
               WHERE tenant = {tenant:String} AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
                 AND ({kb:String} = '' OR kb = {kb:String}) \
                 AND ({code:UInt32} = 0 OR has(codes, {code:UInt32})) \
                 AND ({endpoint:String} = '' OR endpoint = {endpoint:String}) \
               UNION ALL \
               SELECT endpoint, id, [code] AS codes, 1 AS noise FROM current_noise \
               WHERE tenant = {tenant:String} AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
                 AND {kb:String} = '' \
                 AND ({code:UInt32} = 0 OR code = {code:UInt32}) \
                 AND ({endpoint:String} = '' OR endpoint = {endpoint:String})) ",
            $tail
        )
    };
}

impl Store {
    /// Everything the first page shows.
    pub async fn overview(&self, filter: &Filter) -> Result<Overview> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Overview::default());
        };
        let step = if to - from < 2 { Step::Hour } else { Step::Day };
        let ask = Ask {
            store: self,
            filter,
            from,
            charted_from: from.max(to.saturating_sub(CHART_DAYS - 1)),
            to,
            step,
        };
        let (totals, over_time, categories_over_time, top_causes, top_codes, kbs, endpoints) = tokio::try_join!(
            ask.totals(),
            ask.all("count attempts over time", derived!(
                "SELECT toInt64(if({hourly:UInt8} = 1, toUnixTimestamp(toStartOfHour(toDateTime(coalesce(start, `end`, toDateTime64(day, 0, 'UTC')), 'UTC'))), toInt64(toUInt16(day)) * 86400)) AS at, \
                 countIf(outcome IN ('failed', 'rolled_back')) AS failed, countIf(outcome = 'succeeded') AS succeeded, \
                 countIf(outcome NOT IN ('failed', 'rolled_back', 'succeeded')) AS other",
                "current_attempts",
                "AND day >= toDate({charted_from:UInt16}) GROUP BY at ORDER BY at"
            )),
            ask.all("count findings over time", derived!(
                "SELECT toInt64(if({hourly:UInt8} = 1, toUnixTimestamp(toStartOfHour(toDateTime(coalesce(logged, toDateTime64(day, 0, 'UTC')), 'UTC'))), toInt64(toUInt16(day)) * 86400)) AS at, \
                 category, sum(count) AS count",
                "(SELECT * EXCEPT count, toUInt64(count) AS count FROM current_findings WHERE severity != 'info')",
                "AND day >= toDate({charted_from:UInt16}) GROUP BY at, category ORDER BY at, category"
            )),
            ask.all("read the top causes", derived!(
                "SELECT category, rule, root_code, if(uniqExact(named) = 1, any(named), '') AS object, uniqExactIf(named, named != '') AS objects, \
                 sum(repeats) AS count, uniqExact(endpoint) AS endpoints, min(logged) AS first, max(logged) AS last",
                "(SELECT * EXCEPT object, object AS named, toUInt64(count) AS repeats FROM current_findings WHERE severity != 'info')",
                // A cause that hits many machines matters more than one machine that tries all day.
                "GROUP BY category, rule, root_code \
                 ORDER BY endpoints DESC, count DESC, category, rule, root_code LIMIT {top:UInt64}"
            )),
            ask.all("read the top codes", records!(
                "SELECT arrayJoin(codes) AS code, uniqExact(id) AS events, uniqExact(endpoint) AS endpoints, uniqExactIf(id, noise = 1) AS noise",
                "GROUP BY code HAVING code != 0 ORDER BY events - noise DESC, events DESC, code LIMIT {top:UInt64}"
            )),
            ask.all("read the KBs", derived!(
                "SELECT kb, countIf(outcome IN ('failed', 'rolled_back')) AS failed, countIf(outcome = 'succeeded') AS succeeded, \
                 uniqExactIf(endpoint, outcome IN ('failed', 'rolled_back')) AS endpoints_failing",
                "current_attempts",
                "AND kb != '' GROUP BY kb ORDER BY failed DESC, succeeded DESC, kb LIMIT {top:UInt64}"
            )),
            self.endpoint_summaries(filter, from, to, true, "", TOP, ""),
        )?;
        Ok(Overview {
            from: Some(from),
            charted_from: Some(ask.charted_from),
            to: Some(to),
            step,
            totals,
            over_time,
            categories_over_time,
            top_causes,
            top_codes,
            kbs,
            endpoints: endpoints.into_iter().map(EndpointSummary::from).collect(),
        })
    }

    /// The range a page shows: what was asked for, else the days up to the last one that holds derived data, else events.
    pub(crate) async fn range(&self, filter: &Filter) -> Result<Option<(Day, Day)>> {
        if let (Some(from), Some(to)) = (filter.from, filter.to) {
            return Ok((from <= to).then_some((from, to)));
        }
        let last: Option<Day> = self
            .fetch_optional(
                "read the last day that holds data",
                self.page(
                    "SELECT toUInt16(max(day)) FROM \
                     (SELECT day, 1 AS derived FROM current_attempts WHERE tenant = {tenant:String} \
                      UNION ALL SELECT day, 1 AS derived FROM current_findings WHERE tenant = {tenant:String} \
                      UNION ALL SELECT max(day) AS day, 0 AS derived FROM events WHERE tenant = {tenant:String} HAVING count() > 0) \
                     GROUP BY derived ORDER BY derived DESC LIMIT 1",
                )
                .param("tenant", &filter.tenant),
            )
            .await?;
        let Some(to) = filter.to.or(last) else {
            return Ok(None);
        };
        // Records without time stand on the first day there is; the range must not reach below it.
        let from = filter.from.unwrap_or_else(|| {
            to.saturating_sub(DEFAULT_DAYS - 1)
                .max(day_of(None))
                .min(to)
        });
        Ok((from <= to).then_some((from, to)))
    }
}

/// A page's question with its range settled.
struct Ask<'a> {
    store: &'a Store,
    filter: &'a Filter,
    from: Day,
    charted_from: Day,
    to: Day,
    step: Step,
}

impl Ask<'_> {
    fn query(&self, sql: &str) -> Query {
        narrowed(self.store.page(sql), self.filter, self.from, self.to)
            .param("charted_from", self.charted_from)
            .param("hourly", u8::from(self.step == Step::Hour))
            .param("top", TOP)
    }

    async fn all<T: RowOwned + RowRead>(&self, doing: &str, sql: &str) -> Result<Vec<T>> {
        self.store.fetch_all(doing, self.query(sql)).await
    }

    async fn one<T: RowOwned + RowRead>(&self, doing: &str, sql: &str) -> Result<T> {
        self.store.fetch_one(doing, self.query(sql)).await
    }

    async fn totals(&self) -> Result<Totals> {
        let attempts = derived!(
            "SELECT count(), countIf(outcome IN ('failed', 'rolled_back')), countIf(outcome = 'succeeded')",
            "current_attempts",
            ""
        );
        let findings = derived!(
            "SELECT count()",
            "current_findings",
            "AND severity != 'info'"
        );
        let failing = concat!(
            "SELECT uniqExact(endpoint) FROM (",
            derived!(
                "SELECT endpoint",
                "current_attempts",
                "AND outcome IN ('failed', 'rolled_back')"
            ),
            " UNION ALL ",
            derived!(
                "SELECT endpoint",
                "current_findings",
                "AND severity IN ('error', 'critical')"
            ),
            ")"
        );
        let records = records!(
            "SELECT uniqExactIf(id, noise = 0), uniqExactIf(id, noise = 1)",
            ""
        );
        // Whole streams, not chunks: how a log was cut must not change a figure.
        let raw = "SELECT uniqExact(endpoint), sum(bytes) FROM (\
             SELECT endpoint, intervalLengthSum(offset, `end`) AS bytes FROM coverage \
             WHERE tenant = {tenant:String} AND ({endpoint:String} = '' OR endpoint = {endpoint:String}) \
             GROUP BY endpoint, stream \
             HAVING min(day) <= toDate({to:UInt16}) AND max(last_day) >= toDate({from:UInt16}))";
        let (attempts, findings, failing, records, raw) = tokio::try_join!(
            self.one::<(u64, u64, u64)>("count attempts", attempts),
            self.one::<u64>("count findings", findings),
            self.one::<u64>("count failing endpoints", failing),
            self.one::<(u64, u64)>("count records", records),
            self.one::<(u64, u64)>("count endpoints", raw),
        )?;
        Ok(Totals {
            endpoints: raw.0,
            endpoints_failing: failing,
            attempts: attempts.0,
            failed: attempts.1,
            succeeded: attempts.2,
            findings,
            events: records.0,
            noise: records.1,
            raw_bytes: raw.1,
        })
    }
}

/// Gives a question the filter's parameters.
pub(crate) fn narrowed(query: Query, filter: &Filter, from: Day, to: Day) -> Query {
    query
        .param("tenant", &filter.tenant)
        .param("from", from)
        .param("to", to)
        .param("kb", filter.kb.as_deref().unwrap_or(""))
        .param("category", filter.category.as_deref().unwrap_or(""))
        .param("code", filter.code.map_or(0, Code::value))
        .param("endpoint", filter.endpoint.as_deref().unwrap_or(""))
}
