//! What is broken now: the state of each machine for each update, from its tries in the days of a page.
//!
//! A try that failed is over when a later one of the same update went well, or when a later update of its line with at least its version
//! is installed or waits for a restart. A finding that no failed try has as its cause stands for itself, until its KB or an update of any line goes well.
//! Days are those of the page, so what failed before them is not seen, and never is a state stored: it spans months, and what is stored
//! belongs to one.

use super::{
    told::Told,
    tries::{CauseAt, Found, Machine, Narrow, Try, Word, Words, Zone},
};
use event::Outcome;
use std::collections::{BTreeMap, BTreeSet};

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

    /// Whether one who asks for machines in this state means those in `other` too: who has an update has it, however it came to it.
    pub(super) fn holds(self, other: Self) -> bool {
        match self {
            Self::Installed => {
                matches!(other, Self::Installed | Self::Recovered | Self::Superseded)
            }
            state => state == other,
        }
    }

    /// Back from [`State::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
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

/// A machine and an update, or a finding that stands for itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    /// Empty where it has none.
    pub(super) kb: Word,
    /// Whether it is a finding.
    pub(super) is_found: bool,
    pub(super) state: State,
    /// How many tries failed.
    pub(super) failed: u64,
    /// When the last one did, and by what; nothing where none did.
    pub(super) failure: Option<(i64, CauseAt)>,
    /// The zone of the last one.
    pub(super) zone: Zone,
    /// Tries that failed since one of them last went well, and when the first of them did. A finding is no try, and began when it was first seen.
    pub(super) again: (u64, Option<i64>),
    /// Whether the page asks for it; else it is there for what was before alone.
    pub(super) is_shown: bool,
    /// What it failed by a day before the page's end, if it did and the page asks for that.
    pub(super) day_ago: Option<CauseAt>,
    /// Seven days before it.
    pub(super) week_ago: Option<CauseAt>,
}

/// One that went well, and so may end failures before it.
struct Good {
    at: i64,
    kb: Word,
    line: Word,
    version: u64,
}

/// The last failure of a stand until a time.
#[derive(Clone, Copy)]
struct Failure {
    at: i64,
    version: u64,
    cause: CauseAt,
    zone: Zone,
    is_asked: bool,
}

/// What tells how machines stand.
pub(super) struct Stands<'a> {
    narrow: Narrow<'a>,
    /// The ends of the day and of the week before the page's end; nothing where nobody asks for what was before.
    before: Option<(i64, i64)>,
}

impl<'a> Stands<'a> {
    /// As it is at the end of the page's days.
    pub(super) fn now(told: &Told<'a>) -> Self {
        Self {
            narrow: Narrow::of(told),
            before: None,
        }
    }

    /// And as it was a day and a week before that.
    pub(super) fn with_history(told: &Told<'a>) -> Self {
        let before = (told.now() - 86_400, told.now() - 7 * 86_400);
        Self {
            before: Some(before),
            ..Self::now(told)
        }
    }

    /// How a machine stands with each update that it tried and each finding that stands for itself, where the page asks for it.
    pub(super) fn of(&self, words: &Words, machine: Machine<'_>) -> Vec<Stand> {
        let mut tries: Vec<&Try> = machine.tries.iter().collect();
        tries.sort_unstable_by_key(|tried| update(tried));
        let updates: Vec<(&[&Try], Word)> = tries
            .chunk_by(|one, other| update(one) == update(other))
            .map(|of_update| (of_update, line_of(words, of_update)))
            .collect();
        let failed_by: BTreeSet<CauseAt> = machine
            .tries
            .iter()
            .filter(|tried| tried.has_failed())
            .map(|tried| tried.cause)
            .collect();
        let mut found: Vec<&Found> = machine
            .found
            .iter()
            // A finding that tries have as their cause is told by them.
            .filter(|found| found.is_wrong && !failed_by.contains(&found.cause))
            .collect();
        found.sort_unstable_by_key(|found| found.cause);
        let mut goods = Vec::new();
        if !found.is_empty() || updates.iter().any(|(_, line)| !line.is_empty()) {
            for &(of_update, line) in &updates {
                let went_well = of_update.iter().filter(|tried| is_good(tried.outcome));
                goods.extend(went_well.map(|tried| Good {
                    at: tried.end,
                    kb: tried.kb,
                    line,
                    version: tried.version,
                }));
            }
        }
        let tried = updates
            .iter()
            .map(|&(of_update, line)| self.tried(words, of_update, line, &goods));
        let stands = found
            .chunk_by(|one, other| one.cause == other.cause)
            .map(|found| self.found(words, found, &goods));
        tried
            .chain(stands)
            .filter(|stand| {
                (stand.is_shown || stand.day_ago.is_some() || stand.week_ago.is_some())
                    && self.narrow.is_of_kb(words, stand.kb)
            })
            .collect()
    }

