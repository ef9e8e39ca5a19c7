//! The programs for Windows under Wine on every given file: what they print is what this system's prints, byte for byte.

use crate::wine::{ARCHITECTURES, here, output, program, text};
use crate::{corpus, fixtures};

#[test]
fn every_given_file_is_answered_alike() {
    let mut files = fixtures::files(&corpus());
    files.retain(|file| file.extension().is_none_or(|ending| ending != "sealed"));
    let mut faults = Vec::new();
    for file in &files {
        let folder = file.parent().unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let arguments = [
            "scan",
            "--quiet",
            "--lang",
            "zh",
            "--noise",
            "--endpoint",
            "PC-1",
            "--",
            name,
        ];
        let wanted = output(here(), folder, &arguments);
        for architecture in ARCHITECTURES {
            let found = output(program("cbsift", architecture), folder, &arguments);
            if found.stdout != wanted.stdout || found.status.code() != wanted.status.code() {
                faults.push(format!(
                    "{architecture} {}: {:?} {}",
                    file.display(),
                    found.status,
                    text(&found.stderr)
                ));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {} files differ:\n{}",
        faults.len(),
        files.len(),
        faults.join("\n")
    );
    println!(
        "{} files, {} programs: the same bytes",
        files.len(),
        ARCHITECTURES.len()
    );
}
