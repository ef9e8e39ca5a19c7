//! One Apache Kafka broker (KRaft) of one's own: started, killed, frozen and started again at will.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The folder of its jars; `fetch-libs` and `kafka.xml` name the version too.
const LIBS: &str = ".cache/kafka-libs-4.3.1";

/// Any id does; all brokers of ours are alone.
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// Longest wait for a broker: it opens its port after 2 to 3 s, later on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// How a broker is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where a proxy listens that stands before the broker: whoever comes by it is told its address and stays on it.
    pub proxy: Option<SocketAddr>,
    /// The port it listens on; none = a free one.
    pub port: Option<u16>,
    /// Where its data lies; none = a temporary folder that goes with it.
    pub data: Option<PathBuf>,
    /// Further lines of `server.properties`; they win over ours.
    pub properties: Vec<(String, String)>,
    /// Further listeners: each its name in capitals and Kafka's word for its protocol, such as `SASL_SSL`.
    pub listeners: Vec<(String, String)>,
    /// Users of SCRAM-SHA-512, each with a password. They are made when the data is formatted.
    pub scram_users: Vec<(String, String)>,
}

/// A running broker, or one that can be started again. It is killed on drop, and also when this process dies.
pub struct Broker {
    address: SocketAddr,
    behind_proxy: SocketAddr,
    listeners: Vec<(String, SocketAddr)>,
    folder: PathBuf,
    is_folder_ours: bool,
    process: Option<Process>,
}

/// The broker's process and the thread that started it: Linux kills the child with that thread, so it must live as long.
pub(crate) struct Process {
    pub(crate) child: Child,
    _keeper: mpsc::SyncSender<()>,
}

impl Broker {
    /// Starts a broker and waits until it takes connections. Fetches it first, where that was not done.
    ///
    /// # Panics
    /// When that is not possible: a test cannot go on without it.
    pub fn start(options: &Options) -> Self {
        let libs = libs(LIBS);
        remove_left_behind();
        let (folder, is_folder_ours) = match &options.data {
            Some(folder) => (folder.clone(), false),
            None => (temporary(), true),
        };
        fs::create_dir_all(&folder).expect("make the broker's folder");
        let port = options.port.unwrap_or_else(free_port);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let behind_proxy = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let listeners: Vec<(String, SocketAddr)> = options
            .listeners
            .iter()
            .map(|(name, _)| {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
                (name.clone(), address)
            })
            .collect();
        write_settings(&folder, address, behind_proxy, &listeners, options);
        if !folder.join("data/meta.properties").exists() {
            format(&libs, &folder, &options.scram_users);
        }
        let mut broker = Self {
            address,
            behind_proxy,
            listeners,
            folder,
            is_folder_ours,
            process: None,
        };
        broker.restart();
        broker
    }

    /// Where clients reach it without a proxy: `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// What [`Options::proxy`] forwards to.
    pub fn behind_proxy(&self) -> SocketAddr {
        self.behind_proxy
    }

    /// Where one of [`Options::listeners`] is reached: `127.0.0.1:PORT`.
    ///
    /// # Panics
    /// When it has no listener of this name.
    pub fn listener(&self, name: &str) -> String {
        let found = self.listeners.iter().find(|(known, _)| known == name);
        let (_, address) = found.unwrap_or_else(|| panic!("the broker has no listener {name}"));
        address.to_string()
    }

    /// SIGKILL, as a power cut would end it.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have died by itself.
            let _ = process.child.kill();
            process.child.wait().expect("wait for the broker");
        }
    }

    /// SIGTERM, and waits for its end: some 2.5 s.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            signal(&process.child, "TERM");
            process.child.wait().expect("wait for the broker");
        }
    }

    /// Starts it again on the same port and data; kills it first where it runs.
    pub fn restart(&mut self) {
        self.kill();
        let (log, libs) = (self.folder.join("broker.log"), libs(LIBS));
        let mut command = java(&libs);
        command
            .arg(format!(
                "-Dlog4j2.configurationFile={}",
                self.folder.join("log4j2.properties").display()
            ))
            .arg("kafka.Kafka")
            .arg(self.folder.join("server.properties"));
        let output = File::options().create(true).append(true).open(&log);
        let output = output.expect("open the broker's log");
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle of a log"))
            .stderr(output);
        let process = self.process.insert(spawn(command));
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            let has_ended = process.child.try_wait().expect("ask for the broker");
            assert!(
                has_ended.is_none() && Instant::now() < deadline,
                "the broker does not take connections at {}: {}",
                self.address,
                fs::read_to_string(&log).unwrap_or_default()
            );
            thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// SIGSTOP: it holds its connections and answers nothing.
    pub fn freeze(&self) {
        if let Some(process) = &self.process {
            signal(&process.child, "STOP");
        }
    }

    /// SIGCONT after [`Broker::freeze`].
    pub fn thaw(&self) {
        if let Some(process) = &self.process {
            signal(&process.child, "CONT");
        }
    }

    /// Process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("broker.log")).unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        if self.is_folder_ours {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Starts from a thread that lives until [`Process`] is dropped.
pub(crate) fn spawn(mut command: Command) -> Process {
    let (started, child) = mpsc::sync_channel(1);
    let (keeper, until_dropped) = mpsc::sync_channel::<()>(1);
    thread::spawn(move || {
        let _ = started.send(command.spawn());
        let _ = until_dropped.recv();
    });
    let child = child.recv().expect("the thread sends once");
    Process {
        child: child.expect("start java by setpriv (util-linux)"),
        _keeper: keeper,
    }
}

/// Java that dies with whoever started it: a test that is killed leaves no broker behind.
pub(crate) fn java(libs: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "java"])
        // Half of what a broker has by default; the cheap compiler and collector start fastest on two cores.
        .args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-cp")
        .arg(libs.join("*"));
    command
}

