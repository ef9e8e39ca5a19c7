//! Event logs of the corpus, against the counts and verdicts made by another reader.

use crate::single::scan;
use crate::{corpus, files, labels, word};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What the file holds as the labels count it: events, and those of providers that have to do with servicing.
fn counted(path: &Path) -> (u64, BTreeMap<String, u64>, u64) {
    let bytes = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    let detection = parse::detect(&name, &bytes[..bytes.len().min(parse::HEAD_BYTES)]);
    let mut cutter = parse::Cutter::new(detection.encoding, detection.format, 0, 256 * 1024);
    let mut pieces = Vec::new();
    cutter.push(&bytes, &mut pieces);
    cutter.finish(&mut pieces);
    let (mut events, mut of, mut unreadable) = (0, BTreeMap::new(), 0);
    for piece in &pieces {
        unreadable += piece.replacements;
        for record in parse::records(&piece.text, detection.format) {
            if let Some(event) = record.event() {
                events += 1;
                *of.entry(format!("{}/{}", event.provider, event.event_id))
                    .or_default() += 1;
            }
        }
    }
    (events, of, unreadable)
}

#[test]
fn events_equal_the_labels() {
    let (mut checked, mut faults) = (0, Vec::new());
    for (file, label) in labels("evtx.json").as_object().unwrap() {
        let path = corpus().join("logs").join(file);
        let (events, of, unreadable) = counted(&path);
        let errors = label["errors"].as_array().unwrap().len() as u64;
        let expected = label["events"].as_u64().unwrap();
        // Where chunks are damaged, a reader that finds its way back reads more than the labels' did.
        let is_right = if errors == 0 {
            events == expected && unreadable == 0
        } else {
            events >= expected && unreadable >= errors
        };
        if !is_right {
            faults.push(format!(
                "{file}: {events} events, {unreadable} unreadable, expected {expected}, {errors}"
            ));
        }
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for (kind, count) in label["servicing_related"].as_object().unwrap() {
            expected.insert(kind.clone(), count.as_u64().unwrap());
        }
        for (kind, count) in &expected {
            checked += 1;
            if of.get(kind) != Some(count) {
                faults.push(format!(
                    "{file}: {kind}: {:?}, expected {count}",
                    of.get(kind)
                ));
            }
        }
        println!("{file}: {events} events, {unreadable} unreadable");
    }
    println!("{checked} counts by provider and id");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked >= 20);
}

/// Failures as scan's findings tell them: code and what failed, with the count of each.
#[test]
fn failures_equal_the_labels() {
    let mut checked = 0;
    for (file, label) in labels("evtx.json").as_object().unwrap() {
        let answer = scan(&[&corpus().join("logs").join(file)], "corpus");
        let findings = answer["findings"].as_array().unwrap();
        let with_code: u64 = findings
            .iter()
            .filter(|finding| !finding["root_code"].is_null())
            .map(|finding| finding["count"].as_u64().unwrap())
            .sum();
        let failures = label["failures"].as_array().unwrap();
        assert_eq!(with_code, failures.len() as u64, "{file}: {findings:#?}");
        for failure in failures {
            let (code, what) = (word(&failure[3]), word(&failure[4]));
            let is_told = |finding: &&Value| {
                word(&finding["root_code"]) == code && finding.to_string().contains(&what)
            };
            // Of two failures with one cause the evidence shows the first.
            let of_code = |finding: &&Value| word(&finding["root_code"]) == code;
            assert!(
                findings.iter().any(|finding| is_told(&finding))
                    || findings
                        .iter()
                        .filter(of_code)
                        .any(|finding| finding["count"].as_u64() > Some(1)),
                "{file}: {code} {what} in {findings:#?}"
            );
            checked += 1;
        }
    }
    assert!(checked >= 4);
}

/// What `VERDICTS.md` says of event logs: retries, Store apps, healthy volumes and lost power are no failures; and what says nothing of updates is not healthy.
#[test]
fn verdicts_of_event_logs_are_as_labelled() {
    for path in files(&corpus().join("logs")) {
        let name = path.to_string_lossy().into_owned();
        if !name.ends_with(".evtx") && !name.ends_with(".jsonl") {
            continue;
        }
        let answer = scan(&[&path], "corpus");
        assert_eq!(answer["inputs"][0]["source"], "event_log", "{name}");
        // Logs in which no update succeeded or failed say nothing of updates.
        let says_nothing = [
            "Application_no_crc32",
            "LanguagePackSetup",
            "sample_with_a_bad_chunk_magic",
        ];
        let verdict = if says_nothing.iter().any(|part| name.contains(part)) {
            "inconclusive"
        } else {
            "healthy"
        };
        assert_eq!(answer["verdict"], verdict, "{name}");
        let mut kinds: BTreeMap<(String, String), u64> = BTreeMap::new();
        for finding in answer["findings"].as_array().unwrap() {
            *kinds
                .entry((word(&finding["category"]), word(&finding["root_code"])))
                .or_default() += finding["count"].as_u64().unwrap();
        }
        println!("{name}: {kinds:?}");
        let expected: &[(&str, &str, u64)] = match name.as_str() {
            name if name.contains("Eventlogedit") => &[("retryable_download", "0x800f0816", 2)],
            name if name.contains("2-vss_7") => &[("not_servicing", "0x8024001e", 2)],
            name if name.contains("pyevtx") => &[
                ("filesystem_or_disk", "", 1),
                ("unexpected_shutdown", "", 4),
            ],
            _ => &[],
        };
        let expected: BTreeMap<(String, String), u64> = expected
            .iter()
            .map(|(category, code, count)| (((*category).to_owned(), (*code).to_owned()), *count))
            .collect();
        assert_eq!(kinds, expected, "{name}");
    }
}

/// Events that shippers wrote: all are read, and times without a zone stay without UTC.
#[test]
fn lines_of_shippers_are_read() {
    let path = files(&corpus().join("logs"))
        .into_iter()
        .find(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
        .expect("a file of a shipper's lines");
    let text = std::fs::read_to_string(&path).unwrap();
    let (events, of, _) = counted(&path);
    assert_eq!(events, text.lines().count() as u64);
    assert!(
        of.keys().any(|kind| kind == "Microsoft-Windows-Ntfs/98"),
        "{of:?}"
    );
    let (mut with_utc, mut without) = (0, 0);
    for record in parse::records(&text, event::Format::EventJson) {
        match record.stamp() {
            Some(_) => with_utc += 1,
            None => without += 1,
        }
        assert!(record.logged().is_some());
    }
    println!("{with_utc} with UTC, {without} by a local clock");
    assert!(with_utc > 0 && without > 0);
}
