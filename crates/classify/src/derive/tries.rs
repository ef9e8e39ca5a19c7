//! Tries as they are found, and the ways to find one again without looking at all of them: a log may hold a hundred thousand.

use super::attempts::{Kind, Try};
use event::Outcome;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// The tries of a log in the order in which they were named.
#[derive(Default)]
pub(super) struct Tries<'a> {
    all: Vec<Try<'a>>,
    open: Open<'a>,
    /// The last installation of each package.
    last_install: HashMap<&'a str, usize>,
    /// By package, those that wait for a reboot. May hold some that wait no longer.
    pending: HashMap<&'a str, BTreeSet<usize>>,
    /// By session, those that succeeded. May hold some that have moved on.
    succeeded: HashMap<&'a str, Vec<usize>>,
    /// By session, how many tries name it, and how many of them have an outcome.
    of_session: HashMap<&'a str, (usize, usize)>,
    /// Where a session last said that it failed: all its tries with an outcome reach that far. Applied in the end, because a
    /// log may say so as often as it has tries.
    failed_at: HashMap<&'a str, usize>,
    /// By package, the last try that a report of a change alone told of, since the last end of any.
    unclaimed: HashMap<&'a str, usize>,
}

/// Started and not ended.
#[derive(Default)]
struct Open<'a> {
    all: BTreeSet<usize>,
    by_session: HashMap<(Kind, &'a str), BTreeSet<usize>>,
    by_session_and_package: HashMap<(Kind, &'a str, &'a str), BTreeSet<usize>>,
    by_package: HashMap<(Kind, &'a str), BTreeSet<usize>>,
}

impl<'a> Tries<'a> {
    /// Adds one; returns its name here.
    pub(super) fn add(&mut self, one: Try<'a>) -> usize {
        let index = self.all.len();
        if one.kind == Kind::Install {
            self.last_install.insert(one.package, index);
        }
        self.of_session.entry(one.session).or_default().0 += 1;
        let outcome = one.outcome;
        self.all.push(Try {
            outcome: Outcome::Unknown,
            ..one
        });
        self.set_outcome(index, outcome);
        index
    }

    /// Adds one that has started.
    pub(super) fn add_open(&mut self, one: Try<'a>) {
        let (kind, session, package) = (one.kind, one.session, one.package);
        let index = self.add(one);
        self.open.add(index, kind, session, package);
    }

    /// Adds one that only a report of a change tells of: an end that follows is its own.
    pub(super) fn add_unclaimed(&mut self, one: Try<'a>) {
        let (package, outcome) = (one.package, one.outcome);
        let index = self.add(one);
        if outcome == Outcome::Failed {
            self.unclaimed.insert(package, index);
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&Try<'a>> {
        self.all.get(index)
    }

    /// What of it no index knows may be changed freely.
    pub(super) fn change(&mut self, index: usize, change: impl FnOnce(&mut Try<'a>)) {
        if let Some(one) = self.all.get_mut(index) {
            change(one);
        }
    }

    /// The last event that belongs to it.
    pub(super) fn end_of(&self, one: &Try<'a>) -> usize {
        let failed_at = self.failed_at.get(one.session).copied();
        match one.outcome {
            Outcome::Unknown => one.to,
            _ => one.to.max(failed_at.unwrap_or(0)),
        }
    }

    pub(super) fn set_outcome(&mut self, index: usize, outcome: Outcome) {
        let Some(one) = self.all.get_mut(index) else {
            return;
        };
        let before = std::mem::replace(&mut one.outcome, outcome);
        let (_, ended) = self.of_session.entry(one.session).or_default();
        *ended = *ended + usize::from(outcome != Outcome::Unknown)
            - usize::from(before != Outcome::Unknown);
        match outcome {
            Outcome::Succeeded => self.succeeded.entry(one.session).or_default().push(index),
            Outcome::PendingReboot => {
                self.pending.entry(one.package).or_default().insert(index);
            }
            _ => {}
        }
    }

    /// The record that ends a try names its session.
    pub(super) fn set_session(&mut self, index: usize, session: &'a str) {
        let Some(one) = self.all.get_mut(index) else {
            return;
        };
        let before = std::mem::replace(&mut one.session, session);
        let outcome = std::mem::replace(&mut one.outcome, Outcome::Unknown);
        let ended = usize::from(outcome != Outcome::Unknown);
        let counts = self.of_session.entry(before).or_default();
        *counts = (counts.0 - 1, counts.1 - ended);
        self.of_session.entry(session).or_default().0 += 1;
        self.set_outcome(index, outcome);
    }

    pub(super) fn has_session(&self, session: &str) -> bool {
        !session.is_empty()
            && self
                .of_session
                .get(session)
                .is_some_and(|(all, _)| *all > 0)
    }

    /// The last of those that are open.
    pub(super) fn last_open(&self) -> Option<usize> {
        self.open.all.last().copied()
    }

    /// One that is open began too long ago to be thought of.
    pub(super) fn forget(&mut self, index: usize) {
        self.close(index);
    }

    /// The first open installation of a package.
    pub(super) fn open_install(&self, package: &str) -> Option<usize> {
        let open = self.open.by_package.get(&(Kind::Install, package));
        open.and_then(BTreeSet::first).copied()
    }

    /// Takes the first open try that a record of an end means.
    pub(super) fn take_open(
        &mut self,
        kind: Kind,
        session: &'a str,
        package: &'a str,
    ) -> Option<usize> {
        let open = &self.open;
        let first = |set: Option<&BTreeSet<usize>>| set.and_then(BTreeSet::first).copied();
        let of = |package| first(open.by_session_and_package.get(&(kind, session, package)));
        let index = if session.is_empty() {
            first(open.by_package.get(&(kind, package)))
        } else if package.is_empty() {
            first(open.by_session.get(&(kind, session)))
        } else {
            // One that names no package may be of this one.
            [of(""), of(package)].into_iter().flatten().min()
        }?;
        self.close(index);
        Some(index)
    }

    /// Takes what is open of a session.
    pub(super) fn take_open_of(&mut self, session: &'a str) -> BTreeSet<usize> {
        let mut taken = BTreeSet::new();
        for kind in [Kind::Install, Kind::Repair] {
            let of_kind = self.open.by_session.get(&(kind, session));
            taken.extend(of_kind.into_iter().flatten());
        }
        for index in &taken {
            self.close(*index);
        }
        taken
    }

    fn close(&mut self, index: usize) {
        if let Some(one) = self.all.get(index) {
            self.open.remove(index, one.kind, one.session, one.package);
        }
    }

    /// The try whose report came before its end, and whose start is missing.
    pub(super) fn unclaimed(&self, package: &str) -> Option<usize> {
        self.unclaimed.get(package).copied()
    }

    /// Something has ended: what was reported before is no part of what comes.
    pub(super) fn claim_all(&mut self) {
        self.unclaimed.clear();
    }

    pub(super) fn last_install(&self, package: &str) -> Option<usize> {
        self.last_install.get(package).copied()
    }

    /// The last try of a package that waits for a reboot.
    pub(super) fn last_pending(&mut self, package: &str) -> Option<usize> {
        let pending = self.pending.get_mut(package)?;
        while let Some(index) = pending.last().copied() {
            let one = self.all.get(index);
            if one.is_some_and(|one| one.outcome == Outcome::PendingReboot) {
                return Some(index);
            }
            pending.pop_last();
        }
        None
    }

    /// Takes the tries of a session that succeeded.
    pub(super) fn take_succeeded(&mut self, session: &str) -> Vec<usize> {
        let mut taken = self.succeeded.remove(session).unwrap_or_default();
        taken.retain(|index| {
            let one = self.all.get(*index);
            one.is_some_and(|one| one.session == session && one.outcome == Outcome::Succeeded)
        });
        taken
    }

    /// The session says that it failed; whether it had ended any try.
    pub(super) fn session_failed(&mut self, session: &'a str, at: usize) -> bool {
        let has_ended = self
            .of_session
            .get(session)
            .is_some_and(|(_, ended)| *ended > 0);
        if has_ended {
            self.failed_at.insert(session, at);
        }
        has_ended
    }

    pub(super) fn finish(mut self) -> Vec<Try<'a>> {
        let mut all = std::mem::take(&mut self.all);
        for one in &mut all {
            one.to = self.end_of(one);
        }
        all
    }
}

impl<'a> Open<'a> {
    fn add(&mut self, index: usize, kind: Kind, session: &'a str, package: &'a str) {
        self.all.insert(index);
        let by_session = self.by_session.entry((kind, session)).or_default();
        by_session.insert(index);
        let both = (kind, session, package);
        let by_both = self.by_session_and_package.entry(both).or_default();
        by_both.insert(index);
        let by_package = self.by_package.entry((kind, package)).or_default();
        by_package.insert(index);
    }

    fn remove(&mut self, index: usize, kind: Kind, session: &'a str, package: &'a str) {
        self.all.remove(&index);
        take(&mut self.by_session, &(kind, session), index);
        let both = (kind, session, package);
        take(&mut self.by_session_and_package, &both, index);
        take(&mut self.by_package, &(kind, package), index);
    }
}

fn take<K: Hash + Eq>(sets: &mut HashMap<K, BTreeSet<usize>>, key: &K, index: usize) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(&index);
    }
}
