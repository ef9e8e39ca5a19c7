//! The states of machines as they are defined, from all their rows, without any of the code that pages use.

use crate::fleet::current;
use clickhouse::Row;
use event::Code;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use store::{Filter, State};

pub(crate) type Cause = (String, String, u32);

#[derive(Row, Deserialize)]
struct TryRow {
    endpoint: String,
    kb: String,
    package: String,
    at: i64,
    outcome: String,
    category: String,
    rule: String,
    root: u32,
    terminal: u32,
    day: u16,
}

#[derive(Row, Deserialize)]
struct FindingRow {
    endpoint: String,
    kb: String,
    at: i64,
    category: String,
    rule: String,
    root: u32,
    terminal: u32,
    severity: String,
    count: u64,
    day: u16,
    object: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) endpoint: String,
    pub(crate) kb: String,
    pub(crate) package: String,
    pub(crate) at: i64,
    /// On which it stands: of its start.
    pub(crate) day: u16,
    pub(crate) outcome: String,
    pub(crate) cause: Cause,
    pub(crate) terminal: u32,
    pub(crate) object: String,
}

#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) endpoints: BTreeSet<String>,
    pub(crate) count: u64,
    pub(crate) days: BTreeMap<u16, (BTreeSet<String>, u64)>,
    pub(crate) kbs: BTreeMap<String, (BTreeSet<String>, u64)>,
    pub(crate) terminal: BTreeMap<u32, u64>,
    /// What its findings name, also those that tries have as their cause.
    pub(crate) objects: BTreeMap<String, BTreeSet<String>>,
}

pub(crate) struct Fleet {
    pub(crate) tries: Vec<Try>,
    /// With how often each repeats and how grave it is.
    findings: Vec<(Try, u64, String)>,
}

impl Try {
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.outcome.as_str(), "failed" | "rolled_back")
    }

    fn went_well(&self) -> bool {
        matches!(self.outcome.as_str(), "succeeded" | "pending_reboot")
    }

    /// Of two in one second the better one is the later.
    fn order(&self) -> (i64, usize) {
        let order = [
            "failed",
            "rolled_back",
            "cancelled",
            "pending_reboot",
            "succeeded",
        ];
        (
            self.at,
            order.iter().position(|&name| name == self.outcome).unwrap(),
        )
    }

    fn update(&self) -> &str {
        if self.kb.is_empty() {
            &self.package
        } else {
            &self.kb
        }
    }

    pub(crate) fn version(&self) -> Vec<u64> {
        let (_, version) = self.package.rsplit_once('~').unwrap_or_default();
        let mut version: Vec<u64> = version
            .split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect();
        version.resize(4, 0);
        version
    }

    pub(crate) fn line(&self) -> &str {
        match self.package.split_once('~') {
            Some((name, _)) if name.ends_with("Rollup") || name.ends_with("RollupFix") => name,
            _ => "",
        }
    }

    fn is_asked(&self, filter: &Filter) -> bool {
        let codes: Vec<u32> = filter.codes.iter().copied().map(Code::value).collect();
        filter
            .category
            .as_ref()
            .is_none_or(|category| *category == self.cause.0)
            && (codes.is_empty() || codes.contains(&self.cause.2) || codes.contains(&self.terminal))
    }
}

impl Fleet {
    pub(crate) async fn read(fleet: &crate::fleet::Fleet, filter: &Filter) -> Self {
        let days = format!(
            "row.day BETWEEN toDate({}) AND toDate({}) AND ('{endpoint}' = '' OR endpoint = '{endpoint}')",
            filter.from.unwrap(),
            filter.to.unwrap(),
            endpoint = filter.endpoint.as_deref().unwrap_or(""),
        );
        let rows: Vec<TryRow> = fleet
            .sql
            .query(&format!(
                "SELECT endpoint, toString(row.kb) AS kb, package, toInt64(assumeNotNull(ifNull(`end`, start))) AS at, toString(row.outcome) AS outcome, \
                   toString(row.category) AS category, toString(row.rule) AS rule, ifNull(root_code, 0) AS root, ifNull(terminal_code, 0) AS terminal, \
                   toUInt16(row.day) AS day FROM {} AS row WHERE {days}",
                current("attempts")
            ))
            .fetch_all()
            .await
            .unwrap();
        let tries = rows.into_iter().map(|row| {
            let is_failure = matches!(row.outcome.as_str(), "failed" | "rolled_back");
            let category = match row.category.is_empty() && is_failure {
                true => "unclassified".to_owned(),
                false => row.category,
            };
            Try {
                endpoint: row.endpoint,
                kb: row.kb,
                package: row.package,
                at: row.at,
                day: row.day,
                outcome: row.outcome,
                cause: (category, row.rule, row.root),
                terminal: row.terminal,
                object: String::new(),
            }
        });
        let rows: Vec<FindingRow> = fleet
            .sql
            .query(&format!(
                "SELECT endpoint, toString(row.kb) AS kb, toInt64(assumeNotNull(logged)) AS at, toString(row.category) AS category, toString(row.rule) AS rule, \
                   ifNull(root_code, 0) AS root, ifNull(terminal_code, 0) AS terminal, toString(row.severity) AS severity, toUInt64(row.count) AS count, \
                   toUInt16(row.day) AS day, object FROM {} AS row WHERE {days} AND row.severity != 'info'",
                current("findings")
            ))
            .fetch_all()
            .await
            .unwrap();
        let findings = rows.into_iter().map(|row| {
            let found = Try {
                endpoint: row.endpoint,
                kb: row.kb,
                package: String::new(),
                at: row.at,
                day: row.day,
                outcome: "failed".to_owned(),
                cause: (row.category, row.rule, row.root),
                terminal: row.terminal,
                object: row.object,
            };
            (found, row.count, row.severity)
        });
        Self {
            tries: tries.collect(),
            findings: findings.collect(),
        }
    }

