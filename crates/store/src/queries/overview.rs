//! The first page: is the fleet failing, since when, with what cause, where.

use super::{
    Day, EndpointSummary,
    seen::sketches,
    told::{ATTEMPTS, FINDINGS, Told},
};
use crate::{error::Result, rows::day_of, store::Store};
use clickhouse::{Row, RowOwned, RowRead, query::Query};
use event::{Code, LoggedAt, Month, civil::days_from_civil};
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
    /// Root or terminal codes, any of them: a code and those that say the same. Empty narrows nothing.
    pub codes: Vec<Code>,
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
    /// Endpoints whose logs, from the earliest to the latest time in them, reach into the range.
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
    /// Distinct events: of one endpoint exact; of a fleet exact up to some hundreds and within some 3 % above, without records that may
    /// still go on.
    pub events: u64,
    /// Distinct noise records, in the same way.
    pub noise: u64,
    /// Source bytes of the pieces of logs that begin in the range, each byte once. Nothing where there are too many pieces to sum up
    /// while somebody waits.
    pub raw_bytes: Option<u64>,
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

#[derive(Row, Deserialize)]
struct FindingBucket {
    at: LoggedAt,
    category: String,
    count: u64,
    findings: u64,
}

/// Attempts of a bucket, or of a KB.
#[derive(Row, Deserialize)]
struct Attempts {
    at: LoggedAt,
    kb: String,
    is_time: u64,
    failed: u64,
    succeeded: u64,
    other: u64,
    endpoints_failing: u64,
}

/// Records that carry a code; code 0 stands for all.
#[derive(Row, Deserialize)]
struct Records {
    code: u32,
    events: u64,
    noise: u64,
    records: u64,
    endpoints: u64,
}

/// Where what lies before the charts is counted: before every bucket.
const UNCHARTED: LoggedAt = LoggedAt(-100_000_000_000);

