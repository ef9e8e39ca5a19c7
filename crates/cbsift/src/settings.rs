//! The settings of every role, checked.

mod alerts;
mod bounds;
mod layers;

pub(crate) use layers::Shown;

use crate::log;
use crate::misuse::Misuse;
use alerts::{Alerts, RawAlerts};
use bounds::RawPipeline;
use serde::Deserialize;
use serve::TlsFiles;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{Profile, Secret, StoreConfig};

/// Checked settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) log: log::Format,
    pub(crate) data: PathBuf,
    /// The ClickHouse of roles that run alone.
    pub(crate) remote: Option<ClickHouse>,
    /// How often the tokens of the store are read.
    pub(crate) tokens_refresh: Duration,
    /// 0 = no bound.
    pub(crate) max_disk: u64,
    /// How long it is kept who did what.
    pub(crate) keep_audit_days: u16,
    /// None keeps what was found for good.
    pub(crate) keep_months: Option<u16>,
    pub(crate) pipeline: pipeline::Config,
    pub(crate) engine_listen: SocketAddr,
    pub(crate) library: Option<PathBuf>,
    pub(crate) max_memory: u64,
    pub(crate) ingest: ingest::Config,
    pub(crate) queue: queue::Config,
    pub(crate) web_listen: SocketAddr,
    pub(crate) web_tls: Option<TlsFiles>,
    /// Who may see the pages; asked for on every address where it is there.
    pub(crate) web_tokens_file: Option<PathBuf>,
    pub(crate) web: web::Config,
    pub(crate) alerts: Alerts,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) admin_tls: Option<TlsFiles>,
}

impl Settings {
    /// The pipeline's bounds where others write to the same store and the sender is Kafka.
    pub(crate) fn of_cluster(&self) -> pipeline::Config {
        pipeline::Config {
            give_up: None,
            // None at all would say that nobody else is there.
            first_sweep_age: self.pipeline.sweep_age.max(Duration::from_secs(1)),
            ..self.pipeline.clone()
        }
    }
}

/// How a ClickHouse elsewhere is reached; `run::Remote` is the connection to it.
#[derive(Clone, Debug)]
pub(crate) struct ClickHouse {
    url: String,
    user: String,
    password_file: Option<PathBuf>,
    database: String,
    cluster: String,
}

impl ClickHouse {
    /// Which store it is, for people and to tell it from others.
    pub(crate) fn place(&self) -> String {
        format!("{} database {}", self.url, self.database)
    }

    /// With its password, which is read when it is needed.
    pub(crate) fn connect(&self) -> anyhow::Result<StoreConfig> {
        let password = match &self.password_file {
            Some(path) => first_line(path).map_err(|error| {
                Misuse(format!(
                    "`store.password_file`: cannot read `{}`: {error}",
                    path.display()
                ))
            })?,
            None => String::new(),
        };
        let profile = if self.cluster.is_empty() {
            Profile::Embedded
        } else {
            Profile::Server {
                cluster: self.cluster.clone(),
            }
        };
        Ok(StoreConfig {
            url: self.url.clone(),
            socket: None,
            user: self.user.clone(),
            password: Secret(password),
            database: self.database.clone(),
            profile,
        })
    }
}

