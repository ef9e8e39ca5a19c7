//! The store's tokens in a file of the data folder, hashes only: a role that starts while the store is away knows them.

use serve::Tokens;
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A file that says when the store had these tokens last.
#[derive(Clone)]
pub(super) struct Cache {
    path: PathBuf,
    /// The second line: which store it is.
    head: String,
    /// The file that holds the tokens read last, as we left it; none until it does.
    written: Arc<Mutex<Option<Left>>>,
    /// Why it could not be written was said.
    is_said: Arc<AtomicBool>,
    /// It is being written, …
    is_busy: Arc<AtomicBool>,
    /// … and tokens that have changed since were not.
    is_missed: Arc<AtomicBool>,
}

const NAME: &str = "tokens-cache";

/// The first line, with the time of the reading behind it: UTC milliseconds in [`DIGITS`], so that a later time fits in its place.
const READ: &str = "# read ";
const DIGITS: usize = 15;

/// What tells a file from one that somebody else put in its place or changed: device, inode, size, and time of change.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Left(u64, u64, u64, i64, i64);

impl Left {
    fn of(file: &Metadata) -> Self {
        let (time, nanos) = (file.mtime(), file.mtime_nsec());
        Self(file.dev(), file.ino(), file.len(), time, nanos)
    }
}

impl Cache {
    pub(super) fn new(data: &Path, place: String) -> Self {
        Self {
            path: data.join(NAME),
            head: format!(
                "# tokens of {}; written by cbsift, hashes only",
                place.replace('\n', " ")
            ),
            written: Arc::default(),
            is_said: Arc::default(),
            is_busy: Arc::default(),
            is_missed: Arc::default(),
        }
    }

    /// The tokens, and how long ago the store had them. Nothing where there are none of this store, or none that can be believed.
    pub(super) fn read(&self, now_ms: i64) -> Option<(Tokens, Duration)> {
        let path = self.path.display();
        let text = match self.text() {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!("the tokens in `{path}` are not used: {error}");
                return None;
            }
        };
        let mut lines = text.lines();
        let read = lines.next().and_then(|line| line.strip_prefix(READ));
        if lines.next() != Some(&self.head) {
            tracing::warn!("`{path}` is of another store, and its tokens are not used");
            return None;
        }
        let read_ms = read.and_then(|read| read.parse::<i64>().ok());
        let (Some(read_ms), Ok(tokens)) = (read_ms, Tokens::parse(&text)) else {
            tracing::warn!("`{path}` is damaged, and not used");
            return None;
        };
        let age = u64::try_from(now_ms.saturating_sub(read_ms)).unwrap_or(0);
        Some((tokens, Duration::from_millis(age)))
    }

    /// Whoever may write this file lets in whom he likes, so it must be ours.
    fn text(&self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let found = file.metadata()?;
        if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o077 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "others own it or may open it, so anybody may have written it",
            ));
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text)
    }

    /// As [`Self::keep`], but nobody waits for it, and one at a time: a folder that hangs must not keep a revocation from being read.
    pub(super) fn keep_aside(&self, read_ms: i64, tokens: Arc<Tokens>, is_changed: bool) {
        if self.is_busy.swap(true, Ordering::AcqRel) {
            self.is_missed.fetch_or(is_changed, Ordering::AcqRel);
            return;
        }
        let is_changed = self.is_missed.swap(false, Ordering::AcqRel) || is_changed;
        let cache = self.clone();
        tokio::spawn(async move {
            cache.keep(read_ms, tokens, is_changed).await;
            cache.is_busy.store(false, Ordering::Release);
        });
    }

    /// Keeps the tokens of a reading; those that have not changed only with its time.
    async fn keep(&self, read_ms: i64, tokens: Arc<Tokens>, is_changed: bool) {
        let cache = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut written = cache.written.lock().unwrap_or_else(PoisonError::into_inner);
            // Set again only once it is: what could not be written must not look fresh later.
            let before = written.take().filter(|_| !is_changed);
            let left = before.and_then(|before| cache.freshen(read_ms, before).ok().flatten());
            *written = Some(match left {
                Some(left) => left,
                None => cache.put(read_ms, &tokens.lines())?,
            });
            Ok::<_, io::Error>(())
        })
        .await;
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

    /// Writes a later time into the file, if it is the one that we left.
    fn freshen(&self, read_ms: i64, before: Left) -> io::Result<Option<Left>> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        if Left::of(&file.metadata()?) != before {
            return Ok(None);
        }
        file.write_all_at(digits(read_ms).as_bytes(), READ.len() as u64)?;
        Ok(Some(Left::of(&file.metadata()?)))
    }

    /// Written aside, synced and renamed: whatever ends the process in between leaves the old ones or the new ones.
    fn put(&self, read_ms: i64, lines: &str) -> io::Result<Left> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        crate::token::make_folder(folder)?;
        // Roles in containers have one number, and may share the folder.
        let random = RandomState::new().hash_one(std::process::id());
        let aside = folder.join(format!("{NAME}.new.{random:016x}"));
        let written: io::Result<Left> = (|| {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&aside)?;
            let head = &self.head;
            write!(file, "{READ}{}\n{head}\n{lines}", digits(read_ms))?;
            file.sync_all()?;
            fs::rename(&aside, &self.path)?;
            Ok(Left::of(&file.metadata()?))
        })();
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        let left = written?;
        File::open(folder)?.sync_all()?;
        Ok(left)
    }
}

