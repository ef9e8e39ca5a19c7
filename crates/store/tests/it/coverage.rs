//! What the store sums up of an endpoint's logs equals a fold over their pieces, and is bounded.

use crate::harness::{TENANT, put, store};
use event::{LoggedAt, StreamId, UtcAnchor, UtcHow};
use std::sync::Arc;
use store::{ChunkRows, Gap, Piece, StreamSummary, UtcSegment, merged, testing};

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

const HOWS: [UtcHow; 4] = [
    UtcHow::CsiStamp,
    UtcHow::UniversalTime,
    UtcHow::StampOffset,
    UtcHow::SessionId,
];

fn piece(dice: &mut Dice, endpoint: &str, stream: u64) -> ChunkRows {
    let text = "x".repeat(dice.roll(9) as usize);
    let offset = dice.roll(60);
    let mut rows = ChunkRows::new(testing::chunk(endpoint, offset, &text, dice.roll(3) == 0));
    let chunk = Arc::make_mut(&mut rows.chunk);
    chunk.stream = StreamId(stream);
    chunk.path = format!("CBS{}.log", dice.roll(3));
    let day = 1_659_312_000 + dice.roll(20) as i64 * 86_400;
    if dice.roll(4) > 0 {
        (rows.first, rows.last) = (Some(LoggedAt(day)), Some(LoggedAt(day + 60)));
    }
    for _ in 0..dice.roll(4) {
        // The last stream has weak anchors only.
        let how = if stream == 3 { 3 } else { dice.roll(4) };
        rows.anchors.push(UtcAnchor {
            offset: offset + dice.roll(9),
            minutes: [480, 60, -210][dice.roll(3) as usize],
            how: HOWS[how as usize],
            logged: LoggedAt(day + dice.roll(60) as i64),
        });
    }
    rows
}

/// The same, from all pieces of one stream.
fn fold(pieces: &[Piece]) -> StreamSummary {
    let union = merged(pieces.iter().map(|piece| (piece.offset, piece.end)));
    let mut reach = 0;
    let mut gaps = Vec::new();
    for &(offset, end) in &union {
        if offset > reach {
            gaps.push(Gap {
                from: reach,
                to: offset,
            });
        }
        reach = end;
    }
    let mut anchors: Vec<UtcAnchor> = pieces
        .iter()
        .flat_map(|piece| piece.anchors.clone())
        .collect();
    if anchors.iter().any(|anchor| !anchor.how.is_weak()) {
        anchors.retain(|anchor| !anchor.how.is_weak());
    }
    anchors.sort_unstable();
    anchors.dedup_by_key(|anchor| anchor.minutes);
    let utc: Vec<UtcSegment> = anchors
        .iter()
        .map(|anchor| UtcSegment {
            minutes: anchor.minutes,
            how: anchor.how,
            from: anchor.logged,
        })
        .collect();
    StreamSummary {
        stream: pieces[0].stream,
        source: pieces[0].source,
        path: pieces
            .iter()
            .map(|piece| piece.path.clone())
            .min()
            .unwrap_or_default(),
        encoding: pieces[0].encoding,
        bytes: union.iter().map(|(offset, end)| end - offset).sum(),
        first: pieces.iter().filter_map(|piece| piece.first).min(),
        last: pieces.iter().filter_map(|piece| piece.last).max(),
        utc_total: utc.len() as u64,
        utc: utc[utc.len().saturating_sub(20)..].to_vec(),
        gaps_total: gaps.len() as u64,
        gaps: gaps[..gaps.len().min(20)].to_vec(),
    }
}

