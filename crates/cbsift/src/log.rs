//! What a process says besides its data: on standard error, as text or as one JSON object a line.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::EnvFilter;

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
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    if format == Format::Text {
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        let _ = lines.try_init();
        return;
    }
    let always = format!("{NOTICE}=info").parse();
    let filter = filter.add_directive(always.expect("a target and a level"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .json()
        .flatten_event(true);
    if lines.try_init().is_ok() {
        IS_JSON.store(true, Ordering::Relaxed);
        // The usual one writes several lines of text.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let said = panic.payload_as_str().unwrap_or("without a message");
            tracing::error!(target: NOTICE, place, "panic: {said}");
        }));
    }
}

/// What whoever started the process should see, whatever is filtered: addresses, a rewind, the rules in use.
pub(crate) fn say(line: &str) {
    if IS_JSON.load(Ordering::Relaxed) {
        tracing::info!(target: NOTICE, "{line}");
    } else {
        eprintln!("{line}");
    }
}

/// The error that ends the process, once, with its whole chain.
pub(crate) fn error(error: &anyhow::Error) {
    if IS_JSON.load(Ordering::Relaxed) {
        tracing::error!(target: NOTICE, "{error:#}");
    } else {
        eprintln!("error: {error:#}");
    }
}
