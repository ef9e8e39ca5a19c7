//! The first page: what is broken now, since when, why, where.

use super::{
    Day, EndpointSummary, Filter,
    causes::{Cause, CauseCounts, by_cause},
    day_start,
    figures::Ask,
    states::{Failing, Machines, Stand, Stands, State, States, Tried},
    tries::{Narrow, Words},
};
use crate::{error::Result, rows::day_of, store::Store};
use clickhouse::Row;
use event::{Code, LoggedAt, UtcMillis, civil::days_from_civil};
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

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
    /// Machines by state, all updates together.
    pub machines: Machines,
    /// Of them those that fail, now and before.
    pub failing: Failing,
    /// Attempts by time of their start.
    pub over_time: Vec<OutcomeBucket>,
    /// Failed attempts by time and category of their cause, and findings that stand for themselves.
    pub categories_over_time: Vec<CategoryBucket>,
    /// Why machines fail.
    pub top_causes: Vec<Cause>,
    /// How many causes there are.
    pub causes_total: u64,
    /// Codes most records carry.
    pub top_codes: Vec<TopCode>,
    /// Updates that most machines fail.
    pub kbs: Vec<KbSummary>,
    /// How many KBs there are.
    pub kbs_total: usize,
    /// Machines that fail, those with most failed attempts first.
    pub endpoints: Vec<EndpointSummary>,
    /// Whether anything in the range has what the filter names. A typo is no all-clear.
    pub known: bool,
    /// Where it has not, and a KB was asked for: the KBs of the range that are spelt most alike.
    pub like: Vec<String>,
}

/// Headline figures of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Endpoints whose logs, from the earliest to the latest time in them, reach into the range.
    pub endpoints: u64,
    /// Endpoints, of all times, that sent nothing for [`SILENT_DAYS`] days; where nobody noted when they did, whose newest log is as old.
    pub silent: u64,
    /// Endpoints, of all times, whose newest log is of a time that no clock on earth shows yet.
    pub clock_ahead: u64,
    /// When the newest log of all arrived, where that was noted.
    pub last_log: Option<UtcMillis>,
    /// Attempts.
    pub attempts: u64,
    /// Of them failed or rolled back.
    pub failed: u64,
    /// Of them succeeded.
    pub succeeded: u64,
    /// Distinct events: of one endpoint exact; of a fleet exact up to some hundreds and within some 3 % above, without records that may
    /// still go on. Nothing where labels narrow: sketches know of no endpoint.
    pub events: Option<u64>,
    /// Distinct noise records, in the same way.
    pub noise: Option<u64>,
    /// Source bytes of the pieces of logs that begin in the range, each byte once. Nothing where there are too many pieces to sum up
    /// while somebody waits.
    pub raw_bytes: Option<u64>,
}

impl Default for Totals {
    /// Of a store without data, where nothing is unknown but what nobody asked for.
    fn default() -> Self {
        Self {
            endpoints: 0,
            silent: 0,
            clock_ahead: 0,
            last_log: None,
            attempts: 0,
            failed: 0,
            succeeded: 0,
            events: Some(0),
            noise: Some(0),
            raw_bytes: None,
        }
    }
}

/// Attempts of one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Failures of one bucket and category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryBucket {
    /// Start of the bucket, as logged.
    pub at: LoggedAt,
    /// Category.
    pub category: String,
    /// Failed attempts, and repeats of findings that stand for themselves.
    pub count: u64,
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

/// An update over the range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KbSummary {
    /// `KB5014692`
    pub kb: String,
    /// Machines by their state for it.
    pub machines: Machines,
    /// Attempts failed or rolled back.
    pub failed: u64,
    /// Attempts succeeded.
    pub succeeded: u64,
    /// The start of its first attempt in the range, as logged; none where only states tell of it.
    pub first: Option<LoggedAt>,
    /// The start of its last one.
    pub last: Option<LoggedAt>,
}

/// Where what lies before the charts is counted: before every bucket.
pub(super) const UNCHARTED: LoggedAt = LoggedAt(-100_000_000_000);

