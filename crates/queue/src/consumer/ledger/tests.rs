//! The ledger, step by step.

mod any_order;

use super::*;

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

/// Takes a partition over from an owner that left it in good order, and announces it.
fn assign(ledger: &mut Ledger, partition: i32, start: Start) {
    ledger.assign(place(partition), start, 0, Some(Care::Clean));
    announce(ledger);
}

/// Commits what the ledger wants to say.
fn announce(ledger: &mut Ledger) {
    let commits = ledger.to_commit();
    ledger.committed(&commits);
}

/// A ledger with one partition that has these offsets in its queue.
fn ledger(start: Start, offsets: &[i64]) -> Ledger {
    let mut ledger = Ledger::default();
    assign(&mut ledger, 0, start);
    for offset in offsets {
        ledger.receive(&place(0), received(*offset));
    }
    ledger
}

fn take_all(ledger: &mut Ledger) -> Vec<Delivery> {
    std::iter::from_fn(|| ledger.take(Instant::now())).collect()
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
    assert!(matches!(
        ledger.take(Instant::now()),
        Some(Delivery::Record(_))
    ));
}

/// What the group knows after an announcement, a while after which the log is empty, or another one.
fn start_after(ledger: &Ledger, low: i64, high: i64) -> Start {
    let commit = ledger.to_commit().remove(0);
    let metadata = super::super::start::metadata(commit.mark, commit.care);
    let known = Some((commit.position, Mark::parse(&metadata)));
    super::super::start::start(known, low, high)
}

#[test]
fn an_announcement_keeps_what_shows_a_topic_that_was_made_anew() {
    let mark = mark_of(4);
    let known = Some((5, Some(mark)));
    for (committed, low, expected) in [
        // All that was read is gone.
        (known, 5, mark),
        (Some((5, None)), 5, Mark::NOTHING),
        // Nothing was ever read.
        (None, 5, Mark::NOTHING),
    ] {
        let mut ledger = Ledger::default();
        let begin = super::super::start::start(committed, low, 5);
        ledger.assign(place(0), begin, 5, Some(Care::Clean));
        assert_eq!(
            start_after(&ledger, 0, 9),
            Start::Verify {
                next: 5,
                mark: expected
            },
            "{committed:?}"
        );
        assert!(matches!(
            start_after(&ledger, 5, 5),
            Start::Continue { next: 5, .. }
        ));
    }
    // What is found there is of another log, whatever it is.
    let other = Start::Verify {
        next: 5,
        mark: Mark::NOTHING,
    };
    assert!(halted(&ledger(other, &[4, 5])).is_some());
    assert!(halted(&ledger(other, &[5])).is_none());
}

#[test]
fn an_acknowledged_gap_leaves_a_mark_too() {
    let start = Start::Cut {
        next: 2,
        low: 8,
        is_empty: true,
        mark: None,
    };
    let mut ledger = ledger(start, &[]);
    let gap = ledger.take(Instant::now()).unwrap();
    ledger.acknowledge(gap.receipt());
    let verify = Start::Verify {
        next: 8,
        mark: Mark::NOTHING,
    };
    assert_eq!(start_after(&ledger, 0, 20), verify);
}

#[test]
fn nothing_of_another_log_is_committed_where_nothing_was_read() {
    let mut ledger = Ledger::default();
    ledger.assign(place(0), Start::Earliest { low: 5 }, 9, None);
    ledger.receive(&place(0), received(4));
    assert!(halted(&ledger).is_some());
    assert_eq!(ledger.to_commit(), []);
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
    assign(&mut ledger, 0, Start::Earliest { low: 0 });
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
    let first = ledger.take(Instant::now()).unwrap();
    assert!(ledger.halt(first.receipt(), "newer"));
    ledger.receive(&place(0), received(3));
    assert!(ledger.take(Instant::now()).is_none());
    // Given back: nobody waits for it, and its bytes are room for others.
    assert!(ledger.is_settled(&[place(0)]));
    assert_eq!((position(&ledger), ledger.in_flight_bytes), (0, 0));
    assert_eq!(ledger.to_commit(), []);
}

