//! What a running role says of itself on `admin.listen`.

use crate::settings::Settings;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A role that hangs is no reason to hang here.
const PATIENCE: Duration = Duration::from_secs(5);

/// Metrics of a large cluster's pipeline are some 100 KB.
const MAX_BYTES: u64 = 4 << 20;

/// Health of the role at `admin.listen`.
pub(super) enum Health {
    /// Nobody answers there.
    Away,
    /// It answers over TLS, which is not spoken here.
    Encrypted,
    /// Whether it is ready, what it says to that, and its metrics.
    Answers {
        ready: bool,
        said: String,
        metrics: String,
    },
}

impl Health {
    pub(super) async fn ask(settings: &Settings) -> Self {
        if settings.admin_tls.is_some() {
            return Self::Encrypted;
        }
        let asked = async {
            let (ready, said) = get(settings, "/readyz").await?;
            let (_, metrics) = get(settings, "/metrics").await?;
            std::io::Result::Ok((ready, said, metrics))
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok((ready, said, metrics))) => Self::Answers {
                ready,
                said,
                metrics,
            },
            _ => Self::Away,
        }
    }

    /// Sum of a metric over its labels, if the role has it.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        let Self::Answers { metrics, .. } = self else {
            return None;
        };
        let values = metrics.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            (rest.starts_with([' ', '{'])).then_some(())?;
            rest.rsplit(' ').next()?.parse::<f64>().ok()
        });
        let values: Vec<f64> = values.collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }
}

async fn get(settings: &Settings, path: &str) -> std::io::Result<(bool, String)> {
    let mut stream = TcpStream::connect(settings.admin_listen).await?;
    let head = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(std::io::ErrorKind::InvalidData)?;
    let is_ok = head.split(' ').nth(1) == Some("200");
    Ok((is_ok, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_by_their_whole_name() {
        let health = Health::Answers {
            ready: true,
            said: String::new(),
            metrics: "# HELP a b\na 1\na_more 7\nb{x=\"1\"} 2\nb{x=\"2\"} 3\n".to_owned(),
        };
        assert_eq!(health.metric("a"), Some(1.0));
        assert_eq!(health.metric("b"), Some(5.0));
        assert_eq!(health.metric("c"), None);
        assert_eq!(Health::Away.metric("a"), None);
    }
}
