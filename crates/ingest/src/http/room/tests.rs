//! Who gets room and who is refused, on a held clock.

use super::*;
use proptest::prelude::*;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tokio::time::advance;

const MIB: usize = 1 << 20;
const WAIT: Duration = Duration::from_secs(10);

/// Bodies of 1 MiB at most; so one takes 2 MiB.
fn room(total: usize) -> Room {
    Room::new(&Config {
        body_max: MIB,
        in_flight_max: total,
        // More than any test has.
        endpoint_requests_max: 100,
        queue_timeout: WAIT,
        ..Config::default()
    })
}

fn owner(endpoint: &str) -> Owner {
    Owner {
        tenant: "default".to_owned(),
        endpoint: endpoint.to_owned(),
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn is_refused(outcome: Poll<Result<(), Refusal>>) -> bool {
    match outcome {
        Poll::Ready(Err(refusal)) => format!("{refusal:?}").contains("503"),
        Poll::Ready(Ok(())) | Poll::Pending => false,
    }
}

#[test]
fn an_endpoint_has_a_quota_of_its_own_and_leaves_nothing_behind() {
    let room = Room::new(&Config {
        endpoint_requests_max: 2,
        ..Config::default()
    });
    let first = room.body(&owner("a")).unwrap();
    let second = room.body(&owner("a")).unwrap();
    let refused = room.body(&owner("a"));
    assert!(refused.is_err_and(|refusal| format!("{refusal:?}").contains("429")));
    let other = room.body(&owner("b")).unwrap();
    drop(first);
    let third = room.body(&owner("a")).unwrap();
    drop((second, third, other));
    assert!(room.0.state().owners.is_empty());
}

#[tokio::test(start_paused = true)]
async fn room_is_given_back_and_its_lack_is_told() {
    let room = room(4 * MIB);
    let mut first = room.body(&owner("a")).unwrap();
    let mut second = room.body(&owner("b")).unwrap();
    first.reach(2 * MIB).await.unwrap();
    second.reach(2 * MIB).await.unwrap();
    let mut third = room.body(&owner("c")).unwrap();
    assert!(is_refused(Poll::Ready(third.reach(1).await)));
    drop(first);
    third.reach(2 * MIB).await.unwrap();
    drop((second, third));
    let state = room.0.state();
    assert_eq!(
        (state.held, state.bodies.len(), state.owners.len()),
        (0, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_holds_its_share_and_others_pass_it() {
    let room = room(8 * MIB);
    let mut greedy: Vec<Held> = (0..3).map(|_| room.body(&owner("a")).unwrap()).collect();
    greedy[0].reach(2 * MIB).await.unwrap();
    greedy[1].reach(2 * MIB).await.unwrap();
    {
        let mut more = pin!(greedy[2].reach(1));
        assert!(poll(more.as_mut()).is_pending());
        let mut other = room.body(&owner("b")).unwrap();
        other.reach(2 * MIB).await.unwrap();
    }
    greedy.remove(0);
    greedy[1].reach(2 * MIB).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn bodies_that_wait_for_each_other_are_not_all_refused() {
    let room = room(4 * MIB);
    let mut bodies: Vec<Held> = ["a", "b", "c", "d"]
        .map(|endpoint| room.body(&owner(endpoint)).unwrap())
        .into();
    for body in &mut bodies {
        body.reach(MIB).await.unwrap();
    }
    let [first, second, third, fourth] = bodies.as_mut_slice() else {
        panic!()
    };
    let (mut first, mut second, mut third) = (
        pin!(first.reach(2 * MIB)),
        pin!(second.reach(2 * MIB)),
        pin!(third.reach(2 * MIB)),
    );
    for waiting in [&mut first, &mut second, &mut third] {
        assert!(poll(waiting.as_mut()).is_pending());
    }
    // Only now does everybody wait: the youngest is refused at once, not after a while.
    {
        let mut fourth = pin!(fourth.reach(2 * MIB));
        assert!(is_refused(poll(fourth.as_mut())));
        assert!(poll(first.as_mut()).is_pending());
    }
    bodies_end(&room, 4);
    assert!(matches!(poll(first.as_mut()), Poll::Ready(Ok(()))));
    assert!(poll(second.as_mut()).is_pending());
    // The first is no longer waiting, so the others may hope: nobody else is refused before the time is over.
    advance(WAIT / 2).await;
    assert!(poll(third.as_mut()).is_pending());
}

/// As if a body had been dropped, whose `Held` is borrowed.
fn bodies_end(room: &Room, id: u64) {
    drop(Held {
        shared: Arc::clone(&room.0),
        id,
    });
}

#[tokio::test(start_paused = true)]
async fn bodies_of_one_endpoint_do_not_wait_for_each_other_either() {
    let room = room(8 * MIB);
    let mut first = room.body(&owner("a")).unwrap();
    let mut second = room.body(&owner("a")).unwrap();
    let mut third = room.body(&owner("a")).unwrap();
    first.reach(MIB).await.unwrap();
    second.reach(MIB + MIB / 2).await.unwrap();
    third.reach(MIB + MIB / 2).await.unwrap();
    let (mut first, mut second) = (pin!(first.reach(2 * MIB)), pin!(second.reach(2 * MIB)));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert!(is_refused(Poll::Ready(third.reach(2 * MIB).await)));
    drop(third);
    assert!(matches!(poll(first.as_mut()), Poll::Ready(Ok(()))));
}

proptest! {
    /// Bodies of any sizes and endpoints, each in steps, all at once: each ends, most of them well, and nothing is left.
    #[test]
    fn every_body_ends_and_one_at_least_ends_well(
        sizes in prop::collection::vec((1..=2 * MIB, 0..3_u8, 0..3_u8), 1..12),
        total in 2 * MIB..6 * MIB,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let room = room(total);
            let mut tasks = tokio::task::JoinSet::new();
            for (size, endpoint, pace) in sizes {
                let mut held = room.body(&owner(&endpoint.to_string())).unwrap();
                tasks.spawn(async move {
                    let mut reached = 0;
                    while reached < size {
                        reached = size.min(reached + MIB / 4);
                        if held.reach(reached).await.is_err() {
                            return false;
                        }
                        tokio::time::sleep(Duration::from_secs(pace.into())).await;
                    }
                    true
                });
            }
            let ended = tokio::time::timeout(Duration::from_secs(600), tasks.join_all()).await;
            assert!(ended.unwrap().contains(&true));
            let state = room.0.state();
            assert_eq!((state.held, state.bodies.len(), state.waiting.len(), state.owners.len()), (0, 0, 0, 0));
        });
    }
}
