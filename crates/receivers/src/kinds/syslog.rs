//! Syslog, RFC 5424, over UDP or TCP. Nothing is acknowledged there: delivered means sent.

use crate::check::Checks;
use crate::fit::clip;
use crate::guard::{Unreachable, connect, resolve};
use crate::message::{Language, Message, Severity, Status, rfc3339};
use crate::outcome::Outcome;
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWriteExt;

/// What every receiver should take, RFC 5424 section 6.1.
const UDP_BYTES: usize = 2048;
/// What relays take without being told.
const TCP_BYTES: usize = 8192;
/// The number that RFC 5612 keeps for documentation: cbsift has none of its own.
const ENTERPRISE: u32 = 32473;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Udp,
    /// A message is told from the next by its length.
    TcpOctets,
    /// Or by a line feed.
    TcpLines,
}

pub(crate) struct Syslog {
    host: String,
    port: u16,
    transport: Transport,
    facility: u8,
    language: Language,
    allow_private: bool,
    timeout: Duration,
}

const FACILITIES: [(&str, u8); 12] = [
    ("user", 1),
    ("daemon", 3),
    ("auth", 4),
    ("authpriv", 10),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

impl Syslog {
    pub(crate) fn new(checks: &mut Checks<'_>) -> Option<Self> {
        let config = checks.config;
        let server = checks.server(514);
        let framing = config.framing.as_deref();
        let transport = match (config.transport.as_deref().unwrap_or("udp"), framing) {
            ("udp", None) => Some(Transport::Udp),
            ("udp", Some(_)) => {
                checks.fault("framing", "is of use with `transport: tcp` only");
                None
            }
            ("tcp", None | Some("octets")) => Some(Transport::TcpOctets),
            ("tcp", Some("lines")) => Some(Transport::TcpLines),
            ("tcp", Some(other)) => {
                checks.fault(
                    "framing",
                    format!("`{other}`: `octets` and `lines` are allowed"),
                );
                None
            }
            (other, _) => {
                checks.fault(
                    "transport",
                    format!("`{other}`: `udp` and `tcp` are allowed"),
                );
                None
            }
        };
        let facility = config.facility.as_deref().unwrap_or("local0");
        let found = FACILITIES.iter().find(|(name, _)| *name == facility);
        if found.is_none() {
            let names: Vec<&str> = FACILITIES.iter().map(|(name, _)| *name).collect();
            checks.fault(
                "facility",
                format!("`{facility}`: {} are allowed", names.join(", ")),
            );
        }
        let timeout = checks.timeout();
        let (host, port) = server?;
        Some(Self {
            host,
            port,
            transport: transport?,
            facility: found?.1,
            language: config.language.unwrap_or_default(),
            allow_private: checks.allow_private(),
            timeout,
        })
    }

    pub(crate) fn line(&self, message: &Message) -> String {
        let max = match self.transport {
            Transport::Udp => UDP_BYTES,
            Transport::TcpOctets | Transport::TcpLines => TCP_BYTES,
        };
        line(message, self.language, self.facility, max)
    }

    pub(crate) async fn deliver(&self, message: &Message) -> Outcome {
        let line = self.line(message);
        let addresses = match resolve(&self.host, self.port, self.allow_private).await {
            Ok(addresses) => addresses,
            Err(Unreachable::Unknown(why)) => return Outcome::retry(why),
            Err(Unreachable::Forbidden(why)) => return Outcome::refused(why),
        };
        let sent = match self.transport {
            Transport::Udp => send(&addresses, &line).await,
            Transport::TcpOctets => {
                let frame = format!("{} {line}", line.len());
                self.write(&addresses, frame.as_bytes()).await
            }
            Transport::TcpLines => {
                let frame = format!("{line}\n");
                self.write(&addresses, frame.as_bytes()).await
            }
        };
        match sent {
            Ok(()) => Outcome::Delivered,
            Err(error) => Outcome::retry(format!(
                "cannot send to `{}:{}`: {error}",
                self.host, self.port
            )),
        }
    }

    async fn write(&self, addresses: &[std::net::SocketAddr], frame: &[u8]) -> std::io::Result<()> {
        let (mut stream, _) = connect(addresses, self.timeout).await?;
        stream.write_all(frame).await?;
        stream.shutdown().await
    }
}

async fn send(addresses: &[std::net::SocketAddr], line: &str) -> std::io::Result<()> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in addresses {
        let local = if address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = tokio::net::UdpSocket::bind(local).await?;
        // Connected, so that a port where nobody listens is told sometimes.
        match async {
            socket.connect(address).await?;
            socket.send(line.as_bytes()).await
        }
        .await
        {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// One message in one line.
pub(crate) fn line(message: &Message, language: Language, facility: u8, max: usize) -> String {
    let severity = match (message.status, message.severity) {
        (Status::Resolved, _) => 5,
        (Status::Firing, Severity::Critical) => 2,
        (Status::Firing, Severity::Warning) => 4,
        (Status::Firing, Severity::Info) => 6,
    };
    let priority = u32::from(facility) * 8 + severity;
    let at = match (message.status, message.ends_at) {
        (Status::Resolved, Some(at)) => at.min(SystemTime::now()),
        _ => message.starts_at,
    };
    let mut data = String::new();
    for (name, value, bytes) in [
        ("id", message.id.as_str(), 128),
        ("rule", &message.rule, 64),
        ("severity", message.severity.name(), 16),
        ("status", message.status.name(), 16),
        ("total", &message.total().to_string(), 20),
        ("page", &message.page, 500),
    ] {
        data += &format!(" {name}=\"{}\"", parameter(value, bytes));
    }
    let head = format!(
        "<{priority}>1 {} {} cbsift {} alert [cbsift@{ENTERPRISE}{data}] \u{feff}",
        rfc3339(at),
        hostname(),
        std::process::id()
    );
    let texts: Vec<String> = language
        .tongues()
        .iter()
        .map(|tongue| {
            let title = message.title.get(*tongue).trim();
            let body = message.body.get(*tongue).trim().replace('\n', " ");
            let between = if title.is_empty() || body.is_empty() {
                ""
            } else {
                ": "
            };
            harmless::line(&format!("{title}{between}{body}")).into_owned()
        })
        .collect();
    // The ellipsis of what is cut takes three bytes.
    let room = max.saturating_sub(head.len() + 3);
    format!("{head}{}", clip(&texts.join(" / "), room))
}

/// A value of structured data, RFC 5424 section 6.3.3; at most twice as long as `bytes` where all of it is escaped.
fn parameter(value: &str, bytes: usize) -> String {
    let mut out = String::new();
    for letter in clip(&harmless::line(value), bytes).chars() {
        if matches!(letter, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// This machine's name as others write it; `-` where it has none.
pub(crate) fn hostname() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let is_good = !name.is_empty()
        && name.len() <= 255
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_good { name } else { "-".to_owned() }
}
