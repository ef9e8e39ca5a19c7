//! What the pages ask, and each of their filters.

use crate::harness::{put, store};
use event::{
    Attempt, Code, Derivation, EventId, Finding, Format, LoggedAt, MESSAGE_PATH, Month, Outcome,
    Severity, StreamId, Unit, UtcMillis,
};
use std::sync::Arc;
use store::{
    CauseId, ChunkRows, DerivationVersion, EndpointFacts, EndpointPage, EndpointsAsked, Failing,
    Filter, Sort, State, Store, UnitDerivation, Wanted, testing,
};

/// A tenant of its own, because these questions are about a whole fleet.
const FLEET: &str = "pages";

fn at(text: &str) -> Option<LoggedAt> {
    LoggedAt::parse(text.as_bytes())
}

fn attempt(start: &str, kb: &str, outcome: Outcome, finding: Option<u32>) -> Attempt {
    Attempt {
        id: EventId(1),
        package: format!("Package_for_{kb}~made~up"),
        kb: kb.to_owned(),
        client: "WindowsUpdateAgent".to_owned(),
        session: String::new(),
        start: at(start),
        end: at(start),
        start_utc: None,
        outcome,
        terminal_code: (outcome == Outcome::Failed).then_some(Code::new(0x8007_0570)),
        finding,
    }
}

fn finding(when: &str, category: &str, count: u32) -> Finding {
    Finding {
        id: EventId(2),
        rule: format!("rule-{category}"),
        category: category.to_owned(),
        severity: Severity::Error,
        root_code: Some(Code::new(0xC000_0102)),
        terminal_code: None,
        object: r"C:\Program Files\Windows Defender".to_owned(),
        kb: "KB1".to_owned(),
        package: String::new(),
        component: String::new(),
        logged: at(when),
        utc: None,
        confidence: 90,
        reasons: Vec::new(),
        count,
        evidence: Vec::new(),
    }
}

/// Three machines: one fails twice, one fails once and succeeds, one only succeeds.
async fn fleet() -> Store {
    static ONCE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let store = store().await;
    ONCE.get_or_init(|| async {
        let failed = |start: &str| attempt(start, "KB1", Outcome::Failed, Some(0));
        let succeeded = |start: &str| attempt(start, "KB2", Outcome::Succeeded, None);
        let machines = [
            (
                "pc-a",
                vec![failed("2022-08-17 10:00:00"), failed("2022-08-18 11:00:00")],
                vec![finding("2022-08-17 10:00:00", "filesystem_corruption", 2)],
            ),
            (
                "pc-b",
                vec![
                    failed("2022-08-18 12:00:00"),
                    succeeded("2022-08-18 13:00:00"),
                ],
                vec![finding("2022-08-18 12:00:00", "disk_full", 1)],
            ),
            ("pc-c", vec![succeeded("2022-08-18 14:00:00")], vec![]),
        ];
        for (endpoint, attempts, findings) in machines {
            let mut rows = testing::rows(
                endpoint,
                0,
                "2022-08-18 10:00:00 bad 0x80070570\n2022-08-18 10:00:01 noise 0x80070002\n",
                false,
            );
            Arc::make_mut(&mut rows.chunk).tenant = FLEET.to_owned();
            put(&store, vec![rows.clone()]).await;
            // Sent twice, and still counted once.
            put(&store, vec![rows]).await;
            let derived = UnitDerivation {
                unit: Unit {
                    tenant: FLEET.to_owned(),
                    endpoint: endpoint.to_owned(),
                    month: Month::from_yyyymm(202208),
                },
                version: DerivationVersion {
                    rule_set: 1,
                    inputs: 1,
                    places: 1,
                },
                content: 0,
                current: None,
                derivation: Derivation { attempts, findings },
            };
            let facts = EndpointFacts {
                tenant: FLEET.to_owned(),
                endpoint: endpoint.to_owned(),
                host: format!("host-of-{endpoint}"),
                named_at: None,
                contact_ms: 0,
                servicing_stack: Some((LoggedAt(1), "10.0.17763.1".to_owned())),
                first: at("2022-08-18 10:00:00"),
                last: at("2022-08-18 10:00:01"),
            };
            store.insert_derivations(&[derived]).await.expect("insert");
            store.insert_facts(&[facts]).await.expect("insert");
        }
    })
    .await;
    store
}

