//! What senders say to be lost: told again or in another order it is the same, and bytes that came after all are not lost.

use crate::harness::{client, put, store};
use event::{Chunk, GAP_PATH, GapReason, LoggedAt, Source, StreamId};
use std::sync::Arc;
use store::{
    ChunkRows, EndpointsAsked, Filter, LabelChange, LostPiece, MissingReason, Sort, Store, Wanted,
    testing,
};

/// 2024-05-20 09:00:00 UTC.
const TOLD: i64 = 1_716_195_600_000;

/// A gap as it travels.
fn gap(
    (tenant, endpoint): (&str, &str),
    stream: u64,
    (from, to): (u64, u64),
    reason: GapReason,
    told: i64,
) -> ChunkRows {
    let chunk = testing::chunk(endpoint, from, reason.name(), false);
    ChunkRows::new(Chunk {
        tenant: tenant.to_owned(),
        source: match reason.is_of_records() {
            true => Source::EventLog,
            false => Source::Cbs,
        },
        stream: StreamId(stream),
        path: format!("{GAP_PATH}a.log"),
        length: to - from,
        received_ms: told,
        ..chunk
    })
}

/// A piece of a log, so that its machine is known.
fn piece((tenant, endpoint): (&str, &str), stream: u64, offset: u64) -> ChunkRows {
    let mut rows = testing::rows(endpoint, offset, "2024-05-20 08:00:00 plain\n", false);
    let chunk = Arc::make_mut(&mut rows.chunk);
    chunk.tenant = tenant.to_owned();
    chunk.stream = StreamId(stream);
    chunk.received_ms = TOLD;
    rows
}

fn filter(tenant: &str) -> Filter {
    Filter {
        tenant: tenant.to_owned(),
        now: Some(LoggedAt(TOLD / 1_000)),
        ..Filter::default()
    }
}

/// Reason, place and when it was told first.
fn told(pieces: &[LostPiece]) -> Vec<(GapReason, u64, u64, i64)> {
    let told = pieces.iter();
    told.map(|piece| (piece.reason, piece.from, piece.to, piece.told.0))
        .collect()
}

async fn of(store: &Store, tenant: &str, endpoint: &str) -> Vec<(GapReason, u64, u64, i64)> {
    told(&store.lost_of(tenant, endpoint).await.unwrap())
}

#[tokio::test]
async fn a_gap_is_kept_once_whatever_is_told_again() {
    let (store, whose) = (store().await, ("lost", "PC-1"));
    let told_at = |later: i64| TOLD + later;
    let first = [
        gap(whose, 0, (11, 41), GapReason::Overwritten, told_at(2_000)),
        gap(whose, 7, (500, 600), GapReason::Gone, told_at(1_000)),
    ];
    put(&store, first.to_vec()).await;
    let expected = [
        (GapReason::Overwritten, 11, 41, told_at(2_000)),
        (GapReason::Gone, 500, 600, told_at(1_000)),
    ];
    assert_eq!(of(&store, whose.0, whose.1).await, expected);
    // By the next process of the agent, by Kafka that is read again, and beside a log in one batch.
    for more in [9_000, 1_000] {
        let mut again = vec![
            gap(whose, 7, (500, 600), GapReason::Gone, told_at(more)),
            piece(whose, 7, 0),
            gap(
                whose,
                0,
                (11, 41),
                GapReason::Overwritten,
                told_at(more + 2_000),
            ),
        ];
        put(&store, again.clone()).await;
        again.reverse();
        put(&store, again).await;
        assert_eq!(of(&store, whose.0, whose.1).await, expected);
    }
    // It grew; and the rows fold as the engine merges them.
    put(
        &store,
        vec![gap(
            whose,
            0,
            (11, 50),
            GapReason::Overwritten,
            told_at(9_000),
        )],
    )
    .await;
    let client = client().await;
    let merged = client.query("OPTIMIZE TABLE gaps FINAL").execute().await;
    merged.unwrap();
    let grown = [
        (GapReason::Overwritten, 11, 50, told_at(2_000)),
        expected[1],
    ];
    assert_eq!(of(&store, whose.0, whose.1).await, grown);
    // None of it is text, or a piece of a log, and it makes no machine known by itself.
    let unknown = ("lost-unknown", "PC-2");
    put(&store, vec![gap(unknown, 9, (0, 9), GapReason::Gone, TOLD)]).await;
    let holdings = store.holdings(unknown.0, unknown.1).await.unwrap();
    assert_eq!(holdings, store::Holdings::default());
    let news = store
        .open_news(std::time::Duration::ZERO, 1_000_000)
        .await
        .unwrap();
    assert!(news.iter().all(|news| news.unit.tenant != unknown.0));
}

