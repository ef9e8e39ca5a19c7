//! `cbsift send`: uploads logs once, until they are acknowledged.

use crate::progress::Progress as Bar;
use crate::report::counted;
use crate::settings;
use clap::Args;
use send::{CertificateFiles, Progress, SendOptions, send};
use std::path::PathBuf;
use std::process::ExitCode;

/// Upload logs or folders of logs of one endpoint to an intake
#[derive(Args)]
pub(crate) struct Arguments {
    /// Logs, folders of logs, or zip and cab archives of them, of one endpoint
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Address of the intake [default: that of `cbsift up` on this machine]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// PEM file of the CA of an https intake, trusted besides the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// PEM file of a certificate to show in place of a token: its DNS name is the endpoint
    #[arg(
        long,
        value_name = "FILE",
        requires = "key",
        conflicts_with = "token_file"
    )]
    cert: Option<PathBuf>,
    /// PEM file of its private key
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Endpoint that the logs belong to
    #[arg(long, value_name = "ID")]
    endpoint: Option<String>,
    /// File that holds the token [default: CBSIFT_TOKEN, then the token of `cbsift up` on this machine]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Wished size of a chunk in KiB, 4 to 256
    #[arg(long, value_name = "KIB", default_value_t = 256, value_parser = clap::value_parser!(u16).range(4..=256))]
    chunk_kib: u16,
    /// One chunk a request, as a live tail sends them
    #[arg(long)]
    single: bool,
    /// Send files again that the intake already has
    #[arg(long)]
    again: bool,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    site: super::Site,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    let url = match arguments.to {
        Some(url) => url,
        None => intake(&settings)?,
    };
    let certificate = arguments
        .cert
        .zip(arguments.key)
        .map(|(cert, key)| CertificateFiles { cert, key });
    let token = match certificate {
        // Only one of them can speak.
        Some(_) => String::new(),
        None => super::sender_token(arguments.token_file.as_deref(), &settings)?,
    };
    let mut options = SendOptions::new(url, token);
    options.certificate = certificate;
    options.ca = arguments.ca;
    options.endpoint = arguments.endpoint;
    options.chunk_bytes = usize::from(arguments.chunk_kib) * 1024;
    options.again = arguments.again;
    if arguments.single {
        options.body_bytes = 1;
    }
    let bar = Bar::new(arguments.quiet);
    let outcome = send(&options, &arguments.paths, &|progress| match progress {
        Progress::Total { bytes, .. } => bar.start(bytes),
        Progress::Advanced { bytes } => bar.add(bytes),
        Progress::Waiting { error, wait } => bar.say(&format!(
            "{error}; again in {} s",
            wait.as_secs_f32().ceil()
        )),
    });
    bar.end();
    let (summary, stopped) = match outcome {
        Ok(summary) => (summary, None),
        Err(::send::SendError::Stopped { error, summary }) => (*summary, Some(error)),
        Err(error) => return Err(crate::misuse::Misuse(error.to_string()).into()),
    };
    for skipped in &summary.skipped {
        let path = skipped.path.to_string_lossy();
        crate::log::print(&format!(
            "skipped {}: {}",
            harmless::line(&path),
            skipped.reason
        ));
    }
    for failure in &summary.failed {
        crate::log::complain(failure);
    }
    crate::log::print(&format!(
        "{} sent, {} acknowledged, {} skipped, {} failed",
        counted(summary.sent.len() as u64, "file", "files"),
        counted(summary.acknowledged_bytes, "byte", "bytes"),
        summary.skipped.len(),
        summary.failed.len()
    ));
    if let Some(error) = stopped {
        return Err(anyhow::anyhow!("{error}"));
    }
    Ok(ExitCode::from(u8::from(!summary.failed.is_empty())))
}

/// That of `cbsift up` on this machine.
#[cfg(feature = "server")]
pub(super) fn intake(settings: &settings::Settings) -> anyhow::Result<String> {
    let s = if settings.ingest.tls.is_some() {
        "s"
    } else {
        ""
    };
    Ok(format!("http{s}://{}", settings.ingest.listen))
}

/// There is none on a machine whose program cannot be one.
#[cfg(not(feature = "server"))]
pub(super) fn intake(_: &settings::Settings) -> anyhow::Result<String> {
    Err(
        crate::misuse::Misuse("no intake is named\nhint: --to https://INTAKE:7070".to_owned())
            .into(),
    )
}
