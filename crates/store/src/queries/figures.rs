//! What the first page counts over time, and records.

use super::{
    Day, Filter,
    endpoints::{SEEN, machines},
    overview::{
        CHART_DAYS, CategoryBucket, KbSummary, OutcomeBucket, Step, TOP, TopCode, Totals, UNCHARTED,
    },
    seen::sketches,
    told::{ATTEMPTS, Told},
};
use crate::{error::Result, rows::day_of, store::Store};
use clickhouse::{Row, RowOwned, RowRead, query::Query};
use event::{Code, LoggedAt, UtcMillis};
use serde::Deserialize;

/// Attempts of a bucket, or of a KB.
#[derive(Row, Deserialize)]
struct Attempts {
    at: LoggedAt,
    kb: String,
    is_time: u64,
    failed: u64,
    succeeded: u64,
    other: u64,
    first: LoggedAt,
    last: LoggedAt,
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

/// Pieces of logs that are summed up of a fleet: some 100 ms (a guess from what an endpoint's take).
const SUMMED_PIECES: u64 = 1_000_000;

/// KBs of a range: far more than there are.
const KBS: u64 = 1_000;

/// A time that is told, or none where that stands for none.
fn told_at(at: LoggedAt) -> Option<LoggedAt> {
    (at != event::Month::FAR_OFF.start()).then_some(at)
}

#[derive(Row, Deserialize)]
struct Reporting {
    seen: u64,
    silent: u64,
    ahead: u64,
    last_log_ms: i64,
}

/// A page's question with its range settled.
pub(super) struct Ask<'a> {
    pub(super) store: &'a Store,
    pub(super) filter: &'a Filter,
    pub(super) told: Told<'a>,
    pub(super) charted_from: Day,
    pub(super) step: Step,
}

impl<'a> Ask<'a> {
    pub(super) async fn new(
        store: &'a Store,
        filter: &'a Filter,
        from: Day,
        to: Day,
    ) -> Result<Self> {
        // The first day of all stands for every time that is far off, whose hours are of any year.
        let step = if to - from < 2 && from > day_of(None) {
            Step::Hour
        } else {
            Step::Day
        };
        Ok(Self {
            store,
            filter,
            told: store.told(filter, from, to).await?,
            charted_from: from.max(to.saturating_sub(CHART_DAYS - 1)),
            step,
        })
    }
}

impl Ask<'_> {
    fn query(&self, sql: &str) -> Query {
        self.with(self.told.ask(self.store, sql))
    }

    /// A query with the parameters of buckets.
    fn with(&self, query: Query) -> Query {
        query
            .param("charted_from", self.charted_from)
            .param("uncharted", UNCHARTED.0)
            .param("hourly", u8::from(self.step == Step::Hour))
            .param("top", TOP as u64)
            .param("endpoint", self.filter.endpoint.as_deref().unwrap_or(""))
    }

    async fn all<T: RowOwned + RowRead>(&self, doing: &str, sql: &str) -> Result<Vec<T>> {
        self.store.fetch_all(doing, self.query(sql)).await
    }

    async fn one<T: RowOwned + RowRead>(&self, doing: &str, sql: &str) -> Result<T> {
        self.store.fetch_one(doing, self.query(sql)).await
    }

    /// Attempts over time, and by KB: one reading for both.
    pub(super) async fn attempts(&self) -> Result<(Vec<OutcomeBucket>, Vec<KbSummary>)> {
        let sql = [
            "SELECT ",
            bucket!("start_at"),
            " AS at, kb, grouping(kb) AS is_time, countIf(outcome IN ('failed', 'rolled_back')) AS failed, \
             countIf(outcome = 'succeeded') AS succeeded, toUInt64(count() - failed - succeeded) AS other, min(start_at) AS first, max(start_at) AS last FROM ",
            &self
                .told
                .rows(&ATTEMPTS, &["start_at", "outcome", "kb"]),
            " GROUP BY GROUPING SETS ((at), (kb)) HAVING is_time OR kb != '' \
             ORDER BY is_time DESC, failed DESC, succeeded DESC, kb LIMIT {buckets:UInt64} + {kbs:UInt64}",
        ]
        .concat();
        let query = self
            .query(&sql)
            // Days of a chart, what lies before them, and the hours of two days, which are fewer.
            .param("buckets", u64::from(CHART_DAYS) + 1)
            .param("kbs", KBS);
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
                    first: told_at(row.first),
                    last: told_at(row.last),
                    ..KbSummary::default()
                }),
            }
        }
        over_time.sort_unstable_by_key(|bucket| bucket.at);
        Ok((over_time, kbs))
    }

    /// Failures over time by category.
    pub(super) async fn categories(&self) -> Result<Vec<CategoryBucket>> {
        self.store
            .categories_over_time(&self.told, bucket!("moment"), |query| self.with(query))
            .await
    }

    /// KBs of the range, those first that are spelt most like one.
    pub(super) async fn kbs_like(&self, kb: &str) -> Result<Vec<String>> {
        let sql = [
            "SELECT toString(kb) AS like FROM ",
            &self.told.whole(&ATTEMPTS, &["kb"]),
            " WHERE kb != '' GROUP BY like ORDER BY editDistance(like, {like:String}), like LIMIT 5",
        ]
        .concat();
        let query = self.query(&sql).param("like", kb);
        self.store
            .fetch_all("look for KBs spelt alike", query)
            .await
    }

    /// How many records there are, and the codes that most of them carry. Narrowed to some codes it tells of these alone, whatever else
    /// their records carry.
    async fn records(&self) -> Result<(Option<u64>, Option<u64>, Vec<TopCode>)> {
        if !self.filter.labels.is_empty() {
            return Ok((None, None, Vec::new()));
        }
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
        Ok((Some(events), Some(noise), codes.take(TOP).collect()))
    }

    /// Those that are not counted over time, and the codes that most records carry.
    pub(super) async fn totals(&self) -> Result<(Totals, Vec<TopCode>)> {
        let reporting = format!(
            "SELECT countIf({SEEN}) AS seen, countIf(heard < {{silent_from:Int64}}) AS silent, \
               countIf(ends > {{ahead_from:Int64}}) AS ahead, max(contacted) AS last_log_ms FROM {}",
            machines(&self.told)
        );
        let reporting = self
            .told
            .reporting(self.query(&reporting))
            // The table is ordered by endpoint.
            .with_setting("optimize_aggregation_in_order", "1");
        let ((events, noise, codes), reporting, raw_bytes) = tokio::try_join!(
            self.records(),
            self.store
                .fetch_one::<Reporting>("count endpoints", reporting),
            self.raw_bytes(),
        )?;
        let totals = Totals {
            endpoints: reporting.seen,
            silent: reporting.silent,
            clock_ahead: reporting.ahead,
            last_log: (reporting.last_log_ms > 0).then_some(UtcMillis(reporting.last_log_ms)),
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
            &self.told.of_endpoints(),
            " AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) GROUP BY endpoint, stream)",
        ];
        self.one("sum up the text", &sum.concat()).await.map(Some)
    }
}
