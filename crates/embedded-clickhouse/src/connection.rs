//! One session with the engine, safe to use: every pointer of libchdb lives and dies in here.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr;

use crate::exception::Exception;
use crate::library::{Library, RawAnalysis, RawConnection, RawInsert, RawResult};

/// Named parameters of a statement, values as the HTTP interface writes them (escaped as in TSV).
pub(crate) type Parameters = [(String, String)];

/// One session: its database, settings and temporary tables. Runs one statement at a time.
pub(crate) struct Connection {
    library: &'static Library,
    raw: *mut RawConnection,
}

// SAFETY: libchdb guards a connection with a mutex and ties it to no thread; without `Sync` we
// also never call it from two threads at once.
#[expect(unsafe_code, reason = "the pointer belongs to this value alone")]
unsafe impl Send for Connection {}

/// What a statement did, for the summary header.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Statistics {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
    pub(crate) elapsed_seconds: f64,
}

/// What the engine's parser says a text would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Leaves no trace.
    ReadOnly,
    /// Changes data or schema.
    Mutating,
    /// Session state, `SYSTEM`, `KILL`, or anything that writes outside the engine.
    Control,
    /// Did not parse, or is of a kind this version does not know.
    Unknown,
}

#[expect(unsafe_code, reason = "calls into libchdb")]
impl Connection {
    /// Opens a session; the first one of a process boots the engine on the path among `arguments`.
    /// `None` is all that the engine says about a failure.
    pub(crate) fn open(library: &'static Library, arguments: &[CString]) -> Option<Self> {
        let pointers: Vec<*const c_char> = arguments.iter().map(|text| text.as_ptr()).collect();
        // SAFETY: `pointers` are NUL-terminated strings that outlive the call.
        let raw =
            unsafe { (library.calls.chdb_connect)(pointers.len() as c_int, pointers.as_ptr()) };
        // SAFETY: non-null means it points to a handle, which may itself be null.
        if raw.is_null() || unsafe { *raw }.is_null() {
            return None;
        }
        Some(Self { library, raw })
    }

    /// Runs a statement and returns its whole result.
    pub(crate) fn query(
        &self,
        sql: &[u8],
        format: &str,
        parameters: &Parameters,
    ) -> Result<Output<'_>, Exception> {
        let list = ParameterList::new(parameters);
        // SAFETY: all pointers come with their lengths and outlive the call.
        let raw = unsafe {
            (self.library.calls.chdb_query_with_params_n)(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                list.names.as_ptr(),
                list.name_lengths.as_ptr(),
                list.values.as_ptr(),
                list.value_lengths.as_ptr(),
                list.names.len(),
            )
        };
        Output::new(self.library, raw)
    }

    /// Runs a statement for its effect.
    pub(crate) fn execute(&self, sql: &str) -> Result<(), Exception> {
        self.query(sql.as_bytes(), "Null", &[]).map(|_| ())
    }

    /// Starts a `SELECT` whose result is fetched piece by piece.
    pub(crate) fn stream(
        &self,
        sql: &[u8],
        format: &str,
        parameters: &Parameters,
    ) -> Result<Stream<'_>, Exception> {
        let list = ParameterList::new(parameters);
        // SAFETY: as in `query`.
        let raw = unsafe {
            (self.library.calls.chdb_stream_query_with_params_n)(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                list.names.as_ptr(),
                list.name_lengths.as_ptr(),
                list.values.as_ptr(),
                list.value_lengths.as_ptr(),
                list.names.len(),
            )
        };
        Ok(Stream {
            connection: self,
            started: Output::new(self.library, raw)?,
            ended: false,
        })
    }

    /// Starts an `INSERT` (its head, without `FORMAT`) whose data is appended piece by piece.
    pub(crate) fn insert(
        &self,
        head: &[u8],
        format: &str,
        parameters: &Parameters,
    ) -> Result<Insert<'_>, Exception> {
        let list = ParameterList::new(parameters);
        // SAFETY: as in `query`.
        let raw = unsafe {
            (self.library.calls.chdb_stream_insert_with_params_n)(
                self.handle(),
                head.as_ptr().cast(),
                head.len(),
                format.as_ptr().cast(),
                format.len(),
                list.names.as_ptr(),
                list.name_lengths.as_ptr(),
                list.values.as_ptr(),
                list.value_lengths.as_ptr(),
                list.names.len(),
            )
        };
        let insert = Insert {
            library: self.library,
            raw,
            connection: PhantomData,
        };
        match insert.error() {
            Some(exception) => Err(exception),
            None => Ok(insert),
        }
    }

    /// How many statements a text holds and what they do; nothing is run.
    pub(crate) fn classify(&self, sql: &[u8]) -> (u32, Class) {
        let mut analysis = RawAnalysis {
            struct_size: size_of::<RawAnalysis>() as u32,
            statement_count: 0,
            flags: 0,
            query_class: u32::MAX,
        };
        // SAFETY: `sql` comes with its length, no database is named, `analysis` says its own size.
        let state = unsafe {
            (self.library.calls.chdb_classify_query_n)(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                ptr::null(),
                0,
                &mut analysis,
            )
        };
        let class = match (state, analysis.query_class) {
            (0, 0) => Class::ReadOnly,
            (0, 1 | 2) => Class::Mutating,
            (0, 3) => Class::Control,
            _ => Class::Unknown,
        };
        (analysis.statement_count, class)
    }

    fn handle(&self) -> RawConnection {
        // SAFETY: checked at opening, valid until `Drop`.
        unsafe { *self.raw }
    }
}