fn filter() -> Filter {
    Filter {
        tenant: FLEET.to_owned(),
        ..Filter::default()
    }
}

#[tokio::test]
async fn the_first_page_counts_each_thing_once() {
    let store = fleet().await;
    let page = store.overview(&filter()).await.expect("overview");
    let totals = page.totals;
    assert_eq!(totals.endpoints, 3);
    assert_eq!(
        (totals.attempts, totals.failed, totals.succeeded),
        (5, 3, 2)
    );
    let machines = &page.machines;
    assert_eq!(
        (
            machines.of(State::Failing),
            machines.have(),
            machines.tried()
        ),
        (2, 1, 3)
    );
    assert_eq!(
        page.failing,
        Failing {
            now: 2,
            day_ago: Some(1),
            week_ago: Some(0)
        }
    );
    assert_eq!((totals.events, totals.noise), (Some(3), Some(3)));
    assert_eq!(totals.raw_bytes.map(|bytes| bytes % 3), Some(0));
    let over_time: Vec<(String, u64, u64)> = page
        .over_time
        .iter()
        .map(|bucket| (bucket.at.to_string(), bucket.failed, bucket.succeeded))
        .collect();
    assert_eq!(
        over_time,
        [
            ("2022-08-17 00:00:00".to_owned(), 1, 0),
            ("2022-08-18 00:00:00".to_owned(), 2, 2)
        ]
    );
    let categories: Vec<(&str, u64)> = page
        .categories_over_time
        .iter()
        .map(|bucket| (bucket.category.as_str(), bucket.count))
        .collect();
    // Each failed attempt on its own day.
    assert_eq!(
        categories,
        [
            ("filesystem_corruption", 1),
            ("disk_full", 1),
            ("filesystem_corruption", 1)
        ]
    );
    assert_eq!(page.top_causes[0].category, "filesystem_corruption");
    assert_eq!(
        (page.top_causes[0].count, page.top_causes[0].endpoints),
        (2, 1)
    );
    assert_eq!(page.top_causes[0].last, at("2022-08-18 11:00:00"));
    assert_eq!(page.causes_total, 2);
    let codes: Vec<(String, u64, u64, u64)> = page
        .top_codes
        .iter()
        .map(|code| {
            (
                code.code.to_string(),
                code.events,
                code.endpoints,
                code.noise,
            )
        })
        .collect();
    assert_eq!(
        codes,
        [
            ("0x80070570".to_owned(), 3, 3, 0),
            ("0x80070002".to_owned(), 3, 3, 3)
        ]
    );
    let kbs: Vec<(&str, u64, u64, u64)> = page
        .kbs
        .iter()
        .map(|kb| {
            (
                kb.kb.as_str(),
                kb.failed,
                kb.succeeded,
                kb.machines.of(State::Failing),
            )
        })
        .collect();
    assert_eq!(kbs, [("KB1", 3, 0, 2), ("KB2", 0, 2, 0)]);
    assert_eq!((page.known, page.kbs_total), (true, 2));
    let endpoints: Vec<(&str, u64, &str)> = page
        .endpoints
        .iter()
        .map(|line| (line.endpoint.as_str(), line.failed, line.category.as_str()))
        .collect();
    assert_eq!(
        endpoints,
        [
            ("pc-a", 2, "filesystem_corruption"),
            ("pc-b", 1, "disk_full")
        ]
    );
    assert_eq!(page.endpoints[0].last_failure, at("2022-08-18 11:00:00"));
    assert_eq!(page.endpoints[0].host, "host-of-pc-a");
}