#[test]
fn a_halted_partition_takes_no_room_from_the_others() {
    let mut ledger = ledger(Start::Earliest { low: 0 }, &[0, 1, 2, 3]);
    let handed_out: Vec<Delivery> = (0..3).filter_map(|_| ledger.take(Instant::now())).collect();
    ledger.acknowledge(handed_out[1].receipt());
    // Behind one that may yet be acknowledged they cost room, because more of them come.
    assert_eq!(ledger.records(), 4);
    ledger.halt(handed_out[0].receipt(), "newer");
    assert_eq!(ledger.records(), 1);
    ledger.acknowledge(handed_out[2].receipt());
    // They can never be committed, so nobody may wait for that.
    assert_eq!((ledger.records(), position(&ledger)), (0, 0));
}

#[test]
fn a_commit_of_an_earlier_time_counts_for_nothing() {
    let mut ledger = ledger(Start::Earliest { low: 0 }, &[0]);
    let first = ledger.take(Instant::now()).unwrap();
    ledger.acknowledge(first.receipt());
    let commits = ledger.to_commit();
    ledger.assign(place(0), Start::Earliest { low: 0 }, 1, None);
    ledger.committed(&commits);
    assert_eq!(ledger.partitions[&place(0)].committed, None);
}

/// A ledger whose partition was left so, announced, with ten records.
fn left(care: Care) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.assign(
        place(0),
        Start::Continue {
            next: 0,
            mark: None,
        },
        10,
        Some(care),
    );
    for offset in 0..10 {
        ledger.receive(&place(0), received(offset));
    }
    ledger
}

fn written(ledger: &Ledger, partition: i32) -> Option<Care> {
    let commits = ledger.to_commit();
    let commit = commits.iter().find(|commit| commit.place.1 == partition)?;
    Some(commit.care)
}

#[test]
fn nothing_is_handed_out_before_the_group_knows_that_it_may_die_here() {
    let mut ledger = left(Care::Clean);
    assert!(ledger.take(Instant::now()).is_none() && ledger.wants_commit());
    assert_eq!(written(&ledger, 0), Some(Care::Working));
    announce(&mut ledger);
    assert_eq!(take_all(&mut ledger).len(), 10);
    assert_eq!(ledger.to_commit(), []);
    // Who gives it up is alive, whatever is still in flight.
    ledger.leave(&[place(0)]);
    assert_eq!(written(&ledger, 0), Some(Care::Clean));
}

#[test]
fn care_ends_with_the_records_that_the_last_owner_can_have_died_of() {
    for left in [None, Some(Care::Working), Some(Care::Window(8))] {
        let mut ledger = Ledger::default();
        ledger.assign(
            place(0),
            Start::Continue {
                next: 7,
                mark: None,
            },
            7,
            left,
        );
        assert_eq!(ledger.partitions[&place(0)].care, Care::Working, "{left:?}");
    }
    let mut ledger = left(Care::Working);
    announce(&mut ledger);
    ledger.receive(&place(0), received(10));
    let handed_out = take_all(&mut ledger);
    for delivery in &handed_out[..9] {
        ledger.acknowledge(delivery.receipt());
    }
    assert_eq!(ledger.partitions[&place(0)].care, Care::Window(512));
    ledger.acknowledge(handed_out[9].receipt());
    assert_eq!(written(&ledger, 0), Some(Care::Working));
}

#[test]
fn the_deaths_of_a_record_go_with_it_also_while_its_partition_is_given_up() {
    for (care, is_kept) in [(Care::Alone(2), true), (Care::Alone(1), false)] {
        let mut ledger = left(care);
        announce(&mut ledger);
        let found = ledger.take(Instant::now());
        announce(&mut ledger);
        let Some(Delivery::Record(poison)) = found.or_else(|| ledger.take(Instant::now())) else {
            panic!("no record")
        };
        assert_eq!(poison.died_alone, is_kept);
        ledger.leave(&[place(0)]);
        ledger.acknowledge(&poison.receipt);
        let next = Care::Rest {
            window: 2,
            deaths: 0,
        };
        assert_eq!(written(&ledger, 0), Some(next));
        assert_eq!(Care::begin(Some(next)), Care::Window(2));
    }
}

