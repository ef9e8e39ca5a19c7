//! The list of updates, and each update, against a walk through all tries.

use crate::fleet::Fleet;
use crate::overview::all_of;
use crate::plainly::{self, Try};
use std::collections::{BTreeMap, BTreeSet};
use store::{Day, Filter, Sort, State, Wanted};

pub(crate) async fn compare(fleet: &Fleet, filter: &Filter) {
    let page = fleet.store.overview(filter).await.unwrap();
    let listed = fleet.store.updates(filter).await.unwrap();
    assert_eq!(listed.updates.len(), page.kbs_total, "{filter:?}");
    assert_eq!(
        listed.updates, page.kbs,
        "three KBs have one page, {filter:?}"
    );
    let plain = plainly::Fleet::read(fleet, filter).await;
    for update in &listed.updates {
        let narrow = Filter {
            kb: Some(update.kb.clone()),
            ..filter.clone()
        };
        let of_kb = fleet.store.overview(&narrow).await.unwrap();
        let rollout = fleet.store.rollout(&narrow).await.unwrap();
        assert_eq!(rollout.machines, of_kb.machines, "{narrow:?}");
        assert_eq!(rollout.seen, of_kb.totals.endpoints, "{narrow:?}");
        assert_eq!(rollout.causes, of_kb.top_causes, "{narrow:?}");
        assert_eq!(rollout.causes_total, of_kb.causes_total, "{narrow:?}");
        for state in State::ALL {
            let of_builds = rollout.builds.iter();
            let sum: u64 = of_builds.map(|build| build.machines.of(state)).sum();
            assert_eq!(sum, of_kb.machines.of(state), "{state:?} of {narrow:?}");
        }
        let lacking = all_of(fleet, &narrow, Some(Wanted::NotTried), Sort::Name).await;
        assert_eq!(
            lacking.len() as u64,
            rollout.seen.saturating_sub(rollout.machines.tried()),
            "{narrow:?}"
        );
        compare_curve(&rollout, &plain, filter, &update.kb);
        compare_before(fleet, &rollout, filter, &update.kb).await;
    }
}

/// By the end of each day: who has it, and who failed it and has it not.
fn compare_curve(rollout: &store::Rollout, plain: &plainly::Fleet, filter: &Filter, kb: &str) {
    let tries: Vec<&Try> = plain.tries.iter().filter(|one| one.kb == kb).collect();
    let first = tries.iter().map(|one| one.day).min();
    assert_eq!(rollout.first, first, "{kb} of {filter:?}");
    let days = rollout.over_time.iter().map(|at| at.day);
    let expected: Vec<Day> =
        first.map_or_else(Vec::new, |first| (first..=filter.to.unwrap()).collect());
    assert_eq!(days.collect::<Vec<_>>(), expected, "{kb} of {filter:?}");
    for at in &rollout.over_time {
        assert_eq!(
            (at.tried, at.installed, at.failing),
            counts(&tries, at.day, filter.to.unwrap()),
            "{kb} on {} of {filter:?}",
            at.day
        );
    }
}

/// Who has tried it, has it, and failed it and has it not.
fn counts(tries: &[&Try], day: Day, last: Day) -> (u64, u64, u64) {
    let begun = tries.iter().filter(|one| one.day <= day);
    let tried: BTreeSet<&str> = begun.map(|one| one.endpoint.as_str()).collect();
    // What ends after the days is told on their last one.
    let is_by = |one: &&&Try| (one.at / 86_400).min(i64::from(last)) <= i64::from(day);
    let done = tries.iter().filter(is_by);
    let mut of_endpoint: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for one in done {
        let both = of_endpoint.entry(&one.endpoint).or_default();
        both.0 |= one.outcome == "succeeded";
        both.1 |= one.has_failed();
    }
    let count = |is: fn(&(bool, bool)) -> bool| {
        let all = of_endpoint.values();
        all.filter(|both| is(both)).count() as u64
    };
    let tried = tried.len() as u64;
    (tried, count(|both| both.0), count(|both| both.1 && !both.0))
}

/// The update before it: of its line and branch that of the greatest version below.
async fn compare_before(fleet: &Fleet, rollout: &store::Rollout, filter: &Filter, kb: &str) {
    let wide = Filter {
        from: filter.from.map(|from| from - 45),
        ..filter.clone()
    };
    let plain = plainly::Fleet::read(fleet, &wide).await;
    let branch = |one: &Try| (one.line().to_owned(), one.version()[0]);
    let mut own: BTreeMap<(String, u64), Vec<&Try>> = BTreeMap::new();
    let of_lines = plain.tries.iter().filter(|one| !one.line().is_empty());
    for one in of_lines.clone().filter(|one| one.kb == kb) {
        own.entry(branch(one)).or_default().push(one);
    }
    let own = own
        .into_iter()
        .min_by_key(|((line, _), tries)| (std::cmp::Reverse(tries.len()), line.clone()));
    let expected = own.and_then(|(own, tries)| {
        let version = tries.iter().map(|one| one.version()).max()?;
        let others = of_lines.filter(|one| !["", kb].contains(&one.kb.as_str()));
        let below = others.filter(|one| branch(one) == own && one.version() < version);
        let mut greatest: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for one in below {
            let held = greatest.entry(&one.kb).or_default();
            *held = one.version().max(held.clone());
        }
        let best = greatest.values().max().cloned()?;
        let mut kbs: BTreeSet<&str> = greatest.keys().copied().collect();
        kbs.retain(|kb| greatest[kb] == best);
        kbs.first().map(|kb| (*kb).to_owned())
    });
    let told = rollout.before.as_ref().map(|(kb, _)| kb.clone());
    assert_eq!(told, expected, "before {kb} of {filter:?}");
    let Some((other, curve)) = &rollout.before else {
        return;
    };
    assert_eq!(curve.len(), rollout.over_time.len().min(100));
    let all: Vec<&Try> = plain.tries.iter().filter(|one| one.kb == *other).collect();
    let last = filter.to.unwrap();
    for at in curve {
        let start = all.iter().map(|one| one.day).min().unwrap();
        let told = (at.tried, at.installed, at.failing);
        assert_eq!(
            told,
            counts(&all, start + at.day, last),
            "{other} of {filter:?}"
        );
    }
}
