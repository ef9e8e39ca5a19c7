//! The list of causes, and each cause, against a walk through all tries.

use crate::fleet::Fleet;
use crate::overview::all_of;
use crate::plainly;
use event::Code;
use std::collections::{BTreeMap, BTreeSet};
use store::{CauseDetail, Filter, Wanted};

/// Rows of each list of a cause's page.
const TOP: usize = 20;

/// How many causes were compared one by one.
pub(crate) async fn compare(fleet: &Fleet, filter: &Filter) -> usize {
    let mut compared = 0;
    let page = fleet.store.overview(filter).await.unwrap();
    let listed = fleet.store.causes(filter).await.unwrap();
    assert_eq!(listed.total, page.causes_total, "{filter:?}");
    assert_eq!(listed.causes.len() as u64, listed.total, "{filter:?}");
    let top = &listed.causes[..listed.causes.len().min(TOP)];
    let rank = |causes: &[store::Cause]| -> Vec<_> {
        let of = |cause: &store::Cause| (cause.failing.now, cause.endpoints, cause.count);
        causes.iter().map(of).collect()
    };
    assert_eq!(rank(top), rank(&page.top_causes), "{filter:?}");
    let plain = plainly::Fleet::read(fleet, filter).await;
    let causes = plain.causes(filter);
    for cause in &listed.causes {
        let narrow = Filter {
            cause: Some(cause.id()),
            ..filter.clone()
        };
        let detail = fleet.store.cause(&narrow).await.unwrap();
        // A rule may stand in two categories: then the page tells of the greater one.
        let key = (
            cause.category.clone(),
            cause.rule.clone(),
            cause.root_code.map_or(0, Code::value),
        );
        let same = causes
            .keys()
            .filter(|other| other.1 == key.1 && other.2 == key.2);
        if !key.1.is_empty() && same.count() > 1 {
            continue;
        }
        assert_eq!(detail.cause.as_ref(), Some(cause), "{filter:?}");
        compare_lists(&detail, &causes[&key], filter);
        compare_common(&detail, &plain, &key, filter);
        // Who fails by it now are those in that state behind the figure.
        let failing = Some(Wanted::In(store::State::Failing));
        let failing = all_of(fleet, &narrow, failing, store::Sort::Name).await;
        compared += 1;
        assert_eq!(
            failing.len() as u64,
            cause.failing.now,
            "{key:?} of {filter:?}"
        );
    }
    compared
}

fn compare_lists(detail: &CauseDetail, plain: &plainly::Counted, filter: &Filter) {
    let days: Vec<_> = detail
        .over_time
        .iter()
        .map(|at| (at.day, at.endpoints, at.count))
        .collect();
    let expected: Vec<_> = plain
        .days
        .iter()
        .map(|(day, (endpoints, count))| (*day, endpoints.len() as u64, *count))
        .collect();
    assert_eq!(days, expected, "{filter:?}");
    let kbs: BTreeMap<String, (u64, u64)> = detail
        .kbs
        .iter()
        .map(|kb| (kb.kb.clone(), (kb.endpoints, kb.count)))
        .collect();
    let expected = plain.kbs.iter().filter(|(kb, _)| !kb.is_empty());
    let expected: BTreeMap<String, (u64, u64)> = expected
        .map(|(kb, (endpoints, count))| (kb.clone(), (endpoints.len() as u64, *count)))
        .collect();
    assert_eq!(kbs, expected, "{filter:?}");
    let codes: BTreeMap<u32, u64> = detail
        .terminal_codes
        .iter()
        .map(|(code, count)| (code.value(), *count))
        .collect();
    let mut expected = plain.terminal.clone();
    expected.remove(&0);
    assert_eq!(codes, expected, "{filter:?}");
    let objects: BTreeMap<String, u64> = detail.objects.iter().cloned().collect();
    let expected: BTreeMap<String, u64> = plain
        .objects
        .iter()
        .map(|(object, endpoints)| (object.clone(), endpoints.len() as u64))
        .collect();
    assert_eq!(objects, expected, "{filter:?}");
    let objects = detail.cause.as_ref().map(|cause| cause.objects);
    assert_eq!(objects, Some(expected.len() as u64), "{filter:?}");
}

/// What machines that fail have in common: counted one by one.
fn compare_common(
    detail: &CauseDetail,
    plain: &plainly::Fleet,
    key: &plainly::Cause,
    filter: &Filter,
) {
    let beside = Filter {
        category: None,
        codes: Vec::new(),
        ..filter.clone()
    };
    let failing: BTreeSet<&str> = plain
        .failing(&beside, i64::MAX)
        .map(|(endpoint, _)| endpoint)
        .collect();
    let by_it: BTreeSet<&str> = plain
        .failing(&beside, i64::MAX)
        .filter(|(_, cause)| cause == key)
        .map(|(endpoint, _)| endpoint)
        .collect();
    let kbs: BTreeSet<&str> = plain
        .failing_updates(&beside, i64::MAX)
        .into_iter()
        .filter(|(last, cause)| cause == key && !last.kb.is_empty())
        .map(|(last, _)| last.kb.as_str())
        .collect();
    let is_asked = |kb: &str| filter.kb.as_ref().is_none_or(|asked| asked == kb);
    let tried = plain.tries.iter().filter(|one| is_asked(&one.kb));
    let healthy: BTreeSet<&str> = tried
        .filter(|one| kbs.is_empty() || kbs.contains(one.kb.as_str()))
        .map(|one| one.endpoint.as_str())
        .filter(|endpoint| !failing.contains(endpoint))
        .collect();
    for common in &detail.common {
        let (of_failing, of_healthy) = (by_it.len() as u64, healthy.len() as u64);
        assert_eq!(
            (common.of_failing, common.of_healthy),
            (of_failing, of_healthy),
            "{key:?} of {filter:?}"
        );
        assert!(common.failing > 1 && common.failing <= of_failing);
    }
    for kind in ["build", "label"] {
        let of_kind = detail.common.iter().filter(|common| common.kind == kind);
        let (mut failing, mut others) = (0, 0);
        for common in of_kind {
            failing += common.failing;
            others += common.healthy;
        }
        // Every machine has one build and one ring; values of one machine alone are not told.
        assert!(failing <= by_it.len() as u64 && others <= healthy.len() as u64);
        if detail.common.len() < TOP && by_it.len() > 2 {
            assert!(
                failing + 2 > by_it.len() as u64,
                "{kind} {key:?} of {filter:?}"
            );
        }
    }
    for twin in &detail.twins {
        assert!(healthy.contains(twin.endpoint.as_str()), "{twin:?}");
    }
}
