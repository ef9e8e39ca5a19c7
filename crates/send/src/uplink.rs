//! Parts of streams that are no files on this machine.

use crate::client::{Client, ClientError, PutBody, short};
use crate::{SendError, SendOptions};
use event::upload::FileDigest;
use event::{Format, GapReason, SecretHash, Source, TextEncoding};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Sends parts of streams for one endpoint, each until it is acknowledged.
///
/// May be used from several threads; parts may come in any order and again. Copies share their connections.
#[derive(Clone)]
pub struct Uplink {
    client: Arc<Client>,
}

/// Whole records of a stream, as they stand in the source; at most the intake's `body_max`.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The kind of log.
    pub source: Source,
    /// The sender's half of the stream's identity: `parse::start_hash`.
    pub first_record: u64,
    /// Source offset of the first byte.
    pub offset: u64,
    /// The last record may go on.
    pub open: bool,
    /// What the bytes are encoded in.
    pub encoding: TextEncoding,
    /// How records are laid out.
    pub format: Format,
    /// Where the log is, for people.
    pub path: &'a str,
    /// The records.
    pub bytes: &'a [u8],
}

/// A part of a log that is lost for good.
#[derive(Clone, Copy, Debug)]
pub struct Lost<'a> {
    /// The kind of log.
    pub source: Source,
    /// The sender's half of the stream's identity, where a line of it was ever read.
    pub first_record: Option<u64>,
    /// Where the log is or was, for people.
    pub path: &'a str,
    /// The first byte that is missing, or the first record; see [`GapReason::is_of_records`].
    pub from: u64,
    /// The first one behind it.
    pub to: u64,
    /// Why.
    pub reason: GapReason,
}

/// What a machine says to get a token of its own.
#[derive(Clone, Copy)]
pub struct Enrolling<'a> {
    /// As Windows has it.
    pub machine_guid: &'a str,
    /// Its name, for people.
    pub host: &'a str,
    /// What it will show from now on; only its hash is sent.
    pub secret: &'a str,
}

/// What the intake says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// What the machine is called from now on: with the secret behind a dot it is the token.
    pub endpoint: String,
    /// The token is good now; else somebody has to approve it.
    pub is_active: bool,
    /// What people should know.
    pub message: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    endpoint: String,
    state: String,
    message: Option<String>,
    warning: Option<String>,
}

/// A secret of 256 random bits in hex; nothing where the system has none.
pub fn new_secret() -> Option<String> {
    let mut bytes = [0; 32];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .ok()?;
    Some(FileDigest(bytes).to_string())
}

/// A number of chance from 0 to 1, for waits.
pub fn chance() -> f64 {
    crate::client::random()
}

impl Uplink {
    /// Checks the options; sends nothing yet.
    pub fn new(options: &SendOptions) -> Result<Self, SendError> {
        Ok(Self {
            client: Arc::new(Client::new(options)?),
        })
    }

    /// The same intake over the same connections, for another endpoint of a relay's token.
    #[must_use]
    pub fn for_endpoint(&self, endpoint: &str) -> Self {
        Self {
            client: Arc::new(self.client.for_endpoint(endpoint)),
        }
    }

    /// Whether the intake is there, is trusted and knows the token: asks for a file that nobody has.
    pub fn check(&self) -> Result<(), ClientError> {
        let nothing = FileDigest([0; 32]);
        self.client
            .imported_bytes(nothing, Source::Cbs, 0, &|_| {})
            .map(drop)
    }

    /// Asks once for a token of this machine's own, with a fleet token.
    pub fn enrol(&self, enrolling: &Enrolling<'_>) -> Result<Enrolled, ClientError> {
        let body = serde_json::json!({
            "machine_guid": enrolling.machine_guid,
            "host": enrolling.host,
            "token_sha256": SecretHash(Sha256::digest(enrolling.secret.as_bytes()).into()).to_string(),
        });
        let (status, text) = self.client.enrol(&body.to_string())?;
        let said: Said = serde_json::from_str(&text).map_err(|_| ClientError::Status {
            status,
            error: "an answer that enrols nobody".to_owned(),
            retry_after: None,
        })?;
        Ok(Enrolled {
            endpoint: said.endpoint,
            is_active: said.state == "active",
            message: said.warning.or(said.message),
        })
    }

    /// Tells the intake once what is lost, at most [`event::upload::GAPS_MAX`] of it. Told again, it is the same.
    pub fn tell_lost(&self, lost: &[Lost<'_>]) -> Result<(), ClientError> {
        let gaps: Vec<serde_json::Value> = lost
            .iter()
            .map(|lost| {
                serde_json::json!({
                    "source": lost.source.name(),
                    "stream": lost.first_record.map(|first| format!("{first:016x}")),
                    "path": short(lost.path),
                    "from": lost.from,
                    "to": lost.to,
                    "reason": lost.reason.name(),
                })
            })
            .collect();
        self.client
            .tell_gaps(&serde_json::json!({ "gaps": gaps }).to_string())
    }

    /// Returns when the part is acknowledged, or when patience ends. May be called again after an error.
    pub fn put(&self, part: &Part<'_>) -> Result<(), ClientError> {
        self.client.put(
            &PutBody {
                part: *part,
                file: None,
            },
            &|_| {},
        )
    }
}