#[tokio::test]
async fn logs_are_summed_up_as_a_fold_over_their_pieces_would() {
    let store = store().await;
    let mut dice = Dice(9);
    let mut told = (0, 0);
    let endpoints: Vec<String> = (0..12).map(|case| format!("coverage-{case}")).collect();
    let mut rows: Vec<ChunkRows> = Vec::new();
    for endpoint in &endpoints {
        for stream in 1..=3 {
            for _ in 0..=dice.roll(9) {
                rows.push(piece(&mut dice, endpoint, stream));
            }
        }
    }
    put(&store, rows).await;
    for endpoint in &endpoints {
        let found = store.endpoint(TENANT, endpoint).await;
        let found = found.expect("the store answers").expect("it is known");
        assert_eq!(found.ends.streams.total, 3);
        let newest_first: Vec<Option<LoggedAt>> =
            found.streams.iter().map(|log| log.last).collect();
        assert!(newest_first.is_sorted_by(|a, b| a >= b), "{newest_first:?}");
        for summary in &found.streams {
            let pieces = store.pieces(TENANT, endpoint, summary.stream).await;
            let expected = fold(&pieces.expect("the store answers"));
            told = (told.0 + expected.gaps.len(), told.1 + expected.utc.len());
            assert_eq!(summary, &expected, "{endpoint}");
        }
        assert_eq!(
            found.head.first,
            found.streams.iter().filter_map(|log| log.first).min()
        );
    }
    assert!(
        told.0 > 50 && told.1 > 50,
        "the cases hold something: {told:?}"
    );
}

#[tokio::test]
async fn a_log_of_a_thousand_holes_tells_the_first_ones_and_how_many_there_are() {
    let (store, endpoint) = (store().await, "coverage-holes");
    let mut rows = Vec::new();
    for at in 0..1_000u64 {
        let mut piece = ChunkRows::new(testing::chunk(endpoint, at * 10, "four", false));
        piece.anchors.push(UtcAnchor {
            offset: at * 10,
            minutes: if at % 2 == 0 { 60 } else { 120 },
            how: UtcHow::CsiStamp,
            logged: LoggedAt(1_659_312_000 + at as i64),
        });
        rows.push(piece);
    }
    put(&store, rows).await;
    let found = store.endpoint(TENANT, endpoint).await;
    let found = found.expect("the store answers").expect("it is known");
    let log = &found.streams[0];
    assert_eq!(
        (log.gaps.len(), log.gaps_total, log.bytes),
        (20, 999, 4_000)
    );
    assert_eq!((log.utc.len(), log.utc_total), (20, 1_000));
    assert_eq!(log.utc[19].from, LoggedAt(1_659_312_999));
    assert_eq!(found.utc_offset.map(|offset| offset.minutes), Some(120));
    // What places the records of a window: the changes before it, and the first one for those before any.
    let changes = store.utc_changes(TENANT, endpoint, log.stream, 35).await;
    let offsets: Vec<u64> = changes
        .expect("the store answers")
        .iter()
        .map(|at| at.offset)
        .collect();
    assert_eq!(offsets, [0, 10, 20, 30]);
    let changes = store.utc_changes(TENANT, endpoint, log.stream, 0).await;
    assert_eq!(changes.expect("the store answers").len(), 1);
}

#[tokio::test]
async fn hundreds_of_logs_are_listed_in_pages() {
    let (store, endpoint) = (store().await, "coverage-logs");
    let rows: Vec<ChunkRows> = (0..120u64)
        .map(|stream| {
            let mut rows = ChunkRows::new(testing::chunk(endpoint, 0, "four", false));
            Arc::make_mut(&mut rows.chunk).stream = StreamId(stream + 1);
            (rows.first, rows.last) =
                (Some(LoggedAt(stream as i64)), Some(LoggedAt(stream as i64)));
            rows
        })
        .collect();
    put(&store, rows).await;
    let mut places = store::Lists::default();
    let mut seen = Vec::new();
    loop {
        let found = store.endpoint_from(TENANT, endpoint, &places, &[]).await;
        let found = found.expect("the store answers").expect("it is known");
        assert!(found.streams.len() <= 50 && found.ends.streams.total == 120);
        seen.extend(found.streams.iter().map(|log| log.stream.0));
        match found.ends.streams.next {
            Some(next) => places.streams = next,
            None => break,
        }
    }
    let expected: Vec<u64> = (1..=120).rev().collect();
    assert_eq!(seen, expected);
}
