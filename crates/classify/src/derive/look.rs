//! What choosing causes asks of records again and again, looked up once; and how far each try may look.
//!
//! Tries may lie in each other: a session that fails in the end reaches from each of its tries to that end. So looking through
//! all of every try would cost the square of what a log holds, and a log is a stranger's.

use super::Line;
use super::attempts::{Kind, Try};
use super::causes::is_wrapper;
use crate::catalogue::failure_key;
use crate::rules::Rules;
use event::{Day, Event, Finding, Level, Marker, Outcome};
use std::collections::HashMap;
use std::ops::Range;

/// Records and codes that the tries of a day may look at together, in the logs of one kind: 16 million in the 31 days of a month, a second's
/// work. The logs of real machines need a thousandth of it; where it does not do, each try looks at an equal share around the record that
/// names it.
const MAX_LOOKED_AT: usize = 16_000_000 / 31;

/// Records that name what is worked on that are looked through for what a failure is about. A servicing operation says it a handful of times.
const MAX_NAMED: usize = 64;

/// What the installer of any program calls itself.
const GENERIC_INSTALLER: &str = "Generic Command";

/// The rule for a file that a package should have brought.
const FILE_OF_PACKAGE: &str = "payload_file_missing";

/// A timeline with what is known of its records.
pub(super) struct Look<'r, 't> {
    pub(super) rules: &'r Rules,
    pub(super) timeline: &'t Line<'t>,
    known: Vec<Known>,
    sessions: HashMap<&'t str, u32>,
    /// Places of records that name what is being worked on.
    named: Vec<usize>,
    /// Before each place, records and codes so far.
    weights: Vec<usize>,
    /// How much of this a try may look at, by the day it is told on; where nothing stands all of it.
    shares: HashMap<Day, usize>,
}

/// What is known of a record.
pub(super) struct Known {
    /// The rule that it decided on.
    pub(super) rule: Option<usize>,
    /// Names of the rule's category and of its trace, equal where those are.
    pub(super) category: Option<u32>,
    pub(super) trace: Option<u32>,
    session: Option<u32>,
    /// What its codes say, ascending.
    failures: Vec<u64>,
    /// It has a code that says more than that something else failed.
    pub(super) has_real: bool,
    /// Without a rule it may stand for a cause: it says failure in its level, or as part of a failure's trace.
    pub(super) is_failing: bool,
    /// It is part of a failure's trace.
    pub(super) is_of_trace: bool,
}

impl Known {
    /// Whether one of its codes says this.
    pub(super) fn has_failure(&self, key: u64) -> bool {
        self.failures.binary_search(&key).is_ok()
    }

    /// Whether one of its codes says the same as one of another record's.
    pub(super) fn shares_failure(&self, other: &Self) -> bool {
        let (few, many) = if self.failures.len() < other.failures.len() {
            (self, other)
        } else {
            (other, self)
        };
        few.failures.iter().any(|key| many.has_failure(*key))
    }
}

impl<'r, 't> Look<'r, 't> {
    pub(super) fn of(rules: &'r Rules, timeline: &'t Line<'t>) -> Self {
        let (mut sessions, mut traces, mut categories) =
            (Names::default(), Names::default(), Names::default());
        let is_named =
            |(at, event): (usize, &&Event)| (event.marker == Marker::WorkedOn).then_some(at);
        let named = timeline.events.iter().enumerate().filter_map(is_named);
        let named = named.collect();
        let mut weights = vec![0];
        let mut weight = 0;
        let known = timeline
            .events
            .iter()
            .map(|event| {
                weight += 1 + event.codes.len();
                weights.push(weight);
                let rule = rules.index_of(&event.rule);
                let category = rule.map(|index| rules.at(index).category.as_str());
                let mut failures: Vec<u64> =
                    event.codes.iter().map(|code| failure_key(*code)).collect();
                failures.sort_unstable();
                let is_of_trace = event.field("failure_trace").is_some();
                Known {
                    rule,
                    category: category.and_then(|category| categories.name(category)),
                    trace: traces.name(&event.trace),
                    session: sessions.name(&event.session),
                    failures,
                    has_real: event.codes.iter().any(|code| !is_wrapper(*code)),
                    is_failing: event.level == Level::Error
                        || is_of_trace
                        || memchr::memmem::find(event.text.as_bytes(), b"ailed").is_some(),
                    is_of_trace,
                }
            })
            .collect();
        Self {
            rules,
            timeline,
            known,
            sessions: sessions.0,
            named,
            weights,
            shares: HashMap::new(),
        }
    }

