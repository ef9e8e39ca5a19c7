//! A file that has its name only once it is whole, and never takes the place of another one.

use anyhow::Context;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Log text names people and machines.
const MODE: u32 = 0o600;

/// A file under a temporary name beside its own.
pub(crate) struct NewFile {
    file: File,
    path: PathBuf,
    temporary: PathBuf,
}

fn is_there(path: &Path) -> anyhow::Error {
    anyhow::anyhow!(
        "`{}` is there already\nhint: name another file, or take that one away first",
        path.display()
    )
}

/// Refuses a path that names something.
pub(crate) fn check(path: &Path) -> anyhow::Result<()> {
    match path.symlink_metadata() {
        Ok(_) => Err(is_there(path)),
        Err(_) => Ok(()),
    }
}

impl NewFile {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        check(path)?;
        let name = path
            .file_name()
            .with_context(|| format!("`{}` names no file", path.display()))?;
        // In a container every process has the number of the one that was killed.
        let temporary = |number: u32| {
            let mut temporary = name.to_owned();
            temporary.push(format!(".{}-{number}.part", std::process::id()));
            path.with_file_name(temporary)
        };
        let free = (0..100).map(temporary).find(|path| !path.exists());
        let temporary = free.unwrap_or_else(|| temporary(100));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&temporary)
            .with_context(|| format!("create `{}`", temporary.display()))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            temporary,
        })
    }

    /// What is to be written goes there.
    pub(crate) fn handle(&self) -> anyhow::Result<File> {
        self.file
            .try_clone()
            .with_context(|| format!("open `{}` again", self.temporary.display()))
    }

    /// Gives the file its name, on the disk; says how long it is.
    pub(crate) fn put_in_place(self) -> anyhow::Result<u64> {
        let placed = || -> io::Result<u64> {
            self.file.sync_all()?;
            let bytes = self.file.metadata()?.len();
            match renameat_with(
                CWD,
                &self.temporary,
                CWD,
                &self.path,
                RenameFlags::NOREPLACE,
            ) {
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                    // Not every file system can refuse; a link never takes another file's place.
                    std::fs::hard_link(&self.temporary, &self.path)?;
                    std::fs::remove_file(&self.temporary)?;
                }
                done => done?,
            }
            let folder = match self.path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            File::open(folder)?.sync_all()?;
            Ok(bytes)
        };
        match placed() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(is_there(&self.path)),
            done => done.with_context(|| format!("put `{}` in its place", self.path.display())),
        }
    }
}

impl Drop for NewFile {
    /// What is not whole goes. Where it is in place, there is nothing of that name any more.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_else_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made-up.ndjson");
        let file = NewFile::create(&path).unwrap();
        file.handle().unwrap().write_all(b"one\n").unwrap();
        assert!(!path.exists());
        assert_eq!(file.put_in_place().unwrap(), 4);
        assert_eq!(names(folder.path()), ["made-up.ndjson"]);
        let refused = NewFile::create(&path).err().unwrap().to_string();
        assert!(refused.contains("is there already\nhint:"), "{refused}");

        let other = folder.path().join("other");
        drop(NewFile::create(&other).unwrap());
        assert_eq!(names(folder.path()), ["made-up.ndjson"]);
    }

    #[test]
    fn whoever_put_a_file_there_meanwhile_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made-up.ndjson");
        let file = NewFile::create(&path).unwrap();
        std::fs::write(&path, "theirs").unwrap();
        assert!(file.put_in_place().is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(names(folder.path()), ["made-up.ndjson"]);
    }
}
