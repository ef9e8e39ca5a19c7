//! A mail server of the test, and the mail as Python's reader of mail understands it.

use crate::given::{message, receivers, resolved, text, write};
use crate::server::tls;
use receivers::{Message, Outcome};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// What one connection said, and the mail where one came.
#[derive(Clone, Debug, Default)]
struct Heard {
    commands: Vec<String>,
    mail: String,
}

struct Sink {
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
}

#[derive(Clone)]
enum Encryption {
    None,
    StartTls(Arc<ServerConfig>),
    Tls(Arc<ServerConfig>),
}

impl Sink {
    /// Takes any mail but for recipients called `gone@` and `later@`; the password is `made-up`. `greeting` is its first word.
    fn start(encryption: Encryption, greeting: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, encryption) = (Arc::clone(&kept), encryption.clone());
                std::thread::spawn(move || {
                    let mut heard = Heard::default();
                    match encryption {
                        Encryption::None => speak(stream, greeting, "", &mut heard, &kept),
                        Encryption::Tls(config) => {
                            let connection = ServerConnection::new(config).unwrap();
                            let stream = StreamOwned::new(connection, stream);
                            speak(stream, greeting, "", &mut heard, &kept)
                        }
                        Encryption::StartTls(config) => {
                            let clear: TcpStream = stream.try_clone().unwrap();
                            if speak(clear, greeting, "250-STARTTLS\r\n", &mut heard, &kept)
                                .is_some()
                            {
                                let connection = ServerConnection::new(config).unwrap();
                                let stream = StreamOwned::new(connection, stream);
                                heard.commands.push("(encrypted)".to_owned());
                                speak(stream, "", "", &mut heard, &kept);
                            }
                            None
                        }
                    }
                });
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> Heard {
        self.heard.lock().unwrap().last().cloned().expect("a mail")
    }
}

/// One connection until it ends, or until it is to be encrypted.
fn speak(
    stream: impl Read + Write,
    greeting: &str,
    offers: &str,
    heard: &mut Heard,
    kept: &Mutex<Vec<Heard>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let say = |stream: &mut BufReader<_>, text: &str| {
        let inner: &mut _ = BufReader::get_mut(stream);
        Write::write_all(inner, text.as_bytes())
            .and_then(|()| Write::flush(inner))
            .ok()
    };
    if !greeting.is_empty() {
        say(&mut stream, &format!("{greeting}\r\n"))?;
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        heard.commands.push(line.clone());
        let word = line.split([' ', ':']).next().unwrap_or_default();
        match word {
            "EHLO" => say(
                &mut stream,
                &format!(
                    "250-sink\r\n{offers}250-SMTPUTF8\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n"
                ),
            )?,
            "STARTTLS" => {
                say(&mut stream, "220 go on\r\n")?;
                return Some(());
            }
            // `\0me\0made-up` in base64.
            "AUTH" if line == "AUTH PLAIN AG1lAG1hZGUtdXA=" => say(&mut stream, "235 ok\r\n")?,
            "AUTH" => say(&mut stream, "535 5.7.8 who are you\r\n")?,
            "RCPT" if line.contains("gone@") => say(&mut stream, "550 5.1.1 no such user\r\n")?,
            "RCPT" if line.contains("later@") => say(&mut stream, "450 4.2.0 greylisted\r\n")?,
            "DATA" => {
                say(&mut stream, "354 go on\r\n")?;
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).ok()?;
                    if line == ".\r\n" {
                        break;
                    }
                    heard.mail += line.strip_prefix('.').unwrap_or(&line);
                }
                // Kept before it is acknowledged.
                kept.lock().unwrap().push(heard.clone());
                say(&mut stream, "250 taken\r\n")?;
            }
            "QUIT" => {
                say(&mut stream, "221 bye\r\n")?;
                return None;
            }
            _ => say(&mut stream, "250 ok\r\n")?,
        }
    }
}