#[tokio::test]
async fn every_filter_narrows() {
    let store = fleet().await;
    let failed = async |filter: Filter| {
        store
            .overview(&filter)
            .await
            .expect("overview")
            .totals
            .failed
    };
    let day = (at("2022-08-18 00:00:00").expect("a time").0 / 86_400) as u16;
    assert_eq!(
        failed(Filter {
            from: Some(day),
            to: Some(day),
            ..filter()
        })
        .await,
        2
    );
    assert_eq!(
        failed(Filter {
            kb: Some("KB2".to_owned()),
            ..filter()
        })
        .await,
        0
    );
    assert_eq!(
        failed(Filter {
            category: Some("disk_full".to_owned()),
            ..filter()
        })
        .await,
        1
    );
    assert_eq!(
        failed(Filter {
            codes: vec![Code::new(0x8000_0001), Code::new(0xC000_0102)],
            ..filter()
        })
        .await,
        3
    );
    assert_eq!(
        failed(Filter {
            codes: vec![Code::new(0x8000_0001)],
            ..filter()
        })
        .await,
        0
    );
    assert_eq!(
        failed(Filter {
            endpoint: Some("pc-b".to_owned()),
            ..filter()
        })
        .await,
        1
    );
    // What a stranger types is a value, never SQL.
    assert_eq!(
        failed(Filter {
            kb: Some("' OR 1 = 1 --\n\\".to_owned()),
            ..filter()
        })
        .await,
        0
    );
    let one_day = store
        .overview(&Filter {
            from: Some(day),
            to: Some(day),
            ..filter()
        })
        .await
        .expect("overview");
    assert_eq!(one_day.over_time[0].at.to_string(), "2022-08-18 11:00:00");
}

#[tokio::test]
async fn a_range_longer_than_a_chart_is_counted_whole_and_told_from_its_last_days() {
    let store = fleet().await;
    let today = (at("2022-08-18 00:00:00").expect("a time").0 / 86_400) as u16;
    let wide = Filter {
        from: Some(1),
        to: Some(today + store::CHART_DAYS - 1),
        ..filter()
    };
    let page = store.overview(&wide).await.expect("overview");
    assert_eq!((page.from, page.charted_from), (Some(1), Some(today)));
    assert_eq!(page.totals.attempts, 5);
    let told: u64 = page
        .over_time
        .iter()
        .map(|bucket| bucket.failed + bucket.succeeded)
        .sum();
    assert_eq!((told, page.categories_over_time.len()), (4, 2));
}

#[tokio::test]
async fn an_empty_store_has_an_empty_page() {
    let store = store().await;
    let nobody = Filter {
        tenant: "nobody".to_owned(),
        ..Filter::default()
    };
    assert_eq!(
        store.overview(&nobody).await.expect("overview"),
        store::Overview::default()
    );
    assert_eq!(
        store.endpoint("nobody", "pc-a").await.expect("endpoint"),
        None
    );
    assert_eq!(
        store
            .code_seen("nobody", &[Code::new(0x8007_0570)])
            .await
            .expect("code"),
        None
    );
}

async fn listed(
    store: &Store,
    search: &str,
    wanted: Option<Wanted>,
    sort: Sort,
    after: Option<&str>,
) -> EndpointPage {
    let asked = EndpointsAsked {
        filter: &filter(),
        search,
        wanted,
        sort,
        limit: 2,
        after,
    };
    store.endpoints(asked).await.expect("list")
}

fn names(page: &EndpointPage) -> Vec<&str> {
    let lines = page.endpoints.iter();
    lines.map(|line| line.endpoint.as_str()).collect()
}

#[tokio::test]
async fn endpoints_are_listed_page_by_page_and_found_by_name() {
    let store = fleet().await;
    for sort in [Sort::Name, Sort::Failed, Sort::LastFailure, Sort::LastSeen] {
        let first = listed(&store, "", None, sort, None).await;
        assert_eq!(first.total, Some(3), "{sort:?}");
        assert_eq!(first.endpoints.len(), 2, "{sort:?}");
        let second = listed(&store, "", None, sort, first.next.as_deref()).await;
        assert_eq!((second.total, &second.next), (Some(3), &None), "{sort:?}");
        let mut all = [names(&first), names(&second)].concat();
        all.sort_unstable();
        assert_eq!(all, ["pc-a", "pc-b", "pc-c"], "{sort:?}");
    }
    let latest = listed(&store, "", None, Sort::LastFailure, None).await;
    assert_eq!(names(&latest), ["pc-b", "pc-a"]);
    let named = listed(&store, "OF-PC-C", None, Sort::Name, None).await;
    assert_eq!(names(&named), ["pc-c"]);
    assert_eq!(named.endpoints[0].last_failure, None);
}

