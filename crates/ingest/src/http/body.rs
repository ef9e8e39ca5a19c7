//! A request's body: read within limits, checked, decompressed within limits.

// Bytes of strangers.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

use crate::Config;
use crate::http::refusal::Refusal;
use crate::http::room::Held;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt, Limited};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::io::{self, BufRead, Read, Write};
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

/// Refuses what says itself that it is too large: `length` is of the decoded body.
pub(crate) fn check_length(
    headers: &HeaderMap,
    length: Option<usize>,
    body_max: usize,
) -> Result<(), Refusal> {
    let sent = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if sent.into_iter().chain(length).any(|bytes| bytes > body_max) {
        return Err(Refusal::too_large(body_max));
    }
    Ok(())
}

/// Room is taken in steps of so many bytes: large enough that few locks are taken for a body, small enough that many slow ones, which
/// bring little, hold little.
const STEP: usize = 256 * 1024;

/// A piece of a body as it comes from the connection is about as large as its buffer.
const PIECE: usize = 64 * 1024;

/// Each second a body has to bring at least this part of what it holds, a 60th, and so doubles within 42 s: who holds much has to be fast.
const HOLD: Duration = Duration::from_secs(60);

/// How long a body of so many bytes may be under way. The least rate is `rate_min`, or what is held by [`HOLD`] where that is more.
fn allowed(bytes: usize, rate_min: usize) -> Duration {
    let (bytes, rate_min) = (bytes as f64, rate_min as f64);
    let knee = rate_min * HOLD.as_secs_f64();
    if bytes <= knee {
        return Duration::from_secs_f64(bytes / rate_min);
    }
    HOLD + HOLD.mul_f64((bytes / knee).ln())
}

/// Reads the body as sent: bounded in size, and in time by its least rate. Room is taken as it comes, `weight` times as much.
pub(crate) async fn read(
    mut body: Body,
    config: &Config,
    room: &mut Held,
    weight: usize,
) -> Result<Vec<u8>, Refusal> {
    let mut start = Instant::now();
    let length = body.size_hint().exact().unwrap_or(u64::MAX);
    let length = usize::try_from(length).map_or(config.body_max, |it| it.min(config.body_max));
    let (mut bytes, mut covered) = (Vec::new(), 0);
    loop {
        if covered < length.min(bytes.len() + PIECE) {
            covered = length.min(covered + STEP);
            start += reach(room, covered * weight).await?;
            bytes.reserve_exact(covered - bytes.len());
        }
        let end = start + config.body_grace + allowed(bytes.len(), config.body_rate_min);
        let frame = tokio::time::timeout_at(end, body.frame()).await;
        let frame = frame.map_err(|_| {
            let error = format!(
                "the body is too slow: each second it must bring {} bytes, or a {}th of what it has brought where that is more",
                config.body_rate_min,
                HOLD.as_secs()
            );
            Refusal::new(StatusCode::REQUEST_TIMEOUT, error)
        })?;
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame
            .map_err(|error| Refusal::bad_request(format!("the body ended early: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let total = bytes.len() + data.len();
        if total > config.body_max {
            return Err(Refusal::too_large(config.body_max));
        }
        if total > covered {
            covered = total;
            start += reach(room, covered * weight).await?;
        }
        bytes.extend_from_slice(&data);
    }
}

/// Reads a small body whole, which is neither compressed nor waited for long.
pub(crate) async fn small(body: Body, max: usize, within: Duration) -> Result<Bytes, Refusal> {
    let read = Limited::new(body, max).collect();
    match tokio::time::timeout(within, read).await {
        Ok(Ok(bytes)) => Ok(bytes.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {max} bytes"),
        )),
        Ok(Err(_)) => Err(Refusal::bad_request("the body ended early")),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body is too slow",
        )),
    }
}

/// Takes room and tells how long that took: no fault of the sender's.
async fn reach(room: &mut Held, bytes: usize) -> Result<Duration, Refusal> {
    let begun = Instant::now();
    room.reach(bytes).await?;
    Ok(begun.elapsed())
}

