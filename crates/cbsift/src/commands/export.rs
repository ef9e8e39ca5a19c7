//! `cbsift export`: what is stored as a file for other batch jobs.

use crate::access::{patiently, user};
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::progress::Progress;
use crate::report::counted;
use crate::run::{TENANT, stop_on_signal};
use anyhow::anyhow;
use clap::{Args, ValueEnum};
use event::LoggedAt;
use std::path::PathBuf;
use std::process::ExitCode;
use store::{Action, ExportKind, Filter, Label, alike};

/// Write events, attempts, findings or states into a file: Parquet or NDJSON
///
/// The selection is that of the pages. The columns and their meaning are in docs/export.md; the file has its name once it is whole, and none that
/// is there is replaced. A row of the audit says who exports what, before the first byte.
#[derive(Args)]
pub(crate) struct Arguments {
    /// What
    #[arg(value_enum)]
    kind: Kind,
    /// First day as logged, YYYY-MM-DD [default: the first there is]
    #[arg(long, value_name = "DATE", value_parser = super::reprocess::day)]
    from: Option<u16>,
    /// Last day as logged, YYYY-MM-DD [default: today]
    #[arg(long, value_name = "DATE", value_parser = super::reprocess::day)]
    to: Option<u16>,
    /// Only of this endpoint
    #[arg(long, value_name = "ID")]
    endpoint: Option<String>,
    /// Only of endpoints with this label; of several, with all of them
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,
    /// Only of this update, as KB5014692
    #[arg(long, value_name = "KB")]
    kb: Option<String>,
    /// Only with a cause of this category
    #[arg(long, value_name = "CATEGORY")]
    category: Option<String>,
    /// Only with this code, or one that says the same: as number or name
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// How it is written
    #[arg(long, value_enum)]
    format: Format,
    /// The file, which must not be there
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    site: super::Site,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Records that mean something
    Events,
    /// Tries to install a package
    Attempts,
    /// What is wrong, with cause and evidence
    Findings,
    /// What each machine is in for each update
    States,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Columns, typed and compressed
    Parquet,
    /// One JSON object a line
    Ndjson,
}

/// The action of the audit's row, by which an erasure finds what may hold a machine.
pub(super) const ACTION: &str = "export";

impl Arguments {
    fn kind(&self) -> ExportKind {
        match self.kind {
            Kind::Events => ExportKind::Events,
            Kind::Attempts => ExportKind::Attempts,
            Kind::Findings => ExportKind::Findings,
            Kind::States => ExportKind::States,
        }
    }

    fn format(&self) -> export::Format {
        match self.format {
            Format::Parquet => export::Format::Parquet,
            Format::Ndjson => export::Format::Ndjson,
        }
    }

    fn filter(&self) -> Result<Filter, Misuse> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Misuse("`--from` is after `--to`".to_owned()));
        }
        if self.category.is_some() && matches!(self.kind, Kind::Events) {
            return Err(Misuse(
                "`--category` is of causes, and records have none\nhint: export `findings`, or select by --code".to_owned(),
            ));
        }
        if let Some(id) = &self.endpoint {
            super::endpoints::read_id(id)?;
        }
        let labels: Result<Vec<Label>, Misuse> = self
            .label
            .iter()
            .map(|label| super::endpoints::read_label(label))
            .collect();
        let codes = match &self.code {
            None => Vec::new(),
            Some(text) => {
                let readings = windows_error_codes::decode(text);
                let reading = readings.first().ok_or_else(|| {
                    let text = harmless::name(text);
                    Misuse(format!(
                        "`{text}` is no code\nhint: give it like 0x80070570, or by its name"
                    ))
                })?;
                let codes = alike(reading.code);
                // Nothing narrows by no code.
                if codes.is_empty() {
                    return Err(Misuse(format!("no log holds `{}`", harmless::name(text))));
                }
                codes
            }
        };
        Ok(Filter {
            tenant: TENANT.to_owned(),
            from: self.from,
            to: self.to,
            kb: self.kb.as_ref().map(|kb| kb.to_ascii_uppercase()),
            category: self.category.clone(),
            cause: None,
            codes,
            endpoint: self.endpoint.clone(),
            labels: labels?,
            now: Some(LoggedAt(now_ms() / 1_000)),
        })
    }

    /// As the audit tells it.
    fn told(&self) -> serde_json::Value {
        let day = |day: Option<u16>| day.map(|day| store::day_start(day).to_string());
        let output = std::path::absolute(&self.output).unwrap_or_else(|_| self.output.clone());
        serde_json::json!({
            "schema": export::schema_name(self.kind()),
            "format": self.format().name(),
            "from": day(self.from), "to": day(self.to),
            "endpoint": self.endpoint, "labels": self.label,
            "kb": self.kb, "category": self.category, "code": self.code,
            "file": output.to_string_lossy(),
        })
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let filter = arguments.filter()?;
    export::check(&arguments.output).map_err(|error| Misuse(format!("{error:#}")))?;
    super::on_store(&arguments.site, async |store, _| {
        let action = Action {
            action: ACTION.to_owned(),
            object: arguments.kind().name().to_owned(),
            before: String::new(),
            after: arguments.told().to_string(),
        };
        let (user, now) = (user(), now_ms());
        patiently(|| store.audit(TENANT, &user, now, std::slice::from_ref(&action))).await?;
        let bar = Progress::of_parts(arguments.quiet);
        let stop = stop_on_signal();
        let write = export::write(
            store,
            arguments.kind(),
            &filter,
            arguments.format(),
            &arguments.output,
            |so_far| {
                bar.at(&counted(so_far.rows, "row", "rows"));
                bar.reach(so_far.done, so_far.parts);
            },
        );
        let written = tokio::select! {
            written = write => written,
            // What was written so far goes with the question.
            () = stop.cancelled() => Err(anyhow!("stopped, and no file is left")),
        };
        bar.end();
        let written = written?;
        super::print(&format!(
            "{}: {}, {} bytes, columns of {}\n",
            harmless::line(&arguments.output.to_string_lossy()),
            counted(written.rows, "row", "rows"),
            written.bytes,
            export::schema_name(arguments.kind()),
        ))?;
        Ok(())
    })
}
