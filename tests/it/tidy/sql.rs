//! SQL stands in the crate `store` alone, whatever it asks for.

use super::{crates, rust_files};
use crate::harness::repository;
use std::fs;

#[test]
fn sql_stays_in_the_store() {
    for name in crates().keys() {
        // The engine reads any statement, and makes its own ones of them.
        if name == "store" || name == "embedded-clickhouse" {
            continue;
        }
        for file in rust_files(name) {
            let text = fs::read_to_string(&file).unwrap();
            for literal in literals(&text) {
                assert!(!is_sql(literal), "SQL in {}: {literal:?}", file.display());
            }
        }
        for file in crate::fixtures::files(&repository().join("crates").join(name).join("src")) {
            assert!(
                file.extension().is_none_or(|extension| extension != "sql"),
                "SQL in {}",
                file.display()
            );
        }
    }
}

/// Words that begin a statement, each with the words that may follow; none where any may.
const BEGINNINGS: [(&str, &[&str]); 18] = [
    ("SELECT", &[]),
    ("WITH", &["SELECT"]),
    ("INSERT", &["INTO"]),
    ("DELETE", &["FROM"]),
    ("UPDATE", &["SET"]),
    ("TRUNCATE", &["TABLE"]),
    ("OPTIMIZE", &["TABLE"]),
    ("CREATE", OBJECTS),
    ("ALTER", OBJECTS),
    ("DROP", OBJECTS),
    ("RENAME", OBJECTS),
    ("ATTACH", OBJECTS),
    ("DETACH", OBJECTS),
    ("EXISTS", OBJECTS),
    ("SHOW", &["TABLES", "DATABASES", "CREATE", "GRANTS"]),
    (
        "SYSTEM",
        &["FLUSH", "RELOAD", "STOP", "START", "SYNC", "DROP"],
    ),
    ("GRANT", &["ON", "TO"]),
    ("KILL", &["QUERY", "MUTATION"]),
];

const OBJECTS: &[&str] = &[
    "TABLE",
    "VIEW",
    "DATABASE",
    "DICTIONARY",
    "USER",
    "ROLE",
    "FUNCTION",
    "INDEX",
    "COLUMN",
];

/// Whether a literal is a statement or a part of one: it begins like one, or asks for something `FROM` somewhere, in capitals.
fn is_sql(literal: &str) -> bool {
    let words: Vec<&str> = literal
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect();
    let begins = |words: &[&str]| {
        let Some((first, rest)) = words.split_first() else {
            return false;
        };
        BEGINNINGS.iter().any(|(word, next)| {
            *word == *first && (next.is_empty() || rest.iter().any(|later| next.contains(later)))
        })
    };
    let all_capitals = words.iter().map(|word| word.to_ascii_uppercase());
    let all_capitals: Vec<String> = all_capitals.collect();
    // In small letters a sentence may begin with `select` or `update`: only what also names where from is none.
    let small: Vec<&str> = all_capitals.iter().map(String::as_str).collect();
    let is_small_query = small.first() == Some(&"SELECT") && small.contains(&"FROM");
    is_small_query
        || begins(&words)
        || words.contains(&"SELECT")
        || (words.contains(&"FROM") && words.contains(&"WHERE"))
}

/// The text of every string literal of a Rust file, raw ones too, as it stands there.
fn literals(source: &str) -> Vec<&str> {
    let (bytes, mut found, mut at) = (source.as_bytes(), Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes[at..]
                    .iter()
                    .take_while(|byte| **byte != b'\n')
                    .count();
            }
            // A quote as a character, or a letter behind a backslash; a lifetime has no second quote.
            b'\'' if bytes.get(at + 1) == Some(&b'\\') => {
                at += 3 + bytes[at + 3..]
                    .iter()
                    .take_while(|byte| **byte != b'\'')
                    .count();
                at += 1;
            }
            b'\'' => {
                let letter = source[at + 1..].chars().next().map_or(0, char::len_utf8);
                let is_letter = bytes.get(at + 1 + letter) == Some(&b'\'');
                at += if is_letter { letter + 2 } else { 1 };
            }
            b'"' => {
                let fence = source[..at]
                    .bytes()
                    .rev()
                    .take_while(|byte| *byte == b'#')
                    .count();
                let is_raw = source[..at - fence].ends_with('r');
                let end = format!("\"{}", "#".repeat(if is_raw { fence } else { 0 }));
                let start = at + 1;
                at = start;
                while at < bytes.len() && !source.as_bytes()[at..].starts_with(end.as_bytes()) {
                    at += if bytes[at] == b'\\' && !is_raw { 2 } else { 1 };
                }
                found.push(&source[start..at.min(source.len())]);
                at += end.len();
            }
            _ => at += 1,
        }
    }
    found
}

#[test]
fn sql_is_told_from_prose_and_from_comments() {
    for sql in [
        "SELECT 1",
        "SELECT endpoint, count() FROM events",
        "select endpoint from events",
        "  (SELECT max(at) FROM news)",
        "INSERT INTO events",
        "ALTER TABLE events DELETE WHERE 1",
        "CREATE MATERIALIZED VIEW x",
        "DELETE FROM news",
        "WITH x AS (SELECT 1)",
        "OPTIMIZE TABLE events FINAL",
        "SYSTEM FLUSH LOGS",
        " FROM events WHERE tenant = 1",
    ] {
        assert!(is_sql(sql), "{sql}");
    }
    for prose in [
        "",
        "select a file",
        "Select the update in Windows Update",
        "Update the drivers from the maker's site",
        "CREATE_FILE",
        "SYSTEM",
        "from here",
        "WITH",
    ] {
        assert!(!is_sql(prose), "{prose}");
    }
    let source = r##"
        // "a comment"
        let a = '"'; let b = '\''; let e = ['é','"']; let c: &'static str = "one \" two"; // "no"
        let d = r#"raw "quoted" text"#; let e = b"bytes";
    "##;
    assert_eq!(
        literals(source),
        ["one \\\" two", "raw \"quoted\" text", "bytes"]
    );
}
