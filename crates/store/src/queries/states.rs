//! What is broken now: the state of each machine for each update, from its tries in the days of a page.
//!
//! A try that failed is over when a later one of the same update went well, or when a later update of its line with at least its version
//! is installed or waits for a restart. A finding that no failed try has as its cause stands for itself, until its KB or an update of any line goes well.
//! Days are those of the page, so what failed before them is not seen, and never is a state stored: it spans months, and what is stored
//! belongs to one.

use super::told::{ATTEMPTS, FINDINGS, Told};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The state of a machine for an update, or for all of them: the gravest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The last try failed or was rolled back, or a finding stands, and nothing that came later ended it.
    Failing,
    /// The last try waits for a restart.
    Restart,
    /// The last try was stopped by a person or a policy.
    Cancelled,
    /// The last try succeeded, after one that failed.
    Recovered,
    /// The last try succeeded.
    Installed,
    /// It failed, and a later update of its line holds it and is installed, or waits for a restart.
    Superseded,
    /// No log says how a try ended.
    Unknown,
}

impl State {
    /// Every state, the gravest first.
    pub const ALL: [Self; 7] = [
        Self::Failing,
        Self::Restart,
        Self::Cancelled,
        Self::Recovered,
        Self::Installed,
        Self::Superseded,
        Self::Unknown,
    ];

    /// The name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Restart => "restart",
            Self::Cancelled => "cancelled",
            Self::Recovered => "recovered",
            Self::Installed => "installed",
            Self::Superseded => "superseded",
            Self::Unknown => "unknown",
        }
    }

    /// Back from [`State::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Its number in statements: the least is the gravest.
    pub(super) fn rank(self) -> u8 {
        Self::ALL
            .iter()
            .position(|&state| state == self)
            .unwrap_or(0) as u8
    }

    pub(super) fn from_rank(rank: u8) -> Self {
        let found = Self::ALL.get(usize::from(rank));
        found.copied().unwrap_or(Self::Unknown)
    }
}

/// Machines by their state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machines(BTreeMap<State, u64>);

impl Machines {
    pub(super) fn add(&mut self, state: State, machines: u64) {
        *self.0.entry(state).or_default() += machines;
    }

    /// In one state.
    pub fn of(&self, state: State) -> u64 {
        self.0.get(&state).copied().unwrap_or(0)
    }

    /// In any: machines that tried, or on which something stands.
    pub fn tried(&self) -> u64 {
        self.0.values().sum()
    }

    /// Those that have what they tried, however they came to it.
    pub fn have(&self) -> u64 {
        [State::Installed, State::Recovered, State::Superseded]
            .map(|state| self.of(state))
            .iter()
            .sum()
    }
}

/// Machines that fail, now and before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    /// Now, or at the end of the page's last day.
    pub now: u64,
    /// A day before that; nothing where the page begins later.
    pub day_ago: Option<u64>,
    /// Seven days before that, in the same way.
    pub week_ago: Option<u64>,
}

/// What is broken now, as counts of machines.
#[derive(Clone, Debug, Default)]
pub(super) struct States {
    /// All updates together.
    pub(super) machines: Machines,
    /// Of those that fail.
    pub(super) failing: Failing,
    /// What is said of a cause by which nobody fails.
    pub(super) nobody: Failing,
    /// By KB.
    pub(super) kbs: BTreeMap<String, Machines>,
    /// By the hash of a cause, see [`CAUSE`].
    pub(super) causes: BTreeMap<u64, Failing>,
    /// Those that fail now, with most failed tries first.
    pub(super) worst: Vec<Tried>,
}

/// What tells causes apart in statements.
pub(super) const CAUSE: &str = "cityHash64(category, rule, root)";

/// Machines in one state: all, or of a KB, or of a cause; or a machine that fails.
#[derive(Row, Deserialize)]
struct Counted {
    kind: u8,
    /// The KB, or the machine.
    name: String,
    cause: u64,
    state: u8,
    /// Machines, or failed tries of the machine.
    count: u64,
    /// Of the machine.
    failed_at: i64,
    /// That decides its state.
    kb: String,
}

/// What a machine tried.
#[derive(Clone, Debug, Row, Deserialize)]
pub(super) struct Tried {
    pub(super) endpoint: String,
    pub(super) state: u8,
    pub(super) tries_failed: u64,
    pub(super) last_failed: i64,
    pub(super) cause: u64,
    pub(super) kb: String,
}

const MACHINE: u8 = 0;
const KB: u8 = 1;
const CAUSES: u8 = 2;
const FAILING: u8 = 3;

/// Rows of a kind: far more KBs and causes than there are, and more machines than are named.
const ROWS: u16 = 5_000;

/// What a state is called that a row of a cause, or of those that fail at other times, has.
const NOW: u8 = 100;
const DAY_AGO: u8 = 101;
const WEEK_AGO: u8 = 102;