/// The bucket of a time.
macro_rules! bucket {
    ($time:literal) => {
        concat!(
            "multiIf(day < toDate({charted_from:UInt16}), toInt64({uncharted:Int64}), {hourly:UInt8} = 1, intDiv(",
            $time,
            ", 3600) * 3600, toInt64(toUInt16(day)) * 86400)"
        )
    };
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

/// Pieces of logs that are summed up of a fleet: some 100 ms (a guess from what an endpoint's take).
const SUMMED_PIECES: u64 = 1_000_000;

/// Rows of a ranking on the first page: what fits on a screen twice.
const TOP: u64 = 20;

impl Store {
    /// Everything the first page shows.
    pub async fn overview(&self, filter: &Filter) -> Result<Overview> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Overview::default());
        };
        // The first day of all stands for every time that is far off, whose hours are of any year.
        let step = if to - from < 2 && from > day_of(None) {
            Step::Hour
        } else {
            Step::Day
        };
        let ask = Ask {
            store: self,
            filter,
            told: self.told(filter, from, to).await?,
            charted_from: from.max(to.saturating_sub(CHART_DAYS - 1)),
            step,
        };
        let (counts, (attempts, kbs), findings, top_causes, (endpoints, failing)) = tokio::try_join!(
            ask.totals(),
            ask.attempts(),
            ask.findings(),
            ask.top_causes(),
            self.most_failing(&ask.told, TOP),
        )?;
        let (totals, top_codes) = counts;
        Ok(Overview {
            from: Some(from),
            charted_from: Some(ask.charted_from),
            to: Some(to),
            step,
            totals: Totals {
                endpoints_failing: failing,
                attempts: attempts
                    .iter()
                    .map(|at| at.failed + at.succeeded + at.other)
                    .sum(),
                failed: attempts.iter().map(|at| at.failed).sum(),
                succeeded: attempts.iter().map(|at| at.succeeded).sum(),
                findings: findings.iter().map(|at| at.findings).sum(),
                ..totals
            },
            over_time: attempts
                .into_iter()
                .filter(|at| at.at != UNCHARTED)
                .collect(),
            categories_over_time: findings
                .into_iter()
                .filter(|at| at.at != UNCHARTED)
                .map(|at| CategoryBucket {
                    at: at.at,
                    category: at.category,
                    count: at.count,
                })
                .collect(),
            top_causes,
            top_codes,
            kbs,
            endpoints,
        })
    }

    /// The range a page shows: what was asked for, else the days up to the last one that holds derived data, else events.
    pub(crate) async fn range(&self, filter: &Filter) -> Result<Option<(Day, Day)>> {
        if let (Some(from), Some(to)) = (filter.from, filter.to) {
            return Ok((from <= to).then_some((from, to)));
        }
        let last = match filter.to {
            Some(to) => Some(to),
            None => self.last_day(&filter.tenant).await?,
        };
        let Some(to) = last else {
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

    /// The last day that holds something derived, else an event.
    async fn last_day(&self, tenant: &str) -> Result<Option<Day>> {
        // Nearly always the last month has a current set: no other is asked for.
        let mut before = u32::MAX;
        loop {
            let month: Option<u32> = self
                .fetch_optional(
                    "read the last month that holds derived data",
                    // Months of superseded and of empty sets too: folding the rows of all months takes far longer than asking one in vain.
                    self.page(
                        "SELECT max(month) FROM derivations \
                         WHERE tenant = {tenant:String} AND generation = 0 AND month < {before:UInt32} \
                         HAVING count() > 0",
                    )
                    .param("tenant", tenant)
                    .param("before", before),
                )
                .await?;
            let Some(month) = month else { break };
            let everything = Filter {
                tenant: tenant.to_owned(),
                ..Filter::default()
            };
            let (first, last) = days_of(month);
            let told = self.told(&everything, first, last).await?;
            let last: Option<Day> = self
                .fetch_optional(
                    "read the last day that holds derived data",
                    told.last_day(self, month),
                )
                .await?;
            if last.is_some() {
                return Ok(last);
            }
            before = month;
        }
        self.fetch_optional(
            "read the last day that holds an event",
            self.page(
                "SELECT toUInt16(max(day)) FROM events_seen \
                 WHERE tenant = {tenant:String} AND kb = '' AND code = 0 HAVING count() > 0",
            )
            .param("tenant", tenant),
        )
        .await
    }
}

/// First and last day of a month, whichever build drew it.
pub(super) fn days_of(yyyymm: u32) -> (Day, Day) {
    let day = |year: u32, month: u32| {
        let days = days_from_civil(i64::from(year), i64::from(month), 1);
        Day::try_from(days).unwrap_or(Day::MAX)
    };
    let (year, month) = (yyyymm / 100, yyyymm % 100);
    let next = if month == 12 {
        day(year + 1, 1)
    } else {
        day(year, month + 1)
    };
    (day(year, month), next.saturating_sub(1))
}

/// A page's question with its range settled.
struct Ask<'a> {
    store: &'a Store,
    filter: &'a Filter,
    told: Told<'a>,
    charted_from: Day,
    step: Step,
}