    /// Whether a later success ends a failure.
    fn is_ended(&self, failure: &Try, line: &str, is_finding: bool, until: i64) -> bool {
        self.tries.iter().any(|good| {
            let line_of_good = self.line_of(good);
            good.endpoint == failure.endpoint
                && good.went_well()
                && good.at > failure.at
                && good.at <= until
                && if is_finding {
                    !line_of_good.is_empty() || (!failure.kb.is_empty() && good.kb == failure.kb)
                } else {
                    !line.is_empty() && line_of_good == line && good.version() >= failure.version()
                }
        })
    }

    /// The line of an update is that of any of its packages.
    fn line_of(&self, one: &Try) -> String {
        let same = self
            .tries
            .iter()
            .filter(|other| other.endpoint == one.endpoint && other.update() == one.update());
        same.map(Try::line).max().unwrap_or("").to_owned()
    }

    /// Each update of each machine: its tries, without those whose end nobody knows.
    fn updates(&self) -> BTreeMap<(&str, &str), Vec<&Try>> {
        let mut updates: BTreeMap<(&str, &str), Vec<&Try>> = BTreeMap::new();
        for one in &self.tries {
            updates
                .entry((&one.endpoint, one.update()))
                .or_default()
                .push(one);
        }
        updates
    }

    /// Findings that stand for themselves.
    fn alone(&self) -> impl Iterator<Item = &Try> {
        let grave = self
            .findings
            .iter()
            .filter(|(_, _, severity)| severity != "warning");
        let mut last: BTreeMap<(&str, &Cause), &Try> = BTreeMap::new();
        for (finding, _, _) in grave {
            let is_of_try = self.tries.iter().any(|one| {
                one.endpoint == finding.endpoint && one.has_failed() && one.cause == finding.cause
            });
            let held = last.get(&(finding.endpoint.as_str(), &finding.cause));
            if !is_of_try && held.is_none_or(|held| held.at < finding.at) {
                last.insert((&finding.endpoint, &finding.cause), finding);
            }
        }
        last.into_values()
    }

