//! One cause: when it struck, what it struck, and what the machines that fail by it have in common.

use super::{
    Day, EndpointSummary, Filter,
    causes::{Cause, each},
    derived::ListedFinding,
    endpoints::{BUILD, machines},
    overview::CHART_DAYS,
    states::{State, states},
    told::{FINDINGS, Told},
};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::Code;
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Lines of each list of the page.
const TOP: usize = 20;

/// Machines to copy from.
const TWINS: usize = 10;

/// Values of builds and labels that are looked at: more than people compare.
const VALUES: u64 = 5_000;

/// One cause with all that its page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CauseDetail {
    /// First and last day.
    pub days: Option<(Day, Day)>,
    /// As in the list of causes; nothing where nothing in the days has it.
    pub cause: Option<Cause>,
    /// By day, each failed try on that of its start; the latest days.
    pub over_time: Vec<CauseDay>,
    /// Objects that it names, those of most machines first.
    pub objects: Vec<(String, u64)>,
    /// Updates that fail by it.
    pub kbs: Vec<CauseKb>,
    /// Codes that people see.
    pub terminal_codes: Vec<(Code, u64)>,
    /// The latest finding, and whose it is.
    pub sample: Option<(String, ListedFinding)>,
    /// What machines that fail by it have in common.
    pub common: Vec<Common>,
    /// Healthy machines of the same builds that have one of the updates.
    pub twins: Vec<EndpointSummary>,
}

/// A day of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseDay {
    /// Which.
    pub day: Day,
    /// Machines that failed by it.
    pub endpoints: u64,
    /// Failed tries; of findings that stand for themselves, repeats.
    pub count: u64,
}

/// An update that fails by a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseKb {
    /// Which.
    pub kb: String,
    /// Machines that failed it by the cause.
    pub endpoints: u64,
    /// Failed tries; of findings that stand for themselves, repeats.
    pub count: u64,
}

/// What some machines that fail have, and how many of those that do not fail have it too.
#[derive(Clone, Debug, PartialEq)]
pub struct Common {
    /// `build`, `servicing_stack` or `label`.
    pub kind: String,
    /// Of a label its name.
    pub label: String,
    /// What they have.
    pub value: String,
    /// Machines that fail by the cause now and have it, …
    pub failing: u64,
    /// … of so many.
    pub of_failing: u64,
    /// Machines that tried the same updates, do not fail and have it, …
    pub healthy: u64,
    /// … of so many.
    pub of_healthy: u64,
}

impl Common {
    /// How much more often failing machines have it than others; nothing where no other has it.
    pub fn lift(&self) -> Option<f64> {
        let share = |some: u64, all: u64| some as f64 / all.max(1) as f64;
        (self.healthy > 0)
            .then(|| share(self.failing, self.of_failing) / share(self.healthy, self.of_healthy))
    }

    /// What no healthy machine has first, then by lift, then by machines.
    fn order(&self, other: &Self) -> Ordering {
        let key = |one: &Self| one.lift().unwrap_or(f64::INFINITY);
        key(other)
            .total_cmp(&key(self))
            .then(other.failing.cmp(&self.failing))
            .then_with(|| {
                (&self.kind, &self.label, &self.value).cmp(&(
                    &other.kind,
                    &other.label,
                    &other.value,
                ))
            })
    }
}

#[derive(Row, Deserialize)]
struct Counted {
    kind: u8,
    day: Day,
    kb: String,
    terminal: u32,
    endpoints: u64,
    count: u64,
}

#[derive(Row, Deserialize)]
struct ValueRow {
    kind: String,
    label: String,
    value: String,
    failing: u64,
    healthy: u64,
    twins: Vec<String>,
}

#[derive(Row, Deserialize)]
struct SampleRow {
    endpoint: String,
    set: u64,
    ordinal: u32,
}

