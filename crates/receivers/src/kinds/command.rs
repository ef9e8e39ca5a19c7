//! A program on this machine, for gateways that nobody else speaks to: no shell, the message as JSON on its input.

use crate::check::Checks;
use crate::message::Message;
use crate::outcome::{Outcome, short};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command as Process};

/// Of what it writes to its error output this much is read; the rest is thrown away.
const WORDS_BYTES: u64 = 4096;

// Exit codes of sysexits.h that say that the same message would fail again.
const USAGE: i32 = 64;
const DATA: i32 = 65;
const NO_PERMISSION: i32 = 77;
const CONFIGURATION: i32 = 78;

pub(crate) struct Command {
    argv: Vec<String>,
    timeout: Duration,
}

impl Command {
    pub(crate) fn new(checks: &mut Checks<'_>) -> Option<Self> {
        let argv = &checks.config.argv;
        let timeout = checks.timeout();
        let Some(program) = argv.first() else {
            checks.fault(
                "argv",
                "is missing: a program by its whole path, and its arguments",
            );
            return None;
        };
        let path = std::path::Path::new(program);
        if !path.is_absolute() {
            checks.fault(
                "argv",
                format!("`{program}`: a program is named by its whole path"),
            );
            return None;
        }
        if !path.is_file() {
            checks.fault("argv", format!("`{program}`: there is no such file"));
            return None;
        }
        if argv.iter().any(|argument| argument.contains('\0')) {
            checks.fault("argv", "must hold no NUL");
            return None;
        }
        Some(Self {
            argv: argv.clone(),
            timeout,
        })
    }

    pub(crate) async fn deliver(&self, message: &Message) -> Outcome {
        let (program, arguments) = match self.argv.split_first() {
            Some(parts) => parts,
            None => return Outcome::refused("there is no program"),
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let started = Process::new(program)
            .args(arguments)
            // Our environment may hold secrets that are none of its business.
            .env_clear()
            .env("PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // With a group of its own what it starts ends with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => return Outcome::retry(format!("cannot start `{program}`: {error}")),
        };
        let mut group = Group(child.id());
        let body = message.json_text();
        match tokio::time::timeout(self.timeout, run(&mut child, body.as_bytes())).await {
            Ok(outcome) => {
                // It ended by itself: its number may be another's by now.
                group.0 = None;
                outcome
            }
            Err(_) => {
                drop(group);
                let _ = child.wait().await;
                Outcome::retry(format!(
                    "`{program}` did not end within {} ms and was killed",
                    self.timeout.as_millis()
                ))
            }
        }
    }
}

/// Kills what is left of a program and of all that it started, also where nobody waits for it any more.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

async fn run(child: &mut Child, body: &[u8]) -> Outcome {
    let input = child.stdin.take();
    let output = child.stderr.take();
    let write = async {
        if let Some(mut input) = input {
            // A program need not read what it is told; its exit code counts.
            let _ = input.write_all(body).await;
            let _ = input.shutdown().await;
        }
    };
    let read = async {
        let mut words = Vec::new();
        if let Some(mut output) = output {
            let _ = (&mut output)
                .take(WORDS_BYTES)
                .read_to_end(&mut words)
                .await;
            let _ = tokio::io::copy(&mut output, &mut tokio::io::sink()).await;
        }
        String::from_utf8_lossy(&words).into_owned()
    };
    // Its output may be held open by what it started and left running: that is not waited for.
    let both = async { tokio::join!(write, read).1 };
    tokio::pin!(both);
    let mut words = None;
    let ended = loop {
        tokio::select! {
            ended = child.wait() => break ended,
            said = &mut both, if words.is_none() => words = Some(said),
        }
    };
    let words = match words {
        Some(words) => words,
        None => tokio::time::timeout(Duration::from_millis(100), both)
            .await
            .unwrap_or_default(),
    };
    let words = short(&words);
    let said = |how: String| {
        if words.is_empty() {
            how
        } else {
            format!("{how}: {words}")
        }
    };
    match ended {
        Err(error) => Outcome::retry(format!("cannot wait for the program: {error}")),
        Ok(status) if status.success() => Outcome::Delivered,
        Ok(status) => match status.code() {
            Some(code @ (USAGE | DATA | NO_PERMISSION | CONFIGURATION)) => Outcome::refused(said(
                format!("ended with {code}, which says that trying again is of no use"),
            )),
            Some(code) => Outcome::retry(said(format!("ended with {code}"))),
            None => Outcome::retry(said("was killed".to_owned())),
        },
    }
}
