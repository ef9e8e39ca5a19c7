//! What a process says besides its data: on standard error, as text or as one JSON object a line.
//!
//! Names and texts of strangers stand in errors and in fields of log lines: they are made harmless here, once, on their way out.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::debug_fn;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

/// Since [`start`]: standard error belongs to the whole process, as the subscriber of its lines does.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// The target of notices, which no filter leaves out.
const NOTICE: &str = "cbsift::notice";

/// From now on log lines are written; RUST_LOG chooses them.
pub(crate) fn start(format: Format) {
    let filter = EnvFilter::new(filter());
    if format == Format::Text {
        let is_coloured = io::stderr().is_terminal();
        let _ =
            tracing::subscriber::set_global_default(text_lines(filter, is_coloured, io::stderr));
        return;
    }
    let always = format!("{NOTICE}=info").parse();
    let filter = filter.add_directive(always.expect("a target and a level"));
    if tracing::subscriber::set_global_default(json_lines(filter, io::stderr)).is_ok() {
        IS_JSON.store(true, Ordering::Relaxed);
    }
}

/// Writes lines for people. Values are cleaned one by one, as the line itself has colours.
fn text_lines<W: Write + 'static>(
    filter: EnvFilter,
    is_coloured: bool,
    out: impl Fn() -> W + Send + Sync + 'static,
) -> impl tracing::Subscriber + Send + Sync {
    let fields = debug_fn(|writer, field, value| {
        let value = format!("{value:?}");
        // What goes on, such as a hint, is set off, so that no text can forge a line of its own.
        let value = harmless::lines(&value).replace('\n', "\n  ");
        match field.name() {
            "message" => write!(writer, "{value}"),
            name => write!(writer, "{name}={value}"),
        }
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(out)
        .with_ansi(is_coloured)
        .fmt_fields(fields.delimited(" "))
        .finish()
}

/// Writes one JSON object a line.
fn json_lines<W: Write + 'static>(
    filter: EnvFilter,
    out: impl Fn() -> W + Send + Sync + 'static,
) -> impl tracing::Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || JsonLines(out()))
        .json()
        .flatten_event(true)
        .finish()
}

/// Escapes in JSON lines what must not reach a terminal. A line comes in one piece.
struct JsonLines<W>(W);

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.write_all(harmless::json(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// From now on a panic, on whatever thread, says where and of which build, and nothing of what it says itself:
/// that quotes what was worked on, and that is the text of a log.
pub(crate) fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, ToString::to_string);
        let current = std::thread::current();
        let thread = current.name().unwrap_or("without a name");
        let version = env!("CARGO_PKG_VERSION");
        // Names of functions only; taken where RUST_BACKTRACE asks for it.
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
        if IS_JSON.load(Ordering::Relaxed) {
            let backtrace = backtrace.map(|backtrace| backtrace.to_string());
            tracing::error!(target: NOTICE, place, thread, version, backtrace, "{PANICKED}");
            return;
        }
        let mut line = format!("{PANICKED} at {place} on thread `{thread}` of cbsift {version}\n");
        if let Some(backtrace) = backtrace {
            line.push_str(&format!("{backtrace}\n"));
        }
        // Standard error may be closed, and a panic here would end the process.
        let _ = io::stderr().write_all(harmless::lines(&line).as_bytes());
    }));
}

const PANICKED: &str = "panicked";

/// What RUST_LOG chooses.
pub(crate) fn filter() -> String {
    let chosen = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    match chosen.parse::<EnvFilter>() {
        Ok(_) if !chosen.is_empty() => chosen,
        _ => "warn".to_owned(),
    }
}

/// Log lines of the engine's process, which its parent puts into its own log: a level and the text.
pub(crate) fn start_child(filter: &str) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time();
    let _ = lines.try_init();
}

/// What whoever started the process should see, whatever is filtered: addresses, a rewind, the rules in use.
pub(crate) fn say(line: &str) {
    if IS_JSON.load(Ordering::Relaxed) {
        tracing::info!(target: NOTICE, "{line}");
    } else {
        print(line);
    }
}

