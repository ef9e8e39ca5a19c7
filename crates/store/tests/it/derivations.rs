//! News, versions of derivations, and which set is current.

use crate::harness::{TENANT, put, put_as, store};
use event::{
    Attempt, Code, Day, Derivation, EventId, Evidence, Finding, LoggedAt, Month, Outcome, Severity,
    Source, StreamId, Unit, UtcMillis,
};
use store::{
    AskedDays, DayInputs, DeadUnit, DerivationVersion, EndpointFacts, OpenNews, Store,
    UnitDerivation, testing,
};

pub(crate) fn unit(endpoint: &str) -> Unit {
    Unit {
        tenant: TENANT.to_owned(),
        endpoint: endpoint.to_owned(),
        month: Month::from_yyyymm(202208),
    }
}

fn attempt(id: u64, kb: &str) -> Attempt {
    Attempt {
        id: EventId(id),
        package: format!("Package_for_{kb}~made~up"),
        kb: kb.to_owned(),
        client: "WindowsUpdateAgent".to_owned(),
        session: "1_2".to_owned(),
        start: LoggedAt::parse(b"2022-08-18 15:53:46"),
        end: LoggedAt::parse(b"2022-08-18 15:59:46"),
        start_utc: Some(UtcMillis(1_660_809_226_609)),
        outcome: Outcome::Failed,
        terminal_code: Some(Code::new(0x8007_0570)),
        finding: Some(0),
    }
}

fn finding(id: u64) -> Finding {
    Finding {
        id: EventId(id),
        rule: "made-up".to_owned(),
        category: "filesystem_corruption".to_owned(),
        severity: Severity::Error,
        root_code: Some(Code::new(0xC000_0102)),
        terminal_code: None,
        object: r"C:\Program Files\Windows Defender".to_owned(),
        kb: "KB1".to_owned(),
        package: String::new(),
        component: String::new(),
        logged: LoggedAt::parse(b"2022-08-18 15:53:46"),
        utc: Some(UtcMillis(1_660_809_226_609)),
        confidence: 90,
        reasons: vec!["origin".to_owned(), "names_object".to_owned()],
        count: 2,
        evidence: vec![Evidence {
            id: EventId(id),
            source: Source::Cbs,
            stream: StreamId(7),
            offset: 100,
            length: 20,
            text: "evidence".to_owned(),
        }],
    }
}

pub(crate) fn derived(endpoint: &str, inputs: u64, attempts: usize) -> UnitDerivation {
    UnitDerivation {
        unit: unit(endpoint),
        version: DerivationVersion {
            rule_set: 1,
            inputs,
            places: inputs * 31,
        },
        content: 0,
        current: None,
        derivation: Derivation {
            attempts: (0..attempts)
                .map(|at| attempt(at as u64, &format!("KB{inputs}{at}")))
                .collect(),
            findings: vec![finding(inputs)],
        },
    }
}

pub(crate) async fn kbs(store: &Store, endpoint: &str) -> Vec<String> {
    let (attempts, findings) = store.derived(TENANT, endpoint).await.expect("derived");
    assert!(attempts.iter().all(|attempt| {
        attempt
            .finding
            .is_none_or(|at| (at as usize) < findings.len())
    }));
    attempts.into_iter().map(|attempt| attempt.kb).collect()
}

#[tokio::test]
async fn what_was_derived_comes_back_whole() {
    let store = store().await;
    let unit = derived("derived-whole", 1, 1);
    store
        .insert_derivations(std::slice::from_ref(&unit))
        .await
        .expect("insert");
    let (attempts, findings) = store
        .derived(TENANT, "derived-whole")
        .await
        .expect("derived");
    assert_eq!(
        (attempts, findings),
        (unit.derivation.attempts, unit.derivation.findings)
    );
}

#[tokio::test]
async fn a_less_informed_writer_never_wins() {
    let store = store().await;
    for (endpoint, order) in [("informed-last", [3u64, 5]), ("informed-first", [5, 3])] {
        for inputs in order {
            store
                .insert_derivations(&[derived(endpoint, inputs, 2)])
                .await
                .expect("insert");
        }
        assert_eq!(kbs(&store, endpoint).await, ["KB50", "KB51"]);
    }
}

