//! `cbsift rules`: the workshop of those who write rules.

mod coverage;
#[cfg(feature = "server")]
mod publish;

use crate::misuse::Misuse;
use crate::report::counted;
use clap::{Args, Subcommand};
use classify::{Fault, Rules};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Test rules, find their faults, see what they do on real logs, and publish them
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every rule's own `match` and `no_match`
    Test(Folder),
    /// Say every fault of the rule files at once, each with file and line
    Lint(Folder),
    Coverage(coverage::Arguments),
    #[cfg(feature = "server")]
    Publish(publish::Arguments),
}

#[derive(Args)]
struct Folder {
    /// Folder of rule files (*.yaml) [default: the shipped rules]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Test(folder) => test(&Files::of(folder.folder.as_deref())?),
        Command::Lint(folder) => lint(&Files::of(folder.folder.as_deref())?),
        Command::Coverage(arguments) => coverage::run(&arguments),
        #[cfg(feature = "server")]
        Command::Publish(arguments) => publish::run(&arguments),
    }
}

/// Rule files, each `(name, text)`, sorted by name.
pub(crate) struct Files(Vec<(String, String)>);

impl Files {
    /// Those of a folder, or the shipped ones.
    pub(crate) fn of(folder: Option<&Path>) -> anyhow::Result<Self> {
        let Some(folder) = folder else {
            let shipped = Rules::shipped_files().iter();
            return Ok(Self(
                shipped
                    .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                    .collect(),
            ));
        };
        let entries = std::fs::read_dir(folder).map_err(|error| {
            Misuse(format!(
                "cannot list rule folder `{}`: {error}\nhint: name a folder that holds *.yaml files, or none for the shipped rules",
                folder.display()
            ))
        })?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                paths.push(path);
            }
        }
        paths.sort();
        if paths.is_empty() {
            return Err(Misuse(format!(
                "no rule file in `{}`\nhint: rule files end in .yaml",
                folder.display()
            ))
            .into());
        }
        let mut files = Vec::new();
        for path in paths {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| anyhow::anyhow!("cannot read `{}`: {error}", path.display()))?;
            files.push((path.to_string_lossy().into_owned(), text));
        }
        Ok(Self(files))
    }

    pub(crate) fn load(&self) -> Result<Rules, Vec<Fault>> {
        let files: Vec<(&str, &str)> = self
            .0
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        Rules::load(&files)
    }

    #[cfg(feature = "server")]
    /// As they are published: wherever the folder lies, the same files are the same set.
    pub(crate) fn published(&self) -> Vec<(String, String)> {
        let name = |path: &str| {
            let name = Path::new(path).file_name();
            name.map_or_else(
                || path.to_owned(),
                |name| name.to_string_lossy().into_owned(),
            )
        };
        self.0
            .iter()
            .map(|(path, text)| (name(path), text.clone()))
            .collect()
    }

    /// `file:line` of a rule, or of one of its lines.
    fn place(&self, id: &str, line: &str) -> String {
        for (name, text) in &self.0 {
            let mut lines = text.lines().enumerate();
            let is_id = |line: &str| {
                line.trim_start_matches(['-', ' '])
                    .strip_prefix("id:")
                    .is_some_and(|rest| rest.split('#').next().unwrap_or_default().trim() == id)
            };
            if let Some((start, _)) = lines.find(|(_, line)| is_id(line)) {
                let at = lines
                    .take_while(|(_, line)| !line.starts_with("- "))
                    .find(|(_, other)| !line.is_empty() && other.contains(line))
                    .map_or(start, |(at, _)| at);
                return format!("{name}:{}", at + 1);
            }
        }
        id.to_owned()
    }
}

fn lint(files: &Files) -> anyhow::Result<ExitCode> {
    match files.load() {
        Ok(rules) => {
            let (rules, files) = (rules.iter().count(), files.0.len());
            let files = counted(files as u64, "file", "files");
            let rules = counted(rules as u64, "rule", "rules");
            super::print(&format!("{rules} in {files}, no fault\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(faults) => refuse(&faults),
    }
}

/// Prints every fault; exit status 1.
pub(crate) fn refuse(faults: &[Fault]) -> anyhow::Result<ExitCode> {
    let mut out = String::new();
    for fault in faults {
        let _ = writeln!(out, "{fault}");
    }
    super::print(&out)?;
    let count = counted(faults.len() as u64, "fault", "faults");
    crate::log::complain(format_args!("{count} in the rules"));
    Ok(ExitCode::from(1))
}

fn test(files: &Files) -> anyhow::Result<ExitCode> {
    let rules = match files.load() {
        Ok(rules) => rules,
        Err(faults) => return refuse(&faults),
    };
    let broken = classify::broken_tests(&rules);
    let mut out = String::new();
    for test in &broken {
        let (id, line) = (&test.rule.id, test.line);
        let verb = if test.should_match {
            "does not match"
        } else {
            "matches, and must not"
        };
        let _ = writeln!(out, "{}: rule `{id}` {verb}: {line}", files.place(id, line));
    }
    let tests: usize = rules
        .iter()
        .map(|rule| rule.tests.matching.len() + rule.tests.not_matching.len())
        .sum();
    let _ = writeln!(
        out,
        "{} of {}, {} failed",
        counted(tests as u64, "test", "tests"),
        counted(rules.iter().count() as u64, "rule", "rules"),
        broken.len()
    );
    super::print(&out)?;
    Ok(ExitCode::from(u8::from(!broken.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_test_is_pointed_at() {
        let text = "# made up\n- id: one_rule\n  tests: { match: [a b], no_match: [c] }\n- id: one\n  tests:\n    match:\n      - d e\n";
        let files = Files(vec![("x.yaml".into(), text.into())]);
        assert_eq!(files.place("one_rule", "c"), "x.yaml:3");
        assert_eq!(files.place("one", "d e"), "x.yaml:7");
        assert_eq!(files.place("one", "written otherwise"), "x.yaml:4");
    }
}