/// The mail as another program reads it.
fn read(mail: &str) -> Value {
    const READER: &str = "
import sys, json, email, email.policy
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
print(json.dumps({'headers': {name.lower(): str(value) for name, value in mail.items()},
                  'type': mail.get_content_type(), 'parts': parts, 'defects': [str(d) for d in mail.defects]}))
";
    let mut python = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    python
        .stdin
        .take()
        .unwrap()
        .write_all(mail.as_bytes())
        .unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn config(port: u16, more: &str) -> String {
    format!(
        "- name: desk\n  kind: email\n  server: 127.0.0.1:{port}\n  from: 更新 <cbsift@bank.example>\n  to: [desk@bank.example, 王 <wang@bank.example>]\n{more}"
    )
}

async fn deliver(port: u16, more: &str, message: &Message) -> Outcome {
    receivers(&config(port, more))
        .deliver("desk", message)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_readable_in_both_languages() {
    let sink = Sink::start(Encryption::None, "220 sink");
    assert_eq!(
        deliver(sink.port, "  tls: none", &message()).await,
        Outcome::Delivered
    );
    let first = sink.heard();
    assert!(first.mail.is_ascii());
    let mail = read(&first.mail);
    assert_eq!(mail["defects"], serde_json::json!([]));
    assert_eq!(mail["type"], "multipart/alternative");
    let headers = &mail["headers"];
    assert_eq!(
        headers["subject"],
        "【严重】有电脑安装更新失败（12 条） / [CRITICAL] PCs fail an update (12)"
    );
    assert_eq!(headers["from"], "更新 <cbsift@bank.example>");
    assert_eq!(headers["to"], "desk@bank.example, 王 <wang@bank.example>");
    assert_eq!(headers["auto-submitted"], "auto-generated");
    for (part, link) in [
        (
            "text/plain",
            "Details: https://cbsift.bank.example/causes/17?range=7d",
        ),
        (
            "text/html",
            "<a href=\"https://cbsift.bank.example/causes/17?range=7d\">Details</a>",
        ),
    ] {
        let text = mail["parts"][part].as_str().unwrap();
        for piece in [
            "【严重】有电脑安装更新失败（12 条）",
            "[CRITICAL] PCs fail an update (12)",
            "PC-002：0x800f0922",
            "PC-002: 0x800f0922",
            "另有 9 条未列出",
            "9 more not listed",
            link,
        ] {
            assert!(text.contains(piece), "{piece} is not in {text}");
        }
    }

    // A repeat is the same mail to whoever has it already; its end is another one.
    assert_eq!(
        deliver(sink.port, "  tls: none", &message()).await,
        Outcome::Delivered
    );
    assert_eq!(
        read(&sink.heard().mail)["headers"]["message-id"],
        headers["message-id"]
    );
    let over = Message {
        id: "another".to_owned(),
        ..resolved()
    };
    assert_eq!(
        deliver(sink.port, "  tls: none\n  language: en", &over).await,
        Outcome::Delivered
    );
    let mail = read(&sink.heard().mail);
    assert_eq!(
        mail["headers"]["subject"],
        "[RESOLVED] PCs fail an update (12)"
    );
    assert_ne!(mail["headers"]["message-id"], headers["message-id"]);
    assert!(
        mail["parts"]["text/plain"]
            .as_str()
            .unwrap()
            .contains("From 2023-11-14 22:13:20 UTC to 2023-11-14 23:13:20 UTC")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_adds_no_header_and_no_markup() {
    let sink = Sink::start(Encryption::None, "220 sink");
    let mut hostile = message();
    hostile.title = text("a\r\nBcc: evil@evil.example\r\n\r\n<script>x</script>", "");
    hostile.body = text(
        ".\r\nMAIL FROM:<evil@evil.example>\n<img src=x onerror=alert(1)>\u{202e}",
        "",
    );
    hostile.alerts[0].text = text("\"><a href='https://evil.example'>x</a>", "");
    hostile.alerts[0].page = "javascript:alert(1)".to_owned();
    assert_eq!(
        deliver(sink.port, "  tls: none", &hostile).await,
        Outcome::Delivered
    );
    let heard = sink.heard();
    let recipients: Vec<&String> = heard
        .commands
        .iter()
        .filter(|line| line.starts_with("RCPT"))
        .collect();
    assert_eq!(recipients.len(), 2, "{:?}", heard.commands);
    let mail = read(&heard.mail);
    assert!(mail["headers"].get("bcc").is_none(), "{}", mail["headers"]);
    assert!(
        mail["headers"]["subject"]
            .as_str()
            .unwrap()
            .contains("a<U+000D><U+000A>Bcc:")
    );
    let html = mail["parts"]["text/html"].as_str().unwrap();
    for bad in [
        "<script",
        "<img",
        "<a href='https://evil",
        "href=\"javascript",
        "\u{202e}",
    ] {
        assert!(!html.contains(bad), "{bad} is in {html}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_is_encrypted_as_asked_and_the_password_is_told_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let (server, ca) = tls(folder.path());
    let password = write(folder.path(), "password", "made-up\n");
    let wrong = write(folder.path(), "wrong", "another");
    let ca = format!("  ca_file: {}\n", ca.display());
    let login = format!("  username: me\n  password_file: {password}\n");

    let sink = Sink::start(Encryption::StartTls(Arc::clone(&server)), "220 sink");
    assert_eq!(
        deliver(sink.port, &format!("{ca}{login}"), &message()).await,
        Outcome::Delivered
    );
    let commands = sink.heard().commands;
    let at = |word: &str| {
        commands
            .iter()
            .position(|line| line.starts_with(word))
            .unwrap()
    };
    assert!(
        at("STARTTLS") < at("(encrypted)") && at("(encrypted)") < at("AUTH"),
        "{commands:?}"
    );
    let outcome = deliver(sink.port, &login, &message()).await;
    assert!(
        matches!(&outcome, Outcome::Retry { error, .. } if error.contains("ca_file")),
        "{outcome:?}"
    );
    let more = format!("{ca}  username: me\n  password_file: {wrong}\n");
    let outcome = deliver(sink.port, &more, &message()).await;
    assert!(
        matches!(&outcome, Outcome::Refused { error } if error.contains("535") || error.contains("who are you")),
        "{outcome:?}"
    );

    let sink = Sink::start(Encryption::Tls(server), "220 sink");
    let more = format!("{ca}{login}  tls: tls\n");
    assert_eq!(
        deliver(sink.port, &more, &message()).await,
        Outcome::Delivered
    );

    // A server that offers no encryption, or somebody who took the offer away.
    let sink = Sink::start(Encryption::None, "220 sink");
    let outcome = deliver(sink.port, &format!("{ca}{login}"), &message()).await;
    assert!(
        matches!(&outcome, Outcome::Refused { error } if error.contains("STARTTLS")),
        "{outcome:?}"
    );
    assert!(sink.heard.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_recipient_that_is_gone_keeps_the_mail_from_nobody() {
    let sink = Sink::start(Encryption::None, "220 sink");
    let to = |to: &str| {
        format!(
            "- name: desk\n  kind: email\n  server: 127.0.0.1:{}\n  tls: none\n  from: a@bank.example\n  to: {to}",
            sink.port
        )
    };
    let some = receivers(&to("[gone@bank.example, here@bank.example]"));
    assert_eq!(some.deliver("desk", &message()).await, Outcome::Delivered);
    assert_eq!(sink.heard.lock().unwrap().len(), 1);
    let none = receivers(&to("[gone@bank.example]"));
    let outcome = none.deliver("desk", &message()).await;
    assert!(
        matches!(&outcome, Outcome::Refused { error } if error.contains("no such user")),
        "{outcome:?}"
    );
    // One of them may be taken later, whichever comes first.
    for both in [
        "[gone@bank.example, later@bank.example]",
        "[later@bank.example, gone@bank.example]",
    ] {
        let outcome = receivers(&to(both)).deliver("desk", &message()).await;
        assert!(
            matches!(&outcome, Outcome::Retry { error, .. } if error.contains("greylisted")),
            "{outcome:?}"
        );
    }
    assert_eq!(sink.heard.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_busy_is_tried_again() {
    let sink = Sink::start(Encryption::None, "421 4.3.2 come back later");
    let outcome = deliver(sink.port, "  tls: none", &message()).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
}
