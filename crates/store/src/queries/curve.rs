//! How updates went out, day by day, and which one came before which: one definition for the page of an update and for alerts.

use super::{
    Day,
    told::Told,
    tries::{Machine, Try, Word, Words},
    updates::RolloutDay,
};
use event::Outcome;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How long before the days of a page the update before is looked for: they come by the month.
pub(super) const MONTH_BEFORE: Day = 45;

/// How an update went out: machines by the days on which one was first tried, first succeeded and first failed.
pub(super) struct Curve {
    from: Day,
    to: Day,
    /// Its first try.
    pub(super) first: Option<Day>,
    machines: BTreeMap<(Day, Option<Day>, Option<Day>), u64>,
}

impl Curve {
    pub(super) fn new(from: Day, to: Day) -> Self {
        Self {
            from,
            to,
            first: None,
            machines: BTreeMap::new(),
        }
    }

    /// Counts a machine's tries of the update; nothing where there are none.
    pub(super) fn add<'t>(&mut self, tries: impl Iterator<Item = &'t Try>) {
        let (mut good, mut bad, mut first) = (None, None, None);
        let least = |known: Option<Day>, day: Day| Some(known.map_or(day, |known| known.min(day)));
        for tried in tries {
            // A try that begins in the days may end after them.
            let ended = tried.end.div_euclid(86_400);
            let ended = ended.clamp(self.from.into(), self.to.into()) as Day;
            match tried.outcome {
                Outcome::Succeeded => good = least(good, ended),
                Outcome::Failed | Outcome::RolledBack => bad = least(bad, ended),
                _ => {}
            }
            first = least(first, tried.day);
        }
        if let Some(first) = first {
            self.first = least(self.first, first);
            *self.machines.entry((first, good, bad)).or_default() += 1;
        }
    }

    /// Where the update stands at the end of a day.
    pub(super) fn at_end(&self, day: Day) -> RolloutDay {
        let by = |at: Option<Day>| at.is_some_and(|at| at <= day);
        let sum = |is: &dyn Fn(Day, bool, bool) -> bool| {
            let machines = self.machines.iter();
            let those = machines.filter(|((first, good, bad), _)| is(*first, by(*good), by(*bad)));
            those.map(|(_, machines)| machines).sum()
        };
        RolloutDay {
            day,
            tried: sum(&|first, _, _| first <= day),
            installed: sum(&|_, good, _| good),
            failing: sum(&|_, good, bad| bad && !good),
        }
    }
}

/// How all updates of some days went out.
pub(super) struct Curves {
    from: Day,
    to: Day,
    of_kb: BTreeMap<Word, OfKb>,
}

/// One of them.
struct OfKb {
    curve: Curve,
    /// Its tries, by line and version; those without a line tell nothing of it.
    lines: BTreeMap<(Word, u64), u64>,
}

/// The first part of a version.
fn branch(version: u64) -> u64 {
    version >> 48
}

impl Curves {
    /// None yet, of the days of a page.
    pub(super) fn of(told: &Told<'_>) -> Self {
        Self::new(told.days())
    }

    fn new((from, to): (Day, Day)) -> Self {
        Self {
            from,
            to,
            of_kb: BTreeMap::new(),
        }
    }

    /// Counts what a machine tried.
    pub(super) fn add(&mut self, machine: Machine<'_>) {
        let with_kb = machine.tries.iter().filter(|tried| !tried.kb.is_empty());
        let mut tries: Vec<&Try> = with_kb.collect();
        tries.sort_unstable_by_key(|tried| tried.kb);
        for of_kb in tries.chunk_by(|one, other| one.kb == other.kb) {
            let Some(first) = of_kb.first() else { continue };
            let known = self.of_kb.entry(first.kb).or_insert_with(|| OfKb {
                curve: Curve::new(self.from, self.to),
                lines: BTreeMap::new(),
            });
            known.curve.add(of_kb.iter().copied());
            for tried in of_kb.iter().filter(|tried| !tried.line.is_empty()) {
                *known.lines.entry((tried.line, tried.version)).or_default() += 1;
            }
        }
    }

    /// The update with this KB, if anybody tried it.
    pub(super) fn kb(&self, words: &Words, kb: &str) -> Option<Word> {
        self.kbs().find(|&known| words.is(known, kb))
    }

    /// All updates.
    pub(super) fn kbs(&self) -> impl Iterator<Item = Word> {
        self.of_kb.keys().copied()
    }

    /// How one went out.
    pub(super) fn curve(&self, kb: Word) -> Option<&Curve> {
        self.of_kb.get(&kb).map(|known| &known.curve)
    }

    /// The same for good.
    pub(super) fn take(mut self, kb: Word) -> Option<Curve> {
        self.of_kb.remove(&kb).map(|known| known.curve)
    }