/// Days shown when nobody asks for others.
const DEFAULT_DAYS: u16 = 30;

/// A machine without a log of so many days is silent: a weekend and a short leave are not.
pub const SILENT_DAYS: i64 = 7;

/// As far ahead of UTC as any clock on earth may be.
pub(super) const AHEAD_S: i64 = 14 * 3_600;

/// Days told one by one, the last ones of a range: two years and a bit, more than a screen has points. A stray stamp of 1990 or 2100
/// would else make a chart of ten thousands.
pub const CHART_DAYS: u16 = 800;

/// Rows of a ranking on the first page: what fits on a screen twice.
pub(super) const TOP: usize = 20;

impl Store {
    /// Everything the first page shows.
    pub async fn overview(&self, filter: &Filter) -> Result<Overview> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Overview::default());
        };
        let ask = Ask::new(self, filter, from, to).await?;
        let (stands, narrow) = (Stands::with_history(&ask.told), Narrow::of(&ask.told));
        let (mut words, mut states) = (Words::default(), States::new(&ask.told));
        let (mut causes, mut times) = (CauseCounts::default(), ask.times());
        let mut worst = Worst::default();
        let machines = self.each_machine(&ask.told, &mut words, |words, machine| {
            let stands = stands.of(words, machine);
            states.add(&stands);
            worst.add(words, machine.endpoint, &stands);
            let of_machine = by_cause(&narrow, words, machine);
            causes.add(&of_machine);
            times.add(words, machine, &of_machine);
        });
        let ((), (totals, top_codes)) = tokio::try_join!(machines, ask.totals())?;
        let endpoints = self.of_tries(&ask.told, &words, worst.first()).await?;
        let causes_total = causes.total();
        let mut top_causes = causes.ranked(&words, &states, ask.told.now());
        top_causes.truncate(TOP);
        let over_time: Vec<OutcomeBucket> = times.attempts().collect();
        let categories_over_time = times.categories(&words);
        let mut kbs = kbs(states.by_kb(&words), times.kbs());
        let kbs_total = kbs.len();
        kbs.truncate(TOP);
        let sum = |count: fn(&OutcomeBucket) -> u64| over_time.iter().map(count).sum();
        let totals = Totals {
            attempts: sum(|at| at.failed + at.succeeded + at.other),
            failed: sum(|at| at.failed),
            succeeded: sum(|at| at.succeeded),
            ..totals
        };
        // Records are narrowed by a KB and by codes; where anything else narrows, they say nothing.
        let has_records = filter.category.is_none()
            && filter.cause.is_none()
            && (totals.events, totals.noise) > (Some(0), Some(0));
        let known = !filter.names_something()
            || totals.attempts > 0
            || !top_causes.is_empty()
            || has_records
            || ((filter.endpoint.is_some() || !filter.labels.is_empty())
                && !ask.told.has_cause()
                && filter.kb.is_none()
                && totals.endpoints > 0);
        let like = match (&filter.kb, known) {
            (Some(kb), false) => ask.kbs_like(kb).await?,
            _ => Vec::new(),
        };
        let is_charted = |at: LoggedAt| at != UNCHARTED;
        Ok(Overview {
            from: Some(from),
            charted_from: Some(ask.charted_from),
            to: Some(to),
            step: ask.step,
            totals,
            machines: states.machines,
            failing: states.failing,
            over_time: over_time
                .into_iter()
                .filter(|bucket| is_charted(bucket.at))
                .collect(),
            categories_over_time: categories_over_time
                .into_iter()
                .filter(|bucket| is_charted(bucket.at))
                .collect(),
            top_causes,
            causes_total,
            top_codes,
            kbs,
            kbs_total,
            endpoints,
            known,
            like,
        })
    }

    /// First and last day of a page with this filter; nothing where nothing is stored.
    pub async fn shown_days(&self, filter: &Filter) -> Result<Option<(Day, Day)>> {
        self.range(filter).await
    }

    /// The range a page shows: what was asked for, else the last days until now; where all data is older, those up to the last day that
    /// holds some.
    pub(crate) async fn range(&self, filter: &Filter) -> Result<Option<(Day, Day)>> {
        if let (Some(from), Some(to)) = (filter.from, filter.to) {
            return Ok((from <= to).then_some((from, to)));
        }
        let last = match filter.to {
            Some(to) => Some(to),
            None => {
                let today = filter.now.map(day_at);
                let latest = filter.now.map_or(Day::MAX, latest_day);
                let last = self.last_day(filter, latest).await?;
                last.map(|last| match today {
                    Some(today) if last + DEFAULT_DAYS > today => last.max(today),
                    _ => last,
                })
            }
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

    /// The last day, none after `latest`, that holds something derived, else an event.
    async fn last_day(&self, filter: &Filter, latest: Day) -> Result<Option<Day>> {
        let tenant = filter.tenant.as_str();
        // Who asks for one machine does not wait until the fleet is read.
        let may_read = filter.endpoint.is_none();
        // Nearly always the last month has a current set: no other is asked for.
        let mut before = day_start(latest).month().yyyymm() + 1;
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
            let told = self.told(&everything, first, last.min(latest)).await?;
            let last: Option<Day> = match self.kept_as(&told, may_read).await? {
                Some(kept) => kept.last_day(told.days()),
                None => {
                    let doing = "read the last day that holds derived data";
                    self.fetch_optional(doing, told.last_day(self, month))
                        .await?
                }
            };
            if last.is_some() {
                return Ok(last);
            }
            before = month;
        }
        self.fetch_optional(
            "read the last day that holds an event",
            self.page(
                "SELECT toUInt16(max(day)) FROM events_seen \
                 WHERE tenant = {tenant:String} AND kb = '' AND code = 0 AND day <= toDate({latest:UInt16}) HAVING count() > 0",
            )
            .param("tenant", tenant)
            .param("latest", latest),
        )
        .await
    }
}