    fn last<'a>(tries: &[&'a Try], until: i64) -> Option<&'a Try> {
        let known = tries
            .iter()
            .filter(|one| one.outcome != "unknown" && one.at <= until);
        known.copied().max_by_key(|one| one.order())
    }

    /// Machines that fail, each with the causes that they fail by, as the filter asks.
    pub(crate) fn failing<'a>(
        &'a self,
        filter: &'a Filter,
        until: i64,
    ) -> impl Iterator<Item = (&'a str, Cause)> {
        let of_kb = |kb: &str| filter.kb.as_ref().is_none_or(|asked| asked == kb);
        let updates = self.failing_updates(filter, until).into_iter();
        let mut failing: Vec<(&str, Cause)> = updates
            .map(|(last, cause)| (last.endpoint.as_str(), cause))
            .collect();
        for finding in self.alone() {
            let stands = finding.at <= until && !self.is_ended(finding, "", true, until);
            if stands && of_kb(&finding.kb) && finding.is_asked(filter) {
                failing.push((finding.endpoint.as_str(), finding.cause.clone()));
            }
        }
        failing.into_iter()
    }

    /// Those of them whose last try failed.
    pub(crate) fn failing_updates(&self, filter: &Filter, until: i64) -> Vec<(&Try, Cause)> {
        let of_kb = |kb: &str| filter.kb.as_ref().is_none_or(|asked| asked == kb);
        let mut failing = Vec::new();
        for tries in self.updates().into_values() {
            let Some(last) = Self::last(&tries, until).filter(|last| last.has_failed()) else {
                continue;
            };
            let is_ended = self.is_ended(last, &self.line_of(last), false, until);
            if !is_ended && of_kb(&last.kb) && last.is_asked(filter) {
                failing.push((last, last.cause.clone()));
            }
        }
        failing
    }

    /// Machines by their gravest state.
    pub(crate) fn machines(&self, filter: &Filter, until: i64) -> BTreeMap<String, State> {
        let failing = self.failing(filter, until);
        self.states(
            filter,
            until,
            failing.map(|(endpoint, _)| endpoint).collect(),
        )
    }

    /// Machines that tried a KB, by their state for it: findings decide nothing.
    pub(crate) fn of_kb(&self, filter: &Filter, kb: &str) -> BTreeMap<String, State> {
        let narrow = Filter {
            kb: Some(kb.to_owned()),
            ..filter.clone()
        };
        if filter.kb.as_ref().is_some_and(|asked| asked != kb) {
            return BTreeMap::new();
        }
        let failing = self.failing_updates(&narrow, i64::MAX);
        let failing = failing
            .iter()
            .map(|(last, _)| last.endpoint.as_str())
            .collect();
        self.states(&narrow, i64::MAX, failing)
    }

    fn states(&self, filter: &Filter, until: i64, failing: Vec<&str>) -> BTreeMap<String, State> {
        let is_narrow = filter.category.is_some() || !filter.codes.is_empty();
        let mut machines: BTreeMap<String, State> = BTreeMap::new();
        let mut put = |endpoint: &str, state: State| {
            let held = machines.entry(endpoint.to_owned()).or_insert(state);
            *held = state.min(*held);
        };
        for endpoint in failing {
            put(endpoint, State::Failing);
        }
        for ((endpoint, _), tries) in self.updates() {
            let kb = &tries[0].kb;
            let has_failed = tries.iter().any(|one| one.has_failed());
            let has_match = tries
                .iter()
                .any(|one| one.has_failed() && one.is_asked(filter));
            if filter.kb.as_ref().is_some_and(|asked| asked != kb) || (is_narrow && !has_match) {
                continue;
            }
            let last = Self::last(&tries, until);
            let state = match last.map(|last| last.outcome.as_str()) {
                Some("failed" | "rolled_back") => {
                    let last = last.unwrap();
                    if !self.is_ended(last, &self.line_of(last), false, until) {
                        continue;
                    }
                    State::Superseded
                }
                Some("pending_reboot") => State::Restart,
                Some("cancelled") => State::Cancelled,
                Some("succeeded") if has_failed => State::Recovered,
                Some("succeeded") => State::Installed,
                _ => State::Unknown,
            };
            put(endpoint, state);
        }
        machines
    }

    /// Causes of failed tries, and of findings that no failed try of their machine has.
    pub(crate) fn causes(&self, filter: &Filter) -> BTreeMap<Cause, Counted> {
        let of_kb = |kb: &str| filter.kb.as_ref().is_none_or(|asked| asked == kb);
        let is_asked = |one: &&Try| of_kb(&one.kb) && one.is_asked(filter);
        let mut causes: BTreeMap<Cause, Counted> = BTreeMap::new();
        let failed: Vec<&Try> = self
            .tries
            .iter()
            .filter(|one| one.has_failed())
            .filter(is_asked)
            .collect();
        let found = self
            .findings
            .iter()
            .filter(|(finding, _, _)| is_asked(&finding));
        let alone = found.filter(|(finding, _, _)| {
            !failed
                .iter()
                .any(|one| one.endpoint == finding.endpoint && one.cause == finding.cause)
        });
        let failed = failed.iter().map(|one| (*one, 1));
        for (one, count) in failed.chain(alone.map(|(finding, count, _)| (finding, *count))) {
            let counted = causes.entry(one.cause.clone()).or_default();
            counted.endpoints.insert(one.endpoint.clone());
            counted.count += count;
            *counted.terminal.entry(one.terminal).or_default() += count;
            let of_day = counted.days.entry(one.day).or_default();
            let of_kb = counted.kbs.entry(one.kb.clone()).or_default();
            for both in [of_day, of_kb] {
                both.0.insert(one.endpoint.clone());
                both.1 += count;
            }
        }
        let named = self.findings.iter().map(|(finding, _, _)| finding);
        for finding in named.filter(is_asked).filter(|one| !one.object.is_empty()) {
            let counted = causes.entry(finding.cause.clone()).or_default();
            let of_object = counted.objects.entry(finding.object.clone()).or_default();
            of_object.insert(finding.endpoint.clone());
        }
        causes
    }
}