    fn tried(&self, words: &Words, tries: &[&Try], line: Word, goods: &[Good]) -> Stand {
        let failure = |until: i64| {
            let failures = tries
                .iter()
                .filter(|tried| tried.has_failed() && tried.end <= until);
            let last = failures.max_by_key(|tried| (tried.end, words.told(tried.cause)));
            last.map(|tried| Failure {
                at: tried.end,
                version: tried.version,
                cause: tried.cause,
                zone: tried.zone,
                is_asked: self.narrow.is_of_cause(words, tried.cause, tried.terminal),
            })
        };
        // The last end that is known until a time; of two in a second the better one.
        let last = |until: i64| {
            let known = tries
                .iter()
                .filter(|tried| tried.outcome != Outcome::Unknown && tried.end <= until);
            let last = known.max_by_key(|tried| (tried.end, goodness(tried.outcome)));
            last.map_or(Outcome::Unknown, |tried| tried.outcome)
        };
        let is_ended = |failure: Failure, until: i64| {
            !line.is_empty()
                && goods.iter().any(|good| {
                    (failure.at + 1..=until).contains(&good.at)
                        && good.line == line
                        && good.version >= failure.version
                })
        };
        let fails_by = |until: i64| {
            let failure = failure(until).filter(|_| last(until).is_failure())?;
            (!is_ended(failure, until)).then_some(failure)
        };
        let (last, of_last) = (last(i64::MAX), failure(i64::MAX));
        let failed = tries.iter().filter(|tried| tried.has_failed()).count() as u64;
        let state = match last {
            Outcome::Failed | Outcome::RolledBack => match fails_by(i64::MAX) {
                Some(_) => State::Failing,
                None => State::Superseded,
            },
            Outcome::PendingReboot => State::Restart,
            Outcome::Cancelled => State::Cancelled,
            Outcome::Succeeded if failed > 0 => State::Recovered,
            Outcome::Succeeded => State::Installed,
            Outcome::Unknown => State::Unknown,
        };
        let went_well = tries.iter().filter(|tried| is_good(tried.outcome));
        let went_well = went_well.map(|tried| tried.end).max();
        let since = tries
            .iter()
            .filter(|tried| tried.has_failed() && Some(tried.end) > went_well);
        let again = since.clone().count() as u64;
        let asked_by = |until: i64| fails_by(until).filter(|failure| failure.is_asked);
        let is_shown = match state {
            State::Failing => of_last.is_some_and(|failure| failure.is_asked),
            _ => {
                let mut failures = tries.iter().filter(|tried| tried.has_failed());
                !self.narrow.has_cause()
                    || failures
                        .any(|tried| self.narrow.is_of_cause(words, tried.cause, tried.terminal))
            }
        };
        Stand {
            kb: tries.first().map_or(Word::EMPTY, |tried| tried.kb),
            is_found: false,
            state,
            failed,
            failure: of_last.map(|failure| (failure.at, failure.cause)),
            zone: of_last.and_then(|failure| failure.zone),
            again: (again, since.map(|tried| tried.end).min()),
            is_shown,
            day_ago: self.before(|(day, _)| asked_by(day)),
            week_ago: self.before(|(_, week)| asked_by(week)),
        }
    }

