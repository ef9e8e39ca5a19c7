//! The answers against the labels, item by item: `answers.json`, `cbs.json`, `sessions.tsv`, `VERDICTS.md`, `CASES.tsv`.

use crate::read::{Read, read};
use crate::score::{Score, counted};
use crate::single::{cbsift, scan, text};
use crate::{canonical, corpus, files, labels, word};
use event::Marker;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Findings that say that something is wrong; `info` is only worth knowing.
fn wrong(answer: &Value) -> Vec<&Value> {
    list(&answer["findings"])
        .filter(|finding| finding["severity"] != "info")
        .collect()
}

fn finding_of<'a>(answer: &'a Value, attempt: &Value) -> Option<&'a Value> {
    let index = usize::try_from(attempt["finding"].as_u64()?).unwrap();
    answer["findings"].get(index)
}

#[test]
fn answers_equal_the_labels() {
    let labels = labels("answers.json");
    let mut score = Score::default();
    for (file, label) in labels["files"].as_object().unwrap() {
        let answer = scan(&[&corpus().join("logs").join(file)], "corpus");
        score.check(
            "verdicts",
            file,
            &word(&label["verdict"]),
            &word(&answer["verdict"]),
        );
        if let Some(records) = label["records"].as_u64() {
            let found = answer["inputs"][0]["records"].to_string();
            score.check("records of a file", file, &records.to_string(), &found);
        }
        if let Some(outcomes) = label["attempts"].as_object() {
            let labelled = outcomes
                .iter()
                .map(|(outcome, count)| (outcome.clone(), count.as_u64().unwrap()))
                .collect();
            let found = counted(list(&answer["attempts"]).map(|attempt| word(&attempt["outcome"])));
            score.compare("attempts by outcome", file, &labelled, &found);
        }
        if !label["causes"].is_null() {
            let mut labelled: BTreeMap<String, u64> = BTreeMap::new();
            for cause in list(&label["causes"]) {
                let key = format!("{} {}", word(&cause["category"]), word(&cause["root_code"]));
                *labelled.entry(key).or_default() += cause["attempts"].as_u64().unwrap();
            }
            let failed = list(&answer["attempts"])
                .filter(|one| ["failed", "rolled_back"].contains(&word(&one["outcome"]).as_str()));
            let found = counted(failed.map(|attempt| match finding_of(&answer, attempt) {
                Some(finding) => format!(
                    "{} {}",
                    word(&finding["category"]),
                    word(&finding["root_code"])
                ),
                None => "none".to_owned(),
            }));
            score.compare("causes of failed attempts", file, &labelled, &found);
        }
        findings(file, label, &answer, &mut score);
        if let Some(noise) = label["noise"].as_object() {
            let labelled: BTreeMap<String, u64> = noise
                .iter()
                .map(|(code, count)| (code.clone(), count.as_u64().unwrap()))
                .collect();
            // Codes without a label are not compared.
            let found = list(&answer["codes"])
                .map(|line| (word(&line["code"]), line["noise"].as_u64().unwrap()))
                .filter(|(code, _)| labelled.contains_key(code))
                .collect();
            score.compare("noise per code", file, &labelled, &found);
        }
        if label["utc_offsets"].is_array() {
            let labelled = counted(list(&label["utc_offsets"]).map(word));
            let found = counted(
                list(&answer["inputs"][0]["utc_offsets"]).map(|change| word(&change["offset"])),
            );
            score.compare("UTC offsets", file, &labelled, &found);
        }
        if label["kb"].is_array() {
            let labelled = counted(list(&label["kb"]).map(word));
            let found = counted(list(&answer["attempts"]).map(|attempt| word(&attempt["kb"])));
            score.compare("KBs of attempts", file, &labelled, &found);
        }
    }
    score.finish();
}

