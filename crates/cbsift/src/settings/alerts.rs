//! How alerts are evaluated.

use super::Check;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// Checked settings of `[alerts]`.
#[derive(Clone, Debug)]
pub(crate) struct Alerts {
    /// Between two evaluations.
    pub(crate) interval: Duration,
    /// A site's own rules.
    pub(crate) folder: Option<PathBuf>,
    /// Where people open the pages, or empty.
    pub(crate) pages: String,
    /// File of receivers; none = nobody is told.
    pub(crate) receivers: Option<PathBuf>,
    /// What fires is said again after so long; zero = never.
    pub(crate) repeat: Duration,
}

/// The table `alerts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAlerts {
    interval: String,
    folder: String,
    pages: String,
    receivers: String,
    repeat: String,
}

/// More often tells nothing sooner: derivations come together for a second.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Alertmanager takes for resolved what it has not heard of for five minutes.
const INTERVAL_MAX: Duration = Duration::from_secs(120);

/// Whoever is told more often stops to read.
const REPEAT_MIN: Duration = Duration::from_secs(300);

impl RawAlerts {
    pub(super) fn check(&self, check: &mut Check<'_>) -> Alerts {
        let interval = check.time("alerts.interval", &self.interval);
        if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&interval) {
            check.problems.push(format!(
                "`alerts.interval` is \"{}\", but must be a time from \"1s\" to \"2m\"",
                self.interval
            ));
        }
        let repeat = match quantity::time(&self.repeat) {
            Some(time) if time.is_zero() || time >= REPEAT_MIN => time,
            _ => {
                check.problems.push(format!(
                    "`alerts.repeat` is \"{}\", but must be a time of \"5m\" or more, or \"0s\" for never",
                    self.repeat
                ));
                Duration::ZERO
            }
        };
        let is_address = ["http://", "https://"]
            .iter()
            .any(|scheme| self.pages.starts_with(scheme));
        if !self.pages.is_empty() && !is_address {
            check.problems.push(format!(
                "`alerts.pages` is \"{}\", but must be an address such as \"https://cbsift.example\"",
                self.pages
            ));
        }
        Alerts {
            interval,
            folder: (!self.folder.is_empty()).then(|| PathBuf::from(&self.folder)),
            pages: self.pages.clone(),
            receivers: (!self.receivers.is_empty()).then(|| PathBuf::from(&self.receivers)),
            repeat,
        }
    }
}
