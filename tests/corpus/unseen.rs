//! Failures that were met after the rules were written, reduced: the right answers stand in `strangers/EXPECT.tsv`.

use crate::single::{cbsift, scan, text};
use crate::{corpus, word};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Fields of an answer that may name what a failure is about.
const NAMED: [&str; 4] = ["object", "package", "component", "title"];

/// What each row of the table is asked for, and how often the answer may miss it.
const COLUMNS: [(&str, usize); 5] = [
    ("verdict", 1),
    ("root", 1),
    ("category", 1),
    ("object", 0),
    ("never", 0),
];

#[test]
fn failures_met_later_are_answered_and_never_called_healthy() {
    let folder = corpus().join("strangers");
    let table = std::fs::read_to_string(folder.join("EXPECT.tsv")).unwrap();
    let mut rows = table.lines();
    let header: Vec<&str> = rows.next().unwrap().split('\t').collect();
    let (mut asked, mut missed) = (BTreeMap::new(), BTreeMap::<_, Vec<String>>::new());
    let mut healthy = Vec::new();
    for row in rows {
        let row: BTreeMap<&str, &str> = header.iter().copied().zip(row.split('\t')).collect();
        let paths = inputs(&folder.join(row["file"]));
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let answer = scan(&paths, "corpus");
        if answer["verdict"] == "healthy" && !row["verdict"].contains("healthy") {
            healthy.push(row["file"].to_owned());
        }
        for (column, is_right) in score(&row, &answer, &paths) {
            *asked.entry(column).or_insert(0_usize) += 1;
            if !is_right {
                missed
                    .entry(column)
                    .or_default()
                    .push(row["file"].to_owned());
            }
        }
    }
    println!("{:<10} {:>5} {:>5}  missed", "", "asked", "right");
    for (column, asked) in &asked {
        let missed = missed.get(column).map_or(&[][..], Vec::as_slice);
        println!(
            "{column:<10} {asked:>5} {:>5}  {}",
            asked - missed.len(),
            missed.join(", ")
        );
    }
    assert!(healthy.is_empty(), "called healthy: {healthy:?}");
    for (column, most) in COLUMNS {
        let missed = missed.get(column).map_or(0, Vec::len);
        assert!(
            asked[column] >= 5 && missed <= most,
            "{column}: {missed} missed"
        );
    }
}

/// A folder stands for what lies in it, as a person would name the files.
fn inputs(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let mut all: Vec<PathBuf> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

/// Each column that the row asks for, and whether the answer has it.
fn score(row: &BTreeMap<&str, &str>, answer: &Value, paths: &[&Path]) -> Vec<(&'static str, bool)> {
    let lower = |value: &Value| word(value).to_lowercase();
    let choices = |column: &str| -> Vec<String> {
        row[column]
            .split('|')
            .map(|choice| choice.trim().trim_start_matches('+').to_lowercase())
            .filter(|choice| !choice.is_empty())
            .collect()
    };
    let categories = choices("categories");
    // What is only worth knowing counts where it is of a category that was asked for.
    let findings: Vec<&Value> = answer["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["severity"] != "info" || categories.contains(&lower(&one["category"])))
        .collect();
    let attempts = answer["attempts"].as_array().unwrap();
    let mut scored = vec![(
        "verdict",
        choices("verdict").contains(&lower(&answer["verdict"])),
    )];
    let mut ask = |column, choices: Vec<String>, has: &dyn Fn(&str) -> bool| {
        if !choices.is_empty() {
            scored.push((column, choices.iter().any(|choice| has(choice))));
        }
    };
    ask("root", choices("root_codes"), &|code| {
        let of_finding = findings
            .iter()
            .flat_map(|one| [lower(&one["root_code"]), lower(&one["terminal_code"])]);
        let of_attempt = attempts.iter().map(|one| lower(&one["terminal_code"]));
        of_finding.chain(of_attempt).any(|known| known == code)
    });
    ask("category", categories.clone(), &|category| {
        findings
            .iter()
            .any(|one| lower(&one["category"]) == category)
    });
    ask("object", choices("object"), &|object| {
        let of_finding = findings
            .iter()
            .flat_map(|one| NAMED.map(|field| lower(&one[field])));
        let named: Vec<String> = of_finding
            .chain(attempts.iter().map(|one| lower(&one["package"])))
            .collect();
        let mut parts = object.split('&').map(str::trim);
        parts.all(|part| named.iter().any(|name| name.contains(part)))
    });
    let never = choices("never");
    if !never.is_empty() {
        let output = cbsift()
            .args(["scan", "--lang", "en"])
            .args(paths)
            .output()
            .unwrap();
        let report = text(&output.stdout);
        let report = report.split_whitespace().collect::<Vec<_>>().join(" ");
        let report = report.to_lowercase();
        scored.push(("never", !never.iter().any(|part| report.contains(part))));
    }
    scored
}
