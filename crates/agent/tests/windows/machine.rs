//! A Windows that is made up on Wine's own `C:`: the agent where its documentation puts it, from its installation to its removal.

use crate::AGENT;
use crate::agent::{LINE, lines, texts, until};
use crate::programs::{ARCHITECTURES, as_windows, folder_of, output, program, text, volume};
use crate::support::{ENDPOINT_TOKEN, Server};
use ingest::Config;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// `C:` with logs and a folder of the agent's, which are removed in the end. One test at a time has it.
struct Windows {
    logs: PathBuf,
    data: PathBuf,
}

impl Windows {
    fn plant(server: &Server) -> Self {
        let windows = Self {
            logs: volume().join("windows/Logs/CBS"),
            data: volume().join("ProgramData/cbsift-agent"),
        };
        windows.clear();
        fs::create_dir_all(&windows.data).unwrap();
        let copied = fs::copy(
            folder_of(AGENT, "x64").join(format!("{AGENT}-x64.exe")),
            windows.data.join("cbsift-agent.exe"),
        );
        copied.unwrap();
        fs::write(windows.data.join("token"), ENDPOINT_TOKEN).unwrap();
        let config = format!(
            "intake = \"http://{}\"\ntoken_file = \"token\"\npoll = \"1s\"\nstart_spread = \"0s\"\n",
            server.address
        );
        fs::write(windows.data.join("agent.toml"), config).unwrap();
        windows
    }

    fn clear(&self) {
        for folder in [&self.logs, &self.data] {
            let _ = fs::remove_dir_all(folder);
        }
    }

    /// The program where it lies, told nothing: configuration, logs and state are where they are on every PC.
    fn ask(&self, words: &[&str]) -> Output {
        let mut command = program("writer", "x64");
        // The same way into Wine, with another program.
        let arguments = [as_windows(&self.data.join("cbsift-agent.exe"))];
        command = with_program(&command, &arguments);
        command.args(words);
        command.output().unwrap()
    }

    fn append(&self, name: &str, text: &str) {
        fs::create_dir_all(&self.logs).unwrap();
        let path = self.logs.join(name);
        let file = File::options().create(true).append(true).open(path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        // A service that a failed test left would hold the prefix.
        self.ask(&["uninstall"]);
        self.clear();
    }
}

/// A command under Wine with other arguments than its own program.
fn with_program(command: &Command, arguments: &[String]) -> Command {
    let mut other = Command::new(command.get_program());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => other.env(key, value),
            None => other.env_remove(key),
        };
    }
    other.args(arguments).stdin(Stdio::null());
    other
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn a_service_is_installed_sends_is_upgraded_and_is_removed() {
    let server = Server::start(Config::default());
    let windows = Windows::plant(&server);
    let nothing = windows.ask(&["check"]);
    assert_eq!(nothing.status.code(), Some(1), "{}", said(&nothing));
    assert!(said(&nothing).contains("no log is there of `C:\\windows\\Logs\\CBS`"));
    windows.append("CBS.log", &lines(0, 100));
    let good = windows.ask(&["check"]);
    assert_eq!(good.status.code(), Some(0), "{}", said(&good));
    assert!(said(&good).contains("takes logs of this machine"));
    let quiet = windows.ask(&["status"]);
    assert_eq!(quiet.status.code(), Some(1));
    assert!(said(&quiet).starts_with("not running"), "{}", said(&quiet));
    let none = windows.ask(&["uninstall"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        said(&none).contains("no service is there"),
        "{}",
        said(&none)
    );

    let installed = windows.ask(&["install"]);
    assert_eq!(installed.status.code(), Some(0), "{}", said(&installed));
    assert!(said(&installed).contains("the service `cbsift-agent` is installed"));
    until("the service sends", || {
        (texts(&server) == [lines(0, 100)]).then_some(())
    });
    windows.append("CBS.log", LINE);
    until("the service sends what is appended", || {
        (texts(&server) == [lines(0, 100) + LINE]).then_some(())
    });
    let status = until("a status that has it all", || {
        let status = windows.ask(&["status"]);
        let all = (lines(0, 100) + LINE).len();
        let wanted = format!("CBS.log: {all} of {all} bytes acknowledged, 0 wait");
        said(&status).contains(&wanted).then_some(status)
    });
    assert_eq!(status.status.code(), Some(0), "{}", said(&status));
    assert!(said(&status).starts_with("running"), "{}", said(&status));

    let again = windows.ask(&["install"]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert!(said(&again).contains("Restart-Service"), "{}", said(&again));
    let removed = windows.ask(&["uninstall"]);
    assert_eq!(removed.status.code(), Some(0), "{}", said(&removed));
    let quiet = windows.ask(&["status"]);
    assert!(said(&quiet).starts_with("not running"), "{}", said(&quiet));
    // What was sent is known to the next one, which sends what came meanwhile.
    windows.append("CBS.log", &lines(100, 110));
    let chunks = server.sink.chunks().len();
    assert_eq!(windows.ask(&["install"]).status.code(), Some(0));
    until("the second one goes on", || {
        (texts(&server) == [lines(0, 100) + LINE + &lines(100, 110)]).then_some(())
    });
    let bodies = &server.sink.chunks()[chunks..];
    assert!(bodies.iter().all(|chunk| chunk.offset > 0), "{bodies:?}");
    assert_eq!(windows.ask(&["uninstall"]).status.code(), Some(0));
}

#[test]
fn both_programs_say_what_is_wrong_in_a_line_and_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.toml");
    for architecture in ARCHITECTURES {
        let ask = |words: &[&str]| output(program(AGENT, architecture), folder.path(), words);
        let version = ask(&["--version"]);
        assert_eq!(version.status.code(), Some(0), "{architecture}");
        assert!(text(&version.stdout).starts_with("cbsift-agent "));
        assert_eq!(ask(&["frobnicate"]).status.code(), Some(2));
        let missing = ask(&["check", "--config", "none.toml"]);
        assert_eq!(missing.status.code(), Some(2));
        assert!(said(&missing).contains("none.toml"), "{}", said(&missing));
        for (config, code, word) in [
            ("intake = 1", 2, "intake"),
            ("intake = \"http://127.0.0.1:1\"", 2, "one of `token_file`"),
            (
                "intake = \"http://127.0.0.1:1\"\ntoken_file = \"none\"\nlogs = [\"logs\"]\nstate = \"state\"",
                1,
                "no log is there",
            ),
        ] {
            fs::write(&path, config).unwrap();
            let checked = ask(&["check", "--config", "agent.toml"]);
            assert_eq!(checked.status.code(), Some(code), "{architecture} {config}");
            assert!(said(&checked).contains(word), "{}", said(&checked));
        }
        // There is a state by now, and nobody who runs with it.
        let status = ask(&["status", "--config", "agent.toml"]);
        assert_eq!(status.status.code(), Some(1), "{}", said(&status));
        assert!(
            said(&status).starts_with("not running"),
            "{}",
            said(&status)
        );
        assert!(Path::new(&folder.path().join("state")).is_dir());
        fs::remove_dir_all(folder.path().join("state")).unwrap();
    }
}