#[tokio::test]
async fn rows_without_a_current_set_are_not_seen_and_repeats_fold() {
    let store = store().await;
    let endpoint = "derived-shrinks";
    store
        .insert_derivations(&[derived(endpoint, 1, 3)])
        .await
        .expect("insert");
    // The better informed one has fewer rows: nothing of the larger old set may shine through.
    for _ in 0..2 {
        store
            .insert_derivations(&[derived(endpoint, 2, 1)])
            .await
            .expect("insert");
    }
    assert_eq!(kbs(&store, endpoint).await, ["KB20"]);
    store
        .insert_derivations(&[derived(endpoint, 3, 0)])
        .await
        .expect("insert");
    assert_eq!(kbs(&store, endpoint).await, Vec::<String>::new());
}

#[tokio::test]
async fn tidying_removes_only_what_nobody_sees() {
    let store = store().await;
    let endpoint = "derived-tidied";
    store
        .insert_derivations(&[derived(endpoint, 1, 3)])
        .await
        .expect("insert");
    store
        .insert_derivations(&[derived(endpoint, 2, 2)])
        .await
        .expect("insert");
    store.tidy_beyond(0).await.expect("tidy");
    assert_eq!(kbs(&store, endpoint).await, ["KB20", "KB21"]);
}

#[tokio::test]
async fn news_is_open_until_it_is_closed_and_stays_closed() {
    let store = store().await;
    let endpoint = "news";
    let rows = testing::rows(
        endpoint,
        0,
        "2022-08-31 23:59:59 late\n2022-09-01 00:00:01 early\n",
        false,
    );
    let id = put(&store, vec![rows.clone()]).await;
    let of = async |endpoint: &str| -> Vec<OpenNews> {
        let news = store
            .open_news(std::time::Duration::ZERO, 10_000)
            .await
            .expect("news");
        news.into_iter()
            .filter(|news| news.unit.endpoint == endpoint)
            .collect()
    };
    let open = of(endpoint).await;
    let months: Vec<u32> = open.iter().map(|news| news.unit.month.yyyymm()).collect();
    assert_eq!(months, [202208, 202209]);
    assert!(open.iter().all(|news| news.ids == [id]));
    let old = store
        .open_news(std::time::Duration::from_secs(3_600), 10_000)
        .await
        .expect("news");
    assert!(old.iter().all(|news| news.unit.endpoint != endpoint));
    assert!(store.pending_units().await.expect("count") >= 2);
    store.close_news(&open[..1]).await.expect("close");
    assert_eq!(of(endpoint).await, open[1..]);
    let again = put(&store, vec![rows]).await;
    assert_eq!(
        of(endpoint)
            .await
            .iter()
            .map(|news| news.ids.clone())
            .collect::<Vec<_>>(),
        [vec![again], vec![id, again]]
    );
    store.close_news(&of(endpoint).await).await.expect("close");
    store.tidy_beyond(0).await.expect("tidy");
    assert_eq!(of(endpoint).await, []);
}

#[tokio::test]
async fn more_input_makes_a_greater_version_even_when_less_counts() {
    let store = store().await;
    let endpoint = "versions";
    let month = Month::from_yyyymm(202208);
    let today = Day::of(LoggedAt::parse(b"2022-08-18 00:00:00"));
    let version = async || {
        inputs_of(&store, endpoint, today, today)
            .await
            .version(1, today)
    };
    put(
        &store,
        vec![testing::rows(
            endpoint,
            0,
            "2022-08-18 15:53:46 cut he",
            true,
        )],
    )
    .await;
    let open = version().await;
    // The longer record means nothing: one event less counts, and yet more is known.
    put(
        &store,
        vec![testing::rows(
            endpoint,
            0,
            "2022-08-18 15:53:46 cut here: plain\n",
            false,
        )],
    )
    .await;
    let closed = version().await;
    assert!(closed > open, "{closed:?} {open:?}");
    assert_eq!(
        store
            .unit_rows(TENANT, endpoint, month, month)
            .await
            .expect("read")
            .events,
        []
    );
    put(
        &store,
        vec![testing::rows(
            endpoint,
            0,
            "2022-08-18 15:53:46 cut here: plain\n",
            false,
        )],
    )
    .await;
    assert_eq!(version().await, closed);
    // Read along with other days, a day's version is the same.
    put(
        &store,
        vec![testing::rows(
            endpoint,
            90,
            "2023-08-18 15:53:46 a year on\n",
            false,
        )],
    )
    .await;
    let later = Day::of(LoggedAt::parse(b"2023-08-18 00:00:00"));
    let alone = version().await;
    let with_others = inputs_of(&store, endpoint, today, later).await;
    assert_eq!(with_others.version(1, today), alone);
}

