//! The bytes obey the grammar.

use super::{all, cbs_logs, headed, lines};
use event::LoggedAt;
use regex::Regex;
use std::collections::HashSet;

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
