//! The ledger against a simple truth: what was acknowledged and what was not.

use super::*;
use proptest::prelude::*;

fn place(partition: i32) -> Place {
    (Arc::from("chunks"), partition)
}

fn received(offset: i64) -> Received {
    Received {
        offset,
        timestamp_ms: Some(offset * 10),
        content: Content {
            value: Some(vec![b'x'; 10]),
            ..Content::default()
        },
    }
}

fn mark_of(offset: i64) -> Mark {
    received(offset).mark()
}

/// A ledger with one partition that has these offsets in its queue.
fn ledger(start: Start, offsets: &[i64]) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.assign(place(0), start);
    for offset in offsets {
        ledger.receive(&place(0), received(*offset));
    }
    ledger
}

fn take_all(ledger: &mut Ledger) -> Vec<Delivery> {
    std::iter::from_fn(|| ledger.take()).collect()
}

fn position(ledger: &Ledger) -> i64 {
    ledger.partitions[&place(0)].position
}

fn halted(ledger: &Ledger) -> Option<&str> {
    ledger.partitions[&place(0)].halted.as_deref()
}

#[test]
fn the_record_before_is_compared_and_not_handed_out() {
    let start = Start::Verify {
        next: 5,
        mark: mark_of(4),
    };
    assert_eq!(ledger(start, &[]).partitions[&place(0)].fetch_from(), 4);
    let mut good = ledger(start, &[4, 5]);
    assert_eq!(halted(&good), None);
    assert_eq!(take_all(&mut good).len(), 1);

    let start = Start::Verify {
        next: 5,
        mark: mark_of(7),
    };
    let mut other = ledger(start, &[4, 5]);
    assert!(halted(&other).unwrap().contains("offset 4"));
    assert!(take_all(&mut other).is_empty());
    assert_eq!(other.to_commit(), []);
}

#[test]
fn a_gap_is_told_with_its_times_and_committed_when_acknowledged() {
    let start = Start::Cut {
        next: 2,
        low: 8,
        is_empty: false,
        mark: Some(mark_of(1)),
    };
    let mut ledger = ledger(start, &[8, 9]);
    let deliveries = take_all(&mut ledger);
    let Delivery::Gap(gap) = &deliveries[0] else {
        panic!("no gap")
    };
    assert_eq!((gap.from, gap.to), (2, 8));
    assert_eq!(
        (gap.last_before_ms, gap.first_after_ms),
        (Some(10), Some(80))
    );
    ledger.acknowledge(deliveries[1].receipt());
    assert_eq!(position(&ledger), 2, "the gap is not stored yet");
    ledger.acknowledge(deliveries[0].receipt());
    assert_eq!(position(&ledger), 9);
}

#[test]
fn a_log_without_records_tells_its_gap_at_once() {
    let start = Start::Cut {
        next: 2,
        low: 8,
        is_empty: true,
        mark: None,
    };
    let mut ledger = ledger(start, &[]);
    let deliveries = take_all(&mut ledger);
    ledger.acknowledge(deliveries[0].receipt());
    assert_eq!(ledger.to_commit()[0].position, 8);
    ledger.receive(&place(0), received(8));
    assert!(matches!(ledger.take(), Some(Delivery::Record(_))));
}

#[test]
fn an_offset_that_comes_again_halts() {
    let ledger = ledger(Start::Earliest { low: 0 }, &[0, 1, 0]);
    assert!(halted(&ledger).unwrap().contains("offset 0 came after 1"));
}

#[test]
fn what_is_of_an_earlier_time_is_ignored() {
    let mut ledger = ledger(Start::Earliest { low: 0 }, &[0]);
    let before = take_all(&mut ledger);
    ledger.remove(&[place(0)]);
    assert_eq!(ledger.in_flight_bytes, 0);
    ledger.assign(place(0), Start::Earliest { low: 0 });
    ledger.receive(&place(0), received(0));
    ledger.acknowledge(before[0].receipt());
    assert_eq!((position(&ledger), ledger.counts.stale), (0, 1));
    let again = take_all(&mut ledger);
    ledger.acknowledge(again[0].receipt());
    assert_eq!(position(&ledger), 1);
}

