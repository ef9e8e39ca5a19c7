//! Long lists of one endpoint: every page is bounded, and together they are the whole list.

use crate::harness::{TENANT, store};
use event::{
    Attempt, Code, Derivation, EventId, Finding, LoggedAt, Month, Outcome, Severity, Unit,
};
use std::collections::BTreeSet;
use store::{
    DerivationVersion, EndpointDetail, EndpointFacts, Ends, Lists, Place, Store, TopicGap,
    UnitDerivation,
};

/// 2022-08-01 as logged.
const AUGUST: i64 = 1_659_312_000;

#[tokio::test]
async fn gaps_of_topics_are_counted_and_the_last_are_told() {
    let store = store().await;
    let gap = |from: i64| TopicGap {
        topic: "gaps".to_owned(),
        partition: 0,
        from,
        to: from + 5,
        last_before_ms: None,
        first_after_ms: Some(from),
    };
    for from in [10, 30, 20, 30] {
        let noted = store.insert_topic_gap(&gap(from)).await;
        noted.unwrap_or_else(|error| panic!("{error}"));
    }
    let told = store.topic_gaps(2).await;
    let told = told.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(told, (3, vec![gap(30), gap(20)]));
}

fn attempt(number: u64, start: Option<i64>, finding: Option<u32>) -> Attempt {
    Attempt {
        id: EventId(number),
        package: format!("Package_for_KB{number}~made~up"),
        kb: format!("KB{number}"),
        client: "WindowsUpdateAgent".to_owned(),
        session: format!("{number}_1"),
        start: start.map(LoggedAt),
        end: None,
        start_utc: None,
        outcome: if finding.is_some() {
            Outcome::Failed
        } else {
            Outcome::Succeeded
        },
        terminal_code: Some(Code::new(0x800F_0922)),
        finding,
    }
}

fn finding(number: u64, severity: Severity, logged: i64) -> Finding {
    Finding {
        id: EventId(number),
        rule: "made_up".to_owned(),
        category: "disk_full".to_owned(),
        severity,
        root_code: None,
        terminal_code: None,
        object: String::new(),
        kb: String::new(),
        package: String::new(),
        component: String::new(),
        logged: Some(LoggedAt(logged)),
        utc: None,
        confidence: 90,
        reasons: Vec::new(),
        count: 1,
        evidence: Vec::new(),
    }
}

/// A month of `attempts` attempts, every fifth of them failed, each of those with a finding of its own.
fn month(endpoint: &str, month: u32, from: i64, attempts: u64, inputs: u64) -> UnitDerivation {
    let number = |at: u64| u64::from(month) * 100_000 + at;
    let (mut findings, mut tried) = (Vec::new(), Vec::new());
    for at in 0..attempts {
        // Several share a second, and some have no time.
        let start = (at % 50 != 7).then_some(from + (at / 3) as i64);
        let cause = (at % 5 == 0).then_some(findings.len() as u32);
        if cause.is_some() {
            let severity = if at % 10 == 0 {
                Severity::Error
            } else {
                Severity::Info
            };
            findings.push(finding(number(at), severity, from + (at / 3) as i64));
        }
        tried.push(attempt(number(at), start, cause));
    }
    UnitDerivation {
        unit: Unit {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
            month: Month::from_yyyymm(month),
        },
        version: DerivationVersion {
            rule_set: 1,
            inputs,
            places: inputs,
        },
        content: 0,
        current: None,
        derivation: Derivation {
            attempts: tried,
            findings,
        },
    }
}

async fn put(store: &Store, units: &[UnitDerivation]) {
    let facts = EndpointFacts {
        tenant: TENANT.to_owned(),
        endpoint: units[0].unit.endpoint.clone(),
        host: String::new(),
        named_at: None,
        contact_ms: 0,
        servicing_stack: None,
        first: None,
        last: None,
    };
    let facts = [facts];
    store.insert_derivations(units).await.expect("insert");
    store.insert_facts(&facts).await.expect("insert");
}

async fn page(store: &Store, endpoint: &str, from: &Lists<Place>) -> EndpointDetail {
    let found = store.endpoint_from(TENANT, endpoint, from, &[]).await;
    found.expect("the store answers").expect("it is known")
}

