//! Given cases through people's hands: the cause that was found stays found, and nothing that failed becomes healthy.

use crate::single::scan;
use crate::{corpus, files};
use ::copies::{Keeps, WAYS, Way};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The texts that stand as their loggers wrote them, or as the reader is to take them in any case.
fn texts() -> Vec<PathBuf> {
    let is_copied = |path: &PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        name.starts_with("01-") || name.starts_with("16-")
    };
    let cases = files(&corpus().join("cases"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "log"));
    let strangers = files(&corpus().join("strangers"))
        .into_iter()
        .filter(is_copied);
    cases.chain(strangers).collect()
}

/// Codes that an answer names as causes or ends.
fn codes(answer: &Value) -> BTreeSet<String> {
    let rows = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    rows("findings")
        .iter()
        .chain(&rows("attempts"))
        .flat_map(|row| [row["root_code"].clone(), row["terminal_code"].clone()])
        .filter_map(|code| code.as_str().map(str::to_owned))
        .collect()
}

/// A text, what is known of it, and a way that it goes.
struct Walk {
    name: String,
    text: String,
    root: String,
    verdict: Value,
    way: &'static Way,
}

fn walks() -> Vec<Walk> {
    let mut walks = Vec::new();
    for path in texts() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let answer = scan(&[&path], "pc");
        let Some(root) = answer["findings"][0]["root_code"].as_str() else {
            println!(
                "{name}: nothing is found as it stands ({})",
                answer["verdict"]
            );
            continue;
        };
        let text = std::fs::read_to_string(&path).unwrap();
        // What was cut off cannot be found.
        let whole = WAYS
            .iter()
            .filter(|way| !matches!(way.keeps, Keeps::Head | Keeps::Tail));
        walks.extend(whole.map(|way| Walk {
            name: name.clone(),
            text: text.clone(),
            root: root.to_owned(),
            verdict: answer["verdict"].clone(),
            way,
        }));
    }
    walks
}

#[test]
fn given_cases_are_answered_alike_on_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let walks = walks();
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::new());
    // A thousand scans: as many at a time as there are cores.
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((number, walk)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    walks.get(number).map(|walk| (number, walk))
                } {
                    let copy = folder.path().join(format!("{number}")).join(&walk.name);
                    std::fs::create_dir(copy.parent().unwrap()).unwrap();
                    std::fs::write(&copy, walk.way.bytes(&walk.text)).unwrap();
                    let answer = scan(&[&copy], "pc");
                    answers.lock().unwrap().push((number, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap();
    answers.sort_by_key(|(number, _)| *number);
    let mut kept: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut lost, mut healthy) = (Vec::new(), Vec::new());
    for (number, answer) in &answers {
        let walk = &walks[*number];
        let is_kept = codes(answer).contains(&walk.root);
        let (ok, all) = kept.entry(walk.way.name).or_default();
        *ok += usize::from(is_kept);
        *all += 1;
        let what = format!("{}: {}: {}", walk.way.name, walk.name, answer["verdict"]);
        if !is_kept {
            lost.push(format!("{what}, {} became {:?}", walk.root, codes(answer)));
        }
        if answer["verdict"] == "healthy" && walk.verdict != "healthy" {
            healthy.push(what);
        }
    }
    let (ok, all) = kept
        .values()
        .fold((0, 0), |(ok, all), (one, of)| (ok + one, all + of));
    println!("{:<32} root code kept", "way");
    for way in WAYS {
        if let Some((ok, all)) = kept.get(way.name) {
            println!("{:<32} {ok:>3} of {all}", way.name);
        }
    }
    println!("{:<32} {ok:>3} of {all}", "all");
    for line in &lost {
        println!("lost: {line}");
    }
    assert!(all >= 12 * 60, "{all} copies");
    assert!(healthy.is_empty(), "healthy now\n{}", healthy.join("\n"));
    for (name, (ok, all)) in &kept {
        assert!(ok * 100 >= all * 90, "{name}: {ok} of {all}");
    }
    assert!(ok * 100 >= all * 97, "{ok} of {all}");
}

/// A text's records in two halves: what stood before the half's first record is in the first.
fn halves(text: &str) -> Option<(&str, &str)> {
    let detection = parse::detect(
        "x.log",
        &text.as_bytes()[..text.len().min(parse::HEAD_BYTES)],
    );
    parse::records(text, detection.format)
        .filter(|record| record.has_head() && !record.is_orphan())
        .map(|record| record.offset)
        .find(|at| *at >= text.len() / 2)
        .map(|at| text.split_at(at))
}

/// What was rotated away in the middle is found as before, and neither half alone is called healthy if it still holds the cause.
#[test]
fn given_cases_in_two_files_are_answered_alike() {
    let folder = tempfile::tempdir().unwrap();
    let (mut lost, mut healthy) = (Vec::new(), Vec::new());
    let mut seen = 0;
    for path in texts() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let answer = scan(&[&path], "pc");
        let Some(root) = answer["findings"][0]["root_code"].as_str() else {
            continue;
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let Some((older, newer)) = halves(&text) else {
            continue;
        };
        seen += 1;
        let older_path = folder.path().join(format!("{name}.1.log"));
        let newer_path = folder.path().join(format!("{name}.2.log"));
        std::fs::write(&older_path, older).unwrap();
        std::fs::write(&newer_path, newer).unwrap();
        let both = scan(&[&older_path, &newer_path], "pc");
        if !codes(&both).contains(root) {
            lost.push(format!("{name}: {root} became {:?}", codes(&both)));
        }
        for (half, path) in [(older, &older_path), (newer, &newer_path)] {
            let holds_cause = half.to_lowercase().contains(&root[2..].to_lowercase());
            let verdict = scan(&[path], "pc")["verdict"].clone();
            if holds_cause && verdict == "healthy" && answer["verdict"] != "healthy" {
                healthy.push(path.display().to_string());
            }
        }
    }
    println!("{seen} texts in two files");
    assert!(seen >= 8, "{seen} texts");
    assert!(lost.is_empty(), "{lost:#?}");
    assert!(healthy.is_empty(), "healthy now: {healthy:#?}");
}

/// A log as Windows wrote it must not be taken for a copy: its chunks are the same as ever.
#[test]
fn exact_logs_are_read_by_the_exact_readers() {
    let mut formats: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&corpus().join("logs")) {
        let bytes = std::fs::read(&path).unwrap();
        let found = parse::detect(
            &path.to_string_lossy(),
            &bytes[..bytes.len().min(parse::HEAD_BYTES)],
        );
        // A log in a spreadsheet is no exact one.
        let is_table = path.extension().is_some_and(|kind| kind == "csv");
        if found.source.is_some() && !is_table {
            assert!(!found.format.is_pasted(), "{}", path.display());
            *formats.entry(found.format.name().to_owned()).or_default() += 1;
        }
    }
    println!("{formats:?}");
    assert!(formats.values().sum::<usize>() >= 20);
}