/// Tries that went well and are remembered of an update, the latest ones: those that end failures of others of its line, and findings.
const GOOD_TRIES: u8 = 32;

/// One row for each machine and update, or finding that stands for itself, that the page's filter asks for now (`shown`) or did then:
/// `endpoint`, `kb`, `found`, `state`, `cause` and `failed_at` of its last failure, `failed` = how many tries failed. And, where history is
/// wanted, what it failed by a day and a week ago (`day_cause`, `week_cause`; 0 = it did not fail).
///
/// Outcomes are numbers that stand behind their times, so that the last one is the greatest; of two in a second the better one. Few and
/// short expressions, because the engine takes longer to plan this than to answer it for a small fleet.
pub(super) fn states(told: &Told<'_>, history: bool) -> String {
    let attempts = told.whole(
        &ATTEMPTS,
        &[
            "end_at",
            "outcome",
            "kb",
            "category",
            "rule",
            "root",
            "terminal",
            "package_of",
            "line",
            "line_version",
        ],
    );
    let findings = told.whole(
        &FINDINGS,
        &[
            "found_at", "severity", "kb", "category", "rule", "root", "terminal",
        ],
    );
    let failures = told.whole(&ATTEMPTS, &["outcome", "category", "rule", "root"]);
    let matches = told.matches();
    // The last known outcome, and the last failure with all that is asked of it, until a time.
    let until = |before: &str, condition: &str| {
        format!(
            ", maxIf(moment, result > 0{condition}) AS {before}last, \
             argMaxIf((at, line_version, cause, is_match), weight, is_failure{condition}) AS {before}failure"
        )
    };
    // Whether it failed then: the last outcome is a failure, and nothing until then has ended it.
    let fails = |before: &str, until: &str| {
        format!(
            "{before}last % 16 IN (1, 2) AND NOT arrayExists(good -> good.3 > {before}failure.1 AND good.3 <= {until} AND if(found, \
               good.2 != '' OR (kb != '' AND good.1 = kb), line != '' AND good.2 = line AND good.4 >= {before}failure.2), goods)"
        )
    };
    let (then, causes) = match history {
        false => (
            String::new(),
            ", 0 AS day_cause, 0 AS week_cause".to_owned(),
        ),
        true => (
            until("day_", " AND at <= {day_ago:Int64}")
                + &until("week_", " AND at <= {week_ago:Int64}"),
            format!(
                ", if(day_failure.4 AND {}, day_failure.3, 0) AS day_cause, if(week_failure.4 AND {}, week_failure.3, 0) AS week_cause",
                fails("day_", "{day_ago:Int64}"),
                fails("week_", "{week_ago:Int64}")
            ),
        ),
    };
    format!(
        "(SELECT endpoint, kb, found, state, failed, failure.1 AS failed_at, failure.3 AS cause, day_cause, week_cause, \
           if(state = {failing}, failure.4, {no_match} OR has_match) AND NOT (found AND state != {failing}) AS shown FROM (\
         SELECT endpoint, kb, found, failed, failure, has_match{causes}, multiIf({now}, {failing}, last % 16 IN (1, 2), {superseded}, \
           last % 16 = 4, {restart}, last % 16 = 3, {cancelled}, last % 16 = 5 AND failed > 0, {recovered}, \
           last % 16 = 5, {installed}, {unknown}) AS state FROM (\
         SELECT *, groupArrayArray(if(line != '' OR has_found, arrayMap(good -> (kb, line, -good.1, good.2), went_well), [])) OVER machine AS goods FROM (\
         SELECT *, max(found) OVER machine AS has_found FROM (\
         SELECT endpoint, found, argMax(kb, weight) AS kb, max(line) AS line, countIf(is_failure AND NOT found) AS failed, \
           maxIf(is_match, is_failure) AS has_match, groupArraySortedIf({GOOD_TRIES})((-at, line_version), result > 3) AS went_well\
           {so_far}{then} FROM (\
         SELECT *, at * 16 + result AS moment, result IN (1, 2) AS is_failure, at * 1048576 + toInt64(bitShiftRight(cause, 44)) AS weight FROM (\
         SELECT endpoint, cityHash64(if(kb = '', package_of, kb)) AS name, kb, line, line_version, end_at AS at, 0 AS found, \
           transform(outcome, ['failed', 'rolled_back', 'cancelled', 'pending_reboot', 'succeeded'], [1, 2, 3, 4, 5], 0) AS result, \
           {CAUSE} AS cause, {matches} AS is_match FROM {attempts} \
         UNION ALL \
         SELECT endpoint, {CAUSE} AS name, kb, '' AS line, toUInt64(0) AS line_version, found_at AS at, 1 AS found, 1 AS result, \
           {CAUSE} AS cause, {matches} AS is_match FROM {findings} WHERE severity IN ('error', 'critical') \
             AND (endpoint, {CAUSE}) NOT IN (SELECT endpoint, {CAUSE} FROM {failures} WHERE outcome IN ('failed', 'rolled_back')))) \
         GROUP BY endpoint, name, found) WINDOW machine AS (PARTITION BY endpoint)) WINDOW machine AS (PARTITION BY endpoint))) \
         WHERE (shown OR day_cause > 0 OR week_cause > 0){narrow})",
        so_far = until("", ""),
        now = fails("", &i64::MAX.to_string()),
        failing = State::Failing.rank(),
        superseded = State::Superseded.rank(),
        restart = State::Restart.rank(),
        cancelled = State::Cancelled.rank(),
        recovered = State::Recovered.rank(),
        installed = State::Installed.rank(),
        unknown = State::Unknown.rank(),
        no_match = u8::from(!told.has_cause()),
        narrow = told.narrow_kb(),
    )
}