#[tokio::test]
async fn endpoints_are_listed_by_what_is_broken_on_them() {
    let store = fleet().await;
    let failing = Some(Wanted::In(State::Failing));
    let page = listed(&store, "", failing, Sort::Failed, None).await;
    assert_eq!((names(&page), page.total), (vec!["pc-a", "pc-b"], Some(2)));
    let first = &page.endpoints[0];
    assert_eq!((first.state, first.failed), (Some(State::Failing), 2));
    assert_eq!(first.kb, "KB1");
    let code = Some(Code::new(0xC000_0102));
    let cause = CauseId::of("rule-filesystem_corruption", "filesystem_corruption", code);
    assert_eq!(first.cause(), Some(cause.clone()));
    assert_eq!(CauseId::read(&cause.to_string()), Some(cause.clone()));
    let installed = Some(Wanted::In(State::Installed));
    let page = listed(&store, "", installed, Sort::Name, None).await;
    assert_eq!(names(&page), ["pc-c"]);
    for wanted in [Wanted::NotTried, Wanted::Silent, Wanted::ClockAhead] {
        let page = listed(&store, "", Some(wanted), Sort::Name, None).await;
        assert_eq!(page.total, Some(0), "{wanted:?}");
    }
    // The same as the page's tile under the same filter.
    let by_cause = Filter {
        cause: Some(cause),
        ..filter()
    };
    let page = store.overview(&by_cause).await.expect("overview");
    assert_eq!(page.machines.of(State::Failing), 1);
    assert_eq!(page.top_causes.len(), 1);
    assert_eq!(page.totals.failed, 2);
    assert_eq!(
        names(&EndpointPage {
            endpoints: page.endpoints,
            ..EndpointPage::default()
        }),
        ["pc-a"]
    );
}

#[tokio::test]
async fn what_nothing_has_is_not_called_healthy() {
    let store = fleet().await;
    let typo = Filter {
        kb: Some("KB12".to_owned()),
        ..filter()
    };
    let page = store.overview(&typo).await.expect("overview");
    assert!(!page.known);
    assert_eq!(page.like, ["KB1", "KB2"]);
    let page = store.overview(&filter()).await.expect("overview");
    assert!(page.known && page.like.is_empty());
}

#[tokio::test]
async fn the_range_ends_now_whatever_a_clock_says_unless_all_is_older() {
    let store = fleet().await;
    let day = |text: &str| (at(text).expect("a time").0 / 86_400) as u16;
    let last = day("2022-08-18 00:00:00");
    for (now, to) in [
        ("2022-08-17 09:00:00", last - 1),
        // Somewhere it is the next day already.
        ("2022-08-17 10:00:00", last),
        ("2022-08-25 12:00:00", last + 7),
        ("2031-01-01 00:00:00", last),
    ] {
        let page = store
            .overview(&Filter {
                now: at(now),
                ..filter()
            })
            .await
            .expect("overview");
        assert_eq!(page.to, Some(to), "{now}");
    }
    // Their logs came in November 2023, whatever days the logs tell of.
    for (now, silent) in [("2023-11-21 22:13:19", 0), ("2023-11-21 22:13:21", 3)] {
        let page = store
            .overview(&Filter {
                now: at(now),
                ..filter()
            })
            .await
            .expect("overview");
        let totals = page.totals;
        assert_eq!((totals.silent, totals.clock_ahead), (silent, 0), "{now}");
        assert_eq!(totals.last_log, Some(UtcMillis(1_700_000_000_000)));
    }
    let before = Filter {
        now: at("2022-08-17 12:00:00"),
        to: Some(last),
        from: Some(last),
        ..filter()
    };
    let page = store.overview(&before).await.expect("overview");
    assert_eq!((page.totals.silent, page.totals.clock_ahead), (0, 3));
}