    fn found(&self, words: &Words, found: &[&Found], goods: &[Good]) -> Stand {
        let last = |until: i64| {
            let found = found.iter().filter(|found| found.at <= until);
            found.max_by_key(|found| (found.at, words.text(found.kb)))
        };
        let latest = last(i64::MAX);
        let kb = latest.map_or(Word::EMPTY, |found| found.kb);
        let stands = |until: i64| {
            let found = last(until)?;
            // Its own update, or one of any line, holds what it lacked.
            let is_ended = goods.iter().any(|good| {
                (found.at + 1..=until).contains(&good.at)
                    && (!good.line.is_empty() || (!kb.is_empty() && good.kb == kb))
            });
            (!is_ended).then_some(Failure {
                at: found.at,
                version: 0,
                cause: found.cause,
                zone: found.zone,
                is_asked: self.narrow.is_of_cause(words, found.cause, found.terminal),
            })
        };
        let now = stands(i64::MAX);
        let asked = |until: i64| stands(until).filter(|failure| failure.is_asked);
        Stand {
            kb,
            is_found: true,
            state: match now {
                Some(_) => State::Failing,
                None => State::Superseded,
            },
            failed: 0,
            failure: latest.map(|found| (found.at, found.cause)),
            zone: latest.and_then(|found| found.zone),
            again: (0, found.iter().map(|found| found.at).min()),
            is_shown: now.is_some_and(|failure| failure.is_asked),
            day_ago: self.before(|(day, _)| asked(day)),
            week_ago: self.before(|(_, week)| asked(week)),
        }
    }

    fn before(&self, failure: impl Fn((i64, i64)) -> Option<Failure>) -> Option<CauseAt> {
        Some(failure(self.before?)?.cause)
    }
}

/// What a try is of: its KB, or its package where it has none.
fn update(tried: &Try) -> Word {
    if tried.kb.is_empty() {
        tried.package
    } else {
        tried.kb
    }
}

fn line_of(words: &Words, tries: &[&Try]) -> Word {
    let lines = tries.iter().map(|tried| tried.line);
    lines
        .max_by_key(|&line| words.text(line))
        .unwrap_or_default()
}

fn is_good(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Succeeded | Outcome::PendingReboot)
}

fn goodness(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Unknown => 0,
        Outcome::Failed => 1,
        Outcome::RolledBack => 2,
        Outcome::Cancelled => 3,
        Outcome::PendingReboot => 4,
        Outcome::Succeeded => 5,
    }
}

/// What a machine tried, all updates together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) endpoint: String,
    /// The gravest.
    pub(super) state: State,
    pub(super) tries_failed: u64,
    /// When it last failed, as logged, and by what: of what failed that which still does, then the later one.
    pub(super) last_failed: Option<i64>,
    pub(super) cause: Option<CauseAt>,
    /// That it failed.
    pub(super) kb: Word,
}

impl Tried {
    /// Of how a machine stands; nothing where the page asks for none of it.
    pub(super) fn of(words: &Words, endpoint: &str, stands: &[Stand]) -> Option<Self> {
        let shown = || stands.iter().filter(|stand| stand.is_shown);
        let worst = shown().min_by_key(|stand| {
            let (at, cause) = stand
                .failure
                .map_or((0, None), |(at, cause)| (at, Some(words.told(cause))));
            (
                stand.state != State::Failing,
                std::cmp::Reverse(at),
                cause,
                words.text(stand.kb),
            )
        })?;
        Some(Self {
            endpoint: endpoint.to_owned(),
            state: shown().map(|stand| stand.state).min()?,
            tries_failed: shown().map(|stand| stand.failed).sum(),
            last_failed: shown()
                .filter_map(|stand| stand.failure)
                .map(|(at, _)| at)
                .max(),
            cause: worst.failure.map(|(_, cause)| cause),
            kb: worst.kb,
        })
    }
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
    kbs: BTreeMap<Word, Machines>,
    /// By cause.
    causes: BTreeMap<CauseAt, Failing>,
}

impl States {
    /// Of no machine yet.
    pub(super) fn new(told: &Told<'_>) -> Self {
        // Of what was before the days of the page nobody can say whether it failed.
        let since = |days: i64| (told.starts() < told.now() - days * 86_400).then_some(0);
        let nobody = Failing {
            now: 0,
            day_ago: since(1),
            week_ago: since(7),
        };
        Self {
            nobody,
            failing: nobody,
            ..Self::default()
        }
    }

