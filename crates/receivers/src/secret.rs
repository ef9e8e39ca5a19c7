//! What must not be seen: read from a file, never printed.

use std::fmt;
use std::path::Path;

/// A secret; its debug form is `***`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The first line of a file.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty() {
            return Err(format!("the first line of `{}` is empty", path.display()));
        }
        if line.chars().any(char::is_control) {
            return Err(format!(
                "the first line of `{}` holds a control character",
                path.display()
            ));
        }
        Ok(Self(line.to_owned()))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
