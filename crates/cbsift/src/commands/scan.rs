//! `cbsift scan`: the root cause, from files in hand.

// Prints the text of strangers.
#![deny(clippy::string_slice, clippy::indexing_slicing)]

use crate::here::redact::{Keeper, Redactor};
use crate::here::{Here, Installation, bundle};
use crate::misuse::Misuse;
use crate::progress::Progress;
use crate::report::narrow::{self, Narrow};
use crate::report::{self, Language, counted};
use crate::scan::Where;
use anyhow::Context;
use clap::{Args, ValueEnum};
use classify::{Rules, Verdict};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why did updates fail on this PC? Reads logs and folders; needs no server
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Logs, folders of logs, or zip and cab archives of them; facts about the PC beside them (.reg, systeminfo, fltmc, …) are used. On Windows, none = this PC's own logs
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Scan the logs of another Windows, wherever they are in it: its folder, or what holds it, such as D:\\ or a copied tree
    #[arg(long, value_name = "DIR", conflicts_with = "paths")]
    root: Option<PathBuf>,
    /// Also collect the PC's logs, facts about it and a manifest into a new zip archive; it is scanned anywhere as they are here
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    bundle: Option<PathBuf>,
    /// Replace what names people and machines in the bundle by pseudonyms, made on this PC with a key that stays here; event logs leave as what servicing says in them
    #[arg(long, requires = "bundle")]
    redact: bool,
    /// With --redact: list what would leave, and write no bundle
    #[arg(long, requires = "redact")]
    preview: bool,
    /// Folder of the key and of the map of pseudonyms [default: cbsift in the user's local folder]
    #[arg(long, value_name = "DIR", requires = "redact")]
    redaction_folder: Option<PathBuf>,
    /// Do not open what findings name to see whether it opens now
    #[arg(long, conflicts_with = "paths")]
    no_probe: bool,
    /// Also write the report as a web page
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
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

pub(super) const DEFECT: &str = "cannot write the report: this build fails on what was read\nhint: another `--format` may work; keep the files, for the defect is in this build";

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
    let here = match (&arguments.root, arguments.paths.is_empty()) {
        (Some(root), _) => Some(Here::look(at(root)?)?),
        (None, false) => None,
        (None, true) => Some(Here::look(Installation::of_this_machine().ok_or_else(|| {
            Misuse("no PATH is given\nhint: name a log or a folder that holds logs; --root takes a whole Windows of another disk, and on Windows itself none means this PC".to_owned())
        })?)?),
    };
    let rules = Rules::shipped();
    let language = super::language(arguments.lang);
    let progress = Progress::new(arguments.quiet);
    let endpoint = arguments.endpoint.as_deref();
    let mut scan = match &here {
        None => crate::scan::scan(rules, Where::named(&arguments.paths), endpoint, &progress),
        Some(here) => here.scan(rules, endpoint, !arguments.no_probe, &progress),
    };
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
    let render = || -> anyhow::Result<(String, Option<String>)> {
        let narrowed = narrow::narrow(&mut scan, to);
        let (scan, narrowed) = (&scan, narrowed.as_ref());
        let view = || report::view(rules, scan, language, narrowed, arguments.noise);
        let is_page_wanted = arguments.page.is_some() || arguments.bundle.is_some();
        let page = is_page_wanted.then(|| report::html(&view()));
        let text = match arguments.format {
            Format::Text => report::text(&view(), super::style()),
            Format::Json => report::json(rules, scan, endpoint, language, narrowed)? + "\n",
            Format::Md => report::markdown(&view()),
            Format::Html => report::html(&view()),
        };
        Ok((text, page))
    };
    let (text, page) = super::survived(render).context(DEFECT)??;
    // Whether somebody read all of it or not, the status is that of the answer.
    super::print_as_is(&text)?;
    if let (Some(path), Some(page)) = (&arguments.page, &page) {
        std::fs::write(path, page).with_context(|| format!("write `{}`", path.display()))?;
    }
    if let (Some(here), Some(path)) = (&here, &arguments.bundle) {
        let asked = Asked {
            path,
            keeper: arguments
                .redact
                .then(|| Keeper::at(arguments.redaction_folder.as_deref()))
                .transpose()?,
            is_preview: arguments.preview,
        };
        bundle(here, &asked, &scan, page.unwrap_or_default())?;
    }
    if let Some(here) = &here {
        hint_at_rights(here, &scan);
    }
    if arguments.fail_on.is_some_and(|on| on.is_met(scan.verdict)) {
        return Ok(ExitCode::from(3));
    }
    Ok(ExitCode::from(u8::from(!scan.failed.is_empty())))
}

/// The Windows at a folder.
fn at(root: &Path) -> anyhow::Result<Installation> {
    Installation::at(root).map_err(|error| {
        Misuse(format!(
            "cannot list `{}`: {error}\nhint: --root takes a Windows folder, or what holds one",
            root.display()
        ))
        .into()
    })
}

/// How a bundle is wanted.
struct Asked<'a> {
    path: &'a Path,
    /// Where key and map are, if names are to be replaced.
    keeper: Option<Keeper>,
    is_preview: bool,
}

fn bundle(
    here: &Here,
    asked: &Asked<'_>,
    scan: &crate::scan::Scan,
    page: String,
) -> anyhow::Result<()> {
    let probes = serde_json::to_string_pretty(&here.probed(scan))? + "\n";
    let made = vec![
        ("facts.json", here.facts.json()?),
        ("probe.json", probes),
        ("report.html", page),
    ];
    let key = asked.keeper.as_ref().map(Keeper::key).transpose()?;
    let mut redactor = key.map(Redactor::new);
    let manifest = if asked.is_preview {
        bundle::preview(here, made, redactor.as_mut())?
    } else {
        bundle::write(here, asked.path, made, redactor.as_mut())?
    };
    let bytes = manifest.files.iter().map(|file| file.bytes).sum();
    let mut said = format!(
        "{} in `{}`, {} before they were packed; {} could not be read, see its manifest.json",
        counted(manifest.files.len() as u64, "file", "files"),
        asked.path.display(),
        counted(bytes, "byte", "bytes"),
        manifest.unread.len()
    );
    if asked.is_preview {
        said = "would leave:".to_owned();
        for file in &manifest.files {
            said += &format!(
                "\n  {}, {}",
                file.name,
                counted(file.bytes, "byte", "bytes")
            );
        }
    }
    if let (Some(redactor), Some(keeper)) = (&redactor, &asked.keeper) {
        let counts = redactor.counts();
        let counts: Vec<String> = counts
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        said += &format!("\nreplaced by pseudonyms: {}", counts.join(", "));
        for name in &manifest.left_out {
            said += &format!("\nstays here: {name}");
        }
        if !asked.is_preview {
            // Without the map nobody could say who is who in it.
            let map = keeper.keep(redactor.map()).inspect_err(|_| {
                let _ = std::fs::remove_file(asked.path);
            })?;
            said += &format!(
                "\nthe map of pseudonyms is `{}`: keep it here",
                map.display()
            );
        }
    }
    crate::log::print(&said);
    Ok(())
}

/// What was closed to us may be open to an administrator.
fn hint_at_rights(here: &Here, scan: &crate::scan::Scan) {
    if here.installation.is_live && scan.is_closed() && windows_here::is_elevated() == Some(false) {
        crate::log::print("hint: some logs are closed to you; start cbsift again as administrator");
    }
}
