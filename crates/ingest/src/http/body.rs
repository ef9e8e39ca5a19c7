//! A request's body: read within limits, checked, decompressed within limits.

use crate::Config;
use crate::http::refusal::Refusal;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::time::Duration;
use tokio::time::Instant;

/// How much larger than its compressed form a body may be; real logs reach 36, bombs thousands.
const RATIO_MAX: usize = 100;

/// Below this a ratio says nothing: a small body of equal lines is honest.
const RATIO_FREE: usize = 1024 * 1024;

/// Largest window a zstd frame may ask for, as a power of two: 8 MiB, what RFC 8878 asks decoders to support.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    /// From the value of `Content-Encoding`.
    pub(crate) fn of(header: Option<&str>) -> Result<Self, Refusal> {
        match header
            .map(|value| value.trim().to_ascii_lowercase())
            .as_deref()
        {
            None | Some("" | "identity") => Ok(Self::Identity),
            Some("gzip" | "x-gzip") => Ok(Self::Gzip),
            Some("zstd") => Ok(Self::Zstd),
            Some(_) => Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content encoding is not known",
            )
            .hint("use zstd, gzip or identity")),
        }
    }
}

/// How many bytes the decoded body takes at most, as far as its head tells.
pub(crate) fn declared_length(
    headers: &HeaderMap,
    coding: Coding,
    length: Option<usize>,
    body_max: usize,
) -> Result<usize, Refusal> {
    let sent = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let decoded = if coding == Coding::Identity {
        sent.or(length)
    } else {
        length
    };
    if sent.is_some_and(|sent| sent > body_max) || decoded.is_some_and(|decoded| decoded > body_max)
    {
        return Err(Refusal::too_large(body_max));
    }
    Ok(decoded.unwrap_or(body_max))
}

/// Reads the body as sent: bounded in size, and in time by its least rate.
pub(crate) async fn read(mut body: Body, config: &Config) -> Result<Vec<u8>, Refusal> {
    let start = Instant::now();
    // Only as large as what there is room for: the head's length was checked before.
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(0);
    let mut bytes = Vec::with_capacity(declared.min(config.body_max));
    loop {
        let earned = Duration::from_secs_f64(bytes.len() as f64 / config.body_rate_min as f64);
        let frame = tokio::time::timeout_at(start + config.body_grace + earned, body.frame()).await;
        let frame = frame.map_err(|_| {
            let error = format!(
                "the body is slower than {} bytes a second",
                config.body_rate_min
            );
            Refusal::new(StatusCode::REQUEST_TIMEOUT, error)
        })?;
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame
            .map_err(|error| Refusal::bad_request(format!("the body ended early: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > config.body_max {
            return Err(Refusal::too_large(config.body_max));
        }
        bytes.extend_from_slice(&data);
    }
}

/// Checks `Content-Digest` (RFC 9530): of the content as sent, before decompression. Other algorithms than SHA-256 are passed over.
pub(crate) fn check_digest(header: &str, content: &[u8]) -> Result<(), Refusal> {
    for member in header.split(',') {
        let Some((algorithm, value)) = member.trim().split_once('=') else {
            return Err(Refusal::bad_request("`Content-Digest` cannot be read"));
        };
        if !algorithm.eq_ignore_ascii_case("sha-256") {
            continue;
        }
        let value = value
            .trim()
            .strip_prefix(':')
            .and_then(|value| value.strip_suffix(':'));
        let Some(expected) = value.and_then(|value| BASE64_STANDARD.decode(value).ok()) else {
            return Err(Refusal::bad_request("`Content-Digest` cannot be read")
                .hint("write `sha-256=:BASE64:`"));
        };
        if expected != Sha256::digest(content).as_slice() {
            return Err(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "the body does not match its `Content-Digest`",
            ));
        }
    }
    Ok(())
}

/// Decompresses within `max` bytes and [`RATIO_MAX`].
pub(crate) fn decode(coding: Coding, bytes: Vec<u8>, max: usize) -> Result<Vec<u8>, Refusal> {
    if coding == Coding::Identity {
        return Ok(bytes);
    }
    let limit = max.min(RATIO_FREE.max(bytes.len().saturating_mul(RATIO_MAX)));
    let mut output = Capped {
        bytes: Vec::new(),
        limit,
        hit: false,
    };
    let result = match coding {
        Coding::Gzip => gunzip(&bytes, &mut output),
        Coding::Zstd | Coding::Identity => unzstd(&bytes, &mut output),
    };
    match result {
        Ok(()) => Ok(output.bytes),
        Err(_) if output.hit && limit == max => Err(Refusal::too_large(max)),
        Err(_) if output.hit => {
            let error = format!("the body is more than {RATIO_MAX} times larger than it was sent");
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error)
                .hint("send it without compression"))
        }
        Err(error) => Err(Refusal::bad_request(format!(
            "the body cannot be decompressed: {error}"
        ))),
    }
}

