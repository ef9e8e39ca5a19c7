//! One request on its own thread: reads the body, hands statement and data to the engine, answers.

use std::io::{BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::access::Access;
use crate::body::{self, Piece};
use crate::connection::{Class, Connection, Statistics, Stream};
use crate::engine::{DATABASE, Engine, spawn_on_engine_stack};
use crate::exception::Exception;
use crate::format::{self, Pieces};
use crate::multipart;
use crate::policy;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::session::Sessions;
use crate::statement::{self, InsertHead, Scan, Statement};

/// The largest statement that is all text. The engine's own limit (`max_query_size`, 256 KiB) is
/// lower, but it does not count the values of `INSERT … VALUES` and of parameters.
const MAX_TEXT_BYTES: u64 = 16 * 1024 * 1024;

/// The largest head of an `INSERT` whose data follows: names of some ten thousand columns.
const MAX_HEAD_BYTES: usize = 1024 * 1024;

/// ClickHouse's default over HTTP.
const DEFAULT_FORMAT: &str = "TabSeparated";

/// Statements that the engine's parser may call "control" and for which the grants decide
/// (`CREATE` and `DROP` because of temporary tables). Any other of that class writes a file.
const CONTROL_VERBS: [&str; 9] = [
    "SET", "USE", "KILL", "SYSTEM", "INSERT", "CREATE", "DROP", "BACKUP", "RESTORE",
];

/// Statements that may name a table's engine or disk.
const DEFINITIONS: [&str; 4] = ["CREATE", "ALTER", "ATTACH", "REPLACE"];

/// Settings that make a result more than one sequence of rows.
const WHOLE_RESULT_SETTINGS: [&str; 2] = ["extremes", "output_format_json_array_of_rows"];

/// All that a request needs on its thread.
pub(crate) struct Job {
    pub(crate) engine: Arc<Engine>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) request: Request,
    pub(crate) pieces: mpsc::Receiver<Piece>,
    pub(crate) reply: Reply,
    pub(crate) mark: Mark,
    /// Held until the thread ends.
    pub(crate) permit: OwnedSemaphorePermit,
}

impl Job {
    /// Runs to the answer, whatever it is.
    pub(crate) fn run(mut self) {
        let (_unused, closed) = mpsc::channel(1);
        let pieces = std::mem::replace(&mut self.pieces, closed);
        let mut body = body::decoded(pieces, self.request.encoding);
        // Said only now, when the session is free again: the client may use it at once.
        match self.run_in_session(&mut *body) {
            Ok(Finish::Whole {
                format,
                bytes,
                statistics,
            }) => self.reply.whole(&format, bytes, statistics),
            Ok(Finish::Streamed) => self.reply.end(),
            Err(exception) => self.reply.fail(exception),
        }
        self.mark.done.store(true, Ordering::Release);
        drop(self.permit);
    }

    fn run_in_session(&mut self, body: &mut dyn BufRead) -> Result<Finish, Exception> {
        let mut empty: &[u8] = &[];
        let mut body = body;
        if let Some(boundary) = self.request.form_boundary.take() {
            let mut form = Vec::new();
            read_to_end(body, &mut form)?;
            for (name, value) in multipart::fields(&form, &boundary)? {
                let value = String::from_utf8(value).map_err(|_| {
                    Exception::bad_arguments(format_args!("field `{name}` is not UTF-8"))
                })?;
                self.request.take(&name, &value)?;
            }
            body = &mut empty;
        }
        if self.request.access == Access::Reader {
            return self.read(body);
        }
        let session = self.request.session.take();
        let Some(session) = session else {
            let connection = self.engine.connect()?;
            self.prepare(&connection, true)?;
            return self.run_statement(&connection, body);
        };
        let mut lease = self.sessions.take(self.request.access, &session)?;
        let (connection, is_new) = match lease.connection.take() {
            Some(connection) => (connection, false),
            None => (self.engine.connect()?, true),
        };
        let result = self
            .prepare(&connection, is_new)
            .and_then(|()| self.run_statement(&connection, body));
        self.reset_settings(&connection);
        lease.give_back(connection);
        result
    }