fn format(libs: &Path, folder: &Path, scram_users: &[(String, String)]) {
    let mut command = java(libs);
    command
        .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
        .arg(folder.join("server.properties"));
    for (name, password) in scram_users {
        command
            .arg("--add-scram")
            .arg(format!("SCRAM-SHA-512=[name={name},password={password}]"));
    }
    let output = command
        .output()
        .expect("start java by setpriv (util-linux)");
    assert!(
        output.status.success(),
        "cannot format the broker's data: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn write_settings(
    folder: &Path,
    address: SocketAddr,
    behind_proxy: SocketAddr,
    listeners: &[(String, SocketAddr)],
    options: &Options,
) {
    let controller = free_port();
    let proxy = options.proxy.unwrap_or(behind_proxy);
    let (mut further, mut protocols) = (String::new(), String::new());
    for ((name, address), (_, protocol)) in listeners.iter().zip(&options.listeners) {
        further += &format!(",{name}://{address}");
        protocols += &format!(",{name}:{protocol}");
    }
    let mut text = format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://{address},PROXIED://{behind_proxy},CONTROLLER://127.0.0.1:{controller}{further}\n\
         advertised.listeners=PLAINTEXT://{address},PROXIED://{proxy}{further}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}\n\
         inter.broker.listener.name=PLAINTEXT\n\
         controller.listener.names=CONTROLLER\n\
         log.dirs={}\n",
        folder.join("data").display()
    );
    text += "auto.create.topics.enable=false\n\
         offsets.topic.num.partitions=4\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         # A killed broker serves again at once, not after 12.5 s.\n\
         broker.session.timeout.ms=2000\n\
         broker.heartbeat.interval.ms=500\n\
         # Members that are killed or frozen are put out within seconds.\n\
         group.min.session.timeout.ms=1000\n\
         group.consumer.min.session.timeout.ms=1000\n\
         group.consumer.session.timeout.ms=3000\n\
         group.consumer.min.heartbeat.interval.ms=200\n\
         group.consumer.heartbeat.interval.ms=500\n\
         # Old records go within a second.\n\
         log.initial.task.delay.ms=500\n\
         log.retention.check.interval.ms=500\n\
         log.segment.delete.delay.ms=500\n";
    for (key, value) in &options.properties {
        text += &format!("{key}={value}\n");
    }
    write(&folder.join("server.properties"), &text);
    write(
        &folder.join("log4j2.properties"),
        "rootLogger.level=warn\n\
         rootLogger.appenderRef.console.ref=console\n\
         appender.console.type=Console\n\
         appender.console.name=console\n\
         appender.console.layout.type=PatternLayout\n\
         appender.console.layout.pattern=%d %p %c: %m%n\n",
    );
}

fn write(path: &Path, text: &str) {
    let mut file = File::create(path).expect("make a file of the broker's settings");
    file.write_all(text.as_bytes())
        .expect("write the broker's settings");
}

/// The jars, fetched where they are missing.
pub(crate) fn libs(folder: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let libs = here.join("../..").join(folder);
    let status = Command::new(here.join("fetch-libs")).status();
    assert!(
        status.is_ok_and(|status| status.success()) && libs.is_dir(),
        "`{folder}` is missing; `make kafka-libs` says why"
    );
    libs
}

pub(crate) fn temporary() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("{FOLDER}{}-{count}", std::process::id()))
}

/// Start of the names of temporary folders; the process id follows.
const FOLDER: &str = "cbsift-kafka-";

/// Folders of processes that were killed, or that kept a broker to their end.
fn remove_left_behind() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(FOLDER)
            .and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A port that nobody listens on. Below 32768, where Linux takes ports for outgoing connections: one of those would sit
/// on it while its owner is down.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() as u16;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + start.wrapping_mul(13).wrapping_add(step) % 12_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(child.id().to_string())
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cannot send SIG{name} to the broker"
    );
}