impl Store {
    /// One cause, that of the filter.
    pub async fn cause(&self, filter: &Filter) -> Result<CauseDetail> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(CauseDetail::default());
        };
        let told = self.told(filter, from, to).await?;
        // What others tried beside counts too, whatever it failed by.
        let everything = Filter {
            category: None,
            cause: None,
            codes: Vec::new(),
            ..filter.clone()
        };
        let beside = self.told(&everything, from, to).await?;
        let (states, rows, counted, objects, sample) = tokio::try_join!(
            self.machine_states(&told),
            self.cause_rows(&told),
            self.counted_by_cause(&told),
            self.objects_of(&told),
            self.latest_finding(&told),
        )?;
        let hashes: Vec<u64> = rows.iter().map(|row| row.hash).collect();
        let cause = Cause::ranked(rows, &states, told.now()).into_iter().next();
        let mut detail = CauseDetail {
            days: Some((from, to)),
            objects,
            sample,
            ..CauseDetail::default()
        };
        for row in counted {
            let (endpoints, count) = (row.endpoints, row.count);
            match row.kind {
                DAY => detail.over_time.push(CauseDay {
                    day: row.day,
                    endpoints,
                    count,
                }),
                KB => detail.kbs.push(CauseKb {
                    kb: row.kb,
                    endpoints,
                    count,
                }),
                _ => detail.terminal_codes.push((Code::new(row.terminal), count)),
            }
        }
        detail.over_time.sort_by_key(|day| day.day);
        if cause.as_ref().is_some_and(|cause| cause.failing.now > 0) {
            let (common, twins) = self.common(&beside, &hashes).await?;
            detail.common = common;
            detail.twins = self.summarized(&beside, &twins).await?;
        }
        detail.cause = cause;
        Ok(detail)
    }

    /// Failures by day, by update and by the code that they ended with: one reading for all.
    async fn counted_by_cause(&self, told: &Told<'_>) -> Result<Vec<Counted>> {
        let sql = format!(
            "SELECT multiIf(grouping(on_day) = 0, {DAY}, grouping(of_kb) = 0, {KB}, {TERMINAL}) AS kind, on_day AS day, of_kb AS kb, ended AS terminal, \
               uniqExact(endpoint) AS endpoints, sum(repeats) AS count FROM (\
               SELECT endpoint, repeats, toUInt16(day) AS on_day, toString(kb) AS of_kb, toUInt32(terminal) AS ended FROM {} WHERE is_try = has_try) \
             GROUP BY GROUPING SETS ((on_day), (of_kb), (ended)) \
             HAVING kind = {DAY} OR (kind = {KB} AND of_kb != '') OR (kind = {TERMINAL} AND ended != 0) \
             ORDER BY kind, if(kind = {DAY}, toUInt64(day), endpoints) DESC, count DESC, kb, terminal \
             LIMIT {{days:UInt64}} BY kind",
            each(told)
        );
        let query = told.ask(self, &sql).param("days", u64::from(CHART_DAYS));
        let rows: Vec<Counted> = self.fetch_all("count a cause", query).await?;
        let (mut kbs, mut codes) = (0, 0);
        let is_shown = |row: &Counted| match row.kind {
            DAY => true,
            KB => {
                kbs += 1;
                kbs <= TOP
            }
            _ => {
                codes += 1;
                codes <= TOP
            }
        };
        Ok(rows.into_iter().filter(is_shown).collect())
    }

    /// Objects that findings name.
    async fn objects_of(&self, told: &Told<'_>) -> Result<Vec<(String, u64)>> {
        let sql = format!(
            "SELECT toString(named) AS object, uniqExact(endpoint) AS endpoints FROM {} WHERE severity != 'info' AND named != '' \
             GROUP BY object ORDER BY endpoints DESC, object LIMIT {{limit:UInt64}}",
            told.rows(&FINDINGS, &["severity", "named"])
        );
        let query = told.ask(self, &sql).param("limit", TOP as u64);
        self.fetch_all("read the objects of a cause", query).await
    }

    /// The latest finding of a cause.
    async fn latest_finding(&self, told: &Told<'_>) -> Result<Option<(String, ListedFinding)>> {
        let sql = format!(
            "SELECT endpoint, toUInt64(of_set) AS `set`, toUInt32(ordinal_of) AS ordinal FROM {} WHERE severity != 'info' \
             ORDER BY found_at DESC, endpoint, ordinal LIMIT 1",
            told.rows(&FINDINGS, &["severity", "found_at", "of_set", "ordinal_of"])
        );
        let row: Option<SampleRow> = self
            .fetch_optional("look for the latest finding", told.ask(self, &sql))
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let sets = self.sets_of(told.tenant(), &row.endpoint).await?;
        let mut listed = sets.findings.all().iter();
        let listed = listed.find(|one| (one.set, one.ordinal) == (row.set, row.ordinal));
        let listed = listed.map(std::slice::from_ref).unwrap_or_default();
        let found = self
            .listed_findings(told.tenant(), &row.endpoint, listed)
            .await?;
        Ok(found.into_iter().next().map(|found| (row.endpoint, found)))
    }

    /// What machines that fail by some causes have in common against those that tried the same updates and do not fail; and of the latter
    /// some that have such an update and the build of one that fails.
    async fn common(&self, told: &Told<'_>, hashes: &[u64]) -> Result<(Vec<Common>, Vec<String>)> {
        let have = [State::Installed, State::Recovered, State::Superseded].map(State::rank);
        let [installed, recovered, superseded] = have;
        let sql = format!(
            "SELECT item.1 AS kind, item.2 AS label, item.3 AS value, countIf(by_it) AS failing, countIf(NOT by_it) AS healthy, \
               groupArraySortedIf({TWINS})(endpoint, item.1 = 'build' AND NOT by_it AND hasAny(had, same)) AS twins FROM (\
             SELECT endpoint, by_it, had, same, arrayJoin(arrayConcat([('all', '', ''), \
               ('build', '', {BUILD}), ('servicing_stack', '', stack)], labels)) AS item FROM (\
               SELECT *, groupUniqArrayArray(if(by_it, failed, [])) OVER () AS same FROM (\
                 SELECT endpoint, max(state = {failing} AND cause IN {{hashes:Array(UInt64)}}) AS by_it, max(state = {failing}) AS fails, \
                   groupUniqArrayIf(toString(kb), kb != '' AND state = {failing} AND cause IN {{hashes:Array(UInt64)}}) AS failed, \
                   groupUniqArrayIf(toString(kb), kb != '' AND NOT found) AS tried, \
                   groupUniqArrayIf(toString(kb), kb != '' AND state IN ({installed}, {recovered}, {superseded})) AS had \
                 FROM {states} WHERE shown GROUP BY endpoint)) AS of_tries \
             LEFT JOIN {machines} AS machine USING endpoint \
             LEFT JOIN (SELECT endpoint, groupArray(('label', toString(label), value)) AS labels FROM endpoint_labels FINAL \
                        WHERE tenant = {{tenant:String}} AND value != '' AND label != 'name' GROUP BY endpoint) AS labelled USING endpoint \
             WHERE by_it OR (NOT fails AND (empty(same) OR hasAny(tried, same)))) \
             WHERE item.3 != '' OR item.1 = 'all' GROUP BY kind, label, value HAVING failing > 0 OR kind = 'all' \
             ORDER BY failing DESC, kind, label, value LIMIT {{values:UInt64}}",
            failing = State::Failing.rank(),
            states = states(told, false),
            machines = machines(told),
        );
        let query = told
            .reporting(told.ask(self, &sql))
            .param("hashes", hashes)
            .param("values", VALUES);
        let rows: Vec<ValueRow> = self.fetch_all("compare machines that fail", query).await?;
        let all = rows.iter().find(|row| row.kind == "all");
        let (of_failing, of_healthy) = all.map_or((0, 0), |row| (row.failing, row.healthy));
        let builds = rows.iter().filter(|row| row.kind == "build");
        let mut seen = BTreeSet::new();
        let mut twins: Vec<String> = builds.flat_map(|row| row.twins.iter().cloned()).collect();
        twins.retain(|twin| seen.insert(twin.clone()));
        twins.truncate(TWINS);
        let rows = rows.into_iter();
        let mut common: Vec<Common> = rows
            .filter(|row| row.kind != "all" && row.failing > 1)
            .map(|row| Common {
                kind: row.kind,
                label: row.label,
                value: row.value,
                failing: row.failing,
                of_failing,
                healthy: row.healthy,
                of_healthy,
            })
            .collect();
        common.sort_by(Common::order);
        common.truncate(TOP);
        Ok((common, twins))
    }
}

const DAY: u8 = 0;
const KB: u8 = 1;
const TERMINAL: u8 = 2;
