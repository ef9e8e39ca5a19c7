//! A cluster of one's own: Apache Kafka, the embedded engine as `cbsift engine`, any number of intakes and pipelines.

use crate::single::{Answers, PATIENCE, block_on, cbsift, get, text};
use event::LoggedAt;
use kafka_harness::{Broker, free_port};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use store::{Store, StoreConfig};
use tempfile::TempDir;

/// The relay token that senders show; its SHA-256 stands in the intakes' file.
pub const TOKEN: &str = "fleet.made-up-secret";

/// The part of it that may stand in nothing that a role says (I9).
const SECRET: &str = "made-up-secret";

/// A role as a process.
pub struct Role {
    child: Child,
    name: String,
    /// What its lines of output named, such as `intake` and `health`.
    addresses: BTreeMap<String, String>,
    /// It has said the senders' secret.
    has_leaked: Arc<AtomicBool>,
    /// The last lines that it said.
    said: Arc<Mutex<VecDeque<String>>>,
}

/// Lines of a role that are remembered.
const SAID_MAX: usize = 1_000;

impl Role {
    /// Starts a command and waits until it has named its addresses.
    pub fn start(name: &str, command: Command, wanted: &[&str]) -> Self {
        let mut child = dying_with_us(&command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, found) = mpsc::sync_channel(1024);
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        let has_leaked = Arc::<AtomicBool>::default();
        let said = Arc::<Mutex<VecDeque<String>>>::default();
        for output in outputs {
            let (lines, name) = (lines.clone(), name.to_owned());
            let (has_leaked, said) = (Arc::clone(&has_leaked), Arc::clone(&said));
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // Shown where a test fails.
                    eprintln!("{name}: {line}");
                    if line.contains(SECRET) {
                        has_leaked.store(true, Ordering::Relaxed);
                    }
                    let mut said = said.lock().unwrap();
                    said.push_back(line.clone());
                    if said.len() > SAID_MAX {
                        said.pop_front();
                    }
                    drop(said);
                    let _ = lines.try_send(line);
                }
            });
        }
        let mut addresses = BTreeMap::new();
        let deadline = Instant::now() + PATIENCE;
        while !wanted.iter().all(|wanted| addresses.contains_key(*wanted)) {
            let wait = deadline.saturating_duration_since(Instant::now());
            let line = found
                .recv_timeout(wait)
                .unwrap_or_else(|_| panic!("{name} says where it is"));
            let mut words = line.split_whitespace();
            if let (Some(key), Some(url)) = (words.next(), words.next())
                && url.starts_with("http://")
            {
                addresses.insert(key.to_owned(), url.trim_end_matches("/readyz").to_owned());
            }
        }
        Self {
            child,
            name: name.to_owned(),
            addresses,
            has_leaked,
            said,
        }
    }

    /// Waits until it has said so.
    pub fn says(&self, words: &str) {
        until(words, || self.has_said(words).then_some(()));
    }

    /// Whether it has said so by now.
    pub fn has_said(&self, words: &str) -> bool {
        let said = self.said.lock().unwrap();
        said.iter().any(|line| line.contains(words))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn address(&self, name: &str) -> &str {
        &self.addresses[name]
    }

    /// One figure of `/metrics`, 0 where it does not stand there yet.
    pub fn metric(&self, name: &str) -> f64 {
        self.metrics().get(name).copied().unwrap_or_default()
    }

    /// What `/metrics` says, summed over labels.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let (status, body) = get(&format!("{}/metrics", self.address("health")));
        assert_eq!(status, 200, "{body}");
        assert!(!body.contains(SECRET), "{} leaks a secret", self.name);
        let mut sums = BTreeMap::new();
        for line in body.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let name = name.split('{').next().unwrap_or(name);
            *sums.entry(name.to_owned()).or_default() += value.parse::<f64>().unwrap();
        }
        sums
    }

    /// SIGKILL: no time to tidy up.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGSTOP: asleep, its connections open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT after [`Role::freeze`].
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// SIGTERM, and waits for a good end.
    pub fn stop(&mut self) {
        self.signal("-TERM");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{} ended with {status}", self.name);
                return;
            }
            assert!(Instant::now() < deadline, "{} does not stop", self.name);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A signal as `kill` names it.
    pub fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // A frozen process dies too.
        self.kill();
        let has_leaked = self.has_leaked.load(Ordering::Relaxed);
        if has_leaked && !std::thread::panicking() {
            panic!("{} leaks a secret", self.name);
        }
    }
}

