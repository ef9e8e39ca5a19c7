//! Repeats and orders of inserts change no answer.

use crate::harness::{TENANT, answers, events, put, put_as, store};
use event::{Code, StreamId};
use std::sync::Arc;
use store::testing;

const LOG: &str = "2022-08-18 15:53:46 first 0x80070570\n\
2022-08-18 15:53:47 noise 0x80070002\n\
2022-08-18 15:53:48 plain\n\
2022-08-18 15:53:49 second 0x80070570\n\
2022-08-19 08:00:00 noise 0x80070002\n";

/// Cuts a log at every line into a chunk of its own.
fn lines(endpoint: &str, log: &str) -> Vec<store::ChunkRows> {
    let mut at = 0;
    log.split_inclusive('\n')
        .map(|line| {
            let rows = testing::rows(endpoint, at, line, false);
            at += line.len() as u64;
            rows
        })
        .collect()
}

#[tokio::test]
async fn sending_again_whole_or_in_other_cuts_changes_no_answer() {
    let store = store().await;
    let endpoint = "replay-cuts";
    put(&store, vec![testing::rows(endpoint, 0, LOG, false)]).await;
    let before = answers(&store, endpoint, 202208).await;
    assert!(before.contains("first 0x80070570"), "{before}");
    put(&store, vec![testing::rows(endpoint, 0, LOG, false)]).await;
    assert_eq!(answers(&store, endpoint, 202208).await, before);
    put(&store, lines(endpoint, LOG)).await;
    assert_eq!(answers(&store, endpoint, 202208).await, before);
    for rows in lines(endpoint, LOG).into_iter().rev() {
        put(&store, vec![rows]).await;
    }
    assert_eq!(answers(&store, endpoint, 202208).await, before);
    let codes = store
        .codes_of_endpoint(TENANT, endpoint)
        .await
        .expect("codes");
    let codes: Vec<(Code, u64, u64)> = codes
        .into_iter()
        .map(|code| (code.code, code.events, code.noise))
        .collect();
    assert_eq!(
        codes,
        [
            (Code::new(0x8007_0002), 2, 2),
            (Code::new(0x8007_0570), 2, 0)
        ]
    );
    assert_eq!(
        store.covered_bytes(TENANT, endpoint).await.expect("bytes"),
        LOG.len() as u64
    );
}

#[tokio::test]
async fn the_end_does_not_depend_on_the_order_of_inserts() {
    let store = store().await;
    // A small walk through orders: each seed shuffles the same chunks, some of them twice and from another path.
    let mut outcomes = Vec::new();
    for seed in 0u64..6 {
        let endpoint = format!("replay-order-{seed}");
        let mut rows = lines("replay-order", LOG);
        rows.push(testing::rows("replay-order", 0, LOG, true));
        rows.extend(lines("replay-order", LOG).into_iter().map(|mut rows| {
            Arc::make_mut(&mut rows.chunk).path = "CbsPersist_20220818.log".to_owned();
            Arc::make_mut(&mut rows.chunk).received_ms += 1;
            rows
        }));
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for at in (1..rows.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            rows.swap(at, (state >> 33) as usize % (at + 1));
        }
        for mut rows in rows {
            Arc::make_mut(&mut rows.chunk).endpoint = endpoint.clone();
            put(&store, vec![rows]).await;
        }
        outcomes.push(
            answers(&store, &endpoint, 202208)
                .await
                .replace(&endpoint, "E"),
        );
    }
    for outcome in &outcomes[1..] {
        assert_eq!(outcome, &outcomes[0]);
    }
}

#[tokio::test]
async fn the_newer_rule_set_wins_then_the_smallest_reference_in_any_order() {
    let store = store().await;
    let line = "2022-08-18 15:53:46 same text\n";
    for (endpoint, backwards) in [("version-forwards", false), ("version-backwards", true)] {
        let copy = |rule_set: u32, offset: u64, stream: u64| {
            let mut rows = testing::rows(endpoint, offset, line, false);
            Arc::make_mut(&mut rows.chunk).stream = StreamId(stream);
            rows.events[0].stream = StreamId(stream);
            rows.events[0].rule = format!("rule of set {rule_set}");
            (rule_set, rows)
        };
        let mut copies = vec![
            copy(1, 0, 1 << 32),
            copy(2, 500, 2 << 32),
            copy(2, 400, 2 << 32),
            copy(2, 0, 3 << 32),
        ];
        if backwards {
            copies.reverse();
        }
        for (rule_set, rows) in copies {
            put_as(&store, rule_set, vec![rows]).await;
        }
        let month = event::Month::from_yyyymm(202208);
        let rows = store
            .unit_rows(TENANT, endpoint, month, month)
            .await
            .expect("read");
        let kept: Vec<(&str, u64, u64)> = rows
            .events
            .iter()
            .map(|event| (event.rule.as_str(), event.stream.0, event.offset))
            .collect();
        assert_eq!(kept, [("rule of set 2", 2 << 32, 400)]);
    }
}

#[tokio::test]
async fn every_field_of_an_event_comes_back() {
    let store = store().await;
    let mut rows = testing::rows("fields", 0, "2022-08-18 15:53:46 text\n", false);
    let event = &mut rows.events[0];
    event.stamp = Some(event::UtcMillis(1_660_809_226_609));
    event.level = event::Level::Error;
    event.marker = event::Marker::ExecEnd;
    event.codes = vec![Code::new(0xC000_0102), Code::new(0x8007_0570)];
    event.rule = "r".to_owned();
    event.object = r"\??\C:\Program Files\Windows Defender".to_owned();
    event.kb = "KB5014692".to_owned();
    event.package = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.1.1".to_owned();
    event.component_identity = "amd64_x".to_owned();
    event.session = "30980000_1".to_owned();
    event.client = "WindowsUpdateAgent".to_owned();
    event.trace = "34109804".to_owned();
    event.fields = vec![
        ("function".to_owned(), "SysCreateFile".to_owned()),
        ("line".to_owned(), "2987".to_owned()),
    ];
    event.text = "two\r\nlines, 中文, and a NUL \0".to_owned();
    let expected = event.clone();
    put(&store, vec![rows]).await;
    let month = event::Month::from_yyyymm(202208);
    assert_eq!(
        store
            .unit_rows(TENANT, "fields", month, month)
            .await
            .expect("read")
            .events,
        [expected]
    );
}

#[tokio::test]
async fn records_without_time_and_wild_stamps_are_kept() {
    let store = store().await;
    let endpoint = "wild";
    let mut timeless = testing::rows(endpoint, 0, "2022-08-18 15:53:46 pasted\n", false);
    timeless.events[0].logged = None;
    (timeless.first, timeless.last) = (None, None);
    put(&store, vec![timeless]).await;
    put(
        &store,
        vec![testing::rows(
            endpoint,
            100,
            "1601-01-01 00:00:00 epoch\n",
            false,
        )],
    )
    .await;
    put(
        &store,
        vec![testing::rows(
            endpoint,
            200,
            "9999-12-31 23:59:59 future\n",
            false,
        )],
    )
    .await;
    let far_off = [(0, "pasted"), (100, "epoch"), (200, "future")];
    assert_eq!(
        events(&store, endpoint, 199001).await,
        far_off.map(|(offset, text)| (offset, text.to_owned()))
    );
}
