//! PCs on which nothing failed: over whole logs, and read while the log is being written.

use crate::pc::{Random, judge};
use classify::Verdict;
use simulate::{Fleet, LogFile, produce};

const SEED: u64 = 2_611;
const HEALTHY: usize = 2_000;
/// Of the logs read while they grow, at most one in a thousand may say too little.
const INCONCLUSIVE: usize = HEALTHY / 1_000;

#[test]
fn two_thousand_quiet_pcs_are_healthy_whole_and_while_they_write() {
    // Three of ten endpoints have trouble.
    let fleet = Fleet::new(SEED, HEALTHY * 2);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let quiet: Vec<usize> = (0..fleet.endpoints)
        .filter(|index| fleet.endpoint(*index).scenarios.is_empty())
        .take(HEALTHY)
        .collect();
    assert_eq!(quiet.len(), HEALTHY);
    let inconclusive: usize = std::thread::scope(|scope| {
        let parts: Vec<_> = quiet
            .chunks(HEALTHY.div_ceil(threads))
            .map(|part| {
                let fleet = &fleet;
                scope.spawn(move || part.iter().filter(|index| check(fleet, **index)).count())
            })
            .collect();
        parts.into_iter().map(|part| part.join().unwrap()).sum()
    });
    println!("seed {SEED}: {HEALTHY} quiet PCs, cut at a random end {inconclusive} inconclusive");
    assert!(inconclusive <= INCONCLUSIVE, "{inconclusive}");
}

/// Whether the log that is being written says too little.
fn check(fleet: &Fleet, index: usize) -> bool {
    let (logs, truth) = produce(&fleet.endpoint(index));
    assert!(truth.findings.is_empty(), "endpoint {index} is not quiet");
    // What waits for a restart, unless a newer one of the same name is installed.
    let name =
        |attempt: &simulate::TruthAttempt| attempt.package.split('~').next().map(str::to_owned);
    let is_last = |at: usize| {
        let mut later = truth.attempts[at + 1..].iter();
        !later.any(|later| name(later) == name(&truth.attempts[at]))
    };
    let waits = truth
        .attempts
        .iter()
        .enumerate()
        .any(|(at, attempt)| attempt.outcome == event::Outcome::PendingReboot && is_last(at));
    let whole: Vec<_> = logs
        .iter()
        .map(|log| (log.path.as_str(), log.bytes.as_slice()))
        .collect();
    let whole = judge(&whole);
    let expected = if waits {
        Verdict::Restart
    } else {
        Verdict::Healthy
    };
    let place = format!("seed {SEED}, endpoint {index}");
    assert_eq!(whole.verdict, expected, "{place}: {:?}", whole.all.findings);
    assert_eq!(whole.failures().len(), 0, "{place}: {:?}", whole.failures());

    let mut random = Random(index as u64);
    let cut: Vec<_> = logs
        .iter()
        .map(|log| (log.path.as_str(), tail_less(log, &mut random)))
        .collect();
    let grows = judge(&cut);
    let place = format!("{place}, cut");
    assert_eq!(grows.failures().len(), 0, "{place}: {:?}", grows.failures());
    assert!(
        matches!(
            grows.verdict,
            Verdict::Healthy | Verdict::Restart | Verdict::Inconclusive
        ),
        "{place}: {:?}",
        grows.verdict
    );
    grows.verdict == Verdict::Inconclusive
}

/// The log as it stood at some moment: its end may be any byte, in a record or a character.
fn tail_less<'a>(log: &'a LogFile, random: &mut Random) -> &'a [u8] {
    // Older copies are complete.
    if !log.path.ends_with("/CBS.log") {
        return &log.bytes;
    }
    let least = log.bytes.len() / 10;
    &log.bytes[..least + random.below(log.bytes.len() - least)]
}
