//! The command line: one file a command.

#[cfg(feature = "server")]
mod alert;
#[cfg(feature = "server")]
mod alerts;
#[cfg(feature = "server")]
mod audit;
mod backfill;
mod completions;
mod config;
#[cfg(feature = "server")]
mod dead_letters;
#[cfg(feature = "server")]
mod dead_units;
#[cfg(feature = "server")]
mod doctor;
pub(crate) mod double_click;
#[cfg(feature = "server")]
mod endpoints;
#[cfg(feature = "server")]
mod engine;
#[cfg(feature = "server")]
mod erase;
mod explain;
#[cfg(feature = "server")]
mod export;
#[cfg(feature = "server")]
mod ingest;
#[cfg(feature = "server")]
mod migrate;
#[cfg(feature = "server")]
mod pipeline;
#[cfg(feature = "server")]
mod reprocess;
pub(crate) mod rules;
mod scan;
mod send;
#[cfg(feature = "server")]
mod simulate;
#[cfg(feature = "server")]
mod tokens;
mod tree;
#[cfg(feature = "server")]
mod up;
mod verify;
#[cfg(feature = "server")]
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
#[command(name = "cbsift", version, propagate_version = true, disable_help_subcommand = true, after_help = after_help())]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn after_help() -> String {
    // Only where this program can be one.
    let up = if cfg!(feature = "server") {
        "\n  cbsift up                             pages, store and intake for a fleet, on this machine"
    } else {
        ""
    };
    format!(
        "\
Start here:
  cbsift scan                           why did updates fail on this PC? reads its own logs, on Windows
  cbsift scan D:\\Windows\\Logs\\CBS        the same of logs in hand
  cbsift explain 0x80070570             what does this code mean?{up}

Exit status: 0 = did it (also when failures were found), 1 = could not, or not wholly, 2 = wrong arguments or configuration;
`scan --fail-on` adds 3, see `cbsift scan --help`."
    )
}

#[derive(Subcommand)]
enum Command {
    Scan(scan::Arguments),
    Explain(explain::Arguments),
    #[cfg(feature = "server")]
    Up(up::Arguments),
    Send(send::Arguments),
    Backfill(backfill::Arguments),
    Verify(verify::Arguments),
    Tree(tree::Arguments),
    #[cfg(feature = "server")]
    Simulate(simulate::Arguments),
    #[cfg(feature = "server")]
    Ingest(ingest::Arguments),
    #[cfg(feature = "server")]
    Pipeline(pipeline::Arguments),
    #[cfg(feature = "server")]
    Web(web::Arguments),
    #[cfg(feature = "server")]
    Alert(alert::Arguments),
    #[cfg(feature = "server")]
    Alerts(alerts::Arguments),
    #[cfg(feature = "server")]
    Engine(engine::Arguments),
    #[cfg(feature = "server")]
    Migrate(migrate::Arguments),
    Rules(rules::Arguments),
    #[cfg(feature = "server")]
    Reprocess(reprocess::Arguments),
    #[cfg(feature = "server")]
    Export(export::Arguments),
    #[cfg(feature = "server")]
    Erase(erase::Arguments),
    #[cfg(feature = "server")]
    DeadLetters(dead_letters::Arguments),
    #[cfg(feature = "server")]
    DeadUnits(dead_units::Arguments),
    #[cfg(feature = "server")]
    Tokens(tokens::Arguments),
    #[cfg(feature = "server")]
    Endpoints(endpoints::Arguments),
    #[cfg(feature = "server")]
    Audit(audit::Arguments),
    Config(config::Arguments),
    Completions(completions::Arguments),
    #[cfg(feature = "server")]
    Doctor(doctor::Arguments),
}

