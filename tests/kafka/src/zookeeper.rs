//! One Apache ZooKeeper of one's own, for definitions of replicated tables.

use crate::broker::{Process, free_port, java, libs, spawn, temporary};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// The folder of its jars; `fetch-libs` and `zookeeper.xml` name the version too.
const LIBS: &str = ".cache/zookeeper-libs-3.9.4";

/// Longest wait for it: it opens its port within a second, later on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running ZooKeeper. It is killed on drop, and also when this process dies.
pub struct Zookeeper {
    address: SocketAddr,
    folder: PathBuf,
    process: Process,
}

impl Zookeeper {
    /// Starts one and waits until it serves. Fetches it first, where that was not done.
    ///
    /// # Panics
    /// When that is not possible: a test cannot go on without it.
    pub fn start() -> Self {
        let libs = libs(LIBS);
        let folder = temporary();
        fs::create_dir_all(&folder).expect("make ZooKeeper's folder");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let settings = folder.join("zoo.cfg");
        let text = format!(
            "dataDir={}\nclientPortAddress={}\nclientPort={}\nadmin.enableServer=false\n4lw.commands.whitelist=srvr\n",
            folder.join("data").display(),
            address.ip(),
            address.port()
        );
        fs::write(&settings, text).expect("write ZooKeeper's settings");
        let log = folder.join("zookeeper.log");
        let output = File::create(&log).expect("open ZooKeeper's log");
        let mut command = java(&libs);
        command
            .arg("org.apache.zookeeper.server.ZooKeeperServerMain")
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle of a log"))
            .stderr(output);
        let mut process = spawn(command);
        let deadline = Instant::now() + PATIENCE;
        while !serves(address) {
            let has_ended = process.child.try_wait().expect("ask for ZooKeeper");
            assert!(
                has_ended.is_none() && Instant::now() < deadline,
                "ZooKeeper does not serve at {address}: {}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            thread::park_timeout(Duration::from_millis(50));
        }
        Self {
            address,
            folder,
            process,
        }
    }

    /// Where its clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Whether it answers: it takes connections a moment before it has a session to give.
fn serves(address: SocketAddr) -> bool {
    let mut answer = String::new();
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.write_all(b"srvr")?;
        stream.read_to_string(&mut answer)
    });
    asked.is_ok() && answer.contains("Mode: ")
}

impl Drop for Zookeeper {
    fn drop(&mut self) {
        // It may have died by itself.
        let _ = self.process.child.kill();
        let _ = self.process.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
