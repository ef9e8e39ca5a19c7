//! Admission to the store's disk: chunks wait here until there is room for them, and are refused where none can be made.
//!
//! What is measured is always a little old, so what was let in since counts with its whole text: nothing is stored larger.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Notify, watch};

/// Rows of events and coverage, marks and indexes of a batch beside its text.
const BESIDE_TEXT: u64 = 64 << 10;

/// Kept free on the file system: merges write a part before they remove those it replaces, and a full one fails in the middle of
/// something. A twentieth, but no more than the largest merge of a usual store needs, and no less than a batch and its merges.
const RESERVE_OF: u64 = 20;
const RESERVE_MIN: u64 = 16 << 20;
const RESERVE_MAX: u64 = 1 << 30;

/// Space of the file system that holds the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// Bytes that we may still write.
    pub(crate) free: u64,
    /// Its size.
    pub(crate) size: u64,
}

impl FileSystem {
    /// Of the file system that a folder is on; none where that cannot be told.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let found = rustix::fs::statvfs(folder).ok()?;
        Some(Self {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            size: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }

    /// Bytes of it that are left alone.
    pub(crate) fn reserve(self) -> u64 {
        (self.size / RESERVE_OF).clamp(RESERVE_MIN, RESERVE_MAX)
    }

    /// Bytes that may be written without touching the reserve.
    pub(crate) fn room(self) -> u64 {
        self.free.saturating_sub(self.reserve())
    }
}

/// Why nothing more is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// `store.max_disk` is reached, and this is why no room can be made.
    Bound(String),
    /// The file system has next to nothing left.
    FileSystem(FileSystem),
}

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bound(why) => write!(f, "`store.max_disk` is reached: {why}"),
            Self::FileSystem(found) => write!(
                f,
                "the file system of `store.data` has {} MiB left of {} MiB, and {} MiB stay free; free some, or lower `store.max_disk`",
                found.free >> 20,
                found.size >> 20,
                found.reserve() >> 20
            ),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Limit {
    /// So many bytes may have been taken in all.
    until: u64,
    full: Option<Full>,
}

/// Who may write, and how much; shared by the intake, the keeper and health.
#[derive(Clone)]
pub(crate) struct Space(Arc<Inner>);

struct Inner {
    folder: Option<PathBuf>,
    max: u64,
    limit: watch::Sender<Limit>,
    /// Bytes ever let in, and of them those whose storing has ended.
    taken: AtomicU64,
    done: AtomicU64,
    /// The largest that found no room since the keeper looked.
    wanted: AtomicU64,
    wake: Notify,
    file_system: RwLock<Option<FileSystem>>,
}