    /// A reader's statement, on a connection that the engine itself keeps from everything else, too.
    fn read(&mut self, body: &mut dyn BufRead) -> Result<Finish, Exception> {
        let mut text = std::mem::take(&mut self.request.sql);
        if !text.is_empty() {
            text.push(b'\n');
        }
        let most = policy::MAX_STATEMENT_BYTES as u64 + 1;
        body.take(most).read_to_end(&mut text)?;

        // The engine's print of a text with data after it would be of no use to whoever sent it.
        if let Scan::Insert(_) = statement::scan(&text, true) {
            return Err(not_for_readers());
        }

        let engine = self.engine.clone();
        let policy = engine.policy();
        let connection = engine.connect()?;
        policy.bound(&connection)?;
        let approved = policy.approve(&connection, &text, &self.request.parameters)?;
        policy.restrict(&connection)?;
        self.request.settings.extend(approved.settings);
        if approved.format.is_some() {
            self.request.default_format = approved.format;
        }
        self.apply_settings(&connection)?;
        let Scan::Other(statement) = statement::scan(approved.sql.as_bytes(), true) else {
            return Err(not_for_readers());
        };
        self.other(&connection, approved.sql.as_bytes(), statement)
    }

    /// Settings of the address hold for one request; those of a `SET` for the session.
    fn reset_settings(&self, connection: &Connection) {
        for (name, _) in &self.request.settings {
            // A name that the engine does not know was never set.
            let _ = connection.execute(&format!("SET `{name}` = DEFAULT"));
        }
    }

    /// Rights, database and settings.
    fn prepare(&self, connection: &Connection, is_new: bool) -> Result<(), Exception> {
        let request = &self.request;
        // A `GET` in a session relies on the class alone: this setting could not be taken back.
        if is_new && request.is_get && request.session.is_none() {
            connection.execute("SET readonly = 2")?;
        }
        match &request.database {
            Some(database) => {
                connection.execute(&format!("USE `{}`", escaped(database, '`')))?;
            }
            None if is_new => {
                // Fails if somebody dropped it, and must not keep them from making it again.
                let _ = connection.execute(&format!("USE {DATABASE}"));
            }
            None => {}
        }
        self.apply_settings(connection)
    }

    fn apply_settings(&self, connection: &Connection) -> Result<(), Exception> {
        let mut settings = String::from("SET ");
        for (name, value) in &self.request.settings {
            settings.push_str(&format!("`{name}` = '{}', ", escaped(value, '\'')));
        }
        // The C API lets nobody choose a query id, so this is how a query is found again to kill it.
        settings.push_str(&format!("log_comment = '{}'", self.mark.tag));
        connection.execute(&settings)
    }

    /// Reads as much of the text as it takes to know what it is.
    fn run_statement(
        &mut self,
        connection: &Connection,
        body: &mut dyn BufRead,
    ) -> Result<Finish, Exception> {
        let mut text = std::mem::take(&mut self.request.sql);
        if !text.is_empty() {
            text.push(b'\n');
        }
        let mut complete = false;
        loop {
            match statement::scan(&text, complete) {
                Scan::HeadIncomplete if text.len() > MAX_HEAD_BYTES => {
                    return Err(Exception::new(
                        62,
                        "SYNTAX_ERROR",
                        format_args!(
                            "no FORMAT, VALUES or SELECT in the first {MAX_HEAD_BYTES} bytes"
                        ),
                    ));
                }
                Scan::HeadIncomplete => {
                    let more = body.fill_buf()?;
                    let amount = more.len();
                    text.extend_from_slice(more);
                    body.consume(amount);
                    complete = amount == 0;
                }
                Scan::TextIncomplete => {
                    read_to_end(body, &mut text)?;
                    complete = true;
                }
                Scan::Insert(head) => return self.insert(connection, text, head, body),
                Scan::Other(statement) => return self.other(connection, &text, statement),
            }
        }
    }