impl Store {
    /// Counts machines by state: all updates together, each KB, each cause.
    pub(super) async fn machine_states(&self, told: &Told<'_>) -> Result<States> {
        // A machine counts once in each line: with its gravest state, with each KB, and with each cause that it fails by.
        let sql = format!(
            "SELECT item.1 AS kind, item.2 AS name, item.3 AS cause, item.4 AS state, sum(item.5) AS count, any(item.6) AS failed_at, \
               any(item.7) AS kb FROM (\
               SELECT arrayJoin(arrayMap(of -> (of.1, of.2, of.3, of.4, toUInt64(1), toInt64(0), ''), arrayConcat(\
                 if(countIf(shown) > 0, [({MACHINE}, '', toUInt64(0), minIf(state, shown))], []), \
                 if(fails, [({MACHINE}, '', toUInt64(0), {NOW})], []), \
                 if(max(day_cause) > 0, [({MACHINE}, '', toUInt64(0), {DAY_AGO})], []), \
                 if(max(week_cause) > 0, [({MACHINE}, '', toUInt64(0), {WEEK_AGO})], []), \
                 arrayMap(of -> ({KB}, of.1, toUInt64(0), of.2), groupArrayIf((toString(kb), state), shown AND kb != '' AND NOT found)), \
                 arrayMap(by -> ({CAUSES}, '', by, {NOW}), groupUniqArrayIf(cause, shown AND state = {failing})), \
                 arrayMap(by -> ({CAUSES}, '', by, {DAY_AGO}), groupUniqArrayIf(day_cause, day_cause > 0)), \
                 arrayMap(by -> ({CAUSES}, '', by, {WEEK_AGO}), groupUniqArrayIf(week_cause, week_cause > 0)))) \
                 || if(fails, [({FAILING}, endpoint, worst.1, {failing}, sumIf(failed, shown), maxIf(failed_at, shown), worst.2)], [])) AS item, \
                 countIf(shown AND state = {failing}) > 0 AS fails, \
                 argMinIf((cause, toString(kb)), (state != {failing}, -failed_at, cause, kb), shown) AS worst \
               FROM {} GROUP BY endpoint) GROUP BY kind, name, cause, state ORDER BY kind, count DESC, failed_at DESC, name LIMIT {ROWS} BY kind",
            states(told, true),
            failing = State::Failing.rank(),
        );
        let rows: Vec<Counted> = self
            .fetch_all("count machines by state", told.ask(self, &sql))
            .await?;
        // Of what was before the days of the page nobody can say whether it failed.
        let since = |days: i64| (told.starts() < told.now() - days * 86_400).then_some(0);
        let nobody = Failing {
            now: 0,
            day_ago: since(1),
            week_ago: since(7),
        };
        let mut states = States {
            nobody,
            failing: nobody,
            ..States::default()
        };
        for row in rows {
            if row.kind == FAILING {
                states.worst.push(Tried {
                    endpoint: row.name,
                    state: row.state,
                    tries_failed: row.count,
                    last_failed: row.failed_at,
                    cause: row.cause,
                    kb: row.kb,
                });
                continue;
            }
            let failing = match row.kind {
                CAUSES => states.causes.entry(row.cause).or_insert(nobody),
                _ => &mut states.failing,
            };
            match (row.kind, row.state) {
                (_, NOW) => failing.now += row.count,
                (_, DAY_AGO) => *failing.day_ago.get_or_insert_default() += row.count,
                (_, WEEK_AGO) => *failing.week_ago.get_or_insert_default() += row.count,
                (KB, rank) => {
                    let of_kb = states.kbs.entry(row.name).or_default();
                    of_kb.add(State::from_rank(rank), row.count);
                }
                (_, rank) => states.machines.add(State::from_rank(rank), row.count),
            }
        }
        Ok(states)
    }
}
