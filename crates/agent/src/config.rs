//! The configuration: five lines for a machine, checked as a whole, each fault with its key and what is allowed.

use crate::machine;
use anyhow::{Context, bail};
use send::CertificateFiles;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    intake: String,
    ca: Option<PathBuf>,
    token_file: Option<PathBuf>,
    fleet_token_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    state: Option<PathBuf>,
    logs: Option<Vec<String>>,
    bandwidth: Option<String>,
    poll: Option<String>,
    start_spread: Option<String>,
    log: Option<PathBuf>,
}

/// What holds.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Address of the intake.
    pub(crate) intake: String,
    /// CA of its certificate, besides the system's.
    pub(crate) ca: Option<PathBuf>,
    /// Whose token is shown.
    pub(crate) token: TokenFrom,
    /// Checkpoints, the machine's secret, and what `status` shows.
    pub(crate) state: PathBuf,
    /// Folders and files, some with `{endpoint}`.
    pub(crate) logs: Vec<String>,
    /// Source bytes a second, over all logs.
    pub(crate) bandwidth: Option<u64>,
    /// Between two looks at folders that nobody reported a change of.
    pub(crate) poll: Duration,
    /// Machines that start together begin to send within so long.
    pub(crate) start_spread: Duration,
    /// The agent's own log.
    pub(crate) log: Option<PathBuf>,
}

/// Where the token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenFrom {
    /// A file that holds one, of an endpoint or a relay.
    File(PathBuf),
    /// The machine enrols with the fleet's, and keeps its own secret.
    Fleet(PathBuf),
    /// None: a certificate speaks in its place.
    Certificate(CertificateFiles),
}

/// Where the name of a folder is the name of the machine.
pub(crate) const ENDPOINT: &str = "{endpoint}";

/// A change that is reported is looked at once; this is for those that are not, as on shares.
const POLL: Duration = Duration::from_secs(30);

/// 10,000 machines that start at 09:00 are some 170 a second then.
const START_SPREAD: Duration = Duration::from_secs(60);

