//! Every made-up log: the same bytes come out, whichever system reads it.

use crate::fixtures;
use crate::wine::{ARCHITECTURES, as_windows, compare, here, output, program, repository, text};
use simulate::Fleet;
use std::path::{Path, PathBuf};

const SCAN: [&str; 5] = ["scan", "--quiet", "--endpoint", "PC-1", "--lang"];

/// Files of made-up logs in folders of their own.
fn made_up(folder: &Path) -> Vec<PathBuf> {
    std::fs::write(folder.join("CBS.log"), fixtures::CUT_RECORD).unwrap();
    let fleet = Fleet::new(11, 200);
    for (index, plan) in fixtures::one_of_each(&fleet).iter().enumerate() {
        fixtures::write_endpoint(plan, &folder.join(format!("PC-{index}")));
    }
    for seeds in ["archive", "event_json", "event_log", "records", "classify"] {
        for seed in fixtures::files(&repository().join("fuzz/seeds").join(seeds)) {
            // Under its own name one would be a device: Windows reads `nul` as one in every folder.
            let name = format!(
                "seed-{seeds}-{}",
                seed.file_name().unwrap().to_str().unwrap()
            );
            std::fs::copy(&seed, folder.join(name)).unwrap();
        }
    }
    fixtures::files(folder)
}

#[test]
fn a_file_alone_is_answered_alike_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let files = made_up(folder.path());
    assert!(files.len() > 80, "{}", files.len());
    for (index, file) in files.iter().enumerate() {
        let name = file.file_name().unwrap().to_str().unwrap();
        let language = ["en", "zh"][index % 2];
        let arguments = [&SCAN[..], &[language, "--format", "json", "--", name]].concat();
        compare(file.parent().unwrap(), &arguments);
    }
}

#[test]
fn every_form_of_a_report_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("CBS.log"), fixtures::CUT_RECORD).unwrap();
    for language in ["en", "zh"] {
        for format in ["text", "json", "md", "html"] {
            let arguments = [
                &SCAN[..],
                &[language, "--noise", "--format", format, "CBS.log"],
            ]
            .concat();
            compare(folder.path(), &arguments);
        }
    }
    for arguments in [
        &["explain", "--lang", "zh", "0x80070570"][..],
        &["explain", "0xC1900101-0x20017"],
        &["rules", "test"],
        &["rules", "lint"],
        &["scan", "missing.log"],
        &["frobnicate"],
        &["config", "check"],
        &["--version"],
    ] {
        compare(folder.path(), arguments);
    }
}

/// Names of files in folders differ by the separator alone, and a UNC or drive path works as one of this system does.
#[test]
fn a_folder_is_answered_alike_but_for_separators() {
    let folder = tempfile::tempdir().unwrap();
    made_up(folder.path());
    for format in ["text", "json"] {
        let options = [&SCAN[..], &["en", "--format", format]].concat();
        let wanted = output(
            here(),
            folder.path(),
            &[&options[..], &[folder.path().to_str().unwrap()]].concat(),
        );
        let wanted = text(&wanted.stdout).replace(folder.path().to_str().unwrap(), "");
        for architecture in ARCHITECTURES {
            let path = as_windows(folder.path());
            let found = output(
                program("cbsift", architecture),
                folder.path(),
                &[&options[..], &[&path]].concat(),
            );
            // JSON doubles the separator.
            let found = text(&found.stdout)
                .replace(&path.replace('\\', "\\\\"), "")
                .replace(&path, "");
            let plain = |text: &str| {
                text.replace("\\\\", "/")
                    .replace('\\', "/")
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            assert!(
                plain(&found) == plain(&wanted),
                "{architecture} {format}\n{found}\n{wanted}"
            );
        }
    }
}