#[tokio::test]
async fn a_code_and_an_endpoint_know_where_they_were_seen() {
    let store = fleet().await;
    let seen = store
        .code_seen(FLEET, &[Code::new(0x8007_0002), Code::new(1)])
        .await
        .expect("code")
        .expect("seen");
    assert_eq!(
        (seen.events, seen.endpoints, seen.first.to_string().as_str()),
        (3, 3, "2022-08-18 00:00:00")
    );
    let detail = store
        .endpoint(FLEET, "pc-b")
        .await
        .expect("endpoint")
        .expect("known");
    let cause = detail.attempts[1].cause.as_ref();
    assert_eq!(cause, Some(&detail.findings[0].place));
    assert_eq!(detail.findings[0].finding.category, "disk_full");
    assert_eq!((detail.streams.len(), detail.streams[0].gaps.len()), (1, 0));
}

#[tokio::test]
async fn messages_of_one_path_are_one_log_of_an_endpoint() {
    let (store, endpoint) = (store().await, "messages-pc");
    let message = |stream: u64, topic: &str, text: &str, when: &str| {
        let mut rows = ChunkRows::new(testing::chunk(endpoint, 0, text, false));
        Arc::make_mut(&mut rows.chunk).stream = StreamId(stream);
        Arc::make_mut(&mut rows.chunk).path = format!("{MESSAGE_PATH}{topic}/System");
        Arc::make_mut(&mut rows.chunk).format = Format::EventJson;
        (rows.first, rows.last) = (at(when), at(when));
        rows
    };
    // Its sender calls it so, and it is a file all the same.
    let mut file = testing::rows(endpoint, 40, "2024-05-01 08:00:00 file\n", false);
    Arc::make_mut(&mut file.chunk).path = format!("{MESSAGE_PATH}CBS.log");
    let mut meant = message(9, "winlogbeat", "one", "2024-05-01 08:00:00");
    let mut event = testing::event("2024-05-01 08:00:00", "one", 0);
    event.stream = StreamId(9);
    meant.events.push(event);
    let rows = vec![
        meant,
        message(3, "winlogbeat", "three", "2024-05-01 08:00:02"),
        message(5, "winlogbeat", "no time", ""),
        message(4, "vector", "another", "2024-05-01 08:00:01"),
        file,
    ];
    put(&store, rows.clone()).await;
    put(&store, rows).await;
    let detail = store
        .endpoint("default", endpoint)
        .await
        .expect("endpoint")
        .expect("known");
    let told: Vec<_> = detail
        .streams
        .iter()
        .map(|log| (log.path.as_str(), log.stream.0, log.bytes, log.gaps.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("kafka:winlogbeat/System", 3, 15, 0),
            ("kafka:vector/System", 4, 7, 0),
            ("kafka:CBS.log", 7 << 32, 25, 1),
        ],
        "by their latest record"
    );
    let log = &detail.streams[0];
    assert_eq!(
        (log.first, log.last),
        (at("2024-05-01 08:00:00"), at("2024-05-01 08:00:02"))
    );
    let pieces = store.pieces("default", endpoint, StreamId(3)).await;
    assert_eq!(pieces.expect("pieces").len(), 1);

    // A derivation takes their events and their times, and is spared the rest.
    let month = Month::from_yyyymm(202405);
    let facts = async |month| {
        let facts = store
            .stream_facts_of("default", &[endpoint], month, month, 64 << 20)
            .await;
        let mut facts = facts.expect("streams");
        facts.remove(endpoint).unwrap_or_default()
    };
    let of_month = facts(month).await;
    let streams = of_month.streams.iter().map(|times| times.stream.0);
    assert_eq!(streams.collect::<Vec<_>>(), [7 << 32]);
    assert_eq!(of_month.messages, log.first.zip(log.last));
    let rows = store.unit_rows("default", endpoint, month, month).await;
    let rows = rows.expect("rows");
    let streams: Vec<_> = rows.pieces.iter().map(|piece| piece.stream.0).collect();
    assert_eq!(streams, [7 << 32]);
    let events: Vec<_> = rows.events.iter().map(|event| event.stream.0).collect();
    assert_eq!(events, [9, 7 << 32]);
    let later = Month::from_yyyymm(202408);
    assert_eq!(facts(later).await.messages, None);
}