#[expect(unsafe_code, reason = "calls into libchdb")]
impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: results and streams borrow the connection, so none is left.
        unsafe { (self.library.calls.chdb_close_conn)(self.raw) }
    }
}

/// A result that the engine owns; it borrows the connection, which must close after it.
pub(crate) struct Output<'connection> {
    library: &'static Library,
    raw: RawResult,
    connection: PhantomData<&'connection Connection>,
}

#[expect(unsafe_code, reason = "calls into libchdb")]
impl Output<'_> {
    fn new(library: &'static Library, raw: RawResult) -> Result<Self, Exception> {
        if raw.is_null() {
            return Err(Exception::unknown("the engine returned no result"));
        }
        let output = Self {
            library,
            raw,
            connection: PhantomData,
        };
        // SAFETY: `raw` is a live result.
        let error = unsafe { text((library.calls.chdb_result_error)(raw)) };
        match error {
            Some(message) => Err(Exception::from_engine(message)),
            None => Ok(output),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let calls = &self.library.calls;
        // SAFETY: `raw` is a live result; buffer and length belong together and live as long.
        unsafe {
            let length = (calls.chdb_result_length)(self.raw);
            let buffer = (calls.chdb_result_buffer)(self.raw);
            if length == 0 || buffer.is_null() {
                return &[];
            }
            std::slice::from_raw_parts(buffer.cast(), length)
        }
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let calls = &self.library.calls;
        // SAFETY: `raw` is a live result.
        unsafe {
            Statistics {
                read_rows: (calls.chdb_result_storage_rows_read)(self.raw),
                read_bytes: (calls.chdb_result_storage_bytes_read)(self.raw),
                written_rows: (calls.chdb_result_rows_written)(self.raw),
                written_bytes: (calls.chdb_result_bytes_written)(self.raw),
                result_rows: (calls.chdb_result_rows_read)(self.raw),
                result_bytes: (calls.chdb_result_bytes_read)(self.raw),
                elapsed_seconds: (calls.chdb_result_elapsed)(self.raw),
            }
        }
    }
}

#[expect(unsafe_code, reason = "calls into libchdb")]
impl Drop for Output<'_> {
    fn drop(&mut self) {
        // SAFETY: destroyed once, here.
        unsafe { (self.library.calls.chdb_destroy_query_result)(self.raw) }
    }
}

