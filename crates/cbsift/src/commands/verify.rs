//! `cbsift verify`: whether an update's file is what it says, from its own bytes.

use crate::hex::hex;
use crate::report::counted;
use anyhow::Context;
use clap::{Args, ValueEnum};
use files::CabinetCheck;
use serde::Serialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use windows_here::Signature;

/// Is this .msu or .cab whole, and the one that its name says? Asks nobody
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Update files (.msu, .cab)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For machines
    Json,
}

const AFTER_HELP: &str = "\
A file of the update catalog has the SHA-1 of its content in its name: `windows10.0-kb5005112-x64_<40 hex digits>.msu`.
Without it, only the signature tells whether a file is the one it was; Windows checks it, other systems cannot.

Exit status:
  0  nothing is wrong with any of them
  1  something is, or a file could not be read
  2  wrong arguments";

/// All that is said of a file.
#[derive(Serialize)]
struct Verified {
    path: String,
    bytes: u64,
    sha256: String,
    sha1: String,
    /// `cabinet`, `wim` (an .msu of Windows 11 24H2 and later) or `unknown`.
    kind: &'static str,
    /// What the name says of the content: `agrees`, `contradicts`, or `silent`.
    name: &'static str,
    kb: Option<String>,
    architecture: Option<String>,
    applies_to: Option<String>,
    blocks: Option<u64>,
    unsummed_blocks: Option<u64>,
    /// `good`, `missing`, `bad`, or null where the system cannot tell.
    signature: Option<&'static str>,
    faults: Vec<String>,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut answers = Vec::new();
    let mut is_failed = false;
    for path in &arguments.files {
        match verify(path) {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                is_failed = true;
                crate::log::complain(format_args!("{error:#}"));
            }
        }
    }
    let text = match arguments.format {
        Format::Text => answers.iter().map(text).collect::<Vec<_>>().join("\n"),
        Format::Json => {
            harmless::json(&serde_json::to_string_pretty(&answers)?).into_owned() + "\n"
        }
    };
    super::print(&text)?;
    let is_bad = answers.iter().any(|answer| !answer.faults.is_empty());
    Ok(ExitCode::from(u8::from(is_failed || is_bad)))
}

fn verify(path: &Path) -> anyhow::Result<Verified> {
    let doing = || format!("read `{}`", path.display());
    let mut file = File::open(path).with_context(doing)?;
    let (mut sha1, mut sha256, mut bytes) = (Sha1::new(), Sha256::new(), 0_u64);
    let mut head = Vec::new();
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        let count = file.read(&mut buffer).with_context(doing)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        if head.is_empty() {
            head.extend(read.iter().take(8));
        }
        sha1.update(read);
        sha256.update(read);
        bytes += count as u64;
    }
    let check = files::check_cabinet(path, is_properties).with_context(doing)?;
    let mut answer = Verified {
        path: path.to_string_lossy().into_owned(),
        bytes,
        sha256: hex(&sha256.finalize()),
        sha1: hex(&sha1.finalize()),
        kind: match &check {
            Some(_) => "cabinet",
            None if head.starts_with(b"MSWIM\0") => "wim",
            None => "unknown",
        },
        name: "silent",
        kb: None,
        architecture: None,
        applies_to: None,
        blocks: check.as_ref().map(|check| check.blocks),
        unsummed_blocks: check.as_ref().map(|check| check.unsummed),
        signature: None,
        faults: Vec::new(),
    };
    answer.judge_name();
    if let Some(check) = check {
        answer.judge_inside(check);
    }
    if answer.kind == "unknown" {
        answer.faults.push(match bytes {
            0 => "empty".to_owned(),
            _ => "neither a cabinet nor an image: no .msu or .cab begins like this".to_owned(),
        });
    }
    answer.judge_signature(path);
    Ok(answer)
}

fn is_properties(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("pkgproperties.txt")
}

impl Verified {
    /// The file's own name, without the folder.
    fn file_name(&self) -> &str {
        self.path.rsplit(['/', '\\']).next().unwrap_or_default()
    }

