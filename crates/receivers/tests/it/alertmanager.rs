//! A real Alertmanager groups, silences and resolves what it is told; killed and started again it has everything once.

use crate::given::{labels, message, receivers};
use crate::server::{Server, ok};
use receivers::{Item, Message, Outcome, Receivers, Status};
use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// Longest wait for what a busy machine does in a moment.
const PATIENCE: Duration = Duration::from_secs(60);

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

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

struct Alertmanager {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Alertmanager {
    /// It tells `told` of every group.
    fn start(told: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "route: {{receiver: test, group_by: [alertname, kb], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: test, webhook_configs: [{{url: '{}/told', send_resolved: true}}]}}]
",
            told.url()
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

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = Self::spawn(&self.folder, self.port);
        self.until_ready();
    }

    fn until_ready(&mut self) {
        let url = format!("http://127.0.0.1:{}/-/ready", self.port);
        until("alertmanager is ready", || {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended");
            ureq::get(&url).call().is_ok()
        });
    }

    fn amtool(&self, arguments: &[&str]) -> String {
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
    fn alerts(&self) -> Vec<Value> {
        let text = self.amtool(&["alert", "query", "--output=json"]);
        serde_json::from_str(&text).unwrap()
    }

    fn receivers(&self) -> Receivers {
        // The second of the cluster is not there.
        receivers(&format!(
            "- name: ops\n  kind: alertmanager\n  urls: ['http://127.0.0.1:{}', 'http://127.0.0.1:{}']",
            self.port,
            free_port()
        ))
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A message of now, as Alertmanager ends what is old.
fn firing(count: usize) -> Message {
    let item = |number: usize| Item {
        labels: labels(&[("endpoint", &format!("PC-{number:03}"))]),
        ..message().alerts.remove(0)
    };
    Message {
        starts_at: SystemTime::now() - Duration::from_secs(60),
        alerts: (0..count).map(item).collect(),
        total: count,
        ..message()
    }
}

fn endpoints(alerts: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = alerts
        .iter()
        .map(|alert| alert["labels"]["endpoint"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Alerts of each group that it was told of, with their state.
fn told(server: &Server) -> Vec<(String, usize)> {
    let heard = server.heard();
    heard
        .iter()
        .map(|request| {
            let group = request.json();
            let status = group["status"].as_str().unwrap().to_owned();
            (status, group["alerts"].as_array().unwrap().len())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_one_has_every_alert_once_groups_silences_and_resolves_them() {
    let server = Server::start(|_| ok(""));
    let mut real = Alertmanager::start(&server);
    let ops = real.receivers();
    let message = firing(3);
    assert_eq!(ops.deliver("ops", &message).await, Outcome::Delivered);
    let alerts = real.alerts();
    assert_eq!(endpoints(&alerts), ["PC-000", "PC-001", "PC-002"]);
    let first = &alerts[0];
    assert_eq!(first["labels"]["alertname"], "failing_update");
    assert_eq!(first["labels"]["severity"], "critical");
    assert_eq!(first["labels"]["site"], "北京");
    assert_eq!(
        first["generatorURL"],
        "https://cbsift.bank.example/endpoints/PC-001"
    );
    assert_eq!(first["annotations"]["summary_zh"], "有电脑安装更新失败");

    // Grouped: one telling of three.
    until("the group is told", || !server.heard().is_empty());
    assert_eq!(told(&server), [("firing".to_owned(), 3)]);

    // A silence hides what it names, and nothing else.
    real.amtool(&[
        "silence",
        "add",
        "endpoint=PC-001",
        "--author=test",
        "--comment=test",
        "--duration=1h",
    ]);
    until("the silence counts", || {
        endpoints(&real.alerts()) == ["PC-000", "PC-002"]
    });

    // Killed: the try says so, and what is told again afterwards is there once.
    real.kill();
    let outcome = ops.deliver("ops", &message).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    let before = server.heard().len();
    real.start_again();
    for _ in 0..3 {
        assert_eq!(ops.deliver("ops", &message).await, Outcome::Delivered);
    }
    let all = real.amtool(&["alert", "query", "--output=json", "--active", "--silenced"]);
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    assert_eq!(endpoints(&all), ["PC-000", "PC-001", "PC-002"]);

    // Killed, it has forgotten that it told of the group, and tells once more; what it told of it tells the end of.
    until("the group is told again", || server.heard().len() > before);

    // Resolved: none is left, and the group is told so once more.
    let over = Message {
        status: Status::Resolved,
        ends_at: Some(SystemTime::now()),
        ..message
    };
    assert_eq!(ops.deliver("ops", &over).await, Outcome::Delivered);
    until("nothing fires", || real.alerts().is_empty());
    until("the end is told", || {
        told(&server).iter().any(|(status, _)| status == "resolved")
    });
}
