//! NTSTATUS and Win32: `explain` goes from one to the other as ntdll does, and never back to a failure that did not happen.

use crate::explain::{Shown, explain};
use crate::sources::{literal, names};
use crate::{corpus, files};
use std::collections::{BTreeMap, BTreeSet};

/// The codes after `Same as`: number and space.
fn same_as(shown: &Shown) -> BTreeSet<(u32, String)> {
    let mut list = shown
        .below
        .iter()
        .skip_while(|line| !line.starts_with("Same as"))
        .map(|line| line.trim_start_matches("Same as").trim());
    let mut codes = BTreeSet::new();
    for line in list.by_ref() {
        let mut words = line.split(' ');
        let (Some(number), Some(space)) = (words.next(), words.next()) else {
            break;
        };
        match literal(number) {
            Some(number) if ["hresult", "ntstatus", "win32", "esent"].contains(&space) => {
                codes.insert((number, space.to_owned()));
            }
            _ => break,
        }
    }
    codes
}

fn in_space(answer: &[Shown], space: &str) -> Shown {
    answer
        .iter()
        .find(|shown| shown.space == space)
        .unwrap_or_else(|| panic!("nothing in {space}: {answer:?}"))
        .clone()
}

/// `names/ntstatus_win32.tsv`: what ntdll answers; `gen/check_ntdll.py` asks it again.
fn of_ntdll() -> BTreeMap<u32, u32> {
    let rows = names("ntstatus_win32.tsv");
    assert_eq!(rows[0][..2], ["ntstatus", "win32"]);
    rows[1..]
        .iter()
        .map(|row| (literal(&row[0]).unwrap(), literal(&row[1]).unwrap()))
        .collect()
}

#[test]
fn every_ntstatus_is_explained_by_its_win32_number_and_by_no_other_ntstatus() {
    let table = of_ntdll();
    assert!(table.len() > 1_200);
    let hex = |status: u32| format!("0x{status:08X}");
    let asked = table.keys().map(|status| hex(*status)).collect();
    let answers = explain(&asked);
    for (status, number) in &table {
        let answer = &answers[&hex(*status)];
        // What no source names is read by its shape.
        let Some(shown) = answer.iter().find(|shown| shown.space == "ntstatus") else {
            continue;
        };
        let same = same_as(shown);
        if *number == 0 {
            continue;
        }
        assert!(
            same.contains(&(*number, "win32".to_owned())),
            "{} is Win32 {number}: {shown:?}",
            hex(*status)
        );
        assert!(
            !same
                .iter()
                .any(|(other, space)| space == "ntstatus" && other != status),
            "{} is shown as another NTSTATUS: {shown:?}",
            hex(*status)
        );
    }
    println!("{} NTSTATUS with their Win32 number", table.len());
}

/// Pairs that stand side by side in real logs and articles.
#[test]
fn pairs_seen_in_logs_are_the_pairs_shown() {
    let pairs = [
        (0xC000_0102_u32, 0x570_u32),
        (0xC000_0034, 2),
        (0xC000_003A, 3),
        (0xC000_0022, 5),
        (0xC000_0043, 0x20),
        (0xC000_007F, 0x70),
        (0xC000_0279, 0x780),
        (0xC000_042A, 0x308),
        (0xC015_001A, 0x3712),
        (0xC007_000D, 0xD),
    ];
    // As the status, and as the HRESULT that carries it.
    let spellings = |status: u32| {
        [
            format!("0x{status:08X}"),
            format!("0x{:08X}", status | 0x1000_0000),
        ]
    };
    let asked = pairs
        .iter()
        .flat_map(|(status, _)| spellings(*status))
        .collect();
    let answers = explain(&asked);
    for (status, number) in pairs {
        for spelling in spellings(status) {
            let same = same_as(&in_space(&answers[&spelling], "ntstatus"));
            let hresult = (0x8007_0000 | number, "hresult".to_owned());
            assert!(same.contains(&hresult), "{spelling}: {same:?}");
        }
    }
}

#[test]
fn a_win32_failure_lists_every_ntstatus_that_becomes_it() {
    let asked = "0x80070570".to_owned();
    let answers = explain(&BTreeSet::from([asked.clone()]));
    let shown = in_space(&answers[&asked], "hresult");
    let listed: BTreeSet<u32> = same_as(&shown)
        .into_iter()
        .filter(|(_, space)| space == "ntstatus")
        .map(|(number, _)| number)
        .collect();
    let mut expected: BTreeSet<u32> = of_ntdll()
        .into_iter()
        .filter(|(_, number)| *number == 0x570)
        .map(|(status, _)| status)
        .collect();
    assert!(expected.contains(&0xC000_0102) && expected.len() >= 4);
    // NTSTATUS_FROM_WIN32, which the servicing stack makes itself.
    expected.insert(0xC007_0570);
    assert_eq!(listed, expected);
}

/// `[HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]`, `0x80070bc9 [ERROR_FAIL_REBOOT_REQUIRED]`,
/// `80070002 [Warning,Facility=FACILITY_NTWIN32,Code=ERROR_FILE_NOT_FOUND]`: Windows names its own codes.
#[test]
fn every_pair_that_windows_printed_in_the_logs_is_shown() {
    let mut pairs: BTreeSet<(String, String)> = BTreeSet::new();
    for folder in ["logs", "cases"] {
        for path in files(&corpus().join(folder)) {
            let is_log = path.extension().is_some_and(|kind| kind == "log");
            if is_log {
                let text = crate::plain_text(&std::fs::read(&path).unwrap());
                text.lines()
                    .for_each(|line| collect_pairs(line, &mut pairs));
            }
        }
    }
    let asked = pairs
        .iter()
        .flat_map(|(number, name)| [number.clone(), name.clone()])
        .collect();
    let answers = explain(&asked);
    for (number, name) in &pairs {
        let value = u32::from_str_radix(number.trim_start_matches("0x"), 16).unwrap();
        assert!(
            answers[number]
                .iter()
                .any(|shown| shown.names.contains(name)),
            "the logs say {number} is {name}: {:?}",
            answers[number]
        );
        assert!(
            answers[name].iter().any(|shown| {
                shown.number == value || same_as(shown).iter().any(|(other, _)| *other == value)
            }),
            "the logs say {name} is {number}: {:?}",
            answers[name]
        );
    }
    println!(
        "{} different pairs printed in the logs, all shown: {pairs:?}",
        pairs.len()
    );
    assert!(pairs.len() >= 12);
}

fn collect_pairs(line: &str, pairs: &mut BTreeSet<(String, String)>) {
    let bytes = line.as_bytes();
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    for at in 0..bytes.len() {
        let starts = is_hex(at)
            && (at == 0 || !bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'x');
        if !starts || !(at..at + 8).all(is_hex) || is_hex(at + 8) {
            continue;
        }
        let rest = &line[at + 8..];
        let name = if let Some(rest) = rest.strip_prefix(" - ").or_else(|| rest.strip_prefix(" ["))
        {
            match rest.split_once(",Code=") {
                Some((level, code)) if level.len() < 60 && !level.contains(']') => code,
                _ => rest,
            }
        } else {
            continue;
        };
        let end = name
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(name.len());
        let name = &name[..end];
        let is_name = name.contains('_')
            && !name.starts_with('_')
            && name.bytes().all(|byte| !byte.is_ascii_lowercase());
        if is_name && name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            pairs.insert((
                format!("0x{}", &line[at..at + 8]).to_lowercase(),
                name.to_owned(),
            ));
        }
    }
}
