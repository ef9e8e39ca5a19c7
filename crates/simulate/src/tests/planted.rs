//! The bytes hold what the truth says, and in the right proportion.

use super::{all, cbs_logs, lines};
use crate::{BUILDS, scenario_names};
use event::Outcome;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet, HashSet};

#[test]
fn noise_in_the_truth_is_noise_in_the_bytes() {
    // Codes that nothing but noise carries, each with the spelling it is written in.
    let only_noise = [
        "0x800f0805",
        "0x800f080d",
        "0x80070001",
        "0x80070216",
        "0x80070002",
        "0x80070490",
        "0x800706ba",
    ];
    let spelled = Regex::new(r"\[(?:HRESULT = |gle=)(0x[0-9a-f]{8})").unwrap();
    let mut total = BTreeMap::<String, u64>::new();
    for (plan, files, truth) in all() {
        let mut found = BTreeMap::<String, u64>::new();
        let mut distinct = BTreeMap::<String, HashSet<String>>::new();
        for line in cbs_logs(&files).flat_map(lines) {
            let Some(code) = spelled.captures(&line).map(|found| found[1].to_owned()) else {
                continue;
            };
            // 0x80070020 is noise only on temporary directories; E_FAIL is telemetry or a stale last error.
            let noise = only_noise.contains(&&*code)
                || code == "0x80004005"
                || code == "0x80070020" && line.contains("CbsTemp");
            if noise {
                *found.entry(code.clone()).or_default() += 1;
                distinct.entry(code).or_default().insert(line);
            }
        }
        let mut said = BTreeMap::<String, u64>::new();
        let mut said_distinct = BTreeMap::<String, u64>::new();
        for noise in truth.noise.iter().filter(|noise| noise.source == "cbs") {
            *said.entry(noise.code.clone()).or_default() += noise.count;
            *said_distinct.entry(noise.code.clone()).or_default() += noise.distinct;
        }
        assert_eq!(found, said, "{}", plan.host);
        assert_eq!(
            distinct
                .into_iter()
                .map(|(code, lines)| (code, lines.len() as u64))
                .collect::<BTreeMap<_, _>>(),
            said_distinct,
            "{}",
            plan.host
        );
        for (code, count) in found {
            *total.entry(code).or_default() += count;
        }
        let dism = files
            .iter()
            .filter(|file| file.source == "dism")
            .flat_map(lines)
            .filter(|line| line.contains("(hr:0x8007007e)"))
            .count();
        assert_eq!(
            dism as u64,
            truth
                .noise
                .iter()
                .filter(|noise| noise.kind == "dism_probe")
                .map(|noise| noise.count)
                .sum::<u64>()
        );
    }
    for code in only_noise {
        assert!(
            total.get(code).is_some_and(|&count| count > 0),
            "{code} never occurs: {total:?}"
        );
    }
}

#[test]
fn attempts_in_the_truth_are_attempts_in_the_bytes() {
    for (plan, files, truth) in all() {
        let lines: Vec<String> = cbs_logs(&files).flat_map(lines).collect();
        let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
        let outcome = |outcome: Outcome| {
            truth
                .attempts
                .iter()
                .filter(|attempt| attempt.outcome == outcome)
                .count()
        };
        let failures = outcome(Outcome::Failed) + outcome(Outcome::RolledBack);
        assert_eq!(
            count("Exec: Processing started.  Client: "),
            truth.attempts.len(),
            "{}",
            plan.host
        );
        assert_eq!(
            count("Exec: Processing complete.  Session: "),
            truth.attempts.len(),
            "{}",
            plan.host
        );
        assert_eq!(
            count("WER: Generating failure report for package: "),
            failures,
            "{}",
            plan.host
        );
        assert_eq!(
            count("Failed to process single phase execution."),
            outcome(Outcome::Failed),
            "{}",
            plan.host
        );
        assert_eq!(
            count("Startup: Processing complete. [HRESULT = 0x8"),
            outcome(Outcome::RolledBack),
            "{}",
            plan.host
        );
        let repairs = truth
            .findings
            .iter()
            .filter(|finding| finding.kind == "repair")
            .count();
        assert_eq!(
            count("Exec: Processing complete, session(Corruption Repairing): "),
            repairs,
            "{}",
            plan.host
        );
        for attempt in &truth.attempts {
            let first = format!(
                "Session: {} initialized by client {}",
                attempt.session, attempt.client
            );
            let first = lines
                .iter()
                .find(|line| line.contains(&first))
                .expect("the session's line");
            assert_eq!(first[..19], attempt.start);
            assert!(
                lines
                    .iter()
                    .any(|line| line[..19] == attempt.end && line.contains(&attempt.package)),
                "{attempt:?}"
            );
            match (attempt.outcome, &attempt.terminal_code, &attempt.cause) {
                (Outcome::Succeeded | Outcome::PendingReboot, None, None) => {}
                (Outcome::RolledBack, Some(code), Some(_)) => {
                    assert!(
                        lines.iter().any(|line| line[..19] == attempt.end
                            && line.contains(&format!("hr = {code}"))),
                        "{attempt:?}"
                    );
                }
                (Outcome::Failed | Outcome::Cancelled, Some(code), Some(cause)) => {
                    let end = format!("Exec: Processing complete.  Session: {}", attempt.session);
                    assert!(
                        lines.iter().any(|line| line.contains(&end)
                            && line.contains(&format!("[HRESULT = {code}"))),
                        "{attempt:?}"
                    );
                    let object = cause.object.split(' ').next().unwrap_or_default();
                    assert!(
                        object == "pending" || lines.iter().any(|line| line.contains(object)),
                        "{attempt:?}"
                    );
                }
                _ => panic!("{attempt:?}"),
            }
        }
    }
}