/// The first line of a file without its end; what stands below is for people.
fn first_line(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => anyhow::bail!("its first line is empty"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    log: RawLog,
    store: RawStore,
    engine: RawEngine,
    ingest: ingest::RawConfig,
    pipeline: RawPipeline,
    queue: queue::RawConfig,
    web: RawWeb,
    alerts: RawAlerts,
    admin: RawAdmin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    format: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStore {
    data: String,
    url: String,
    user: String,
    password_file: String,
    database: String,
    cluster: String,
    tokens_refresh: String,
    max_disk: String,
    keep_days: u16,
    keep_evidence_days: u16,
    keep_audit_days: u16,
    keep_months: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEngine {
    listen: String,
    library: String,
    max_memory: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWeb {
    listen: String,
    tls_cert: String,
    tls_key: String,
    tokens_file: String,
    hosts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAdmin {
    listen: String,
    tls_cert: String,
    tls_key: String,
}

/// The engine needs this much: with less, inserts fail.
const MIN_MEMORY: u64 = 500 << 20;

/// Below this the engine's own files, a batch and its merges leave no room for logs.
const MIN_DISK: u64 = 64 << 20;

/// What auditors ask for; months are kept whole.
const MIN_AUDIT_DAYS: u16 = 180;

/// So long what was found is kept at least: two years can be looked back on from within a month.
const MIN_MONTHS: u16 = 25;

/// A revocation holds within a minute, also where one reading fails or hangs: the next one comes 2 s later (`run/tokens.rs`).
const TOKENS_REFRESH_MAX: Duration = Duration::from_secs(30);

/// Reads and checks everything; all problems at once.
pub(crate) fn load(
    file: Option<&Path>,
    flags: &[(&str, String)],
) -> Result<(Settings, Vec<Shown>), Misuse> {
    let (merged, shown) = layers::merged(file, flags)?;
    let mut problems = Vec::new();
    let raw: Raw = merged
        .try_deserialize()
        .map_err(|error| Misuse(format!("configuration: {error}")))?;
    let mut check = Check {
        problems: &mut problems,
    };
    let web_tls = check.tls("web", &raw.web.tls_cert, &raw.web.tls_key);
    let admin_tls = check.tls("admin", &raw.admin.tls_cert, &raw.admin.tls_key);
    let mut settings = Settings {
        log: check.log_format(&raw.log.format),
        data: PathBuf::from(&raw.store.data),
        remote: check.remote(&raw.store),
        tokens_refresh: check.tokens_refresh(&raw.store.tokens_refresh),
        max_disk: check.size("store.max_disk", &raw.store.max_disk, MIN_DISK),
        keep_audit_days: check.keep_audit_days(raw.store.keep_audit_days),
        keep_months: check.keep_months(raw.store.keep_months),
        pipeline: pipeline::Config::default(),
        engine_listen: check.address("engine.listen", &raw.engine.listen, false),
        library: (!raw.engine.library.is_empty()).then(|| PathBuf::from(&raw.engine.library)),
        max_memory: check.size("engine.max_memory", &raw.engine.max_memory, MIN_MEMORY),
        web_listen: check.address("web.listen", &raw.web.listen, web_tls.is_some()),
        web_tls,
        web_tokens_file: (!raw.web.tokens_file.is_empty())
            .then(|| PathBuf::from(&raw.web.tokens_file)),
        web: web::Config {
            hosts: raw.web.hosts,
        },
        queue: queue::Config::check(&raw.queue).unwrap_or_else(|more| {
            check.problems.extend(more);
            queue::Config::default()
        }),
        alerts: raw.alerts.check(&mut check),
        admin_tls: admin_tls.clone(),
        admin_listen: check.address("admin.listen", &raw.admin.listen, admin_tls.is_some()),
        ingest: match ingest::Config::check(&raw.ingest) {
            Ok(config) => {
                check.address("ingest.listen", &raw.ingest.listen, config.tls.is_some());
                config
            }
            Err(more) => {
                check.problems.extend(more);
                ingest::Config::default()
            }
        },
    };
    settings.pipeline = raw.pipeline.check(&mut check);
    if settings.web_tokens_file.is_none() && !settings.web_listen.ip().to_canonical().is_loopback()
    {
        check.problems.push(format!(
            "`web.listen`: the pages would answer anybody on `{}`\nhint: name who may read in `web.tokens_file`, or use a loopback address",
            settings.web_listen
        ));
    }
    settings.pipeline.keep_days = (raw.store.keep_days > 0).then_some(raw.store.keep_days);
    settings.pipeline.keep_evidence_days =
        (raw.store.keep_evidence_days > 0).then_some(raw.store.keep_evidence_days);
    if raw.store.data.is_empty() {
        problems.push("`store.data` is empty, but must name a folder".to_owned());
    }
    if raw.engine.max_memory == "0" {
        problems.push(
            "`engine.max_memory` is \"0\", but the engine needs a bound of 500 MiB or more"
                .to_owned(),
        );
    }
    if problems.is_empty() {
        Ok((settings, shown))
    } else {
        Err(Misuse(problems.join("\n")))
    }
}

struct Check<'a> {
    problems: &'a mut Vec<String>,
}

impl Check<'_> {
    fn size(&mut self, key: &str, text: &str, min: u64) -> u64 {
        match quantity::size(text) {
            Some(0) => 0,
            Some(bytes) if bytes >= min => bytes,
            _ => {
                self.problems.push(format!("`{key}` is \"{text}\", but must be a size of {} MiB or more, such as \"20 GiB\", or \"0\"", min >> 20));
                0
            }
        }
    }

    /// A size of something that must have a bound.
    fn bound(&mut self, key: &str, text: &str, min: u64) -> u64 {
        match quantity::size(text) {
            Some(bytes) if bytes >= min => bytes,
            _ => {
                let least = match min {
                    0..1_048_576 => format!("{min} bytes"),
                    _ => format!("{} MiB", min >> 20),
                };
                self.problems.push(format!(
                    "`{key}` is \"{text}\", but must be a size of {least} or more, such as \"64 MiB\""
                ));
                min
            }
        }
    }

    fn count(&mut self, key: &str, number: usize, max: usize) -> usize {
        if !(1..=max).contains(&number) {
            self.problems
                .push(format!("`{key}`: {number} is not a number from 1 to {max}"));
        }
        number
    }

    fn log_format(&mut self, text: &str) -> log::Format {
        match text {
            "text" => log::Format::Text,
            "json" => log::Format::Json,
            _ => {
                let problem =
                    format!("`log.format` is \"{text}\", but must be \"text\" or \"json\"");
                self.problems.push(problem);
                log::Format::default()
            }
        }
    }

    /// A name that stands in statements: of letters, digits, `_` and `-`, though ClickHouse would take others in quotes.
    fn identifier(&mut self, key: &str, name: &str) {
        let is_good = name.len() <= 64
            && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !is_good {
            self.problems.push(format!(
                "`{key}` is {name:?}, but must be a name of 1 to 64 letters, digits, `_` or `-` that starts with a letter or `_`"
            ));
        }
    }

    /// The ClickHouse that `store.url` names.
    fn remote(&mut self, raw: &RawStore) -> Option<ClickHouse> {
        self.identifier("store.database", &raw.database);
        if !raw.cluster.is_empty() {
            self.identifier("store.cluster", &raw.cluster);
        }
        if raw.url.is_empty() {
            return None;
        }
        let host = raw.url.strip_prefix("http://").map(|rest| {
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            authority
                .rsplit_once(':')
                .map_or(authority, |(host, _)| host)
        });
        let is_loopback = |host: &str| {
            let host = host.trim_matches(['[', ']']);
            host == "localhost"
                || host
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        };
        match host {
            Some(host) if !is_loopback(host) => self.problems.push(format!(
                "`store.url` is \"{}\", which sends the password and the logs in the clear\nhint: use https:// for another machine", raw.url
            )),
            None if !raw.url.starts_with("https://") => self.problems.push(format!(
                "`store.url` is \"{}\", but must be ClickHouse's HTTP address, such as \"https://clickhouse:8443\"", raw.url
            )),
            _ => {}
        }
        Some(ClickHouse {
            url: raw.url.clone(),
            user: raw.user.clone(),
            password_file: (!raw.password_file.is_empty())
                .then(|| PathBuf::from(&raw.password_file)),
            database: raw.database.clone(),
            cluster: raw.cluster.clone(),
        })
    }

    fn time(&mut self, key: &str, text: &str) -> Duration {
        match quantity::time(text) {
            Some(time) if !time.is_zero() => time,
            _ => {
                self.problems.push(format!(
                    "`{key}` is \"{text}\", but must be a time such as \"30s\""
                ));
                Duration::from_secs(1)
            }
        }
    }

    fn keep_audit_days(&mut self, days: u16) -> u16 {
        if days < MIN_AUDIT_DAYS {
            self.problems.push(format!(
                "`store.keep_audit_days` is {days}, but who did what must be kept {MIN_AUDIT_DAYS} days at least"
            ));
        }
        days
    }

    fn keep_months(&mut self, months: u16) -> Option<u16> {
        if (1..MIN_MONTHS).contains(&months) {
            self.problems.push(format!(
                "`store.keep_months` is {months}, but what was found is kept {MIN_MONTHS} months at least; 0 keeps it for good"
            ));
        }
        (months > 0).then_some(months)
    }

    fn tokens_refresh(&mut self, text: &str) -> Duration {
        let refresh = self.time("store.tokens_refresh", text);
        if refresh > TOKENS_REFRESH_MAX {
            self.problems.push(format!(
                "`store.tokens_refresh` is \"{text}\", but a revocation must hold within a minute\nhint: \"30s\" is the most"
            ));
        }
        refresh
    }

    fn tls(&mut self, table: &str, cert: &str, key: &str) -> Option<TlsFiles> {
        TlsFiles::check(table, cert, key).unwrap_or_else(|error| {
            self.problems.push(error);
            None
        })
    }

    fn address(&mut self, key: &str, text: &str, has_tls: bool) -> SocketAddr {
        let fallback = SocketAddr::from(([127, 0, 0, 1], 0));
        match text.parse::<SocketAddr>() {
            Ok(address) => {
                if let Err(error) = serve::check_listen(address, has_tls) {
                    self.problems.push(format!("`{key}`: {error}"));
                }
                address
            }
            Err(_) => {
                self.problems.push(format!("`{key}` is \"{text}\", but must be an address with port, such as \"127.0.0.1:7070\""));
                fallback
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_good_and_equal_the_crates_own() {
        let (settings, shown) = load(None, &[]).unwrap();
        assert_eq!(settings.max_disk, 20 << 30);
        assert!(shown.iter().all(|shown| shown.origin == "default"));
        let own = ingest::Config::default();
        assert_eq!(format!("{:?}", settings.ingest), format!("{own:?}"));
        assert_eq!(settings.pipeline, pipeline::Config::default());
        let own = queue::Config::default();
        assert_eq!(format!("{:?}", settings.queue), format!("{own:?}"));
    }

    #[test]
    fn all_problems_are_said_at_once() {
        let flags = [
            ("store.max_disk", "much".to_owned()),
            ("engine.listen", "0.0.0.0:7072".to_owned()),
            ("web.listen", "here".to_owned()),
            ("log.format", "xml".to_owned()),
            ("store.tokens_refresh", "2m".to_owned()),
            ("store.keep_audit_days", "179".to_owned()),
            ("store.keep_months", "24".to_owned()),
        ];
        let Err(Misuse(problems)) = load(None, &flags) else {
            panic!("accepted")
        };
        for key in [
            "store.max_disk",
            "engine.listen",
            "web.listen",
            "log.format",
            "store.tokens_refresh",
            "store.keep_audit_days",
            "store.keep_months",
        ] {
            assert!(problems.contains(key), "{key} in {problems}");
        }
        assert!(problems.contains("TLS"), "{problems}");
    }

    #[test]
    fn names_that_stand_in_statements_are_names() {
        for key in ["store.database", "store.cluster"] {
            for bad in [
                "x;DROP",
                "a b",
                "a`b",
                "a'b",
                "1a",
                "-a",
                "é",
                &"x".repeat(65),
            ] {
                let Err(Misuse(problem)) = load(None, &[(key, bad.to_owned())]) else {
                    panic!("`{key}` = {bad:?} accepted")
                };
                assert!(problem.contains(key), "{problem}");
            }
            load(None, &[(key, "cbsift_2-a".to_owned())]).unwrap();
        }
        assert!(load(None, &[("store.database", String::new())]).is_err());
    }

    #[test]
    fn a_list_may_come_from_where_there_are_none() {
        let flags = [
            ("queue.foreign_topics", "winlogbeat, fluent-bit".to_owned()),
            ("web.hosts", "cbsift.bank.example".to_owned()),
        ];
        let (settings, _) = load(None, &flags).unwrap();
        let topics = settings.queue.foreign_topics;
        assert_eq!(topics, ["winlogbeat", "fluent-bit"]);
        assert_eq!(settings.web.hosts, ["cbsift.bank.example"]);

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("made-up.toml");
        std::fs::write(&file, "[queue]\nforeign_topics = [\"winlogbeat\"]\n").unwrap();
        let (settings, _) = load(Some(&file), &[]).unwrap();
        assert_eq!(settings.queue.foreign_topics, ["winlogbeat"]);
    }

    #[test]
    fn with_tls_any_address_is_good_and_the_pages_need_tokens_too() {
        let mut flags = vec![
            ("ingest.listen", "0.0.0.0:7070".to_owned()),
            ("web.listen", "0.0.0.0:7071".to_owned()),
            ("admin.listen", "0.0.0.0:7073".to_owned()),
        ];
        for table in ["ingest", "web", "admin"] {
            for key in ["tls_cert", "tls_key"] {
                let key: &'static str = format!("{table}.{key}").leak();
                flags.push((key, "made-up.pem".to_owned()));
            }
        }
        let Err(Misuse(problems)) = load(None, &flags) else {
            panic!("accepted")
        };
        assert!(
            problems.lines().count() == 2 && problems.contains("`web.tokens_file`"),
            "{problems}"
        );
        flags.push(("web.tokens_file", "made-up".to_owned()));
        load(None, &flags).unwrap();

        flags.push(("admin.tls_key", String::new()));
        let Err(Misuse(problems)) = load(None, &flags) else {
            panic!("accepted")
        };
        assert!(problems.contains("`admin.tls_cert`"), "{problems}");
    }

    #[test]
    fn an_unknown_key_is_named_with_the_one_that_was_meant() {
        let Err(Misuse(problem)) = load(None, &[("store.max_disc", "1 GiB".to_owned())]) else {
            panic!("accepted")
        };
        assert!(
            problem.contains("unknown key `store.max_disc`")
                && problem.contains("`store.max_disk`"),
            "{problem}"
        );
    }

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let flags = [
            ("store.url", "http://127.0.0.1:8123".to_owned()),
            ("store.password_file", file.path().display().to_string()),
        ];
        let (settings, _) = load(None, &flags).unwrap();
        let remote = settings.remote.unwrap();
        for text in ["made up ", "made up \n", "made up \r\nchanged in May\n"] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(remote.connect().unwrap().password.0, "made up ", "{text:?}");
        }
        for text in ["", "\nmade up\n"] {
            std::fs::write(file.path(), text).unwrap();
            let error = format!("{:#}", remote.connect().unwrap_err());
            assert!(
                error.contains("`store.password_file`") && error.contains("empty"),
                "{error}"
            );
        }
    }
}
