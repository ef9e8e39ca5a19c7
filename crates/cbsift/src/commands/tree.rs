//! `cbsift tree`: a folder as a list of hashes, and how two of them differ.

use crate::hex::hex;
use crate::misuse::Misuse;
use crate::progress::Progress;
use crate::report::counted;
use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is in a folder, and how it differs from that of a healthy PC of the same build
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The folder
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Write the list of its files to this new file
    #[arg(long, short, value_name = "FILE", required_unless_present = "compare")]
    output: Option<PathBuf>,
    /// Say how it differs from a list that was written elsewhere
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

const AFTER_HELP: &str = "\
It says what differs and changes nothing. Never copy files or folders of WinSxS from one PC to another to make them alike:
a component store is more than its files, and such a copy leaves it worse. Let DISM repair it.

Exit status:
  0  written, or nothing differs
  1  something differs, or could not be read
  2  wrong arguments";

/// Threads that read: one waits for the disk while the other hashes.
const READERS: usize = 4;

/// Differences of a kind that are listed; all are counted.
const SHOWN: usize = 200;

/// The list of a folder.
#[derive(Serialize, Deserialize)]
struct Tree {
    version: u32,
    program: String,
    files: Vec<Entry>,
}

/// A file, a folder or a link below the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Below the folder, with `/`.
    path: String,
    /// Nothing of what is no file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    sha256: Option<String>,
    /// What a link, a mount or a file kept elsewhere is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reparse_tag: Option<u32>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    unreadable: Option<String>,
}

impl Entry {
    fn new(path: String) -> Self {
        Self {
            path,
            bytes: None,
            sha256: None,
            reparse_tag: None,
            unreadable: None,
        }
    }
}

/// The tag of a link on a system that has no tags, so that it differs from a file there too.
const SYMLINK_TAG: u32 = 0xA000_000C;

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let good = arguments.compare.as_deref().map(read).transpose()?;
    // Said before the folder is hashed, which takes long, and not behind it.
    if let Some(path) = arguments.output.as_deref().filter(|path| path.exists()) {
        anyhow::bail!(
            "`{}` exists\nhint: name a file that does not, and what is there stays whole",
            path.display()
        );
    }
    let progress = Progress::new(arguments.quiet);
    let files = entries(&arguments.path, &progress)?;
    let unreadable = files
        .iter()
        .filter(|entry| entry.unreadable.is_some())
        .count();
    if let Some(path) = &arguments.output {
        let tree = Tree {
            version: 1,
            program: format!("cbsift {}", env!("CARGO_PKG_VERSION")),
            files: files.clone(),
        };
        let text = serde_json::to_string_pretty(&tree)? + "\n";
        File::create_new(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("write `{}`", path.display()))?;
        let files = counted(tree.files.len() as u64, "entry", "entries");
        crate::log::print(&format!(
            "{files} in `{}`, {unreadable} unreadable",
            path.display()
        ));
    }
    let Some(good) = good else {
        return Ok(ExitCode::from(u8::from(unreadable > 0)));
    };
    let differences = compare(&good.files, &files);
    super::print(&text(&differences, files.len()))?;
    Ok(ExitCode::from(u8::from(!differences.is_empty())))
}

fn read(path: &Path) -> anyhow::Result<Tree> {
    let text = fs::read(path).with_context(|| format!("read `{}`", path.display()))?;
    match serde_json::from_slice::<Tree>(&text) {
        Ok(tree) if tree.version == 1 => Ok(tree),
        Ok(tree) => Err(Misuse(format!(
            "`{}` is of version {}, and this program knows 1",
            path.display(),
            tree.version
        ))
        .into()),
        Err(error) => Err(Misuse(format!(
            "`{}` is no list of `cbsift tree`: {error}",
            path.display()
        ))
        .into()),
    }
}

