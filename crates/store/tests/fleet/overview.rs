//! The first page and the lists behind its tiles.

use crate::fleet::{Fleet, current, narrowed};
use crate::plainly;
use crate::records::compare_records;
use event::Code;
use std::collections::{BTreeMap, BTreeSet};
use store::{EndpointSummary, EndpointsAsked, Filter, Overview, Sort, State, Wanted};

pub(crate) const FAILED: &str = "outcome IN ('failed', 'rolled_back')";

pub(crate) async fn compare(fleet: &Fleet, filter: &Filter) {
    let page = fleet.store.overview(filter).await.unwrap();
    let (attempts, narrow) = (current("attempts"), narrowed(filter));
    let of_attempts = format!("FROM {attempts} WHERE {narrow}");
    let totals = page.totals;
    let charted = page.over_time.iter();
    let charted: u64 = charted.map(|at| at.failed + at.succeeded + at.other).sum();
    for (what, told, condition) in [
        ("attempts", totals.attempts, "1"),
        ("failed", totals.failed, FAILED),
        ("succeeded", totals.succeeded, "outcome = 'succeeded'"),
        ("charted", charted, "1"),
    ] {
        let plain = format!("SELECT count() {of_attempts} AND {condition}");
        assert_eq!(told, fleet.number(&plain).await, "{what} of {filter:?}");
    }
    let plain = format!(
        "SELECT toString(kb), countIf({FAILED}), countIf(outcome = 'succeeded') {of_attempts} AND kb != '' GROUP BY kb"
    );
    let plain: BTreeMap<String, (u64, u64)> = fleet
        .numbers(&plain)
        .await
        .into_iter()
        .map(|(kb, failed, succeeded)| (kb, (failed, succeeded)))
        .collect();
    for kb in &page.kbs {
        let plain = plain.get(&kb.kb).copied().unwrap_or_default();
        assert_eq!((kb.failed, kb.succeeded), plain, "{} of {filter:?}", kb.kb);
    }
    let expected = plainly::Fleet::read(fleet, filter).await;
    compare_states(filter, &page, &expected);
    compare_records(fleet, filter, &page).await;
}

/// What is broken now is what a person finds who goes through each machine's tries one by one.
pub(crate) fn compare_states(filter: &Filter, page: &Overview, plain: &plainly::Fleet) {
    let now = (i64::from(filter.to.unwrap()) + 1) * 86_400;
    let start = i64::from(filter.from.unwrap()) * 86_400;
    let states = plain.machines(filter, i64::MAX);
    for kb in &page.kbs {
        let of_kb = plain.of_kb(filter, &kb.kb);
        for state in State::ALL {
            let expected = of_kb.values().filter(|&&found| found == state).count();
            let told = kb.machines.of(state);
            assert_eq!(told, expected as u64, "{} {state:?} of {filter:?}", kb.kb);
        }
    }
    for state in State::ALL {
        let expected = states.values().filter(|&&found| found == state).count();
        assert_eq!(
            page.machines.of(state),
            expected as u64,
            "{state:?} of {filter:?}"
        );
    }
    for (what, told, until) in [
        ("now", Some(page.failing.now), i64::MAX),
        ("a day ago", page.failing.day_ago, now - 86_400),
        ("a week ago", page.failing.week_ago, now - 7 * 86_400),
    ] {
        let failing: BTreeSet<&str> = plain
            .failing(filter, until)
            .map(|(endpoint, _)| endpoint)
            .collect();
        let failing = (until > start).then_some(failing.len() as u64);
        assert_eq!(told, failing, "failing {what}, {filter:?}");
    }
    let causes = plain.causes(filter);
    assert_eq!(page.causes_total, causes.len() as u64, "{filter:?}");
    let count: u64 = page.top_causes.iter().map(|cause| cause.count).sum();
    if page.causes_total <= page.top_causes.len() as u64 {
        let charted = page
            .categories_over_time
            .iter()
            .map(|at| at.count)
            .sum::<u64>();
        assert_eq!(charted, count, "charted causes of {filter:?}");
    }
    for cause in &page.top_causes {
        let key = (
            cause.category.clone(),
            cause.rule.clone(),
            cause.root_code.map_or(0, Code::value),
        );
        let expected = &causes[&key];
        assert_eq!(
            cause.endpoints,
            expected.endpoints.len() as u64,
            "{key:?} of {filter:?}"
        );
        assert_eq!(cause.count, expected.count, "{key:?} of {filter:?}");
        for (told, until) in [
            (Some(cause.failing.now), i64::MAX),
            (cause.failing.day_ago, now - 86_400),
            (cause.failing.week_ago, now - 7 * 86_400),
        ] {
            let by_it = plain.failing(filter, until).filter(|(_, by)| *by == key);
            let by_it: BTreeSet<&str> = by_it.map(|(endpoint, _)| endpoint).collect();
            let by_it = (until > start).then_some(by_it.len() as u64);
            assert_eq!(told, by_it, "{key:?} until {until} of {filter:?}");
        }
    }
}

/// The same list behind each tile, whatever its order and its pages.
pub(crate) async fn compare_tiles(fleet: &Fleet, filter: &Filter) {
    let page = fleet.store.overview(filter).await.unwrap();
    let plain = plainly::Fleet::read(fleet, filter).await;
    let states = plain.machines(filter, i64::MAX);
    let tiles = State::ALL.map(|state| match state {
        State::Installed => (state, page.machines.have()),
        _ => (state, page.machines.of(state)),
    });
    for ((wanted, told), sort) in tiles
        .into_iter()
        .zip([Sort::Name, Sort::Failed].into_iter().cycle())
    {
        let listed = all_of(fleet, filter, Some(Wanted::In(wanted)), sort).await;
        assert_eq!(listed.len() as u64, told, "{wanted:?} of {filter:?}");
        for row in &listed {
            let expected = states.get(&row.endpoint).copied();
            assert_eq!(row.state, expected, "{row:?} of {filter:?}");
        }
    }
}

pub(crate) async fn all_of(
    fleet: &Fleet,
    filter: &Filter,
    wanted: Option<Wanted>,
    sort: Sort,
) -> Vec<EndpointSummary> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let asked = EndpointsAsked {
            filter,
            search: "",
            wanted,
            sort,
            limit: 9,
            after: after.as_deref(),
        };
        let page = fleet.store.endpoints(asked).await.unwrap();
        assert!(page.endpoints.is_empty() || page.total.is_some());
        all.extend(page.endpoints);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}