impl Ask<'_> {
    fn query(&self, sql: &str) -> Query {
        self.told
            .ask(self.store, sql)
            .param("charted_from", self.charted_from)
            .param("uncharted", UNCHARTED.0)
            .param("hourly", u8::from(self.step == Step::Hour))
            .param("top", TOP)
            .param("endpoint", self.filter.endpoint.as_deref().unwrap_or(""))
    }

    async fn all<T: RowOwned + RowRead>(&self, doing: &str, sql: &str) -> Result<Vec<T>> {
        self.store.fetch_all(doing, self.query(sql)).await
    }

    async fn one<T: RowOwned + RowRead>(&self, doing: &str, sql: &str) -> Result<T> {
        self.store.fetch_one(doing, self.query(sql)).await
    }

    /// Attempts over time, and by KB: one reading for both.
    async fn attempts(&self) -> Result<(Vec<OutcomeBucket>, Vec<KbSummary>)> {
        let sql = [
            "SELECT ",
            bucket!("start_at"),
            " AS at, kb, grouping(kb) AS is_time, countIf(outcome IN ('failed', 'rolled_back')) AS failed, \
             countIf(outcome = 'succeeded') AS succeeded, toUInt64(count() - failed - succeeded) AS other, \
             uniqExactIf(cityHash64(endpoint), outcome IN ('failed', 'rolled_back')) AS endpoints_failing FROM ",
            &self
                .told
                .rows(&ATTEMPTS, &["start_at", "outcome", "kb"]),
            " GROUP BY GROUPING SETS ((at), (kb)) HAVING is_time OR kb != '' \
             ORDER BY is_time DESC, failed DESC, succeeded DESC, kb LIMIT {buckets:UInt64} + {top:UInt64}",
        ]
        .concat();
        let query = self
            .query(&sql)
            // Days of a chart, what lies before them, and the hours of two days, which are fewer.
            .param("buckets", u64::from(CHART_DAYS) + 1);
        let rows: Vec<Attempts> = self.store.fetch_all("count attempts", query).await?;
        let (mut over_time, mut kbs) = (Vec::new(), Vec::new());
        for row in rows {
            match row.is_time {
                1 => over_time.push(OutcomeBucket {
                    at: row.at,
                    failed: row.failed,
                    succeeded: row.succeeded,
                    other: row.other,
                }),
                _ => kbs.push(KbSummary {
                    kb: row.kb,
                    failed: row.failed,
                    succeeded: row.succeeded,
                    endpoints_failing: row.endpoints_failing,
                }),
            }
        }
        over_time.sort_unstable_by_key(|bucket| bucket.at);
        kbs.truncate(TOP as usize);
        Ok((over_time, kbs))
    }

    /// Findings over time.
    async fn findings(&self) -> Result<Vec<FindingBucket>> {
        let sql = [
            "SELECT ",
            bucket!("found_at"),
            " AS at, category, sum(repeats) AS count, count() AS findings FROM ",
            &self
                .told
                .rows(&FINDINGS, &["found_at", "severity", "category", "repeats"]),
            " WHERE severity != 'info' GROUP BY at, category ORDER BY at, category",
        ];
        self.all("count findings over time", &sql.concat()).await
    }

    /// What most findings say.
    async fn top_causes(&self) -> Result<Vec<Cause>> {
        let sql = [
            "SELECT category, rule, nullIf(root, 0) AS root_code, if(uniqExact(cityHash64(named)) = 1, any(named), '') AS object, \
             uniqExactIf(cityHash64(named), named != '') AS objects, sum(repeats) AS count, \
             uniqExact(cityHash64(endpoint)) AS endpoints, min(logged_at) AS first, max(logged_at) AS last FROM ",
            &self.told.rows(
                &FINDINGS,
                &[
                    "logged_at",
                    "severity",
                    "category",
                    "rule",
                    "root",
                    "named",
                    "repeats",
                ],
            ),
            // A cause that hits many machines matters more than one machine that tries all day.
            " WHERE severity != 'info' GROUP BY category, rule, root \
             ORDER BY endpoints DESC, count DESC, category, rule, root LIMIT {top:UInt64}",
        ];
        self.all("read the top causes", &sql.concat()).await
    }

    /// How many records there are, and the codes that most of them carry. Narrowed to some codes it tells of these alone, whatever else
    /// their records carry.
    async fn records(&self) -> Result<(u64, u64, Vec<TopCode>)> {
        // Code 0 stands for all records: in the sketches too, unless they are narrowed to some codes.
        const ORDER: &str = " ORDER BY code = 0 DESC, records - least(records, noise) DESC, records DESC, code LIMIT 1 + {top:UInt64}";
        let is_narrow = !self.filter.codes.is_empty();
        let sql = match (&self.filter.endpoint, is_narrow) {
            (None, _) => [
                "SELECT key AS code, finalizeAggregation(event_ids) AS events, finalizeAggregation(noise_ids) AS noise, \
                   finalizeAggregation(event_ids + noise_ids) AS records, endpoints FROM (\
                 SELECT ",
                if is_narrow { "arrayJoin([code, toUInt32(0)])" } else { "code" },
                " AS key, uniqCombined64MergeStateIf(12)(ids, is_noise = 0) AS event_ids, \
                   uniqCombined64MergeStateIf(12)(ids, is_noise = 1) AS noise_ids, \
                   uniqCombined64Merge(12)(machines) AS endpoints FROM ",
                sketches!(),
                if is_narrow { " WHERE code IN {codes:Array(UInt32)}" } else { "" },
                " GROUP BY key)",
                ORDER,
            ]
            .concat(),
            (Some(endpoint), _) => [
                "SELECT code, uniqExactIf(id, is_noise = 0) AS events, uniqExactIf(id, is_noise = 1) AS noise, \
                   uniqExact(id) AS records, toUInt64(1) AS endpoints FROM ",
                &self
                    .store
                    .records_of(&self.filter.tenant, endpoint, self.told.days())
                    .await?,
                " ARRAY JOIN arrayConcat([toUInt32(0)], codes) AS code",
                if is_narrow { " WHERE code = 0 OR code IN {codes:Array(UInt32)}" } else { "" },
                " GROUP BY code",
                ORDER,
            ]
            .concat(),
        };
        let rows: Vec<Records> = self.all("count records and codes", &sql).await?;
        let all = rows.iter().find(|row| row.code == 0);
        let (events, noise) = all.map_or((0, 0), |all| (all.events, all.noise));
        let codes = rows.iter().filter(|row| row.code != 0).map(|row| TopCode {
            code: Code::new(row.code),
            events: row.records,
            endpoints: row.endpoints,
            // Two estimates, which need not agree.
            noise: row.noise.min(row.records),
        });
        Ok((events, noise, codes.take(TOP as usize).collect()))
    }

    /// Those that are not counted over time, and the codes that most records carry.
    async fn totals(&self) -> Result<(Totals, Vec<TopCode>)> {
        let endpoints = [
            "SELECT count() FROM (SELECT endpoint FROM endpoints WHERE tenant = {tenant:String}",
            self.told.of_endpoints(),
            " GROUP BY endpoint HAVING ifNull(toInt64(min(first)), {never:Int64}) < (toInt64({to:UInt16}) + 1) * 86400 \
                AND ifNull(toInt64(max(last)), {never:Int64}) >= toInt64({from:UInt16}) * 86400)",
        ]
        .concat();
        let endpoints = self
            .query(&endpoints)
            .param("never", Month::FAR_OFF.start().0)
            // The table is ordered by endpoint.
            .with_setting("optimize_aggregation_in_order", "1");
        let ((events, noise, codes), endpoints, raw_bytes) = tokio::try_join!(
            self.records(),
            self.store.fetch_one::<u64>("count endpoints", endpoints),
            self.raw_bytes(),
        )?;
        let totals = Totals {
            endpoints,
            events,
            noise,
            raw_bytes,
            ..Totals::default()
        };
        Ok((totals, codes))
    }

    /// Bytes of logs: of an endpoint, and of a fleet that a page can wait for.
    async fn raw_bytes(&self) -> Result<Option<u64>> {
        if self.filter.endpoint.is_none() {
            let pieces: u64 = self
                .one(
                    "count pieces of logs",
                    "SELECT sum(rows) FROM system.parts WHERE database = currentDatabase() AND table = 'coverage' AND active \
                       AND toUInt32(partition) BETWEEN toYYYYMM(toDate({from:UInt16})) AND toYYYYMM(toDate({to:UInt16}))",
                )
                .await?;
            if pieces > SUMMED_PIECES {
                return Ok(None);
            }
        }
        let sum = [
            "SELECT toUInt64(ifNull(sum(bytes), 0)) FROM (SELECT intervalLengthSum(offset, `end`) AS bytes FROM coverage \
             WHERE tenant = {tenant:String}",
            self.told.of_endpoints(),
            " AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) GROUP BY endpoint, stream)",
        ];
        self.one("sum up the text", &sum.concat()).await.map(Some)
    }
}
