//! `cbsift simulate`: a made-up fleet, the same for the same seed.

use crate::progress::Progress;
use crate::report::counted;
use anyhow::Context;
use clap::Args;
use event::UtcMillis;
use simulate::{Fleet, Truth};
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write the logs of a made-up fleet with planted failures; the same seed writes the same bytes
#[derive(Args)]
pub(crate) struct Arguments {
    /// Endpoints of the fleet
    #[arg(long, default_value_t = 200)]
    endpoints: usize,
    /// The same seed makes the same fleet
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days of history
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// Records of one endpoint a day, roughly
    #[arg(long, default_value_t = 60)]
    records_per_day: u64,
    /// Last day of the history, YYYY-MM-DD [default: 2025-07-01]
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Write one folder per endpoint here
    #[arg(long, value_name = "DIR", required_unless_present = "to")]
    out: Option<PathBuf>,
    /// Send to the intake at this address
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// File that holds the intake's token [default: CBSIFT_TOKEN, then the token of `cbsift up` on this machine]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Write every failure, cause and noise that was planted, as JSON
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Write site, model and ring of each endpoint, as `cbsift endpoints import` reads them
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    site: super::Site,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut fleet = Fleet::new(arguments.seed, arguments.endpoints);
    fleet.days = arguments.days;
    fleet.records_per_day = arguments.records_per_day;
    if let Some(day) = &arguments.until {
        let day =
            event::LoggedAt::parse(format!("{day} 00:00:00").as_bytes()).ok_or_else(|| {
                crate::misuse::Misuse(format!("--until `{day}`: expected YYYY-MM-DD"))
            })?;
        fleet = fleet.ending(UtcMillis(day.0 * 1_000));
    }
    let uplink = match &arguments.to {
        Some(url) => {
            let (settings, _) =
                crate::settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
            Some(crate::feed::Feed::new(
                url,
                &super::sender_token(arguments.token_file.as_deref(), &settings)?,
            )?)
        }
        None => None,
    };
    let progress = Progress::new(arguments.quiet);
    let mut truths: Vec<Truth> = Vec::new();
    let mut bytes = 0_u64;
    for (number, plan) in fleet.plans().enumerate() {
        progress.at(&format!("endpoint {} of {}", number + 1, fleet.endpoints));
        let (logs, truth) = simulate::produce(&plan);
        for log in &logs {
            bytes += log.bytes.len() as u64;
            if let Some(out) = &arguments.out {
                let path = out.join(&plan.id).join(&log.path);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)
                        .with_context(|| format!("create `{}`", folder.display()))?;
                }
                fs::write(&path, &log.bytes)
                    .with_context(|| format!("write `{}`", path.display()))?;
            }
        }
        if let Some(uplink) = &uplink {
            uplink.history(&plan.id, &logs)?;
        }
        if arguments.truth.is_some() {
            truths.push(truth);
        }
    }
    progress.end();
    if let Some(path) = &arguments.truth {
        let file =
            fs::File::create(path).with_context(|| format!("create `{}`", path.display()))?;
        let mut file = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut file, &truths)
            .with_context(|| format!("write `{}`", path.display()))?;
        file.flush()
            .with_context(|| format!("write `{}`", path.display()))?;
    }
    if let Some(path) = &arguments.labels {
        write_labels(&fleet, path).with_context(|| format!("write `{}`", path.display()))?;
    }
    crate::log::print(&format!(
        "{}, {} of logs",
        counted(fleet.endpoints as u64, "endpoint", "endpoints"),
        counted(bytes, "byte", "bytes")
    ));
    Ok(ExitCode::SUCCESS)
}

fn write_labels(fleet: &Fleet, path: &Path) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_path(path)?;
    csv.write_record(["endpoint", "host", "site", "model", "ring"])?;
    for plan in fleet.plans() {
        csv.write_record([
            plan.id.as_str(),
            &plan.host,
            plan.site,
            plan.model,
            plan.ring,
        ])?;
    }
    csv.flush()?;
    Ok(())
}
