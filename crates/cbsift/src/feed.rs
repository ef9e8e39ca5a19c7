//! The made-up fleet as senders: history first, then records as time goes on.

use anyhow::Context;
use event::{Format, Source, TextEncoding, UtcMillis};
use send::{Part, SendOptions, Uplink};
use simulate::{Fleet, Live, LogFile, Pace};
use std::borrow::Cow;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Sends for many endpoints with a relay's token.
pub(crate) struct Feed {
    options: SendOptions,
}

/// Bodies of this size keep round trips few and fit the intake's bound.
const BODY_BYTES: usize = 4 << 20;

/// Endpoints of a live fleet write at different times; looking this often keeps pages lively.
const TICK: Duration = Duration::from_secs(2);

/// Endpoints that send side by side.
const SENDERS_AT_ONCE: usize = 256;

impl Feed {
    pub(crate) fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        Ok(Self {
            options: SendOptions::new(url, token),
        })
    }

    fn uplink(&self, endpoint: &str) -> anyhow::Result<Uplink> {
        let mut options = self.options.clone();
        options.endpoint = Some(endpoint.to_owned());
        Ok(Uplink::new(&options)?)
    }

    /// All logs of an endpoint as they are now.
    pub(crate) fn history(&self, endpoint: &str, logs: &[LogFile]) -> anyhow::Result<()> {
        let uplink = self.uplink(endpoint)?;
        for log in logs {
            let detection = parse::detect(
                &log.path,
                &log.bytes[..log.bytes.len().min(parse::HEAD_BYTES)],
            );
            let Some(source) = detection.source else {
                continue;
            };
            put(&Stretch {
                uplink: &uplink,
                source,
                encoding: detection.encoding,
                format: detection.format,
                path: &log.path,
                offset: 0,
                bytes: Cow::Borrowed(&log.bytes),
                first_record: first_record(log, &detection),
            })
            .with_context(|| format!("send `{}` of `{endpoint}`", log.path))?;
        }
        Ok(())
    }

    /// Goes on until it is told to stop.
    pub(crate) fn live(
        &self,
        fleet: &Fleet,
        now: impl Fn() -> UtcMillis,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let start = now();
        let mut senders = Vec::new();
        for plan in fleet.plans() {
            let history = simulate::logs(&plan);
            let newest = history
                .iter()
                .find(|log| log.source == Source::Cbs.name())
                .context("every endpoint has a CBS log")?;
            let detection = parse::detect(
                &newest.path,
                &newest.bytes[..newest.bytes.len().min(parse::HEAD_BYTES)],
            );
            let first = first_record(newest, &detection);
            senders.push((
                Live::new(&plan, start, Pace::default()),
                self.uplink(&plan.id)?,
                first,
            ));
        }
        while !stop.is_cancelled() {
            let tick = now();
            let due: Vec<Stretch<'_>> = senders
                .iter_mut()
                .map(|(live, uplink, first)| Stretch {
                    uplink,
                    source: Source::Cbs,
                    encoding: TextEncoding::Utf8,
                    format: Format::Wds,
                    path: live.path(),
                    offset: live.offset(),
                    bytes: Cow::Owned(live.next(tick)),
                    first_record: *first,
                })
                .filter(|stretch| !stretch.bytes.is_empty())
                .collect();
            for some in due.chunks(SENDERS_AT_ONCE) {
                put_side_by_side(some)?;
                if stop.is_cancelled() {
                    break;
                }
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }
}

/// Bytes of a log that follow what was sent of it before.
struct Stretch<'a> {
    uplink: &'a Uplink,
    source: Source,
    encoding: TextEncoding,
    format: Format,
    path: &'a str,
    offset: u64,
    bytes: Cow<'a, [u8]>,
    first_record: u64,
}

/// All at once, as the machines they stand for would.
fn put_side_by_side(stretches: &[Stretch<'_>]) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let sent = stretches.iter().map(|one| scope.spawn(|| put(one)));
        let sent: Vec<_> = sent.collect();
        sent.into_iter().try_for_each(|one| {
            let panicked = |_| anyhow::anyhow!("a sender panicked");
            one.join().map_err(panicked)?
        })
    })
}

fn put(stretch: &Stretch<'_>) -> anyhow::Result<()> {
    let mut cutter = parse::Cutter::new(
        stretch.encoding,
        stretch.format,
        stretch.offset,
        parse::MAX_RECORD_BYTES,
    );
    let mut pieces = Vec::new();
    cutter.push(&stretch.bytes, &mut pieces);
    cutter.finish(&mut pieces);
    let (mut from, mut length) = (0_usize, 0_usize);
    for (number, piece) in pieces.iter().enumerate() {
        length += usize::try_from(piece.length)?;
        let is_last = number + 1 == pieces.len();
        if is_last || length >= BODY_BYTES {
            stretch.uplink.put(&Part {
                source: stretch.source,
                first_record: stretch.first_record,
                offset: stretch.offset + from as u64,
                open: is_last,
                encoding: stretch.encoding,
                format: stretch.format,
                path: stretch.path,
                bytes: &stretch.bytes[from..from + length],
            })?;
            from += length;
            length = 0;
        }
    }
    Ok(())
}

fn first_record(log: &LogFile, detection: &parse::Detection) -> u64 {
    let head = &log.bytes[..log.bytes.len().min(parse::HEAD_BYTES)];
    let mut cutter = parse::Cutter::new(detection.encoding, detection.format, 0, head.len());
    let mut pieces = Vec::new();
    cutter.push(head, &mut pieces);
    cutter.finish(&mut pieces);
    parse::start_hash(
        pieces.iter().map(|piece| piece.text.as_str()),
        detection.format,
    )
}