/// Everything below a folder, sorted by path. Links are told of and never followed.
fn entries(root: &Path, progress: &Progress) -> anyhow::Result<Vec<Entry>> {
    let first = fs::read_dir(root).with_context(|| format!("list `{}`", root.display()))?;
    drop(first);
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), String::new())];
    let mut files: Vec<(PathBuf, Entry)> = Vec::new();
    while let Some((folder, name)) = folders.pop() {
        let list = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let list = match list {
            Ok(list) => list,
            Err(error) => {
                found.push(Entry {
                    unreadable: Some(error.to_string()),
                    ..Entry::new(name)
                });
                continue;
            }
        };
        for entry in list {
            let own = entry.file_name().to_string_lossy().into_owned();
            let name = if name.is_empty() {
                own
            } else {
                format!("{name}/{own}")
            };
            let path = entry.path();
            match fs::symlink_metadata(&path) {
                Ok(metadata) => {
                    let tag = windows_here::reparse_tag(&path);
                    let is_link = metadata.file_type().is_symlink();
                    let entry = Entry {
                        reparse_tag: tag.or(is_link.then_some(SYMLINK_TAG)),
                        ..Entry::new(name.clone())
                    };
                    if metadata.is_dir() {
                        folders.push((path, name));
                    } else if metadata.is_file() {
                        let bytes = Some(metadata.len());
                        files.push((path, Entry { bytes, ..entry }));
                    } else {
                        found.push(entry);
                    }
                }
                Err(error) => found.push(Entry {
                    unreadable: Some(error.to_string()),
                    ..Entry::new(name)
                }),
            }
        }
    }
    progress.start(files.iter().filter_map(|(_, entry)| entry.bytes).sum());
    found.extend(hashed(files, progress));
    progress.end();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn hashed(files: Vec<(PathBuf, Entry)>, progress: &Progress) -> Vec<Entry> {
    let (next, done) = (
        AtomicUsize::new(0),
        Mutex::new(Vec::with_capacity(files.len())),
    );
    let work = || {
        let mut buffer = vec![0; 1024 * 1024];
        while let Some((path, entry)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut entry = entry.clone();
            match hash(path, &mut buffer) {
                Ok((digest, bytes)) => {
                    progress.add(bytes);
                    entry.sha256 = Some(digest);
                    entry.bytes = Some(bytes);
                }
                Err(error) => entry.unreadable = Some(error.to_string()),
            }
            let mut done = done
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            done.push(entry);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(work);
        }
    });
    done.into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn hash(path: &Path, buffer: &mut [u8]) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    loop {
        let count = match file.read(buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            let digest = hasher.finalize();
            return Ok((hex(&digest), bytes));
        };
        hasher.update(read);
        bytes += count as u64;
    }
}

/// How a folder differs from a good one; each list sorted by path.
#[derive(Debug, Default, PartialEq, Eq)]
struct Differences {
    missing: Vec<String>,
    extra: Vec<String>,
    different: Vec<String>,
    unreadable: Vec<String>,
}

impl Differences {
    fn is_empty(&self) -> bool {
        let lists = [
            &self.missing,
            &self.extra,
            &self.different,
            &self.unreadable,
        ];
        lists.into_iter().all(Vec::is_empty)
    }
}

/// Paths are compared in any case, as Windows does.
fn compare(good: &[Entry], here: &[Entry]) -> Differences {
    let by_path = |entries: &[Entry]| -> BTreeMap<String, Entry> {
        entries
            .iter()
            .map(|entry| (entry.path.to_lowercase(), entry.clone()))
            .collect()
    };
    let (good, here) = (by_path(good), by_path(here));
    let mut differences = Differences::default();
    for (path, entry) in &here {
        match good.get(path) {
            _ if entry.unreadable.is_some() => {
                let reason = entry.unreadable.clone().unwrap_or_default();
                differences
                    .unreadable
                    .push(format!("{}: {reason}", entry.path));
            }
            None if is_below_closed(&good, path) => {}
            None => differences.extra.push(entry.path.clone()),
            // Of what could not be read there nothing is known.
            Some(good) if good.unreadable.is_some() => {}
            Some(good) => {
                let kind = |entry: &Entry| (entry.reparse_tag, entry.sha256.clone());
                if kind(good) != kind(entry) {
                    differences.different.push(difference(good, entry));
                }
            }
        }
    }
    let missing = good.iter().filter(|(path, entry)| {
        // A folder has no entry of its own where it can be listed.
        let is_open_here = || entry.unreadable.is_some() && has_below(&here, path);
        !here.contains_key(*path) && !is_below_closed(&here, path) && !is_open_here()
    });
    differences
        .missing
        .extend(missing.map(|(_, entry)| entry.path.clone()));
    differences
}

