//! The tables against the given code tables, both ways, every row.
//!
//! They are not part of the repository: `CORPUS` names their folder. A missing folder fails, so that a run that checked
//! nothing is never mistaken for one that passed. `CORPUS=FOLDER cargo test -p windows-error-codes --test corpus`.

use std::path::PathBuf;
use windows_error_codes::{Code, Space, decode, lookup_all, names};

fn corpus() -> PathBuf {
    std::env::var_os("CORPUS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    )
}

fn table(name: &str) -> String {
    let path = corpus().join("tables").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            panic!(
                "cannot read `{}`: {error}\nhint: set CORPUS to the folder that holds `tables`",
                path.display()
            )
        }
    }
}

/// Both ways: the name gives the number, and the number, as text too, gives the name.
fn check(value: u32, name: &str) {
    let code = Code::hresult(value);
    assert!(
        lookup_all(name).any(|known| known == code),
        "`{name}` is not {value:#010x}"
    );
    assert!(
        names(Space::Hresult, value).any(|known| known == name),
        "{value:#010x} is not `{name}`"
    );
    for text in [
        format!("{value:#x}"),
        format!("{value:08X}"),
        value.to_string(),
        value.cast_signed().to_string(),
        name.to_owned(),
    ] {
        assert!(
            decode(&text).iter().any(|reading| reading.code == code),
            "`{text}` is not read as `{name}`"
        );
    }
}

#[test]
fn every_name_of_the_servicing_stack_both_ways() {
    let text = table("cbs_hresults.tsv");
    let mut rows = 0;
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let value = u32::from_str_radix(cells[0].trim_start_matches("0x"), 16)
            .expect("the first column is a hex number");
        let name = cells[1].trim();
        check(value, name);
        assert_eq!(
            names(Space::Hresult, value).next(),
            Some(name),
            "the newest name comes first"
        );
        if !cells[2].is_empty() {
            check(value, cells[2].trim());
        }
        rows += 1;
    }
    assert_eq!(rows, 138, "rows of cbs_hresults.tsv");
}

#[test]
fn every_windows_update_code_of_mingw_both_ways() {
    let text = table("mingw_wuerror.h");
    let mut rows = 0;
    for line in text.lines() {
        let Some((name, rest)) = line
            .strip_prefix("#define WU_")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let Some(digits) = rest
            .split_once("(0x")
            .and_then(|(_, digits)| digits.split_once(')'))
        else {
            continue;
        };
        let value = u32::from_str_radix(digits.0, 16).expect("the number is hex");
        check(value, &format!("WU_{name}"));
        rows += 1;
    }
    assert_eq!(rows, 465, "codes of mingw_wuerror.h");
}

/// `[HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]` and `0x80070bc9 [ERROR_FAIL_REBOOT_REQUIRED]`: Windows names its
/// own codes here, so each pair must be one that the table has.
#[test]
fn every_pair_that_windows_printed_in_the_logs() {
    let mut pairs = std::collections::BTreeSet::new();
    let mut folders = vec![corpus().join("logs"), corpus().join("cases")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| {
            panic!(
                "cannot read `{}`: {error}\nhint: set CORPUS to the folder that holds `logs`",
                folder.display()
            )
        });
        for entry in entries {
            let path = entry.expect("the folder was opened").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "log") {
                collect_pairs(
                    &String::from_utf8_lossy(&std::fs::read(&path).expect("the file is listed")),
                    &mut pairs,
                );
            }
        }
    }
    for (number, name) in &pairs {
        let readings = decode(number);
        let known = readings.iter().any(|reading| {
            let inner = reading.code.unwrapped().unwrap_or(reading.code);
            reading
                .code
                .names()
                .chain(inner.names())
                .any(|known| known == name)
        });
        assert!(
            known,
            "the logs say `{number}` is `{name}`; read as {:?}",
            readings.to_vec()
        );
    }
    println!("{} different pairs", pairs.len());
    assert!(pairs.len() >= 10, "only {} pairs found", pairs.len());
}

fn collect_pairs(text: &str, pairs: &mut std::collections::BTreeSet<(String, String)>) {
    for (at, _) in text.match_indices("0x8") {
        let Some((number, rest)) = text[at..].split_at_checked(10) else {
            continue;
        };
        let Some(rest) = rest.strip_prefix(" - ").or_else(|| rest.strip_prefix(" [")) else {
            continue;
        };
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let name = &rest[..end];
        if name.contains("_") && name.bytes().all(|byte| !byte.is_ascii_lowercase()) {
            pairs.insert((number.to_lowercase(), name.to_owned()));
        }
    }
}
