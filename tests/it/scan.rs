//! The report on made-up logs, its JSON against the schema, planted truth against what is found.

use crate::fixtures::{CUT_RECORD, one_of_each, write_endpoint};
use crate::harness::{cbsift, scan, text};
use serde_json::Value;
use simulate::{Fleet, Truth};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub fn schema() -> jsonschema::Validator {
    let schema: Value =
        serde_json::from_str(include_str!("../../crates/cbsift/scan.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn check_schema(answer: &Value) {
    let faults: Vec<String> = schema()
        .iter_errors(answer)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_cause_of_a_cut_record_is_the_answer_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("excerpt.log");
    std::fs::write(&log, CUT_RECORD).unwrap();
    let report = |language: &str| {
        let output = cbsift()
            .args(["scan", "--lang", language])
            .arg(&log)
            .output()
            .unwrap();
        assert!(output.status.success());
        text(&output.stdout)
    };
    let english = report("en");
    for part in [
        "FAILED",
        r"C:\ProgramData\Printers",
        "STATUS_FILE_CORRUPT_ERROR (0xC0000102)",
        "0xC0000102 = 0xD0000102 = 0x80070570 (ERROR_FILE_CORRUPT)",
        "2024-05-06 02:20:31.250 UTC",
        "UTC+08:00",
        "one record",
        "line 2-4",
        "line 5-6",
        "chkdsk",
        "0x80004005",
    ] {
        assert!(english.contains(part), "{part} in\n{english}");
    }
    let chinese = report("zh");
    for part in [
        "失败",
        "根本原因",
        "STATUS_FILE_CORRUPT_ERROR",
        "第 2-4 行",
        "建议处理",
        "chkdsk",
        "同属一条记录",
    ] {
        assert!(chinese.contains(part), "{part} in\n{chinese}");
    }
    for word in ["Cause", "Evidence", "What to do", "line 2"] {
        assert!(!chinese.contains(word), "{word} in\n{chinese}");
    }
    let answer = scan(&[&log], "pc-1");
    check_schema(&answer);
    let finding = &answer["findings"][0];
    assert_eq!(finding["category"], "filesystem_corruption");
    assert_eq!(finding["root_code"], "0xc0000102");
    assert_eq!(finding["utc_time"], "2024-05-06T02:20:31.250Z");
    assert_eq!(finding["evidence"][0]["line"], 2);
    assert_eq!(
        finding["kb"],
        Value::Null,
        "only what the input shows is said"
    );
}

#[test]
fn fail_on_failure_ends_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("excerpt.log");
    std::fs::write(&log, CUT_RECORD).unwrap();
    let status = cbsift()
        .args(["scan", "--fail-on", "failure"])
        .arg(&log)
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(3));
}

#[test]
fn what_is_no_log_is_skipped_with_a_reason_and_nothing_is_claimed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("CBS.log"), "shopping list\n- milk\n").unwrap();
    let answer = scan(&[folder.path()], "pc-1");
    check_schema(&answer);
    assert_eq!(answer["verdict"], "inconclusive");
    assert_eq!(answer["inputs"][0]["source"], Value::Null);
    assert!(
        answer["inputs"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("no record head")
    );
}

#[test]
fn facts_beside_a_log_stand_in_the_answer_and_change_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("CBS.log", CUT_RECORD);
    let alone = scan(&[folder.path()], "pc-1");
    put(
        "wu.reg",
        "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU]\r\n\"UseWUServer\"=dword:00000001\r\n",
    );
    put(
        "trace.csv",
        "\"Time of Day\",\"Process Name\",\"PID\",\"Operation\",\"Path\",\"Result\",\"Detail\"\r\n\"1\",\"TiWorker.exe\",\"2\",\"CreateFile\",\"C:\\ProgramData\\Printers\",\"FILE CORRUPT\",\"\"\r\n",
    );
    let answer = scan(&[folder.path()], "pc-1");
    check_schema(&answer);
    assert_eq!(answer["verdict"], alone["verdict"]);
    assert_eq!(answer["facts"][0]["name"], "use_wu_server");
    assert_eq!(answer["inputs"][1]["facts"], "process_monitor");
    assert_eq!(answer["findings"][0]["process_monitor"][0]["count"], 1);
    assert!(alone.get("facts").is_none());
    assert!(alone["findings"][0].get("process_monitor").is_none());
}

