//! cbsift: one binary for every role.

#[cfg(feature = "server")]
mod access;
#[cfg(feature = "server")]
mod alert_rules;
mod commands;
#[cfg(feature = "server")]
mod feed;
#[cfg(test)]
#[path = "../../parse/tests/any_text/generator.rs"]
mod generator;
mod here;
mod hex;
#[cfg(feature = "server")]
mod keeper;
mod log;
mod misuse;
mod progress;
mod report;
#[cfg(feature = "server")]
mod run;
mod scan;
#[cfg(feature = "server")]
mod settings;
#[cfg(not(feature = "server"))]
#[path = "settings/here.rs"]
mod settings;
#[cfg(feature = "server")]
mod shipped_rules;
#[cfg(feature = "server")]
mod token;
mod token_file;

use clap::Parser;
use std::process::ExitCode;

#[cfg(feature = "server")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    log::tell_of_panics();
    if commands::double_click::is_meant() {
        return commands::double_click::run();
    }
    let arguments = match commands::Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Of wrong arguments it quotes what was given: a shell's `*` gives names of strangers.
        Err(error) if error.use_stderr() => {
            log::print(error.render().to_string().trim_end());
            return ExitCode::from(2);
        }
        Err(help) => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    match commands::run(arguments) {
        Ok(code) => code,
        Err(error) => ExitCode::from(report_error(&error)),
    }
}

/// Says an error once, with its whole chain; the exit status that goes with it.
fn report_error(error: &anyhow::Error) -> u8 {
    log::error(error);
    if error.is::<misuse::Misuse>() { 2 } else { 1 }
}
