//! The token that `up` makes at first start, and where commands on the same machine find it.

use anyhow::Context;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("token")
}

/// The token of a data folder; folder and token are made where they are missing, for their owner only.
pub(crate) fn make(data: &Path) -> anyhow::Result<String> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("create data folder `{}`", data.display()))?;
    let path = path(data);
    if path.exists() {
        return read(&path);
    }
    let mut random = [0_u8; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .context("read random bytes for a token")?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    // Written aside and renamed: a crash in between must not leave an empty token.
    let aside = data.join("token.new");
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

/// Reads a token file, and refuses one that others may read.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("read token file `{}`", path.display()))?;
    let mode = fs::metadata(path)?.permissions().mode();
    anyhow::ensure!(
        mode & 0o077 == 0,
        "token file `{0}` can be read by others\nhint: chmod 600 {0}",
        path.display()
    );
    let token = text.trim().to_owned();
    anyhow::ensure!(
        !token.is_empty(),
        "token file `{}` is empty\nhint: remove it, and the next start makes a new one",
        path.display()
    );
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let token = make(&data).unwrap();
        assert_eq!(token.len(), 64);
        assert_eq!(make(&data).unwrap(), token);
        assert_eq!(
            fs::metadata(path(&data)).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(path(&data), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(make(&data).unwrap_err().to_string().contains("chmod 600"));
    }
}