/// Room for a batch of chunks, until it is dropped.
pub(crate) struct Taken {
    space: Space,
    bytes: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.space.0.done.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

impl Space {
    /// Of a store of at most `max` bytes, 0 = any number, in a folder of this machine. Nothing is let in before the first
    /// [`Self::publish`].
    pub(crate) fn new(max: u64, folder: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            folder,
            max,
            limit: watch::Sender::default(),
            taken: AtomicU64::new(0),
            done: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            wake: Notify::new(),
            file_system: RwLock::default(),
        }))
    }

    /// The bound on the store, 0 = none.
    pub(crate) fn max(&self) -> u64 {
        self.0.max
    }

    /// Waits for room for chunks of so much text; an error where none can be made.
    pub(crate) async fn take(&self, text: u64) -> Result<Taken, Full> {
        let bytes = text.saturating_add(BESIDE_TEXT);
        let mut limits = self.0.limit.subscribe();
        loop {
            let limit = limits.borrow_and_update().clone();
            if let Some(full) = limit.full {
                return Err(full);
            }
            if self.try_take(bytes, limit.until) {
                return Ok(Taken {
                    space: self.clone(),
                    bytes,
                });
            }
            self.0.wanted.fetch_max(bytes, Ordering::AcqRel);
            self.0.wake.notify_one();
            if limits.changed().await.is_err() {
                // The sender lives as long as we do.
                std::future::pending::<()>().await;
            }
        }
    }

    fn try_take(&self, bytes: u64, until: u64) -> bool {
        let done = self.0.done.load(Ordering::Acquire);
        let fits = |taken: u64| {
            // What alone is larger than all room goes when nothing else is under way, or it never would.
            let alone = taken == done && taken < until;
            (alone || taken.saturating_add(bytes) <= until).then(|| taken.saturating_add(bytes))
        };
        let order = Ordering::AcqRel;
        self.0
            .taken
            .fetch_update(order, Ordering::Acquire, fits)
            .is_ok()
    }

    /// Resolves when somebody waits for room.
    pub(super) async fn wanted(&self) {
        self.0.wake.notified().await;
    }

    /// The most that somebody waits for, asked once.
    pub(super) fn take_wanted(&self) -> u64 {
        self.0.wanted.swap(0, Ordering::AcqRel)
    }

    /// Bytes whose storing has ended: those are in what is measured from now on.
    pub(super) fn done(&self) -> u64 {
        self.0.done.load(Ordering::Acquire)
    }

    /// Looks at the file system anew.
    pub(super) fn look(&self) -> Option<FileSystem> {
        let found = self.0.folder.as_deref().and_then(FileSystem::of);
        *self
            .0
            .file_system
            .write()
            .unwrap_or_else(PoisonError::into_inner) = found;
        found
    }

    /// Lets in `room` bytes beyond those that were done when it was measured; nothing while it is full.
    pub(super) fn publish(&self, done: u64, room: u64, full: Option<Full>) {
        let until = done.saturating_add(room);
        self.0.limit.send_replace(Limit { until, full });
    }

    /// Why chunks are refused, if they are.
    pub(crate) fn full(&self) -> Option<Full> {
        self.0.limit.borrow().full.clone()
    }

    /// The file system as it was when last looked at.
    pub(crate) fn file_system(&self) -> Option<FileSystem> {
        *self
            .0
            .file_system
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    const MIB: u64 = 1 << 20;

    /// Whether a future that was asked once has an answer.
    fn now<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.poll(&mut context) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_was_let_in_counts_until_it_was_measured() {
        let space = Space::new(100 * MIB, None);
        let mut early = std::pin::pin!(space.take(MIB));
        assert!(now(early.as_mut()).is_none(), "nothing was measured yet");
        space.publish(0, 10 * MIB, None);
        let first = now(early.as_mut()).unwrap().unwrap();
        let second = now(std::pin::pin!(space.take(8 * MIB))).unwrap().unwrap();
        let mut third = std::pin::pin!(space.take(MIB));
        assert!(now(third.as_mut()).is_none());
        assert!(space.take_wanted() > MIB);
        // Measured while the second is under way: the first is part of what was measured, the second is not.
        drop(first);
        space.publish(space.done(), 9 * MIB, None);
        assert!(now(third.as_mut()).is_none());
        drop(second);
        space.publish(space.done(), 2 * MIB, None);
        assert!(now(third.as_mut()).unwrap().is_ok());
    }

    #[test]
    fn what_is_larger_than_all_room_goes_alone() {
        let space = Space::new(100 * MIB, None);
        space.publish(0, MIB, None);
        let large = now(std::pin::pin!(space.take(16 * MIB))).unwrap().unwrap();
        assert!(now(std::pin::pin!(space.take(1))).is_none());
        drop(large);
        space.publish(space.done(), 0, None);
        assert!(
            now(std::pin::pin!(space.take(1))).is_none(),
            "no room at all"
        );
    }

    #[test]
    fn who_waits_hears_that_there_will_be_no_room() {
        let space = Space::new(100 * MIB, None);
        let mut waits = std::pin::pin!(space.take(1));
        assert!(now(waits.as_mut()).is_none());
        let full = Full::Bound("made up".to_owned());
        space.publish(0, 0, Some(full.clone()));
        assert_eq!(now(waits.as_mut()).unwrap().err(), Some(full.clone()));
        assert_eq!(space.full(), Some(full));
        space.publish(0, MIB, None);
        assert!(now(std::pin::pin!(space.take(1))).unwrap().is_ok());
    }

    #[test]
    fn a_file_system_keeps_a_reserve() {
        let of = |free, size| FileSystem { free, size };
        assert_eq!(of(0, 40 * MIB).reserve(), 16 * MIB);
        assert_eq!(of(0, 640 * MIB).reserve(), 32 * MIB);
        assert_eq!(of(0, 1 << 40).reserve(), 1 << 30);
        assert_eq!(of(20 * MIB, 40 * MIB).room(), 4 * MIB);
        let said = Full::FileSystem(of(3 * MIB, 40 * MIB)).to_string();
        assert!(said.contains("3 MiB left of 40 MiB"), "{said}");
    }
}