fn gunzip(bytes: &[u8], output: &mut Capped) -> io::Result<()> {
    io::copy(&mut flate2::read::MultiGzDecoder::new(bytes), output).map(drop)
}

fn unzstd(bytes: &[u8], output: &mut Capped) -> io::Result<()> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    io::copy(&mut decoder, output).map(drop)
}

/// Takes bytes up to a limit.
struct Capped {
    bytes: Vec<u8>,
    limit: usize,
    hit: bool,
}

impl Write for Capped {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + data.len() > self.limit {
            self.hit = true;
            return Err(io::Error::other("too large"));
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    const MAX: usize = 16 * 1024 * 1024;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn status<T: std::fmt::Debug>(result: Result<T, Refusal>) -> u16 {
        result.unwrap_err().into_response().status().as_u16()
    }

    #[test]
    fn both_compressions_are_undone() {
        let text: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(decode(Coding::Gzip, gzip(&text), MAX).unwrap(), text);
        assert_eq!(
            decode(Coding::Zstd, zstd::encode_all(&text[..], 1).unwrap(), MAX).unwrap(),
            text
        );
        let mut twice = gzip(&text[..10]);
        twice.extend(gzip(&text[10..]));
        assert_eq!(decode(Coding::Gzip, twice, MAX).unwrap(), text);
    }

    #[test]
    fn bombs_stop_at_their_ratio_and_large_bodies_at_their_size() {
        let zeros = vec![0; 8 * 1024 * 1024];
        for (coding, bytes) in [
            (Coding::Gzip, gzip(&zeros)),
            (Coding::Zstd, zstd::encode_all(&zeros[..], 1).unwrap()),
        ] {
            assert_eq!(
                status(decode(coding, bytes.clone(), MAX)),
                413,
                "{coding:?}"
            );
            assert_eq!(status(decode(coding, bytes, 1000)), 413, "{coding:?}");
        }
        let small = vec![0; RATIO_FREE];
        assert_eq!(
            decode(Coding::Gzip, gzip(&small), MAX).unwrap().len(),
            RATIO_FREE
        );
    }

    #[test]
    fn broken_bodies_are_refused() {
        let whole = zstd::encode_all(&b"made-up text, made-up text"[..], 1).unwrap();
        assert_eq!(
            status(decode(Coding::Zstd, whole[..whole.len() - 1].to_vec(), MAX)),
            400
        );
        assert_eq!(status(decode(Coding::Gzip, whole, MAX)), 400);
        assert_eq!(status(Coding::of(Some("br"))), 415);
    }

    #[test]
    fn a_digest_must_match_where_we_know_its_algorithm() {
        let good = format!(
            "sha-256=:{}:",
            BASE64_STANDARD.encode(Sha256::digest(b"made up"))
        );
        assert!(check_digest(&good, b"made up").is_ok());
        assert!(check_digest(&format!("sha-512=:AAAA:, {good}"), b"made up").is_ok());
        assert!(check_digest("sha-512=:AAAA:", b"made up").is_ok());
        assert_eq!(status(check_digest(&good, b"made up!")), 422);
        assert_eq!(status(check_digest("sha-256=:AAAA:", b"made up")), 422);
        assert_eq!(status(check_digest("sha-256=AAAA", b"made up")), 400);
        assert_eq!(status(check_digest("nonsense", b"made up")), 400);
    }
}