/// What describes the site.
#[derive(Args)]
struct Site {
    /// Configuration file; `cbsift config show` lists every key
    #[arg(long, value_name = "FILE", env = "CBSIFT_CONFIG", global = true)]
    config: Option<PathBuf>,
    #[cfg(feature = "server")]
    /// Folder of the embedded engine's data and of the token [default: store.data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

impl Site {
    /// No key of the configuration is a flag too.
    #[cfg(not(feature = "server"))]
    fn flags(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Flags as keys of the configuration.
    #[cfg(feature = "server")]
    fn flags(&self) -> Vec<(&'static str, String)> {
        self.data
            .iter()
            .map(|data| ("store.data", data.to_string_lossy().into_owned()))
            .collect()
    }
}

/// Runs a command on the store that the settings name, which answers with all that was acknowledged.
#[cfg(feature = "server")]
fn on_store(
    site: &Site,
    work: impl AsyncFnOnce(&store::Store, &Settings) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let (settings, _) = crate::settings::load(site.config.as_deref(), &site.flags())?;
    crate::log::start(crate::log::Format::Text);
    crate::run::role(async {
        let access = crate::access::Access::open(&settings).await?;
        let store = access.store().clone().sequential();
        let done = work(&store, &settings).await;
        access.close().await?;
        done
    })
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Scan(arguments) => scan::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        #[cfg(feature = "server")]
        Command::Up(arguments) => up::run(arguments),
        Command::Send(arguments) => send::run(arguments),
        Command::Backfill(arguments) => backfill::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Tree(arguments) => tree::run(arguments),
        Command::Completions(arguments) => completions::run(arguments),
        #[cfg(feature = "server")]
        Command::Simulate(arguments) => simulate::run(arguments),
        #[cfg(feature = "server")]
        Command::Ingest(arguments) => ingest::run(arguments),
        #[cfg(feature = "server")]
        Command::Pipeline(arguments) => pipeline::run(arguments),
        #[cfg(feature = "server")]
        Command::Web(arguments) => web::run(arguments),
        #[cfg(feature = "server")]
        Command::Alert(arguments) => alert::run(arguments),
        #[cfg(feature = "server")]
        Command::Alerts(arguments) => alerts::run(arguments),
        #[cfg(feature = "server")]
        Command::Engine(arguments) => engine::run(arguments),
        #[cfg(feature = "server")]
        Command::Migrate(arguments) => migrate::run(arguments),
        Command::Rules(arguments) => rules::run(arguments),
        #[cfg(feature = "server")]
        Command::Reprocess(arguments) => reprocess::run(arguments),
        #[cfg(feature = "server")]
        Command::Export(arguments) => export::run(&arguments),
        #[cfg(feature = "server")]
        Command::Erase(arguments) => erase::run(&arguments),
        #[cfg(feature = "server")]
        Command::DeadLetters(arguments) => dead_letters::run(arguments),
        #[cfg(feature = "server")]
        Command::DeadUnits(arguments) => dead_units::run(arguments),
        #[cfg(feature = "server")]
        Command::Tokens(arguments) => tokens::run(arguments),
        #[cfg(feature = "server")]
        Command::Endpoints(arguments) => endpoints::run(arguments),
        #[cfg(feature = "server")]
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Config(arguments) => config::run(arguments),
        #[cfg(feature = "server")]
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

/// The language asked for, or that of the locale, or that of Windows.
fn language(asked: Option<crate::report::Language>) -> crate::report::Language {
    use crate::report::Language;
    asked.unwrap_or_else(|| {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        match (locale, windows_here::ui_language()) {
            (None, Some(id)) => Language::of_windows(id),
            (locale, _) => Language::of_locale(&locale.unwrap_or_default()),
        }
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
        colour: is_terminal
            && std::env::var_os("NO_COLOR").is_none()
            && windows_here::takes_escapes(),
        // In a file or a mail 100 are read well; beyond 140 the eye loses the line, and below 40 no value is left beside its label.
        width: columns.unwrap_or(100).clamp(40, 140),
    }
}

/// The token of who sends: a file, or CBSIFT_TOKEN.
#[cfg(not(feature = "server"))]
fn sender_token(file: Option<&Path>, _: &Settings) -> anyhow::Result<String> {
    match (file, std::env::var("CBSIFT_TOKEN")) {
        (Some(file), _) => crate::token_file::read(file)
            .map_err(|error| Misuse(format!("`--token-file`: {error:#}")).into()),
        (None, Ok(token)) => Ok(token),
        (None, Err(_)) => Err(Misuse(
            "no token was given\nhint: name its file with --token-file, or set CBSIFT_TOKEN"
                .to_owned(),
        )
        .into()),
    }
}

/// The token of who sends: a file, CBSIFT_TOKEN, or what `up` on this machine made.
#[cfg(feature = "server")]
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
