//! A real Alertmanager, as `tests/alertmanager/prepare` has unpacked it.

use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for what a busy machine does in a moment.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where the package is unpacked; what is started there finds its templates.
fn unpacked() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/alertmanager")
}

fn program(name: &str) -> PathBuf {
    let fetched = unpacked().join("usr/bin").join(name);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&folders).map(|folder| folder.join(name));
    installed
        .chain([fetched])
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no `{name}`\nhint: make test-tools"))
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// One that runs.
pub struct Alertmanager {
    child: Child,
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Alertmanager {
    /// It tells a webhook of every group, or nobody.
    pub fn start(hook: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "route: {{receiver: test, group_by: [alertname, kb], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: test, webhook_configs: [{}]}}]
",
            hook.map_or_else(String::new, |url| format!("{{url: '{url}', send_resolved: true}}"))
        );
        std::fs::write(folder.path().join("alertmanager.yml"), config).unwrap();
        let port = free_port();
        let child = Self::spawn(&folder, port);
        let mut started = Self {
            child,
            port,
            folder,
        };
        started.until_ready();
        started
    }

    fn spawn(folder: &tempfile::TempDir, port: u16) -> Child {
        let mut command = Command::new(program("prometheus-alertmanager"));
        if unpacked().is_dir() {
            command.current_dir(unpacked());
        }
        command
            .arg(format!(
                "--config.file={}",
                folder.path().join("alertmanager.yml").display()
            ))
            .arg(format!(
                "--storage.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // No cluster: nothing else is listened on.
            .arg("--cluster.listen-address=")
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = Self::spawn(&self.folder, self.port);
        self.until_ready();
    }

    fn until_ready(&mut self) {
        let url = format!("http://127.0.0.1:{}/-/ready", self.port);
        let deadline = Instant::now() + PATIENCE;
        while ureq::get(&url).call().is_err() {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended");
            assert!(Instant::now() < deadline, "Alertmanager is not ready");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What amtool prints.
    pub fn amtool(&self, arguments: &[&str]) -> String {
        let output = Command::new(program("amtool"))
            .arg(format!("--alertmanager.url=http://127.0.0.1:{}", self.port))
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// What amtool shows of alerts that are not silenced.
    pub fn alerts(&self) -> Vec<Value> {
        let text = self.amtool(&["alert", "query", "--output=json"]);
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