/// Everything that several processes share.
pub struct Cluster {
    pub broker: Broker,
    pub engine: Role,
    folder: TempDir,
    /// What every role is told; later ones win.
    settings: Vec<(String, String)>,
    /// Partitions that the chunks' topic has.
    partitions: f64,
}

impl Cluster {
    /// A broker, an engine with its tables, and no role yet.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::start(&kafka_harness::Options::default());
        let port = free_port();
        let engine = engine(folder.path(), port);
        // Of a token the part before the dot is its name, and the rest its secret.
        let (id, secret) = TOKEN.split_once('.').unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::write(&tokens, format!("relay {id} sha256:{}\n", sha256(secret))).unwrap();
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        let settings = [
            ("STORE__URL", engine.address("engine").to_owned()),
            ("ENGINE__LISTEN", format!("127.0.0.1:{port}")),
            (
                "STORE__PASSWORD_FILE",
                shown(&folder.path().join("data/writer-token")),
            ),
            ("STORE__DATA", shown(&folder.path().join("data"))),
            ("QUEUE__BROKERS", broker.address()),
            ("QUEUE__REPLICATION_FACTOR", "1".to_owned()),
            // Low, so that a take-over takes seconds.
            ("QUEUE__SESSION_TIMEOUT", "6s".to_owned()),
            ("QUEUE__METADATA_REFRESH", "1s".to_owned()),
            ("QUEUE__REVOKE_WAIT", "2s".to_owned()),
            ("PIPELINE__SWEEP", "1s".to_owned()),
            ("PIPELINE__SWEEP_AGE", "5s".to_owned()),
            ("INGEST__TOKENS_FILE", shown(&tokens)),
            ("INGEST__LISTEN", "127.0.0.1:0".to_owned()),
            ("WEB__LISTEN", "127.0.0.1:0".to_owned()),
            ("ADMIN__LISTEN", "127.0.0.1:0".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let cluster = Self {
            broker,
            engine,
            folder,
            settings,
            partitions: 12.0,
        };
        cluster.run(&["migrate"]);
        // Pipelines take their rules from the store, and from nowhere else.
        cluster.run(&["rules", "publish"]);
        cluster
    }

    /// What every role that is started from here on is told, too.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Runs a command to its good end.
    pub fn run(&self, arguments: &[&str]) {
        let (name, arguments) = arguments.split_first().expect("a command has a name");
        let output = self.command(name).args(arguments).output().unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
    }

    /// A command of cbsift that knows the cluster.
    pub fn command(&self, name: &str) -> Command {
        let mut command = cbsift();
        command.arg(name);
        for (key, value) in &self.settings {
            command.env(format!("CBSIFT__{key}"), value);
        }
        command
    }

    pub fn ingest(&self, name: &str) -> Role {
        self.ingest_at(name, free_port())
    }

    /// An intake on a port of one's choice, to start it again where its senders look for it.
    pub fn ingest_at(&self, name: &str, port: u16) -> Role {
        self.ingest_of(name, port, &self.path("data"))
    }

    /// With a data folder of its own.
    pub fn ingest_of(&self, name: &str, port: u16, data: &Path) -> Role {
        let mut command = self.command("ingest");
        command.env("CBSIFT__STORE__DATA", data);
        command.env("CBSIFT__INGEST__LISTEN", format!("127.0.0.1:{port}"));
        Role::start(name, command, &["intake", "health"])
    }

    pub fn pipeline(&self, name: &str) -> Role {
        self.pipeline_with(name, &[])
    }

    /// A pipeline that is told something else than the others.
    pub fn pipeline_with(&self, name: &str, settings: &[(&str, &str)]) -> Role {
        let mut command = self.command("pipeline");
        for (key, value) in settings {
            command.env(format!("CBSIFT__{key}"), value);
        }
        Role::start(name, command, &["health"])
    }

    /// A pipeline with arguments, such as `--rewind`. Kafka allows those only while its group has no member.
    pub fn pipeline_told(&self, name: &str, arguments: &[&str]) -> Role {
        let mut command = self.command("pipeline");
        command.args(arguments);
        until("the group has no member", || {
            self.members().is_empty().then_some(())
        });
        Role::start(name, command, &["health"])
    }

    /// Members of the pipelines' group; one that was killed is missed only after its session.
    fn members(&self) -> Vec<String> {
        let config = self.queue();
        let client: BaseConsumer = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", &config.brokers)
            .create()
            .unwrap();
        let groups = client
            .fetch_group_list(Some(&config.group), PATIENCE)
            .unwrap();
        let groups = groups.groups().iter();
        let members = groups.flat_map(|group| group.members());
        members.map(|member| member.id().to_owned()).collect()
    }

    /// Waits until these pipelines have all partitions between them, and each some.
    pub fn owned_by(&self, pipelines: &[&Role]) {
        until("the partitions are given out", || {
            let owned = pipelines
                .iter()
                .map(|role| role.metric("cbsift_queue_partitions"));
            let owned: Vec<f64> = owned.collect();
            (owned.iter().sum::<f64>() == self.partitions && !owned.contains(&0.0)).then_some(())
        });
    }

    /// Gives the chunks' topic more partitions.
    pub fn add_partitions(&mut self, total: u16) {
        let (config, partitions) = (self.queue(), i32::from(total));
        block_on(queue::topics::add_partitions(
            &config,
            &config.chunks_topic,
            partitions,
        ))
        .unwrap();
        self.partitions = f64::from(total);
    }

    /// The group's offset of each partition, as any client of Kafka may ask for it. Nothing is committed where it is 0.
    pub fn committed(&self) -> BTreeMap<i32, i64> {
        let config = self.queue();
        let client: BaseConsumer = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", &config.brokers)
            .set("group.id", &config.group)
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&config.chunks_topic, 0, self.partitions as i32 - 1);
        let answer = client.committed_offsets(list, PATIENCE).unwrap();
        let offset = |offset| match offset {
            Offset::Offset(offset) => offset,
            _ => 0,
        };
        let found = answer.elements();
        let found = found.iter().map(|of| (of.partition(), offset(of.offset())));
        found.collect()
    }

