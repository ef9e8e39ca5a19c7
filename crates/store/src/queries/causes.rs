//! Why it fails: causes of failed tries, each on its own day, and findings that stand for themselves.

use super::{
    Day, Filter,
    filter::CauseId,
    states::{Failing, Stands, States},
    told::Told,
    tries::{CauseAt, Found, Machine, Narrow, Try, Word, Words},
};
use crate::{error::Result, store::Store};
use event::{Code, LoggedAt};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What several failures have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Machines that fail by it.
    pub failing: Failing,
    /// Machines that failed by it in the range.
    pub endpoints: u64,
    /// Failed attempts; of findings that stand for themselves, repeats.
    pub count: u64,
    /// Earliest in the range, as logged.
    pub first: Option<LoggedAt>,
    /// Latest, as logged.
    pub last: Option<LoggedAt>,
    /// How it goes on; nothing where the page begins too late to tell.
    pub trend: Option<Trend>,
}

/// The causes of some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// First and last day.
    pub days: Option<(Day, Day)>,
    /// Those that machines fail by now first, then those of most machines; the thousand of most machines where there are more.
    pub causes: Vec<Cause>,
    /// How many there are.
    pub total: u64,
}

impl Cause {
    /// What tells it from others.
    pub fn id(&self) -> CauseId {
        CauseId::of(&self.rule, &self.category, self.root_code)
    }
}

/// How a cause goes on: machines that fail by it now, against a day ago and then a week ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// First seen less than a day ago.
    New,
    /// Nobody failed by it a day ago, somebody did before, and now again.
    Back,
    /// More than before.
    Growing,
    /// Fewer than before.
    Shrinking,
    /// As many as before.
    Steady,
    /// Nobody fails by it any more.
    Gone,
    /// Something to look at, by which nothing has failed.
    Noted,
}

impl Trend {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Back,
        Self::Growing,
        Self::Shrinking,
        Self::Steady,
        Self::Gone,
        Self::Noted,
    ];

    /// The name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Back => "back",
            Self::Growing => "growing",
            Self::Shrinking => "shrinking",
            Self::Steady => "steady",
            Self::Gone => "gone",
            Self::Noted => "noted",
        }
    }

    /// Back from [`Trend::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trend| trend.name() == name)
    }

    fn of(failing: Failing, first: i64, now: i64) -> Option<Self> {
        if failing.now == 0 {
            return Some(Self::Gone);
        }
        let day_ago = failing.day_ago?;
        let week_ago = failing.week_ago.unwrap_or(day_ago);
        Some(if first > now - 86_400 {
            Self::New
        } else if day_ago == 0 {
            Self::Back
        } else {
            let change = failing.now.cmp(&day_ago);
            match change.then(failing.now.cmp(&week_ago)) {
                Ordering::Greater => Self::Growing,
                Ordering::Less => Self::Shrinking,
                Ordering::Equal => Self::Steady,
            }
        })
    }
}

/// Causes that are ranked, those of most machines: far more than rules name, but of codes that none knows there may be thousands.
const RANKED: usize = 1_000;

/// What a machine has of one cause.
#[derive(Default)]
pub(super) struct OfCause<'m> {
    /// Tries that failed by it.
    pub(super) tries: Vec<&'m Try>,
    pub(super) found: Vec<&'m Found>,
}

/// A failed try, or a finding that stands for itself.
pub(super) struct Failed {
    /// On whose day it counts.
    pub(super) moment: i64,
    /// When it was over.
    pub(super) seen: i64,
    pub(super) repeats: u64,
    pub(super) kb: Word,
    pub(super) terminal: u32,
}

impl Failed {
    pub(super) fn day(&self) -> Day {
        let day = self.moment.div_euclid(86_400);
        day.clamp(0, Day::MAX.into()) as Day
    }
}