/// The most that a body decodes to, where it may have `max` bytes.
pub(crate) fn decoded_max(coding: Coding, sent: usize, max: usize) -> usize {
    match coding {
        Coding::Identity => sent,
        Coding::Gzip | Coding::Zstd => max.min(RATIO_FREE.max(sent.saturating_mul(RATIO_MAX))),
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
    let limit = decoded_max(coding, bytes.len(), max);
    let written = Cell::new(0);
    let input = Yielding {
        rest: &bytes,
        taken: 0,
        written: &written,
    };
    let mut output = Capped {
        bytes: Vec::new(),
        limit,
        hit: false,
        written: &written,
    };
    let result = match coding {
        Coding::Gzip => io::copy(
            &mut flate2::bufread::MultiGzDecoder::new(input),
            &mut output,
        ),
        Coding::Zstd | Coding::Identity => unzstd(input, &mut output),
    };
    match result {
        Ok(_) => Ok(output.bytes),
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

fn unzstd(input: Yielding<'_>, output: &mut Capped<'_>) -> io::Result<u64> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    io::copy(&mut decoder, output)
}

/// Bytes that may be read before something comes of them: more than a decoder holds back, a block of zstd being 128 KiB.
const YIELD_FREE: usize = 256 * 1024;

/// Compressed bytes, as long as something comes of them. Empty members, frames and blocks cost time for nothing: a body of 16 MiB can
/// hold hundreds of thousands. What was honestly compressed is never twice as large as what it was made from.
struct Yielding<'a> {
    rest: &'a [u8],
    taken: usize,
    written: &'a Cell<usize>,
}

impl BufRead for Yielding<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken > YIELD_FREE + 2 * self.written.get() {
            return Err(io::Error::other(
                "it is more than twice as large as what comes of it",
            ));
        }
        // In small pieces, so that it is asked often.
        Ok(self.rest.get(..16 * 1024).unwrap_or(self.rest))
    }

    fn consume(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
        self.taken += count;
    }
}

impl Read for Yielding<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// Takes bytes up to a limit.
struct Capped<'a> {
    bytes: Vec<u8>,
    limit: usize,
    hit: bool,
    written: &'a Cell<usize>,
}

impl Write for Capped<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + data.len() > self.limit {
            self.hit = true;
            return Err(io::Error::other("too large"));
        }
        self.bytes.extend_from_slice(data);
        self.written.set(self.bytes.len());
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
    fn what_costs_time_for_nothing_is_refused() {
        let count = 60_000;
        let empty_blocks = |count: usize| {
            let mut bytes = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
            bytes.extend([0, 0, 0, 0xFF, 0xFF].repeat(count));
            bytes.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            bytes
        };
        let skippable = [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0];
        for (name, coding, bytes) in [
            ("members", Coding::Gzip, gzip(b"").repeat(count)),
            ("blocks", Coding::Gzip, empty_blocks(count)),
            (
                "frames",
                Coding::Zstd,
                zstd::encode_all(&b""[..], 1).unwrap().repeat(count),
            ),
            ("skippable", Coding::Zstd, skippable.repeat(count)),
        ] {
            assert!(bytes.len() > YIELD_FREE, "{name}");
            let refusal = decode(coding, bytes, MAX).unwrap_err();
            assert!(
                format!("{refusal:?}").contains("twice as large"),
                "{name}: {refusal:?}"
            );
        }
        // A few are honest, as a log is that was rotated and put together again.
        let few = [gzip(b"").repeat(100), gzip(b"made up"), empty_blocks(100)].concat();
        assert_eq!(decode(Coding::Gzip, few, MAX).unwrap(), b"made up");
        // What does not shrink is honest, too.
        let noise: Vec<u8> = (0..1_000_000_u32)
            .map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for (coding, bytes) in [
            (Coding::Gzip, gzip(&noise)),
            (Coding::Zstd, zstd::encode_all(&noise[..], 1).unwrap()),
        ] {
            assert_eq!(decode(coding, bytes, MAX).unwrap(), noise);
        }
    }

    #[test]
    fn the_least_rate_grows_with_what_a_body_holds() {
        let seconds = |bytes| allowed(bytes, 1024).as_secs_f64();
        assert_eq!(seconds(0), 0.0);
        assert_eq!(seconds(10 * 1024), 10.0);
        assert_eq!(seconds(60 * 1024), 60.0);
        // From there on each doubling has the same time.
        let double = seconds(120 * 1024) - 60.0;
        for bytes in [60 * 1024, 1 << 20, 8 << 20] {
            let next = seconds(2 * bytes) - seconds(bytes);
            assert!((next - double).abs() < 1e-6, "{bytes}");
        }
        // The largest body is over within minutes, at the least rate as before it would have had four hours.
        assert!(seconds(16 << 20) < 400.0);
        // A site that asks for more gets more.
        assert!(allowed(1 << 20, 1 << 20) == Duration::from_secs(1));
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
