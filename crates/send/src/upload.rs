//! One file, from its first byte to its last acknowledgement.

use crate::client::{Client, ClientError, PutBody};
use crate::{Part, Progress, SendFailure, SendOptions, SentFile};
use event::upload::FileDigest;
use files::{Cut, FileChunks, LogFile, SkippedFile};

pub(crate) enum Outcome {
    Sent(SentFile),
    Skipped(SkippedFile),
}

/// Sends a file; the number is of bytes acknowledged, however it ended.
///
/// It starts at the first byte even where the store knows the stream: two files can start with the same record and differ later, and
/// repeats fold. Only a file that is known whole by its digest is passed over. Within a run, each body is repeated until acknowledged.
pub(crate) fn upload(
    client: &Client,
    options: &SendOptions,
    log: &LogFile,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> (u64, Result<Outcome, SendFailure>) {
    let steps = Steps::default();
    if !options.again {
        match is_imported(client, options, log, progress) {
            Ok(false) => {}
            Ok(true) => {
                progress(Progress::Advanced { bytes: log.bytes });
                let reason = "imported before, byte for byte (again sends it once more)";
                let path = log.path.clone();
                let skipped = SkippedFile {
                    path,
                    bytes: log.bytes,
                    encoding: Some(log.encoding),
                    reason,
                };
                return (0, Ok(Outcome::Skipped(skipped)));
            }
            Err(failure) => return (0, Err(failure)),
        }
    }
    upload_from(client, options, log, progress, &steps)
}

/// What a sender does beside sending.
#[derive(Clone, Copy)]
pub(crate) struct Steps<'a> {
    /// What ends here or before was acknowledged earlier, of this very file cut the same way.
    pub(crate) from: u64,
    /// Called with the bytes of each body before it goes.
    pub(crate) before: &'a dyn Fn(u64),
    /// Called with the end of each body, once it is acknowledged.
    pub(crate) behind: &'a dyn Fn(u64),
}

impl Default for Steps<'_> {
    fn default() -> Self {
        Self {
            from: 0,
            before: &|_| {},
            behind: &|_| {},
        }
    }
}

/// Sends a file without asking whether it is known; the number is of bytes acknowledged, however it ended.
pub(crate) fn upload_from(
    client: &Client,
    options: &SendOptions,
    log: &LogFile,
    progress: &(dyn Fn(Progress<'_>) + Sync),
    steps: &Steps<'_>,
) -> (u64, Result<Outcome, SendFailure>) {
    let mut sending = Sending {
        client,
        options,
        log,
        progress,
        steps,
        first_record: 0,
        acknowledged: 0,
        bodies: 0,
    };
    let result = sending.all();
    (sending.acknowledged, result)
}

/// Whether the intake has this very file: its bytes, as the stream that they are, of the size that it has. It has none that is damaged:
/// what stands before the damage is sent.
fn is_imported(
    client: &Client,
    options: &SendOptions,
    log: &LogFile,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<bool, SendFailure> {
    let mut start = FileChunks::open(log, options.chunk_bytes)?;
    start.next();
    let (Some(first_record), Ok((digest, bytes))) = (start.first_record(), log.digest()) else {
        return Ok(false);
    };
    let held = client
        .imported_bytes(digest, log.source, first_record, progress)
        .map_err(|error| refused(log, error))?;
    Ok(held == Some(bytes))
}

pub(crate) fn refused(log: &LogFile, error: ClientError) -> SendFailure {
    SendFailure::Refused {
        path: log.path.clone(),
        error,
    }
}

struct Sending<'a> {
    client: &'a Client,
    options: &'a SendOptions,
    log: &'a LogFile,
    progress: &'a (dyn Fn(Progress<'_>) + Sync),
    steps: &'a Steps<'a>,
    first_record: u64,
    acknowledged: u64,
    bodies: u64,
}

impl Sending<'_> {
    fn all(&mut self) -> Result<Outcome, SendFailure> {
        let mut chunks = FileChunks::open(self.log, self.options.chunk_bytes)?
            .with_raw()
            .with_digest();
        let mut body = Body::default();
        while let Some(cut) = chunks.next() {
            let cut = match cut {
                Ok(cut) => cut,
                Err(error) => {
                    // What stands before the damage is evidence all the same.
                    if !body.bytes.is_empty() {
                        self.put(&body, None)?;
                    }
                    return Err(error.into());
                }
            };
            let is_first_line = cut.piece.offset == 0 && !cut.piece.text.contains('\n');
            if is_first_line && cut.piece.open && !self.log.format.is_copied() {
                // A stream is known by its first line: half of one would make another stream of the same log. A copy grows no more.
                let skipped = SkippedFile {
                    path: self.log.path.clone(),
                    bytes: self.log.bytes,
                    encoding: Some(self.log.encoding),
                    reason: "its first line is not complete yet",
                };
                return Ok(Outcome::Skipped(skipped));
            }
            self.first_record = chunks.first_record().unwrap_or_default();
            if cut.piece.offset + cut.piece.length <= self.steps.from {
                continue;
            }
            if !body.bytes.is_empty() && body.bytes.len() + cut.raw.len() > self.options.body_bytes
            {
                self.put(&body, None)?;
                body = Body::default();
            }
            body.add(&cut);
        }
        // Only now is it known which body is the last, and what the whole file was.
        if !body.bytes.is_empty() {
            self.put(
                &body,
                chunks.digest().map(|digest| (digest, chunks.bytes())),
            )?;
        }
        Ok(Outcome::Sent(SentFile {
            path: self.log.path.clone(),
            bytes: self.acknowledged,
            bodies: self.bodies,
        }))
    }

    fn put(&mut self, body: &Body, file: Option<(FileDigest, u64)>) -> Result<(), SendFailure> {
        let part = Part {
            source: self.log.source,
            first_record: self.first_record,
            offset: body.offset,
            open: body.open,
            encoding: self.log.encoding,
            format: self.log.format,
            path: &self.log.path.to_string_lossy(),
            bytes: &body.bytes,
        };
        let bytes = body.bytes.len() as u64;
        (self.steps.before)(bytes);
        let put = PutBody { part, file };
        self.client
            .put(&put, self.progress)
            .map_err(|error| refused(self.log, error))?;
        (self.steps.behind)(body.offset + bytes);
        self.acknowledged += bytes;
        self.bodies += 1;
        (self.progress)(Progress::Advanced { bytes });
        Ok(())
    }
}

/// Pieces that follow each other.
#[derive(Default)]
struct Body {
    offset: u64,
    open: bool,
    bytes: Vec<u8>,
}

impl Body {
    fn add(&mut self, cut: &Cut) {
        if self.bytes.is_empty() {
            self.offset = cut.piece.offset;
        }
        self.open = cut.piece.open;
        self.bytes.extend_from_slice(&cut.raw);
    }
}
