//! How the writer reaches its files: by this system, or by a program for another one.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

/// What a writer does to files.
pub(crate) trait Disk: Send {
    /// A file of this content, in place of what was there.
    fn write(&mut self, path: &Path, bytes: &[u8]);
    fn append(&mut self, path: &Path, bytes: &[u8]);
    /// Cuts a file to a length.
    fn cut(&mut self, path: &Path, length: u64);
    fn rename(&mut self, from: &Path, to: &Path);
    fn remove(&mut self, path: &Path);
    fn copy(&mut self, from: &Path, to: &Path);
}

/// This system.
pub(crate) struct Here;

impl Disk for Here {
    fn write(&mut self, path: &Path, bytes: &[u8]) {
        fs::write(path, bytes).unwrap();
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    }

    fn cut(&mut self, path: &Path, length: u64) {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(length).unwrap();
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        fs::rename(from, to).unwrap();
    }

    fn remove(&mut self, path: &Path) {
        fs::remove_file(path).unwrap();
    }

    fn copy(&mut self, from: &Path, to: &Path) {
        fs::copy(from, to).unwrap();
    }
}