    /// `INSERT` with data: streams it as it comes.
    fn insert(
        &mut self,
        connection: &Connection,
        mut text: Vec<u8>,
        head: InsertHead,
        body: &mut dyn BufRead,
    ) -> Result<Finish, Exception> {
        if self.must_not_write() {
            return Err(not_for_readers());
        }
        if head.touches_files {
            return Err(no_files());
        }
        let parameters = &self.request.parameters;
        if head.format == "Values" {
            // The engine ignores what follows a semicolon; a second statement must not vanish.
            read_to_end(body, &mut text)?;
            if statement::has_more_after_semicolon(&text[head.data_at..]) {
                return Err(one_at_a_time());
            }
            if !parameters.is_empty() {
                // A stream knows the parameters of its head only; these stand among the values.
                let output = connection.query(&text, "Null", parameters)?;
                return Ok(Finish::nothing(&head.format, output.statistics()));
            }
        }
        let mut insert = connection.insert(&text[..head.end], &head.format, parameters)?;
        if head.data_at < text.len() {
            insert.append(&text[head.data_at..])?;
        }
        drop(text);
        loop {
            // An error here drops the insert, which cancels it.
            let data = body.fill_buf()?;
            if data.is_empty() {
                break;
            }
            insert.append(data)?;
            let amount = data.len();
            body.consume(amount);
        }
        let statistics = insert.commit()?;
        Ok(Finish::nothing(&head.format, statistics))
    }

    /// Any statement that is all text.
    fn other(
        &mut self,
        connection: &Connection,
        text: &[u8],
        statement: Statement,
    ) -> Result<Finish, Exception> {
        if statement.verb.is_empty() {
            return Err(Exception::new(62, "SYNTAX_ERROR", "Empty query"));
        }
        if statement.touches_files {
            return Err(no_files());
        }
        let sql = &text[..statement.end];
        let (count, class) = connection.classify(sql);
        if statement.several || count > 1 {
            return Err(one_at_a_time());
        }
        if self.must_not_write() && class != Class::ReadOnly {
            return Err(not_for_readers());
        }
        if class == Class::Control && !CONTROL_VERBS.contains(&statement.verb.as_str()) {
            return Err(no_files());
        }
        if DEFINITIONS.contains(&statement.verb.as_str()) {
            policy::check_definition(&self.engine.connect()?, sql)?;
        }
        let format = statement
            .format
            .clone()
            .or_else(|| self.request.default_format.clone())
            .unwrap_or_else(|| DEFAULT_FORMAT.to_owned());
        if class == Class::ReadOnly {
            self.mark.killable.store(true, Ordering::Release);
        }
        let pieces = self.pieces_of(&statement, class, &format);
        if pieces != Pieces::Whole {
            match connection.stream(sql, &format, &self.request.parameters) {
                Ok(stream) => return self.stream(stream, &format, pieces),
                Err(exception) if is_not_streamable(&exception) => {}
                Err(exception) => return Err(exception),
            }
        }
        let output = connection.query(sql, &format, &self.request.parameters)?;
        Ok(Finish::Whole {
            bytes: Bytes::copy_from_slice(output.bytes()),
            statistics: output.statistics(),
            format,
        })
    }

    fn pieces_of(&self, statement: &Statement, class: Class, format: &str) -> Pieces {
        let is_query = class == Class::ReadOnly && matches!(&*statement.verb, "SELECT" | "WITH");
        let mut settings = self.request.settings.iter();
        let is_plain = !statement.has_totals
            && !settings.any(|(name, _)| WHOLE_RESULT_SETTINGS.contains(&name.as_str()));
        if is_query && is_plain && !self.request.wait_end_of_query {
            format::pieces(format)
        } else {
            Pieces::Whole
        }
    }

    fn stream(
        &mut self,
        mut stream: Stream<'_>,
        format: &str,
        pieces: Pieces,
    ) -> Result<Finish, Exception> {
        // The first piece decides about the status.
        let mut next = stream.next()?;
        self.reply.stream(format);
        let mut is_first = true;
        while let Some(output) = next {
            let bytes = output.bytes();
            let repeated = match pieces {
                Pieces::RepeatHeader { with_types } if !is_first => {
                    format::header_bytes(bytes, with_types).unwrap_or(0)
                }
                _ => 0,
            };
            is_first = false;
            if bytes.len() > repeated {
                let piece = Bytes::copy_from_slice(&bytes[repeated..]);
                if self.reply.piece(piece).is_err() {
                    // Nobody listens. Dropping the stream cancels the query.
                    break;
                }
            }
            next = stream.next()?;
        }
        Ok(Finish::Streamed)
    }

