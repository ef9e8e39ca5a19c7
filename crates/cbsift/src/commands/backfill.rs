//! `cbsift backfill`: trees of old logs and bundles, sent once.

use crate::misuse::Misuse;
use crate::progress::Progress as Bar;
use crate::report::counted;
use crate::settings;
use clap::{Args, ValueEnum};
use send::{BackfillError, BackfillOptions, Pattern, SendOptions, Step, backfill, state_beside};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Take in history: trees with one folder or archive of old logs an endpoint
///
/// What the intake has is known by its digest and not sent again. What was done is noted in a state file, so that it may be killed and run
/// again. Folders whose names can be no endpoint's, and those with the logs of several machines, are told and left alone.
///
/// Exit status: 0 = everything that is of an endpoint is in the store, 1 = some of it is not (the report says what and why), 2 = wrong
/// arguments.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Trees, or single archives
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Whose a folder or archive below PATH is, by its name: `{endpoint}/`, `20*/{endpoint}_*.zip`; may be given several times
    #[arg(long, value_name = "PATTERN", required = true)]
    endpoints: Vec<String>,
    /// Say what would be sent under which endpoint, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Most MiB of logs, unpacked, a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_mib_s: Option<u32>,
    /// Where it is noted what was done [default: beside the first PATH, with `.cbsift-backfill` behind its name]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Case of endpoints' names
    #[arg(long, value_name = "CASE", default_value = "keep")]
    case: Case,
    /// What becomes of a folder whose event logs name several machines at one time
    #[arg(long, value_name = "RULE", default_value = "leave")]
    mixed: Mixed,
    /// Send everything again, whatever the state file and the intake know
    #[arg(long)]
    again: bool,
    /// Address of the intake [default: that of `cbsift up` on this machine]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// PEM file of the CA of an https intake, trusted besides the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File that holds a relay token [default: CBSIFT_TOKEN, then the token of `cbsift up` on this machine]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Form of the report
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Format,
    /// No progress
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    site: super::Site,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For machines
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum Case {
    /// As they stand; what differs in case alone is left alone
    Keep,
    /// pc-1
    Lower,
    /// PC-1
    Upper,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mixed {
    /// It is told and left alone
    Leave,
    /// All of it is the endpoint's
    Take,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    let options = options(&arguments, &settings)?;
    let told = Told::new(arguments.quiet, arguments.format);
    let outcome = backfill(&options, &arguments.paths, &|step| told.step(step));
    told.bar.end();
    let report = match outcome {
        Ok(report) => report,
        Err(BackfillError::Options(error)) => return Err(Misuse(error).into()),
        Err(error) => return Err(anyhow::Error::new(error)),
    };
    super::print(&match arguments.format {
        Format::Text => report.text(),
        Format::Json => serde_json::to_string_pretty(&report)? + "\n",
    })?;
    Ok(ExitCode::from(u8::from(report.is_incomplete())))
}

fn options(
    arguments: &Arguments,
    settings: &settings::Settings,
) -> anyhow::Result<BackfillOptions> {
    let url = match &arguments.to {
        Some(url) => url.clone(),
        None => super::send::intake(settings)?,
    };
    // Nobody is asked in a dry run.
    let token = match arguments.dry_run {
        true => String::new(),
        false => super::sender_token(arguments.token_file.as_deref(), settings)?,
    };
    let patterns = arguments
        .endpoints
        .iter()
        .map(|text| Pattern::parse(text))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Misuse)?;
    let beside = || arguments.paths.first().and_then(|path| state_beside(path));
    let state = arguments.state.clone().or_else(beside).ok_or_else(|| {
        Misuse(
            "nothing can stand beside the first PATH\nhint: name a state file with --state FILE"
                .to_owned(),
        )
    })?;
    let send = SendOptions {
        ca: arguments.ca.clone(),
        again: arguments.again,
        ..SendOptions::new(url, token)
    };
    Ok(BackfillOptions {
        case: match arguments.case {
            Case::Keep => send::Case::Keep,
            Case::Lower => send::Case::Lower,
            Case::Upper => send::Case::Upper,
        },
        mixed: match arguments.mixed {
            Mixed::Leave => send::Mixed::Leave,
            Mixed::Take => send::Mixed::Take,
        },
        bytes_per_second: arguments.max_mib_s.map(|mib| u64::from(mib) << 20),
        is_dry_run: arguments.dry_run,
        ..BackfillOptions::new(send, patterns, state)
    })
}

/// Between two lines of progress where there is no terminal, and between two complaints of the same kind of trouble.
const PAUSE: Duration = Duration::from_secs(60);

/// What is said meanwhile.
struct Told {
    bar: Bar,
    is_quiet: bool,
    is_listing: bool,
    total: AtomicU64,
    done: AtomicU64,
    bytes: AtomicU64,
    said: Mutex<Instant>,
    complained: Mutex<Option<Instant>>,
}

impl Told {
    fn new(is_quiet: bool, format: Format) -> Self {
        Self {
            bar: Bar::of_parts(is_quiet),
            is_quiet,
            is_listing: format == Format::Text,
            total: AtomicU64::new(0),
            done: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            said: Mutex::new(Instant::now()),
            complained: Mutex::new(None),
        }
    }

    fn step(&self, step: Step<'_>) {
        match step {
            Step::Found { endpoints } => {
                self.total.store(endpoints as u64, Ordering::Relaxed);
                self.bar.start(endpoints as u64);
            }
            Step::Damaged { lines } => crate::log::print(&format!(
                "{} of the state file damaged: what they said is found out again",
                counted(lines, "line is", "lines are")
            )),
            Step::Begun { endpoint } => {
                let mib = self.bytes.load(Ordering::Relaxed) >> 20;
                self.bar.at(&format!("{endpoint}, {mib} MiB acknowledged"));
            }
            Step::Would {
                endpoint,
                path,
                bytes,
            } if self.is_listing => {
                let path = path.to_string_lossy();
                super::tell(&format!("{endpoint}\t{bytes}\t{}", harmless::line(&path)));
            }
            Step::Would { .. } => {}
            Step::Acknowledged { bytes } => {
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
                self.say_how_far();
            }
            Step::Waiting { error, wait } => {
                let mut complained = self
                    .complained
                    .lock()
                    .expect("nothing panics while it is held");
                if complained.is_none_or(|at| at.elapsed() > PAUSE) {
                    *complained = Some(Instant::now());
                    let seconds = wait.as_secs_f32().ceil();
                    self.bar.say(&format!("{error}; again in {seconds} s"));
                }
            }
            Step::Done { .. } => {
                self.done.fetch_add(1, Ordering::Relaxed);
                self.bar.add(1);
                self.say_how_far();
            }
        }
    }

    /// For a log that somebody reads later.
    fn say_how_far(&self) {
        if self.is_quiet || self.bar.is_shown() {
            return;
        }
        let mut said = self.said.lock().expect("nothing panics while it is held");
        if said.elapsed() > PAUSE {
            *said = Instant::now();
            crate::log::print(&format!(
                "{} of {} endpoints, {} MiB acknowledged",
                self.done.load(Ordering::Relaxed),
                self.total.load(Ordering::Relaxed),
                self.bytes.load(Ordering::Relaxed) >> 20
            ));
        }
    }
}
