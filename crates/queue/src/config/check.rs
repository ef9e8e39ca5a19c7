//! The checks of single settings. Each problem names its key and what is allowed.

use super::{RawConfig, Sasl, Tls};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Default)]
pub(super) struct Check {
    pub(super) problems: Vec<String>,
}

impl Check {
    pub(super) fn that(&mut self, key: &str, value: &dyn fmt::Debug, is_good: bool, allowed: &str) {
        if !is_good {
            self.problems
                .push(format!("`queue.{key}` is {value:?}, but must be {allowed}"));
        }
    }

    pub(super) fn number(&mut self, key: &str, value: u32, min: i32, max: i32) -> i32 {
        let number = i32::try_from(value).unwrap_or(i32::MAX);
        let is_good = (min..=max).contains(&number);
        self.that(key, &value, is_good, &format!("from {min} to {max}"));
        number
    }

    pub(super) fn size(&mut self, key: &str, text: &str, min: usize, max: usize) -> usize {
        let size = quantity::size(text).and_then(|size| usize::try_from(size).ok());
        let is_good = size.is_some_and(|size| (min..=max).contains(&size));
        self.that(
            key,
            &text,
            is_good,
            &format!(
                "a size like \"16 MiB\", from {} to {} MiB",
                min >> 20,
                max >> 20
            ),
        );
        size.unwrap_or(max)
    }

    pub(super) fn time(&mut self, key: &str, text: &str, min: Duration, max: Duration) -> Duration {
        let time = quantity::time(text);
        let is_good = time.is_some_and(|time| (min..=max).contains(&time));
        self.that(
            key,
            &text,
            is_good,
            &format!("a time like \"10s\", \"500ms\" or \"7d\", from {min:?} to {max:?}"),
        );
        time.unwrap_or(max)
    }

    pub(super) fn tls(&mut self, raw: &RawConfig) -> Option<Tls> {
        let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        for (key, value) in [
            ("tls_ca_file", &raw.tls_ca_file),
            ("tls_certificate_file", &raw.tls_certificate_file),
            ("tls_key_file", &raw.tls_key_file),
        ] {
            self.that(
                key,
                value,
                raw.tls || value.is_empty(),
                "empty while `queue.tls` is false",
            );
        }
        let identity = path(&raw.tls_certificate_file).zip(path(&raw.tls_key_file));
        self.that(
            "tls_key_file",
            &raw.tls_key_file,
            identity.is_some()
                || raw.tls_certificate_file.is_empty() && raw.tls_key_file.is_empty(),
            "set together with `queue.tls_certificate_file`",
        );
        raw.tls.then(|| Tls {
            ca_file: path(&raw.tls_ca_file),
            identity,
        })
    }

    pub(super) fn sasl(&mut self, raw: &RawConfig) -> Option<Sasl> {
        let known = ["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
        let mechanism = raw.sasl_mechanism.as_str();
        self.that(
            "sasl_mechanism",
            &mechanism,
            known.contains(&mechanism),
            "\"PLAIN\", \"SCRAM-SHA-256\", \"SCRAM-SHA-512\" or empty",
        );
        for (key, value) in [
            ("sasl_user", &raw.sasl_user),
            ("sasl_password_file", &raw.sasl_password_file),
        ] {
            self.that(
                key,
                value,
                value.is_empty() == mechanism.is_empty(),
                "set together with `queue.sasl_mechanism`",
            );
        }
        (!mechanism.is_empty()).then(|| Sasl {
            mechanism: mechanism.to_owned(),
            user: raw.sasl_user.clone(),
            password_file: PathBuf::from(&raw.sasl_password_file),
        })
    }
}

/// Kafka's own rule for topics; groups are held to it too, so that they can be typed anywhere.
pub(super) fn is_name(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Whether `host:port` is this machine.
pub(super) fn is_loopback(broker: &str) -> bool {
    let broker = broker.rsplit("://").next().unwrap_or(broker);
    let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