    fn must_not_write(&self) -> bool {
        self.request.is_get || self.request.access == Access::Reader
    }
}

/// How a statement that went well is answered.
enum Finish {
    Whole {
        format: String,
        bytes: Bytes,
        statistics: Statistics,
    },
    /// The rows are on their way.
    Streamed,
}

impl Finish {
    fn nothing(format: &str, statistics: Statistics) -> Self {
        Self::Whole {
            format: format.to_owned(),
            bytes: Bytes::new(),
            statistics,
        }
    }
}

fn read_to_end(body: &mut dyn BufRead, text: &mut Vec<u8>) -> Result<(), Exception> {
    body.take(MAX_TEXT_BYTES + 1).read_to_end(text)?;
    if text.len() as u64 > MAX_TEXT_BYTES {
        return Err(Exception::too_large(format_args!(
            "the statement is longer than {MAX_TEXT_BYTES} bytes"
        )));
    }
    Ok(())
}

fn escaped(text: &str, quote: char) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character == quote || character == '\\' {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn not_for_readers() -> Exception {
    Exception::read_only(
        "Cannot execute query in readonly mode: a GET, or a token that only reads; use POST and the other token",
    )
}

fn no_files() -> Exception {
    Exception::not_implemented(
        "reading or writing files of the server (INTO OUTFILE, FROM INFILE) is not available",
    )
}

fn one_at_a_time() -> Exception {
    Exception::new(
        62,
        "SYNTAX_ERROR",
        "Multi-statements are not allowed: send one at a time",
    )
}

fn is_not_streamable(exception: &Exception) -> bool {
    exception.code == 36
        && exception
            .to_string()
            .contains("Streaming query is not supported")
}

/// By what a query is known to others: the tag it carries in the engine, and how far it is.
#[derive(Clone)]
pub(crate) struct Mark {
    tag: String,
    /// Only what leaves no trace may be killed when nobody waits for it any more.
    killable: Arc<AtomicBool>,
    done: Arc<AtomicBool>,
}

impl Mark {
    pub(crate) fn new() -> Self {
        Self {
            tag: format!("cbsift-{}", reply::random_hex()),
            killable: Arc::default(),
            done: Arc::default(),
        }
    }
}

/// Watches over a query on behalf of the connection: dropped before the answer is complete, the
/// client is gone, and the query is killed.
pub(crate) struct Running {
    engine: Arc<Engine>,
    mark: Mark,
    is_finished: bool,
}

/// How long a query that does not react is asked again. It answers within one block of rows.
const KILL_FOR: Duration = Duration::from_secs(30);
const KILL_AGAIN_AFTER: Duration = Duration::from_millis(50);

impl Running {
    pub(crate) fn new(engine: Arc<Engine>, mark: Mark) -> Self {
        Self {
            engine,
            mark,
            is_finished: false,
        }
    }

    /// The answer is complete.
    pub(crate) fn finished(&mut self) {
        self.is_finished = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mark = self.mark.clone();
        let is_over = self.is_finished || mark.done.load(Ordering::Acquire);
        if is_over || !mark.killable.load(Ordering::Acquire) {
            return;
        }
        let engine = self.engine.clone();
        let started = spawn_on_engine_stack("engine-kill", move || kill(&engine, &mark));
        if let Err(error) = started {
            tracing::warn!(%error, "cannot kill a query whose client is gone");
        }
    }
}

fn kill(engine: &Engine, mark: &Mark) {
    let sql = format!(
        "KILL QUERY WHERE Settings['log_comment'] = '{}' ASYNC",
        mark.tag
    );
    let deadline = Instant::now() + KILL_FOR;
    // Asked again, because the query may not have begun when it was asked first.
    while !mark.done.load(Ordering::Acquire) && Instant::now() < deadline {
        let killed = engine
            .connect()
            .and_then(|connection| connection.execute(&sql));
        if let Err(exception) = killed {
            tracing::warn!(%exception, "cannot kill a query whose client is gone");
            return;
        }
        thread::sleep(KILL_AGAIN_AFTER);
    }
}
