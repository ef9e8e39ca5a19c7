//! Tests of the whole: what a naive reader finds in the bytes must be what the truth says.

mod layout;
mod planted;

use crate::{EndpointPlan, Fleet, Live, LogFile, Pace, Truth, logs, produce, truth};
use event::{Outcome, UtcMillis};

/// A fleet large enough that every scenario occurs.
fn fleet() -> Fleet {
    Fleet::new(11, 200)
}

fn all() -> Vec<(EndpointPlan, Vec<LogFile>, Truth)> {
    fleet()
        .plans()
        .map(|plan| {
            let (files, truth) = produce(&plan);
            (plan, files, truth)
        })
        .collect()
}

/// The lines of a headed log: no byte-order mark, newlines inside records kept.
fn lines(file: &LogFile) -> Vec<String> {
    let text = std::str::from_utf8(&file.bytes).expect("these logs are UTF-8");
    let text = text
        .strip_prefix('\u{feff}')
        .expect("starts with a byte-order mark");
    let text = text.strip_suffix("\r\n").unwrap_or(text);
    if text.is_empty() {
        Vec::new()
    } else {
        text.split("\r\n").map(str::to_owned).collect()
    }
}

fn cbs_logs(files: &[LogFile]) -> impl Iterator<Item = &LogFile> {
    files
        .iter()
        .filter(|file| file.path.starts_with("Windows/Logs/CBS/"))
}

fn headed(files: &[LogFile]) -> impl Iterator<Item = &LogFile> {
    files.iter().filter(|file| {
        ["cbs", "dism", "setup"].contains(&file.source) && file.path.ends_with(".log")
    })
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    for index in [0, 3, 17] {
        let first = produce(&Fleet::new(5, 40).endpoint(index));
        assert_eq!(first, produce(&Fleet::new(5, 40).endpoint(index)));
        assert_eq!(first.0, logs(&Fleet::new(5, 40).endpoint(index)));
        assert_eq!(
            first.1,
            truth(&Fleet::new(5, 9_000).endpoint(index)),
            "the size of the fleet changes no endpoint"
        );
        assert_ne!(first.0, logs(&Fleet::new(6, 40).endpoint(index)));
    }
}

#[test]
fn a_live_log_goes_on_in_whole_records_whenever_it_is_asked() {
    let plan = fleet().endpoint(3);
    let history = logs(&plan).swap_remove(0);
    let start = fleet().end;
    let pace = Pace {
        gap_s: 60,
        failures_percent: 40,
    };
    let until = UtcMillis(start.0 + 6 * 3_600_000);

    let mut at_once = Live::new(&plan, start, pace);
    assert_eq!(
        (at_once.path(), at_once.offset()),
        (history.path.as_str(), history.bytes.len() as u64)
    );
    let expected = at_once.next(until);
    assert_eq!(
        at_once.offset(),
        (history.bytes.len() + expected.len()) as u64
    );

    let mut in_steps = Live::new(&plan, start, pace);
    let (mut joined, mut now) = (Vec::new(), start.0);
    while now < until.0 {
        now = (now + 7_001).min(until.0);
        let bytes = in_steps.next(UtcMillis(now));
        assert!(bytes.is_empty() || bytes.ends_with(b"\r\n"));
        joined.extend(bytes);
    }
    assert_eq!(joined, expected);
    assert!(
        in_steps.next(UtcMillis(now)).is_empty(),
        "nothing new without time"
    );

    let text = String::from_utf8(expected).unwrap();
    assert!(
        text.lines()
            .all(|line| line.is_empty() || !line.starts_with("20") || line.as_bytes()[19] == b',')
    );
    let failures = text.matches("WER: Generating failure report").count();
    let planted = in_steps
        .truth()
        .attempts
        .iter()
        .filter(|attempt| {
            attempt.outcome == Outcome::Failed || attempt.outcome == Outcome::RolledBack
        })
        .count();
    // One may be under way.
    assert!(
        failures > 3 && planted - failures <= 1,
        "{failures} {planted}"
    );
}

#[test]
fn a_busier_fleet_writes_more_and_an_empty_window_still_works() {
    let quiet: usize = logs(&fleet().endpoint(1))
        .iter()
        .map(|file| file.bytes.len())
        .sum();
    let busy: usize = logs(
        &Fleet {
            records_per_day: 1_200,
            ..fleet()
        }
        .endpoint(1),
    )
    .iter()
    .map(|file| file.bytes.len())
    .sum();
    assert!(busy > quiet * 10, "{busy} {quiet}");
    let huge = logs(
        &Fleet {
            records_per_day: 14_000,
            ..fleet()
        }
        .endpoint(1),
    );
    let sizes: Vec<usize> = huge
        .iter()
        .filter(|file| file.path.starts_with("Windows/Logs/CBS/"))
        .map(|file| file.bytes.len())
        .collect();
    assert!(
        sizes.len() > 1 && sizes.iter().all(|&size| size < 60_000_000),
        "a new log from about 50 MB on: {sizes:?}"
    );
    // A day without a release day in it: scenarios still happen inside.
    for days in [1, 2, 7] {
        let fleet = Fleet { days, ..fleet() }.ending(UtcMillis(1_735_000_000_000));
        let planted: usize = fleet
            .plans()
            .map(|plan| {
                truth(&plan)
                    .attempts
                    .iter()
                    .filter(|attempt| attempt.cause.is_some())
                    .count()
            })
            .sum();
        assert!(planted >= 20, "{days}: {planted}");
    }
}

#[test]
fn the_truth_reads_back_from_json() {
    let truth = truth(&fleet().endpoint(0));
    let text = serde_json::to_string(&truth).unwrap();
    assert_eq!(serde_json::from_str::<Truth>(&text).unwrap(), truth);
}

#[test]
fn an_inventory_tells_site_model_and_ring() {
    let fleet = Fleet::new(7, 400);
    let again: Vec<_> = Fleet::new(7, 400).plans().collect();
    let mut rings = std::collections::BTreeMap::new();
    for (plan, again) in std::iter::zip(fleet.plans(), &again) {
        assert!(plan.host.starts_with(plan.site), "{}", plan.host);
        assert_eq!(plan.build.server, plan.model.starts_with("Rack"));
        assert_eq!(
            (plan.site, plan.model, plan.ring),
            (again.site, again.model, again.ring)
        );
        *rings.entry(plan.ring).or_insert(0) += 1;
    }
    // A twentieth, a fifth, the rest: no dice are that far off with 400 throws.
    assert!((5..=40).contains(&rings["pilot"]), "{rings:?}");
    assert!((50..=120).contains(&rings["early"]), "{rings:?}");
    assert!(rings["broad"] > 240, "{rings:?}");
    let truth = crate::truth(&fleet.endpoint(3));
    assert_eq!(truth.ring, fleet.endpoint(3).ring);
}
