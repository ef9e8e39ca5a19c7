//! What a process says besides its data: on standard error, as text or as one JSON object a line.
//!
//! Names and texts of strangers stand in errors and in fields of log lines: they are made harmless here, once, on their way out.

#[cfg(feature = "server")]
mod lines;

#[cfg(feature = "server")]
pub(crate) use lines::{Format, filter, say, start, start_child};

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::{self, Write};

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
        #[cfg(feature = "server")]
        if lines::panicked(&place, thread, backtrace.as_ref()) {
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

/// What went wrong and was survived: a file that could not be read, …; on standard error whatever the form of log lines.
pub(crate) fn complain(error: impl Display) {
    print(&format!("error: {error}"));
}

/// The error that ends the process, once, with its whole chain.
pub(crate) fn error(error: &anyhow::Error) {
    #[cfg(feature = "server")]
    if lines::failed(error) {
        return;
    }
    complain(format_args!("{error:#}"));
}

/// A text for people on standard error. Whoever read it may be gone, and that ends nothing here.
pub(crate) fn print(text: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless::lines(text));
}