    /// Shares out among the tries of each day what they may look at.
    pub(super) fn share_out(&mut self, tries: &[Try<'_>]) {
        self.share_among(tries, MAX_LOOKED_AT);
    }

    fn share_among(&mut self, tries: &[Try<'_>], most: usize) {
        let mut wanted: HashMap<Day, (usize, usize)> = HashMap::new();
        for one in tries.iter().filter(|one| is_looked_through(one)) {
            let (looking, weight) = wanted.entry(self.timeline.day(one.to)).or_default();
            *looking += 1;
            let own = self.weight(one.to + 1) - self.weight(one.seen_from);
            *weight = weight.saturating_add(own);
        }
        let beyond = wanted.into_iter().filter(|(_, (_, weight))| *weight > most);
        self.shares = beyond
            .map(|(day, (looking, _))| (day, most / looking))
            .collect();
    }

    fn weight(&self, before: usize) -> usize {
        let last = || self.weights.last().copied().unwrap_or(0);
        self.weights.get(before).copied().unwrap_or_else(last)
    }

    /// What a try looks at: all of it, or its share around the record that names it; of both what the day sees that it is told on.
    pub(super) fn range(&self, one: &Try<'_>) -> impl Iterator<Item = usize> {
        let day = self.timeline.day(one.to);
        self.reach(one, day)
            .filter(move |at| self.timeline.is_seen_on(*at, day))
    }

    fn reach(&self, one: &Try<'_>, day: Day) -> Range<usize> {
        let whole = one.seen_from..one.to + 1;
        let share = self.shares.get(&day).copied().unwrap_or(usize::MAX);
        if self.weight(whole.end) - self.weight(whole.start) <= share {
            return whole;
        }
        let named_at = self.weight(one.named_by);
        let (low, high) = (
            named_at.saturating_sub(share / 2),
            named_at.saturating_add(share / 2),
        );
        let first = self.weights.partition_point(|weight| *weight < low);
        let end = self.weights.partition_point(|weight| *weight <= high);
        // The record itself, however many codes it has.
        first.clamp(one.seen_from, one.named_by)..end.clamp(one.named_by + 1, one.to + 1)
    }

    /// Places of a try whose records name its session or none.
    pub(super) fn places(&self, one: &Try<'_>) -> Vec<usize> {
        let session = self.sessions.get(one.session).copied();
        let is_own = |known: &Known| {
            session.is_none() || known.session.is_none_or(|own| Some(own) == session)
        };
        self.range(one)
            .filter(|at| self.known(*at).is_some_and(is_own))
            .collect()
    }

    pub(super) fn event(&self, at: usize) -> Option<&'t Event> {
        self.timeline.events.get(at).copied()
    }

    pub(super) fn known(&self, at: usize) -> Option<&Known> {
        self.known.get(at)
    }

    /// Fills in what a finding is about from the records up to it that name what was being worked on, the nearest first.
    pub(super) fn name_by_context(&self, from: usize, to: usize, finding: &mut Finding) {
        let end = self.named.partition_point(|at| *at <= to);
        let before = self.named.get(..end).unwrap_or_default();
        let near = before.iter().rev().take(MAX_NAMED);
        let mut near = near
            .take_while(|at| **at >= from)
            .filter_map(|at| self.event(*at))
            .peekable();
        if let Some(nearest) = near.peek() {
            // An installer that runs any program is told apart by the program.
            let is_program = nearest.package.is_empty() && !nearest.object.is_empty();
            if is_program && finding.object == GENERIC_INSTALLER {
                finding.object.push_str(": ");
                finding.object.push_str(&nearest.object);
            }
            // A file is missing of the package that is being staged, which need not be the one that is installed.
            if !nearest.package.is_empty() && finding.rule == FILE_OF_PACKAGE {
                finding.package.clone_from(&nearest.package);
                finding.kb.clone_from(&nearest.kb);
            }
        }
        for event in near {
            for (value, known) in [
                (&mut finding.object, &event.object),
                (&mut finding.package, &event.package),
                (&mut finding.kb, &event.kb),
            ] {
                if value.is_empty() {
                    value.clone_from(known);
                }
            }
        }
    }

    /// Whether a record's rule is of this category.
    pub(super) fn is_of(&self, at: usize, category: &str) -> bool {
        let rule = self.known(at).and_then(|known| known.rule);
        rule.is_some_and(|index| self.rules.at(index).category == category)
    }
}

/// Whether all records of a try are looked at.
fn is_looked_through(one: &Try<'_>) -> bool {
    one.outcome.is_failure() || one.outcome == Outcome::Cancelled || one.kind == Kind::Repair
}

/// Numbers for texts; none for the empty one.
#[derive(Default)]
struct Names<'a>(HashMap<&'a str, u32>);

