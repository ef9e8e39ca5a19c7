//! A chunk as a Kafka record, and back.
//!
//! The text is the value and everything else a header, so that any consumer shows readable log text.

// Records of topics that others write to.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

use event::{Chunk, Format, GapReason, Source, StreamId, TextEncoding};
use std::str::FromStr;

/// The newest format that this build writes. It reads this one and those before, and no newer.
pub const VERSION: u32 = 3;

/// The first format whose readers know the chunk's form and source: who does not know them waits for its upgrade, instead of taking
/// the record for a broken one. What older readers know goes on being written as they read it.
fn version_of(chunk: &Chunk) -> u32 {
    // Who does not know it, or its reason, would take it for a log.
    if let Some((_, reason)) = chunk.gap() {
        return match reason {
            GapReason::Gone
            | GapReason::Damaged
            | GapReason::Overwritten
            | GapReason::Unreadable => 3,
        };
    }
    let form = match chunk.format {
        Format::Wds
        | Format::WdsHeadless
        | Format::ReportingEvents
        | Format::WindowsUpdate
        | Format::WindowsUpdateOld
        | Format::Pfro
        | Format::EventJson => 1,
        Format::Pasted
        | Format::PastedDmy
        | Format::PastedMdy
        | Format::PastedUndated
        | Format::EventObjects
        | Format::EventXml
        | Format::EventText
        | Format::EventCsv
        | Format::Cmtrace
        | Format::CmtraceCopied
        | Format::Console
        | Format::SetupDiag => 2,
    };
    let source = match chunk.source {
        Source::Cbs
        | Source::Dism
        | Source::Setup
        | Source::ReportingEvents
        | Source::WindowsUpdate
        | Source::Pfro
        | Source::EventLog => 1,
        Source::Configmgr | Source::Intune => 2,
    };
    form.max(source)
}

/// Key, headers and value: what of a record does not depend on where it lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Decides the partition.
    pub key: Option<Vec<u8>>,
    /// In order; names may repeat.
    pub headers: Vec<Header>,
    /// The text.
    pub value: Option<Vec<u8>>,
}

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value; Kafka tells none from empty.
    pub value: Option<Vec<u8>>,
}

/// Why a record is no chunk. [`DecodeError::code`] is for dead letters; [`DecodeError::Newer`] is for nobody's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer build: nothing is wrong with it, so it waits for an upgrade.
    #[error(
        "format version {version} is newer than {newest}, which this build reads\nhint: upgrade the pipeline"
    )]
    Newer {
        /// The record's.
        version: u32,
        /// The newest that this build reads.
        newest: u32,
    },
    /// A header is missing.
    #[error("the header `{name}` is missing")]
    MissingHeader {
        /// Which.
        name: &'static str,
    },
    /// A header stands there twice.
    #[error("the header `{name}` stands there twice")]
    RepeatedHeader {
        /// Which.
        name: &'static str,
    },
    /// A header's value is none that we know.
    #[error("the header `{name}` has a value that is no {expected}")]
    BadHeader {
        /// Which.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The key is not tenant and endpoint.
    #[error("the key is not the headers' `tenant/endpoint`")]
    BadKey,
    /// There is no value.
    #[error("the record has no value")]
    NoValue,
    /// The value is no UTF-8.
    #[error("the value is not UTF-8 from byte {valid} on")]
    NotUtf8 {
        /// Bytes before the first wrong one.
        valid: usize,
    },
    /// It lay in a foreign topic, and who reads those cannot read it.
    #[error("{reason}")]
    Foreign {
        /// For [`DecodeError::code`].
        code: &'static str,
        /// The reason for people, without log text.
        reason: String,
    },
}

impl DecodeError {
    /// A stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "newer_format",
            Self::MissingHeader { .. } => "missing_header",
            Self::RepeatedHeader { .. } => "repeated_header",
            Self::BadHeader { .. } => "bad_header",
            Self::BadKey => "bad_key",
            Self::NoValue => "no_value",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::Foreign { code, .. } => code,
        }
    }

    /// Whether the record must wait for a newer build. Such a record is never a dead letter.
    pub fn is_newer(&self) -> bool {
        matches!(self, Self::Newer { .. })
    }
}

/// The record of a chunk.
pub fn encode(chunk: Chunk) -> Content {
    let headers = [
        ("version", version_of(&chunk).to_string()),
        ("content_type", content_type(chunk.source).to_owned()),
        ("tenant", chunk.tenant.clone()),
        ("endpoint", chunk.endpoint.clone()),
        ("source", chunk.source.name().to_owned()),
        ("stream", chunk.stream.to_string()),
        ("path", chunk.path),
        ("offset", chunk.offset.to_string()),
        ("length", chunk.length.to_string()),
        ("encoding", chunk.encoding.name().to_owned()),
        ("format", chunk.format.name().to_owned()),
        ("open", chunk.open.to_string()),
        ("sender", chunk.sender),
        ("received_ms", chunk.received_ms.to_string()),
    ];
    Content {
        key: Some(key(&chunk.tenant, &chunk.endpoint)),
        headers: headers
            .into_iter()
            .map(|(name, value)| Header {
                name: name.to_owned(),
                value: Some(value.into_bytes()),
            })
            .collect(),
        value: Some(chunk.text.into_bytes()),
    }
}

