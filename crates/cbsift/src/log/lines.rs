//! Log lines of roles: as text, or as one JSON object a line.

use std::backtrace::Backtrace;
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

/// Says a panic as a log line; false where people read text.
pub(super) fn panicked(place: &str, thread: &str, backtrace: Option<&Backtrace>) -> bool {
    let is_json = IS_JSON.load(Ordering::Relaxed);
    if is_json {
        let version = env!("CARGO_PKG_VERSION");
        let backtrace = backtrace.map(ToString::to_string);
        let panicked = super::PANICKED;
        tracing::error!(target: NOTICE, place, thread, version, backtrace, "{panicked}");
    }
    is_json
}

/// Says the error that ends the process as a log line; false where people read text.
pub(super) fn failed(error: &anyhow::Error) -> bool {
    let is_json = IS_JSON.load(Ordering::Relaxed);
    if is_json {
        tracing::error!(target: NOTICE, "{error:#}");
    }
    is_json
}

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
        super::print(line);
    }
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
            crate::log::tell_of_panics();
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
                .arg("log::lines::tests::a_panic_on_any_thread_says_where_and_nothing_of_the_text")
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
            for part in ["src/log/lines.rs:", "reader", env!("CARGO_PKG_VERSION")] {
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
