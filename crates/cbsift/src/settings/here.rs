//! The settings of a program without roles: the tables that it uses are checked, those of the roles stand in the same file and are only known.

#[path = "layers.rs"]
mod layers;

pub(crate) use layers::Shown;

use crate::misuse::Misuse;
use serde::Deserialize;
use std::path::Path;

/// Checked settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {}

#[derive(Deserialize)]
struct Raw {
    log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    format: String,
}

/// Reads everything and checks what this program uses.
pub(crate) fn load(
    file: Option<&Path>,
    flags: &[(&str, String)],
) -> Result<(Settings, Vec<Shown>), Misuse> {
    let (merged, shown) = layers::merged(file, flags)?;
    let raw: Raw = merged
        .try_deserialize()
        .map_err(|error| Misuse(format!("configuration: {error}")))?;
    match raw.log.format.as_str() {
        "text" | "json" => Ok((Settings {}, shown)),
        other => Err(Misuse(format!(
            "`log.format` is \"{other}\", but must be \"text\" or \"json\""
        ))),
    }
}
