//! What a day tells, put together over the timelines of all kinds of logs, and months put together from what their days tell.

use super::causes::MAX_EVIDENCE;
use super::failures::{COMMAND_S, Failures, MAX_COMPARED, Told};
use super::{links, unexplained};
use crate::catalogue::failure_key;
use event::{Attempt, Code, Day, Derivation, Finding, LoggedAt, Severity, Source};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::RangeInclusive;

/// How long after a failure another file of Setup may tell of it. A judgement: a rollback takes the better part of an hour.
const SETUP_S: i64 = 3_600;

/// What the days tell that are derived, and what failed on any day that is seen.
pub(super) struct Drafts {
    days: BTreeMap<Day, Parts>,
    /// What failed by the servicing logs, for what the agent says of the same.
    pub(super) failures: Failures,
}

impl Drafts {
    /// For these days.
    pub(super) fn of(days: &BTreeSet<Day>) -> Self {
        Self {
            days: days.iter().map(|day| (*day, Parts::default())).collect(),
            failures: Failures::default(),
        }
    }

    /// What a day tells so far; nothing where it is not derived.
    pub(super) fn day(&mut self, day: Day) -> Option<&mut Parts> {
        self.days.get_mut(&day)
    }

    /// A failure that another log tells of: the records here speak for the finding there, and are none of their own.
    pub(super) fn folds_into_failure(&mut self, day: Day, repeated: &Finding) -> bool {
        let told_by = self.failures.same(repeated);
        if let Some(told_by) = told_by {
            self.support(day, told_by, repeated);
        }
        told_by.is_some()
    }

    /// A failed command that a servicing log of the same minutes tells of: its record speaks for the finding there, and is none of its own.
    pub(super) fn folds_into_servicing(&mut self, day: Day, command: &Finding) -> bool {
        let told_by = self.failures.of_command(command).or_else(|| {
            let index = self.days.get(&day)?.of_command(command)?;
            Some(Some((day, index)))
        });
        if let Some(told_by) = told_by {
            self.support(day, told_by, command);
        }
        told_by.is_some()
    }

    /// Only within a day: what another day tells does not change with this one.
    fn support(&mut self, day: Day, told_by: Option<Told>, other: &Finding) {
        if let Some((own, index)) = told_by
            && own == day
            && let Some(parts) = self.days.get_mut(&day)
        {
            parts.support(index, other);
        }
    }

    pub(super) fn each_finding(&mut self) -> impl Iterator<Item = &mut Finding> {
        let parts = self.days.values_mut();
        parts.flat_map(|parts| parts.findings.iter_mut().map(|draft| &mut draft.finding))
    }

    pub(super) fn finish(self) -> BTreeMap<Day, DayParts> {
        let days = self.days.into_iter();
        days.map(|(day, parts)| (day, parts.into_day())).collect()
    }
}

/// What one day tells. A month's answer is put together from its days' by [`merge`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayParts {
    attempts: Vec<DayAttempt>,
    findings: Vec<DayFinding>,
    /// Hashes of what may still change it: news of other days that is about one of these.
    waits: BTreeSet<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DayAttempt {
    attempt: Attempt,
    /// Its place among the day's findings.
    finding: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DayFinding {
    finding: Finding,
    /// It is the cause of attempts, and of how many.
    is_attempt: bool,
    attempts: u32,
    items: BTreeSet<String>,
}

impl DayParts {
    /// Whether the day tells nothing.
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty() && self.findings.is_empty()
    }

    /// Hashes of what may still change it.
    pub fn waits(&self) -> &BTreeSet<u64> {
        &self.waits
    }
}

/// A month from what its days tell, in their order.
pub fn merge<'a>(days: impl IntoIterator<Item = &'a DayParts>) -> Derivation {
    let mut month = Parts::default();
    for day in days {
        let places: Vec<usize> = day.findings.iter().map(|one| month.add_day(one)).collect();
        for one in &day.attempts {
            let finding = one.finding.and_then(|at| places.get(at).copied());
            month.attempts.push((finding, one.attempt.clone()));
        }
    }
    month.drop_told();
    month.finish()
}

/// What a day may wait for; a real one for a dozen things.
const MAX_WAITS: usize = 512;

/// Attempts and findings so far, and the ways to find a finding that an equal one counts with.
#[derive(Default)]
pub(super) struct Parts {
    attempts: Vec<(Option<usize>, Attempt)>,
    findings: Vec<Draft>,
    /// The first finding of each key.
    first: HashMap<Key, usize>,
    /// Further ones of the same key, which the update tells apart.
    of_update: HashMap<(Key, String), usize>,
    /// What the codes of all findings say.
    told: HashSet<u64>,
    /// Findings by the kind of log they are read from, what their codes say, and the wall clock.
    by_code: BTreeSet<(Source, u64, Option<LoggedAt>, usize)>,
    /// By rule, the finding that counts items.
    of_items: HashMap<String, usize>,
    waits: BTreeSet<u64>,
}

struct Draft {
    finding: Finding,
    is_attempt: bool,
    /// Failed attempts come before lone findings of the same severity.
    attempts: u32,
    /// Distinct items that a count stands for, where it is not one an attempt.
    items: BTreeSet<String>,
}

