//! The agent's own log: to standard error, or to a file that never outgrows its bound.

use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Bytes of one file; two are kept. Weeks of it, as nothing is said per record.
const BYTES_MAX: u64 = 1 << 20;

pub(crate) fn start(path: Option<&Path>) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO);
    match path {
        Some(path) => {
            let file = Bounded::open(path, BYTES_MAX)
                .with_context(|| format!("cannot write the log `{}`", path.display()))?;
            builder.with_writer(Mutex::new(file)).init();
        }
        None => builder.with_writer(io::stderr).init(),
    }
    Ok(())
}

/// A file that makes room by becoming `NAME.1`.
struct Bounded {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
}

impl Bounded {
    fn open(path: &Path, bytes_max: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            bytes: file.metadata()?.len(),
            path: path.to_owned(),
            file,
            bytes_max,
        })
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes >= self.bytes_max {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            // Where it cannot be renamed, as a reader holds it, it is begun anew.
            if std::fs::rename(&self.path, old).is_err() {
                self.file.set_len(0)?;
            }
            *self = Self::open(&self.path, self.bytes_max)?;
        }
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_outgrows_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.log");
        let mut log = Bounded::open(&path, 1_000).unwrap();
        for number in 0..1_000 {
            writeln!(log, "line {number}").unwrap();
        }
        let old = folder.path().join("agent.log.1");
        for file in [&path, &old] {
            assert!(std::fs::metadata(file).unwrap().len() < 1_100);
        }
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .ends_with("line 999\n")
        );
    }
}
