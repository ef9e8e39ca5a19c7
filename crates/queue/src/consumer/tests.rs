//! What is paused, and when.

use super::*;
use care::Care;
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
