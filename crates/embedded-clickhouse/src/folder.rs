//! The engine's folder: made for its owner, claimed by one engine at a time, and described to it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::{DATABASE, EngineConfig, EngineError};

/// Between two looks at a folder that somebody else holds.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A folder that no other engine may use as long as this claim or a child that was given it lives.
// Invariant: `lock` is locked. The lock belongs to the open file, which a child inherits: of a killed parent it outlasts the
// parent until the child is gone too, and with it whatever the child held, ports included.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    lock: File,
}

impl Folder {
    /// Makes the folder where it is missing and claims it. Waits for `patience` at most while somebody else is in it: the engine
    /// of a process that was just killed goes within moments.
    pub fn claim(path: &Path, patience: Duration) -> Result<Self, EngineError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed(path))?;
        // One spelling: the engine takes `x/` and `x` for two paths.
        let path = path.canonicalize().map_err(failed(path))?;
        let at = path.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&at)
            .map_err(failed(&at))?;
        let deadline = Instant::now() + patience;
        let mut is_said = false;
        while let Some(pid) = holder(&path, &mut lock)? {
            if Instant::now() >= deadline {
                return Err(EngineError::InUse { path, pid });
            }
            if !is_said {
                is_said = true;
                tracing::warn!(path = %path.display(), pid, "waiting for the engine's folder, which another process holds");
            }
            thread::sleep(LOOK_AGAIN);
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "PID: {}", std::process::id()))
            .map_err(failed(&at))?;
        Ok(Self { path, lock })
    }

    /// The folder, with no link in its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What keeps the claim for a child.
    pub(crate) fn claim_for_child(&self) -> io::Result<OwnedFd> {
        Ok(self.lock.try_clone()?.into())
    }

    /// Writes what the engine reads about itself. Only the parent may: the engine's own process cannot change it.
    pub(crate) fn describe(&self, config: &EngineConfig) -> Result<(), EngineError> {
        let data = data(&self.path);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&data)
            .map_err(failed(&data))?;
        let users = self.path.join("users.xml");
        std::fs::write(&users, crate::engine::users_text(config)).map_err(failed(&users))?;
        let at = configuration(&self.path);
        std::fs::write(&at, config_text(&users, config.zookeeper)).map_err(failed(&at))
    }
}

/// Where the engine keeps everything it writes, temporary files included.
pub(crate) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

pub(crate) fn configuration(folder: &Path) -> PathBuf {
    folder.join("config.xml")
}

fn failed(path: &Path) -> impl Fn(io::Error) -> EngineError {
    let path = path.to_path_buf();
    move |source| EngineError::Folder {
        path: path.clone(),
        source,
    }
}

/// Who else is in the folder, as it says; `None` once the lock is ours.
fn holder(folder: &Path, lock: &mut File) -> Result<Option<Option<u32>>, EngineError> {
    if !is_free(lock).map_err(failed(&folder.join("lock")))? {
        return Ok(Some(pid(lock)));
    }
    // The library's own lock: of a process that opened the folder by other means than this crate. It refuses a second one
    // itself too, but without a reason that we could pass on.
    let status = data(folder).join("status");
    match File::open(&status) {
        Ok(mut file) if !is_free(&file).map_err(failed(&status))? => Ok(Some(pid(&mut file))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&status)(error)),
    }
}

fn is_free(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// `PID: 123` of a lock file, as the library writes it too.
fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("PID: "))?;
    line.trim().parse().ok()
}

/// Passed always, else the engine reads `./config.xml` of whatever folder it is started in.
/// Times are UTC; clients that ask for the server's name do not hear the host's; every insert is on the disk before it is acknowledged (22 syncs for 21 columns).
fn config_text(users: &Path, zookeeper: Option<SocketAddr>) -> String {
    // The engine looks for a relative file in the working folder, not beside its configuration.
    let users = users.display().to_string();
    let users = users.replace('&', "&amp;").replace('<', "&lt;");
    // The engine's own default path holds the table's UUID, which only `ON CLUSTER` makes the same on all replicas.
    let replication = zookeeper.map_or_else(String::new, |address| {
        format!(
            "  <zookeeper><node><host>{}</host><port>{}</port></node></zookeeper>
  <macros><shard>1</shard><replica>1</replica></macros>
  <default_replica_path>/tables/{{shard}}/{{database}}/{{table}}</default_replica_path>
",
            address.ip(),
            address.port()
        )
    });
    format!(
        "<clickhouse>
  <users_config>{users}</users_config>
  <timezone>UTC</timezone>
  <display_name>{DATABASE}</display_name>
{replication}  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
  </merge_tree>
</clickhouse>
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_claimed_once_and_names_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("engine");
        let first = Folder::claim(&at, Duration::ZERO).unwrap();
        let error = Folder::claim(&at, Duration::ZERO).unwrap_err();
        let holder = format!("is in use by process {}\n", std::process::id());
        assert!(error.to_string().contains(&holder), "{error}");
        // A child that was given the claim keeps it when its parent is gone.
        let of_child = first.claim_for_child().unwrap();
        drop(first);
        Folder::claim(&at, Duration::ZERO).unwrap_err();
        drop(of_child);
        Folder::claim(&at, Duration::ZERO).unwrap();
    }

    #[test]
    fn a_folder_that_is_left_in_time_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let first = Folder::claim(folder.path(), Duration::ZERO).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| Folder::claim(folder.path(), Duration::from_secs(60)));
            drop(first);
            second.join().unwrap().unwrap();
        });
    }

    #[test]
    fn the_librarys_own_lock_is_respected() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(data(folder.path())).unwrap();
        let status = data(folder.path()).join("status");
        std::fs::write(&status, "PID: 4711\nStarted at: 2000-01-01 00:00:00\n").unwrap();
        let held = File::open(&status).unwrap();
        held.lock().unwrap();
        let error = Folder::claim(folder.path(), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("by process 4711"), "{error}");
    }
}
