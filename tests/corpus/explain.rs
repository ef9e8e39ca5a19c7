//! `cbsift explain` against every table of codes there is: both ways, each pair, with the real command.

use crate::corpus;
use crate::single::{cbsift, repository, text};
use crate::sources::{Defines, Pair, header, literal, names, windows_sys};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;

/// One code as `explain` shows it: number, space, names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) number: u32,
    pub(crate) space: String,
    pub(crate) names: Vec<String>,
    /// The lines below: meaning, equivalents, advice.
    pub(crate) below: Vec<String>,
}

/// What `explain` says of each text, from one run of the command.
pub(crate) fn explain(texts: &BTreeSet<String>) -> BTreeMap<String, Vec<Shown>> {
    let mut child = cbsift()
        .args(["explain", "--lang", "en", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = texts.iter().map(|line| format!("{line}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let mut answers: BTreeMap<String, Vec<Shown>> = BTreeMap::new();
    let mut of = String::new();
    for line in text(&output.stdout).lines() {
        if let Some(asked) = line.strip_prefix("> ") {
            asked.clone_into(&mut of);
            answers.insert(of.clone(), Vec::new());
        } else if let Some(shown) = head(line) {
            answers.get_mut(&of).unwrap().push(shown);
        } else if let Some(last) = answers.get_mut(&of).unwrap().last_mut() {
            last.below.push(line.trim().to_owned());
        }
    }
    assert_eq!(answers.len(), texts.len(), "each line has an answer");
    answers
}

/// `0x80070570  hresult  ERROR_FILE_CORRUPT, …`
fn head(line: &str) -> Option<Shown> {
    let mut cells = line.split("  ");
    let (number, space, names) = (cells.next()?, cells.next()?, cells.next()?);
    let number = match number.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => u32::try_from(number.parse::<i64>().ok()? & 0xFFFF_FFFF).ok()?,
    };
    Some(Shown {
        number,
        space: space.to_owned(),
        names: names.split(", ").map(str::to_owned).collect(),
        below: Vec::new(),
    })
}

/// Both ways: the name gives the number, and the number gives the name and every space.
fn check(source: &str, pairs: &[Pair]) {
    let hex = |number: u32| format!("0x{number:08X}");
    let asked: BTreeSet<String> = pairs
        .iter()
        .flat_map(|(name, number, _)| [name.clone(), hex(*number)])
        .collect();
    let answers = explain(&asked);
    let mut faults = Vec::new();
    for (name, number, space) in pairs {
        let is_it = |shown: &&Shown| {
            // HRESULT_FROM_NT is shown as the NTSTATUS it carries.
            let carried = *number >> 28 == 0xD && shown.number == *number & !0x1000_0000;
            (shown.number == *number || carried) && shown.space == *space
        };
        let of_name = answers[name].iter().any(|shown| is_it(&shown));
        let of_number = answers[&hex(*number)]
            .iter()
            .filter(is_it)
            .any(|shown| shown.names.contains(name));
        if !of_name || !of_number {
            faults.push(format!(
                "{name} {} {}: by name {:?}, by number {:?}",
                hex(*number),
                space,
                answers[name],
                answers[&hex(*number)]
            ));
        }
    }
    println!(
        "{source}: {} pairs both ways, {} faults",
        pairs.len(),
        faults.len()
    );
    assert!(
        faults.is_empty(),
        "{source}: {} faults\n{}",
        faults.len(),
        faults[..faults.len().min(20)].join("\n")
    );
}

#[test]
fn explain_knows_every_code_of_mingw_both_ways() {
    let winerror = header("winerror.h", &[], None);
    let ntstatus = header(
        "ntstatus.h",
        &["STATUS_", "DBG_", "RPC_NT_", "EPT_NT_"],
        Some("ntstatus"),
    );
    let wuerror = header("wuerror.h", &["WU_"], Some("hresult"));
    let count = |pairs: &[Pair], start: &str| {
        pairs
            .iter()
            .filter(|(name, ..)| name.starts_with(start))
            .count()
    };
    // What others counted, so that a reader that reads nothing cannot pass.
    assert!(count(&winerror, "ERROR_") >= 1_762);
    assert!(count(&ntstatus, "STATUS_") >= 1_670);
    assert_eq!(
        (count(&wuerror, "WU_E_"), count(&wuerror, "WU_S_")),
        (447, 18)
    );
    check("mingw winerror.h", &winerror);
    check("mingw ntstatus.h", &ntstatus);
    check("mingw wuerror.h", &wuerror);
}

#[test]
fn explain_knows_every_code_of_windows_sys_both_ways() {
    let by_kind = windows_sys();
    assert_eq!(by_kind.len(), 5);
    for (kind, fewest) in [
        ("HRESULT", 6_800),
        ("NTSTATUS", 3_000),
        ("WIN32_ERROR", 3_300),
    ] {
        assert!(
            by_kind[kind].len() >= fewest,
            "{kind}: {}",
            by_kind[kind].len()
        );
    }
    // Integers named ERROR_… are bounds and masks too.
    for (kind, pairs) in by_kind.iter().filter(|(kind, _)| **kind != "u32") {
        check(&format!("windows-sys {kind}"), pairs);
    }
}

#[test]
fn a_number_shows_every_space_that_it_has() {
    let by_kind = windows_sys();
    let numbers = |kind: &str| -> BTreeSet<u32> {
        by_kind[kind].iter().map(|(_, number, _)| *number).collect()
    };
    let both: Vec<u32> = numbers("HRESULT")
        .intersection(&numbers("NTSTATUS"))
        .copied()
        .collect();
    println!(
        "{} numbers are typed as HRESULT and as NTSTATUS in windows-sys",
        both.len()
    );
    assert_eq!(both.len(), 75);
    let hex: BTreeSet<String> = both
        .iter()
        .map(|number| format!("0x{number:08X}"))
        .collect();
    for (number, answer) in explain(&hex) {
        for space in ["hresult", "ntstatus"] {
            assert!(
                answer.iter().any(|shown| shown.space == space),
                "{number} is also {space}: {answer:?}"
            );
        }
    }
}

/// `DISAGREEMENTS.md` names each place where two sources differ, and no other; `explain` shows both sides.
#[test]
fn exactly_the_disagreements_of_the_sources_are_listed_and_both_sides_are_shown() {
    let mut facts: Vec<(&str, Pair)> = Vec::new();
    for (header_name, starts, space) in [
        ("winerror.h", &[][..], None),
        (
            "ntstatus.h",
            &["STATUS_", "DBG_", "RPC_NT_", "EPT_NT_"],
            Some("ntstatus"),
        ),
        ("wuerror.h", &["WU_"], Some("hresult")),
        ("bitsmsg.h", &["BG_E_", "BG_S_"], Some("hresult")),
        ("dismapi.h", &["DISMAPI_"], Some("hresult")),
    ] {
        let pairs = header(header_name, starts, space);
        facts.extend(pairs.into_iter().map(|pair| ("mingw-w64", pair)));
    }
    let mut by_kind = windows_sys();
    let integers = by_kind.remove("u32").unwrap();
    let names_of_integers = integers.iter().map(|(name, ..)| name.clone()).collect();
    let shown = explain(&names_of_integers);
    let typed = by_kind.into_values().flatten();
    let codes = integers
        .into_iter()
        .filter(|(name, number, _)| shown[name].iter().any(|shown| shown.number == *number));
    facts.extend(typed.chain(codes).map(|pair| ("windows-sys", pair)));
    // What the SDK table says of numbers that it does not rename is only that others lack a name.
    let mut is_silent: BTreeSet<(u32, String)> = BTreeSet::new();
    for table in ["articles.tsv", "cbs.tsv", "mosetup.tsv", "sdk.tsv"] {
        for row in names(table).iter().skip(1) {
            let space = ["hresult", "ntstatus", "win32", "esent"]
                .into_iter()
                .find(|space| *space == row[0])
                .unwrap();
            let number = literal(&row[1]).unwrap();
            if table == "sdk.tsv" && row.get(4).is_none_or(String::is_empty) {
                is_silent.insert((number, row[2].clone()));
            }
            facts.push((table, (row[2].clone(), number, space)));
        }
    }

    let mut numbers_of: BTreeMap<&str, BTreeSet<(&str, u32)>> = BTreeMap::new();
    let mut names_of: BTreeMap<(&str, u32), BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for (source, (name, number, space)) in &facts {
        numbers_of.entry(name).or_default().insert((space, *number));
        if !is_silent.contains(&(*number, name.clone())) {
            let sources = names_of.entry((space, *number)).or_default();
            sources.entry(source).or_default().insert(name);
        }
    }
    let several: BTreeSet<(String, u32)> = numbers_of
        .iter()
        .filter(|(_, places)| places.len() > 1)
        .flat_map(|(name, places)| {
            places
                .iter()
                .map(|(_, number)| ((*name).to_owned(), *number))
        })
        .collect();
    let unshared: BTreeSet<u32> = names_of
        .iter()
        .filter(|(_, by_source)| {
            let mut pairs = by_source
                .values()
                .flat_map(|one| by_source.values().map(move |other| (one, other)));
            pairs.any(|(one, other)| one.is_disjoint(other))
        })
        .map(|((_, number), _)| *number)
        .collect();

    let path = repository().join("crates/windows-error-codes/DISAGREEMENTS.md");
    let listed = std::fs::read_to_string(path).unwrap();
    let (first, second) = listed.split_once("## One number, different names").unwrap();
    let (second, _) = second.split_once("## Renamed").unwrap();
    let rows = |part: &str| -> Vec<Vec<String>> {
        part.lines()
            .filter(|line| line.starts_with("| ") && line.contains("0x"))
            .map(|line| {
                line.trim_matches('|')
                    .split(" | ")
                    .map(|cell| cell.trim().to_owned())
                    .collect()
            })
            .collect()
    };
    let number_of = |cell: &str| literal(cell.split(' ').nth(1).unwrap()).unwrap();
    let bare = |cell: &str| cell.trim_matches('`').to_owned();
    let (mut said_several, mut said_unshared) = (BTreeSet::new(), BTreeSet::new());
    let mut sides: Vec<(String, u32)> = Vec::new();
    for row in rows(first) {
        said_several.insert((bare(&row[0]), number_of(&row[1])));
    }
    for row in rows(second) {
        said_unshared.insert(number_of(&row[0]));
        for name in row[1].split(", ") {
            sides.push((bare(name), number_of(&row[0])));
        }
    }
    assert_eq!(said_several, several, "one name, several numbers");
    assert_eq!(said_unshared, unshared, "one number, no name in common");

    sides.extend(said_several);
    let asked: BTreeSet<String> = sides
        .iter()
        .flat_map(|(name, number)| [name.clone(), format!("0x{number:08X}")])
        .collect();
    let answers = explain(&asked);
    for (name, number) in &sides {
        assert!(
            answers[name].iter().any(|shown| shown.number == *number),
            "{name} is also 0x{number:08X}: {:?}",
            answers[name]
        );
        assert!(
            answers[&format!("0x{number:08X}")]
                .iter()
                .any(|shown| shown.names.contains(name)),
            "0x{number:08X} is also {name}"
        );
    }
    println!(
        "{} names with several numbers, {} numbers without a shared name: listed and shown",
        several
            .iter()
            .map(|(name, _)| name)
            .collect::<BTreeSet<_>>()
            .len(),
        unshared.len()
    );
}

#[test]
fn explain_knows_every_code_of_the_given_tables_both_ways() {
    let table = std::fs::read_to_string(corpus().join("tables/cbs_hresults.tsv")).unwrap();
    let mut pairs: Vec<Pair> = Vec::new();
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let number = literal(cells[0]).unwrap();
        for name in [cells[1], cells[2]] {
            if !name.trim().is_empty() {
                pairs.push((name.trim().to_owned(), number, "hresult"));
            }
        }
    }
    assert!(pairs.len() >= 138);
    check("cbs_hresults.tsv", &pairs);
    let defines = Defines::read(&corpus().join("tables/mingw_wuerror.h"));
    let pairs = defines.pairs(&["WU_"], Some("hresult"));
    assert_eq!(pairs.len(), 465);
    check("mingw_wuerror.h", &pairs);
}