impl OfCause<'_> {
    /// What counts: a finding that tries have as their cause is counted by them.
    pub(super) fn failed(&self) -> impl Iterator<Item = Failed> {
        let tries = self.tries.iter().map(|tried| Failed {
            moment: tried.start,
            seen: tried.end,
            repeats: 1,
            kb: tried.kb,
            terminal: tried.terminal,
        });
        let found = match self.tries.is_empty() {
            true => self.found.as_slice(),
            false => &[],
        };
        tries.chain(found.iter().map(|found| Failed {
            moment: found.at,
            seen: found.at,
            repeats: found.repeats.into(),
            kb: found.kb,
            terminal: found.terminal,
        }))
    }
}

/// What a machine failed by, of what a page asks for.
pub(super) fn by_cause<'m>(
    narrow: &Narrow<'_>,
    words: &Words,
    machine: Machine<'m>,
) -> BTreeMap<CauseAt, OfCause<'m>> {
    let mut causes: BTreeMap<CauseAt, OfCause<'m>> = BTreeMap::new();
    for tried in machine.tries.iter().filter(|tried| tried.has_failed()) {
        if narrow.is_asked(words, tried.kb, tried.cause, tried.terminal) {
            causes.entry(tried.cause).or_default().tries.push(tried);
        }
    }
    for found in machine.found {
        if narrow.is_asked(words, found.kb, found.cause, found.terminal) {
            causes.entry(found.cause).or_default().found.push(found);
        }
    }
    causes
}

/// How often machines failed, by cause.
#[derive(Default)]
pub(super) struct CauseCounts {
    causes: HashMap<CauseAt, Counted>,
    totals: CauseTotals,
}

struct Counted {
    endpoints: u64,
    count: u64,
    first: i64,
    last: i64,
    /// Whether something failed by it, or is only something to look at.
    is_failure: bool,
    objects: BTreeSet<Word>,
}

impl Default for Counted {
    fn default() -> Self {
        Self {
            endpoints: 0,
            count: 0,
            first: i64::MAX,
            last: i64::MIN,
            is_failure: false,
            objects: BTreeSet::new(),
        }
    }
}

impl CauseCounts {
    /// Counts what a machine failed by.
    pub(super) fn add(&mut self, causes: &BTreeMap<CauseAt, OfCause<'_>>) {
        self.totals.endpoints += u64::from(!causes.is_empty());
        for (&cause, of_cause) in causes {
            let counted = self.causes.entry(cause).or_default();
            counted.endpoints += 1;
            for failed in of_cause.failed() {
                counted.count += failed.repeats;
                self.totals.count += failed.repeats;
                counted.first = counted.first.min(failed.seen);
                counted.last = counted.last.max(failed.seen);
            }
            counted.is_failure |= !of_cause.tries.is_empty();
            for found in &of_cause.found {
                counted.is_failure |= found.is_wrong;
                if !found.object.is_empty() {
                    counted.objects.insert(found.object);
                }
            }
        }
    }

    /// How many causes there are.
    pub(super) fn total(&self) -> u64 {
        self.causes.len() as u64
    }

    /// Which there are.
    pub(super) fn all(&self) -> BTreeSet<CauseAt> {
        self.causes.keys().copied().collect()
    }

    /// All of them together.
    pub(super) fn totals(&self) -> CauseTotals {
        self.totals
    }

