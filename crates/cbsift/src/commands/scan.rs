//! `cbsift scan`: the root cause, from files in hand.

// Prints the text of strangers.
#![deny(clippy::string_slice, clippy::indexing_slicing)]

use crate::progress::Progress;
use crate::report::narrow::{self, Narrow};
use crate::report::{self, Language};
use anyhow::Context;
use clap::{Args, ValueEnum};
use classify::{Rules, Verdict};
use std::path::PathBuf;
use std::process::ExitCode;

/// Why did updates fail on this PC? Reads logs and folders; needs no server
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Logs, folders of logs, or zip and cab archives of them; facts about the PC beside them (.reg, systeminfo, fltmc, …) are used
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Language of titles and advice [default: that of the locale]
    #[arg(long, value_enum)]
    lang: Option<Language>,
    /// Name of the endpoint in the answer; all logs are then taken for its own, also where they tell of several machines
    #[arg(long, value_name = "ID")]
    endpoint: Option<String>,
    /// Only attempts and findings of this KB
    #[arg(long, value_name = "KB", value_parser = narrow::kb)]
    kb: Option<String>,
    /// Only what came at or after this local time: YYYY-MM-DD or 'YYYY-MM-DD HH:MM:SS'
    #[arg(long, value_name = "TIME", value_parser = narrow::since)]
    since: Option<event::LoggedAt>,
    /// Also show what was left out as harmless, kind by kind and code by code
    #[arg(long)]
    noise: bool,
    /// Exit with status 3 when the verdict is this
    #[arg(long, value_enum, value_name = "WHAT")]
    fail_on: Option<FailOn>,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For machines; the schema is stable
    Json,
    /// Markdown, as support cases are closed
    Md,
    /// One page that needs nothing else
    Html,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// The verdict is `failed`
    Failure,
    /// The verdict is `failed`, or `inconclusive`: nothing, or not enough, could be read to say anything
    Inconclusive,
}

const DEFECT: &str = "cannot write the report: this build fails on what was read\nhint: another `--format` may work; keep the files, for the defect is in this build";

impl FailOn {
    fn is_met(self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Failed => true,
            Verdict::Inconclusive => self == Self::Inconclusive,
            _ => false,
        }
    }
}

const AFTER_HELP: &str = "\
Exit status:
  0  answered, whatever the verdict
  1  no answer, or a file could not be read or examined: the answer is that of the rest
  2  wrong arguments
  3  the verdict is the one of --fail-on; goes before 1";

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let rules = Rules::shipped();
    let language = super::language(arguments.lang);
    let progress = Progress::new(arguments.quiet);
    let endpoint = arguments.endpoint.as_deref();
    let mut scan = crate::scan::scan(rules, &arguments.paths, endpoint, &progress);
    for failure in &scan.failed {
        crate::log::complain(failure);
    }
    if scan.inputs.is_empty() {
        anyhow::ensure!(
            !scan.failed.is_empty(),
            "no file found\nhint: name a log or a folder that holds logs, for example C:\\Windows\\Logs\\CBS"
        );
        return Ok(ExitCode::from(1));
    }
    let to = Narrow {
        kb: arguments.kb,
        since: arguments.since,
    };
    let render = || -> anyhow::Result<String> {
        let narrowed = narrow::narrow(&mut scan, to);
        let (scan, narrowed) = (&scan, narrowed.as_ref());
        let view = || report::view(rules, scan, language, narrowed, arguments.noise);
        Ok(match arguments.format {
            Format::Text => report::text(&view(), super::style()),
            Format::Json => report::json(rules, scan, endpoint, language, narrowed)? + "\n",
            Format::Md => report::markdown(&view()),
            Format::Html => report::html(&view()),
        })
    };
    let text = super::survived(render).context(DEFECT)??;
    // Whether somebody read all of it or not, the status is that of the answer.
    super::print_as_is(&text)?;
    if arguments.fail_on.is_some_and(|on| on.is_met(scan.verdict)) {
        return Ok(ExitCode::from(3));
    }
    Ok(ExitCode::from(u8::from(!scan.failed.is_empty())))
}
