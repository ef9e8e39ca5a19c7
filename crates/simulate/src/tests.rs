//! Tests of the whole: what a naive reader finds in the bytes must be what the truth says.

use crate::{
    BUILDS, EndpointPlan, Fleet, Live, LogFile, Pace, Truth, logs, produce, scenario_names, truth,
};
use event::{LoggedAt, Outcome, UtcMillis};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet, HashSet};

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
fn every_head_obeys_the_columns() {
    let head = Regex::new(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, (?:Info       |Warning    |Error      )(?: {11}|\[0x[0-9a-f]{6}\] )(?:CBS    |CSI    |DISM   |IBS    |PANTHR |SP     |MOUPG  |MIG    |SYSPRP |CONX   | {7})").unwrap();
    for (plan, files, _) in all() {
        for file in headed(&files) {
            let lines = lines(file);
            assert!(!lines.is_empty(), "{} of {} is empty", file.path, plan.host);
            for line in lines {
                assert!(head.is_match(&line), "{}: {line}", file.path);
            }
        }
    }
}

#[test]
fn time_never_goes_back_and_files_chain_by_name() {
    let mut rotated = 0;
    for (plan, files, _) in all() {
        let mut starts = Vec::new();
        for file in cbs_logs(&files) {
            let lines = lines(file);
            assert!(
                lines.windows(2).all(|pair| pair[0][..19] <= pair[1][..19]),
                "{}",
                plan.host
            );
            starts.push((file.path.clone(), lines[0][..19].to_owned()));
        }
        if let [(_, newer), (older_path, _)] = &starts[..] {
            rotated += 1;
            let utc = LoggedAt::parse(newer.as_bytes())
                .unwrap()
                .to_utc(plan.offset_minutes)
                .to_string();
            let stamp: String = utc[..19].chars().filter(char::is_ascii_digit).collect();
            assert_eq!(
                *older_path,
                format!("Windows/Logs/CBS/CbsPersist_{stamp}.log")
            );
        }
    }
    assert!(rotated > 10, "{rotated} rotated logs");
}

#[test]
fn csi_records_count_by_one_and_are_cut_where_csi_cuts() {
    let sequence = Regex::new(r"^([0-9a-f]{8})[@ ]").unwrap();
    let (mut cut_errors, mut cut_infos, mut restarts) = (0, 0, 0);
    for (plan, files, _) in all() {
        for file in cbs_logs(&files) {
            let lines = lines(file);
            let mut last = 0;
            let mut earlier: Option<(bool, usize)> = None;
            for line in lines.iter().filter(|line| &line[43..50] == "CSI    ") {
                let (error, text) = (line[21..].starts_with("Error"), &line[50..]);
                let length = if error {
                    text.rfind("[gle=0x")
                        .expect("every piece carries its last error")
                } else {
                    text.len()
                };
                if let Some(found) = sequence.captures(text) {
                    let number = u32::from_str_radix(&found[1], 16).unwrap();
                    assert!(
                        number == last + 1 || number == 1,
                        "{}: {number} after {last}",
                        plan.host
                    );
                    restarts += u32::from(number == 1);
                    last = number;
                } else {
                    let (was_error, was) = earlier.expect("a continuation follows its first piece");
                    assert_eq!(
                        (was_error, was),
                        (error, if error { 511 } else { 2_048 }),
                        "{line}"
                    );
                    if error {
                        cut_errors += 1
                    } else {
                        cut_infos += 1
                    }
                }
                let characters = text[..length].chars().count();
                assert!(characters <= if error { 511 } else { 2_048 }, "{line}");
                earlier = Some((error, characters));
            }
        }
    }
    assert!(
        cut_errors > 10 && cut_infos > 100 && restarts > 1_000,
        "{cut_errors} {cut_infos} {restarts}"
    );
}

#[test]
fn stamps_universal_times_and_sessions_agree_with_the_offset() {
    let stamp = Regex::new(r"^[0-9a-f]{8}@(\d+)/(\d+)/(\d+):(\d\d):(\d\d):(\d\d)\.\d{3} ").unwrap();
    let session = Regex::new(r"^Session: (\d+)_(\d+) initialized by client").unwrap();
    for (plan, files, _) in all() {
        let (mut stamps, mut universals, mut met) = (0, 0, HashSet::new());
        for line in cbs_logs(&files).flat_map(lines) {
            let (local, text) = (LoggedAt::parse(line.as_bytes()).unwrap(), &line[50..]);
            let utc = local.0 - i64::from(plan.offset_minutes) * 60;
            if let Some(found) = stamp.captures(text) {
                let part = |index: usize| found[index].parse::<i64>().unwrap();
                assert_eq!(
                    LoggedAt::from_civil(part(1), part(2), part(3), part(4), part(5), part(6)),
                    Some(LoggedAt(utc)),
                    "{line}"
                );
                stamps += 1;
            } else if let Some(universal) = text.strip_prefix("Universal Time is: ") {
                assert!(
                    (LoggedAt::parse(universal.as_bytes()).unwrap().0 - utc).abs() <= 1,
                    "{line}"
                );
                universals += 1;
            } else if let Some(found) = session.captures(text) {
                // The first time only: a session is taken up again after a boot.
                if met.insert(found[0].to_owned()) {
                    let ticks =
                        found[1].parse::<i64>().unwrap() << 32 | found[2].parse::<i64>().unwrap();
                    assert!(
                        (ticks / 10_000_000 - 11_644_473_600 - utc).abs() <= 1,
                        "{line}"
                    );
                }
            }
        }
        assert!(stamps > 0 && !met.is_empty());
        assert_eq!(
            universals == 0,
            plan.build.windows == "Windows 7",
            "only Windows 7 writes no universal time"
        );
    }
}

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
    let spelled = Regex::new(r"\[HRESULT = (0x[0-9a-f]{8})").unwrap();
    let mut total = BTreeMap::<String, u64>::new();
    for (plan, files, truth) in all() {
        let mut found = BTreeMap::<String, u64>::new();
        let mut distinct = BTreeMap::<String, HashSet<String>>::new();
        for line in cbs_logs(&files).flat_map(lines) {
            let Some(code) = spelled.captures(&line).map(|found| found[1].to_owned()) else {
                continue;
            };
            // 0x80070020 is noise only on temporary directories; E_FAIL has no other use as an HRESULT.
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

#[test]
fn other_logs_are_in_their_own_encodings() {
    let (mut chinese, mut reports) = (0, 0);
    for (_, files, truth) in all() {
        for file in &files {
            let planned = truth
                .files
                .iter()
                .find(|planned| planned.path == file.path)
                .unwrap();
            assert_eq!(planned.bytes, file.bytes.len() as u64);
            match file.path.rsplit('/').next().unwrap() {
                "sfcdetails.txt" => {
                    chinese += 1;
                    assert!(std::str::from_utf8(&file.bytes).is_err(), "not UTF-8");
                    let (text, _, broken) = encoding_rs::GB18030.decode(&file.bytes);
                    assert!(!broken && text.contains("记事本"));
                    let cbs = String::from_utf8(files[0].bytes.clone()).unwrap();
                    assert!(text.lines().all(|line| cbs.contains(line)));
                    assert_eq!(text.lines().count() as u64, planned.records);
                }
                "ReportingEvents.log" => {
                    reports += 1;
                    let (text, used, broken) = encoding_rs::UTF_16LE.decode(&file.bytes);
                    assert!(!broken && used == encoding_rs::UTF_16LE);
                    assert!(
                        text.lines().all(|line| line.split('\t').count() == 13),
                        "13 columns"
                    );
                    assert_eq!(text.lines().count() as u64, planned.records);
                }
                _ => {}
            }
        }
    }
    assert_eq!((chinese, reports), (2, 10));
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