/// The same excerpt as a mail quotes it: the same answer, for a little less certain.
#[test]
fn a_quoted_copy_with_collapsed_blanks_is_answered_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("excerpt.log");
    std::fs::write(&log, CUT_RECORD).unwrap();
    let exact = scan(&[&log], "pc-1");
    assert_eq!(exact["inputs"][0]["format"], "wds");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let copy: String = CUT_RECORD
        .lines()
        .map(|line| format!("> {}\n", words(line)))
        .collect();
    std::fs::write(&log, copy).unwrap();
    let answer = scan(&[&log], "pc-1");
    check_schema(&answer);
    assert_eq!(answer["inputs"][0]["format"], "pasted");
    assert_eq!(
        answer["inputs"][0]["records"],
        exact["inputs"][0]["records"]
    );
    let (one, other) = (&answer["findings"][0], &exact["findings"][0]);
    for part in ["root_code", "object", "category", "utc_time", "rule"] {
        assert_eq!(one[part], other[part], "{part}");
    }
    assert!(one["confidence"].as_u64() < other["confidence"].as_u64());
    for (language, said) in [("en", "read as a pasted copy"), ("zh", "按粘贴的副本读取")] {
        let output = cbsift()
            .args(["scan", "--lang", language])
            .arg(&log)
            .output()
            .unwrap();
        assert!(text(&output.stdout).contains(said), "{language}");
    }
}

/// Of what was planted each is found, and nothing else: attempts with their causes, findings, noise per code.
pub fn compare(truth: &Truth, answer: &Value, faults: &mut Vec<String>) {
    let truth = serde_json::to_value(truth).unwrap();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = answer["findings"].as_array().unwrap();
    let id = word(&truth["id"]);
    let is_same = |one: &str, other: &str| -> bool {
        let canonical = |text: &str| {
            let value = u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()?;
            Some(event::Code::new(value).canonical())
        };
        one == other || (canonical(one).is_some() && canonical(one) == canonical(other))
    };

    let key = |attempt: &Value| {
        [
            "session",
            "package",
            "kb",
            "client",
            "start",
            "end",
            "outcome",
            "terminal_code",
        ]
        .map(|name| word(&attempt[name]))
        .join(" | ")
    };
    let mut found: BTreeMap<String, &Value> = BTreeMap::new();
    for attempt in answer["attempts"].as_array().unwrap() {
        if found.insert(key(attempt), attempt).is_some() {
            faults.push(format!("{id}: attempt told twice: {}", key(attempt)));
        }
    }
    let mut used = vec![false; findings.len()];
    for planted in truth["attempts"].as_array().unwrap() {
        let Some(attempt) = found.remove(&key(planted)) else {
            faults.push(format!("{id}: attempt not found: {}", key(planted)));
            continue;
        };
        let cause = &planted["cause"];
        let finding = attempt["finding"]
            .as_u64()
            .map(|index| usize::try_from(index).unwrap());
        match (cause.is_null(), finding) {
            (true, None) => {}
            (true, Some(index)) => faults.push(format!(
                "{id}: cause {} of an attempt without one: {}",
                findings[index]["category"],
                key(planted)
            )),
            (false, None) => faults.push(format!("{id}: no cause for {}: {cause}", key(planted))),
            (false, Some(index)) => {
                used[index] = true;
                check_cause(&id, cause, &findings[index], &is_same, faults);
            }
        }
    }
    for key in found.keys() {
        faults.push(format!("{id}: attempt made up: {key}"));
    }
    for planted in truth["findings"].as_array().unwrap() {
        let cause = &planted["cause"];
        let matches = |finding: &Value| {
            finding["category"] == cause["category"]
                && is_same(&word(&finding["root_code"]), &word(&cause["root_code"]))
        };
        // Of two of a kind the one on the planted object is meant.
        let of_kind = || (0..findings.len()).filter(|index| matches(&findings[*index]));
        let index = of_kind()
            .find(|index| is_on(cause, &findings[*index]))
            .or_else(|| of_kind().next());
        match index {
            Some(index) => {
                used[index] = true;
                check_cause(&id, cause, &findings[index], &is_same, faults);
            }
            None => faults.push(format!("{id}: finding not found: {cause}")),
        }
    }
    for (index, finding) in findings.iter().enumerate() {
        if !used[index] && finding["severity"] != "info" {
            faults.push(format!(
                "{id}: finding made up: {} {} {}",
                finding["rule"], finding["root_code"], finding["evidence"][0]["text"]
            ));
        }
    }

    let mut noise: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for planted in truth["noise"].as_array().unwrap() {
        if let Some(code) = planted["code"].as_str() {
            noise.entry(code.to_lowercase()).or_default().0 += planted["count"].as_u64().unwrap();
        }
    }
    for line in answer["codes"].as_array().unwrap() {
        if line["noise"].as_u64().unwrap() > 0 {
            noise.entry(word(&line["code"])).or_default().1 = line["noise"].as_u64().unwrap();
        }
    }
    for (code, (planted, found)) in noise {
        if planted != found {
            faults.push(format!(
                "{id}: noise {code}: planted {planted}, found {found}"
            ));
        }
    }
}

fn check_cause(
    id: &str,
    cause: &Value,
    finding: &Value,
    is_same: &dyn Fn(&str, &str) -> bool,
    faults: &mut Vec<String>,
) {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if finding["category"] != cause["category"] {
        faults.push(format!(
            "{id}: category {} instead of {}",
            finding["category"], cause["category"]
        ));
    }
    if !is_same(&word(&finding["root_code"]), &word(&cause["root_code"])) {
        faults.push(format!(
            "{id}: {}: root {} instead of {}",
            cause["category"], finding["root_code"], cause["root_code"]
        ));
    }
    if !is_on(cause, finding) {
        faults.push(format!(
            "{id}: {}: object {} instead of {}",
            cause["category"], finding["object"], cause["object"]
        ));
    }
}