/// What is held of a day, with the landmarks until another.
async fn inputs_of(store: &Store, endpoint: &str, day: Day, until: Day) -> DayInputs {
    let full = [day.plus(-1), day];
    let inputs = store
        .day_inputs(
            TENANT,
            &[endpoint],
            AskedDays {
                full: &full,
                from: day.plus(-1),
                to: until,
                rule_set: u32::MAX,
            },
            64 << 20,
        )
        .await;
    inputs.expect("read").remove(endpoint).unwrap_or_default()
}

#[tokio::test]
async fn facts_of_a_machine_fold_in_any_order() {
    let store = store().await;
    let at = |text: &str| LoggedAt::parse(text.as_bytes());
    let facts =
        |endpoint: &str, stack: Option<(&str, &str)>, first: &str, last: &str| EndpointFacts {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
            host: String::new(),
            named_at: None,
            contact_ms: 0,
            servicing_stack: stack
                .map(|(when, stack)| (at(when).expect("a time"), stack.to_owned())),
            first: at(first),
            last: at(last),
        };
    for (endpoint, backwards) in [("facts-forwards", false), ("facts-backwards", true)] {
        let mut all = vec![
            facts(
                endpoint,
                Some(("2022-08-01 00:00:00", "10.0.17763.9")),
                "2022-08-01 00:00:00",
                "2022-08-02 00:00:00",
            ),
            facts(
                endpoint,
                Some(("2022-09-01 00:00:00", "10.0.17763.1")),
                "2022-09-01 00:00:00",
                "2022-09-02 00:00:00",
            ),
            facts(endpoint, None, "2022-07-01 00:00:00", "2022-07-02 00:00:00"),
        ];
        if backwards {
            all.reverse();
        }
        for facts in all {
            store.insert_facts(&[facts]).await.expect("insert");
        }
        let head = store
            .endpoint(TENANT, endpoint)
            .await
            .expect("read")
            .expect("known")
            .head;
        assert_eq!(head.servicing_stack, "10.0.17763.1");
        assert_eq!(
            (head.first, head.last),
            (at("2022-07-01 00:00:00"), at("2022-09-02 00:00:00"))
        );
    }
}

#[tokio::test]
async fn a_row_of_a_newer_rule_set_makes_a_greater_version_although_none_is_added() {
    let store = store().await;
    let endpoint = "news-rule-set";
    let today = Day::of(LoggedAt::parse(b"2022-08-18 00:00:00"));
    let log = "2022-08-18 15:53:46 first 0x80070570\n2022-08-18 15:53:47 second 0x80070570\n";
    let mut versions = Vec::new();
    for rule_set in [1, 2, 3] {
        let rows = vec![testing::rows(endpoint, 0, log, false)];
        put_as(&store, rule_set, rows).await;
        let rows = inputs_of(&store, endpoint, today, today).await;
        // Derived with one and the same set each time: only what was read differs.
        versions.push(rows.version(3, today));
    }
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    assert!(
        versions.is_sorted_by(|a, b| a.inputs < b.inputs),
        "not by the luck of a hash: {versions:?}"
    );
}

