//! Which machines' logs lie where: one place for this machine, or one for each folder of a share.

use crate::config::{Config, ENDPOINT};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The logs of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    /// Its endpoint id; on the machine itself a name for files only.
    pub(crate) name: String,
    /// Folders and files.
    pub(crate) paths: Vec<PathBuf>,
}

/// What there is.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By name.
    pub(crate) found: Vec<Site>,
    /// Folders that cannot be listed, or whose name is no machine's.
    pub(crate) wrong: Vec<String>,
}

/// The name of the machine itself.
pub(crate) const OWN: &str = "this-machine";

/// Machines of one agent: each has its checkpoint and some memory.
const PLACES_MAX: usize = 10_000;

pub(crate) fn places(config: &Config) -> Places {
    let mut places = Places::default();
    if !config.is_share() {
        places.found.push(Site {
            name: OWN.to_owned(),
            paths: config
                .logs
                .iter()
                .map(|log| PathBuf::from(whole(log)))
                .collect(),
        });
        return places;
    }
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut spelled: BTreeMap<String, String> = BTreeMap::new();
    for log in &config.logs {
        let Some((base, rest)) = log.split_once(ENDPOINT) else {
            continue;
        };
        let folders = match std::fs::read_dir(base) {
            Ok(folders) => folders,
            Err(error) => {
                places.wrong.push(format!("cannot list `{base}`: {error}"));
                continue;
            }
        };
        for folder in folders.flatten() {
            let name = folder.file_name().to_string_lossy().into_owned();
            if !folder.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if !event::is_endpoint_id(&name) {
                let name = harmless::line(&name);
                places
                    .wrong
                    .push(format!("`{base}{name}` is no name of a machine"));
                continue;
            }
            // Names of machines do not tell cases apart, and files of the state may not.
            let first = spelled
                .entry(name.to_ascii_lowercase())
                .or_insert_with(|| name.clone());
            if *first != name {
                places.wrong.push(format!("`{base}{name}` and `{base}{first}` are one machine: only the latter is followed"));
                continue;
            }
            if found.len() >= PLACES_MAX && !found.contains_key(&name) {
                places.wrong.push(format!(
                    "more than {PLACES_MAX} machines: the rest is not followed"
                ));
                break;
            }
            let path = PathBuf::from(format!("{base}{name}{}", whole(rest)));
            // A machine's folder holds its own logs; a link in it would lead to those of others, or of the one that collects.
            if let Some(link) = link_below(Path::new(base), &path) {
                let link = harmless::line(&link.to_string_lossy()).into_owned();
                places
                    .wrong
                    .push(format!("`{link}` is a link, which is not followed"));
                continue;
            }
            found.entry(name).or_default().push(path);
        }
    }
    places.found = found
        .into_iter()
        .map(|(name, paths)| Site { name, paths })
        .collect();
    places
}

/// The first part of a path below a folder that is a link.
fn link_below(base: &Path, path: &Path) -> Option<PathBuf> {
    let below = path.ancestors().take_while(|part| *part != base);
    let is_link = |part: &&Path| part.symlink_metadata().is_ok_and(|of| of.is_symlink());
    below.filter(is_link).last().map(Path::to_owned)
}

/// A folder stands for all its files, with a star or without.
fn whole(log: &str) -> &str {
    log.strip_suffix("/*")
        .or_else(|| log.strip_suffix("\\*"))
        .unwrap_or(log)
}
