//! What always holds of the state machine, on courses of chance.

use super::*;
use crate::{
    message::Text,
    rule::{Figure, Narrow, Rule, Severity, Threshold},
};
use proptest::prelude::*;

fn rule(hold_s: u64, keep_s: u64) -> Rule {
    let text = Text {
        en: "made up".to_owned(),
        zh: "虚构".to_owned(),
    };
    Rule {
        name: "made_up".to_owned(),
        severity: Severity::Warning,
        title: text.clone(),
        about: text.clone(),
        text,
        figure: Figure::Failing,
        narrow: Narrow::default(),
        sql: String::new(),
        group_by: Vec::new(),
        threshold: Threshold {
            at_least: 10.0,
            share: None,
        },
        baseline: None,
        hold: Duration::from_secs(hold_s),
        keep_firing: Duration::from_secs(keep_s),
        labels: Default::default(),
        runbook: String::new(),
        receivers: Vec::new(),
        tests: Vec::new(),
    }
}

fn sample(value: f64, newest: i64) -> Sample {
    Sample {
        value,
        newest: Some(newest),
        ..Sample::default()
    }
}

const START: i64 = 1_700_000_000;

/// A figure after so many seconds, and how old its latest failure is.
type Seen = (i64, Option<(u8, i64)>);

fn course() -> impl Strategy<Value = Vec<Seen>> {
    prop::collection::vec((1i64..200, prop::option::of((0u8..20, 0i64..400))), 1..60)
}

/// Every state on the way, with the time of its step; `twice` evaluates each step twice, as a replay or a second evaluator does.
fn run(rule: &Rule, course: &[Seen], twice: bool) -> Vec<(i64, AlertState)> {
    let mut at = START;
    let mut state: Option<AlertState> = None;
    let mut all = Vec::new();
    for (after, seen) in course {
        at += after;
        let sample = seen.map(|(value, age)| sample(f64::from(value), at - age));
        for _ in 0..=u8::from(twice) {
            let next = advance(rule, state.as_ref(), sample.as_ref(), Now::at(at * 1_000));
            if let Some(next) = next {
                all.push((at, next.clone()));
                state = Some(next);
            }
        }
    }
    all
}

proptest! {
    #[test]
    fn a_step_that_is_evaluated_twice_is_evaluated_once(course in course(), hold in 0u64..300, keep in 0u64..300) {
        let rule = rule(hold, keep);
        prop_assert_eq!(run(&rule, &course, false), run(&rule, &course, true));
    }

    #[test]
    fn an_episode_fires_once_and_ends_once(course in course(), hold in 0u64..300, keep in 0u64..300) {
        let rule = rule(hold, keep);
        let all = run(&rule, &course, false);
        for pair in all.windows(2) {
            let (before, after) = (&pair[0].1, &pair[1].1);
            // Rows of an episode replace each other by their counter, and episodes follow each other.
            prop_assert!(after.episode == before.episode || after.episode == before.episode + 1);
            if after.episode == before.episode {
                prop_assert_eq!(after.changes, before.changes + 1);
                prop_assert!(before.phase != AlertPhase::Resolved, "a resolved episode changed: {:?}", after);
                prop_assert!(before.fired_ms.is_none() || before.fired_ms == after.fired_ms);
            } else {
                prop_assert_eq!(before.phase, AlertPhase::Resolved);
            }
        }
    }

    #[test]
    fn nothing_fires_before_it_was_met_for_long_enough(course in course(), hold in 1u64..300) {
        let rule = rule(hold, 0);
        for (at, state) in run(&rule, &course, false) {
            if state.fired_ms == Some(at * 1_000) {
                prop_assert!(at - state.since_ms / 1_000 >= hold as i64);
                // Every step since was met.
                let mut clock = START;
                for (after, seen) in &course {
                    clock += after;
                    if clock >= state.since_ms / 1_000 && clock <= at {
                        prop_assert!(seen.is_some_and(|(value, _)| value >= 10));
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_ends_before_it_was_quiet_for_long_enough(course in course(), keep in 1u64..300) {
        let rule = rule(0, keep);
        for (at, state) in run(&rule, &course, false) {
            if state.phase == AlertPhase::Resolved {
                prop_assert!(at - state.quiet_ms.unwrap() / 1_000 >= keep as i64);
            }
        }
    }

    #[test]
    fn late_data_never_fires_what_was_resolved(course in course(), late in prop::collection::vec((1i64..10_000, 0u8..200, 0i64..100_000), 1..30)) {
        let rule = rule(0, 0);
        let Some((at, resolved)) = run(&rule, &course, false).into_iter().rfind(|(_, state)| state.phase == AlertPhase::Resolved) else {
            return Ok(());
        };
        let mut clock = at;
        for (after, value, age) in late {
            clock += after;
            // Whatever arrives, all of it was logged before the end.
            let seen = sample(f64::from(value), at - age);
            prop_assert_eq!(advance(&rule, Some(&resolved), Some(&seen), Now::at(clock * 1_000)), None);
        }
        let news = sample(10.0, clock + 1);
        let next = advance(&rule, Some(&resolved), Some(&news), Now::at((clock + 1) * 1_000)).unwrap();
        prop_assert_eq!((next.phase, next.episode), (AlertPhase::Firing, resolved.episode + 1));
    }
}

#[test]
fn a_clock_that_was_set_back_ends_and_fires_nothing_early() {
    let rule = rule(60, 60);
    let at = |seconds: i64| Now::at((START + seconds) * 1_000);
    let met = sample(10.0, START);
    let pending = advance(&rule, None, Some(&met), at(0)).unwrap();
    assert_eq!(advance(&rule, Some(&pending), Some(&met), at(-3_600)), None);
    let firing = advance(&rule, Some(&pending), Some(&met), at(60)).unwrap();
    let quiet = advance(&rule, Some(&firing), None, at(61)).unwrap();
    assert_eq!(advance(&rule, Some(&quiet), None, at(-3_600)), None);
    let resolved = advance(&rule, Some(&quiet), None, at(121)).unwrap();
    assert_eq!(resolved.phase, AlertPhase::Resolved);
}

/// A PC whose clock is a year ahead would else keep its cause from firing again for a year.
#[test]
fn a_stamp_of_the_future_speaks_for_now() {
    let rule = rule(0, 0);
    let now = |seconds: i64| Now::at((START + seconds) * 1_000);
    let ahead = sample(10.0, START + 365 * 86_400);
    let firing = advance(&rule, None, Some(&ahead), now(0)).unwrap();
    let resolved = advance(&rule, Some(&firing), None, now(10)).unwrap();
    let again = advance(
        &rule,
        Some(&resolved),
        Some(&sample(10.0, START + 20)),
        now(20),
    );
    assert_eq!(again.unwrap().phase, AlertPhase::Firing);
}