impl<'a> Names<'a> {
    fn name(&mut self, text: &'a str) -> Option<u32> {
        if text.is_empty() {
            return None;
        }
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        Some(*self.0.entry(text).or_insert(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::{attempts, timeline};
    use event::{Chunk, Format, Source, StreamId, TextEncoding};

    /// So many failed attempts of one session that fails in the end: each reaches to the end.
    fn events(count: usize) -> Vec<Event> {
        let exec = |number: usize| {
            format!(
                "2024-05-01 08:00:00, Info                  CBS    Exec: Processing complete.  Session: 30000000_1, Package: \
                 Package_for_KB{}~31bf3856ad364e35~amd64~~1.0.0.{number} [HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]\r\n",
                5_000_000 + number
            )
        };
        let text: String = (0..count).map(exec).collect();
        let chunk = Chunk {
            tenant: "t".to_owned(),
            endpoint: "e".to_owned(),
            source: Source::Cbs,
            stream: StreamId(1),
            path: String::new(),
            offset: 0,
            length: text.len() as u64,
            encoding: TextEncoding::default(),
            format: Format::Wds,
            open: false,
            sender: String::new(),
            received_ms: 0,
            text,
        };
        crate::classify(Rules::shipped(), &chunk).events
    }

    #[test]
    fn tries_that_lie_in_each_other_share_what_they_may_look_at() {
        const COUNT: usize = 200;
        let events = events(COUNT);
        let events: Vec<&Event> = events.iter().collect();
        let timelines = timeline::build(&events, &[]);
        let mut look = Look::of(Rules::shipped(), &timelines[0]);
        let tries = attempts::find(&timelines[0]).tries;
        assert_eq!(tries.len(), COUNT);
        let whole: usize = tries.iter().map(|one| one.to + 1 - one.from).sum();
        assert!(whole > COUNT * COUNT / 3, "they lie in each other: {whole}");
        let looked_at = |look: &Look<'_, '_>| -> usize {
            tries.iter().map(|one| look.range(one).count()).sum()
        };
        look.share_out(&tries);
        assert_eq!(looked_at(&look), whole, "a real log's are looked through");
        let most = COUNT * 20;
        look.share_among(&tries, most);
        assert!(looked_at(&look) <= most);
        for one in &tries {
            let places: Vec<usize> = look.range(one).collect();
            assert!(places.contains(&one.named_by));
            assert!(one.from <= places[0] && places[places.len() - 1] <= one.to);
        }
    }
}