#[test]
fn a_partition_that_is_halted_by_its_caller_stands_there() {
    let mut ledger = ledger(Start::Earliest { low: 0 }, &[0, 1, 2]);
    let first = ledger.take().unwrap();
    assert!(ledger.halt(first.receipt(), "newer"));
    ledger.receive(&place(0), received(3));
    assert!(ledger.take().is_none());
    assert_eq!(ledger.in_flight_bytes, 10);
    assert_eq!(position(&ledger), 0);
}

#[test]
fn a_commit_of_an_earlier_time_counts_for_nothing() {
    let mut ledger = ledger(Start::Earliest { low: 0 }, &[0]);
    let first = ledger.take().unwrap();
    ledger.acknowledge(first.receipt());
    let commits = ledger.to_commit();
    ledger.assign(place(0), Start::Earliest { low: 0 });
    ledger.committed(&commits);
    assert_eq!(ledger.partitions[&place(0)].committed, None);
}

#[derive(Clone, Debug)]
enum Step {
    Receive(i32),
    Skip(i32),
    Take,
    Acknowledge(usize),
    Leave(i32),
    Assign(i32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3).prop_map(Step::Receive),
        1 => (0..3).prop_map(Step::Skip),
        4 => Just(Step::Take),
        4 => any::<usize>().prop_map(Step::Acknowledge),
        1 => (0..3).prop_map(Step::Leave),
        1 => (0..3).prop_map(Step::Assign),
    ]
}

proptest! {
    /// Whatever happens in whatever order: no position passes a delivery that is not acknowledged, and bytes are counted back to none.
    #[test]
    fn no_position_passes_what_is_not_acknowledged(steps in proptest::collection::vec(step(), 0..200)) {
        let mut ledger = Ledger::default();
        let mut log = [0_i64; 3];
        // All that was handed out, and whether it was acknowledged.
        let mut out: Vec<(Receipt, i64, bool)> = Vec::new();
        for partition in 0..3 {
            ledger.assign(place(partition), Start::Earliest { low: 0 });
        }
        for step in steps {
            match step {
                Step::Receive(partition) => {
                    ledger.receive(&place(partition), received(log[partition as usize]));
                    log[partition as usize] += 1;
                }
                Step::Skip(partition) => log[partition as usize] += 2,
                Step::Take => {
                    if let Some(delivery) = ledger.take() {
                        let next = match &delivery {
                            Delivery::Record(record) => record.receipt.offset + 1,
                            Delivery::Gap(gap) => gap.to,
                        };
                        out.push((delivery.receipt().clone(), next, false));
                    }
                }
                Step::Acknowledge(at) if !out.is_empty() => {
                    let at = at % out.len();
                    out[at].2 = true;
                    ledger.acknowledge(&out[at].0);
                }
                Step::Acknowledge(_) => {}
                Step::Leave(partition) => ledger.leave(&[place(partition)]),
                Step::Assign(partition) => {
                    let next = ledger.partitions[&place(partition)].position;
                    log[partition as usize] = next;
                    ledger.assign(place(partition), Start::Continue { next });
                }
            }
            for (place, partition) in &ledger.partitions {
                let ours = out.iter().filter(|(receipt, ..)| receipt.partition == place.1 && receipt.epoch == partition.epoch);
                for (receipt, next, is_acknowledged) in ours {
                    prop_assert!(*is_acknowledged || partition.position <= receipt.offset);
                    prop_assert!(partition.position <= receipt.offset || partition.position >= *next);
                }
            }
        }
        for receipt in out.iter().map(|(receipt, ..)| receipt) {
            ledger.acknowledge(receipt);
        }
        while let Some(delivery) = ledger.take() {
            ledger.acknowledge(delivery.receipt());
        }
        prop_assert_eq!(ledger.in_flight_bytes, 0);
        prop_assert_eq!(ledger.records(), 0);
    }
}
