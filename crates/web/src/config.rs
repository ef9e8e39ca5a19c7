//! What a site decides about the pages.

use serde::{Deserialize, Serialize};

/// What a site decides about the pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Names, without port, under which the pages may be asked for besides loopback's own.
    ///
    /// Any other name is refused: a foreign page that had its own name point at this address could otherwise read the answers (DNS rebinding).
    pub hosts: Vec<String>,
}

#[expect(
    clippy::derivable_impls,
    reason = "every default of a configuration is spelled out"
)]
impl Default for Config {
    fn default() -> Self {
        Self { hosts: Vec::new() }
    }
}