/// The same with a lone record handed out.
fn alone(deaths: u32) -> (Ledger, Delivery) {
    let rest = Care::Rest { window: 1, deaths };
    let mut ledger = left(rest);
    announce(&mut ledger);
    assert!(ledger.take(Instant::now()).is_none());
    assert_eq!(written(&ledger, 0), Some(Care::Alone(deaths)));
    announce(&mut ledger);
    let lone = ledger.take(Instant::now()).unwrap();
    (ledger, lone)
}

#[test]
fn a_lone_record_that_waits_for_a_newer_build_is_not_blamed_for_any_end() {
    let (mut ledger, lone) = alone(2);
    ledger.halt(lone.receipt(), "newer");
    let rest = Care::Rest {
        window: 1,
        deaths: 2,
    };
    assert_eq!(written(&ledger, 0), Some(rest));
    // The others go on.
    assign(
        &mut ledger,
        1,
        Start::Continue {
            next: 0,
            mark: None,
        },
    );
    ledger.receive(&place(1), received(0));
    assert_eq!(take_all(&mut ledger).len(), 1);
    // Stopped and started for as long as it takes.
    ledger.leave(&[place(0)]);
    assert_eq!(written(&ledger, 0), None, "it is known already");
    assert_eq!(Care::begin(Some(rest)), rest);
}

#[test]
fn a_lone_record_that_waits_for_the_store_is_not_blamed_for_any_end() {
    let now = Instant::now();
    let (mut ledger, lone) = alone(2);
    ledger.let_wait(now + LONGEST_ALONE);
    assert_eq!(ledger.to_commit(), [], "that is what it is worth");
    ledger.let_wait(now + LONGEST_ALONE * 2);
    let rest = Care::Rest {
        window: 1,
        deaths: 2,
    };
    assert_eq!(written(&ledger, 0), Some(rest));
    announce(&mut ledger);
    assert!(ledger.take(now).is_none(), "it is in flight all the same");
    ledger.acknowledge(lone.receipt());
    assert_eq!(written(&ledger, 0), Some(Care::Window(2)));
    announce(&mut ledger);
    assert_eq!(take_all(&mut ledger).len(), 2);
}

#[test]
fn nobody_waits_for_a_lone_record_that_waits_for_the_store() {
    let now = Instant::now();
    let (mut ledger, lone) = alone(0);
    let rest = Care::Rest {
        window: 1,
        deaths: 0,
    };
    ledger.assign(
        place(1),
        Start::Continue {
            next: 0,
            mark: None,
        },
        9,
        Some(rest),
    );
    ledger.receive(&place(1), received(0));
    assign(
        &mut ledger,
        2,
        Start::Continue {
            next: 0,
            mark: None,
        },
    );
    ledger.receive(&place(2), received(0));
    assert!(ledger.take(now).is_none(), "it is alone");
    ledger.let_wait(now + LONGEST_ALONE * 2);
    announce(&mut ledger);
    let next = take_all(&mut ledger);
    assert_eq!((next.len(), next[0].receipt().partition), (1, 2));
    // Nothing else is alone beside it, also once the rest is done.
    ledger.acknowledge(next[0].receipt());
    announce(&mut ledger);
    assert!(ledger.take(now).is_none());
    assert_eq!(ledger.to_commit(), [], "and nothing is announced so");
    // Its partition stands, and what is behind it is fetched when it is done.
    assert!(ledger.partitions[&place(0)].has_enough());
    ledger.acknowledge(lone.receipt());
    assert!(!ledger.partitions[&place(0)].has_enough());
    assert!(ledger.take(now).is_none());
    assert_eq!(written(&ledger, 1), Some(Care::Alone(0)));
    announce(&mut ledger);
    assert_eq!(ledger.take(now).unwrap().receipt().partition, 1);
}

