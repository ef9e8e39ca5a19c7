//! The disk as the follower sees it: what lies in its folders, and bytes of a file that is surely the one that is meant.

use crate::print::FileKey;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Files of one place that are looked at: Windows keeps some dozen beside each other.
const FILES_MAX: usize = 4_096;

/// A regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) path: PathBuf,
    pub(crate) key: FileKey,
    pub(crate) size: u64,
    /// In nanoseconds since 1970; compared for equality only, so clocks that jump do no harm.
    pub(crate) modified: i64,
}

/// What could not be looked at.
pub(crate) struct Unseen {
    pub(crate) path: PathBuf,
    pub(crate) error: io::Error,
}

/// The regular files of folders, and files that are named themselves, sorted by path. A file with two names counts once.
///
/// Links are not followed: a log is a file, and a link may lead anywhere.
pub(crate) fn list(paths: &[PathBuf]) -> (Vec<Listed>, Vec<Unseen>) {
    let (mut listed, mut unseen) = (Vec::new(), Vec::new());
    for path in paths {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => match fs::read_dir(path) {
                Ok(entries) => {
                    for (count, entry) in entries.enumerate() {
                        if count == FILES_MAX {
                            let more = format!(
                                "more than {FILES_MAX} files: some are not read; move those away that are no logs"
                            );
                            unseen.push(Unseen {
                                path: path.clone(),
                                error: io::Error::other(more),
                            });
                            break;
                        }
                        match entry {
                            Ok(entry) => look_at(entry.path(), &mut listed, &mut unseen),
                            Err(error) => unseen.push(Unseen {
                                path: path.clone(),
                                error,
                            }),
                        }
                    }
                }
                Err(error) => unseen.push(Unseen {
                    path: path.clone(),
                    error,
                }),
            },
            Ok(_) => look_at(path.clone(), &mut listed, &mut unseen),
            // Not every machine has every log.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => unseen.push(Unseen {
                path: path.clone(),
                error,
            }),
        }
    }
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    let mut seen = std::collections::HashSet::new();
    listed.retain(|file| seen.insert(file.key));
    (listed, unseen)
}

fn look_at(path: PathBuf, listed: &mut Vec<Listed>, unseen: &mut Vec<Unseen>) {
    // A checkpoint carries paths as text.
    if path.to_str().is_none() || is_temporary(&path) {
        return;
    }
    match stat(&path) {
        Ok(Some((key, size, modified))) => listed.push(Listed {
            path,
            key,
            size,
            modified,
        }),
        Ok(None) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => unseen.push(Unseen { path, error }),
    }
}

/// What makecab works on: it becomes a cabinet of another name, or stays behind for ever.
fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.to_ascii_lowercase().starts_with("cab_"))
}

#[cfg(unix)]
fn stat(path: &Path) -> io::Result<Option<(FileKey, u64, i64)>> {
    let metadata = fs::symlink_metadata(path)?;
    Ok(metadata
        .is_file()
        .then(|| (key_of(&metadata), metadata.len(), modified(&metadata))))
}

/// Here the index is told by an open file only.
#[cfg(windows)]
fn stat(path: &Path) -> io::Result<Option<(FileKey, u64, i64)>> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let file = open(path)?;
    let metadata = file.metadata()?;
    Ok(Some((key(&file)?, metadata.len(), modified(&metadata))))
}

pub(crate) fn modified(metadata: &fs::Metadata) -> i64 {
    let since = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}

#[cfg(unix)]
fn key_of(metadata: &fs::Metadata) -> FileKey {
    use std::os::unix::fs::MetadataExt;
    FileKey {
        volume: metadata.dev(),
        index: metadata.ino(),
    }
}

/// The key of an open file.
#[cfg(unix)]
pub(crate) fn key(file: &File) -> io::Result<FileKey> {
    Ok(key_of(&file.metadata()?))
}

/// The key of an open file.
#[cfg(windows)]
pub(crate) fn key(file: &File) -> io::Result<FileKey> {
    let information = winapi_util::file::information(file)?;
    Ok(FileKey {
        volume: information.volume_serial_number(),
        index: information.file_index(),
    })
}

/// Opens a file so that whoever writes it may go on, rename it and delete it; a link is not followed, and a FIFO is not waited for.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt;
        // FILE_SHARE_READ, _WRITE and _DELETE.
        options.share_mode(1 | 2 | 4);
    }
    options.open(path)
}

/// Reads up to `length` bytes at `offset`; fewer only at the end.
pub(crate) fn read_at(mut file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}
