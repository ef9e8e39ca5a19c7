//! Answers of a process that keeps what it has read, whatever came between them, against those of one that keeps nothing.

use crate::fleet::Fleet;
use crate::made_up::{Dice, unit};
use crate::{DAYS, FIRST};
use event::Derivation;
use store::{Day, Filter, LabelChange, Store, UnitDerivation, day_start};

/// Of machines of their own: those of the others are counted plainly.
const TENANT: &str = "kept";
const OTHER: &str = "kept beside";
const ENDPOINTS: u64 = 6;

/// Something that is derived, erased, or folded.
async fn change(fleet: &Fleet, dice: &mut Dice, step: u64) {
    let endpoint = format!("pc-{:02}", dice.roll(ENDPOINTS));
    let month = day_start(dice.day()).month();
    let mut derived = unit(dice, &endpoint, month, 10 + step);
    derived.unit.tenant = TENANT.to_owned();
    let derived = match dice.roll(8) {
        0 => UnitDerivation {
            derivation: Derivation::default(),
            ..derived
        },
        1 => {
            let mut derived = derived;
            derived.unit.tenant = OTHER.to_owned();
            derived
        }
        2 => {
            let erased = format!(
                "ALTER TABLE derivations DELETE WHERE tenant = '{TENANT}' AND endpoint = '{endpoint}'"
            );
            return fleet.run(&erased).await;
        }
        3 => return fleet.run("OPTIMIZE TABLE derivations FINAL").await,
        _ => derived,
    };
    let derived = std::slice::from_ref(&derived);
    fleet.store.insert_derivations(derived).await.unwrap();
}

/// What pages say, by words of their own.
async fn answers(store: &Store, filter: &Filter) -> String {
    let overview = store.overview(filter).await.unwrap();
    let causes = store.causes(filter).await.unwrap();
    format!("{overview:?}\n{causes:?}")
}

pub(crate) async fn compare(fleet: &Fleet) {
    let mut dice = Dice(29);
    let whole = Filter {
        tenant: TENANT.to_owned(),
        from: Some(FIRST),
        to: Some(FIRST + DAYS as Day),
        ..Filter::default()
    };
    let filters = [
        Filter {
            to: Some(FIRST + 20),
            ..whole.clone()
        },
        Filter {
            labels: vec![("ring".to_owned(), "pilot".to_owned())],
            ..whole.clone()
        },
        Filter {
            endpoint: Some(format!("pc-{:02}", ENDPOINTS - 1)),
            ..whole.clone()
        },
        Filter {
            tenant: OTHER.to_owned(),
            ..whole.clone()
        },
        whole,
    ];
    let labels = [1, 2, 4].map(|at| LabelChange {
        endpoint: format!("pc-{at:02}"),
        label: "ring".to_owned(),
        value: "pilot".to_owned(),
    });
    let labelled = fleet.store.put_labels(TENANT, &labels, "test", 0);
    labelled.await.unwrap();
    // One that has a place for all, and one for the rows of a month or two.
    let keep = [fleet.store.clone(), fleet.store.clone().keeping(50)];
    let keeps_none = fleet.store.clone().keeping(0);
    let mut seen = filters.each_ref().map(|_| Vec::new());
    for step in 0..24 {
        change(fleet, &mut dice, step).await;
        for (filter, seen) in filters.iter().zip(&mut seen) {
            let anew = answers(&keeps_none, filter).await;
            for store in &keep {
                assert_eq!(answers(store, filter).await, anew, "{step} {filter:?}");
            }
            if seen.last() != Some(&anew) {
                seen.push(anew);
            }
        }
    }
    // Answers that never change compare nothing.
    let seen = seen.map(|seen| seen.len());
    assert!(seen.iter().all(|&answers| answers > 2), "{seen:?}");
}
