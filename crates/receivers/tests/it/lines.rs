//! Syslog over UDP and TCP, and programs on this machine.

use crate::given::{message, receivers, resolved, text, write};
use receivers::{Outcome, Receivers};
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

fn syslog(port: u16, more: &str) -> Receivers {
    receivers(&format!(
        "- name: log\n  kind: syslog\n  server: 127.0.0.1:{port}\n{more}"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_datagram_is_one_line_with_its_data() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let log = syslog(
        socket.local_addr().unwrap().port(),
        "  facility: local3\n  language: zh",
    );
    let mut hostile = message();
    hostile.title = text("", "有\n<13>1 forged\u{1b}[2J");
    hostile.rule = "a\"b]c\\".to_owned();
    hostile.body = text(&"x".repeat(5000), "");
    assert_eq!(log.deliver("log", &hostile).await, Outcome::Delivered);
    let mut bytes = [0; 10_000];
    let length = socket.recv(&mut bytes).unwrap();
    let line = std::str::from_utf8(&bytes[..length]).unwrap();
    // local3 is 19, critical is 2.
    assert!(
        line.starts_with("<154>1 2023-11-14T22:13:20.000Z "),
        "{line}"
    );
    assert!(line.contains(r#" alert [cbsift@32473 id="failing_update/KB5031356/1700000000" rule="a\"b\]c\\" severity="critical" status="firing" total="12" page="https://cbsift.bank.example/causes/17?range=7d"] "#), "{line}");
    assert!(
        line.contains("\u{feff}有<U+000A><13>1 forged<U+001B>[2J: xxx"),
        "{line}"
    );
    assert!(
        line.ends_with('…') && length <= 2048 && !line.contains('\n'),
        "{length}"
    );

    assert_eq!(log.deliver("log", &resolved()).await, Outcome::Delivered);
    let length = socket.recv(&mut bytes).unwrap();
    let line = std::str::from_utf8(&bytes[..length]).unwrap();
    assert!(
        line.starts_with("<157>1 2023-11-14T23:13:20.000Z "),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_a_line_is_told_by_its_length_or_its_end() {
    for (framing, is_counted) in [("octets", true), ("lines", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = syslog(port, &format!("  transport: tcp\n  framing: {framing}"));
        assert_eq!(log.deliver("log", &message()).await, Outcome::Delivered);
        let mut text = String::new();
        listener
            .accept()
            .unwrap()
            .0
            .read_to_string(&mut text)
            .unwrap();
        if is_counted {
            let (length, line) = text.split_once(' ').unwrap();
            assert_eq!(length.parse::<usize>().unwrap(), line.len());
            assert!(line.starts_with("<130>1 "), "{line}");
        } else {
            assert!(
                text.starts_with("<130>1 ") && text.ends_with('\n'),
                "{text}"
            );
            assert_eq!(text.matches('\n').count(), 1);
        }
    }
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let outcome = syslog(port, "  transport: tcp")
        .deliver("log", &message())
        .await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
}

/// A program of the test: a script, as nothing that cbsift starts goes through a shell by itself.
fn command(folder: &std::path::Path, script: &str, more: &str) -> Receivers {
    let script = write(folder, "send", script);
    let out = folder.join("out").display().to_string();
    receivers(&format!(
        "- name: sms\n  kind: command\n  argv: [/bin/sh, '{script}', '{out}', '; touch x $(id)']\n{more}"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_the_message_on_its_input_and_its_arguments_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let sms = command(
        folder.path(),
        "cat > \"$1\"; printf '%s' \"$2\" > \"$1.argument\"; env > \"$1.env\"",
        "",
    );
    assert_eq!(sms.deliver("sms", &message()).await, Outcome::Delivered);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let body: serde_json::Value = serde_json::from_str(&read("out")).unwrap();
    assert_eq!(body["title"]["zh"], "有电脑安装更新失败");
    assert_eq!(read("out.argument"), "; touch x $(id)");
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!read("out.env").contains("CARGO_"), "{}", read("out.env"));
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_whether_it_is_of_use_to_try_again() {
    let folder = tempfile::tempdir().unwrap();
    // Written more than a pipe holds, and the input is not read.
    let busy = "head -c 300000 /dev/zero | tr '\\0' x >&2; printf '\\033[31m' >&2; exit 75";
    let outcome = command(folder.path(), busy, "")
        .deliver("sms", &message())
        .await;
    assert!(
        matches!(&outcome, Outcome::Retry { error, .. } if error.contains("ended with 75: xxx")),
        "{outcome:?}"
    );
    let outcome = command(folder.path(), "echo no such number >&2; exit 65", "")
        .deliver("sms", &message())
        .await;
    assert!(
        matches!(&outcome, Outcome::Refused { error } if error.contains("no such number")),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_end_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    // The child holds a pipe that ends when it does.
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let script = format!(
        "(exec 5> '{}'; while :; do sleep 1000; done) & wait",
        pipe.display()
    );
    let sms = command(folder.path(), &script, "  timeout: 1s");
    let opened = std::thread::spawn(move || {
        // Ends when nobody has it open for writing any more.
        std::fs::read(&pipe).unwrap()
    });
    let outcome = sms.deliver("sms", &message()).await;
    assert!(
        matches!(&outcome, Outcome::Retry { error, .. } if error.contains("was killed")),
        "{outcome:?}"
    );
    assert!(opened.join().unwrap().is_empty());
}
