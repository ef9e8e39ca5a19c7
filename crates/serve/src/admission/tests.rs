//! Who makes room for whom, on a held clock.

use super::*;
use proptest::prelude::*;
use std::task::{Context, Waker};
use tokio::time::advance;

const PATIENCE: Duration = Duration::from_secs(10);

fn admission(connections_max: usize, address_max: usize) -> Admission {
    Admission::new(Limits {
        connections_max,
        address_max,
        patience: PATIENCE,
    })
}

fn address(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

/// Whether it would end now.
fn is_evicted(place: &Place) -> bool {
    let is_evicted = {
        let evicted = std::pin::pin!(place.evicted());
        evicted
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    };
    assert_eq!(
        is_evicted,
        !place.shared.state().entries.contains_key(&place.id)
    );
    if is_evicted {
        // As it was: the connection may ask again.
        place.evicted.notify_one();
    }
    is_evicted
}

fn check_evicted(places: &[&Place], expected: &[bool]) {
    let evicted: Vec<bool> = places.iter().map(|place| is_evicted(place)).collect();
    assert_eq!(evicted, expected);
}

/// A trusted connection between two requests.
fn trusted(admission: &Admission, number: u8, holder: &str) -> Place {
    let place = admission.admit(address(number)).unwrap();
    assert!(place.begin());
    place.trust(holder);
    rest(&place);
    place
}

fn rest(place: &Place) {
    place.answered();
    place.written();
}

#[tokio::test(start_paused = true)]
async fn an_address_makes_room_for_itself_oldest_first() {
    let admission = admission(10, 2);
    let other = admission.admit(address(1)).unwrap();
    let first = admission.admit(address(2)).unwrap();
    advance(Duration::from_secs(1)).await;
    let second = admission.admit(address(2)).unwrap();
    let third = admission.admit(address(2)).unwrap();
    check_evicted(
        &[&other, &first, &second, &third],
        &[false, true, false, false],
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_that_was_there_all_the_same_takes_a_place_again() {
    let admission = admission(10, 2);
    let places: Vec<Place> = (0..3)
        .map(|_| admission.admit(address(1)).unwrap())
        .collect();
    let [first, second, third] = places.as_slice() else {
        panic!()
    };
    check_evicted(&[first, second, third], &[true, false, false]);
    assert!(first.begin());
    check_evicted(&[first, second, third], &[false, true, false]);
    assert!(second.begin());
    check_evicted(&[first, second, third], &[false, false, true]);
    // Nobody is left who could make room.
    assert!(!third.begin() && is_evicted(third));
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_is_not_ended_for_a_newcomer_unless_it_takes_too_long() {
    let admission = admission(10, 2);
    let (working, waiting) = (
        admission.admit(address(1)).unwrap(),
        admission.admit(address(1)).unwrap(),
    );
    assert!(working.begin());
    let third = admission.admit(address(1)).unwrap();
    check_evicted(&[&working, &waiting, &third], &[false, true, false]);
    assert!(third.begin());
    assert!(admission.admit(address(1)).is_none());
    advance(PATIENCE).await;
    let fourth = admission.admit(address(1)).unwrap();
    check_evicted(&[&working, &third, &fourth], &[true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_trusted_connection_counts_for_no_address_and_outlives_strangers() {
    let admission = admission(4, 2);
    let good = trusted(&admission, 1, "relay:made-up");
    let strangers: Vec<Place> = (0..20)
        .map(|_| admission.admit(address(1)).unwrap())
        .collect();
    assert!(!is_evicted(&good));
    assert_eq!(
        strangers.iter().filter(|place| !is_evicted(place)).count(),
        2
    );
    // Of other addresses, too: the oldest stranger goes first.
    let more: Vec<Place> = (2..20)
        .map(|number| admission.admit(address(number)).unwrap())
        .collect();
    assert!(!is_evicted(&good) && good.begin());
    assert_eq!(more.iter().filter(|place| !is_evicted(place)).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_trusted_connection_that_rests_for_long_makes_room_where_nobody_else_can() {
    let admission = admission(2, 2);
    let resting = trusted(&admission, 1, "endpoint:a");
    let working = admission.admit(address(2)).unwrap();
    assert!(working.begin());
    working.trust("endpoint:b");
    assert!(admission.admit(address(3)).is_none());
    advance(KEPT).await;
    let new = admission.admit(address(3)).unwrap();
    check_evicted(&[&resting, &working, &new], &[true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn one_token_is_trusted_on_so_many_connections_only() {
    let admission = admission(10, 2);
    let places: Vec<Place> = (1..4)
        .map(|number| trusted(&admission, number, "endpoint:a"))
        .collect();
    let state = admission.0.state();
    let holders: Vec<bool> = places
        .iter()
        .map(|place| state.entries[&place.id].holder.is_some())
        .collect();
    assert_eq!(holders, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_over_when_it_is_written_not_when_it_is_made() {
    let admission = admission(10, 1);
    let place = admission.admit(address(1)).unwrap();
    assert!(place.begin());
    place.answered();
    assert!(admission.admit(address(1)).is_none());
    place.written();
    let new = admission.admit(address(1)).unwrap();
    check_evicted(&[&place, &new], &[true, false]);
    // Written while the next request is under way: that is of the answer before.
    assert!(new.begin());
    new.written();
    assert!(admission.admit(address(1)).is_none());
}

#[tokio::test(start_paused = true)]
async fn no_more_are_taken_while_too_many_are_still_closing() {
    let admission = admission(1, 1);
    let mut places: Vec<Place> = (0..=CLOSING_MAX)
        .map(|_| admission.admit(address(1)).unwrap())
        .collect();
    admission.settled().await;
    places.push(admission.admit(address(1)).unwrap());
    let mut settled = std::pin::pin!(admission.settled());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(settled.as_mut().poll(&mut cx).is_pending());
    places.remove(0);
    assert!(settled.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn one_network_is_one_address() {
    let network = |text: &str| network(text.parse().unwrap());
    assert_eq!(network("2001:db8::1"), network("2001:db8::2:3:4:5"));
    assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    assert_ne!(network("192.0.2.2"), network("192.0.2.1"));
}

#[derive(Clone, Debug)]
enum Step {
    Come(u8),
    Begin(usize),
    Trust(usize, u8),
    Rest(usize),
    Leave(usize),
    Wait(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8).prop_map(Step::Come),
        2 => (0..64_usize).prop_map(Step::Begin),
        1 => (0..64_usize, 0..3_u8).prop_map(|(which, holder)| Step::Trust(which, holder)),
        2 => (0..64_usize).prop_map(Step::Rest),
        2 => (0..64_usize).prop_map(Step::Leave),
        1 => (0..12_u8).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_the_bounds_hold_and_nothing_is_left_behind(steps in prop::collection::vec(step(), 1..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let admission = admission(8, 3);
            let mut places: Vec<Place> = Vec::new();
            for step in steps {
                match step {
                    Step::Come(number) => places.extend(admission.admit(address(number))),
                    Step::Wait(seconds) => advance(Duration::from_secs(seconds.into())).await,
                    _ if places.is_empty() => {}
                    Step::Begin(which) => { places[which % places.len()].begin(); }
                    Step::Trust(which, holder) => places[which % places.len()].trust(&holder.to_string()),
                    Step::Rest(which) => rest(&places[which % places.len()]),
                    Step::Leave(which) => { places.swap_remove(which % places.len()); }
                }
                let kept = places.iter().filter(|place| !is_evicted(place)).count();
                let state = admission.0.state();
                assert!(state.entries.len() <= 8);
                assert_eq!(state.open, places.len());
                assert_eq!(state.entries.len(), kept);
                let trusted = state.entries.values().filter(|entry| entry.holder.is_some()).count();
                assert_eq!(state.holders.values().sum::<usize>(), trusted);
                assert!(state.holders.values().all(|count| (1..=3).contains(count)));
                let strangers = |of: &Strangers| of.waiting.len() + of.working.len();
                assert!(state.addresses.values().all(|of| (1..=3).contains(&strangers(of))));
                assert_eq!(state.addresses.values().map(strangers).sum::<usize>() + trusted, kept);
                assert_eq!(state.waiting.len() + state.working.len() + trusted, kept);
            }
            drop(places);
            let state = admission.0.state();
            assert_eq!((state.open, state.entries.len(), state.addresses.len(), state.holders.len()), (0, 0, 0, 0));
            assert!(state.waiting.is_empty() && state.working.is_empty() && state.resting.is_empty());
        });
    }
}

#[tokio::test(start_paused = true)]
async fn want_of_files_ends_the_oldest_stranger_and_another_failure_nobody() {
    let admission = admission(10, 10);
    let strangers = [1, 2].map(|number| admission.admit(address(number)).unwrap());
    let [first, second] = strangers.each_ref();
    admission.shed(&io::ErrorKind::ConnectionAborted.into());
    check_evicted(&[first, second], &[false, false]);
    admission.shed(&Errno::MFILE.into());
    check_evicted(&[first, second], &[true, false]);
}
