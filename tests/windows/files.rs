//! `verify` and `tree`, here and under Wine.

use crate::planted::cabinet;
use crate::wine::{ARCHITECTURES, here, output, program, text};
use serde_json::Value;
use sha1::{Digest, Sha1};
use std::path::Path;
use std::process::Command;

fn ways() -> [(&'static str, Command); 3] {
    [
        ("here", here()),
        ("x64", program("cbsift", ARCHITECTURES[0])),
        ("x86", program("cbsift", ARCHITECTURES[1])),
    ]
}

#[test]
fn a_good_a_truncated_a_renamed_and_a_changed_cabinet_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let properties = "ApplyTo=\"\"\r\nApplies to=\"Windows 10.0\"\r\nKB Article Number=\"5000001\"\r\nProcessor Architecture=\"amd64\"\r\n";
    let good = cabinet(
        "Windows10.0-KB5000001-x64-pkgProperties.txt",
        properties.as_bytes(),
    );
    let sha1: String = Sha1::digest(&good)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let named = format!("windows10.0-kb5000001-x64_{sha1}.msu");
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (name, bytes, word) in [
        (named.clone(), &good[..], None),
        // The second download of a browser.
        (named.replace(".msu", " (1).msu"), &good[..], None),
        ("update.msu".to_owned(), &good[..], None),
        (
            format!("truncated-{named}"),
            &good[..good.len() - 40],
            Some("truncated"),
        ),
        (
            format!("changed-{named}"),
            &changed[..],
            Some("changed: its name says"),
        ),
        ("changed.cab".to_owned(), &changed[..], Some("checksum")),
        (
            "windows10.0-kb5009999-x64.msu".to_owned(),
            &good[..],
            Some("renamed: inside it is KB5000001"),
        ),
        (
            "windows10.0-kb5000001-x86.msu".to_owned(),
            &good[..],
            Some("renamed: inside it is for x64"),
        ),
        (
            "page.msu".to_owned(),
            &b"<!DOCTYPE html>"[..],
            Some("neither a cabinet"),
        ),
        ("empty.msu".to_owned(), &b""[..], Some("empty")),
    ] {
        std::fs::write(folder.path().join(&name), bytes).unwrap();
        for (way, command) in ways() {
            let output = output(
                command,
                folder.path(),
                &["verify", "--format", "json", &name],
            );
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
            let faults: Vec<&str> = answer[0]["faults"]
                .as_array()
                .unwrap()
                .iter()
                .map(|fault| fault.as_str().unwrap())
                .collect();
            // Wine refuses what is not signed, and so does Windows: no made-up file is.
            let own: Vec<&&str> = faults
                .iter()
                .filter(|fault| !fault.contains("signature"))
                .collect();
            match word {
                None => assert!(own.is_empty(), "{way} {name}: {faults:?}"),
                Some(word) => {
                    assert!(
                        own.iter().any(|fault| fault.contains(word)),
                        "{way} {name}: {faults:?}"
                    );
                    assert_eq!(output.status.code(), Some(1), "{way} {name}");
                }
            }
            assert_eq!(answer[0]["bytes"], bytes.len(), "{way} {name}");
        }
    }
    let output = output(here(), folder.path(), &["verify", &named]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for word in ["GOOD", "SHA-256", "KB5000001", "only Windows can"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert_eq!(output_of_missing(folder.path()), Some(1));
}

fn output_of_missing(folder: &Path) -> Option<i32> {
    output(here(), folder, &["verify", "missing.msu"])
        .status
        .code()
}

#[test]
fn a_tree_says_what_differs_and_nothing_where_nothing_does() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    for index in 0..20_000 {
        let file = tree.join(format!("d{}/f{index}.dll", index % 100));
        if index < 100 {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        }
        std::fs::write(file, index.to_string()).unwrap();
    }
    let run = |command: Command, arguments: &[&str]| output(command, folder.path(), arguments);
    let written = run(here(), &["tree", "tree", "-o", "good.json", "--quiet"]);
    assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
    for (way, command) in ways() {
        let same = run(
            command,
            &["tree", "tree", "--compare", "good.json", "--quiet"],
        );
        assert_eq!(same.status.code(), Some(0), "{way}: {}", text(&same.stdout));
    }
    std::fs::remove_file(tree.join("d7/f7.dll")).unwrap();
    std::fs::write(tree.join("d8/f8.dll"), "9").unwrap();
    std::fs::write(tree.join("d9/new.dll"), "x").unwrap();
    for (way, command) in ways() {
        let other = run(
            command,
            &["tree", "tree", "--compare", "good.json", "--quiet"],
        );
        let said = text(&other.stdout);
        assert_eq!(other.status.code(), Some(1), "{way}: {said}");
        for line in [
            "Missing: 1",
            "  d7/f7.dll",
            "Extra: 1",
            "  d9/new.dll",
            "Different: 1",
            "d8/f8.dll: other content of the same size",
            "Unreadable: 0",
        ] {
            assert!(said.contains(line), "{way}: {line} in {said}");
        }
    }
    let bad = run(here(), &["tree", "tree", "--compare", "good.json/none"]);
    assert_eq!(bad.status.code(), Some(1));
    std::fs::write(folder.path().join("bad.json"), "{}").unwrap();
    assert_eq!(
        run(here(), &["tree", "tree", "--compare", "bad.json"])
            .status
            .code(),
        Some(2)
    );
}