    /// Counts a machine: once with its gravest state, once with each KB, and once with each cause that it fails by.
    pub(super) fn add(&mut self, stands: &[Stand]) {
        let shown = || stands.iter().filter(|stand| stand.is_shown);
        let nobody = self.nobody;
        let fails_by: BTreeSet<CauseAt> = shown()
            .filter(|stand| stand.state == State::Failing)
            .filter_map(|stand| stand.failure)
            .map(|(_, cause)| cause)
            .collect();
        let day_ago: BTreeSet<CauseAt> = stands.iter().filter_map(|stand| stand.day_ago).collect();
        let week_ago: BTreeSet<CauseAt> =
            stands.iter().filter_map(|stand| stand.week_ago).collect();
        if let Some(gravest) = shown().map(|stand| stand.state).min() {
            self.machines.add(gravest, 1);
        }
        let mut add = |count: fn(&mut Failing) -> &mut u64, causes: &BTreeSet<CauseAt>| {
            if !causes.is_empty() {
                *count(&mut self.failing) += 1;
            }
            for &cause in causes {
                *count(self.causes.entry(cause).or_insert(nobody)) += 1;
            }
        };
        add(|failing| &mut failing.now, &fails_by);
        add(|failing| failing.day_ago.get_or_insert_default(), &day_ago);
        add(
            |failing| failing.week_ago.get_or_insert_default(),
            &week_ago,
        );
        for stand in shown().filter(|stand| !stand.is_found && !stand.kb.is_empty()) {
            self.kbs.entry(stand.kb).or_default().add(stand.state, 1);
        }
    }

    /// Machines that fail by a cause.
    pub(super) fn by_cause(&self, cause: CauseAt) -> Failing {
        self.causes.get(&cause).copied().unwrap_or(self.nobody)
    }

