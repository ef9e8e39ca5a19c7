//! `cbsift config`: what is in force, and where it came from.

use crate::settings;
use clap::{Args, Subcommand};
use std::fmt::Write;
use std::process::ExitCode;

/// Check or show the configuration
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    site: super::Site,
}

#[derive(Subcommand)]
enum Action {
    /// Say all problems at once; exit status 2 if there are any
    Check,
    /// Final values, each with its origin
    Show,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (_, shown) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    match arguments.action {
        Action::Check => {
            super::print("configuration is good\n")?;
        }
        Action::Show => {
            let width = shown
                .iter()
                .map(|shown| shown.key.len() + shown.value.len() + 3)
                .max()
                .unwrap_or_default();
            let mut out = String::new();
            for shown in shown {
                let assignment = format!("{} = {}", shown.key, shown.value);
                let _ = writeln!(out, "{assignment:<width$}  # {}", shown.origin);
            }
            super::print(&out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