/// A running `SELECT`. Dropped before its end, it is cancelled.
pub(crate) struct Stream<'connection> {
    connection: &'connection Connection,
    started: Output<'connection>,
    ended: bool,
}

#[expect(unsafe_code, reason = "calls into libchdb")]
impl<'connection> Stream<'connection> {
    /// The next piece, a document of its own in the chosen format; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Output<'connection>>, Exception> {
        let library = self.connection.library;
        // SAFETY: connection and stream are live, and this thread is the only one using them.
        let raw = unsafe {
            (library.calls.chdb_stream_fetch_result)(self.connection.handle(), self.started.raw)
        };
        match Output::new(library, raw) {
            Ok(output) if output.bytes().is_empty() => {
                self.ended = true;
                Ok(None)
            }
            Ok(output) => Ok(Some(output)),
            Err(exception) => {
                self.ended = true;
                Err(exception)
            }
        }
    }
}

#[expect(unsafe_code, reason = "calls into libchdb")]
impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let calls = &self.connection.library.calls;
            // SAFETY: as in `next`; the handle itself is destroyed after this, with `started`.
            unsafe {
                (calls.chdb_stream_cancel_query)(self.connection.handle(), self.started.raw);
            }
        }
    }
}

/// A running `INSERT`. Dropped before `commit`, it is cancelled and nothing appended is kept
/// (but blocks that the engine had already made into parts, as on a ClickHouse server).
pub(crate) struct Insert<'connection> {
    library: &'static Library,
    raw: RawInsert,
    connection: PhantomData<&'connection Connection>,
}

#[expect(unsafe_code, reason = "calls into libchdb")]
impl Insert<'_> {
    /// Hands data to the engine; chunk borders are free. Blocks while the engine is behind.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), Exception> {
        // SAFETY: the engine copies `data` before it returns.
        let state = unsafe {
            (self.library.calls.chdb_stream_append)(
                self.raw,
                data.as_ptr().cast::<c_void>(),
                data.len(),
            )
        };
        if state == 0 {
            return Ok(());
        }
        Err(self
            .error()
            .unwrap_or_else(|| Exception::unknown("the engine refused the data")))
    }

    /// Writes everything; when it returns well, the rows are in the table.
    pub(crate) fn commit(self) -> Result<Statistics, Exception> {
        // SAFETY: `raw` is live; the handle itself is destroyed by `Drop`.
        let raw = unsafe { (self.library.calls.chdb_stream_done)(self.raw) };
        Ok(Output::new(self.library, raw)?.statistics())
    }

    fn error(&self) -> Option<Exception> {
        // SAFETY: never null by its contract, and live.
        let message = unsafe { text((self.library.calls.chdb_stream_insert_error)(self.raw)) };
        message.map(Exception::from_engine)
    }
}

#[expect(unsafe_code, reason = "calls into libchdb")]
impl Drop for Insert<'_> {
    fn drop(&mut self) {
        // SAFETY: destroyed once, here; the engine cancels first what was not finished.
        unsafe { (self.library.calls.chdb_destroy_insert_stream)(self.raw) }
    }
}

/// Parameters as the parallel arrays that the C API wants.
struct ParameterList {
    names: Vec<*const c_char>,
    name_lengths: Vec<usize>,
    values: Vec<*const c_char>,
    value_lengths: Vec<usize>,
}

impl ParameterList {
    fn new(parameters: &Parameters) -> Self {
        Self {
            names: parameters
                .iter()
                .map(|(name, _)| name.as_ptr().cast())
                .collect(),
            name_lengths: parameters.iter().map(|(name, _)| name.len()).collect(),
            values: parameters
                .iter()
                .map(|(_, value)| value.as_ptr().cast())
                .collect(),
            value_lengths: parameters.iter().map(|(_, value)| value.len()).collect(),
        }
    }
}

/// A C string that may be null.
#[expect(unsafe_code, reason = "reads a C string")]
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller passes null or a NUL-terminated string that is alive.
    Some(
        unsafe { CStr::from_ptr(pointer) }
            .to_string_lossy()
            .into_owned(),
    )
}
