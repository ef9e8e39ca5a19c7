//! The program of this system, and its answers held against those of the programs under Wine.

pub(crate) use crate::programs::*;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program of this system.
pub(crate) fn here() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cbsift"));
    command.env_remove("RUST_BACKTRACE").stdin(Stdio::null());
    command
}

/// Holds both answers against each other: the same bytes, and the same status.
///
/// Names in them are those of files in the folder that both started in, so that no separator is in them.
pub(crate) fn compare(folder: &Path, arguments: &[&str]) {
    let wanted = output(here(), folder, arguments);
    for architecture in ARCHITECTURES {
        let found = output(program("cbsift", architecture), folder, arguments);
        let (wanted_text, found_text) = (text(&wanted.stdout), text(&found.stdout));
        assert!(
            wanted.stdout == found.stdout && wanted.status.code() == found.status.code(),
            "{architecture} {arguments:?} in {}: {:?} and {:?}\n{}\nbut here\n{}\n{}",
            folder.display(),
            found.status,
            wanted.status,
            first_difference(&found_text, &wanted_text),
            first_difference(&wanted_text, &found_text),
            text(&found.stderr)
        );
    }
}

/// The first line of one text that is not in the other at its place.
fn first_difference<'a>(one: &'a str, other: &str) -> &'a str {
    let mut lines = one.lines().zip(other.lines());
    lines
        .find(|(one, other)| one != other)
        .map_or("(one ends before the other)", |(one, _)| one)
}