    /// A name of the catalog ends in the hash of the content.
    fn judge_name(&mut self) {
        let stem = self
            .file_name()
            .rsplit_once('.')
            .map_or(self.file_name(), |(stem, _)| stem);
        // Browsers add ` (1)` to the second of two downloads.
        let stem = stem.split(" (").next().unwrap_or(stem).trim_end();
        let named = stem
            .rsplit('_')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        if named.len() != 40 || !named.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return;
        }
        if named == self.sha1 {
            self.name = "agrees";
        } else {
            self.name = "contradicts";
            self.faults.push(format!(
                "changed: its name says SHA-1 {named}, and its content has {}",
                self.sha1
            ));
        }
    }

    fn judge_inside(&mut self, check: CabinetCheck) {
        let CabinetCheck {
            texts,
            unread,
            faults,
            ..
        } = check;
        self.faults.extend(faults);
        self.faults.extend(unread.iter().map(|name| {
            format!(
                "not checked: `{}` stands behind more than is decoded for it",
                harmless::line(name)
            )
        }));
        let lines = texts.iter().flat_map(|text| text.lines());
        for (key, value) in lines.filter_map(|line| line.split_once('=')) {
            let value = value.trim().trim_matches('"').to_owned();
            match key.trim() {
                "KB Article Number" => self.kb = Some(format!("KB{value}")),
                "Processor Architecture" => self.architecture = Some(value),
                "Applies to" => self.applies_to = Some(value),
                _ => {}
            }
        }
        let name = self.file_name().to_ascii_lowercase();
        if let Some(kb) = &self.kb
            && name.contains("kb")
            && !name.contains(&kb.to_ascii_lowercase())
        {
            self.faults.push(format!(
                "renamed: inside it is {kb}, and its name says another"
            ));
        }
        let named = ["x64", "x86", "arm64"].into_iter().find(|arch| {
            name.split(|letter: char| !letter.is_ascii_alphanumeric())
                .any(|word| word == *arch)
        });
        if let (Some(inside), Some(named)) = (&self.architecture, named) {
            let inside = inside.to_ascii_lowercase().replace("amd64", "x64");
            if inside != named {
                self.faults.push(format!(
                    "renamed: inside it is for {inside}, and its name says {named}"
                ));
            }
        }
    }

    fn judge_signature(&mut self, path: &Path) {
        match windows_here::signature(path) {
            Ok(Signature::Good) => self.signature = Some("good"),
            Ok(Signature::Missing) => {
                self.signature = Some("missing");
                self.faults
                    .push("no signature: Microsoft signs every update".to_owned());
            }
            Ok(Signature::Bad(code)) => {
                self.signature = Some("bad");
                self.faults.push(format!(
                    "its signature is refused: 0x{code:08X}, see `cbsift explain 0x{code:08X}`"
                ));
            }
            Err(_) => {}
        }
    }
}

fn text(answer: &Verified) -> String {
    let word = if answer.faults.is_empty() {
        "GOOD"
    } else {
        "BAD"
    };
    let mut out = format!("{word}  {}\n", harmless::line(&answer.path));
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(out, "  {label:<13} {}", harmless::line(value));
    };
    for fault in &answer.faults {
        line("Fault", fault);
    }
    line("Size", &counted(answer.bytes, "byte", "bytes"));
    line("SHA-256", &answer.sha256);
    line("SHA-1", &answer.sha1);
    match answer.name {
        "agrees" => line("Name", "the SHA-1 in its name is that of its content"),
        "silent" => line(
            "Name",
            "holds no SHA-1: whether it was changed or renamed, only its signature can tell",
        ),
        _ => {}
    }
    for (label, value) in [
        ("KB", &answer.kb),
        ("Architecture", &answer.architecture),
        ("Applies to", &answer.applies_to),
    ] {
        if let Some(value) = value {
            line(label, value);
        }
    }
    match answer.kind {
        "cabinet" => {
            let (blocks, unsummed) = (
                answer.blocks.unwrap_or_default(),
                answer.unsummed_blocks.unwrap_or_default(),
            );
            line(
                "Cabinet",
                &format!(
                    "{}, {unsummed} of them without a checksum",
                    counted(blocks, "block", "blocks")
                ),
            );
        }
        "wim" => line(
            "Image",
            "an .msu of Windows 11 24H2 or later: its inside is not looked at",
        ),
        _ => {}
    }
    line(
        "Signature",
        answer.signature.unwrap_or("not checked: only Windows can"),
    );
    out
}
