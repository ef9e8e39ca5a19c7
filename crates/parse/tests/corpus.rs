//! What `parse` makes of real logs, against labels made by an independent count.
//!
//! The logs are not part of this repository: `CORPUS` names their folder (`make corpus`).

use event::Format;
use parse::{
    CsiSequence, Cutter, HEAD_BYTES, Record, check_sur, detect, records, utc_anchor, utc_changes,
};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    let folder = std::env::var_os("CORPUS")
        .map_or_else(|| PathBuf::from("../../../shared/data"), PathBuf::from);
    assert!(
        folder.join("labels/cbs.json").is_file(),
        "no corpus at {}\nhint: set CORPUS to its folder",
        folder.display()
    );
    folder
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found)
        } else {
            found.push(path)
        }
    }
    found.sort();
}

/// All text of a file, cut into pieces of the given size on the way.
fn text_of(bytes: &[u8], name: &str, target: usize) -> (String, u64, Format) {
    let detection = detect(name, &bytes[..bytes.len().min(HEAD_BYTES)]);
    let mut cutter = Cutter::new(detection.encoding, detection.format, 0, target);
    let mut pieces = Vec::new();
    cutter.push(bytes, &mut pieces);
    cutter.finish(&mut pieces);
    let covered = pieces.iter().map(|piece| piece.length).sum();
    (
        pieces.into_iter().map(|piece| piece.text).collect(),
        covered,
        detection.format,
    )
}

#[test]
fn every_file_is_read_without_panic_and_no_byte_is_lost() {
    let mut paths = Vec::new();
    files(&corpus().join("logs"), &mut paths);
    files(&corpus().join("cases"), &mut paths);
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        for target in [4_096, 64 * 1024, 256 * 1024] {
            let (text, covered, format) = text_of(&bytes, &name, target);
            assert_eq!(covered, bytes.len() as u64, "{}", path.display());
            let in_records: usize = records(&text, format).map(|record| record.raw.len()).sum();
            assert_eq!(in_records, text.len(), "{}", path.display());
            for record in records(&text, format) {
                let _ = (
                    record.head(),
                    record.csi(),
                    record.text(),
                    check_sur(&record.text()),
                    utc_anchor(&record, 0),
                );
            }
        }
    }
    println!("{} files, 0 panics, 0 bytes unaccounted for", paths.len());
}

#[test]
fn counts_equal_the_labels() {
    let folder = corpus();
    let labels: Value =
        serde_json::from_slice(&std::fs::read(folder.join("labels/cbs.json")).unwrap()).unwrap();
    let failing = Regex::new(r"\[HRESULT = (0x[89a-fA-F][0-9a-fA-F]{7})").unwrap();
    let client = Regex::new(r"Session: \d+_\d+ initialized by client ([^,\r\n]*)").unwrap();
    let mut checked = 0;
    for (file, label) in labels.as_object().unwrap() {
        let bytes = std::fs::read(folder.join("logs").join(file)).unwrap();
        let (text, _, format) = text_of(&bytes, "CBS.log", 64 * 1024);
        let all: Vec<Record<'_>> = records(&text, format).collect();

        let headed = all.iter().filter(|record| record.has_head()).count() as u64;
        assert_eq!(
            headed,
            label["header_lines"].as_u64().unwrap() - label["csi_cont_header"].as_u64().unwrap(),
            "{file}"
        );

        // Levels and components stand on physical heads: each line of a cut record has its own.
        let (mut levels, mut components) = (BTreeMap::new(), BTreeMap::new());
        for line in text.split_inclusive('\n') {
            if let Some(head) = records(line, format)
                .next()
                .and_then(|record| record.head())
            {
                *levels.entry(head.level_word.to_owned()).or_insert(0_u64) += 1;
                *components.entry(head.component.to_owned()).or_insert(0_u64) += 1;
            }
        }
        assert_eq!(levels, counts(&label["level"]), "{file} level");
        assert_eq!(components, counts(&label["component"]), "{file} component");

        let (mut codes, mut clients, mut sur) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let (mut sequence, mut numbers) = (CsiSequence::default(), Vec::new());
        for record in &all {
            let text = record.text();
            for code in failing.captures_iter(&text) {
                *codes.entry(code[1].to_lowercase()).or_insert(0_u64) += 1;
            }
            for session in client.captures_iter(&text) {
                *clients
                    .entry(session[1].trim_end_matches('.').to_owned())
                    .or_insert(0_u64) += 1;
            }
            if let Some(summary) = check_sur(&text) {
                sur.push(serde_json::json!([
                    summary.operation,
                    format!("{:#010x}", summary.result),
                    summary.detected,
                    summary.repaired
                ]));
            }
            if let Some(csi) = record.csi() {
                sequence.observe(csi.sequence);
                numbers.push(csi.sequence);
            }
        }
        assert_eq!(codes, counts(&label["hresult_fail"]), "{file} codes");
        assert_eq!(clients, counts(&label["sessions"]), "{file} sessions");
        assert_eq!(&Value::from(sur), &label["checksur"], "{file} checksur");
        // No number lost or made up; a break in them is two processes writing at once, and stands in the file itself.
        assert_eq!(numbers, numbers_of_lines(&text), "{file} CSI numbers");
        println!(
            "{file}: {} CSI records, {:?}",
            numbers.len(),
            sequence.report()
        );
        checked += 1;
    }
    println!("{checked} files equal their labels");
    assert!(checked >= 8);
}

fn numbers_of_lines(text: &str) -> Vec<u32> {
    let line =
        Regex::new(r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, .{22}CSI    ([0-9a-f]{8})[@ ]").unwrap();
    line.captures_iter(text)
        .map(|line| u32::from_str_radix(&line[1], 16).unwrap())
        .collect()
}

fn counts(value: &Value) -> BTreeMap<String, u64> {
    value
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, count)| (key.clone(), count.as_u64().unwrap()))
        .collect()
}

fn offsets(file: &str) -> Vec<i32> {
    let bytes = std::fs::read(corpus().join("logs").join(file)).unwrap();
    let (text, _, format) = text_of(&bytes, "CBS.log", 64 * 1024);
    let anchors: Vec<_> = records(&text, format)
        .filter_map(|record| utc_anchor(&record, record.offset as u64))
        .collect();
    utc_changes(&anchors)
        .iter()
        .map(|change| change.minutes)
        .collect()
}

#[test]
fn offsets_from_utc_are_found_and_their_changes() {
    assert_eq!(
        offsets("EhsanHasani1380__SearchingInCBS/CBS.log"),
        [-480, 210]
    );
    assert_eq!(offsets("Jrose152__Sam/CBS.log"), [-420, -360]);
}

#[test]
fn the_founding_case_is_three_records() {
    let bytes = std::fs::read(corpus().join("cases/founding_0x80070570_defender.log")).unwrap();
    let (text, _, format) = text_of(&bytes, "x.log", 4_096);
    let all: Vec<_> = records(&text, format).collect();
    assert_eq!(all.len(), 3);
    let joined = all[1].text();
    let message = joined.split("[gle=").next().unwrap().trim_end();
    let (first, second) = (511, 126);
    assert_eq!(message.len(), first + second);
    assert!(joined.contains("FILE_SHARE_DELETE), cd = FILE_OPEN"));
    let count = |needle: &str| {
        all.iter()
            .map(|record| record.text().matches(needle).count())
            .sum::<usize>()
    };
    assert_eq!((count("gle=0xd0000102"), count("gle=0x80004005")), (1, 1));
}