/// Whether a folder above a path could not be listed: of what lies below nothing is known.
fn is_below_closed(entries: &BTreeMap<String, Entry>, path: &str) -> bool {
    let is_closed = |above: &str| {
        let entry = entries.get(above);
        entry.is_some_and(|entry| entry.unreadable.is_some())
    };
    path.match_indices('/')
        .any(|(at, _)| path.get(..at).is_some_and(is_closed))
}

/// Whether something lies below a path.
fn has_below(entries: &BTreeMap<String, Entry>, path: &str) -> bool {
    let folder = format!("{path}/");
    let next = entries.range(folder.clone()..).next();
    next.is_some_and(|(path, _)| path.starts_with(&folder))
}

fn difference(good: &Entry, here: &Entry) -> String {
    let size = |entry: &Entry| {
        entry.bytes.map_or_else(
            || "no file".to_owned(),
            |bytes| counted(bytes, "byte", "bytes"),
        )
    };
    if good.reparse_tag != here.reparse_tag {
        let tag =
            |tag: Option<u32>| tag.map_or_else(|| "none".to_owned(), |tag| format!("0x{tag:08X}"));
        format!(
            "{}: reparse tag {}, here {}",
            here.path,
            tag(good.reparse_tag),
            tag(here.reparse_tag)
        )
    } else if good.bytes == here.bytes {
        format!("{}: other content of the same size", here.path)
    } else {
        format!("{}: {}, here {}", here.path, size(good), size(here))
    }
}

fn text(differences: &Differences, all: usize) -> String {
    let mut out = format!("{} here\n", counted(all as u64, "entry", "entries"));
    for (label, list) in [
        ("Missing", &differences.missing),
        ("Extra", &differences.extra),
        ("Different", &differences.different),
        ("Unreadable", &differences.unreadable),
    ] {
        let _ = writeln!(out, "\n{label}: {}", list.len());
        for one in list.iter().take(SHOWN) {
            let _ = writeln!(out, "  {}", harmless::line(one));
        }
        if list.len() > SHOWN {
            let _ = writeln!(out, "  … and {} more", list.len() - SHOWN);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Entry {
        Entry {
            bytes: Some(text.len() as u64),
            sha256: Some(text.to_owned()),
            ..Entry::new(path.to_owned())
        }
    }

    #[test]
    fn what_differs_is_told_apart() {
        let unreadable = Entry {
            unreadable: Some("denied".to_owned()),
            ..Entry::new("d".to_owned())
        };
        let link = Entry {
            reparse_tag: Some(SYMLINK_TAG),
            ..file("E", "x")
        };
        let good = [
            file("d/1", "1"),
            file("D/2/3", "1"),
            file("A/x", "1"),
            file("b", "1"),
            file("c", "1"),
            file("d", "1"),
            file("e", "x"),
        ];
        let here = [
            file("a/X", "1"),
            file("b", "2"),
            file("new", "1"),
            unreadable,
            link,
        ];
        let differences = compare(&good, &here);
        assert_eq!(
            differences,
            Differences {
                missing: vec!["c".to_owned()],
                extra: vec!["new".to_owned()],
                different: vec![
                    "b: other content of the same size".to_owned(),
                    "E: reparse tag none, here 0xA000000C".to_owned()
                ],
                unreadable: vec!["d: denied".to_owned()],
            }
        );
        assert!(compare(&good, &good).is_empty());
        // What is closed there and open here is not missing; what is nowhere here is.
        let closed = |path: &str| Entry {
            unreadable: Some("denied".to_owned()),
            ..Entry::new(path.to_owned())
        };
        let differences = compare(
            &[closed("D"), closed("e")],
            &[file("d/1", "1"), file("e.x", "1")],
        );
        assert_eq!(differences.missing, ["e"]);
        assert_eq!(differences.extra, ["e.x"]);
    }
}
