//! Parts of streams that are no files on this machine.

use crate::client::{Client, ClientError, PutBody};
use crate::{SendError, SendOptions};
use event::{Format, Source, TextEncoding};

/// Sends parts of streams for one endpoint, each until it is acknowledged.
///
/// May be used from several threads; parts may come in any order and again.
pub struct Uplink {
    client: Client,
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

impl Uplink {
    /// Checks the options; sends nothing yet.
    pub fn new(options: &SendOptions) -> Result<Self, SendError> {
        Ok(Self {
            client: Client::new(options)?,
        })
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