/// Walks a list from its beginning: the size of each page, and where it stands.
async fn walk(
    store: &Store,
    endpoint: &str,
    list: impl Fn(&mut Lists<Place>) -> &mut Place,
    of: impl Fn(&EndpointDetail) -> (usize, Ends),
    mut each: impl FnMut(EndpointDetail),
) -> Vec<(Place, usize, Ends)> {
    let mut pages: Vec<(Place, usize, Ends)> = Vec::new();
    let mut from = Lists::default();
    loop {
        let found = page(store, endpoint, &from).await;
        let (rows, ends) = of(&found);
        each(found);
        let start = list(&mut from).clone();
        let next = ends.next.clone();
        pages.push((start, rows, ends));
        match next {
            Some(next) => *list(&mut from) = next,
            None => break,
        }
    }
    let mut before = 0;
    for (at, (_, rows, ends)) in pages.iter().enumerate() {
        assert_eq!(ends.before, before as u64, "page {at}");
        let expected = at.checked_sub(1).map(|at| pages[at].0.clone());
        assert_eq!(ends.previous, expected, "page {at}");
        before += rows;
    }
    pages
}

#[tokio::test]
async fn thousands_of_attempts_are_read_page_by_page_each_once() {
    let (store, endpoint) = (store().await, "lists-attempts");
    let units = [
        month(endpoint, 202208, AUGUST, 1_900, 1),
        month(endpoint, 202209, AUGUST + 31 * 86_400, 1_330, 1),
    ];
    put(&store, &units).await;
    let mut seen = Vec::new();
    let pages = walk(
        &store,
        endpoint,
        |places| &mut places.attempts,
        |found| (found.attempts.len(), found.ends.attempts.clone()),
        |found| seen.extend(found.attempts.into_iter().map(|row| row.attempt)),
    )
    .await;
    assert!(
        pages
            .iter()
            .all(|(_, rows, ends)| *rows <= 100 && ends.total == 3_230)
    );
    assert_eq!(pages.len(), 33);
    let ids: BTreeSet<EventId> = seen.iter().map(|attempt| attempt.id).collect();
    assert_eq!((seen.len(), ids.len()), (3_230, 3_230));
    // Newest first, and those without a time after all others.
    let times: Vec<Option<LoggedAt>> = seen.iter().map(|attempt| attempt.start).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "not by time");
    let found = page(&store, endpoint, &Lists::default()).await;
    assert_eq!((found.failed, found.noted), (646, 323));
    assert_eq!(found.findings.len(), 25);
}

#[tokio::test]
async fn findings_are_paged_and_an_attempt_knows_where_its_finding_stands() {
    let (store, endpoint) = (store().await, "lists-findings");
    put(&store, &[month(endpoint, 202208, AUGUST, 600, 1)]).await;
    let mut seen = Vec::new();
    let pages = walk(
        &store,
        endpoint,
        |places| &mut places.findings,
        |found| (found.findings.len(), found.ends.findings.clone()),
        |found| seen.extend(found.findings),
    )
    .await;
    assert_eq!((pages.len(), pages[0].2.total), (5, 120));
    let ids: BTreeSet<EventId> = seen.iter().map(|row| row.finding.id).collect();
    assert_eq!((seen.len(), ids.len()), (120, 120));
    let severities: Vec<Severity> = seen.iter().map(|row| row.finding.severity).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b), "not by severity");
    let found = page(&store, endpoint, &Lists::default()).await;
    let failed: Vec<_> = found
        .attempts
        .iter()
        .filter(|row| row.cause.is_some())
        .collect();
    assert_eq!(failed.len(), 20);
    for row in [failed[0], failed[19]] {
        let places = Lists {
            findings: row.cause.clone().expect("a cause"),
            ..Lists::default()
        };
        let first = &page(&store, endpoint, &places).await.findings[0];
        assert_eq!(first.finding.id, row.attempt.id);
        assert_eq!(Some(&first.place), row.cause.as_ref());
    }
}

#[tokio::test]
async fn a_page_starts_at_the_same_attempt_after_more_have_come() {
    let (store, endpoint) = (store().await, "lists-stable");
    put(&store, &[month(endpoint, 202208, AUGUST, 250, 1)]).await;
    let first = page(&store, endpoint, &Lists::default()).await;
    let places = Lists {
        attempts: first.ends.attempts.next.expect("more"),
        ..Lists::default()
    };
    let second = page(&store, endpoint, &places).await;
    put(
        &store,
        &[month(endpoint, 202209, AUGUST + 31 * 86_400, 40, 1)],
    )
    .await;
    let again = page(&store, endpoint, &places).await;
    assert_eq!(again.attempts, second.attempts);
    let ends = &again.ends.attempts;
    // One of those that have come has no time, and stands behind.
    assert_eq!((ends.total, ends.before), (290, 139));
    // What has come since stands on the first page, however far that is now.
    let previous = ends.previous.clone().expect("a page before");
    assert_ne!(previous, Place::default());
}
