//! Growing copies and live tails: an open record counts until something longer covers it.

use crate::harness::{TENANT, answers, events, put, store};
use event::Code;
use std::sync::Arc;
use store::testing;

const WHOLE: &str = "2022-08-18 15:53:46 first 0x80070570\n2022-08-18 15:53:47 noise that goes on 0x80070002\n2022-08-18 15:53:48 last that goes on\n";

/// A copy of the log up to a byte, as its sender would cut it: a run that ends in an open record.
fn prefix(endpoint: &str, bytes: usize) -> store::ChunkRows {
    testing::rows(endpoint, 0, &WHOLE[..bytes], true)
}

#[tokio::test]
async fn growing_prefixes_end_like_one_sending_in_any_order() {
    let store = store().await;
    put(&store, vec![prefix("grown-once", WHOLE.len())]).await;
    let once = answers(&store, "grown-once", 202208).await;
    let steps: Vec<usize> = (20..WHOLE.len()).step_by(7).chain([WHOLE.len()]).collect();
    for (endpoint, backwards) in [("grown-forwards", false), ("grown-backwards", true)] {
        let mut steps = steps.clone();
        if backwards {
            steps.reverse();
        }
        for bytes in steps {
            put(&store, vec![prefix(endpoint, bytes)]).await;
        }
        let texts: Vec<String> = events(&store, endpoint, 202208)
            .await
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(
            texts,
            ["first 0x80070570", "last that goes on"],
            "{endpoint}"
        );
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
                (Code::new(0x8007_0002), 1, 1),
                (Code::new(0x8007_0570), 1, 0)
            ],
            "{endpoint}"
        );
        let strip = |text: &str| -> String {
            // The identity of a made-up event holds its endpoint's name.
            text.lines()
                .filter(|line| {
                    !line
                        .trim()
                        .bytes()
                        .all(|byte| byte.is_ascii_digit() || byte == b',')
                })
                .collect()
        };
        assert_eq!(
            strip(
                &answers(&store, endpoint, 202208)
                    .await
                    .replace(endpoint, "grown-once")
            ),
            strip(&once)
        );
    }
}

#[tokio::test]
async fn an_open_record_counts_until_something_longer_covers_it() {
    let store = store().await;
    let endpoint = "open-counts";
    put(&store, vec![prefix(endpoint, 30)]).await;
    assert_eq!(
        events(&store, endpoint, 202208).await,
        [(0, WHOLE[19..30].trim().to_owned())]
    );
    // A live tail that goes on from its last record, not from the start.
    let first = WHOLE.find('\n').expect("a line") + 1;
    put(&store, vec![prefix(endpoint, first + 40)]).await;
    put(
        &store,
        vec![testing::rows(endpoint, first as u64, &WHOLE[first..], true)],
    )
    .await;
    let texts: Vec<String> = events(&store, endpoint, 202208)
        .await
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(texts, ["first 0x80070570", "last that goes on"]);
}

#[tokio::test]
async fn the_same_record_closed_stays_when_its_open_copy_is_superseded() {
    let store = store().await;
    let line = "2022-08-18 15:53:46 complete 0x80070570\n";
    for (endpoint, closed_first) in [("closed-first", true), ("open-first", false)] {
        let open = testing::rows(endpoint, 0, line, true);
        let longer = format!("{line}2022-08-18 15:53:47 next\n");
        let closed = testing::rows(endpoint, 0, &longer, false);
        let order = if closed_first {
            [closed, open]
        } else {
            [open, closed]
        };
        for rows in order {
            put(&store, vec![rows]).await;
        }
        let texts: Vec<String> = events(&store, endpoint, 202208)
            .await
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(texts, ["complete 0x80070570", "next"]);
        let codes = store
            .codes_of_endpoint(TENANT, endpoint)
            .await
            .expect("codes");
        assert_eq!(
            codes.iter().map(|code| code.events).collect::<Vec<_>>(),
            [1]
        );
    }
}

#[tokio::test]
async fn an_open_copy_that_is_superseded_in_one_stream_does_not_hide_one_that_counts_in_another() {
    let store = store().await;
    let endpoint = "two-streams";
    let line = "2022-08-18 15:53:46 cut he";
    let mut other = testing::rows(endpoint, 0, line, true);
    Arc::make_mut(&mut other.chunk).stream = event::StreamId(9 << 32);
    other.events[0].stream = other.chunk.stream;
    put(&store, vec![testing::rows(endpoint, 0, line, true), other]).await;
    put(
        &store,
        vec![testing::rows(
            endpoint,
            0,
            &format!("{line}re, but longer\n"),
            false,
        )],
    )
    .await;
    let mut texts: Vec<String> = events(&store, endpoint, 202208)
        .await
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    texts.sort();
    assert_eq!(texts, ["cut he", "cut here, but longer"]);
}
