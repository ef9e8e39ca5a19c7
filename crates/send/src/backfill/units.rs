//! Which folders and archives below the trees are of which endpoint, and what is of none.

use super::Case;
use super::pattern::{Captured, Pattern};
use super::report::{LEFT_LISTED, Left, Listed, Why};
use event::is_endpoint_id;
use files::FileError;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What is to be looked at, by endpoint; and what is left alone because of its name.
#[derive(Debug)]
pub(super) struct Units {
    pub(super) by_endpoint: BTreeMap<String, Vec<PathBuf>>,
    pub(super) left: Listed<Left>,
    /// Folders that could not be listed.
    pub(super) failed: Vec<FileError>,
    /// A name to which the patterns give more than one endpoint, and how many there are.
    pub(super) ambiguous: Option<(PathBuf, u64)>,
}

/// Walks the trees as deep as the patterns go.
pub(super) fn units(trees: &[PathBuf], patterns: &[Pattern], case: Case) -> Result<Units, String> {
    let mut walk = Walk {
        units: Units {
            by_endpoint: BTreeMap::new(),
            left: Listed::new(LEFT_LISTED),
            failed: Vec::new(),
            ambiguous: None,
        },
        case,
        seen: BTreeSet::new(),
    };
    for tree in trees {
        let metadata = fs::metadata(tree).map_err(|error| {
            let tree = tree.to_string_lossy();
            format!("cannot open `{}`: {error}", harmless::line(&tree))
        })?;
        if metadata.is_dir() {
            let below = patterns
                .iter()
                .map(|pattern| pattern.below(tree))
                .collect::<Result<Vec<_>, _>>()?;
            let ways: Vec<Way<'_>> = below.iter().map(|pattern| Way::at(pattern, 0)).collect();
            walk.folder(tree, &ways);
        } else {
            // One archive: its name alone is asked, whatever folders the pattern has before it.
            let last: Vec<Way<'_>> = patterns
                .iter()
                .map(|pattern| Way::at(pattern, pattern.depth() - 1))
                .collect();
            walk.entry(tree, &last, &metadata);
        }
    }
    let mut units = walk.units;
    leave_clashes(&mut units);
    Ok(units)
}

/// A pattern that fits so far.
#[derive(Clone)]
struct Way<'a> {
    pattern: &'a Pattern,
    /// Of the names that are asked next.
    depth: usize,
    /// What a name above said.
    captured: Option<Captured>,
}

impl<'a> Way<'a> {
    fn at(pattern: &'a Pattern, depth: usize) -> Self {
        Self {
            pattern,
            depth,
            captured: None,
        }
    }
}

struct Walk {
    units: Units,
    case: Case,
    /// Two trees may hold one another.
    seen: BTreeSet<PathBuf>,
}

impl Walk {
    fn folder(&mut self, folder: &Path, ways: &[Way<'_>]) {
        let names = fs::read_dir(folder)
            .and_then(|entries| {
                let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
                names.collect::<io::Result<BTreeSet<_>>>()
            })
            .map_err(|source| FileError {
                path: folder.to_owned(),
                doing: "list",
                source,
            });
        let names = match names {
            Ok(names) => names,
            Err(error) => return self.units.failed.push(error),
        };
        for name in names {
            let path = folder.join(name);
            match fs::symlink_metadata(&path) {
                Ok(metadata) => self.entry(&path, ways, &metadata),
                Err(source) => self.units.failed.push(FileError {
                    path,
                    doing: "open",
                    source,
                }),
            }
        }
    }

    fn entry(&mut self, path: &Path, ways: &[Way<'_>], metadata: &fs::Metadata) {
        if metadata.is_symlink() {
            return self.leave(path, Why::Link);
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return self.leave(path, Why::NoPattern);
        };
        let is_folder = metadata.is_dir();
        let mut deeper = Vec::new();
        for way in ways {
            let Some(here) = way.pattern.at(way.depth, name) else {
                continue;
            };
            let captured = here.or_else(|| way.captured.clone());
            if way.depth + 1 < way.pattern.depth() {
                if is_folder {
                    deeper.push(Way {
                        pattern: way.pattern,
                        depth: way.depth + 1,
                        captured,
                    });
                }
            } else if let Some(captured) = captured
                && (is_folder || !way.pattern.is_of_folders())
                // The first pattern that fits counts: below a folder that it goes on into a later one has no say.
                && deeper.is_empty()
            {
                return self.unit(path, &captured);
            }
        }
        if deeper.is_empty() {
            self.leave(path, Why::NoPattern);
        } else {
            self.folder(path, &deeper);
        }
    }

    fn unit(&mut self, path: &Path, captured: &Captured) {
        if captured.is_ambiguous {
            let first = self.units.ambiguous.take();
            let (first, count) = first.unwrap_or((path.to_owned(), 0));
            self.units.ambiguous = Some((first, count + 1));
        }
        let endpoint = self.case.of(&captured.endpoint);
        if !is_endpoint_id(&endpoint) {
            return self.leave(path, Why::NoEndpoint(endpoint));
        }
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.seen.insert(real) {
            let paths = self.units.by_endpoint.entry(endpoint).or_default();
            paths.push(path.to_owned());
        }
    }

    fn leave(&mut self, path: &Path, why: Why) {
        self.units.left.push(Left {
            path: path.to_owned(),
            why,
            logs: 0,
        });
    }
}

/// Names that differ in case alone would be two endpoints of one machine.
fn leave_clashes(units: &mut Units) {
    let mut spellings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for endpoint in units.by_endpoint.keys() {
        let lower = endpoint.to_ascii_lowercase();
        spellings.entry(lower).or_default().push(endpoint.clone());
    }
    for clash in spellings.into_values().filter(|names| names.len() > 1) {
        for endpoint in &clash {
            for path in units.by_endpoint.remove(endpoint).unwrap_or_default() {
                units.left.push(Left {
                    path,
                    why: Why::Case(clash.join(", ")),
                    logs: 0,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tree: &Path, patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<Pattern> = patterns
            .iter()
            .map(|text| Pattern::parse(text).unwrap())
            .collect();
        let units = units(&[tree.to_owned()], &patterns, Case::Keep).unwrap();
        units.by_endpoint.into_keys().collect()
    }

    #[test]
    fn the_first_pattern_that_fits_counts_however_deep_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["2019/PC-1", "2020/PC-2", "PC-3"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let years_first = ["20*/{endpoint}/", "{endpoint}/"];
        assert_eq!(found(folder.path(), &years_first), ["PC-1", "PC-2", "PC-3"]);
        let years_last = ["{endpoint}/", "20*/{endpoint}/"];
        assert_eq!(found(folder.path(), &years_last), ["2019", "2020", "PC-3"]);
    }
}