/// Machines that fail, those with most failed attempts; no more of them are held than are shown.
#[derive(Default)]
struct Worst(Vec<Tried>);

impl Worst {
    fn add(&mut self, words: &Words, endpoint: &str, stands: &[Stand]) {
        let tried = Tried::of(words, endpoint, stands);
        let Some(tried) = tried.filter(|tried| tried.state == State::Failing) else {
            return;
        };
        self.0.push(tried);
        if self.0.len() >= 100 * TOP {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.0.sort_unstable_by(|one, other| {
            let most = |tried: &Tried| Reverse((tried.tries_failed, tried.last_failed));
            most(one)
                .cmp(&most(other))
                .then_with(|| one.endpoint.cmp(&other.endpoint))
        });
        self.0.truncate(TOP);
    }

    fn first(mut self) -> Vec<Tried> {
        self.cut();
        self.0
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

/// The last day that any clock on earth may show.
pub(super) fn latest_day(now: LoggedAt) -> Day {
    day_at(LoggedAt(now.0 + AHEAD_S))
}

/// The day of a time.
pub(super) fn day_at(at: LoggedAt) -> Day {
    Day::try_from(at.0.div_euclid(86_400)).unwrap_or(Day::MAX)
}

/// Updates, those that most machines fail first: machines by state beside attempts.
pub(super) fn kbs(states: BTreeMap<String, Machines>, attempts: Vec<KbSummary>) -> Vec<KbSummary> {
    let mut kbs: BTreeMap<String, KbSummary> =
        attempts.into_iter().map(|kb| (kb.kb.clone(), kb)).collect();
    for (kb, machines) in states {
        let summary = kbs.entry(kb.clone()).or_insert_with(|| KbSummary {
            kb: kb.clone(),
            ..KbSummary::default()
        });
        summary.machines = machines;
    }
    let mut kbs: Vec<KbSummary> = kbs.into_values().collect();
    kbs.sort_by_key(|kb| {
        let failing = kb.machines.of(State::Failing);
        Reverse((failing, kb.failed, kb.machines.tried(), kb.succeeded))
    });
    kbs
}
