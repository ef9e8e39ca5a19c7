//! Paths to files: what is there, which of it is a log we know, and why the rest is not.

use crate::archive::{self, Limits, Member, MemberReader, State};
use crate::facts::FactsFile;
use event::upload::FileDigest;
use event::{Format, Source, TextEncoding};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, Take};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Deepest folder below a named one: real bundles nest about six deep, and a loop of mounts must end.
const DEPTH_MAX: usize = 32;

/// Bytes per read: large enough that a system call costs nothing, small enough to stay in the cache.
pub(crate) const READ_BYTES: usize = 1024 * 1024;

const TOO_DEEP: &str = "folders are nested too deep";
const SYMLINK: &str = "symbolic link: only links named themselves are followed";
const NOT_REGULAR: &str = "not a regular file";
const EMPTY_ARCHIVE: &str = "empty archive";

/// Every reason for which a file is skipped, so that whoever translates them can see that none is missing.
pub fn skip_reasons() -> impl Iterator<Item = &'static str> {
    [TOO_DEEP, SYMLINK, NOT_REGULAR, EMPTY_ARCHIVE]
        .into_iter()
        .chain(archive::reasons())
        .chain(parse::unread_reasons())
}

/// What was found under the paths given, each list sorted by path.
#[derive(Debug, Default)]
pub struct Found {
    /// Logs that can be read.
    pub logs: Vec<LogFile>,
    /// Files that are none, each with its reason.
    pub skipped: Vec<SkippedFile>,
    /// Files that tell facts about a machine. They stand above too: whoever takes logs only skips them.
    pub facts: Vec<FactsFile>,
    /// What could not be read; the rest went on.
    pub failed: Vec<FileError>,
}

/// A log file and how to read it; the file may stand in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// How a person names it; `bundle.zip!Windows/Logs/CBS/CBS.log` where it is inside an archive.
    pub path: PathBuf,
    /// Where it is, links resolved: what is opened.
    pub real: PathBuf,
    /// Where it stands in `real`, if that is an archive.
    pub member: Option<Member>,
    /// Its size when it was looked at, unpacked.
    pub bytes: u64,
    /// The kind of log.
    pub source: Source,
    /// What it is encoded in.
    pub encoding: TextEncoding,
    /// How its records are laid out.
    pub format: Format,
}

impl LogFile {
    /// Reads the log, unpacked, up to the size it has now.
    pub fn reader(&self) -> Result<LogReader, FileError> {
        reader(&self.path, &self.real, self.member.as_ref(), self.bytes)
    }

    /// Hash of the log's bytes, unpacked, up to the size it has now; and that size.
    pub fn digest(&self) -> Result<(FileDigest, u64), FileError> {
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        let mut reader = BufReader::with_capacity(READ_BYTES, self.reader()?);
        loop {
            let read = match reader.fill_buf() {
                Ok([]) => return Ok((FileDigest(hasher.finalize().into()), bytes)),
                Ok(read) => read,
                Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(FileError {
                        path: self.path.clone(),
                        doing: "read",
                        source,
                    });
                }
            };
            hasher.update(read);
            let count = read.len();
            bytes += count as u64;
            reader.consume(count);
        }
    }
}

/// Opens a file, or what stands in an archive, where it was found.
pub(crate) fn reader(
    path: &Path,
    real: &Path,
    member: Option<&Member>,
    member_bytes: u64,
) -> Result<LogReader, FileError> {
    let open = || {
        let (file, bytes) = open(real)?;
        Ok(LogReader(match member {
            // A log that grows while it is read is read to the size it had, or it might never end.
            None => Reader::File(file.take(bytes)),
            Some(member) => Reader::Member(member.reader(file, member_bytes)?),
        }))
    };
    open().map_err(|source| FileError {
        path: path.to_owned(),
        doing: "open",
        source,
    })
}

/// The bytes of a log, wherever it stands. It ends by itself, and a damaged member of an archive ends with an error.
pub struct LogReader(Reader);

enum Reader {
    File(Take<File>),
    Member(MemberReader),
}

