//! What the first page counts over time, and records.

use super::{
    Day, Filter,
    causes::OfCause,
    endpoints::{SEEN, machines},
    overview::{
        CHART_DAYS, CategoryBucket, KbSummary, OutcomeBucket, Step, TOP, TopCode, Totals, UNCHARTED,
    },
    seen::sketches,
    told::{ATTEMPTS, Told},
    tries::{CauseAt, Machine, Narrow, Word, Words},
};
use crate::{error::Result, rows::day_of, store::Store};
use clickhouse::{Row, RowOwned, RowRead, query::Query};
use event::{Code, LoggedAt, Outcome, UtcMillis};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Records that carry a code; code 0 stands for all.
#[derive(Row, Deserialize)]
struct Records {
    code: u32,
    events: u64,
    noise: u64,
    records: u64,
    endpoints: u64,
}

/// Pieces of logs that are summed up of a fleet: some 100 ms (a guess from what an endpoint's take).
const SUMMED_PIECES: u64 = 1_000_000;

/// Records of machines with some labels that are counted while a page waits, a row that is passed over as a third of one. The sketches of the
/// fleet know no machine. Of 6 million rows of 20,000 machines 5 % took 0.43 s of CPU, 25 % took 0.65 s and 69 % took 1.1 s: this is 0.7 s.
const LABELLED_RECORDS: u64 = 4_000_000;

/// Records of the page's days as the sketches have them, of some machines: `endpoint`, `id`, `code` and `is_noise`; code 0 stands for every
/// record, whatever it carries.
fn records_of_labelled(of_endpoints: &str) -> String {
    let of = format!(
        "tenant = {{tenant:String}} AND generation = 0 AND day BETWEEN toDate({{from:UInt16}}) AND toDate({{to:UInt16}}){of_endpoints}"
    );
    format!(
        "(SELECT endpoint, id, arrayJoin(arrayConcat([toUInt32(0)], codes)) AS code, 0 AS is_noise FROM events \
           WHERE {of} AND open = 0 AND ({{kb:String}} = '' OR kb = {{kb:String}}) \
             AND (empty({{codes:Array(UInt32)}}) OR hasAny(codes, {{codes:Array(UInt32)}})) \
         UNION ALL \
         SELECT endpoint, id, arrayJoin(arrayDistinct([toUInt32(0), of_code])) AS code, 1 AS is_noise FROM (\
           SELECT endpoint, code AS of_code, arrayJoin(ids) AS id FROM noise \
           WHERE {of} AND {{kb:String}} = '' AND (empty({{codes:Array(UInt32)}}) OR code IN {{codes:Array(UInt32)}})))"
    )
}

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

/// Attempts and failures over time, and by KB.
pub(super) struct Times<'a> {
    narrow: Narrow<'a>,
    charted_from: Day,
    step: Step,
    attempts: BTreeMap<LoggedAt, OutcomeBucket>,
    categories: BTreeMap<(LoggedAt, Word), u64>,
    kbs: BTreeMap<Word, KbSummary>,
}

