//! Places in a log that is longer than one reading, with a hole in it.

use crate::{
    files::get,
    harness::{Served, served},
};
use event::{Chunk, Format, Source, StreamId, TextEncoding};
use serde_json::{Value, json};
use std::net::SocketAddr;
use store::{Batch, ChunkRows};

const TENANT: &str = "finding";
const ENDPOINT: &str = "pc-find";
const STREAM: StreamId = StreamId(0xF1_2D);
/// Lines of a day, one a second.
const LINES: u64 = 86_400;
/// Of which these were never sent.
const HOLE: std::ops::Range<u64> = 40_000..60_000;
/// Lines of one chunk.
const CHUNK: u64 = 2_000;

/// A made-up line of always the same length.
fn line(number: u64) -> String {
    let (hour, minute, second) = (number / 3_600, number / 60 % 60, number % 60);
    let what = match number {
        70_001 => "Exec: made-up WORD, 已损坏",
        20_000 | 80_000 => "Exec: made-up word, stand-in",
        _ => "Exec: nothing to do, go on..",
    };
    let level = if number == 75_000 { "Error" } else { "Info " };
    let text = format!(
        "2024-05-01 {hour:02}:{minute:02}:{second:02}, {level}                 CBS    {what}"
    );
    let fill = " ".repeat(98 - text.len());
    format!("{text}{fill}\r\n")
}

const LENGTH: u64 = 100;

async fn fill(served: &Served) {
    let store = served.connect().await;
    let first = (0..LINES).step_by(CHUNK as usize);
    let rows = first.filter(|number| !HOLE.contains(number)).map(|number| {
        let text: String = (number..LINES.min(number + CHUNK)).map(line).collect();
        ChunkRows::new(Chunk {
            tenant: TENANT.to_owned(),
            endpoint: ENDPOINT.to_owned(),
            source: Source::Cbs,
            stream: STREAM,
            path: r"C:\Windows\Logs\CBS\CBS.log".to_owned(),
            offset: number * LENGTH,
            length: text.len() as u64,
            encoding: TextEncoding::Utf8,
            format: Format::Wds,
            open: false,
            sender: "test".to_owned(),
            received_ms: 1_700_000_000_000,
            text,
        })
    });
    let batch = Batch::new(1, 1, rows.collect());
    store.insert_batch(&batch).await.expect("rows are stored");
}

async fn found(pages: SocketAddr, query: &str) -> Value {
    let path = format!("/api/v1/endpoints/{ENDPOINT}/find?stream={STREAM}&{query}");
    let answer = get(pages, &path).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.json()
}

/// Where a line begins that is found, as far as one question goes.
async fn line_of(pages: SocketAddr, query: &str) -> Option<u64> {
    let found = found(pages, query).await;
    assert_eq!(found["end"], LINES * LENGTH);
    found["offset"].as_u64().map(|offset| offset / LENGTH)
}

#[tokio::test]
async fn a_record_is_found_both_ways_over_a_hole_and_by_its_time() {
    let served = served().await;
    fill(served).await;
    let pages = served.pages_for(TENANT, None).await;
    for (query, expected) in [
        ("text=made-up%20word", Some(20_000)),
        ("text=MADE-UP%20word&from=2000000", Some(20_000)),
        ("text=made-up%20word&from=2000001", Some(70_001)),
        ("text=%E5%B7%B2%E6%8D%9F%E5%9D%8F", Some(70_001)),
        ("text=word&from=7000200", Some(80_000)),
        ("text=word&from=8000001", None),
        ("text=word&way=previous&from=8640000", Some(80_000)),
        ("text=word&way=previous&from=8000000", Some(70_001)),
        ("text=word&way=previous&from=7000100", Some(20_000)),
        ("text=word&way=previous&from=2000000", None),
        ("level=error", Some(75_000)),
        ("level=error&text=word", None),
        ("time=2024-05-01T00:00", Some(0)),
        ("time=2024-05-01T05:33:20", Some(20_000)),
        // In the hole: what comes behind it.
        ("time=2024-05-01T12:00:00", Some(60_000)),
        ("time=2024-05-01T23:59:59", Some(LINES - 1)),
        ("time=2024-04-01T00:00:00", Some(0)),
        ("time=2024-05-02T00:00:00", None),
    ] {
        assert_eq!(line_of(pages, query).await, expected, "{query}");
    }
    let last = found(pages, "text=word&from=8000001").await;
    assert_eq!(
        (&last["more"], &last["reached"]),
        (&json!(false), &json!(LINES * LENGTH))
    );
    for (query, status) in [
        ("stream=nonsense&text=a", 400),
        ("stream=ffff&text=a", 404),
        (&format!("stream={STREAM}"), 400),
        (&format!("stream={STREAM}&time=noon"), 400),
        (&format!("stream={STREAM}&text={}", "a".repeat(1_001)), 400),
        (&format!("stream={STREAM}&text=a&way=up"), 400),
    ] {
        let path = format!("/api/v1/endpoints/{ENDPOINT}/find?{query}");
        assert_eq!(get(pages, &path).await.status, status, "{query}");
    }
}