    /// The update before one: of its line and its branch the greatest version below its own.
    pub(super) fn before(&self, words: &Words, kb: Word) -> Option<Word> {
        // An update may have packages of several branches: its own is the one of most tries.
        let mut own: BTreeMap<(Word, u64), (u64, u64)> = BTreeMap::new();
        for (&(line, version), tries) in &self.of_kb.get(&kb)?.lines {
            let (all, greatest) = own.entry((line, branch(version))).or_default();
            *all += tries;
            *greatest = version.max(*greatest);
        }
        let (&(line, of_branch), &(_, version)) =
            own.iter().min_by_key(|((line, branch), (tries, _))| {
                (Reverse(*tries), words.text(*line), *branch)
            })?;
        let below = |lines: &BTreeMap<(Word, u64), u64>| {
            let mut versions = lines.keys().rev();
            let found = versions.find(|(other, below)| {
                *other == line && branch(*below) == of_branch && *below < version
            });
            found.map(|(_, version)| *version)
        };
        let others = self.of_kb.iter().filter(|(other, _)| **other != kb);
        let others = others.filter_map(|(other, known)| Some((*other, below(&known.lines)?)));
        others
            .min_by_key(|(other, version)| (Reverse(*version), words.text(*other)))
            .map(|(other, _)| other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queries::tries::testing;

    const DAY: i64 = 86_400;

    /// A version of a branch.
    fn version(branch: u64, build: u64) -> u64 {
        branch << 48 | build << 32
    }

    /// Curves of machines that tried `(day, kb, version, outcome)`.
    fn curves(machines: &[&[(Day, &str, u64, Outcome)]]) -> (Words, Curves) {
        let (mut words, mut curves) = (Words::default(), Curves::new((0, 30)));
        for tries in machines {
            let tries = tries.iter().map(|&(day, kb, version, outcome)| Try {
                day,
                ..testing::tried(&mut words, i64::from(day) * DAY + 60, kb, version, outcome)
            });
            let tries: Vec<Try> = tries.collect();
            curves.add(Machine {
                endpoint: "PC-1",
                tries: &tries,
                found: &[],
            });
        }
        (words, curves)
    }

    fn before(machines: &[&[(Day, &str, u64, Outcome)]], kb: &str) -> Option<String> {
        let (words, curves) = curves(machines);
        let kb = curves.kb(&words, kb)?;
        Some(words.text(curves.before(&words, kb)?).to_owned())
    }

    #[test]
    fn a_machine_has_tried_from_its_first_try_on_and_fails_until_one_goes_well() {
        use Outcome::{Failed, PendingReboot, Succeeded};
        let (words, curves) = curves(&[
            &[(3, "KB1", 1, Failed), (5, "KB1", 1, Succeeded)],
            &[(4, "KB1", 1, PendingReboot)],
            &[(4, "KB2", 1, Failed)],
            &[(6, "KB1", 1, Failed)],
        ]);
        let curve = curves.kb(&words, "KB1").and_then(|kb| curves.curve(kb));
        let curve = curve.unwrap();
        assert_eq!(curve.first, Some(3));
        let told = [2, 3, 4, 5, 6].map(|day| {
            let at = curve.at_end(day);
            (at.tried, at.installed, at.failing)
        });
        assert_eq!(
            told,
            [(0, 0, 0), (1, 0, 1), (2, 0, 1), (2, 1, 0), (3, 1, 1)]
        );
    }

    #[test]
    fn the_one_before_is_the_greatest_version_below_of_line_and_branch() {
        use Outcome::Succeeded;
        let tried = |kb, version| (1, kb, version, Succeeded);
        let machines = [
            tried("KB1", version(10, 1)),
            tried("KB2", version(10, 2)),
            tried("KB3", version(10, 3)),
            // Of another branch, and of no line.
            tried("KB4", version(9, 9)),
            tried("KB5", 0),
        ];
        let machines = machines.each_ref().map(std::slice::from_ref);
        for (kb, expected) in [
            ("KB3", Some("KB2")),
            ("KB2", Some("KB1")),
            ("KB1", None),
            ("KB4", None),
            ("KB5", None),
            ("KB6", None),
        ] {
            assert_eq!(before(&machines, kb).as_deref(), expected, "{kb}");
        }
    }

    #[test]
    fn the_branch_of_an_update_is_that_of_most_of_its_tries() {
        use Outcome::{Failed, Succeeded};
        let of_both = [
            (2, "KB3", version(10, 3), Failed),
            (2, "KB3", version(9, 3), Failed),
            (3, "KB3", version(9, 3), Succeeded),
        ];
        let machines: [&[_]; 3] = [
            &of_both,
            &[(1, "KB1", version(10, 1), Succeeded)],
            // It has versions on both sides of that of KB3.
            &[
                (1, "KB2", version(9, 1), Succeeded),
                (1, "KB2", version(9, 4), Succeeded),
            ],
        ];
        assert_eq!(before(&machines, "KB3").as_deref(), Some("KB2"));
    }
}