fn digits(ms: i64) -> String {
    format!("{:0width$}", ms.max(0), width = DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn tokens(id: &str) -> Arc<Tokens> {
        let line = format!("endpoint {id} sha256:{}\n", "ab".repeat(32));
        Arc::new(Tokens::parse(&line).unwrap())
    }

    fn kept(cache: &Cache, now_ms: i64) -> Option<(String, u128)> {
        let (tokens, age) = cache.read(now_ms)?;
        Some((tokens.lines(), age.as_millis()))
    }

    #[tokio::test]
    async fn tokens_are_kept_for_their_owner_and_only_of_the_same_store() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let cache = Cache::new(&data, "https://one.example:8443".to_owned());
        assert!(cache.read(0).is_none());
        let one = tokens("PC-1");
        cache.keep(1_000, one.clone(), true).await;
        assert_eq!(kept(&cache, 1_500), Some((one.lines(), 500)));
        let path = data.join(NAME);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Nothing lies beside it.
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
        // The time of the file says nothing, that of the reading does.
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::now()).unwrap();
        assert_eq!(kept(&cache, 3_601_000).unwrap().1, 3_600_000);
        for read_ms in [3_601_000, 3_602_000] {
            cache.keep(read_ms, one.clone(), false).await;
            assert_eq!(kept(&cache, read_ms), Some((one.lines(), 0)));
        }

        let other = Cache::new(&data, "https://two.example:8443".to_owned());
        assert!(other.read(0).is_none());
        // What others could have written lets nobody in.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(cache.read(0).is_none());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for damaged in [
            text.trim_end_matches(['a', 'b', '\n']),
            &text.replace("# read 0", "# read x"),
        ] {
            fs::write(&path, damaged).unwrap();
            assert!(cache.read(0).is_none(), "{damaged}");
        }
    }

    #[tokio::test]
    async fn tokens_that_could_not_be_written_are_never_said_to_be_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let (data, away) = (folder.path().join("data"), folder.path().join("away"));
        let cache = Cache::new(&data, "a store".to_owned());
        let (before, after) = (tokens("PC-1"), tokens("PC-2"));
        cache.keep(1_000, before, true).await;
        // What comes with the change cannot be written, and the disk is well again when nothing changes.
        fs::rename(&data, &away).unwrap();
        fs::write(&data, "no folder").unwrap();
        cache.keep(2_000, after.clone(), true).await;
        fs::remove_file(&data).unwrap();
        fs::rename(&away, &data).unwrap();
        cache.keep(3_000, after.clone(), false).await;
        assert_eq!(kept(&cache, 3_000), Some((after.lines(), 0)));
        // Nor is a file that somebody else put there, or that is gone.
        let path = data.join(NAME);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("PC-2", "PC-99")).unwrap();
        cache.keep(4_000, after.clone(), false).await;
        assert_eq!(kept(&cache, 4_000), Some((after.lines(), 0)));
        fs::remove_file(&path).unwrap();
        cache.keep(5_000, after.clone(), false).await;
        assert_eq!(kept(&cache, 5_000), Some((after.lines(), 0)));
    }
}
