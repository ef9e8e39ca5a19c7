//! The tokens that `up` and `engine` make at first start, and where commands on the same machine find them.

pub(crate) use crate::token_file::read;

use anyhow::Context;
use embedded_clickhouse::Tokens;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Whose token it is: one opens nothing of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Senders, at the intake.
    Sender,
    /// People and dashboards, at the engine: SELECT of documented tables.
    Reader,
    /// A cluster's roles, at the address of `cbsift engine`.
    Writer,
}

impl Holder {
    fn file(self) -> &'static str {
        match self {
            // The name it has had since there was only one.
            Self::Sender => "token",
            Self::Reader => "reader-token",
            Self::Writer => "writer-token",
        }
    }
}

pub(crate) fn path(data: &Path, holder: Holder) -> PathBuf {
    data.join(holder.file())
}

/// Who may ask the engine of `up` at its address: readers. The process itself, and commands beside it, come by the path socket.
pub(crate) fn of_engine(data: &Path) -> anyhow::Result<Tokens> {
    let readers = Tokens::for_readers(make(data, Holder::Reader)?);
    Ok(readers.with_misplaced(make(data, Holder::Sender)?, misplaced(data)))
}

/// The same of `cbsift engine`, whose address is also the way of a cluster's roles to their store.
pub(crate) fn of_engine_alone(data: &Path) -> anyhow::Result<Tokens> {
    let writers = Tokens::new(make(data, Holder::Writer)?);
    let both = writers.with_read_only(make(data, Holder::Reader)?);
    Ok(both.with_misplaced(make(data, Holder::Sender)?, misplaced(data)))
}

/// Of an engine that has no address.
pub(crate) fn for_nobody() -> Tokens {
    Tokens::default()
}

fn misplaced(data: &Path) -> String {
    format!(
        "this is the intake's token; hint: readers use the one in {}",
        path(data, Holder::Reader).display()
    )
}

/// Makes a data folder where it is missing, for its owner only.
pub(crate) fn make_folder(data: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
}

/// A token of a data folder; folder and token are made where they are missing, for their owner only.
pub(crate) fn make(data: &Path, holder: Holder) -> anyhow::Result<String> {
    make_folder(data).with_context(|| format!("create data folder `{}`", data.display()))?;
    let path = path(data, holder);
    if path.exists() {
        return read(&path);
    }
    let token = serve::tokens::new_secret().context("read random bytes for a token")?;
    // Written aside and renamed: a crash in between must not leave an empty token.
    let aside = data.join(format!("{}.new", holder.file()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)
        .with_context(|| format!("create `{}`", aside.display()))?;
    writeln!(file, "{token}")
        .and_then(|()| file.sync_all())
        .with_context(|| format!("write `{}`", aside.display()))?;
    fs::rename(&aside, &path).with_context(|| format!("create `{}`", path.display()))?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut made = Vec::new();
        for holder in [Holder::Sender, Holder::Reader, Holder::Writer] {
            let token = make(&data, holder).unwrap();
            assert_eq!(token.len(), 64);
            assert_eq!(make(&data, holder).unwrap(), token);
            assert!(!made.contains(&token), "one token for two");
            made.push(token);
            let path = path(&data, holder);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            let refused = make(&data, holder).unwrap_err().to_string();
            assert!(refused.contains("chmod 600"), "{refused}");
        }
    }
}