/// The chunk of a record; where it is none, the reason and the record as it was.
///
/// Strict in what it needs and blind to further headers, which tracing and mirroring tools add.
pub fn decode(mut content: Content) -> Result<Chunk, (DecodeError, Content)> {
    match read_headers(&content) {
        Ok(chunk) => match String::from_utf8(content.value.take().unwrap_or_default()) {
            Ok(text) => Ok(Chunk { text, ..chunk }),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                content.value = Some(error.into_bytes());
                Err((DecodeError::NotUtf8 { valid }, content))
            }
        },
        Err(error) => Err((error, content)),
    }
}

/// Why a record must wait for a newer build, if it must: known without a look at the rest of it.
pub fn newer(content: &Content) -> Option<DecodeError> {
    let error = Headers(&content.headers).version(VERSION).err()?;
    error.is_newer().then_some(error)
}

/// Everything but the text.
fn read_headers(content: &Content) -> Result<Chunk, DecodeError> {
    let headers = Headers(&content.headers);
    // First of all: what else a newer format has is not for us to judge.
    headers.version(VERSION)?;
    let tenant = headers.text("tenant")?;
    let endpoint = headers.text("endpoint")?;
    if content.key.as_deref() != Some(key(tenant, endpoint).as_slice()) {
        return Err(DecodeError::BadKey);
    }
    let source = headers.known("source", "source", Source::from_name)?;
    headers.known("content_type", "type of this source", |text| {
        (text == content_type(source)).then_some(())
    })?;
    if content.value.is_none() {
        return Err(DecodeError::NoValue);
    }
    Ok(Chunk {
        tenant: tenant.to_owned(),
        endpoint: endpoint.to_owned(),
        source,
        stream: headers.known("stream", "stream of 16 hex digits", |text| {
            let stream: StreamId = text.parse().ok()?;
            (stream.to_string() == text).then_some(stream)
        })?,
        path: headers.text("path")?.to_owned(),
        offset: headers.parsed("offset", "number")?,
        length: headers.parsed("length", "number")?,
        encoding: headers.known("encoding", "encoding", TextEncoding::from_name)?,
        format: headers.known("format", "format", Format::from_name)?,
        open: headers.parsed("open", "`true` or `false`")?,
        sender: headers.text("sender")?.to_owned(),
        received_ms: headers.parsed("received_ms", "number")?,
        text: String::new(),
    })
}

/// What the value is.
fn content_type(source: Source) -> &'static str {
    match source {
        Source::EventLog => "application/x-ndjson",
        _ => "text/plain; charset=utf-8",
    }
}

/// The key of an endpoint's records.
pub(crate) fn key(tenant: &str, endpoint: &str) -> Vec<u8> {
    format!("{tenant}/{endpoint}").into_bytes()
}

/// Looks headers up by name.
struct Headers<'a>(&'a [Header]);

impl<'a> Headers<'a> {
    /// The one header of that name.
    fn bytes(&self, name: &'static str) -> Result<&'a [u8], DecodeError> {
        let mut found = self.0.iter().filter(|header| header.name == name);
        let header = found.next().ok_or(DecodeError::MissingHeader { name })?;
        if found.next().is_some() {
            return Err(DecodeError::RepeatedHeader { name });
        }
        header
            .value
            .as_deref()
            .ok_or(DecodeError::MissingHeader { name })
    }

    /// Whether the format is one that this build reads.
    fn version(&self, newest: u32) -> Result<(), DecodeError> {
        match self.parsed("version", "number")? {
            0 => Err(DecodeError::BadHeader {
                name: "version",
                expected: "version that ever was",
            }),
            version if version > newest => Err(DecodeError::Newer { version, newest }),
            _ => Ok(()),
        }
    }

    fn text(&self, name: &'static str) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(name)?).map_err(|_| DecodeError::BadHeader {
            name,
            expected: "UTF-8",
        })
    }

    /// A value in the one spelling that it is written in, so that equal chunks are equal records.
    fn parsed<T: FromStr + ToString>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, DecodeError> {
        self.known(name, expected, |text| {
            let value: T = text.parse().ok()?;
            (value.to_string() == text).then_some(value)
        })
    }

    fn known<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, DecodeError> {
        read(self.text(name)?).ok_or(DecodeError::BadHeader { name, expected })
    }
}

#[cfg(test)]
mod tests;