    /// The end of each partition: how many records it ever took.
    pub fn ends(&self) -> BTreeMap<i32, i64> {
        let config = self.queue();
        let client: BaseConsumer = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", &config.brokers)
            .create()
            .unwrap();
        let end = |partition| {
            let found = client.fetch_watermarks(&config.chunks_topic, partition, PATIENCE);
            (partition, found.unwrap().1)
        };
        (0..self.partitions as i32).map(end).collect()
    }

    /// Kafka's settings as the roles have them.
    pub fn queue(&self) -> queue::Config {
        let raw = queue::RawConfig {
            brokers: self.broker.address(),
            replication_factor: 1,
            ..queue::RawConfig::default()
        };
        queue::Config::check(&raw).unwrap()
    }

    /// Kills the engine's process and starts another on the same data and address.
    pub fn restart_engine(&mut self) {
        let address = self.engine.address("engine");
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        self.engine.kill();
        self.engine = engine(self.folder.path(), port);
    }

    /// Copies the store's data, while its process is down for a moment. Its answer is the time of the copy, as
    /// `pipeline --rewind-to` takes it: nothing that the copy lacks may have been sent before.
    pub fn back_up(&mut self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let time = LoggedAt(i64::try_from(now.as_secs()).unwrap());
        self.engine.kill();
        let backup = self.folder.path().join("backup");
        let _ = std::fs::remove_dir_all(&backup);
        copy(&self.store_data(), &backup);
        self.restart_engine();
        format!("{time}Z")
    }

    /// Sets the store back to the copy.
    pub fn restore(&mut self) {
        self.engine.kill();
        std::fs::remove_dir_all(self.store_data()).unwrap();
        copy(&self.folder.path().join("backup"), &self.store_data());
        self.restart_engine();
    }

