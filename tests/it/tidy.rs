//! Crates, arrows and documents agree.

mod sql;

use crate::harness::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

fn crates() -> BTreeMap<String, BTreeSet<String>> {
    let folder = repository().join("crates");
    let names: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names
        .iter()
        .map(|name| {
            let manifest = fs::read_to_string(folder.join(name).join("Cargo.toml")).unwrap();
            let (_, dependencies) = manifest.split_once("[dependencies]").unwrap_or_default();
            let dependencies = dependencies.split("\n[").next().unwrap_or_default();
            let uses = dependencies
                .lines()
                .filter_map(|line| line.split(['.', ' ', '=']).next())
                .filter(|word| names.contains(*word))
                .map(str::to_owned)
                .collect();
            (name.clone(), uses)
        })
        .collect()
}

#[test]
fn arrows_between_crates_are_those_of_the_architecture() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("event", &["windows-error-codes"][..]),
        ("quantity", &[]),
        ("serve", &["event"]),
        ("harmless", &[]),
        ("windows-error-codes", &[]),
        ("windows-here", &[]),
        ("embedded-clickhouse", &["serve"]),
        ("parse", &["event"]),
        ("shippers", &["event", "parse"]),
        ("classify", &["event", "parse", "windows-error-codes"]),
        ("simulate", &["event"]),
        ("queue", &["event", "quantity"]),
        ("receivers", &["event", "harmless", "quantity"]),
        ("store", &["event"]),
        ("files", &["event", "harmless", "parse"]),
        ("follow", &["event", "files", "harmless", "parse"]),
        ("send", &["event", "files", "harmless"]),
        (
            "agent",
            &["event", "follow", "harmless", "quantity", "send"],
        ),
        (
            "ingest",
            &["event", "harmless", "parse", "quantity", "serve"],
        ),
        (
            "pipeline",
            &["event", "parse", "shippers", "classify", "queue", "store"],
        ),
        ("alert", &["classify", "event", "quantity", "store"]),
        ("export", &["event", "store"]),
        (
            "web",
            &[
                "event",
                "harmless",
                "parse",
                "classify",
                "store",
                "windows-error-codes",
            ],
        ),
        (
            "cbsift",
            &[
                "event",
                "files",
                "parse",
                "classify",
                "windows-error-codes",
                "windows-here",
                "embedded-clickhouse",
                "send",
                "simulate",
                "quantity",
                "serve",
                "harmless",
                "store",
                "queue",
                "alert",
                "export",
                "receivers",
                "ingest",
                "pipeline",
                "web",
            ],
        ),
    ]);
    for (name, uses) in crates() {
        let allowed = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("crate `{name}` is not in this list and in ARCHITECTURE.md"));
        for used in uses {
            assert!(
                allowed.contains(&used.as_str()),
                "`{name}` must not know `{used}`"
            );
        }
    }
}

#[test]
fn every_crate_has_a_readme_and_stands_in_the_architecture() {
    let architecture = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    for name in crates().keys() {
        assert!(
            repository()
                .join("crates")
                .join(name)
                .join("README.md")
                .is_file(),
            "no README in crates/{name}"
        );
        assert!(
            architecture.contains(&format!("`{name}`")),
            "`{name}` is not in ARCHITECTURE.md"
        );
    }
}

/// The program on a PC holds no server: cargo's own answer for the build that `packaging/build-windows` makes.
#[test]
fn the_program_for_windows_links_no_server_no_store_and_no_engine() {
    for target in ["x86_64-pc-windows-gnu", "i686-pc-windows-gnu"] {
        let tree = std::process::Command::new(env!("CARGO"))
            .current_dir(repository())
            .args([
                "tree",
                "--locked",
                "--offline",
                "--package",
                "cbsift",
                "--no-default-features",
            ])
            .args([
                "--edges", "normal", "--prefix", "none", "--format", "{p}", "--target", target,
            ])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&tree.stdout);
        assert!(
            tree.status.success(),
            "{}",
            String::from_utf8_lossy(&tree.stderr)
        );
        let names: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(
            names.contains("files") && names.contains("windows-sys"),
            "{names:?}"
        );
        for server in [
            "alert",
            "axum",
            "clickhouse",
            "embedded-clickhouse",
            "hyper",
            "ingest",
            "pipeline",
            "queue",
            "rdkafka",
            "receivers",
            "serve",
            "store",
            "tokio",
            "web",
        ] {
            assert!(!names.contains(server), "`{server}` is linked for {target}");
        }
    }
}

#[test]
fn unsafe_code_stays_where_it_belongs() {
    for name in crates()
        .keys()
        .filter(|name| !["embedded-clickhouse", "windows-here"].contains(&name.as_str()))
    {
        for file in rust_files(name) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(
                !text.contains("unsafe {"),
                "unsafe code in {}",
                file.display()
            );
        }
    }
}

// Generated tables belong to files that have their sentence.
#[test]
fn every_module_says_what_it_is_in_its_first_line() {
    for folder in ["crates", "tests"] {
        for file in crate::fixtures::files(&repository().join(folder)) {
            let path = file.to_string_lossy();
            let is_ours = path.ends_with(".rs")
                && ["/node_modules/", "/target/", "/generated/"]
                    .iter()
                    .all(|folder| !path.contains(folder));
            if is_ours {
                let text = fs::read_to_string(&file).unwrap();
                assert!(
                    text.starts_with("//!") || text.starts_with("#![doc"),
                    "no `//!` in the first line of {path}"
                );
            }
        }
    }
}

fn rust_files(name: &str) -> Vec<std::path::PathBuf> {
    crate::fixtures::files(&repository().join("crates").join(name).join("src"))
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn every_key_of_the_configuration_has_a_sentence() {
    let defaults = fs::read_to_string(repository().join("config/default.toml")).unwrap();
    let mut is_said = false;
    for line in defaults.lines() {
        if line.starts_with('#') {
            is_said = true;
        } else if line.is_empty() || line.starts_with('[') {
            is_said = false;
        } else {
            assert!(is_said, "no comment above `{line}`");
        }
    }
}
