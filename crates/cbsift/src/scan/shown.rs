//! Paths as a report shows them: below what was handed over.

use std::path::{Path, PathBuf};

/// What all paths that were handed over have in common.
pub(super) struct Base(String);

impl Base {
    /// A folder or an archive that was handed over alone is what its logs are shown below; of a file, and of several paths, their folder is.
    pub(super) fn of(paths: &[PathBuf]) -> Self {
        let mut common: Option<PathBuf> = None;
        for path in paths {
            let own = if paths.len() == 1 && path.is_dir() {
                path.as_path()
            } else {
                path.parent().unwrap_or(Path::new(""))
            };
            common = Some(match common {
                None => own.to_owned(),
                Some(common) => {
                    let both = common.components().zip(own.components());
                    both.take_while(|(one, other)| one == other)
                        .map(|(one, _)| one)
                        .collect()
                }
            });
        }
        Self(common.unwrap_or_default().to_string_lossy().into_owned())
    }

    /// Everything is shown below one folder.
    pub(super) fn at(folder: &Path) -> Self {
        Self(folder.to_string_lossy().into_owned())
    }

    pub(super) fn shown(&self, path: &Path) -> String {
        let path = path.to_string_lossy();
        let below = path.strip_prefix(self.0.as_str()).map(|rest| {
            let is_separator = |letter| matches!(letter, '/' | '\\');
            match rest.strip_prefix(is_separator) {
                Some(rest) => rest,
                None if self.0.is_empty() || self.0.ends_with(is_separator) => rest,
                // Another name that begins alike.
                None => "",
            }
        });
        match below {
            None | Some("") => path.into_owned(),
            Some(below) => below.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_below_what_was_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a/CBS.log", "b/deep/CBS.log", "ab/CBS.log"] {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), "x").unwrap();
        }
        let shown = |paths: &[&str], path: &str| {
            let paths: Vec<PathBuf> = paths.iter().map(|path| at(path)).collect();
            Base::of(&paths).shown(&at(path))
        };
        assert_eq!(shown(&[""], "b/deep/CBS.log"), "b/deep/CBS.log");
        assert_eq!(shown(&["a"], "a/CBS.log"), "CBS.log");
        assert_eq!(shown(&["a/CBS.log"], "a/CBS.log"), "CBS.log");
        assert_eq!(shown(&["a", "b/deep"], "a/CBS.log"), "a/CBS.log");
        assert_eq!(shown(&["a.zip"], "a.zip!x/CBS.log"), "a.zip!x/CBS.log");
        assert!(shown(&["a"], "ab/CBS.log").ends_with("/ab/CBS.log"));
    }
}