/// Findings are the same where this is equal.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    rule: String,
    category: String,
    severity: Severity,
    root_code: Option<Code>,
    terminal_code: Option<Code>,
    object: String,
    is_attempt: bool,
}

impl Key {
    fn of(finding: &Finding, is_attempt: bool) -> Self {
        Self {
            rule: finding.rule.clone(),
            category: finding.category.clone(),
            severity: finding.severity,
            root_code: finding.root_code,
            terminal_code: finding.terminal_code,
            object: finding.object.clone(),
            is_attempt,
        }
    }
}

impl Parts {
    /// Adds a finding, or counts it with an equal one.
    pub(super) fn add(&mut self, finding: Finding, is_attempt: bool) -> usize {
        self.count(finding, is_attempt, u32::from(is_attempt))
    }

    pub(super) fn add_attempt(&mut self, attempt: Attempt, finding: Option<usize>) {
        self.attempts.push((finding, attempt));
    }

    /// What may still change the day. Beyond a bound everything may.
    pub(super) fn wait(&mut self, links: impl IntoIterator<Item = u64>) {
        self.waits.extend(links);
        if self.waits.len() > MAX_WAITS {
            self.waits = BTreeSet::from([links::ANY]);
        }
    }

    /// Counts a finding that may stand for several.
    fn count(&mut self, finding: Finding, is_attempt: bool, attempts: u32) -> usize {
        let key = Key::of(&finding, is_attempt);
        // Event logs tell of results alone, where the update is all that tells two of them apart.
        let is_result = source_of(&finding) == Some(Source::EventLog);
        let first = self.first.get(&key).copied().filter(|index| {
            let draft = self.findings.get(*index);
            !is_result || draft.is_some_and(|draft| draft.finding.kb == finding.kb)
        });
        let same = first.or_else(|| {
            let of_update = self.of_update.get(&(key.clone(), finding.kb.clone()));
            of_update.copied().filter(|_| is_result)
        });
        let Some((index, draft)) =
            same.and_then(|index| Some((index, self.findings.get_mut(index)?)))
        else {
            return self.push(key, finding, attempts);
        };
        draft.finding.count = draft.finding.count.saturating_add(finding.count);
        draft.attempts = draft.attempts.saturating_add(attempts);
        // Only what holds for all of them is said of the finding.
        if draft.finding.package != finding.package {
            draft.finding.package.clear();
        }
        if draft.finding.kb != finding.kb {
            draft.finding.kb.clear();
        }
        index
    }

    /// Whether a finding tells of a failure with one of these codes.
    pub(super) fn tell(&self, codes: &[Code]) -> bool {
        codes
            .iter()
            .any(|code| self.told.contains(&failure_key(*code)))
    }

    fn push(&mut self, key: Key, finding: Finding, attempts: u32) -> usize {
        let index = self.findings.len();
        let source = source_of(&finding);
        for code in [finding.root_code, finding.terminal_code] {
            let Some(key) = code.map(failure_key) else {
                continue;
            };
            self.told.insert(key);
            self.by_code
                .extend(source.map(|source| (source, key, finding.logged, index)));
        }
        let is_attempt = key.is_attempt;
        match self.first.entry(key) {
            Entry::Vacant(first) => {
                first.insert(index);
            }
            Entry::Occupied(first) => {
                let of_update = (first.key().clone(), finding.kb.clone());
                self.of_update.entry(of_update).or_insert(index);
            }
        }
        self.findings.push(Draft {
            finding,
            is_attempt,
            attempts,
            items: BTreeSet::new(),
        });
        index
    }

    /// A lone finding; where it stands for items (files that sfc cannot repair), those of one rule are one finding, and its count
    /// is that of the distinct items.
    pub(super) fn add_items(&mut self, finding: Finding, items: BTreeSet<String>) -> usize {
        if items.is_empty() {
            return self.add(finding, false);
        }
        let index = match self.of_items.get(&finding.rule) {
            Some(index) => *index,
            None => {
                let rule = finding.rule.clone();
                let index = self.push(Key::of(&finding, false), finding, 0);
                self.of_items.insert(rule, index);
                index
            }
        };
        if let Some(draft) = self.findings.get_mut(index) {
            draft.items.extend(items);
            draft.finding.count = u32::try_from(draft.items.len()).unwrap_or(u32::MAX);
        }
        index
    }

    /// Adds what a day tells of one finding.
    fn add_day(&mut self, of_day: &DayFinding) -> usize {
        let finding = of_day.finding.clone();
        if of_day.items.is_empty() {
            self.count(finding, of_day.is_attempt, of_day.attempts)
        } else {
            self.add_items(finding, of_day.items.clone())
        }
    }