    /// Those that most machines fail by now first: what fails now matters more than what failed once. Of more than a thousand those of
    /// most machines.
    pub(super) fn ranked(&self, words: &Words, states: &States, now: i64) -> Vec<Cause> {
        let mut causes: Vec<_> = self.causes.iter().collect();
        causes.sort_unstable_by_key(|(cause, counted)| {
            (
                Reverse((counted.endpoints, counted.count)),
                words.told(**cause),
            )
        });
        causes.truncate(RANKED);
        let mut causes: Vec<Cause> = causes
            .into_iter()
            .map(|(&cause, counted)| {
                let failing = states.by_cause(cause);
                let at = |at: i64| (at != event::Month::FAR_OFF.start().0).then_some(LoggedAt(at));
                let told = words.told(cause);
                let one_object = counted
                    .objects
                    .first()
                    .filter(|_| counted.objects.len() == 1);
                Cause {
                    trend: match counted.is_failure {
                        false => Some(Trend::Noted),
                        true => Trend::of(failing, counted.first, now),
                    },
                    category: told.category.to_owned(),
                    rule: told.rule.to_owned(),
                    root_code: told.root_code(),
                    object: one_object
                        .map_or(String::new(), |&object| words.text(object).to_owned()),
                    objects: counted.objects.len() as u64,
                    failing,
                    endpoints: counted.endpoints,
                    count: counted.count,
                    first: at(counted.first),
                    last: at(counted.last),
                }
            })
            .collect();
        causes.sort_by_key(|cause| Reverse((cause.failing.now, cause.endpoints, cause.count)));
        causes
    }
}

/// How often something failed by a cause, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CauseTotals {
    /// Machines.
    pub endpoints: u64,
    /// Failed attempts; of findings that stand for themselves, repeats.
    pub count: u64,
}

impl Store {
    /// All causes of the days that are ranked, those that machines fail by now first; and how many causes there are.
    pub async fn causes(&self, filter: &Filter) -> Result<Causes> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Causes::default());
        };
        let told = self.told(filter, from, to).await?;
        let (stands, narrow) = (Stands::with_history(&told), Narrow::of(&told));
        let (mut words, mut states) = (Words::default(), States::new(&told));
        let mut counts = CauseCounts::default();
        self.each_machine(&told, &mut words, |words, machine| {
            states.add(&stands.of(words, machine));
            counts.add(&by_cause(&narrow, words, machine));
        })
        .await?;
        Ok(Causes {
            days: Some((from, to)),
            total: counts.total(),
            causes: counts.ranked(&words, &states, told.now()),
        })
    }

    /// Causes without how they go on.
    pub(super) async fn counted_causes(&self, told: &Told<'_>) -> Result<(Words, CauseCounts)> {
        let (mut words, mut counts) = (Words::default(), CauseCounts::default());
        let narrow = Narrow::of(told);
        self.each_machine(told, &mut words, |words, machine| {
            counts.add(&by_cause(&narrow, words, machine));
        })
        .await?;
        Ok((words, counts))
    }

    /// How the fleet fails by the causes that a filter names, in the days that a page of it shows.
    pub async fn cause_totals(&self, filter: &Filter) -> Result<CauseTotals> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(CauseTotals::default());
        };
        let told = self.told(filter, from, to).await?;
        let (_, counts) = self.counted_causes(&told).await?;
        Ok(counts.totals())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_goes_on_as_its_machines_do() {
        const DAY: i64 = 86_400;
        let now = 100 * DAY;
        let (old, new) = (now - 9 * DAY, now - 60);
        for ((of_now, day_ago, week_ago), first, trend) in [
            ((0, Some(3), Some(3)), old, Some(Trend::Gone)),
            ((0, Some(0), Some(0)), new, Some(Trend::Gone)),
            ((0, None, None), new, Some(Trend::Gone)),
            ((2, Some(0), Some(0)), new, Some(Trend::New)),
            ((2, Some(0), Some(5)), old, Some(Trend::Back)),
            ((3, Some(2), Some(9)), old, Some(Trend::Growing)),
            ((3, Some(3), Some(2)), old, Some(Trend::Growing)),
            ((3, Some(4), Some(0)), old, Some(Trend::Shrinking)),
            ((3, Some(3), Some(4)), old, Some(Trend::Shrinking)),
            ((3, Some(3), Some(3)), old, Some(Trend::Steady)),
            // A page that begins too late to know.
            ((3, Some(3), None), old, Some(Trend::Steady)),
            ((3, None, None), new, None),
        ] {
            let failing = Failing {
                now: of_now,
                day_ago,
                week_ago,
            };
            assert_eq!(Trend::of(failing, first, now), trend, "{failing:?}");
        }
    }
}
