//! The store's tokens in a file of the data folder, hashes only: a role that starts while the store is away knows them.

use serve::Tokens;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// A file whose time says when the store had these tokens last.
#[derive(Clone)]
pub(super) struct Cache {
    path: PathBuf,
    /// The first line: which store it is.
    head: String,
    /// Why it could not be written was said.
    is_said: Arc<AtomicBool>,
}

/// Of intakes and pages that share a folder the same: they read the same store.
const NAME: &str = "tokens-cache";

impl Cache {
    pub(super) fn new(data: &Path, place: String) -> Self {
        Self {
            path: data.join(NAME),
            head: format!(
                "# tokens of {}; written by cbsift, hashes only",
                place.replace('\n', " ")
            ),
            is_said: Arc::default(),
        }
    }

    /// The tokens, and how long ago the store had them. Nothing where there are none of this store, or none that can be read.
    pub(super) fn read(&self) -> Option<(Tokens, Duration)> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!("cannot read `{}`: {error}", self.path.display());
                return None;
            }
        };
        if text.lines().next() != Some(&self.head) {
            tracing::warn!(
                "`{}` is of another store, and its tokens are not used",
                self.path.display()
            );
            return None;
        }
        let Ok(tokens) = Tokens::parse(&text) else {
            tracing::warn!("`{}` is damaged, and not used", self.path.display());
            return None;
        };
        let written = fs::metadata(&self.path).and_then(|file| file.modified());
        let age = SystemTime::now()
            .duration_since(written.unwrap_or(SystemTime::UNIX_EPOCH))
            .unwrap_or_default();
        Some((tokens, age))
    }

    /// Keeps tokens, as lines of a token file.
    pub(super) async fn write(&self, lines: String) {
        let (cache, text) = (self.clone(), format!("{}\n{lines}", self.head));
        self.off_the_threads(move || cache.put(&text)).await;
    }

    /// The store has them still.
    pub(super) async fn touch(&self) {
        let path = self.path.clone();
        self.off_the_threads(move || {
            let file = OpenOptions::new().append(true).open(&path)?;
            file.set_modified(SystemTime::now())
        })
        .await;
    }

    async fn off_the_threads(&self, work: impl FnOnce() -> io::Result<()> + Send + 'static) {
        let done = tokio::task::spawn_blocking(work).await;
        match done {
            Ok(Ok(())) => self.is_said.store(false, Ordering::Relaxed),
            // A role without a folder of its own goes on without.
            Ok(Err(error)) if !self.is_said.swap(true, Ordering::Relaxed) => tracing::warn!(
                "cannot write `{}`: {error}\nhint: without it a start while the store is away knows only the tokens of the file; give the role a folder of its own in `store.data`",
                self.path.display()
            ),
            _ => {}
        }
    }

    /// Written aside, synced and renamed: whatever ends the process in between leaves the old ones or the new ones.
    fn put(&self, text: &str) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        crate::token::make_folder(folder)?;
        // Roles in containers have one number, and may share the folder.
        let random = RandomState::new().hash_one(std::process::id());
        let aside = folder.join(format!("{NAME}.new.{random:016x}"));
        let written = (|| {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&aside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&aside, &self.path)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        written?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn tokens_are_kept_for_their_owner_and_only_of_the_same_store() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let cache = Cache::new(&data, "https://one.example:8443".to_owned());
        assert!(cache.read().is_none());
        let lines = format!("endpoint PC-1 sha256:{}\n", "ab".repeat(32));
        cache.write(lines.clone()).await;
        let (tokens, age) = cache.read().unwrap();
        assert_eq!(tokens.lines(), lines);
        assert!(age < Duration::from_secs(60), "{age:?}");
        let path = data.join(NAME);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Nothing lies beside it.
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1);

        let hour = Duration::from_secs(3_600);
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - hour).unwrap();
        assert!(cache.read().unwrap().1 >= hour);
        cache.touch().await;
        assert!(cache.read().unwrap().1 < hour);

        let other = Cache::new(&data, "https://two.example:8443".to_owned());
        assert!(other.read().is_none());
        fs::write(&path, format!("{}\nendpoint PC-1 sha2", cache.head)).unwrap();
        assert!(cache.read().is_none());
    }
}