impl Read for LogReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Reader::File(reader) => reader.read(buffer),
            Reader::Member(reader) => reader.read(buffer),
        }
    }
}

/// A file that is no log we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size; 0 for what is no file.
    pub bytes: u64,
    /// What its text seems to be encoded in, where it was looked at.
    pub encoding: Option<TextEncoding>,
    /// Why it is skipped, for people.
    pub reason: &'static str,
}

impl SkippedFile {
    /// Whether nobody looked at what is in it, so that logs may stand there: an archive inside an archive, an encrypted member, a folder too
    /// deep.
    pub fn is_unread(&self) -> bool {
        let is_nothing = [SYMLINK, NOT_REGULAR, EMPTY_ARCHIVE].contains(&self.reason);
        self.encoding.is_none() && !is_nothing && !archive::is_link(self.reason)
    }
}

/// A file or folder that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{}`: {source}", harmless::line(&path.to_string_lossy()))]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// What was tried: `open`, `read` or `list`.
    pub doing: &'static str,
    /// Why not.
    pub source: io::Error,
}

impl FileError {
    /// What a panic on the bytes of one file comes to. It says nothing of the others.
    pub fn defect(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            doing: "read",
            source: io::Error::other("this build fails on what is in it"),
        }
    }
}

/// Finds the logs under files and folders.
///
/// Folders are walked without following links, regular files only, sorted, to a bounded depth. A path that is itself a link is followed,
/// because a person named it. A file reached twice counts once. Zip archives and cabinets are opened one level deep, within limits.
pub fn find(paths: &[PathBuf]) -> Found {
    let mut walk = Walk::default();
    for path in paths {
        match resolved(path).and_then(|real| Ok((fs::metadata(&real)?, real))) {
            Ok((metadata, real)) => walk.visit(path, &real, &metadata, 0),
            Err(source) => walk.failed(path, "open", source),
        }
    }
    let mut found = walk.found;
    found.logs.sort_by(|a, b| a.path.cmp(&b.path));
    found.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    found.facts.sort_by(|a, b| a.path.cmp(&b.path));
    found.failed.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

#[derive(Default)]
struct Walk {
    found: Found,
    /// Real paths of the files seen.
    seen: BTreeSet<PathBuf>,
}

impl Walk {
    /// `path` is how a person names it, `real` where it is.
    fn visit(&mut self, path: &Path, real: &Path, metadata: &fs::Metadata, depth: usize) {
        let kind = metadata.file_type();
        if kind.is_dir() && depth < DEPTH_MAX {
            self.folder(path, real, depth);
        } else if kind.is_dir() {
            self.skipped(path, 0, None, TOO_DEEP);
        } else if kind.is_symlink() {
            self.skipped(path, 0, None, SYMLINK);
        } else if !kind.is_file() {
            self.skipped(path, 0, None, NOT_REGULAR);
        } else if self.seen.insert(real.to_owned()) {
            self.file(path, real);
        }
    }

    fn folder(&mut self, path: &Path, real: &Path, depth: usize) {
        let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(source) => return self.failed(path, "list", source),
        };
        let mut names: Vec<_> = entries.into_iter().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            let child = path.join(&name);
            match fs::symlink_metadata(&child) {
                Ok(metadata) => self.visit(&child, &real.join(&name), &metadata, depth + 1),
                Err(source) => self.failed(&child, "open", source),
            }
        }
    }

    fn file(&mut self, path: &Path, real: &Path) {
        let looked = catch_unwind(AssertUnwindSafe(|| self.look_at(path, real)));
        if looked.is_err() {
            self.found.failed.push(FileError::defect(path));
        }
    }

    fn look_at(&mut self, path: &Path, real: &Path) {
        let (mut file, bytes) = match open(real) {
            Ok(opened) => opened,
            Err(source) => return self.failed(path, "open", source),
        };
        let mut head = Vec::with_capacity(parse::HEAD_BYTES);
        if let Err(source) = (&mut file)
            .take(parse::HEAD_BYTES as u64)
            .read_to_end(&mut head)
        {
            return self.failed(path, "read", source);
        }
        match archive::kind(&head) {
            Some(kind) => match file.rewind() {
                Ok(()) => self.archive(kind, path, real, file, bytes),
                Err(source) => self.failed(path, "read", source),
            },
            None => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                self.judged(path, &name, real, None, bytes, &head);
            }
        }
    }

    fn archive(&mut self, kind: archive::Kind, path: &Path, real: &Path, file: File, bytes: u64) {
        let listing = match archive::list(kind, file, bytes, &Limits::DEFAULT) {
            Ok(listing) => listing,
            Err(source) => return self.failed(path, "open", source),
        };
        let is_empty =
            listing.members.is_empty() && listing.skipped.is_none() && listing.failed.is_none();
        for listed in listing.members {
            let inside = archive::member_path(path, &listed.name);
            match listed.state {
                State::Skipped(reason) => self.skipped(&inside, listed.bytes, None, reason),
                State::Failed(source) => self.failed(&inside, "read", source),
                State::Readable { head, .. } if archive::kind(&head).is_some() => {
                    self.skipped(&inside, listed.bytes, None, archive::NESTED);
                }
                // Damaged before anything could be told of it; what is known for a log is read up to the damage.
                State::Readable {
                    error: Some(source),
                    head,
                    ..
                } if parse::detect(&listed.name, &head).source.is_none() => {
                    self.failed(&inside, "read", source)
                }
                State::Readable { member, head, .. } => {
                    self.judged(
                        &inside,
                        &listed.name,
                        real,
                        Some(member),
                        listed.bytes,
                        &head,
                    );
                }
            }
        }
        if let Some(reason) = listing.skipped {
            self.skipped(path, bytes, None, reason);
        }
        if let Some(source) = listing.failed {
            self.failed(path, "read", source);
        }
        if is_empty {
            self.skipped(path, bytes, None, EMPTY_ARCHIVE);
        }
    }

    /// Takes a file for a log, or for none, by its name, which inside an archive is the member's own, and by its first bytes.
    fn judged(
        &mut self,
        path: &Path,
        name: &str,
        real: &Path,
        member: Option<Member>,
        bytes: u64,
        head: &[u8],
    ) {
        let detection = parse::detect(name, head);
        if let Some(form) = detection.facts {
            self.found.facts.push(FactsFile {
                path: path.to_owned(),
                real: real.to_owned(),
                member: member.clone(),
                bytes,
                encoding: detection.encoding,
                form,
            });
        }
        match detection.source {
            Some(source) => self.found.logs.push(LogFile {
                path: path.to_owned(),
                real: real.to_owned(),
                member,
                bytes,
                source,
                encoding: detection.encoding,
                format: detection.format,
            }),
            None => self.skipped(path, bytes, Some(detection.encoding), detection.reason),
        }
    }

    fn skipped(
        &mut self,
        path: &Path,
        bytes: u64,
        encoding: Option<TextEncoding>,
        reason: &'static str,
    ) {
        self.found.skipped.push(SkippedFile {
            path: path.to_owned(),
            bytes,
            encoding,
            reason,
        });
    }

    fn failed(&mut self, path: &Path, doing: &'static str, source: io::Error) {
        self.found.failed.push(FileError {
            path: path.to_owned(),
            doing,
            source,
        });
    }
}

/// Where a path leads, links resolved.
#[cfg(not(windows))]
fn resolved(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

/// Where a path leads. A 32-bit process sees the real System32 only under the name Sysnative, which would be resolved away; and volumes made of
/// memory, as WinPE runs on, cannot tell where a path leads.
#[cfg(windows)]
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let is_sysnative =
        |part: std::path::Component<'_>| part.as_os_str().eq_ignore_ascii_case("Sysnative");
    if path.components().any(is_sysnative) {
        return std::path::absolute(path);
    }
    fs::canonicalize(path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Err(error),
        _ => std::path::absolute(path),
    })
}

/// Opens a regular file for reading and tells its size.
///
/// The path may have become something else since it was looked at, so a link is not followed, opening never waits for a FIFO's writer,
/// and what was opened is looked at again.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, NOT_REGULAR));
    }
    Ok((file, metadata.len()))
}