    /// What nothing explained on its own day is explained where another day tells of the same failure.
    fn drop_told(&mut self) {
        let codes = |finding: &Finding| {
            let codes = [finding.root_code, finding.terminal_code].into_iter();
            codes.flatten().map(failure_key)
        };
        let findings = || self.findings.iter().map(|draft| &draft.finding);
        let explained = findings().filter(|one| one.severity > Severity::Info);
        let explained = explained.filter(|one| !unexplained::is_one(one));
        let told: HashSet<u64> = explained.flat_map(codes).collect();
        let mut place = 0;
        let mut places = Vec::with_capacity(self.findings.len());
        self.findings.retain(|draft| {
            let is_told = || codes(&draft.finding).any(|code| told.contains(&code));
            let stays = draft.is_attempt || !unexplained::is_one(&draft.finding) || !is_told();
            places.push(stays.then_some(place));
            place += usize::from(stays);
            stays
        });
        for (finding, _) in &mut self.attempts {
            *finding = finding.and_then(|at| places.get(at).copied().flatten());
        }
    }

    fn into_day(self) -> DayParts {
        let attempts = self.attempts.into_iter();
        let findings = self.findings.into_iter();
        DayParts {
            attempts: attempts
                .map(|(finding, attempt)| DayAttempt { attempt, finding })
                .collect(),
            findings: findings
                .map(|draft| DayFinding {
                    finding: draft.finding,
                    is_attempt: draft.is_attempt,
                    attempts: draft.attempts,
                    items: draft.items,
                })
                .collect(),
            waits: self.waits,
        }
    }

    /// The records of another log speak for a finding there is.
    fn support(&mut self, index: usize, other: &Finding) {
        let Some(draft) = self.findings.get_mut(index) else {
            return;
        };
        let evidence = &mut draft.finding.evidence;
        for one in &other.evidence {
            if evidence.len() < MAX_EVIDENCE && !evidence.contains(one) {
                evidence.push(one.clone());
            }
        }
    }

    /// The finding of a servicing log that a failed command of the same minutes repeats.
    fn of_command(&self, command: &Finding) -> Option<usize> {
        let key = failure_key(command.terminal_code?);
        let ended = command.logged?.0;
        let near = Some(LoggedAt(ended - COMMAND_S))..=Some(LoggedAt(ended + COMMAND_S));
        self.of_code(Source::Cbs, key, near).min()
    }

    /// What Setup's second file, or its rollback's, tells of a failure that is known: it adds what it names, and is none of its own.
    pub(super) fn folds_into_setup(&mut self, other: &Finding) -> bool {
        let key = |finding: &Finding| finding.root_code.or(finding.terminal_code).map(failure_key);
        let Some(code) = key(other).filter(|_| source_of(other) == Some(Source::Setup)) else {
            return false;
        };
        // Where either has no time, both may be of one.
        let near = other.logged.map_or(None..=Some(LoggedAt(i64::MAX)), |at| {
            Some(LoggedAt(at.0 - SETUP_S))..=Some(LoggedAt(at.0 + SETUP_S))
        });
        let near = self.of_code(Source::Setup, code, near);
        let timeless = self.of_code(Source::Setup, code, None..=None);
        let same = near.chain(timeless).filter(|index| {
            let known = self.findings.get(*index).map(|draft| &draft.finding);
            known.is_some_and(|known| known.category == other.category && key(known) == Some(code))
        });
        let same = same.min();
        let Some(index) = same else { return false };
        if let Some(draft) = self.findings.get_mut(index)
            && draft.finding.object.is_empty()
            && !other.object.is_empty()
        {
            draft.finding.object.clone_from(&other.object);
            draft.finding.rule.clone_from(&other.rule);
        }
        self.support(index, other);
        true
    }

    /// Findings of one kind of log with this code and a time among these, the earliest of them.
    fn of_code(
        &self,
        source: Source,
        key: u64,
        times: RangeInclusive<Option<LoggedAt>>,
    ) -> impl Iterator<Item = usize> {
        let (first, last) = times.into_inner();
        let all = (source, key, first, 0)..=(source, key, last, usize::MAX);
        let found = self.by_code.range(all).take(MAX_COMPARED);
        found.map(|(.., index)| *index)
    }

    fn finish(self) -> Derivation {
        let mut drafts: Vec<(usize, Draft)> = self.findings.into_iter().enumerate().collect();
        drafts.sort_by_key(|(_, draft)| {
            (
                Reverse(draft.finding.severity),
                Reverse(draft.attempts),
                Reverse(draft.finding.confidence),
                draft.finding.logged,
                draft.finding.id,
            )
        });
        let place: HashMap<usize, u32> = drafts
            .iter()
            .zip(0..)
            .map(|((index, _), place)| (*index, place))
            .collect();
        let mut attempts: Vec<Attempt> = self
            .attempts
            .into_iter()
            .map(|(draft, attempt)| Attempt {
                finding: draft.and_then(|index| place.get(&index).copied()),
                ..attempt
            })
            .collect();
        attempts.sort_by_key(|attempt| (attempt.start_utc, attempt.start, attempt.end, attempt.id));
        let findings = drafts.into_iter().map(|(_, draft)| draft.finding).collect();
        Derivation { attempts, findings }
    }
}

/// The kind of log that a finding's cause stands in.
fn source_of(finding: &Finding) -> Option<Source> {
    finding.evidence.first().map(|evidence| evidence.source)
}