    /// Something in the cluster's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store_data(&self) -> PathBuf {
        self.folder.path().join("data/engine")
    }

    /// Sends files as an endpoint, alternating between intakes.
    pub fn send(&self, intakes: &[&Role], endpoint: &str, files: &[PathBuf], arguments: &[&str]) {
        for (number, file) in files.iter().enumerate() {
            let intake = intakes[number % intakes.len()];
            let output = send_command()
                .args(["--to", intake.address("intake"), "--endpoint", endpoint])
                .args(arguments)
                .arg(file)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "send {}: {}",
                file.display(),
                text(&output.stderr)
            );
        }
    }

    /// Waits until so many source bytes of an endpoint are stored: a pipeline hears of new records a moment after they came, and
    /// until then its lag says nothing of them.
    pub fn stored(&self, endpoint: &str, bytes: u64) {
        until("everything sent is stored", || {
            (self.answers(endpoint).covered_bytes >= bytes).then_some(())
        });
    }

    /// Waits until the pipelines have read everything and nothing is left to derive.
    pub fn settle(&self, pipelines: &[&Role]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = pipelines.iter().map(|role| role.metrics());
            let sums = found.fold(BTreeMap::<String, f64>::new(), |mut sums, of_one| {
                for (name, value) in of_one {
                    *sums.entry(name).or_default() += value;
                }
                sums
            });
            let of = |name: &str| sums.get(name).copied();
            let is_read = of("cbsift_queue_partitions")
                .is_some_and(|partitions| partitions >= self.partitions)
                && of("cbsift_queue_lag_records") == Some(0.0)
                && of("cbsift_pipeline_in_flight_chunks") == Some(0.0);
            if is_read && self.pending_units() == 0 {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "not settled: {} units pending; {sums:#?}",
                self.pending_units()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Runs a question to the store.
    pub fn ask<T>(&self, question: impl AsyncFnOnce(Store) -> T) -> T {
        let (url, token) = (self.engine.address("engine").to_owned(), self.token());
        block_on(async move {
            let config = StoreConfig::embedded(url, token);
            question(Store::connect(config).await.unwrap()).await
        })
    }

    /// What the engine answers to a statement, asked as any ClickHouse client does.
    pub fn sql(&self, statement: &str) -> String {
        let mut answer = ureq::post(self.engine.address("engine"))
            .config()
            .http_status_as_error(false)
            .build()
            .query("database", "cbsift")
            .header("authorization", format!("Bearer {}", self.token()))
            .send(statement)
            .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 200, "{statement}: {text}");
        text
    }

    fn token(&self) -> String {
        let token = std::fs::read_to_string(self.folder.path().join("data/writer-token")).unwrap();
        token.trim().to_owned()
    }

    pub fn pending_units(&self) -> u64 {
        self.ask(async |store| store.pending_units().await.unwrap())
    }

    pub fn answers(&self, endpoint: &str) -> Answers {
        self.ask(async |store| Answers::of_endpoint(&store, endpoint).await)
    }
}

/// `cbsift send` with the token of the senders.
pub fn send_command() -> Command {
    let mut command = cbsift();
    command.arg("send").env("CBSIFT_TOKEN", TOKEN);
    command
}

/// Waits for something, and fails where it does not come.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it does not come that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A folder to a new place, with links and rights as they are.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success(), "copy {}", from.display());
}

/// The same command, killed by Linux when the thread that starts it ends: a test that is killed leaves no role behind.
fn dying_with_us(command: &Command) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped
        .args(["--pdeathsig", "KILL"])
        .arg(command.get_program())
        .args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(key, value),
            None => wrapped.env_remove(key),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

/// The embedded engine as a process of its own.
pub fn engine(folder: &Path, port: u16) -> Role {
    let mut command = cbsift();
    command
        .arg("engine")
        .arg("--data")
        .arg(folder.join("data"))
        .env("CBSIFT__ENGINE__LISTEN", format!("127.0.0.1:{port}"));
    Role::start("engine", command, &["engine"])
}

/// In hex.
pub fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// An answer as it came; names of headers in lower case.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// A request byte by byte, so that a header can stand there twice.
pub fn ask(url: &str, method: &str, path: &str, headers: &[(&str, String)], body: &str) -> Answer {
    let host = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut socket = TcpStream::connect(host).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    // A body that was refused unread is cut off; what was said before stands.
    let _ = socket.read_to_end(&mut answer);
    let answer = text(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer to {method} {path}: {answer}"));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