/// What went wrong and was survived: a file that could not be read, …; on standard error whatever the form of log lines.
pub(crate) fn complain(error: impl Display) {
    print(&format!("error: {error}"));
}

/// The error that ends the process, once, with its whole chain.
pub(crate) fn error(error: &anyhow::Error) {
    if IS_JSON.load(Ordering::Relaxed) {
        tracing::error!(target: NOTICE, "{error:#}");
    } else {
        complain(format_args!("{error:#}"));
    }
}

/// A text for people on standard error. Whoever read it may be gone, and that ends nothing here.
pub(crate) fn print(text: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless::lines(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    const HOSTILE: &str = "a\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{61c}\u{2028}\u{e0041}\nERROR forged";

    fn log() {
        tracing::warn!(path = HOSTILE, shown = %HOSTILE, "cannot read: {HOSTILE}");
    }

    #[test]
    fn log_lines_carry_names_of_strangers_harmlessly() {
        let out = Written::default();
        let to = out.clone();
        let lines = text_lines(EnvFilter::new("warn"), false, move || to.clone());
        tracing::subscriber::with_default(lines, log);
        let text = out.text();
        assert!(
            text.contains("cannot read: a<U+001B>]0;x<U+0007><U+009B>2J<U+202E><U+061C>"),
            "{text}"
        );
        assert!(
            !text.contains(|c| harmless::is_unsafe(c) && c != '\n'),
            "{text:?}"
        );
        assert!(!text.contains("\nERROR"), "a forged line in {text}");
    }

    /// Tells this test, run once more as a process of its own, that it is the one to panic.
    const CHILD: &str = "CBSIFT_TEST_PANICS";

    #[test]
    fn a_panic_on_any_thread_says_where_and_nothing_of_the_text() {
        const SECRET: &str = "a secret of the record";
        if let Ok(form) = std::env::var(CHILD) {
            tell_of_panics();
            if form == "json" {
                start(Format::Json);
            }
            let text = format!("é{SECRET}{HOSTILE}");
            let slice = move || std::hint::black_box(&text)[1..].len();
            let thread = std::thread::Builder::new().name("reader\u{1b}[2J".to_owned());
            assert!(thread.spawn(slice).unwrap().join().is_err());
            return;
        }
        for form in ["text", "json"] {
            let child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "--nocapture"])
                .arg("log::tests::a_panic_on_any_thread_says_where_and_nothing_of_the_text")
                .env(CHILD, form)
                .env_remove("RUST_BACKTRACE")
                .output()
                .unwrap();
            let said = String::from_utf8(child.stderr).unwrap();
            assert!(child.status.success(), "{said}");
            let lines: Vec<&str> = said
                .lines()
                .filter(|line| line.contains("panicked"))
                .collect();
            let [line] = lines[..] else {
                panic!("one line in {said}")
            };
            for part in ["src/log.rs:", "reader", env!("CARGO_PKG_VERSION")] {
                assert!(line.contains(part), "{part} in {line}");
            }
            assert!(!said.contains(SECRET), "{said}");
            assert!(!line.contains(harmless::is_unsafe), "{said:?}");
            let json = serde_json::from_str::<serde_json::Value>(line);
            assert_eq!(json.is_ok(), form == "json", "{line}");
        }
    }

    #[test]
    fn log_lines_of_json_keep_the_value_and_escape_it() {
        let out = Written::default();
        let to = out.clone();
        let lines = json_lines(EnvFilter::new("warn"), move || to.clone());
        tracing::subscriber::with_default(lines, log);
        let text = out.text();
        assert!(
            !text.trim_end_matches('\n').contains(harmless::is_unsafe),
            "{text:?}"
        );
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["path"], HOSTILE);
        assert_eq!(line["message"], format!("cannot read: {HOSTILE}"));
    }
}