impl Config {
    /// Reads and checks a file.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration `{}`", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder)
            .with_context(|| format!("the configuration `{}` cannot be used", path.display()))
    }

    fn parse(text: &str, folder: &Path) -> anyhow::Result<Self> {
        let raw: Raw = toml::from_str(text)?;
        let mut faults = Vec::new();
        let beside = |path: PathBuf| folder.join(path);
        let certificate = raw.cert_file.zip(raw.key_file);
        let token = match (raw.token_file, raw.fleet_token_file, certificate) {
            (Some(path), None, None) => TokenFrom::File(beside(path)),
            (None, Some(path), None) => TokenFrom::Fleet(beside(path)),
            (None, None, Some((cert, key))) => TokenFrom::Certificate(CertificateFiles {
                cert: beside(cert),
                key: beside(key),
            }),
            _ => {
                faults.push(
                    "one of `token_file`, `fleet_token_file`, and `cert_file` with `key_file` must be there"
                        .to_owned(),
                );
                TokenFrom::File(PathBuf::new())
            }
        };
        let logs = raw.logs.unwrap_or_else(machine::own_logs);
        if logs.is_empty() {
            faults.push(
                "`logs` names nothing: folders or files, as `[\"/collected/{endpoint}/Logs/CBS\"]`"
                    .to_owned(),
            );
        }
        let shared = logs.iter().filter(|log| log.contains(ENDPOINT)).count();
        if shared > 0 && shared < logs.len() {
            faults.push(
                "`logs` must name the machine with `{endpoint}` everywhere or nowhere".to_owned(),
            );
        }
        for log in &logs {
            if let Some((before, after)) = log.split_once(ENDPOINT) {
                let is_whole = before.ends_with(['/', '\\'])
                    && (after.is_empty() || after.starts_with(['/', '\\']));
                if !is_whole || after.contains(ENDPOINT) || before.len() < 2 {
                    faults.push(format!(
                        "`{log}`: `{{endpoint}}` must be the whole name of one folder"
                    ));
                }
            }
            if log
                .trim_end_matches("/*")
                .trim_end_matches("\\*")
                .contains('*')
            {
                faults.push(format!(
                    "`{log}`: `*` stands at the end only, for every file of a folder"
                ));
            }
        }
        if shared > 0 && matches!(token, TokenFrom::Fleet(_)) {
            faults.push("a share needs the token of a relay in `token_file`".to_owned());
        }
        let bandwidth = raw
            .bandwidth
            .as_deref()
            .map(|text| match quantity::size(text) {
                Some(size) if size >= 4 << 10 => size,
                _ => {
                    faults.push(format!(
                        "`bandwidth` is `{text}`; it must be at least \"4 KiB\" (a second)"
                    ));
                    0
                }
            });
        let mut time = |key: &str, text: Option<String>, default: Duration, least: Duration| {
            let Some(text) = text else { return default };
            match quantity::time(&text) {
                Some(time) if (least..=Duration::from_secs(86_400)).contains(&time) => time,
                _ => {
                    let least = least.as_secs();
                    faults.push(format!(
                        "`{key}` is `{text}`; it must be a time as \"30s\", {least}s to a day"
                    ));
                    default
                }
            }
        };
        let poll = time("poll", raw.poll, POLL, Duration::from_secs(1));
        let start_spread = time(
            "start_spread",
            raw.start_spread,
            START_SPREAD,
            Duration::ZERO,
        );
        if !faults.is_empty() {
            bail!("{}", faults.join("; "));
        }
        Ok(Self {
            intake: raw.intake,
            ca: raw.ca.map(beside),
            token,
            state: raw
                .state
                .map_or_else(|| machine::state_folder(folder), beside),
            logs,
            bandwidth,
            poll,
            start_spread,
            log: raw.log.map(beside),
        })
    }

    /// The logs are those of many machines.
    pub(crate) fn is_share(&self) -> bool {
        self.logs.iter().any(|log| log.contains(ENDPOINT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_lines_are_enough_and_every_fault_is_told() {
        let config = Config::parse(
            "intake = \"https://intake.example:7070\"\nca = \"ca.pem\"\nfleet_token_file = \"fleet.token\"\nstate = \"/var/lib/x\"\nlogs = [\"/logs/CBS\"]\n",
            Path::new("/etc/cbsift"),
        )
        .unwrap();
        assert_eq!(config.ca, Some(PathBuf::from("/etc/cbsift/ca.pem")));
        assert_eq!(config.state, PathBuf::from("/var/lib/x"));
        let fleet = TokenFrom::Fleet(PathBuf::from("/etc/cbsift/fleet.token"));
        assert_eq!(config.token, fleet);
        assert!(!config.is_share());
        let head = "intake = \"http://127.0.0.1:1\"\n";
        for (text, fault) in [
            ("", "one of `token_file`"),
            (
                "token_file = \"a\"\nfleet_token_file = \"b\"",
                "one of `token_file`",
            ),
            ("cert_file = \"a\"", "one of `token_file`"),
            (
                "token_file = \"a\"\ncert_file = \"a\"\nkey_file = \"b\"",
                "one of `token_file`",
            ),
            ("token_file = \"a\"\nlogs = []", "`logs` names nothing"),
            (
                "token_file = \"a\"\nlogs = [\"/x/{endpoint}/y\", \"/z\"]",
                "everywhere or nowhere",
            ),
            (
                "token_file = \"a\"\nlogs = [\"/x/pc-{endpoint}/y\"]",
                "whole name of one folder",
            ),
            ("token_file = \"a\"\nlogs = [\"/x/*/y\"]", "at the end only"),
            (
                "fleet_token_file = \"a\"\nlogs = [\"/x/{endpoint}/y\"]",
                "token of a relay",
            ),
            (
                "token_file = \"a\"\nlogs = [\"/x\"]\nbandwidth = \"1\"",
                "at least \"4 KiB\"",
            ),
            (
                "token_file = \"a\"\nlogs = [\"/x\"]\npoll = \"soon\"",
                "`poll` is `soon`",
            ),
            ("token_file = \"a\"\nlogs = [\"/x\"]\nspeed = 1", "speed"),
        ] {
            let error = Config::parse(&format!("{head}{text}\n"), Path::new("/")).unwrap_err();
            assert!(format!("{error:#}").contains(fault), "{text}: {error:#}");
        }
    }
}
