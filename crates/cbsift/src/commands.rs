//! The command line: one file a command.

mod audit;
mod config;
mod dead_letters;
mod dead_units;
mod doctor;
mod endpoints;
mod engine;
mod explain;
mod ingest;
mod migrate;
mod pipeline;
mod reprocess;
mod rules;
mod scan;
mod send;
mod simulate;
mod tokens;
mod up;
mod web;

use crate::misuse::Misuse;
use crate::settings::Settings;
use clap::{Args, Parser, Subcommand};
use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Finds the record that caused a failed Windows update.
#[derive(Parser)]
#[command(name = "cbsift", version, propagate_version = true, disable_help_subcommand = true, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Start here:
  cbsift scan C:\\Windows\\Logs\\CBS        why did updates fail on this PC?
  cbsift explain 0x80070570             what does this code mean?
  cbsift up                             pages, store and intake for a fleet, on this machine

Exit status: 0 = did it (also when failures were found), 1 = could not, or not wholly, 2 = wrong arguments or configuration;
`scan --fail-on` adds 3, see `cbsift scan --help`.";

#[derive(Subcommand)]
enum Command {
    Scan(scan::Arguments),
    Explain(explain::Arguments),
    Up(up::Arguments),
    Send(send::Arguments),
    Simulate(simulate::Arguments),
    Ingest(ingest::Arguments),
    Pipeline(pipeline::Arguments),
    Web(web::Arguments),
    Engine(engine::Arguments),
    Migrate(migrate::Arguments),
    Rules(rules::Arguments),
    Reprocess(reprocess::Arguments),
    DeadLetters(dead_letters::Arguments),
    DeadUnits(dead_units::Arguments),
    Tokens(tokens::Arguments),
    Endpoints(endpoints::Arguments),
    Audit(audit::Arguments),
    Config(config::Arguments),
    Doctor(doctor::Arguments),
}

/// What describes the site.
#[derive(Args)]
struct Site {
    /// Configuration file; `cbsift config show` lists every key
    #[arg(long, value_name = "FILE", env = "CBSIFT_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Folder of the embedded engine's data and of the token [default: store.data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

impl Site {
    /// Flags as keys of the configuration.
    fn flags(&self) -> Vec<(&'static str, String)> {
        self.data
            .iter()
            .map(|data| ("store.data", data.to_string_lossy().into_owned()))
            .collect()
    }
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Scan(arguments) => scan::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Up(arguments) => up::run(arguments),
        Command::Send(arguments) => send::run(arguments),
        Command::Simulate(arguments) => simulate::run(arguments),
        Command::Ingest(arguments) => ingest::run(arguments),
        Command::Pipeline(arguments) => pipeline::run(arguments),
        Command::Web(arguments) => web::run(arguments),
        Command::Engine(arguments) => engine::run(arguments),
        Command::Migrate(arguments) => migrate::run(arguments),
        Command::Rules(arguments) => rules::run(arguments),
        Command::Reprocess(arguments) => reprocess::run(arguments),
        Command::DeadLetters(arguments) => dead_letters::run(arguments),
        Command::DeadUnits(arguments) => dead_units::run(arguments),
        Command::Tokens(arguments) => tokens::run(arguments),
        Command::Endpoints(arguments) => endpoints::run(arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
    }
}

/// Whether whoever reads standard output still does: `cbsift scan … | head` is no failure, and no success where there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Listens,
    Left,
}

/// Data goes to standard output in one piece. Names and texts of strangers in it are made harmless.
fn print(text: &str) -> anyhow::Result<Reader> {
    print_as_is(&harmless::lines(text))
}

/// The same for a report, whose colours are escape sequences too: it has made harmless what is not its own.
fn print_as_is(text: &str) -> anyhow::Result<Reader> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::Listens),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Reader::Left),
        Err(error) => Err(anyhow::Error::new(error).context("write to standard output")),
    }
}

/// A line on standard output of a process that goes on whether somebody reads it or not.
fn tell(line: &str) {
    let _ = print(&format!("{line}\n"));
}

/// What was made of some text; nothing where making it failed, as it may on some text that nobody thought of.
fn survived<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// The language asked for, or that of the locale.
fn language(asked: Option<crate::report::Language>) -> crate::report::Language {
    asked.unwrap_or_else(|| {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        crate::report::Language::of_locale(&locale.unwrap_or_default())
    })
}

/// Colour and width of standard output.
fn style() -> crate::report::Style {
    let is_terminal = std::io::stdout().is_terminal();
    let asked = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let of_terminal = || terminal_size::terminal_size_of(std::io::stdout());
    let columns = asked.or_else(|| Some(usize::from(of_terminal()?.0.0)));
    crate::report::Style {
        colour: is_terminal && std::env::var_os("NO_COLOR").is_none(),
        // In a file or a mail 100 are read well; beyond 140 the eye loses the line, and below 40 no value is left beside its label.
        width: columns.unwrap_or(100).clamp(40, 140),
    }
}

/// The token of who sends: a file, CBSIFT_TOKEN, or what `up` on this machine made.
fn sender_token(file: Option<&Path>, settings: &Settings) -> anyhow::Result<String> {
    match (file, std::env::var("CBSIFT_TOKEN")) {
        (Some(file), _) => crate::token::read(file)
            .map_err(|error| Misuse(format!("`--token-file`: {error:#}")).into()),
        (None, Ok(token)) => Ok(token),
        (None, Err(_)) => crate::token::read(&crate::token::path(&settings.data, crate::token::Holder::Sender)).map_err(|error| {
            error.context("no token was given\nhint: start `cbsift up` first, or name a token with --token-file or CBSIFT_TOKEN")
        }),
    }
}