#[test]
fn every_scenario_occurs_in_two_hundred_endpoints_and_most_endpoints_are_healthy() {
    let all = all();
    let planned: BTreeSet<&str> = all
        .iter()
        .flat_map(|(plan, ..)| plan.scenarios.iter().map(|scenario| scenario.name))
        .collect();
    assert_eq!(planned, scenario_names().collect());
    let causes: BTreeSet<&str> = all
        .iter()
        .flat_map(|(_, _, truth)| {
            truth
                .attempts
                .iter()
                .map(|attempt| &attempt.cause)
                .chain(truth.findings.iter().map(|finding| &finding.cause))
        })
        .flatten()
        .map(|cause| cause.category.as_str())
        .collect();
    assert_eq!(causes.len(), 17, "{causes:?}");
    for (plan, _, truth) in &all {
        let planted = truth
            .attempts
            .iter()
            .filter(|attempt| attempt.cause.is_some())
            .count()
            + truth.findings.len();
        let in_time = truth
            .attempts
            .iter()
            .filter(|attempt| attempt.outcome == Outcome::PendingReboot)
            .count();
        assert!(
            planted == plan.scenarios.len() || planted + in_time >= plan.scenarios.len(),
            "{}: {planted} of {:?}",
            plan.host,
            plan.scenarios
        );
    }
    let troubled = all
        .iter()
        .filter(|(plan, ..)| !plan.scenarios.is_empty())
        .count();
    assert!((40..=80).contains(&troubled), "{troubled}");
    let builds: BTreeSet<&str> = all.iter().map(|(plan, ..)| plan.build.windows).collect();
    assert_eq!(builds.len(), BUILDS.len());
    let outcomes: HashSet<&str> = all
        .iter()
        .flat_map(|(_, _, truth)| truth.attempts.iter().map(|attempt| attempt.outcome.name()))
        .collect();
    assert!(
        outcomes.is_superset(&HashSet::from([
            "succeeded",
            "failed",
            "rolled_back",
            "pending_reboot",
            "cancelled"
        ])),
        "{outcomes:?}"
    );
}

#[test]
fn an_outbreak_is_one_kb_on_one_build_from_one_day_on() {
    let mut endpoints = 0;
    let (mut kbs, mut builds, mut first) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut of_build = 0;
    for (plan, _, truth) in all() {
        of_build += usize::from(plan.build.windows == "Windows 10 22H2");
        let hit: Vec<_> = truth
            .attempts
            .iter()
            .filter(|attempt| {
                attempt
                    .cause
                    .as_ref()
                    .is_some_and(|cause| cause.category == "psfx_base_missing")
            })
            .collect();
        if let Some(attempt) = hit.first() {
            endpoints += 1;
            kbs.insert(attempt.kb.clone());
            builds.insert(plan.build.windows);
            first.insert(attempt.start[..10].to_owned());
            assert!(hit.len() > 3, "it goes on: {}", hit.len());
        }
    }
    assert_eq!((endpoints, kbs.len(), builds.len()), (8, 1, 1));
    assert!((60..=90).contains(&of_build), "about a tenth of {of_build}");
    assert!(
        first.iter().all(|day| day.as_str() >= "2025-06-12"),
        "{first:?}"
    );
}

#[test]
fn lines_with_codes_are_as_rare_as_in_real_logs() {
    let code = Regex::new(r"0x8[0-9a-fA-F]{7}").unwrap();
    let mut shares = BTreeMap::<&str, (usize, usize)>::new();
    for (plan, files, _) in all() {
        let share = shares
            .entry(if plan.build.version.starts_with("10.") {
                "10"
            } else {
                plan.build.version
            })
            .or_default();
        for line in cbs_logs(&files).flat_map(lines) {
            share.0 += usize::from(code.is_match(&line));
            share.1 += 1;
        }
    }
    let percent = |key: &str| {
        shares
            .get(key)
            .map(|&(with, all)| with * 1_000 / all)
            .unwrap()
    };
    assert!((8..=25).contains(&percent("10")), "{shares:?}");
    assert!((120..=300).contains(&percent("6.1.7601")), "{shares:?}");
}