    /// Machines by state, by KB.
    pub(super) fn by_kb(&self, words: &Words) -> BTreeMap<String, Machines> {
        let named = self.kbs.iter();
        named
            .map(|(&kb, machines)| (words.text(kb).to_owned(), machines.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queries::{Filter, tries::testing};

    const DAY: i64 = 86_400;

    /// How a machine stands with what it tried: `(end, KB, version, outcome)`, and findings `(at, rule)`.
    fn stands(
        filter: &Filter,
        tries: &[(i64, &str, u64, Outcome)],
        found: &[(i64, &str)],
    ) -> Vec<(String, State, bool, u64, bool)> {
        let mut words = Words::default();
        let tries: Vec<Try> = tries
            .iter()
            .map(|&(end, kb, version, outcome)| {
                testing::tried(&mut words, end, kb, version, outcome)
            })
            .collect();
        let found: Vec<Found> = found
            .iter()
            .map(|&(at, rule)| testing::found(&mut words, at, rule))
            .collect();
        let machine = Machine {
            endpoint: "PC-1",
            tries: &tries,
            found: &found,
        };
        let stands = Stands {
            narrow: testing::narrow(filter),
            before: Some((9 * DAY, 3 * DAY)),
        };
        let stands = stands.of(&words, machine).into_iter();
        stands
            .filter(|stand| stand.is_shown)
            .map(|stand| {
                let kb = words.text(stand.kb).to_owned();
                let was = stand.day_ago.is_some();
                (kb, stand.state, stand.is_found, stand.failed, was)
            })
            .collect()
    }

    fn of_tries(tries: &[(i64, &str, u64, Outcome)]) -> Vec<(State, u64, bool)> {
        let stands = stands(&Filter::default(), tries, &[]).into_iter();
        stands
            .map(|(_, state, _, failed, was)| (state, failed, was))
            .collect()
    }

    #[test]
    fn the_last_known_end_of_an_update_is_its_state() {
        use Outcome::{Cancelled, Failed, PendingReboot, RolledBack, Succeeded, Unknown};
        for (tries, expected) in [
            (
                &[(1, "KB1", 1, Succeeded)][..],
                (State::Installed, 0, false),
            ),
            (
                &[(1, "KB1", 1, Failed), (2, "KB1", 1, Succeeded)],
                (State::Recovered, 1, false),
            ),
            // Of two in a second the better one is the last, in whichever order they are told.
            (
                &[(2, "KB1", 1, Succeeded), (2, "KB1", 1, Failed)],
                (State::Recovered, 1, false),
            ),
            (
                &[(1, "KB1", 1, Succeeded), (2, "KB1", 1, RolledBack)],
                (State::Failing, 1, true),
            ),
            // What nobody knows the end of says nothing.
            (
                &[(1, "KB1", 1, Failed), (2, "KB1", 1, Unknown)],
                (State::Failing, 1, true),
            ),
            (&[(1, "KB1", 1, Unknown)], (State::Unknown, 0, false)),
            (
                &[(1, "KB1", 1, Failed), (2, "KB1", 1, PendingReboot)],
                (State::Restart, 1, false),
            ),
            (
                &[(1, "KB1", 1, Failed), (2, "KB1", 1, Cancelled)],
                (State::Cancelled, 1, false),
            ),
            // It failed a day ago, and is installed since.
            (
                &[(8 * DAY, "KB1", 1, Failed), (10 * DAY, "KB1", 1, Succeeded)],
                (State::Recovered, 1, true),
            ),
            // It fails since less than a day.
            (&[(10 * DAY, "KB1", 1, Failed)], (State::Failing, 1, false)),
        ] {
            assert_eq!(of_tries(tries), [expected], "{tries:?}");
        }
    }

    #[test]
    fn a_later_update_of_the_line_holds_those_up_to_its_version() {
        use Outcome::{Failed, PendingReboot, Succeeded};
        for (at, version, outcome, state) in [
            (2, 5, Succeeded, State::Superseded),
            (2, 6, PendingReboot, State::Superseded),
            (2, 4, Succeeded, State::Failing),
            (1, 5, Succeeded, State::Failing),
            (2, 5, Failed, State::Failing),
        ] {
            let tries = [(1, "KB1", 5, Failed), (at, "KB2", version, outcome)];
            let stands = stands(&Filter::default(), &tries, &[]);
            let first = stands.iter().find(|stand| stand.0 == "KB1");
            assert_eq!(first.map(|stand| stand.1), Some(state), "{tries:?}");
        }
    }

    #[test]
    fn a_finding_stands_until_an_update_goes_well_unless_tries_failed_by_it() {
        use Outcome::{Failed, Succeeded};
        let all = Filter::default();
        assert_eq!(
            stands(&all, &[], &[(5, "rule_1")]),
            [("".to_owned(), State::Failing, true, 0, true)]
        );
        assert_eq!(
            stands(&all, &[(6, "KB1", 1, Succeeded)], &[(5, "rule_1")]).len(),
            1
        );
        assert_eq!(
            stands(&all, &[(4, "KB1", 1, Succeeded)], &[(5, "rule_1")]).len(),
            2
        );
        // The cause of all tries here.
        let by_it = stands(&all, &[(4, "KB1", 1, Failed)], &[(5, "rule_of_tries")]);
        assert_eq!(by_it, [("KB1".to_owned(), State::Failing, false, 1, true)]);
    }

    #[test]
    fn what_others_tried_decides_a_state_and_is_not_shown() {
        use Outcome::{Failed, Succeeded};
        let tries = [(1, "KB1", 5, Failed), (2, "KB2", 5, Succeeded)];
        let one = Filter {
            kb: Some("KB1".to_owned()),
            ..Filter::default()
        };
        let shown = stands(&one, &tries, &[]);
        assert_eq!(
            shown,
            [("KB1".to_owned(), State::Superseded, false, 1, false)]
        );
        let other = Filter {
            category: Some("of_another".to_owned()),
            ..Filter::default()
        };
        assert_eq!(stands(&other, &tries, &[]), []);
    }

    #[test]
    fn a_machine_counts_once_with_its_gravest_state() {
        let mut words = Words::default();
        let tries = [
            testing::tried(&mut words, 1, "KB1", 1, Outcome::Failed),
            testing::tried(&mut words, 2, "KB2", 0, Outcome::Succeeded),
        ];
        let machine = Machine {
            endpoint: "PC-1",
            tries: &tries,
            found: &[],
        };
        let all = Filter::default();
        let stands = Stands {
            narrow: testing::narrow(&all),
            before: None,
        };
        let stands = stands.of(&words, machine);
        let mut states = States::default();
        states.add(&stands);
        assert_eq!(states.machines.of(State::Failing), 1);
        assert_eq!(states.machines.tried(), 1);
        let kbs = states.by_kb(&words);
        assert_eq!(kbs["KB1"].of(State::Failing), 1);
        assert_eq!(kbs["KB2"].of(State::Installed), 1);
        let tried = Tried::of(&words, "PC-1", &stands).unwrap();
        assert_eq!((tried.state, tried.tries_failed), (State::Failing, 1));
        assert_eq!((words.text(tried.kb), tried.last_failed), ("KB1", Some(1)));
    }
}
