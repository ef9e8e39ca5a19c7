//! What the store says of a stream before a place.

use crate::harness::{TENANT, put, store};
use event::{LoggedAt, StreamId, UtcAnchor, UtcHow};
use std::sync::Arc;
use store::{ChunkRows, Store, StreamEnd, StreamPlace, testing};

async fn end(store: &Store, endpoint: &str, offset: u64) -> Option<StreamEnd> {
    let stream = StreamId(7 << 32);
    let place = StreamPlace {
        endpoint,
        stream,
        offset,
    };
    let ends = store.stream_ends(TENANT, &[place]).await;
    ends.unwrap_or_else(|error| panic!("{error}"))
        .remove(&stream)
}

fn with_minutes(mut rows: ChunkRows, minutes: &[i32]) -> ChunkRows {
    let anchors = minutes.iter().map(|&minutes| UtcAnchor {
        offset: rows.chunk.offset,
        minutes,
        how: UtcHow::CsiStamp,
        logged: LoggedAt(0),
    });
    rows.anchors = anchors.collect();
    rows
}

#[tokio::test]
async fn the_last_piece_before_a_place_is_told_with_what_it_leaves_open() {
    let (store, endpoint) = (store().await, "stream-ends");
    let lines = [
        "2022-08-18 10:00:00 one\n",
        "2022-08-18 10:00:01 two\n",
        "2022-08-18 10:00:02 three\n",
    ];
    let at = |line: usize| lines[..line].iter().map(|line| line.len() as u64).sum();
    assert_eq!(end(&store, endpoint, at(1)).await, None);
    let first = testing::rows(endpoint, 0, lines[0], false);
    put(&store, vec![with_minutes(first, &[60, 480])]).await;
    let closed = StreamEnd {
        start: 0,
        end: at(1),
        first: LoggedAt::parse(b"2022-08-18 10:00:00"),
        last: LoggedAt::parse(b"2022-08-18 10:00:00"),
        minutes: vec![60, 480],
        is_open: false,
        open_events: Vec::new(),
    };
    assert_eq!(end(&store, endpoint, at(1)).await, Some(closed));
    // A gap lies before it.
    assert_eq!(end(&store, endpoint, at(1) + 1).await, None);
    assert_eq!(end(&store, "stream-ends-other", at(1)).await, None);

    // A copy that is longer, and the last record of which is open; then a piece from there on.
    put(
        &store,
        vec![testing::rows(endpoint, 0, &lines[..2].concat(), true)],
    )
    .await;
    let open = end(&store, endpoint, at(2)).await.expect("a piece");
    assert_eq!((open.start, open.end, open.is_open), (0, at(2), true));
    assert_eq!(open.minutes, [60, 480], "of the piece that shows any");
    let texts = open.open_events.iter().map(|event| event.text.as_str());
    assert_eq!(texts.collect::<Vec<_>>(), ["two"]);
    put(
        &store,
        vec![testing::rows(endpoint, at(1), &lines[1..].concat(), true)],
    )
    .await;
    let newest = end(&store, endpoint, at(3)).await.expect("a piece");
    let texts = newest.open_events.iter().map(|event| event.text.as_str());
    assert_eq!(texts.collect::<Vec<_>>(), ["three"], "not those before it");
    // Who asks for what was before hears that more is there.
    let beyond = end(&store, endpoint, at(2)).await.expect("a piece");
    assert_eq!((beyond.start, beyond.end), (at(1), at(3)));
}

#[tokio::test]
async fn an_open_piece_without_a_head_tells_nothing() {
    let (store, endpoint) = (store().await, "stream-ends-headless");
    let headless = |open| {
        let mut rows = ChunkRows::new(testing::chunk(endpoint, 0, "goes on\n", open));
        Arc::make_mut(&mut rows.chunk).stream = StreamId(7 << 32);
        rows
    };
    put(&store, vec![headless(true)]).await;
    assert_eq!(end(&store, endpoint, 8).await, None);
    put(&store, vec![headless(false)]).await;
    let closed = end(&store, endpoint, 8).await.map(|end| end.is_open);
    // Two copies of one piece, one of them open: it may be.
    assert_eq!(closed, None);
}

#[tokio::test]
async fn days_of_open_records_that_lie_far_apart_are_not_read_together() {
    let (store, endpoint) = (store().await, "stream-ends-apart");
    let texts = ["2022-08-18 10:00:00 old\n", "2022-09-18 10:00:00 new\n"];
    let mut places = Vec::new();
    for (stream, text) in (8..).map(StreamId).zip(texts) {
        let mut rows = testing::rows(endpoint, 0, text, true);
        Arc::make_mut(&mut rows.chunk).stream = stream;
        rows.events[0].stream = stream;
        put(&store, vec![rows]).await;
        let offset = text.len() as u64;
        places.push(StreamPlace {
            endpoint,
            stream,
            offset,
        });
    }
    let told = async |places: &[StreamPlace<'_>]| {
        let ends = store.stream_ends(TENANT, places).await;
        let ends = ends.unwrap_or_else(|error| panic!("{error}"));
        let mut texts: Vec<String> = ends
            .into_values()
            .flat_map(|end| end.open_events)
            .map(|event| event.text)
            .collect();
        texts.sort();
        texts
    };
    assert_eq!(told(&places).await, ["new"]);
    assert_eq!(told(&places[..1]).await, ["old"]);
}
