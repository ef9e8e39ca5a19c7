//! What is paused, and when; how many partitions there are.

use super::*;
use crate::config::RawConfig;
use care::Care;
use rdkafka::client::ClientContext as _;
use rdkafka::statistics::{Partition, Statistics, Topic};
use start::Start;

#[test]
fn a_partition_whose_records_go_alone_is_paused_while_one_is_here() {
    let mut state = State::default();
    let places: [Place; 2] = [("chunks".into(), 0), ("chunks".into(), 1)];
    let rest = Care::Rest {
        window: 1,
        deaths: 0,
    };
    for (place, care) in places.iter().zip([rest, Care::Clean]) {
        let start = Start::Continue {
            next: 0,
            mark: None,
        };
        state.ledger.assign(place.clone(), start, 9, Some(care));
    }
    let nothing = (Vec::new(), Vec::new(), false);
    assert_eq!(state.pauses(100, 100), nothing);
    for place in &places {
        let content = Content::default();
        let (offset, timestamp_ms) = (0, None);
        state.ledger.receive(
            place,
            Received {
                offset,
                timestamp_ms,
                content,
            },
        );
    }
    let lone = vec![places[0].clone()];
    assert_eq!(state.pauses(100, 100), (lone.clone(), Vec::new(), true));
    state.ledger.committed(&state.ledger.to_commit());
    assert!(state.ledger.take(Instant::now()).is_none());
    state.ledger.committed(&state.ledger.to_commit());
    let delivery = state.ledger.take(Instant::now()).unwrap();
    assert_eq!(state.pauses(100, 100), (Vec::new(), Vec::new(), true));
    state.ledger.acknowledge(delivery.receipt());
    assert_eq!(state.pauses(100, 100), (Vec::new(), lone, false));
}

#[test]
fn a_count_of_partitions_that_cannot_be_true_is_asked_again() {
    let given: [Place; 3] = [
        ("chunks".into(), 0),
        ("chunks".into(), 4),
        ("foreign".into(), 30),
    ];
    let counted = |count, places| group::counted(count, "chunks", places).ok();
    for (count, places, expected) in [
        (Some(5), &given[..], Some(5)),
        (Some(12), &given[..], Some(12)),
        // A broker that has not heard of those that were added.
        (Some(4), &given[..], None),
        (Some(0), &given[..], None),
        (None, &given[..], None),
        // More members than partitions, or partitions of others only.
        (Some(3), &[], Some(3)),
        (Some(3), &given[2..], Some(3)),
        (Some(0), &[], None),
        (None, &given[2..], None),
    ] {
        assert_eq!(counted(count, places), expected, "{count:?} of {places:?}");
    }
}

#[test]
fn partitions_that_the_client_knows_of_are_in_the_share_also_where_none_were_known() {
    let raw = RawConfig {
        chunks_topic: "chunks".to_owned(),
        ..RawConfig::default()
    };
    let (share, shared) = watch::channel(Share::none());
    let inner = Arc::new(Shared {
        config: Config::check(&raw).unwrap(),
        trouble: Trouble::new("consumer"),
        state: Mutex::default(),
        changed: Condvar::new(),
        arrived: Notify::new(),
        share,
    });
    let start = Start::Continue {
        next: 0,
        mark: None,
    };
    let place: Place = ("chunks".into(), 1);
    inner.state().ledger.assign(place, start, 9, None);
    let context = Context::new(Arc::clone(&inner));
    let told_of = |count: i32| {
        let topic = Topic {
            // What is known of no partition in particular has the number -1.
            partitions: (-1..count).map(|at| (at, Partition::default())).collect(),
            ..Topic::default()
        };
        context.stats(Statistics {
            topics: [("chunks".to_owned(), topic)].into(),
            ..Statistics::default()
        });
        shared.borrow().clone()
    };
    assert_eq!(told_of(4), Share::new([1], 4));
    // An older report.
    assert_eq!(told_of(2), Share::new([1], 4));
    assert_eq!(told_of(6), Share::new([1], 6));
}
