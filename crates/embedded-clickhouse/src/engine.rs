//! The engine of this process: what it may take, and the connection that keeps it up.

use std::ffi::CString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::exception::Exception;
use crate::folder;
use crate::library::Library;
use crate::policy::{Bounds, Policy, is_plain_name};

/// The only database: its name is in the grants.
pub(crate) const DATABASE: &str = "cbsift";

/// Engine code runs on the caller's stack, and its parser recurses: threads of up to 1 MiB have
/// aborted the process on nested SQL, 2 MiB passed everything tried. Only touched pages cost.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Marks of 10 million rows took some MB; the engine's own default is 5 GB.
const MARK_CACHE_BYTES: u64 = 256 * 1024 * 1024;

/// Merging and scheduling threads, for the two cores a laptop spares; the default is 16 and 512.
const MERGE_THREADS: u32 = 2;
const SCHEDULE_THREADS: u32 = 8;

/// Where the engine lives and what it may take.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EngineConfig {
    /// Folder for data and the engine's own configuration; made with mode 0700 if missing.
    pub path: PathBuf,
    /// The file `libchdb.so`; `None` looks beside the executable and in `.cache/` of the working
    /// folder and those above it.
    pub library: Option<PathBuf>,
    /// What queries, inserts and merges may allocate together. The process takes up to 0.4 GB more.
    pub max_memory_bytes: u64,
    /// Where an Apache ZooKeeper listens, for definitions of tables with Replicated engines. Such a table can be made, and shows
    /// that its definition is good, but takes no rows: the library opens no port for other replicas.
    ///
    /// For tests only: the process must connect then, and so it is **not confined**.
    pub zookeeper: Option<SocketAddr>,
    /// Tables and views of database `cbsift` that readers may read, by name; a reader sees no other. A view shows nothing
    /// where a table below it is missing here. Names of letters, digits and `_`.
    pub readable: Vec<String>,
}

impl EngineConfig {
    /// The engine in `path` with the library looked for and 1 GiB of memory: enough for ingest
    /// beside dashboards (300 MB were measured to suffice), little enough for a laptop.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            library: None,
            max_memory_bytes: 1 << 30,
            zookeeper: None,
            readable: Vec::new(),
        }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No file at any of the places.
    #[error(
        "libchdb.so is not at {}\nhint: run `make libchdb` or set `engine.library`",
        list(looked_at)
    )]
    LibraryMissing {
        /// All places, in the order of looking.
        looked_at: Vec<PathBuf>,
    },
    /// The file is there but cannot be opened or lacks a function.
    #[error("cannot open the engine `{}`: {source}\nhint: it needs x86-64-v3 (AVX2) and glibc; `make libchdb` fetches the right build", path.display())]
    LibraryUnusable {
        /// The file.
        path: PathBuf,
        /// The loader's words.
        source: libloading::Error,
    },
    /// A major version that was never tested.
    #[error("the engine `{}` has version {found}, tested is {tested}\nhint: run `make libchdb` and leave `engine.library` unset", path.display())]
    LibraryVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
        /// [`VERSION`](crate::VERSION).
        tested: &'static str,
    },
    /// A file or folder of the engine cannot be made or read.
    #[error("cannot prepare the engine's folder `{}`: {source}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Another process runs an engine there.
    #[error("the engine's folder `{}` is in use{}\nhint: stop that process, use another folder, or ask its ClickHouse address", path.display(), holder(*pid))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, as it says.
        pid: Option<u32>,
    },
    /// The engine does not start; it gives no reason to the caller.
    #[error("the engine does not start in `{}`\nhint: see what it wrote to stderr; a full disk, a lack of rights or damaged metadata do this", path.display())]
    Start {
        /// The folder.
        path: PathBuf,
    },
    /// The engine's process cannot be started.
    #[error("cannot start the engine's process: {0}")]
    Process(io::Error),
    /// The engine's process said why it does not start, or died on the way.
    #[error("{0}")]
    Said(String),
    /// The engine started but a first statement failed.
    #[error("the engine in `{}` started but does not work: {reason}", path.display())]
    Broken {
        /// The folder.
        path: PathBuf,
        /// ClickHouse's words.
        reason: String,
    },
}

fn list(places: &[PathBuf]) -> String {
    let quoted = places.iter().map(|place| format!("`{}`", place.display()));
    quoted.collect::<Vec<_>>().join(", ")
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" by process {pid}"))
        .unwrap_or_default()
}

/// An open engine. One per process, and never closed: the library's threads outlive its connections, and closing it crashes now
/// and then. The process ends by `_exit`, as after a kill; what is acknowledged is on disk by then.
pub(crate) struct Engine {
    library: &'static Library,
    arguments: Vec<CString>,
    policy: Policy,
}

