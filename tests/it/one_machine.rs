//! Sent logs answer like scanned ones: again, cut otherwise, as growing copies, after kill -9.

use crate::fixtures::{files, one_of_each, write_endpoint};
use crate::harness::{Answers, Up, scan};
use simulate::Fleet;
use std::path::Path;
use tempfile::TempDir;

/// A few endpoints with a failure each.
pub fn endpoints() -> Vec<(String, TempDir)> {
    let fleet = Fleet::new(11, 200);
    let plans = one_of_each(&fleet);
    plans
        .iter()
        .take(6)
        .map(|plan| {
            let folder = tempfile::tempdir().unwrap();
            write_endpoint(plan, folder.path());
            (plan.id.clone(), folder)
        })
        .collect()
}

pub fn check(up: &Up, endpoint: &str, folder: &Path, why: &str) {
    let expected = Answers::of_scan(&scan(&[folder], endpoint));
    assert!(
        !expected.attempts.is_empty() && !expected.findings.is_empty(),
        "the fixture says something"
    );
    assert_eq!(up.answers(endpoint), expected, "{endpoint}: {why}");
}

#[test]
fn sent_logs_answer_like_scanned_ones_however_they_are_sent() {
    let up = Up::start();
    let endpoints = endpoints();
    let all = |arguments: &[&str]| {
        for (endpoint, folder) in &endpoints {
            up.send(&[folder.path()], endpoint, arguments);
        }
        up.settle();
    };
    let check_all = |why: &str| {
        endpoints
            .iter()
            .for_each(|(endpoint, folder)| check(&up, endpoint, folder.path(), why))
    };
    all(&[]);
    check_all("first");
    let said = up.send(&[endpoints[0].1.path()], &endpoints[0].0, &[]);
    assert!(
        said.contains("0 files sent"),
        "a file that is there whole is not sent again: {said}"
    );
    for arguments in [
        ["--again", "--chunk-kib", "256"],
        ["--again", "--chunk-kib", "64"],
        ["--again", "--chunk-kib", "4"],
    ] {
        all(&arguments);
        check_all(&format!("{arguments:?}"));
    }
    up.stop();
}

#[test]
fn growing_copies_heal_into_the_same_answers() {
    let up = Up::start();
    let (endpoint, folder) = endpoints().swap_remove(0);
    // Prefixes that end anywhere: within a line, a character, a record of several lines.
    for share in [13, 37, 61, 89, 100] {
        let copy = tempfile::tempdir().unwrap();
        for file in files(folder.path()) {
            let bytes = std::fs::read(&file).unwrap();
            let path = copy.path().join(file.strip_prefix(folder.path()).unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &bytes[..bytes.len() * share / 100]).unwrap();
        }
        up.send(&[copy.path()], &endpoint, &["--again"]);
        up.settle();
    }
    check(&up, &endpoint, folder.path(), "after growing copies");
    up.stop();
}

#[test]
fn kill_9_in_the_middle_of_sending_loses_nothing_acknowledged_and_doubles_nothing() {
    let data = tempfile::tempdir().unwrap();
    let endpoints = endpoints();
    let mut cut = 0;
    for (endpoint, folder) in &endpoints {
        let up = Up::on(data.path(), &[]);
        let mut sender = up.sender_under_way(folder.path(), endpoint);
        cut += usize::from(sender.try_wait().unwrap().is_none());
        up.kill();
        sender.kill().unwrap();
        sender.wait().unwrap();
        let up = Up::on(data.path(), &[]);
        up.send(&[folder.path()], endpoint, &[]);
        up.settle();
        check(
            &up,
            endpoint,
            folder.path(),
            "after kill -9 and a second try",
        );
        up.stop();
    }
    assert!(cut > 0, "no kill came in the middle");
}

#[test]
fn what_was_acknowledged_is_there_after_kill_9() {
    let data = tempfile::tempdir().unwrap();
    let (endpoint, folder) = endpoints().swap_remove(1);
    let up = Up::on(data.path(), &[]);
    up.send(&[folder.path()], &endpoint, &[]);
    // Not settled: what is left to derive must be found again in the store.
    up.kill();
    let up = Up::on(data.path(), &[]);
    up.settle();
    check(&up, &endpoint, folder.path(), "after kill -9");
    up.stop();
}
