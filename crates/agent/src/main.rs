#![doc = include_str!("../README.md")]

mod check;
mod config;
mod enrol;
mod lost;
mod machine;
mod own_log;
mod pattern;
mod run;
mod schedule;
mod service;
mod status;
mod turn;

use clap::{Parser, Subcommand};
use config::Config;
use std::path::PathBuf;
use std::process::ExitCode;

/// Follows servicing logs and sends them to a cbsift intake
#[derive(Parser)]
#[command(name = "cbsift-agent", version)]
struct Arguments {
    /// The configuration [default: agent.toml in ProgramData\cbsift-agent, or /etc/cbsift/agent.toml]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Follow and send, until it is told to end
    Run {
        /// As the service that Windows starts
        #[arg(long, hide = true)]
        service: bool,
    },
    /// Try the configuration, the intake, its certificate and the token; says in one line what is wrong
    Check,
    /// Show per log what is read, sent and acknowledged
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Register as a service that starts with the machine, and start it
    Install,
    /// Stop the service and remove it; checkpoints stay
    Uninstall,
}

/// Exit codes: 0 fine, 1 failed, 2 wrong arguments or configuration.
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let path = arguments.config.unwrap_or_else(machine::config_file);
    // It must answer to the service manager even where its configuration is wrong.
    if let Command::Run { service: true } = arguments.command {
        return service::run(path);
    }
    if let Command::Uninstall = arguments.command {
        return done(service::uninstall());
    }
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::from(2);
        }
    };
    done(match arguments.command {
        Command::Run { .. } => run::in_foreground(config),
        Command::Check => check::check(&config),
        Command::Status { json } => status::show(&config, json),
        Command::Install => service::install(&path),
        Command::Uninstall => Ok(()),
    })
}

fn done(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