/// Findings that are no cause of an attempt, with the lines where the labels have them. A file without the label has none.
fn findings(file: &str, label: &Value, answer: &Value, score: &mut Score) {
    let causes: BTreeSet<u64> = list(&answer["attempts"])
        .filter_map(|attempt| attempt["finding"].as_u64())
        .collect();
    let mut found: Vec<&Value> = (0..)
        .zip(list(&answer["findings"]))
        .filter(|(index, finding)| {
            !causes.contains(index) && finding["severity"] != "info" || label["findings"].is_array()
        })
        .map(|(_, finding)| finding)
        .collect();
    found.sort_by_key(|finding| finding["evidence"][0]["line"].as_u64());
    let key = |value: &Value, label: &Value| {
        // Only what the label says is compared.
        ["category", "terminal_code", "root_code"]
            .iter()
            .filter(|field| !label[**field].is_null())
            .map(|field| word(&value[*field]))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let (mut labelled_keys, mut found_keys) = (Vec::new(), Vec::new());
    let mut rest = found;
    for label in list(&label["findings"]) {
        let lines = (label["lines"][0].as_u64(), label["lines"][1].as_u64());
        let is_at = |finding: &Value| match lines {
            (Some(first), Some(last)) => list(&finding["evidence"])
                .filter_map(|evidence| evidence["line"].as_u64())
                .any(|line| (first..=last).contains(&line)),
            _ => true,
        };
        labelled_keys.push(key(label, label));
        let position = rest
            .iter()
            .position(|finding| finding["category"] == label["category"] && is_at(finding));
        if let Some(position) = position {
            found_keys.push(key(rest.remove(position), label));
        }
    }
    found_keys.extend(rest.iter().map(|finding| {
        format!(
            "{} {}",
            word(&finding["category"]),
            word(&finding["root_code"])
        )
    }));
    score.compare(
        "findings",
        file,
        &counted(labelled_keys),
        &counted(found_keys),
    );
}

/// `VERDICTS.md` beyond `answers.json`: excerpts failed, and where no record was read nothing can be said.
#[test]
fn verdicts_are_those_of_the_labels() {
    let mut score = Score::default();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for path in files(&corpus().join("cases")) {
        if path.extension().is_some_and(|kind| kind == "log") {
            let answer = scan(&[&path], "corpus");
            score.check(
                "verdicts of cases",
                &path.to_string_lossy(),
                "failed",
                &word(&answer["verdict"]),
            );
        }
    }
    for path in files(&corpus().join("logs")) {
        let answer = scan(&[&path], "corpus");
        let inputs = answer["inputs"].as_array().unwrap();
        if inputs.iter().all(|input| input["source"].is_null()) {
            let name = path.to_string_lossy();
            score.check(
                "verdicts of no logs",
                &name,
                "inconclusive",
                &word(&answer["verdict"]),
            );
            let is_silent = wrong(&answer).is_empty() && list(&answer["attempts"]).next().is_none();
            score.check("silence on no logs", &name, "true", &is_silent.to_string());
        }
        *kinds.entry(word(&answer["verdict"])).or_default() += 1;
    }
    println!("verdicts of all given logs: {kinds:?}");
    score.finish();
}

/// Counts of `[HRESULT = 0x8…` by code in `cbs.json`; everything else that was taken for a code is listed.
#[test]
fn codes_equal_the_labels_and_the_rest_is_listed() {
    let labels = labels("cbs.json");
    let mut score = Score::default();
    let mut others: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for (file, label) in labels.as_object().unwrap() {
        let read = read(&corpus().join("logs").join(file));
        let labelled: BTreeMap<String, u64> = label["hresult_fail"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(code, count)| (code.clone(), count.as_u64().unwrap()))
            .collect();
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for (place, codes) in &read.codes {
            let record = read.record(*place).to_ascii_lowercase();
            for code in codes {
                let bracketed = record.matches(&format!("[hresult = {code}")).count() as u64;
                if bracketed > 0 {
                    *found.entry(code.clone()).or_default() += bracketed;
                } else {
                    let place = format!("{file}:{}", read.line(*place));
                    let other = others
                        .entry(code.clone())
                        .or_insert_with(|| (0, format!("{place}: {}", around(&record, code))));
                    other.0 += 1;
                }
            }
        }
        found.retain(|code, _| code.as_bytes()[2] >= b'8');
        score.compare("[HRESULT = …] codes", file, &labelled, &found);
        let heads =
            label["header_lines"].as_u64().unwrap() - label["csi_cont_header"].as_u64().unwrap();
        score.check(
            "records",
            file,
            &heads.to_string(),
            &read.classified.records.to_string(),
        );
    }
    println!("{} codes in other spellings:", others.len());
    for (code, (count, example)) in others.iter().take(60) {
        println!("  {code} {count:>4}  {example}");
    }
    score.finish();
}

/// The part of a record where a code stands, without `0x` and in any case; its start where the code is spelled otherwise.
fn around(record: &str, code: &str) -> String {
    let line = record.split_whitespace().collect::<Vec<_>>().join(" ");
    let at = line
        .find(&code[2..])
        .map_or(0, |at| line[..at].chars().count());
    line.chars().skip(at.saturating_sub(90)).take(120).collect()
}

/// `sessions.tsv`: each marker with its line, session, result, package and client; nothing else is a marker of these kinds.
#[test]
fn session_markers_equal_the_labels() {
    let table = std::fs::read_to_string(corpus().join("labels/sessions.tsv")).unwrap();
    let mut rows = table
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let column = |name: &str| header.iter().position(|title| *title == name).unwrap();
    let columns = [
        "file",
        "physical_line",
        "marker",
        "session",
        "hresult",
        "package",
    ]
    .map(column);
    let mut labelled: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut quiet: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for row in rows {
        let [file, line, marker, session, hresult, package] = columns.map(|at| row[at]);
        // An inventory session that ends well is no event, and neither is the promise of an asynchronous one.
        if marker == "finalized" && hresult == "0x00000000" {
            quiet
                .entry(file.to_owned())
                .or_default()
                .push(line.parse().unwrap());
            continue;
        }
        let number = u32::from_str_radix(hresult.trim_start_matches("0x"), 16).unwrap();
        labelled.entry(file.to_owned()).or_default().push(format!(
            "line {line} {marker} session {session:?} {number:#010x} package {package:?}"
        ));
    }
    let mut score = Score::default();
    let all = labels("cbs.json");
    for file in all.as_object().unwrap().keys() {
        let read = read(&corpus().join("logs").join(file));
        let mut found = Vec::new();
        let mut loud: BTreeSet<u64> = BTreeSet::new();
        for (event, place) in read
            .classified
            .events
            .iter()
            .zip(&read.classified.event_places)
        {
            let name = match event.marker {
                Marker::SessionEnd => "finalized",
                Marker::ExecEnd => "processing_complete",
                Marker::RepairEnd => "corruption_repairing_complete",
                Marker::PhaseFailed => "single_phase_failed",
                Marker::FailureReport => "wer_failure",
                Marker::StartupEnd => "startup_package",
                _ => continue,
            };
            let line = read.line(*place);
            loud.insert(line);
            let hresult = event.field("hresult").unwrap_or("0x0");
            let number = u32::from_str_radix(hresult.trim_start_matches("0x"), 16).unwrap();
            found.push(format!(
                "line {line} {name} session {:?} {number:#010x} package {:?}",
                event.session, event.package
            ));
        }
        let none = Vec::new();
        let labelled = labelled.get(file).unwrap_or(&none);
        score.compare(
            "session markers",
            file,
            &counted(labelled.clone()),
            &counted(found),
        );
        let quiet = quiet.get(file).into_iter().flatten();
        for line in quiet {
            let said = if loud.contains(line) { "told" } else { "quiet" };
            score.check("sessions that end well", file, "quiet", said);
        }
    }
    score.finish();
}

/// Terminal and root code differ in half of the cases: an answer that echoes the terminal code is half wrong.
#[test]
fn cases_are_answered_with_their_root_category_and_object() {
    let table = std::fs::read_to_string(corpus().join("cases/CASES.tsv")).unwrap();
    let mut rows = table
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let column = |name: &str| header.iter().position(|title| *title == name).unwrap();
    let columns = [
        "file",
        "terminal_code",
        "root_code",
        "category",
        "object",
        "kb_or_package",
    ]
    .map(column);
    let mut score = Score::default();
    for row in rows {
        let [file, terminal, root, category, object, package] = columns.map(|at| row[at]);
        let path = corpus().join("cases").join(file);
        let answer = scan(&[&path], "corpus");
        let finding = &answer["findings"][0];
        let text = crate::plain_text(&std::fs::read(&path).unwrap());
        score.check("case category", file, category, &word(&finding["category"]));
        let same = |label: &str, found: &str| {
            canonical(label).is_some() && canonical(label) == canonical(found)
        };
        let shown = |label: &str, found: String| {
            if same(label, &found) {
                label.to_owned()
            } else {
                found
            }
        };
        score.check(
            "case root code",
            file,
            root,
            &shown(root, word(&finding["root_code"])),
        );
        // An excerpt that does not show what the failure ended in must not be answered with it.
        let number = terminal.trim_start_matches("0x").to_lowercase();
        if text.to_lowercase().contains(&number) {
            let found = match word(&finding["terminal_code"]) {
                none if none.is_empty() => word(&finding["root_code"]),
                found => found,
            };
            score.check(
                "case terminal code",
                file,
                terminal,
                &shown(terminal, found),
            );
        }
        if !object.is_empty() {
            let found = word(&finding["object"]);
            let is_in = found.to_lowercase().contains(&object.to_lowercase());
            score.check(
                "case object",
                file,
                object,
                if is_in { object } else { &found },
            );
        }
        // `Package_for_X 1.2.3` is said as name and version somewhere in an identity.
        if !package.is_empty() {
            let said = format!(
                "{} {} {}",
                word(&finding["package"]),
                word(&finding["kb"]),
                word(&finding["object"])
            );
            let is_in = package
                .split([' ', '(', ')'])
                .filter(|part| !part.is_empty())
                .all(|part| said.contains(part));
            score.check(
                "case KB or package",
                file,
                package,
                if is_in { package } else { &said },
            );
        }
    }
    score.finish();
}

/// Only what a file shows is said of it: each KB and package of an answer stands in its text.
#[test]
fn no_kb_is_said_that_the_file_does_not_show() {
    fn kbs(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => {
                for (at, _) in text.match_indices("KB") {
                    let digits: String = text[at + 2..]
                        .chars()
                        .take_while(char::is_ascii_digit)
                        .collect();
                    if digits.len() >= 6 {
                        found.insert(format!("KB{digits}"));
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| kbs(value, found)),
            Value::Object(fields) => fields
                .iter()
                // Advice may send people to an article.
                .filter(|(name, _)| !matches!(name.as_str(), "path" | "advice"))
                .for_each(|(_, value)| kbs(value, found)),
            _ => {}
        }
    }
    let (mut checked, mut faults) = (0, Vec::new());
    for folder in ["logs", "cases"] {
        for path in files(&corpus().join(folder)) {
            let answer = scan(&[&path], "corpus");
            let mut said = BTreeSet::new();
            kbs(&answer, &mut said);
            let bytes = std::fs::read(&path).unwrap();
            let text = crate::plain_text(&bytes);
            // Event logs hold their strings in UTF-16 between binary parts.
            let is_inside = |kb: &str| {
                let wide: Vec<u8> = kb.encode_utf16().flat_map(u16::to_le_bytes).collect();
                bytes.windows(wide.len()).any(|window| window == wide)
            };
            for kb in said {
                checked += 1;
                // Windows writes `Package_for_KB…` and `KB…`, agents `(KB…)`.
                if !text.contains(&kb) && !is_inside(&kb) {
                    faults.push(format!("{}: {kb}", path.display()));
                }
            }
            for attempt in list(&answer["attempts"]) {
                let package = word(&attempt["package"]);
                if !text.contains(&package) {
                    faults.push(format!("{}: {package}", path.display()));
                }
            }
        }
    }
    println!("{checked} KBs said, each stands in its file");
    assert!(checked > 0 && faults.is_empty(), "{}", faults.join("\n"));
}

/// What is left out as harmless is counted kind by kind, also for people.
#[test]
fn noise_is_counted_kind_by_kind() {
    let labels = labels("answers.json");
    for (file, label) in labels["files"].as_object().unwrap() {
        let Some(noise) = label["noise"].as_object() else {
            continue;
        };
        let path = corpus().join("logs").join(file);
        let answer = scan(&[&path], "corpus");
        let kinds: Vec<(String, u64)> = list(&answer["noise"])
            .map(|line| (word(&line["rule"]), line["count"].as_u64().unwrap()))
            .collect();
        let by_kind: u64 = kinds.iter().map(|(_, count)| count).sum();
        let by_code: u64 = noise.values().map(|count| count.as_u64().unwrap()).sum();
        assert!(
            by_kind >= by_code,
            "{file}: {by_kind} by kind, {by_code} by code"
        );
        let output = cbsift()
            .args(["scan", "--noise", "--lang", "en"])
            .arg(&path)
            .output()
            .unwrap();
        let shown = text(&output.stdout);
        for (kind, count) in &kinds {
            assert!(
                shown.lines().any(|line| {
                    let mut words = line.split_whitespace();
                    words.next() == Some(count.to_string().as_str()) && words.next() == Some(kind)
                }),
                "{count} {kind} in\n{shown}"
            );
        }
        println!("{file}: {kinds:?}");
    }
}

/// What a reader of the labels needs of [`Read`] only here.
impl Read {
    fn line(&self, place: usize) -> u64 {
        self.text[..place]
            .bytes()
            .filter(|byte| *byte == b'\n')
            .count() as u64
            + 1
    }
}
