//! A progress bar for what takes longer than a second, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Shows how far a task is; silent where standard error is no terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: OnceLock<Instant>,
}

/// Shorter tasks show nothing.
const PATIENCE: Duration = Duration::from_secs(1);

impl Progress {
    pub(crate) fn new(is_quiet: bool) -> Self {
        Self::styled(
            is_quiet,
            "{wide_msg} {bytes}/{total_bytes} {bytes_per_sec} {eta} [{bar:24}]",
        )
    }

    /// Of parts whose bytes nobody knows before they are read.
    pub(crate) fn of_parts(is_quiet: bool) -> Self {
        Self::styled(is_quiet, "{wide_msg} {pos}/{len} {eta} [{bar:24}]")
    }

    fn styled(is_quiet: bool, template: &str) -> Self {
        let bar = ProgressBar::hidden();
        if !is_quiet && std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(template);
            if let Ok(style) = style {
                bar.set_style(style.progress_chars("=> "));
            }
        }
        Self {
            bar,
            started: OnceLock::new(),
        }
    }

    /// How many parts are done, of how many.
    #[cfg(feature = "server")]
    pub(crate) fn reach(&self, done: u64, parts: u64) {
        self.start(parts);
        self.bar.set_position(done);
        self.add(0);
    }

    pub(crate) fn start(&self, total: u64) {
        self.bar.set_length(total);
        let _ = self.started.set(Instant::now());
    }

    /// Names what is being read.
    pub(crate) fn at(&self, name: &str) {
        self.bar.set_message(harmless::line(name).into_owned());
    }

    /// Whether somebody may see it.
    pub(crate) fn is_shown(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    pub(crate) fn add(&self, count: u64) {
        self.bar.inc(count);
        let is_due = self
            .started
            .get()
            .is_some_and(|started| started.elapsed() > PATIENCE);
        if is_due && self.bar.is_hidden() && std::io::stderr().is_terminal() {
            self.bar
                .set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
    }

    /// Says something above the bar.
    pub(crate) fn say(&self, text: &str) {
        if self.bar.is_hidden() {
            crate::log::print(text);
        } else {
            self.bar.println(harmless::lines(text));
        }
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
