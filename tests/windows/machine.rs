//! A Windows at a folder: its page, its bundle, and what redaction leaves of it.

use crate::planted::{CANARIES, plant};
use crate::wine::{ARCHITECTURES, as_windows, here, output, program, text};
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::process::Command;

/// A way to start the program, and how it is told of a path.
struct Way {
    name: &'static str,
    command: fn() -> Command,
    path: fn(&Path) -> String,
}

const WAYS: [Way; 3] = [
    Way {
        name: "here",
        command: here,
        path: |path| path.to_string_lossy().into_owned(),
    },
    Way {
        name: ARCHITECTURES[0],
        command: || program("cbsift", ARCHITECTURES[0]),
        path: as_windows,
    },
    Way {
        name: ARCHITECTURES[1],
        command: || program("cbsift", ARCHITECTURES[1]),
        path: as_windows,
    },
];

impl Way {
    /// Runs to its end, which must be a good one, and takes its answer as JSON.
    fn json(&self, folder: &Path, arguments: &[&str]) -> Value {
        let arguments = [
            &["scan", "--quiet", "--lang", "en", "--format", "json"],
            arguments,
        ]
        .concat();
        let output = output((self.command)(), folder, &arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{} {arguments:?}: {}",
            self.name,
            text(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Findings without what depends on where they were read and what their names became.
fn findings(answer: &Value) -> Vec<String> {
    let findings = answer["findings"].as_array().unwrap();
    let mut all: Vec<String> = findings
        .iter()
        .map(|one| {
            format!(
                "{} {} {} {} {}",
                one["rule"], one["root_code"], one["terminal_code"], one["kb"], one["logged"]
            )
        })
        .collect();
    all.sort();
    all
}

/// Everything in an archive, by name.
fn members(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (file.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

#[test]
fn a_planted_windows_is_found_probed_and_written_to_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join("D");
    plant(&volume);
    let mut pages = Vec::new();
    for way in &WAYS {
        for root in [volume.clone(), volume.join("Windows")] {
            let page = folder.path().join(format!("{}.html", way.name));
            let answer = way.json(
                folder.path(),
                &["--root", &(way.path)(&root), "--page", &(way.path)(&page)],
            );
            assert_eq!(answer["verdict"], "failed", "{}", way.name);
            let inputs = answer["inputs"].as_array().unwrap();
            assert!(
                inputs
                    .iter()
                    .all(|input| !input["path"].as_str().unwrap().contains("Security")),
                "{inputs:?}"
            );
            let object = &answer["findings"][0]["on_this_machine"][0];
            assert_eq!(object["object"], r"C:\ProgramData\Printers", "{answer:#}");
            assert_eq!(object["state"], "opens", "{}", way.name);
            let page = std::fs::read_to_string(page).unwrap();
            assert!(
                page.contains("STATUS_FILE_CORRUPT_ERROR") && page.contains("On this PC now"),
                "{page}"
            );
            pages.push(page.replace('\\', "/"));
        }
        let unprobed = way.json(
            folder.path(),
            &["--root", &(way.path)(&volume), "--no-probe"],
        );
        assert!(
            unprobed["findings"][0]["on_this_machine"].is_null(),
            "{}",
            way.name
        );
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "pages differ");
}

#[test]
fn a_bundle_is_scanned_here_to_the_findings_of_its_machine() {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join("D");
    plant(&volume);
    for way in &WAYS {
        let bundle = folder.path().join(format!("{}.zip", way.name));
        let root = (way.path)(&volume);
        let of_machine = way.json(
            folder.path(),
            &["--root", &root, "--bundle", &(way.path)(&bundle)],
        );
        let of_bundle = WAYS[0].json(folder.path(), &[bundle.to_str().unwrap()]);
        assert_eq!(findings(&of_bundle), findings(&of_machine), "{}", way.name);
        assert!(!findings(&of_bundle).is_empty());

        let members = members(&bundle);
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        for name in [
            "Windows/Logs/CBS/CBS.log",
            "Windows/Logs/CBS/CbsPersist_20240501080010.log",
            "Windows/Panther/UnattendGC/setupact.log",
            "ProgramData/USOShared/Logs/UpdateSessionOrchestration.001.etl",
            "facts.json",
            "probe.json",
            "report.html",
            "manifest.json",
        ] {
            assert!(
                names.contains(&name),
                "no {name} in {names:?} of {}",
                way.name
            );
        }
        assert!(
            names.iter().all(|name| !name.contains("Security")),
            "{names:?}"
        );
        let read = |name: &str| &members.iter().find(|(own, _)| own == name).unwrap().1;
        let facts: Value = serde_json::from_slice(read("facts.json")).unwrap();
        assert!(
            facts["volume"]["free_bytes"].is_null(),
            "of another disk nothing but its logs is known: {facts:#}"
        );
        let manifest: Value = serde_json::from_slice(read("manifest.json")).unwrap();
        assert_eq!(manifest["marks"][0]["name"], "Windows/WinSxS/pending.xml");
        for file in manifest["files"].as_array().unwrap() {
            let bytes = read(file["name"].as_str().unwrap());
            assert_eq!(file["bytes"], bytes.len());
            assert_eq!(file["sha256"], sha256(bytes), "{file}");
        }

        // What is there stays whole.
        let again = output(
            (way.command)(),
            folder.path(),
            &[
                "scan",
                "--quiet",
                "--root",
                &root,
                "--bundle",
                &(way.path)(&bundle),
            ],
        );
        assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
        assert!(
            text(&again.stderr).contains("exists"),
            "{}",
            text(&again.stderr)
        );
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn a_redacted_bundle_names_nobody_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join("D");
    plant(&volume);
    for way in &WAYS {
        let bundle = folder.path().join(format!("{}.zip", way.name));
        let keys = folder.path().join(format!("{}-keys", way.name));
        let (root, bundle_path, keys_path) =
            ((way.path)(&volume), (way.path)(&bundle), (way.path)(&keys));
        let of_machine = way.json(
            folder.path(),
            &[
                "--root",
                &root,
                "--bundle",
                &bundle_path,
                "--redact",
                "--redaction-folder",
                &keys_path,
            ],
        );
        let of_bundle = WAYS[0].json(folder.path(), &[bundle.to_str().unwrap()]);
        assert_eq!(findings(&of_bundle), findings(&of_machine), "{}", way.name);
        for (name, bytes) in members(&bundle) {
            let all = name.clone() + &text(&bytes);
            for canary in CANARIES {
                assert!(
                    !all.to_lowercase().contains(&canary.to_lowercase()),
                    "{canary} in {name} of {}",
                    way.name
                );
            }
            assert!(
                !name.ends_with(".etl") && !name.ends_with(".evtx"),
                "{name} cannot be redacted"
            );
            assert!(
                !all.contains("1074"),
                "an event that is not on the list, in {name}"
            );
        }
        let map = std::fs::read_to_string(keys.join("redaction-map.json")).unwrap();
        assert!(
            map.contains("zhang.wei7") && map.contains("PC-CANARY42")
                || map.contains("pc-canary42"),
            "{map}"
        );
        assert!(keys.join("redaction.key").is_file());

        let preview = output(
            (way.command)(),
            folder.path(),
            &[
                "scan",
                "--quiet",
                "--root",
                &root,
                "--bundle",
                "none.zip",
                "--redact",
                "--preview",
                "--redaction-folder",
                &keys_path,
            ],
        );
        let said = text(&preview.stderr);
        assert!(
            said.contains("Windows/Logs/CBS/CBS.log") && said.contains("user"),
            "{said}"
        );
        assert!(
            !folder.path().join("none.zip").exists(),
            "a preview writes nothing"
        );
    }
}

/// The servicing stack holds CBS.log open to write, and lets others read: what is there is read all the same.
#[test]
fn a_log_that_a_program_holds_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join("D");
    plant(&volume);
    let path = volume.join("Windows/Logs/CBS/CBS.log");
    for architecture in ARCHITECTURES {
        let mut held = crate::wine::hold(&path);
        let root = as_windows(&volume);
        let output = output(
            program("cbsift", architecture),
            folder.path(),
            &["scan", "--quiet", "--lang", "en", "--root", &root],
        );
        let said = text(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{architecture}: {}",
            text(&output.stderr)
        );
        assert!(said.contains("STATUS_FILE_CORRUPT_ERROR"), "{said}");
        held.let_go();
    }
}

#[cfg(unix)]
#[test]
fn what_is_closed_is_said_and_takes_a_good_verdict_away() {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join("D");
    plant(&volume);
    std::fs::write(
        volume.join("Windows/Logs/CBS/CBS.log"),
        "2024-05-01 08:00:00, Info                  CBS    made up\r\n",
    )
    .unwrap();
    // A link that leads round in a circle cannot be looked at, whoever asks.
    let panther = volume.join("Windows/Panther");
    std::fs::remove_dir_all(&panther).unwrap();
    std::os::unix::fs::symlink("Panther", &panther).unwrap();
    let output = output(
        here(),
        folder.path(),
        &[
            "scan",
            "--quiet",
            "--lang",
            "en",
            "--format",
            "json",
            "--root",
            volume.to_str().unwrap(),
        ],
    );
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{answer:#}");
    assert_ne!(answer["verdict"], "healthy", "{answer:#}");
    assert!(
        answer["errors"].to_string().contains("Panther"),
        "{answer:#}"
    );
}

/// The logs of the machine that runs: a double click writes a page beside the program, and the terminal says the same.
#[test]
fn a_double_click_writes_a_page_beside_the_program() {
    let log = crate::wine::volume().join("windows/Logs/CBS/CBS.log");
    std::fs::create_dir_all(log.parent().unwrap()).unwrap();
    std::fs::write(&log, crate::fixtures::CUT_RECORD).unwrap();
    for architecture in ARCHITECTURES {
        let folder = tempfile::tempdir().unwrap();
        for file in crate::fixtures::files(&crate::wine::folder_of("cbsift", architecture)) {
            std::fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
        let program_path = folder.path().join(format!("cbsift-{architecture}.exe"));
        let started = crate::wine::double_click(&program_path, architecture);
        let pages: Vec<_> = crate::fixtures::files(folder.path())
            .into_iter()
            .filter(|file| file.extension().is_some_and(|ending| ending == "html"))
            .collect();
        let [page] = pages.as_slice() else {
            panic!("{architecture}: {pages:?} {}", text(&started.stderr))
        };
        let page = std::fs::read_to_string(page).unwrap();
        assert!(
            page.contains("STATUS_FILE_CORRUPT_ERROR"),
            "{architecture}: {page}"
        );

        let output = output(
            program("cbsift", architecture),
            folder.path(),
            &["scan", "--quiet", "--lang", "en"],
        );
        let said = text(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{architecture}: {}",
            text(&output.stderr)
        );
        // The object is not there, and Wine's C: is a whole Windows.
        assert!(
            said.contains("STATUS_FILE_CORRUPT_ERROR") && said.contains("On this PC now"),
            "{said}"
        );
        assert!(
            said.contains(r"Windows\Logs\CBS\CBS.log")
                || said.contains(r"windows\Logs\CBS\CBS.log"),
            "{said}"
        );
    }
    std::fs::remove_file(log).unwrap();
}