impl Engine {
    /// Opens the engine in the folder that `config` names, which is claimed and described, and makes its database `cbsift`.
    /// Blocks: 0.1 s warm, seconds when the library must come from a cold disk.
    pub(crate) fn open(config: &EngineConfig) -> Result<Self, EngineError> {
        let library = Library::open(config.library.as_deref())?;
        let arguments = arguments(&config.path, config.max_memory_bytes)?;
        on_engine_stack(|| {
            let keeper =
                Connection::open(library, &arguments).ok_or_else(|| EngineError::Start {
                    path: config.path.clone(),
                })?;
            let created = format!("CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic");
            keeper
                .execute(&created)
                .map_err(|exception| EngineError::Broken {
                    path: config.path.clone(),
                    reason: exception.to_string(),
                })?;
            // Open for ever: after the last connection the next one would boot the engine anew.
            std::mem::forget(keeper);
            Ok(())
        })?;
        tracing::info!(
            path = %config.path.display(),
            library = %library.path.display(),
            version = library.version,
            "the engine is open"
        );
        Ok(Self {
            library,
            arguments,
            policy: Policy::new(
                config.readable.clone(),
                Bounds::new(config.max_memory_bytes),
            ),
        })
    }

    /// What readers may ask.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// A session of its own.
    pub(crate) fn connect(&self) -> Result<Connection, Exception> {
        Connection::open(self.library, &self.arguments)
            .ok_or_else(|| Exception::unknown("the engine gives no connection"))
    }
}

/// Starts a thread on which engine code may run.
pub(crate) fn spawn_on_engine_stack(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let thread = thread::Builder::new()
        .name(name.to_owned())
        .stack_size(STACK_BYTES);
    thread.spawn(work).map(|_| ())
}

/// Runs engine code on a stack that is large enough, whoever calls.
fn on_engine_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("engine-open".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .expect("a process that cannot start a thread cannot run the engine");
        match thread.join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn arguments(folder: &Path, max_memory_bytes: u64) -> Result<Vec<CString>, EngineError> {
    let arguments = [
        "clickhouse".to_owned(),
        format!("--path={}", folder::data(folder).display()),
        format!("--config-file={}", folder::configuration(folder).display()),
        // Otherwise a log would be written at trace level.
        "--log-level=warning".to_owned(),
        format!("--max_server_memory_usage={max_memory_bytes}"),
        format!("--mark_cache_size={MARK_CACHE_BYTES}"),
        format!("--background_pool_size={MERGE_THREADS}"),
        format!("--background_schedule_pool_size={SCHEDULE_THREADS}"),
    ];
    let texts = arguments.into_iter().map(CString::new);
    texts
        .collect::<Result<_, _>>()
        .map_err(|_| EngineError::Folder {
            path: folder.to_path_buf(),
            source: io::Error::new(io::ErrorKind::InvalidInput, "the name holds a NUL"),
        })
}

/// The engine's one user, and what its connections may do by role: a new one has both, a reader's drops all but `reader`.
///
/// This is the second line: readers' statements are decided on before ([`Policy`]), because the library checks no grant for
/// scalar functions such as `file`, for columns of `system`, or for a table's engine. Without any `<grants>` it would let
/// everybody do all that a local user may: files, addresses, programs.
pub(crate) fn users_text(wanted: &EngineConfig) -> String {
    let tables = wanted.readable.iter().filter(|table| is_plain_name(table));
    let readable: String = tables
        .map(|table| format!("        <query>GRANT SELECT ON {DATABASE}.{table}</query>\n"))
        .collect();
    let constraints = Bounds::new(wanted.max_memory_bytes).constraints();
    format!(
        "\
<clickhouse>
  <profiles>
    <default><async_insert>0</async_insert></default>
    <reader><constraints>{constraints}</constraints></reader>
  </profiles>
  <quotas><default></default></quotas>
  <roles>
    <writer>
      <grants>
        <query>GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP DATABASE, DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE ON {DATABASE}.*</query>
        <query>GRANT SHOW, SELECT ON system.*</query>
        <query>GRANT SELECT ON information_schema.*</query>
        <query>GRANT SELECT ON INFORMATION_SCHEMA.*</query>
        <query>GRANT CREATE TEMPORARY TABLE, KILL QUERY, SYSTEM MERGES ON *.*</query>
      </grants>
    </writer>
    <reader>
      <grants>
{readable}        <query>GRANT SHOW DATABASES ON {DATABASE}.*</query>
      </grants>
    </reader>
  </roles>
  <users>
    <default>
      <password></password>
      <profile>default</profile>
      <quota>default</quota>
      <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
      <grants><query>GRANT writer, reader</query></grants>
    </default>
  </users>
</clickhouse>
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_names_every_place_and_the_way_out() {
        let error = EngineError::LibraryMissing {
            looked_at: vec!["/a/libchdb.so".into(), "/b/libchdb.so".into()],
        };
        assert_eq!(
            error.to_string(),
            "libchdb.so is not at `/a/libchdb.so`, `/b/libchdb.so`\n\
             hint: run `make libchdb` or set `engine.library`"
        );
    }

    #[test]
    fn only_names_become_grants() {
        let mut config = EngineConfig::new("/nowhere");
        config.readable = vec!["events".to_owned(), "x TO default; GRANT ALL".to_owned()];
        let text = users_text(&config);
        assert!(text.contains("GRANT SELECT ON cbsift.events</query>"));
        assert!(!text.contains("GRANT ALL"));
    }
}