impl Times<'_> {
    /// Counts what a machine tried, and `causes` that it failed by.
    pub(super) fn add(
        &mut self,
        words: &Words,
        machine: Machine<'_>,
        causes: &BTreeMap<CauseAt, OfCause<'_>>,
    ) {
        for tried in machine.tries {
            if !self
                .narrow
                .is_asked(words, tried.kb, tried.cause, tried.terminal)
            {
                continue;
            }
            let at = self.bucket(tried.day, tried.start);
            let bucket = self.attempts.entry(at).or_insert(OutcomeBucket {
                at,
                failed: 0,
                succeeded: 0,
                other: 0,
            });
            match tried.outcome {
                Outcome::Failed | Outcome::RolledBack => bucket.failed += 1,
                Outcome::Succeeded => bucket.succeeded += 1,
                _ => bucket.other += 1,
            }
            if tried.kb.is_empty() {
                continue;
            }
            let kb = self.kbs.entry(tried.kb).or_insert_with(|| KbSummary {
                kb: words.text(tried.kb).to_owned(),
                ..KbSummary::default()
            });
            kb.failed += u64::from(tried.has_failed());
            kb.succeeded += u64::from(tried.outcome == Outcome::Succeeded);
            let start = LoggedAt(tried.start);
            kb.first = Some(kb.first.map_or(start, |first| first.min(start)));
            kb.last = kb.last.max(Some(start));
        }
        for (&cause, of_cause) in causes {
            let category = words.category(cause);
            for failed in of_cause.failed() {
                let at = self.bucket(failed.day(), failed.moment);
                *self.categories.entry((at, category)).or_default() += failed.repeats;
            }
        }
    }

    fn bucket(&self, day: Day, moment: i64) -> LoggedAt {
        match self.step {
            _ if day < self.charted_from => UNCHARTED,
            Step::Hour => LoggedAt(moment - moment.rem_euclid(3_600)),
            Step::Day => LoggedAt(i64::from(day) * 86_400),
        }
    }

    /// Attempts by time of their start.
    pub(super) fn attempts(&self) -> impl Iterator<Item = OutcomeBucket> {
        self.attempts.values().copied()
    }

    /// Failures by time and category.
    pub(super) fn categories(&self, words: &Words) -> Vec<CategoryBucket> {
        let mut buckets: Vec<CategoryBucket> = self
            .categories
            .iter()
            .map(|(&(at, category), &count)| CategoryBucket {
                at,
                category: words.text(category).to_owned(),
                count,
            })
            .collect();
        buckets.sort_by(|one, other| (one.at, &one.category).cmp(&(other.at, &other.category)));
        buckets
    }

    /// Attempts by KB.
    pub(super) fn kbs(self) -> Vec<KbSummary> {
        let kbs = self.kbs.into_values();
        kbs.map(|kb| KbSummary {
            first: kb.first.and_then(told_at),
            last: kb.last.and_then(told_at),
            ..kb
        })
        .collect()
    }
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

    /// A query with the parameters of this page.
    fn with(&self, query: Query) -> Query {
        query
            .param("top", TOP as u64)
            .param("endpoint", self.filter.endpoint.as_deref().unwrap_or(""))
    }

    async fn all<T: RowOwned + RowRead>(&self, doing: &str, sql: &str) -> Result<Vec<T>> {
        self.store.fetch_all(doing, self.query(sql)).await
    }

    async fn one<T: RowOwned + RowRead>(&self, doing: &str, sql: &str) -> Result<T> {
        self.store.fetch_one(doing, self.query(sql)).await
    }

    /// What counts attempts and failures over time.
    pub(super) fn times(&self) -> Times<'_> {
        Times {
            narrow: Narrow::of(&self.told),
            charted_from: self.charted_from,
            step: self.step,
            attempts: BTreeMap::new(),
            categories: BTreeMap::new(),
            kbs: BTreeMap::new(),
        }
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

    /// How many records there are, and the codes that most of them carry; nothing where labels leave too many to count. Narrowed to some
    /// codes it tells of these alone, whatever else their records carry.
    async fn records(&self) -> Result<(Option<u64>, Option<u64>, Vec<TopCode>)> {
        let is_labelled = !self.filter.labels.is_empty() && self.filter.endpoint.is_none();
        if is_labelled && self.labelled_records().await? > LABELLED_RECORDS {
            return Ok((None, None, Vec::new()));
        }
        // Code 0 stands for all records: in the sketches too, unless they are narrowed to some codes.
        const ORDER: &str = " ORDER BY code = 0 DESC, records - least(records, noise) DESC, records DESC, code LIMIT 1 + {top:UInt64}";
        let is_narrow = !self.filter.codes.is_empty();
        let sql = match &self.filter.endpoint {
            None if is_labelled => [
                "SELECT code, uniqCombined64If(12)(id, is_noise = 0) AS events, uniqCombined64If(12)(id, is_noise = 1) AS noise, \
                   uniqCombined64(12)(id) AS records, uniqCombined64(12)(endpoint) AS endpoints FROM ",
                &records_of_labelled(&self.told.of_endpoints()),
                if is_narrow { " WHERE code = 0 OR code IN {codes:Array(UInt32)}" } else { "" },
                " GROUP BY code",
                ORDER,
            ]
            .concat(),
            None => [
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
            Some(endpoint) => [
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

    /// What counting the records of the machines with the page's labels costs, as [`LABELLED_RECORDS`] has it: of the rows of the days, those
    /// machines have about as many as are their share of all machines. Read without reading any record.
    async fn labelled_records(&self) -> Result<u64> {
        let sql = format!(
            "SELECT toUInt64(rows * labelled / greatest(machines, 1) + rows / 3) FROM \
             (SELECT sum(rows) AS rows FROM system.parts WHERE database = currentDatabase() AND table IN ('events', 'noise') AND active \
               AND toUInt32(partition) BETWEEN toYYYYMM(toDate({{from:UInt16}})) AND toYYYYMM(toDate({{to:UInt16}})) ) AS held, \
             (SELECT uniqExact(endpoint) AS machines FROM endpoints WHERE tenant = {{tenant:String}}) AS all, \
             (SELECT uniqExact(endpoint) AS labelled FROM endpoints WHERE tenant = {{tenant:String}}{}) AS some",
            self.told.of_endpoints()
        );
        self.one("estimate records by label", &sql).await
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
