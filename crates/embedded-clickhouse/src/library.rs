//! libchdb as it is found, opened and checked: the only place that knows its C prototypes.

use std::ffi::{c_char, c_int, c_void};
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};

use crate::{EngineError, VERSION};

/// Where `fetch-libchdb` puts the library, under the root of the repository.
const CACHE_FOLDER: &str = ".cache/libchdb-26.7.3";
const FILE_NAME: &str = "libchdb.so";

/// The major version whose behaviour the tests of this crate have seen.
/// Streaming, classification and error texts have changed between majors before.
const TESTED_MAJOR: &str = "26.";

/// The opened library. It is never closed: its threads outlive every connection.
pub(crate) struct Library {
    pub(crate) calls: Calls,
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

impl Library {
    /// Opens the library, for as long as the process lives.
    pub(crate) fn open(configured: Option<&Path>) -> Result<&'static Library, EngineError> {
        Ok(Box::leak(Box::new(load(find(configured)?)?)))
    }
}

/// The configured file, else beside the executable, else the cache of this folder or one above it. The parent looks: the
/// engine's own process may read this file and hardly another.
pub(crate) fn find(configured: Option<&Path>) -> Result<PathBuf, EngineError> {
    let mut places = Vec::new();
    if let Some(path) = configured {
        // A configured library that is missing is a mistake to report, not a reason to take another.
        places.push(path.to_path_buf());
    } else {
        if let Ok(executable) = std::env::current_exe()
            && let Some(folder) = executable.parent()
        {
            places.push(folder.join(FILE_NAME));
        }
        if let Ok(folder) = std::env::current_dir() {
            let cached = |folder: &Path| folder.join(CACHE_FOLDER).join(FILE_NAME);
            places.extend(folder.ancestors().map(cached));
        }
    }
    match places.iter().find(|place| place.is_file()) {
        Some(place) => Ok(place.clone()),
        None => Err(EngineError::LibraryMissing { looked_at: places }),
    }
}

#[expect(unsafe_code, reason = "opening a native library runs its code")]
fn load(path: PathBuf) -> Result<Library, EngineError> {
    let failed = |source| EngineError::LibraryUnusable {
        path: path.clone(),
        source,
    };
    // SAFETY: the file is libchdb by configuration or by its pinned digest; its initialisers have
    // no precondition. RTLD_LOCAL keeps its symbols (it brings its own allocator) out of ours.
    let handle = unsafe { Handle::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }.map_err(failed)?;
    // SAFETY: the prototypes in `Calls` are those of chdb.h, and `handle` is never closed.
    let calls = unsafe { Calls::load(&handle) }.map_err(failed)?;
    // Never closed: threads of the library outlive every connection.
    let _ = handle.into_raw();

    // SAFETY: returns a static NUL-terminated string.
    let version = unsafe { std::ffi::CStr::from_ptr((calls.chdb_version)()) }
        .to_string_lossy()
        .into_owned();
    if !version.starts_with(TESTED_MAJOR) {
        return Err(EngineError::LibraryVersion {
            path,
            found: version,
            tested: VERSION,
        });
    }
    // Before the first connection, else the library replaces SIGSEGV and others, among them the
    // handler by which Rust reports a stack overflow.
    // SAFETY: no connection exists yet.
    unsafe { (calls.chdb_set_signal_handlers_enabled)(0) };
    Ok(Library {
        calls,
        path,
        version,
    })
}

/// `chdb_connection`: passed by value; `chdb_connect` returns a pointer to one.
pub(crate) type RawConnection = *mut c_void;
/// `chdb_result *`.
pub(crate) type RawResult = *mut c_void;
/// `chdb_insert_stream`.
pub(crate) type RawInsert = *mut c_void;

/// `chdb_query_analysis_v1`.
#[repr(C)]
pub(crate) struct RawAnalysis {
    pub(crate) struct_size: u32,
    pub(crate) statement_count: u32,
    pub(crate) flags: u32,
    pub(crate) query_class: u32,
}

macro_rules! calls {
    ($( fn $name:ident($($argument:ty),*) $(-> $result:ty)?; )*) => {
        /// The functions of chdb.h that we call.
        pub(crate) struct Calls {
            $( pub(crate) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?, )*
        }

        impl Calls {
            #[expect(unsafe_code, reason = "a symbol has the type we say it has")]
            unsafe fn load(handle: &Handle) -> Result<Self, libloading::Error> {
                Ok(Self {
                    // SAFETY: the caller vouches for the prototypes.
                    $( $name: *unsafe { handle.get(concat!(stringify!($name), "\0").as_bytes()) }?, )*
                })
            }
        }
    };
}

type Text = *const c_char;
type Texts = *const *const c_char;
type Lengths = *const usize;

calls! {
    fn chdb_version() -> Text;
    fn chdb_set_signal_handlers_enabled(c_int);
    fn chdb_connect(c_int, *const *const c_char) -> *mut RawConnection;
    fn chdb_close_conn(*mut RawConnection);
    fn chdb_query_with_params_n(RawConnection, Text, usize, Text, usize, Texts, Lengths, Texts, Lengths, usize) -> RawResult;
    fn chdb_stream_query_with_params_n(RawConnection, Text, usize, Text, usize, Texts, Lengths, Texts, Lengths, usize) -> RawResult;
    fn chdb_stream_fetch_result(RawConnection, RawResult) -> RawResult;
    fn chdb_stream_cancel_query(RawConnection, RawResult);
    fn chdb_stream_insert_with_params_n(RawConnection, Text, usize, Text, usize, Texts, Lengths, Texts, Lengths, usize) -> RawInsert;
    fn chdb_stream_append(RawInsert, *const c_void, usize) -> c_int;
    fn chdb_stream_done(RawInsert) -> RawResult;
    fn chdb_stream_insert_error(RawInsert) -> Text;
    fn chdb_destroy_insert_stream(RawInsert);
    fn chdb_destroy_query_result(RawResult);
    fn chdb_result_buffer(RawResult) -> Text;
    fn chdb_result_length(RawResult) -> usize;
    fn chdb_result_elapsed(RawResult) -> f64;
    fn chdb_result_rows_read(RawResult) -> u64;
    fn chdb_result_bytes_read(RawResult) -> u64;
    fn chdb_result_storage_rows_read(RawResult) -> u64;
    fn chdb_result_storage_bytes_read(RawResult) -> u64;
    fn chdb_result_rows_written(RawResult) -> u64;
    fn chdb_result_bytes_written(RawResult) -> u64;
    fn chdb_result_error(RawResult) -> Text;
    fn chdb_classify_query_n(RawConnection, Text, usize, Text, usize, *mut RawAnalysis) -> c_int;
}
