//! The archives of a release, made of programs that are none: what they are called and hold, and that twice the same is the same bytes.

use crate::fixtures::files;
use crate::harness::repository;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The least that has the two places of a Windows program that its hash leaves out.
fn program_of_windows(is_64: bool) -> Vec<u8> {
    let mut program = vec![0; 500];
    program[0x3C] = 0x80;
    let magic: u16 = if is_64 { 0x20B } else { 0x10B };
    program[0x80 + 24..0x80 + 26].copy_from_slice(&magic.to_le_bytes());
    program
}

fn make(programs: &Path, to: &Path) {
    let made = Command::new(repository().join("packaging/make-dist"))
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .arg("--programs")
        .arg(programs)
        .arg("--engine")
        .arg(programs.join("libchdb.so"))
        .arg("--to")
        .arg(to)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn listed(archive: &Path) -> Vec<String> {
    let mut command = match archive.extension().unwrap() == "zip" {
        true => {
            let mut command = Command::new("python3");
            let list = "import sys,zipfile\nfor name in zipfile.ZipFile(sys.argv[1]).namelist(): print(name)";
            command.args(["-c", list]);
            command
        }
        false => {
            let mut command = Command::new("tar");
            command.arg("tzf");
            command
        }
    };
    let lines = output(command.arg(archive));
    lines.lines().map(str::to_owned).collect()
}

#[test]
fn archives_have_the_version_the_roles_and_nothing_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("programs");
    for name in ["release", "windows"] {
        fs::create_dir_all(programs.join(name)).unwrap();
    }
    for name in ["cbsift", "cbsift-agent"] {
        fs::write(programs.join("release").join(name), name).unwrap();
        for (arch, is_64) in [("x64", true), ("x86", false)] {
            let path = programs.join(format!("windows/{name}-{arch}.exe"));
            fs::write(path, program_of_windows(is_64)).unwrap();
        }
    }
    let runtime =
        "rust-std|1.2.3|MIT OR Apache-2.0|\nlibgcc|4|GPL-3.0-or-later WITH GCC-exception-3.1|\n";
    fs::write(programs.join("windows/runtime"), runtime).unwrap();
    fs::write(programs.join("libchdb.so"), "an engine").unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    make(&programs, &first);
    make(&programs, &second);

    let version = env!("CARGO_PKG_VERSION");
    let archives = [
        (
            "docs.tar.gz",
            &["docs/install.md", "docs/engineer.zh.md"][..],
        ),
        ("engine-linux-x64.tar.gz", &["libchdb.so", "sbom.cdx.json"]),
        (
            "linux-x64.tar.gz",
            &[
                "cbsift",
                "cbsift-agent",
                "cbsift-agent.service",
                "agent.toml",
                "docs/operations.md",
                "CHANGELOG.md",
                "THIRD-PARTY.txt",
                "sbom.cdx.json",
            ],
        ),
        ("rules.tar.gz", &["rules/setup.yaml", "alerts/updates.yaml"]),
        (
            "windows-x64.zip",
            &["cbsift-x64.exe", "cbsift-agent.exe", "docs/engineer.md"],
        ),
        (
            "windows-x86.zip",
            &["cbsift-x86.exe", "cbsift-agent.exe", "THIRD-PARTY.txt"],
        ),
    ];
    for (role, wanted) in archives {
        let name = format!("cbsift-{version}-{role}");
        let found = listed(&first.join(&name));
        let top = name.split(".tar").next().unwrap().trim_end_matches(".zip");
        for file in wanted.iter().chain(&["LICENSE"]) {
            assert!(
                found.contains(&format!("{top}/{file}")),
                "{name}: {found:?}"
            );
        }
        assert!(found.is_sorted(), "{name}: {found:?}");
    }

    let names = |folder: &Path| -> BTreeSet<String> {
        let name =
            |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        files(folder).iter().map(name).collect()
    };
    assert_eq!(names(&first), names(&second));
    for name in names(&first) {
        let read = |folder: &Path| fs::read(folder.join(&name)).unwrap();
        assert!(read(&first) == read(&second), "{name} differs");
    }
    let sums = fs::read_to_string(first.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count() + 1, names(&first).len());
    output(
        Command::new("sha256sum")
            .args(["--check", "--quiet", "SHA256SUMS"])
            .current_dir(&first),
    );

    // Owner and time are nobody's.
    let linux = first.join(format!("cbsift-{version}-linux-x64.tar.gz"));
    let long = output(
        Command::new("tar")
            .args(["--utc", "--numeric-owner", "-tvzf"])
            .arg(&linux),
    );
    for line in long.lines() {
        assert!(
            line.contains(" 0/0 ") && line.contains(" 2023-11-14 22:13 "),
            "{line}"
        );
    }
    output(
        Command::new("tar")
            .arg("xzf")
            .arg(&linux)
            .arg("-C")
            .arg(folder.path()),
    );
    let unpacked = folder.path().join(format!("cbsift-{version}-linux-x64"));
    let notices = fs::read_to_string(unpacked.join("THIRD-PARTY.txt")).unwrap();
    for licence in ["librdkafka - Apache Kafka C driver library", "react-dom 19"] {
        assert!(notices.contains(licence), "`{licence}` is missing");
    }
    let home = std::env::var("HOME").unwrap();
    assert!(
        !notices.contains(&format!("{home}/")),
        "a path of this machine"
    );

    // What is in a program, and nothing that only others have.
    let components = |role: &str| -> BTreeSet<String> {
        let path = first.join(format!("cbsift-{version}-{role}.cdx.json"));
        let bill: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        assert_eq!(bill["bomFormat"], "CycloneDX");
        let all = bill["components"].as_array().unwrap();
        for component in all {
            assert!(
                component["licenses"][0]["expression"].is_string(),
                "{component}"
            );
            assert!(component["purl"].as_str().unwrap().starts_with("pkg:"));
        }
        let name = |component: &serde_json::Value| component["name"].as_str().unwrap().to_owned();
        all.iter().map(name).collect()
    };
    let (linux, windows) = (components("linux-x64"), components("windows-x86"));
    for name in ["rdkafka-sys", "react", "rust-std", "serde", "ureq"] {
        assert!(linux.contains(name), "{name}");
    }
    for name in ["rust-std", "libgcc", "windows-service", "ureq"] {
        assert!(windows.contains(name), "{name}");
    }
    for name in ["rdkafka-sys", "tokio", "react", "proptest", "cbsift"] {
        assert!(!windows.contains(name), "{name}");
    }
    assert!(components("engine-linux-x64").contains("@chdb/lib-linux-x64-gnu"));
}
