//! A token in a file, as whoever sends or reads has it.

use anyhow::Context;
use std::fs;
use std::path::Path;

/// Reads a token file, and refuses one that others may read.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("read token file `{}`", path.display()))?;
    // On Windows an access list says who may read, and the folder it lies in decides.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path)?.permissions().mode();
        anyhow::ensure!(
            mode & 0o077 == 0,
            "token file `{0}` can be read by others\nhint: chmod 600 {0}",
            path.display()
        );
    }
    let token = text.trim().to_owned();
    anyhow::ensure!(
        !token.is_empty(),
        "token file `{}` is empty\nhint: remove it, and the next start makes a new one",
        path.display()
    );
    Ok(token)
}