/// The first release kept months from 1990 to 2100 apart. Its rows stay in their partitions, and are said by the far-off unit.
#[tokio::test]
async fn far_off_months_of_an_older_build_are_read_derived_and_said_once() {
    let (store, client) = (store().await, crate::harness::client().await);
    let (endpoint, template) = ("old-months", "old-months-template");
    put(
        &store,
        vec![testing::rows(
            template,
            0,
            "1995-03-04 00:00:00 old\n2022-08-18 15:53:46 new\n2050-01-01 00:00:00 ahead\n",
            false,
        )],
    )
    .await;
    let run = async |statement: String| {
        let done = client.query(&statement).execute().await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    };
    // As that build wrote them: each on its own day. From a subquery, because a name in REPLACE hides the column in WHERE.
    for (day, text) in [
        ("1995-03-04", "old"),
        ("2022-08-18", "new"),
        ("2050-01-01", "ahead"),
    ] {
        run(format!(
            "INSERT INTO events SELECT * REPLACE ('{endpoint}' AS endpoint, toDate('{day}') AS day) \
             FROM (SELECT * FROM events WHERE endpoint = '{template}' AND text = '{text}')"
        ))
        .await;
    }
    run(format!(
        "INSERT INTO coverage SELECT * REPLACE ('{endpoint}' AS endpoint, toDate('1995-03-04') AS day, toDate('2050-01-01') AS last_day) \
         FROM (SELECT * FROM coverage WHERE endpoint = '{template}')"
    ))
    .await;
    let far_off = Month::FAR_OFF;
    let rows = store
        .unit_rows(TENANT, endpoint, far_off, far_off)
        .await
        .expect("read");
    let texts = |view: store::UnitView<'_>| -> Vec<String> {
        view.events.iter().map(|event| event.text.clone()).collect()
    };
    assert_eq!(texts(rows.unit(far_off)), ["old", "ahead"]);
    assert_eq!(rows.unit(far_off).streams.len(), 1);
    let month = Month::from_yyyymm(202208);
    let rows = store
        .unit_rows(TENANT, endpoint, month, month)
        .await
        .expect("read");
    assert_eq!(texts(rows.unit(month)), ["new"]);
    assert_eq!(rows.unit(month).streams.len(), 1);

    // What it derived of them goes once the far-off unit is derived, and not before.
    store
        .insert_derivations(&[derived(template, 5, 2)])
        .await
        .expect("insert");
    for table in ["attempts", "findings", "derivations"] {
        run(format!(
            "INSERT INTO {table} SELECT * REPLACE ('{endpoint}' AS endpoint, 199503 AS month) \
             FROM (SELECT * FROM {table} WHERE endpoint = '{template}')"
        ))
        .await;
    }
    assert_eq!(kbs(&store, endpoint).await, ["KB50", "KB51"]);
    let far = UnitDerivation {
        unit: Unit {
            month: far_off,
            ..unit(endpoint)
        },
        ..derived(endpoint, 4, 1)
    };
    store.insert_derivations(&[far]).await.expect("insert");
    assert_eq!(kbs(&store, endpoint).await, ["KB40"]);

    // News that it left open is news of the far-off unit.
    run(format!(
        "INSERT INTO news (tenant, endpoint, month, id, done) VALUES ('{TENANT}', '{endpoint}', 199503, 77, 0)"
    ))
    .await;
    let open = async || -> Vec<OpenNews> {
        let open = store.open_news(std::time::Duration::ZERO, 10_000).await;
        let open = open.expect("news").into_iter();
        open.filter(|news| news.unit.endpoint == endpoint).collect()
    };
    let news = open().await;
    assert_eq!(
        (news.len(), news[0].unit.month, &news[0].ids),
        (1, far_off, &vec![77])
    );
    store.close_news(&news).await.expect("close");
    assert_eq!(open().await, []);
}

#[tokio::test]
async fn a_dead_unit_counts_its_deaths_and_goes_when_it_is_derived() {
    let store = store().await;
    let endpoint = "dead-unit";
    let dead = |rule_set, seen| DeadUnit {
        unit: unit(endpoint),
        reason: "panic".to_owned(),
        message: "deriving it panicked".to_owned(),
        rule_set,
        attempts: 1,
        first_seen_ms: seen,
        last_seen_ms: seen,
    };
    let listed = async || store.dead_units(TENANT, endpoint).await.expect("list");
    store
        .insert_dead_units(&[dead(1, 1_000)])
        .await
        .expect("insert");
    // A clock that was set back does not hide the second death.
    store
        .insert_dead_units(&[dead(2, 500)])
        .await
        .expect("insert");
    let now = listed().await;
    let expected = DeadUnit {
        attempts: 2,
        first_seen_ms: 1_000,
        ..dead(2, 500)
    };
    assert_eq!(now, [expected]);
    assert!(store.count_dead_units().await.expect("count") >= 1);
    store.reopen_dead_units(&now).await.expect("reopen");
    assert_eq!(listed().await, []);
    let news = store
        .open_news(std::time::Duration::from_secs(3_600), 10_000)
        .await
        .expect("news");
    let news: Vec<OpenNews> = news
        .into_iter()
        .filter(|news| news.unit.endpoint == endpoint)
        .collect();
    assert_eq!(news.len(), 1, "it waits for no batch");
    // It dies once more, and is derived at last.
    store
        .insert_dead_units(&[dead(2, 2_000)])
        .await
        .expect("insert");
    let now = listed().await;
    assert_eq!(now[0].attempts, 3);
    store.mark_derived(&now).await.expect("mark");
    assert_eq!(listed().await, []);
}