#[tokio::test]
async fn bytes_that_came_after_all_are_not_lost() {
    let (store, whose) = (store().await, ("lost-and-found", "PC-1"));
    let length = piece(whose, 7, 0).chunk.length;
    let missing = (length, 2 * length);
    put(
        &store,
        vec![
            piece(whose, 7, 0),
            gap(whose, 7, missing, GapReason::Gone, TOLD),
            gap(whose, 0, (1, 5), GapReason::Unreadable, TOLD),
        ],
    )
    .await;
    let now = LoggedAt(TOLD / 1_000);
    let reasons = async || -> Vec<(MissingReason, Option<LoggedAt>)> {
        let held = store.times_held(whose.0, whose.1, now).await.unwrap();
        let gaps = held.iter().flat_map(|of| &of.gaps);
        gaps.map(|gap| (gap.reason, gap.from)).collect()
    };
    let lost = MissingReason::Lost;
    let before = LoggedAt::parse(b"2024-05-20 08:00:00");
    assert_eq!(
        reasons().await,
        [
            (lost(GapReason::Gone), before),
            (lost(GapReason::Unreadable), None)
        ]
    );
    // Somebody sent a copy of the file.
    put(&store, vec![piece(whose, 7, length)]).await;
    assert_eq!(reasons().await, [(lost(GapReason::Unreadable), None)]);
    assert_eq!(
        of(&store, whose.0, whose.1).await,
        [(GapReason::Unreadable, 1, 5, TOLD)]
    );
}

#[tokio::test]
async fn what_is_lost_is_narrowed_by_label_machine_and_day() {
    let (store, tenant) = (store().await, "lost-narrow");
    for (number, endpoint) in ["PC-1", "PC-2", "PC-3"].into_iter().enumerate() {
        let later = number as i64 * 86_400_000;
        let whose = (tenant, endpoint);
        put(
            &store,
            vec![
                piece(whose, 7, 0),
                gap(whose, 0, (1, 5), GapReason::Overwritten, TOLD + later),
            ],
        )
        .await;
    }
    let label = |endpoint: &str| LabelChange {
        endpoint: endpoint.to_owned(),
        label: "ring".to_owned(),
        value: "pilot".to_owned(),
    };
    let pilots = [label("PC-2"), label("PC-3")];
    store
        .put_labels(tenant, &pilots, "made up", 1)
        .await
        .unwrap();
    let names = async |filter: Filter| -> (Vec<String>, u64) {
        let (pieces, total) = store.lost(&filter, 2).await.unwrap();
        let names = pieces.into_iter().map(|piece| piece.endpoint);
        (names.collect(), total)
    };
    let named = |names: &[&str], total: u64| {
        let names = names.iter().map(|name| (*name).to_owned());
        (names.collect::<Vec<_>>(), total)
    };
    let all = filter(tenant);
    assert_eq!(names(all.clone()).await, named(&["PC-3", "PC-2"], 3));
    let of_label = Filter {
        labels: vec![("ring".to_owned(), "pilot".to_owned())],
        ..all.clone()
    };
    assert_eq!(names(of_label).await, named(&["PC-3", "PC-2"], 2));
    let of_one = Filter {
        endpoint: Some("PC-1".to_owned()),
        ..all.clone()
    };
    assert_eq!(names(of_one).await, named(&["PC-1"], 1));
    let second = u16::try_from(TOLD / 86_400_000 + 1).unwrap();
    let of_day = Filter {
        from: Some(second),
        to: Some(second),
        ..all
    };
    assert_eq!(names(of_day).await, named(&["PC-2"], 1));
}

#[tokio::test]
async fn ids_that_several_machines_send_as_are_listed_alone() {
    let (store, tenant) = (store().await, "cloned-list");
    for (endpoint, hosts) in [
        ("PC-1", &[("A", 1_i64), ("B", 3), ("A", 5)][..]),
        ("PC-2", &[("OLD", 1), ("NEW", 3), ("new.example", 5)]),
        ("PC-3", &[("C", 1)]),
    ] {
        for (host, day) in hosts {
            let mut rows = piece((tenant, endpoint), day.unsigned_abs(), 0);
            // A name is noted once a day.
            let at = LoggedAt(TOLD / 1_000 + (day - 6) * 86_400);
            (rows.first, rows.last) = (Some(at), Some(at));
            rows.hosts = vec![(*host).to_owned()];
            put(&store, vec![rows]).await;
        }
    }
    let listed = async |sort: Sort| -> Vec<String> {
        let asked = EndpointsAsked {
            filter: &filter(tenant),
            search: "",
            wanted: Wanted::from_name("cloned"),
            sort,
            limit: 10,
            after: None,
        };
        let page = store.endpoints(asked).await.unwrap();
        assert_eq!(page.total, Some(page.endpoints.len() as u64));
        page.endpoints.into_iter().map(|row| row.endpoint).collect()
    };
    let known = store.cloned_endpoints(tenant).await.unwrap();
    assert_eq!(known.keys().collect::<Vec<_>>(), ["PC-1"]);
    // Read with what machines tried, and without.
    for sort in [Sort::Name, Sort::Failed, Sort::LastSeen] {
        assert_eq!(listed(sort).await, ["PC-1"], "{sort:?}");
    }
}
