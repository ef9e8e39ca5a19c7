//! Where the store is and how its tables are made.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Where the store is.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// ClickHouse's HTTP address, `http://127.0.0.1:8123`.
    pub url: String,
    /// The path socket of an engine on this machine, asked in place of the host in `url`. It knows us by our user.
    #[serde(default)]
    pub socket: Option<PathBuf>,
    /// User name.
    #[serde(default = "default_name")]
    pub user: String,
    /// Password, or the embedded engine's token.
    #[serde(default)]
    pub password: Secret,
    /// Database, which must exist.
    #[serde(default = "default_name")]
    pub database: String,
    /// What kind of engine answers there.
    #[serde(default)]
    pub profile: Profile,
}

/// What kind of engine answers: the parameters of the table definitions.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The engine on this machine.
    #[default]
    Embedded,
    /// ClickHouse servers with replicated tables.
    Server {
        /// Name of the cluster for `ON CLUSTER`.
        cluster: String,
    },
}

/// A text that never shows in logs or in printed configuration.
#[derive(Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl StoreConfig {
    /// The embedded engine at an address, with its token.
    pub fn embedded(url: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            socket: None,
            user: default_name(),
            password: Secret(token.into()),
            database: default_name(),
            profile: Profile::Embedded,
        }
    }

    /// The embedded engine at its path socket.
    pub fn local(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: Some(socket.into()),
            ..Self::embedded("http://engine", "")
        }
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        match &self.socket {
            Some(socket) => socket.display().to_string(),
            None => self.url.clone(),
        }
    }
}

fn default_name() -> String {
    "cbsift".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows() {
        let config = StoreConfig::embedded("http://127.0.0.1:1", "hunter2");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