/// Whether a finding names the planted object, if one was planted. Windows names do not tell cases apart.
fn is_on(cause: &Value, finding: &Value) -> bool {
    let lower = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    lower(&finding["object"]).contains(&lower(&cause["object"]))
}

/// Healthy endpoints of a fleet that are scanned beside all with a failure: one a kind of machine would do, their logs differ by noise only.
const HEALTHY: usize = 8;

#[test]
fn what_the_simulator_plants_is_found_and_nothing_else() {
    let faults = Mutex::new(Vec::new());
    let scanned = AtomicUsize::new(0);
    let seeds: Vec<u64> = (1..=6).collect();
    std::thread::scope(|scope| {
        // Two threads, as the machine that tests has two cores.
        for half in seeds.chunks(seeds.len() / 2) {
            let (faults, scanned) = (&faults, &scanned);
            scope.spawn(move || {
                for seed in half {
                    let fleet = Fleet::new(*seed, 200);
                    let (failing, healthy): (Vec<_>, Vec<_>) =
                        fleet.plans().partition(|plan| !plan.scenarios.is_empty());
                    for plan in failing.iter().chain(healthy.iter().take(HEALTHY)) {
                        let folder = tempfile::tempdir().unwrap();
                        let truth = write_endpoint(plan, folder.path());
                        let answer = scan(&[folder.path()], &plan.id);
                        check_schema(&answer);
                        let mut own = Vec::new();
                        compare(&truth, &answer, &mut own);
                        let of_seed = own.into_iter().map(|fault| format!("seed {seed}: {fault}"));
                        faults.lock().unwrap().extend(of_seed);
                        scanned.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let (faults, scanned) = (faults.into_inner().unwrap(), scanned.into_inner());
    assert!(scanned >= seeds.len() * 12, "{scanned} endpoints");
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults[..faults.len().min(40)].join("\n")
    );
}

/// Members of a folder as a zip has them.
fn zip_of(folder: &std::path::Path) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for path in crate::fixtures::files(folder) {
        let name = path.strip_prefix(folder).unwrap();
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(name.to_str().unwrap(), options).unwrap();
        writer.write_all(&std::fs::read(&path).unwrap()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same in one folder of a cabinet, with the names that Windows gives.
fn cab_of(folder: &std::path::Path) -> Vec<u8> {
    use std::io::Write;
    let paths = crate::fixtures::files(folder);
    let mut builder = cab::CabinetBuilder::new();
    let packed = builder.add_folder(cab::CompressionType::MsZip);
    for path in &paths {
        let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
        packed.add_file(name.replace('/', "\\"));
    }
    let mut writer = builder.build(std::io::Cursor::new(Vec::new())).unwrap();
    let mut paths = paths.iter();
    while let Some(mut file) = writer.next_file().unwrap() {
        let bytes = std::fs::read(paths.next().unwrap()).unwrap();
        file.write_all(&bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_folder_a_zip_and_a_cabinet_of_the_same_logs_give_the_same_answer() {
    let fleet = Fleet::new(7, 200);
    let plans = one_of_each(&fleet);
    // Names apart, nothing of an answer may tell what the logs came in.
    fn without_paths(value: &Value) -> Value {
        match value {
            Value::Array(values) => values.iter().map(without_paths).collect(),
            Value::Object(fields) => fields
                .iter()
                .filter(|(name, _)| *name != "path")
                .map(|(name, value)| (name.clone(), without_paths(value)))
                .collect(),
            value => value.clone(),
        }
    }
    let mut attempts = 0;
    for plan in &plans[..plans.len().min(4)] {
        let (folder, archives) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_endpoint(plan, folder.path());
        let plain = scan(&[folder.path()], &plan.id);
        for (name, archive) in [
            ("bundle.zip", zip_of(folder.path())),
            ("bundle.cab", cab_of(folder.path())),
        ] {
            let path = archives.path().join(name);
            std::fs::write(&path, archive).unwrap();
            let answer = scan(&[&path], &plan.id);
            check_schema(&answer);
            for part in [
                "verdict", "endpoint", "codes", "noise", "attempts", "findings",
            ] {
                assert_eq!(
                    without_paths(&answer[part]),
                    without_paths(&plain[part]),
                    "{name} of {}: {part}",
                    plan.id
                );
            }
            let inputs = answer["inputs"].as_array().unwrap();
            assert_eq!(inputs.len(), plain["inputs"].as_array().unwrap().len());
            let inside = format!("{}!", path.display());
            for input in inputs {
                assert!(input["path"].as_str().unwrap().starts_with(&inside));
            }
        }
        attempts += plain["attempts"].as_array().unwrap().len();
    }
    assert!(attempts > 0);
}
