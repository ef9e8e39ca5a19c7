//! The ledger against a simple truth: what was acknowledged and what was not.

use super::*;
use crate::consumer::care::DEATHS;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Receive(i32),
    Skip(i32),
    Take,
    Acknowledge(usize),
    Leave(i32),
    /// With what the last owner has written.
    Assign(i32, Option<Care>),
    Announce,
    /// The lone record turns out to wait for the store.
    LetWait,
}

fn care() -> impl Strategy<Value = Option<Care>> {
    let known = prop_oneof![
        Just(Care::Clean),
        Just(Care::Working),
        (1_u32..64).prop_map(Care::Window),
        (0..DEATHS).prop_map(Care::Alone),
        (1_u32..4, 0..=DEATHS).prop_map(|(window, deaths)| Care::Rest { window, deaths }),
    ];
    proptest::option::of(known)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3).prop_map(Step::Receive),
        1 => (0..3).prop_map(Step::Skip),
        4 => Just(Step::Take),
        4 => any::<usize>().prop_map(Step::Acknowledge),
        1 => (0..3).prop_map(Step::Leave),
        1 => (0..3, care()).prop_map(|(partition, care)| Step::Assign(partition, care)),
        2 => Just(Step::Announce),
        1 => Just(Step::LetWait),
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
            assign(&mut ledger, partition, Start::Earliest { low: 0 });
        }
        for step in steps {
            match step {
                Step::Receive(partition) => {
                    ledger.receive(&place(partition), received(log[partition as usize]));
                    log[partition as usize] += 1;
                }
                Step::Skip(partition) => log[partition as usize] += 2,
                Step::Take => {
                    if let Some(delivery) = ledger.take(Instant::now()) {
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
                Step::Assign(partition, left) => {
                    let next = ledger.partitions[&place(partition)].position;
                    let high = std::mem::replace(&mut log[partition as usize], next);
                    ledger.assign(place(partition), Start::Continue { next, mark: None }, high, left);
                }
                Step::Announce => announce(&mut ledger),
                Step::LetWait => ledger.let_wait(Instant::now() + LONGEST_ALONE * 2),
            }
            let in_flight = |partition: &Partition| partition.in_flight();
            if ledger.partitions.values().any(|partition| partition.alone_since.is_some()) {
                prop_assert_eq!(ledger.partitions.values().map(in_flight).sum::<usize>(), 1, "alone");
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
        // Each round hands something out or announces what is handed out by the next: nobody is left waiting.
        let mut quiet_rounds = 0;
        while quiet_rounds < 3 {
            announce(&mut ledger);
            quiet_rounds += 1;
            while let Some(delivery) = ledger.take(Instant::now()) {
                ledger.acknowledge(delivery.receipt());
                quiet_rounds = 0;
            }
        }
        prop_assert_eq!(ledger.in_flight_bytes, 0);
        prop_assert_eq!(ledger.records(), 0);
    }
}