#[test]
fn nobody_waits_for_the_turn_of_a_partition_that_is_halted() {
    let mut ledger = left(Care::Window(8));
    announce(&mut ledger);
    assert!(ledger.take(Instant::now()).is_none() && ledger.turn.is_some());
    // Another log.
    ledger.receive(&place(0), received(0));
    assert!(halted(&ledger).is_some());
    assign(
        &mut ledger,
        1,
        Start::Continue {
            next: 0,
            mark: None,
        },
    );
    ledger.receive(&place(1), received(0));
    assert_eq!(take_all(&mut ledger).len(), 1);
}

#[test]
fn a_window_must_pass_before_the_next_one_is_announced() {
    let mut ledger = left(Care::Window(16));
    announce(&mut ledger);
    let window = take_all(&mut ledger);
    assert_eq!(window.len(), 2);
    ledger.acknowledge(window[1].receipt());
    assert!(ledger.take(Instant::now()).is_none());
    ledger.acknowledge(window[0].receipt());
    assert!(ledger.take(Instant::now()).is_none() && ledger.wants_commit());
    let commit = ledger.to_commit().remove(0);
    assert_eq!((commit.position, commit.care), (2, Care::Window(4)));
    announce(&mut ledger);
    assert_eq!(take_all(&mut ledger).len(), 4);
}

#[test]
fn a_lone_record_is_alone_in_the_process_and_only_its_own_death_counts() {
    let mut ledger = left(Care::Window(8));
    // Another partition has a record in flight.
    assign(
        &mut ledger,
        1,
        Start::Continue {
            next: 0,
            mark: None,
        },
    );
    ledger.receive(&place(1), received(0));
    ledger.receive(&place(1), received(1));
    ledger.turn = None;
    announce(&mut ledger);
    let rest = Care::Rest {
        window: 1,
        deaths: 0,
    };
    assert_eq!(ledger.partitions[&place(0)].care, rest);
    // It waits for its turn, beside which nothing else is handed out.
    assert!(ledger.take(Instant::now()).is_none() && ledger.wants_commit());
    assert_eq!(written(&ledger, 0), Some(Care::Alone(0)));
    assert!(
        ledger.take(Instant::now()).is_none(),
        "not before it is announced"
    );
    announce(&mut ledger);
    let lone = take_all(&mut ledger);
    assert_eq!(lone.len(), 1);
    assert_eq!(lone[0].receipt().partition, 0);
    ledger.acknowledge(lone[0].receipt());
    assert_eq!(ledger.take(Instant::now()).unwrap().receipt().partition, 1);
    assert_eq!(written(&ledger, 0), Some(Care::Window(2)));
}

#[test]
fn what_died_alone_three_times_is_handed_out_to_be_kept_and_the_rest_flows() {
    let mut ledger = left(Care::Alone(2));
    announce(&mut ledger);
    let Some(Delivery::Record(poison)) = ledger.take(Instant::now()) else {
        panic!("no record")
    };
    assert!(poison.died_alone && ledger.take(Instant::now()).is_none());
    ledger.acknowledge(&poison.receipt);
    let mut seen = vec![poison.receipt.offset];
    for _ in 0..9 {
        announce(&mut ledger);
        while let Some(Delivery::Record(record)) = ledger.take(Instant::now()) {
            assert!(!record.died_alone);
            ledger.acknowledge(&record.receipt);
            seen.push(record.receipt.offset);
        }
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_turn_ends_with_its_partition() {
    let mut ledger = left(Care::Window(8));
    announce(&mut ledger);
    assert!(ledger.take(Instant::now()).is_none() && ledger.turn.is_some());
    ledger.remove(&[place(0)]);
    assign(
        &mut ledger,
        1,
        Start::Continue {
            next: 0,
            mark: None,
        },
    );
    ledger.receive(&place(1), received(0));
    assert!(ledger.take(Instant::now()).is_some());
}
