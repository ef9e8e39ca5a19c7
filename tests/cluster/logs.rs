//! What roles say on standard error where log lines are to be JSON: nothing that is not.

use crate::single::{PATIENCE, cbsift};
use kafka_harness::free_port;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Instant;
use tempfile::TempDir;

/// A role that is asked for JSON, with nothing there that it needs.
struct Speaker {
    child: Child,
    lines: Receiver<String>,
    _folder: TempDir,
}

impl Speaker {
    fn start(role: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = free_port();
        let tokens = folder.path().join("tokens");
        std::fs::write(
            &tokens,
            format!("relay made-up sha256:{}\n", "0".repeat(64)),
        )
        .unwrap();
        let own = [
            ("LOG__FORMAT", "json".to_owned()),
            (
                "STORE__DATA",
                folder.path().join("data").display().to_string(),
            ),
            ("STORE__URL", format!("http://127.0.0.1:{nowhere}")),
            ("QUEUE__BROKERS", format!("127.0.0.1:{nowhere}")),
            ("INGEST__TOKENS_FILE", tokens.display().to_string()),
            ("INGEST__LISTEN", "127.0.0.1:0".to_owned()),
            ("WEB__LISTEN", "127.0.0.1:0".to_owned()),
            ("ENGINE__LISTEN", "127.0.0.1:0".to_owned()),
            ("ADMIN__LISTEN", "127.0.0.1:0".to_owned()),
        ];
        let mut command: Command = cbsift();
        command
            .arg(role)
            .env("RUST_LOG", "info")
            .envs(own.map(|(key, value)| (format!("CBSIFT__{key}"), value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for (key, value) in settings {
            command.env(format!("CBSIFT__{key}"), value);
        }
        let mut child = command.spawn().unwrap();
        let output = child.stderr.take().unwrap();
        let (tell, lines) = sync_channel(4096);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            _folder: folder,
        }
    }

    /// The lines up to the first one that holds this text, each an object; none after the last one.
    fn until(&self, wanted: Option<&str>) -> Vec<Value> {
        let (mut said, deadline) = (Vec::new(), Instant::now() + PATIENCE);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    said.push(object(&line));
                    if wanted.is_some_and(|wanted| line.contains(wanted)) {
                        return said;
                    }
                }
                Err(RecvTimeoutError::Disconnected) if wanted.is_none() => return said,
                Err(error) => panic!("{wanted:?}: {error}; {said:#?}"),
            }
        }
    }

    /// SIGTERM, and all that it says until its end.
    fn stop(mut self) -> (ExitStatus, Vec<Value>) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
        let said = self.until(None);
        (self.child.wait().unwrap(), said)
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line as every collector of logs reads it.
fn object(line: &str) -> Value {
    let object: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for name in ["timestamp", "level", "target", "message"] {
        assert!(object[name].is_string(), "no `{name}`: {line}");
    }
    // A line's own field of that name would hide it from some readers. Inside of texts quotes are escaped.
    assert_eq!(line.matches("\"message\":").count(), 1, "{line}");
    object
}

#[test]
fn every_line_of_every_role_is_an_object() {
    for (role, wanted) in [
        ("ingest", "Connection refused"),
        ("pipeline", "waiting for the store"),
        ("web", "waiting for the store"),
        ("engine", "engine    http://"),
        ("up", "health    http://"),
    ] {
        let speaker = Speaker::start(role, &[]);
        let said = speaker.until(Some(wanted));
        assert!(said.len() < 50, "{role} says too much: {said:#?}");
        let (status, _) = speaker.stop();
        assert!(status.success(), "{role} ended with {status}");
    }
}

#[test]
fn the_error_that_ends_a_role_is_an_object_too() {
    // With a store it would wait for the tokens there.
    let nobody = [("INGEST__TOKENS_FILE", ""), ("STORE__URL", "")];
    let speaker = Speaker::start("ingest", &nobody);
    let said = speaker.until(None);
    let last = said.last().unwrap();
    assert_eq!(last["level"], "ERROR", "{last}");
    let message = last["message"].as_str().unwrap();
    assert!(message.contains("`ingest.tokens_file`"), "{message}");
}
